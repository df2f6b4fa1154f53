"""The record of how well a model fits: counts by hand, what the model expects by scipy, and no person in it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.stats import norm

from checkpoints.fit_report import fit_report, histogram, learnt_from, model_figures, thresholds
from checkpoints.misfit import misfit
from checkpoints.observation import Observation
from checkpoints.occasion import Capture
from checkpoints.score_fit import Fitted, fit
from tests.checkpoints.making import MODEL
from tests.checkpoints.test_score_fit import drawn

DECOYS = frozenset("WXYZ")


def face(camera: int, **scores: float) -> Capture:
    return Capture(f"C{camera}", camera, 0.6, scores)


LITTLE = [
    Observation("A", "P", (face(1, P=0.8, X=0.6), face(2, P=0.7)), DECOYS),
    Observation("B", "Q", (face(1), face(3, X=0.58, Y=0.61, Z=0.7)), DECOYS),
    Observation("C", None, (face(2, Y=0.56),), DECOYS),
    Observation("D", "R", (face(1, V=0.8), face(2, V=0.9)), DECOYS),
]
FITTED = Fitted(MODEL, 2, 28, misfit(MODEL, LITTLE))
NIGHT = drawn(200, 31)


def test_what_it_was_learnt_from_by_hand() -> None:
    found = learnt_from(FITTED, LITTLE)
    assert (found.occasions, found.undeclared, found.persons, found.captures, found.cameras) == (4, 1, 3, 7, 3)
    assert (found.faces_of_declared, found.genuine, found.comparisons, found.decoys_shown) == (6, 2, 28, 5)
    assert (found.full_lists, found.taken) == (1, 1)


def test_the_table_of_thresholds_by_hand() -> None:
    """28 comparisons; decoys at 0.56, 0.58, 0.6, 0.61, 0.7; the lesson taken by another is not among the hits."""
    rows = thresholds(MODEL, LITTLE)
    assert [r.threshold for r in rows] == pytest.approx(np.linspace(0.55, 1.0, 10))
    assert [r.false_matches for r in rows] == [5, 3, 1, 1, 0, 0, 0, 0, 0, 0]
    assert rows[1].rate == 3 / 28
    assert [(r.hits, r.hit_share) for r in rows[3:6]] == [(2, 0.5), (1, 0.25), (1, 0.25)]
    assert rows[4].most95 == pytest.approx(1 - 0.05 ** (1 / 28))  # none of 28: the 95 % limit in closed form


def test_the_models_numbers_are_told_on_the_matchers_scale() -> None:
    percent = fit([*_scaled(NIGHT, 100.0)], 50.0, 3, (0.0, 100.0)).model
    told = model_figures(percent)
    assert told.genuine.mean == pytest.approx(82, abs=2)
    assert told.genuine.capture_sd == pytest.approx(100 * percent.genuine.error_sd)
    assert 10**told.log10_most == pytest.approx(1 / max(percent.odd_share, 1 / (percent.n_impostor + 1)))


def _scaled(night: list[Observation], by: float) -> list[Observation]:
    return [
        Observation(
            o.key,
            o.declared,
            tuple(
                Capture(c.camera_id, c.t_ms, c.quality, {p: by * s for p, s in c.scores.items()}) for c in o.captures
            ),
            o.decoys,
        )
        for o in night
    ]


def test_the_histogram_holds_every_score_once_and_expects_what_the_normal_says() -> None:
    found = histogram(MODEL, LITTLE)
    assert (sum(found.genuine), sum(found.decoys)) == (2, 5)
    z = (np.array([0.55, 1.0]) - 0.35) / np.hypot(0.04, 0.05)
    assert sum(found.decoys_expected) == pytest.approx(28 * norm.sf(z[0]))
    # four faces of declared persons whom nobody replaced, all of quality 0.6, the reference
    good, poor = (norm.sf((0.55 - m) / np.hypot(a, b)) for m, a, b in ((0.82, 0.04, 0.05), (0.58, 0.08, 0.05)))
    assert sum(found.genuine_expected) == pytest.approx(4 * (0.95 * good + 0.05 * poor))


def test_one_to_one_scores_below_the_threshold_are_in_the_histogram() -> None:
    low = Observation("E", "S", (Capture("C1", 1, 0.6, {}, declared_score=0.2),), DECOYS)
    found = histogram(MODEL, [*LITTLE, low])
    assert found.edges[0] == 0.0
    assert sum(found.genuine) == 3


def test_a_night_of_the_models_own_family_is_reliable_and_trusted() -> None:
    found = fit_report(fit(NIGHT, 0.5, 3, (0.0, 1.0)), NIGHT)
    assert found.trusted
    assert found.lesson is not None
    assert found.capture is not None
    assert found.lesson.cost.calibration < 0.02
    assert found.lesson.expected_calibration_error < 0.02  # scorecard 37
    assert not any(c.is_exceeded for c in (*found.lesson.turing, *found.capture.turing))
    assert found.capture.cost.total > found.lesson.cost.total


def test_lessons_that_were_taken_make_the_figures_worse_where_they_count() -> None:
    away = [
        Observation(f"T{i}", o.declared, tuple(Capture(c.camera_id, c.t_ms, c.quality, {"V": 0.8}) for c in o.captures),
                    o.decoys)
        for i, o in enumerate(NIGHT[:10])
    ]  # fmt: skip
    found = fit_report(fit([*NIGHT, *away], 0.5, 3, (0.0, 1.0)), [*NIGHT, *away])
    assert found.lesson is not None
    assert found.lesson_all is not None
    assert found.learnt.taken == 10
    assert (found.lesson.n_same, found.lesson_all.n_same) == (200, 210)
    assert found.lesson_all.cost.total > 2 * found.lesson.cost.total
    assert found.lesson_all.misleading_same >= 10 / 210


def test_nobody_is_in_the_record() -> None:
    text = repr(fit_report(fit(NIGHT, 0.5, 3, (0.0, 1.0)), NIGHT))
    names = {p for o in NIGHT for c in o.captures for p in c.scores} | {str(o.declared) for o in NIGHT}
    assert len(names) > 100
    assert [name for name in names if re.search(rf"\b{name}\b", text)] == []


def test_a_night_with_next_to_nothing_has_a_record_without_reliability() -> None:
    for night in ([], LITTLE):
        found = fit_report(fit(night, 0.55, 3, (0.0, 1.0)), night)
        assert not found.trusted
        assert found.lesson is found.lesson_all is found.capture is found.halves is None
        assert len(found.thresholds) == 10
