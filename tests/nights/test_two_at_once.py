"""Of two nightlies at once one runs; one that slept beyond its lease writes nothing when it wakes."""

from __future__ import annotations

import gzip
from itertools import product
from pathlib import Path

import pytest

from runs.cli_nightly import EXIT_RUNS_ALREADY
from store import lease
from store.engine import SQLITE
from tests.nights.conftest import Nights, Places
from tests.nights.making import DAY, LEASE_MS, Told, faults_of, parts_of, rows_of, runs_of
from tests.nights.server import LOST, TAKEN
from tests.nights.shifted import shifted_city
from tests.runs.conftest import trajaudit
from tests.stores import DIALECTS, Place

AT_ONCE = 20
BEYOND_MS = 2 * LEASE_MS


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
    for _ in range(2 if dialect == SQLITE else 1):
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


@pytest.mark.parametrize("store_settings", [SQLITE], indirect=True)
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


SLEEPS_AT = ("lease-taken", "ingest-files-written", "audited")
SLEEPS_AT_TOO = ("ingest-committed", "run-recorded", "lake-written")


def slept_beyond_its_lease(nights: Nights, place: Place, older: Path, undisturbed: dict[str, str], point: str) -> None:
    """It was at work on an older delivery, so that whatever it writes is seen."""
    told = Told.at(place)
    asleep = nights.start(told.but(stop_at=point, bundle=str(older)))
    asleep.wait_until_stopped()
    done = nights.start(told.but(ahead_ms=BEYOND_MS)).done()
    assert [n["trouble"] for n in done["nights"]] == [{}]
    before = rows_of(place)
    asleep.go_on()
    assert asleep.ended() == LOST, asleep.said
    assert asleep.told["error"] == "LeaseLost"
    assert rows_of(place) == before
    stands = parts_of(place, history=False)
    assert stands == {name: undisturbed[name] for name in stands}
    assert faults_of(place) == []


@pytest.mark.parametrize(("point", "dialect"), [*zip(SLEEPS_AT, DIALECTS * len(SLEEPS_AT), strict=False)])
def test_one_that_slept_beyond_its_lease_writes_nothing_when_it_wakes(
    nights: Nights, places: Places, older: Path, undisturbed: dict[str, str], point: str, dialect: str
) -> None:
    with places(dialect) as place:
        slept_beyond_its_lease(nights, place, older, undisturbed, point)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "dialect"),
    [
        *zip(SLEEPS_AT, DIALECTS[::-1] * len(SLEEPS_AT), strict=False),
        *product(SLEEPS_AT_TOO, DIALECTS),
    ],
)
def test_one_that_slept_beyond_its_lease_writes_nothing_wherever_it_was(
    nights: Nights, places: Places, older: Path, undisturbed: dict[str, str], point: str, dialect: str
) -> None:
    with places(dialect) as place:
        slept_beyond_its_lease(nights, place, older, undisturbed, point)


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample city before a permit came in and one car's track was whole."""
    city = shifted_city(tmp_path_factory.mktemp("older") / "city", DAY)
    permits = city / "permits.csv"
    permits.write_text(permits.read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    track = city / "tracks" / "terminal" / "TV0012.csv.gz"
    lines = gzip.decompress(track.read_bytes()).splitlines(keepends=True)
    track.write_bytes(gzip.compress(b"".join(lines[:2000]), mtime=0))
    return city


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
    with places(SQLITE) as place:
        told = Told.at(place)
        asleep = nights.start(told.but(stop_at="audited"))
        asleep.wait_until_stopped()
        assert nights.start(told).ended() == TAKEN
        asleep.go_on()
        asleep.done()
        assert parts_of(place) == undisturbed


def test_a_process_that_is_dead_and_not_yet_buried_holds_no_lease(nights: Nights, places: Places) -> None:
    with places(SQLITE) as place:
        killed = nights.start(Told.at(place, kill_at="run-recorded"))
        killed.wait_until_dead()
        nights.start(Told.at(place)).done()
        assert killed.ended() == -9
        assert runs_of(place) == ["interrupted", "done"]
