"""replayed-track: another car's track, or another day's, sent again; the later one is the copy."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from tests.rules.guilty import MIDDLE, guilty
from tests.rules.world import (
    DATE,
    HOME,
    ROUTE,
    Drive,
    SentAgain,
    World,
    at,
    only,
    reasons,
    share_within,
    silent,
    surveyed,
    unanswered,
)

RULE = "replayed-track"


def lesson(seed: int = 1) -> Drive:
    return Drive("8:00", MIDDLE, seed=seed).yard(40).to(HOME)


def test_the_later_car_has_the_copy_and_the_shift_is_told() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert finding.vehicle_id == "V2"
    assert share_within(finding, "8:40", "9:22") > 0.95
    measured = finding.evidence["measured"]
    assert measured["source"] == "V1 (2026-03-18)"
    assert measured["shift_min"] == pytest.approx(40, abs=0.05)
    assert measured["share"] > 99
    assert measured["median_m"] < 5


def test_at_exactly_the_shortest_motion_it_is_silent() -> None:
    (replay,) = guilty(RULE).night.replays["V2"]
    moving_min = replay.moving_ms / 60_000
    assert silent(guilty(RULE).ask(RULE, moving_min=moving_min))
    only(guilty(RULE).ask(RULE, moving_min=moving_min - 0.001))


def test_at_exactly_the_share_of_fixes_it_is_silent() -> None:
    world = guilty(RULE)
    (replay,) = world.night.replays["V2"]
    half = replace(world, night=replace(world.night, replays={"V2": (replace(replay, synchronous_share=0.5),)}))
    assert silent(half.ask(RULE))
    only(half.ask(RULE, synchronous_share=0.499))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(guilty(RULE).ask_under(RULE, "moving_min", 60, 10, since=DATE))
    assert silent(guilty(RULE).ask_under(RULE, "moving_min", 60, 10, since=date(2026, 3, 19)))


def test_a_car_without_fixes_is_not_assessable() -> None:
    assert unanswered(World().ask(RULE)) == {"no-fixes"}


def test_a_track_too_thin_to_be_compared_fix_by_fix_is_not_assessable() -> None:
    """Over a minute from fix to fix a copy can't be told from another drive: neither a copy nor none."""
    for every_s, answer in ((30, set()), (70, {"sampling-too-thin"})):
        drive = Drive("8:00", MIDDLE, every_s=every_s).yard(40).to(HOME)
        assert reasons(surveyed(World({"V1": drive})).ask(RULE)) == answer
    assert reasons(surveyed(World({"V1": Drive("8:00", HOME, every_s=70).park(300)})).ask(RULE)) == set()


def test_yesterdays_track_of_the_same_car_sent_again_today_is_found() -> None:
    yesterday = SentAgain(lesson(), -24 * 60, jitter_m=0)
    world = surveyed(World({"V1": lesson()}), history={"V1": yesterday})
    finding = only(world.ask(RULE))
    assert finding.vehicle_id == "V1"
    assert finding.evidence["measured"]["source"] == "V1 (2026-03-17)"
    assert finding.evidence["measured"]["shift_min"] == pytest.approx(24 * 60, abs=0.05)


def test_the_copy_of_a_copy_is_told_once() -> None:
    first = lesson()
    drives = {"V1": first, "V2": SentAgain(first, 60, seed=8), "V3": SentAgain(first, 120, seed=9)}
    cars = [*World().vehicles, replace(World().vehicles[0], vehicle_id="V3")]
    found = surveyed(World(drives, vehicles=cars)).ask(RULE).findings
    assert [f.vehicle_id for f in found] == ["V2", "V3"]


def test_a_part_sent_again_is_found_as_that_part() -> None:
    # V2 works on its own until 11:00, then comes what V1 did from 8:00 to 8:40.
    class Both(SentAgain):
        def fixes(self) -> Any:
            own, copied = Drive("9:00", MIDDLE, seed=5).yard(110).fixes(), super().fixes()
            return tuple(np.concatenate([a, b]) for a, b in zip(own, copied, strict=True))

    finding = only(surveyed(World({"V1": lesson(), "V2": Both(lesson(), 180)})).ask(RULE))
    assert share_within(finding, "11:00", "11:42") > 0.9


def test_two_cars_on_one_route_at_their_own_pace_are_silent() -> None:
    drives = {
        "V1": Drive("8:00", ROUTE[0], seed=1).laps(ROUTE, 5, kmh=30, light_s=20),
        "V2": Drive("9:00", ROUTE[0], seed=2).laps(ROUTE, 5, kmh=27, light_s=35),
    }
    assert silent(surveyed(World(drives)).ask(RULE))


def test_a_convoy_is_silent() -> None:
    # One behind the other, a minute apart: closer than any copy is believed to be.
    first = Drive("8:00", ROUTE[0]).drive_round(ROUTE, 5)
    world = surveyed(World({"V1": first, "V2": SentAgain(first, 1)}))
    assert silent(world.ask(RULE))


def test_two_cars_on_one_ground_at_one_time_are_silent() -> None:
    assert silent(surveyed(World({"V1": lesson(1), "V2": lesson(2)})).ask(RULE))


def test_five_minutes_of_copied_driving_are_too_few() -> None:
    short = Drive("8:00", ROUTE[0]).laps(ROUTE, 1, light_s=0)  # 3 km at 30 km/h: 6 min
    assert silent(surveyed(World({"V1": short, "V2": SentAgain(short, 60)})).ask(RULE))


def test_two_parked_cars_are_no_copy_of_each_other() -> None:
    drives = {"V1": Drive("8:00", MIDDLE, seed=1).park(300), "V2": Drive("9:00", MIDDLE, seed=2).park(300)}
    assert silent(surveyed(World(drives)).ask(RULE))


def test_the_copy_begins_when_it_was_sent_and_not_when_it_was_driven() -> None:
    assert only(guilty(RULE).ask(RULE)).start_ms >= at("8:40")
