"""Where and when a car trained: lessons on grounds with their pauses, routes followed, and neither."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from audit.analysis import analyse
from audit.training import Training, find_trainings
from tests.rules.guilty import MIDDLE
from tests.rules.world import (
    DAY,
    GROUND,
    HOME,
    NOWHERE,
    ROUTE,
    STREETS,
    ZONES,
    Drive,
    World,
    area,
    at,
    session,
)
from trajectories.recipe import Recipe
from trajectories.spans import Activity
from zones.declared import Session

EDGE_MS = 90_000
"""Lessons are told by whole minutes, and a fix stands for its surroundings."""


def trainings(drive: Drive, *sessions: Session, world: World | None = None) -> tuple[Training, ...]:
    world = replace(world or World(), drives={"V1": drive})
    assert world.motion is not None
    analysis = analyse(world.motion, world.places, DAY, Recipe())
    return find_trainings(analysis, 0, world.places, sessions, Recipe())


def place_of(training: Training, world: World | None = None) -> str | None:
    return None if training.zone_ix is None else (world or World()).places.zones[training.zone_ix].zone_id


def lasts(training: Training, start: str, end: str) -> bool:
    return abs(training.start_ms - at(start)) <= EDGE_MS and abs(training.end_ms - at(end)) <= EDGE_MS


@pytest.mark.parametrize(("comes", "goes"), [("8:45", "10:00"), ("8:53", "9:51")])
def test_a_lesson_begins_when_the_car_begins_and_not_when_it_arrives_to_wait(comes: str, goes: str) -> None:
    # In and parked, for more than ten minutes or for eight, the lesson from 9:02 to 9:42, then parked again and out.
    drive = Drive(comes, (50, 400)).to(MIDDLE).park_until("9:02").yard_until("9:42").park_until(goes).to((50, 400))
    (lesson,) = trainings(drive)
    assert lasts(lesson, "9:02", "9:42")
    assert (lesson.activity, place_of(lesson)) == (Activity.YARD_TRAINING, "G1")
    assert lesson.p > 0.99


def test_a_lunch_break_of_more_than_ten_minutes_divides_a_lesson() -> None:
    morning, afternoon = trainings(Drive("11:00", MIDDLE).yard_until("11:40").park_until("12:10").yard_until("12:50"))
    assert lasts(morning, "11:00", "11:40")
    assert lasts(afternoon, "12:10", "12:50")


def test_a_break_of_five_minutes_does_not() -> None:
    (lesson,) = trainings(Drive("11:00", MIDDLE).yard_until("11:30").park(5).yard_until("12:00"))
    assert lasts(lesson, "11:00", "12:00")


def test_a_silence_inside_a_lesson_divides_it_only_as_a_break_would() -> None:
    assert len(trainings(Drive("11:00", MIDDLE).yard(30).silent(30).yard(30))) == 2
    assert len(trainings(Drive("11:00", MIDDLE).yard(30).silent(5).yard(30))) == 1


@pytest.mark.parametrize(("minutes", "found"), [(4, 0), (30, 1)])
def test_turning_round_on_a_ground_is_no_lesson(minutes: float, found: int) -> None:
    assert len(trainings(Drive("9:00").to(MIDDLE).yard(minutes).to(HOME))) == found


def test_standing_on_a_ground_for_hours_is_no_lesson() -> None:
    assert trainings(Drive("9:00", MIDDLE).park(240)) == ()


def test_driving_past_a_ground_is_no_lesson() -> None:
    assert trainings(Drive("9:00", (50, -3000)).to((50, 3000)).to((50, -3000))) == ()


def test_two_grounds_on_one_place_each_have_the_lesson() -> None:
    world = World(zones=(*ZONES, area("G3", GROUND)))
    found = trainings(Drive("9:00", MIDDLE).yard(30), world=world)
    assert [place_of(t, world) for t in found] == ["G1", "G3"]


def test_yard_work_outside_every_place_is_in_no_place() -> None:
    (training,) = trainings(Drive("9:00", (-1950, -1940)).yard(30, NOWHERE).park(10))
    assert training.zone_ix is None
    assert training.activity is Activity.YARD_TRAINING
    assert training.extent_m < 175


def test_laps_outside_every_place_are_in_no_place() -> None:
    (training,) = trainings(Drive("9:00", STREETS[0]).laps(STREETS, 5))
    assert training.zone_ix is None
    assert training.activity is Activity.ROAD_TRAINING
    assert training.repeated_share > 0.9


def partly(share: float, kmh: float) -> Drive:
    """So much of R1's 3 km, once, then straight away from it."""
    left_m, way = 3000 * share, []
    for a, b in pairwise(ROUTE):
        length = float(np.hypot(b[0] - a[0], b[1] - a[1]))
        part = min(left_m / length, 1.0)
        way.append((a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])))
        left_m -= part * length
        if left_m <= 0:
            break
    end = way[-1]
    away = 3000 * np.sign(950 - end[0]) if 500 < end[0] < 1400 else 0.0
    return Drive("9:00", ROUTE[0]).to(*way, kmh=kmh).to((end[0] - 3000 - away, end[1] + 3000), kmh=40)


