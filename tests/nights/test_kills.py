"""A nightly that is killed, wherever that is, and run again comes to what an undisturbed one comes to."""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter

import pytest

from runs.points import POINTS
from store.engine import POSTGRESQL, SQLITE
from store.heads import read_heads
from tests.nights.conftest import Nights, Places
from tests.nights.making import Told, faults_of, head_of, orphans_of, parts_of, runs_of
from tests.stores import DIALECTS, Place

KILLED = -9
IN_TURN = dict(zip(POINTS, (SQLITE, POSTGRESQL) * len(POINTS), strict=False))
"""Every point once, on one of the databases."""
AT_RANDOM = 100
KILLED_AGAIN = 0.3
"""Of the runs that make up for a killed one, the share that is killed, too."""


def test_a_new_night_reaches_every_point_in_order(nights: Nights, places: Places, undisturbed: dict[str, str]) -> None:
    for dialect in DIALECTS:
        with places(dialect) as place:
            told = Told.at(place, heads=str(place.folder.with_suffix(".heads")))
            assert tuple(nights.start(told).done()["points"]) == POINTS
            assert parts_of(place) == undisturbed
            assert faults_of(place) == []


# ---------------------------------------------------------------- at the named points


def killed_at_a_point(nights: Nights, place: Place, point: str, undisturbed: dict[str, str]) -> None:
    heads = place.folder.with_suffix(".heads")
    told = Told.at(place, heads=str(heads))
    assert nights.start(told.but(kill_at=point)).ended() == KILLED
    done = nights.start(told).done()
    assert [n["trouble"] for n in done["nights"]] == [{}]
    assert parts_of(place) == undisturbed
    assert faults_of(place) == []
    assert read_heads(heads)[-1][:2] == head_of(place)


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_named_point_is_made_up_for(
    nights: Nights, places: Places, undisturbed: dict[str, str], point: str
) -> None:
    with places(IN_TURN[point]) as place:
        killed_at_a_point(nights, place, point, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_named_point_is_made_up_for_in_the_other_database(
    nights: Nights, places: Places, undisturbed: dict[str, str], point: str
) -> None:
    (other,) = set(DIALECTS) - {IN_TURN[point]}
    with places(other) as place:
        killed_at_a_point(nights, place, point, undisturbed)


# ---------------------------------------------------------------- at any moment


def killed_until_it_ends(nights: Nights, told: Told, random_s: random.Random, longest_s: float) -> list[str]:
    """Kill a nightly at a random moment, and perhaps those that make up for it; return how each of them ended."""
    ends, is_killed = list[str](), True
    while True:
        child = nights.start(told)
        if is_killed:
            time.sleep(random_s.uniform(0, longest_s))
            child.kill()
        code = child.ended()
        assert code in {0, KILLED}, child.said
        ends.append("killed" if code == KILLED else "ended")
        if not is_killed:
            return ends
        is_killed = random_s.random() < KILLED_AGAIN


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_runs_killed_at_random_moments_are_made_up_for(
    nights: Nights,
    places: Places,
    undisturbed: dict[str, str],
    dialect: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    took_s = []
    for _ in range(3):
        with places(dialect) as place:
            began = time.monotonic()
            nights.start(Told.at(place)).done()
            took_s.append(time.monotonic() - began)
    longest_s, ends, at_work = 1.1 * statistics.median(took_s), Counter[str](), Counter[str]()
    for seed in range(AT_RANDOM):
        with places(dialect) as place:
            ends.update(killed_until_it_ends(nights, Told.at(place), random.Random(seed), longest_s))
            at_work.update(left_behind(place))
            assert parts_of(place) == undisturbed, seed
            assert faults_of(place) == [], seed
    said = f"killed {ends['killed']} runs of {longest_s:.1f} s in {AT_RANDOM} nights; left behind: {dict(at_work)}"
    with capsys.disabled():
        print(f"\n{dialect}: {said}")  # noqa: T201 -- a measurement, for whoever runs `make slow`
    assert ends["killed"] >= AT_RANDOM * 0.8
    assert at_work["interrupted"] >= AT_RANDOM * 0.1


def left_behind(place: Place) -> list[str]:
    """What tells that a run was killed at work: files that no row names, and runs that never ended."""
    return [*(["orphans"] if orphans_of(place) else []), *(s for s in runs_of(place) if s == "interrupted")]


def test_some_runs_killed_at_random_moments_are_made_up_for(
    nights: Nights, places: Places, undisturbed: dict[str, str]
) -> None:
    for seed, dialect in enumerate((SQLITE, POSTGRESQL)):
        with places(dialect) as place:
            killed_until_it_ends(nights, Told.at(place), random.Random(seed), 1.0)
            assert parts_of(place) == undisturbed
            assert faults_of(place) == []
