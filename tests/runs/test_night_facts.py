"""Cars are audited as they are read; those that the whole night concerns once more, and nobody else needs it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

import runs.night
from runs.audited import Audited, audit_bundle
from runs.coverage import statement
from runs.progress import Silent
from tests.runs.conftest import CITY, copy_city

DAY = date(2026, 3, 18)


def answers(audited: Audited) -> dict[str, Any]:
    verdicts = audited.night.verdicts
    return {
        "findings": [(f.finding_id, f.content_digest) for f in audited.findings],
        "not assessed": sorted(map(repr, verdicts.not_assessed)),
        "records": sorted((r.session.session_id, r.unseen_ms, r.confirmed.tolist()) for r in verdicts.records),
        "coverage": statement(audited.night),
        "rows": audited.ledger.rows(),
    }


def all_again(*_: Any) -> frozenset[str]:
    return frozenset(f"V{k:04d}" for k in range(1, 100))


@pytest.fixture(scope="module")
def audited() -> Audited:
    return audit_bundle(CITY, DAY, Silent())


def test_auditing_every_car_again_with_the_nights_facts_changes_nothing(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs.night, "_concerned", all_again)
    assert answers(audit_bundle(CITY, DAY, Silent())) == answers(audited)


def test_auditing_no_car_again_misses_what_the_night_tells(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.night, "_concerned", lambda *_: frozenset())
    rushed = answers(audit_bundle(CITY, DAY, Silent()))
    assert rushed["findings"] != answers(audited)["findings"], "a copy, and silences that an outage explains"
    assert rushed["records"] == answers(audited)["records"]


def test_only_some_cars_are_audited_again(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[frozenset[str]] = []
    concerned = runs.night._concerned
    monkeypatch.setattr(runs.night, "_concerned", lambda *a: asked.append(concerned(*a)) or asked[-1])
    audit_bundle(CITY, DAY, Silent())
    (cars,) = asked
    assert 0 < len(cars) < len(audited.night.verdicts.coverage)
    assert {v for v, r in audited.night.facts.night.replays.items() if r} <= cars


def test_more_threads_give_the_same_answers(audited: Audited, tmp_path: Path) -> None:
    assert answers(audit_bundle(copy_city(tmp_path), DAY, Silent(), jobs=3)) == answers(audited)