def test_a_route_followed_once_undeclared_is_training_at_85_percent_and_not_at_60() -> None:
    # At 4 km/h 85 % of 3 km are 38 min and 60 % are 27 min: both long enough, so the coverage alone tells.
    (along,) = trainings(partly(0.85, kmh=4))
    assert (place_of(along), along.declared, along.activity) == ("R1", False, Activity.ROAD_TRAINING)
    assert along.coverage == pytest.approx(0.85, abs=0.05)
    assert along.p > 0.9
    assert trainings(partly(0.60, kmh=4)) == ()


def test_a_whole_route_at_thirty_is_over_too_soon_to_tell_without_a_session() -> None:
    # One round in 7 min 20 s: any errand may take that street.
    assert trainings(Drive("9:00", ROUTE[0]).laps(ROUTE, 1)) == ()
    assert len(trainings(Drive("9:00", ROUTE[0]).laps(ROUTE, 4))) == 1


def test_within_a_session_declared_there_some_hundred_metres_are_enough() -> None:
    (along,) = trainings(partly(0.30, kmh=15), session("9:00", "9:10", "R1", 3))
    assert along.declared
    assert along.p == pytest.approx(0.99)
    assert trainings(partly(0.30, kmh=15), session("9:00", "9:10", "R2", 3)) == ()


def test_crossing_a_route_in_a_session_declared_there_is_not_enough() -> None:
    across = Drive("9:00", (950, -1500)).to((950, 3000))
    assert trainings(across, session("9:00", "9:10", "R1", 3)) == ()


def test_a_drive_that_goes_on_after_its_session_is_told_in_two_parts() -> None:
    found = trainings(Drive("9:00", ROUTE[0]).laps(ROUTE, 8), session("9:00", "9:30", "R1", 3))
    assert [t.declared for t in found] == [True, False]
    assert found[0].end_ms <= found[1].start_ms


def test_standing_beside_a_route_is_no_drive_along_it() -> None:
    assert trainings(Drive("9:00", ROUTE[0]).park(120)) == ()


def test_trainings_come_in_the_order_of_time_and_point_at_their_rows() -> None:
    drive = Drive("8:00", (-1950, -1940)).yard(30, NOWHERE).to(MIDDLE).yard(30)
    found = trainings(drive)
    assert [place_of(t) for t in found] == [None, "G1"]
    t_ms = drive.fixes()[0]
    for training in found:
        inside = t_ms[training.start : training.stop]
        assert training.start_ms <= inside[0]
        assert inside[-1] < training.end_ms
        assert len(inside) == pytest.approx(training.minutes * 12, abs=13), "a fix every five seconds"


def test_a_car_that_never_moved_has_none() -> None:
    assert trainings(Drive("9:00").park(10)) == ()


def test_the_same_fixes_in_any_order_give_the_same_trainings() -> None:
    class Shuffled(Drive):
        def fixes(self) -> Any:
            columns = super().fixes()
            order = np.random.default_rng(0).permutation(len(columns[0]))
            return tuple(column[order] for column in columns)

    def lesson(kind: type[Drive]) -> tuple[Training, ...]:
        return trainings(kind("9:00", MIDDLE).yard(40).to(ROUTE[0]).laps(ROUTE, 4))

    straight, shuffled = lesson(Drive), lesson(Shuffled)
    assert len(straight) == 2
    assert repr(shuffled) == repr(straight), "nan included"
