"""Pairs of look-alikes: unordered, each once, of enrolled people only."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkpoints.lookalike import LookalikePair
from feeds.bundle import Bundle, read_bundle, survey_bundle
from feeds.ledger import Ledger
from tests.feeds.bundle_maker import CONFIG, make_bundle

HEADER = "person_id_a,person_id_b,score\n"
MATCHER = '[matcher]\nname = "m"\nversion = "1"\nthreshold = 0.5\ntop_k = 3\nscore_range = [0.0, 1.0]\n'


def bundle_of(folder: Path, rows: str) -> tuple[Bundle, Ledger]:
    ledger = Ledger()
    changes: dict[str, str | bytes | None] = {"lookalikes.csv": HEADER + rows, "bundle.toml": CONFIG + MATCHER}
    bundle = read_bundle(make_bundle(folder, changes), ledger)
    ledger.rows()
    return bundle, ledger


def test_pairs_are_read_in_either_order(tmp_path: Path) -> None:
    bundle, _ = bundle_of(tmp_path, "P9,P1,0.61\nP1,P2,.7\n")
    assert bundle.lookalikes == (LookalikePair("P1", "P2", 0.7), LookalikePair("P1", "P9", 0.61))


def test_a_repeated_pair_keeps_the_highest_score(tmp_path: Path) -> None:
    bundle, ledger = bundle_of(tmp_path, "P1,P2,0.6\nP2,P1,0.8\nP1,P2,0.7\n")
    assert bundle.lookalikes == (LookalikePair("P1", "P2", 0.8),)
    assert ledger.rows()["lookalikes.csv"]["kept"] == 3


def test_the_file_is_optional(tmp_path: Path) -> None:
    assert read_bundle(make_bundle(tmp_path), Ledger()).lookalikes == ()


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        ("P1,P1,0.7", "bad-value", "person_id_b"),
        ("P1,,0.7", "missing-value", "person_id_b"),
        ("P1,370102199001010015,0.7", "bad-value", "person_id_b"),
        ("P1,P2,", "missing-value", "score"),
        ("P1,P2,high", "bad-number", "score"),
        ("P1,P2,nan", "bad-number", "score"),
        ("P1,P2,1e999", "bad-value", "score"),
        ("P1,P2,1.01", "bad-value", "score"),
        ("P1,P2", "bad-row", ""),
    ],
)
def test_a_bad_row_is_refused_and_its_people_are_uncertain(tmp_path: Path, row: str, reason: str, field: str) -> None:
    bundle, ledger = bundle_of(tmp_path, row + "\n")
    assert [(reject.row, reject.reason, reject.field) for reject in ledger.rejects] == [(1, reason, field)]
    assert bundle.lookalikes == ()
    assert bundle.damaged.lookalikes_of("P1")


def test_nobody_off_the_staff_list_is_kept_or_named(tmp_path: Path) -> None:
    bundle, ledger = bundle_of(tmp_path, "P1,STRANGER,0.7\nP1,P2,0.7\n")
    assert bundle.lookalikes == (LookalikePair("P1", "P2", 0.7),)
    assert ledger.rows()["lookalikes.csv"] == {"read": 2, "kept": 1, "flagged": {}, "rejected": {"not-enrolled": 1}}
    assert "STRANGER" not in repr((bundle, ledger.rejects, list(ledger.warnings)))


def test_scores_without_a_matcher_are_any_finite_number(tmp_path: Path) -> None:
    changes: dict[str, str | bytes | None] = {"lookalikes.csv": HEADER + "P1,P2,87.5\n"}
    assert read_bundle(make_bundle(tmp_path, changes), Ledger()).lookalikes[0].score == 87.5


def test_a_missing_column_makes_the_bundle_unusable(tmp_path: Path) -> None:
    survey = survey_bundle(make_bundle(tmp_path, {"lookalikes.csv": "person_id_a,score\n"}), Ledger())
    assert [(fault.file, fault.field) for fault in survey.faults] == [("lookalikes.csv", "person_id_b")]
