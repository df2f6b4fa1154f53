"""Of two nightlies at once one runs; one that slept beyond its lease writes nothing when it wakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs.cli_nightly import EXIT_RUNS_ALREADY
from store import lease
from store.engine import SQLITE
from tests.nights.conftest import Nights, Places
from tests.nights.making import Told, faults_of, parts_of, rows_of, runs_of
from tests.nights.server import LOST, TAKEN
from tests.runs.conftest import trajaudit
from tests.stores import DIALECTS, Place

AT_ONCE = 20
BEYOND_MS = 120_000
"""More than the minute for which a lease of these tests holds."""


# ---------------------------------------------------------------- at once


def started_at_once(nights: Nights, place: Place, barrier: Path, undisturbed: dict[str, str]) -> None:
    told = Told.at(place, barrier=str(barrier))
    children = [nights.start(told) for _ in range(2)]
    barrier.touch()
    codes = [child.ended() for child in children]
    barrier.unlink()
    assert sorted(codes) == [0, TAKEN], [child.said for child in children]
    (refused,) = (child.told for child, code in zip(children, codes, strict=True) if code == TAKEN)
    assert refused["error"] == "LeaseTaken"
    assert refused["points"] == []
    assert runs_of(place) == ["done"]
    assert parts_of(place) == undisturbed
    assert faults_of(place) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_of_two_nightlies_started_at_once_one_runs(
    nights: Nights, places: Places, undisturbed: dict[str, str], tmp_path: Path, dialect: str
) -> None:
    for _ in range(3 if dialect == SQLITE else 2):
        with places(dialect) as place:
            started_at_once(nights, place, tmp_path / "barrier", undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_of_two_nightlies_started_at_once_one_runs_each_time(
    nights: Nights, places: Places, undisturbed: dict[str, str], tmp_path: Path, dialect: str
) -> None:
    for _ in range(AT_ONCE):
        with places(dialect) as place:
            started_at_once(nights, place, tmp_path / "barrier", undisturbed)


def test_the_command_says_with_its_exit_code_that_another_one_runs(store_settings: Place) -> None:
    store = store_settings.opened()
    held = lease.take(store, lease.NIGHTLY, 10**12)
    told = Told.at(store_settings)
    arguments = ("nightly", "--date", told.day, "--bundle", told.bundle, "--lang", "en")
    answer = trajaudit(*arguments, env=store_settings.environment)
    assert answer.code == EXIT_RUNS_ALREADY, answer.err
    assert "Another nightly runs" in answer.err
    assert runs_of(store_settings) == []
    lease.release(store, held)
    store.close()


# ---------------------------------------------------------------- asleep beyond the lease


@pytest.mark.parametrize(
    ("dialect", "point"),
    [
        (dialect, point)
        for i, point in enumerate(("lease-taken", "ingest-files-written", "ingest-committed", "audited"))
        for dialect in DIALECTS
    ],
)
def test_one_that_slept_beyond_its_lease_writes_nothing_when_it_wakes(
    nights: Nights, places: Places, undisturbed: dict[str, str], dialect: str, point: str
) -> None:
    with places(dialect) as place:
        told = Told.at(place)
        asleep = nights.start(told.but(stop_at=point))
        asleep.wait_until_stopped()
        done = nights.start(told.but(ahead_ms=BEYOND_MS)).done()
        assert [n["trouble"] for n in done["nights"]] == [{}]
        before = rows_of(place)
        asleep.go_on()
        assert asleep.ended() == LOST, asleep.said
        assert asleep.told["error"] == "LeaseLost"
        assert rows_of(place) == before
        assert parts_of(place) == undisturbed
        assert faults_of(place) == []


def test_one_that_woke_while_the_other_is_at_work_leaves_it_alone(
    nights: Nights, places: Places, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    for dialect in DIALECTS:
        with places(dialect) as place:
            told = Told.at(place, signals=str(tmp_path / dialect))
            asleep = nights.start(told.but(stop_at="lease-taken"))
            asleep.wait_until_stopped()
            other = nights.start(told.but(ahead_ms=BEYOND_MS, pause_at="run-recorded"))
            other.wait_until_here()
            asleep.go_on()
            assert asleep.ended() == LOST, asleep.said
            assert runs_of(place) == ["running"]
            other.let_go()
            other.done()
            assert runs_of(place) == ["done"]
            assert parts_of(place) == undisturbed


def test_one_that_sleeps_within_its_lease_is_waited_for_by_nobody_and_goes_on(
    nights: Nights, places: Places, undisturbed: dict[str, str]
) -> None:
    for dialect in DIALECTS:
        with places(dialect) as place:
            told = Told.at(place)
            asleep = nights.start(told.but(stop_at="audited"))
            asleep.wait_until_stopped()
            assert nights.start(told).ended() == TAKEN
            asleep.go_on()
            asleep.done()
            assert parts_of(place) == undisturbed
