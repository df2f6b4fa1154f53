"""off-zone-training: training, not mere driving, outside every approved place."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from audit.day import Doubts
from tests.rules.everyday import Wandering, waits
from tests.rules.guilty import guilty
from tests.rules.world import (
    DATE,
    HOME,
    NOWHERE,
    STREETS,
    WINDOWS,
    ZONES,
    Drive,
    World,
    area,
    daily,
    minutes,
    only,
    permit,
    reasons,
    session,
    share_within,
    silent,
    unanswered,
)

RULE = "off-zone-training"


def test_yard_work_on_a_field_that_nobody_approved_is_found_from_start_to_end() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert share_within(finding, "9:00", "9:40") > 0.9
    assert finding.zone_id is None
    assert "场地训练" in finding.summary_zh


def test_the_same_streets_again_and_again_are_road_training() -> None:
    # 5 rounds of 3 km at 30 km/h with 4 lights of 20 s each: 5 x 7 min 20 s = 36 min 40 s.
    finding = only(World({"V1": Drive("9:00", STREETS[0]).laps(STREETS, 5).to(HOME)}).ask(RULE))
    assert minutes(finding) == pytest.approx(36.7, abs=1.5)
    assert "反复行驶同一路段" in finding.summary_zh


def test_at_exactly_the_shortest_time_that_counts_it_is_silent() -> None:
    world = guilty(RULE)
    measured = minutes(only(world.ask(RULE)))
    assert silent(world.ask(RULE, min_minutes_min=measured))
    only(world.ask(RULE, min_minutes_min=measured - 0.01))


def test_at_exactly_the_margin_from_the_nearest_place_it_is_silent() -> None:
    world = guilty(RULE)
    away_m = only(world.ask(RULE)).evidence["margins"]["beyond_nearest_place_m"] + 15
    assert silent(world.ask(RULE, margin_m=away_m + 1e-6)), "the evidence is rounded to the micrometre"
    only(world.ask(RULE, margin_m=away_m - 0.01))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    world = guilty(RULE)
    only(world.ask_under(RULE, "min_minutes_min", 60, 10, since=DATE))
    assert silent(world.ask_under(RULE, "min_minutes_min", 60, 10, since=date(2026, 3, 19)))


def test_what_is_likely_but_not_likely_enough_is_undetermined() -> None:
    assert unanswered(guilty(RULE).ask(RULE, probability_share=0.9999999)) == {"undetermined"}


@pytest.mark.parametrize("every_s", [60, 150, 240, 540])
def test_a_feed_of_one_fix_a_minute_or_less_is_too_thin_to_tell(every_s: int) -> None:
    """Above three minutes a step is silence by itself, but a terminal that sends so is neither silent nor clean."""
    drive = Drive("9:00", (-1950, -1940), every_s=every_s).yard(40, NOWHERE).to((-1950, 4000), (-1950, -1940))
    thin = World({"V1": drive})
    assert unanswered(thin.ask(RULE)) == {"sampling-too-thin"}


def test_a_parked_terminal_that_reports_every_four_minutes_leaves_nothing_to_tell() -> None:
    assert silent(World({"V1": Drive("8:00", (-1950, -1940), every_s=240).park_until("18:00")}).ask(RULE))


def test_driving_far_and_standing_long_are_no_training() -> None:
    plain = Drive("8:00").to((-3000, 3000), (2000, 3000), (2500, -2500), HOME, kmh=40).park(60)
    assert silent(World({"V1": plain}).ask(RULE))


def test_manoeuvres_of_five_minutes_to_park_are_no_training() -> None:
    assert silent(World({"V1": Drive("9:00").to((-1950, -1940)).yard(5, NOWHERE).park(60).to(HOME)}).ask(RULE))


def test_training_in_a_place_of_others_is_not_outside_every_place() -> None:
    assert silent(guilty("wrong-zone").ask(RULE))


@pytest.mark.parametrize("school", ["S1", "S2"])
def test_an_approval_of_the_field_ends_it_whoever_holds_it(school: str) -> None:
    with_field = replace(guilty(RULE), zones=(*ZONES, area("G3", NOWHERE, school)), windows=(*WINDOWS, daily("G3")))
    assert silent(with_field.ask(RULE))


def test_two_places_an_hour_apart_are_two_findings_with_two_ids() -> None:
    drive = Drive("9:00", (-1950, -1940)).yard(30, NOWHERE).park(60).yard(30, NOWHERE).park(10)
    first, second = World({"V1": drive}).ask(RULE).findings
    assert first.end_ms < second.start_ms
    assert first.finding_id != second.finding_id


def test_a_lesson_with_a_cigarette_in_the_middle_is_one_finding() -> None:
    drive = Drive("9:00", (-1950, -1940)).yard(30, NOWHERE).park(5).yard(30, NOWHERE).park(10)
    assert share_within(only(World({"V1": drive}).ask(RULE)), "9:00", "10:05") > 0.9


def test_a_permit_for_a_part_leaves_the_rest() -> None:
    world = replace(guilty(RULE), permits=[permit("8:50", "9:20")])
    assert share_within(only(world.ask(RULE)), "9:20", "9:40") > 0.8
    assert silent(replace(world, permits=[permit("8:50", "9:32")]).ask(RULE)), "8 minutes are left, of 10 that count"


def test_a_permit_that_names_a_place_does_not_excuse_outside_every_place() -> None:
    only(replace(guilty(RULE), permits=[permit("4:00", "27:59", "G1")]).ask(RULE))


def test_without_any_fix_the_day_is_not_assessable() -> None:
    assert reasons(World().ask(RULE)) == {"no-fixes"}


@pytest.mark.parametrize("every_s", [15, 30])
def test_a_car_that_waits_in_a_street_canyon_without_a_reported_speed_trains_nowhere(every_s: int) -> None:
    """Its position wanders by 10 m on each axis, over a minute or so, as the cabs of San Francisco do at a rank."""
    for seed in range(3):
        waiting = Wandering(every_s, 10.0, with_speed=False, seed=seed)
        assert silent(World({"V1": waits(waiting)}).ask(RULE))


@pytest.mark.parametrize("every_s", [5, 15, 30])
def test_an_hour_of_manoeuvres_on_a_lot_of_two_hundred_metres_is_found(every_s: int) -> None:
    """A quarter of an hour there is not long enough a path for its place; an hour is."""
    lot = (-2000, -2000, -1800, -1800)
    only(World({"V1": Drive("9:00", every_s=every_s).to((-1900, -1900)).yard(60, lot).to(HOME)}).ask(RULE))


def test_a_lesson_is_found_though_the_terminal_is_silent_for_half_of_it() -> None:
    drive = Drive("9:00").to((-1950, -1940))
    for _ in range(6):
        drive.yard(6, NOWHERE).silent(6)
    assert World({"V1": drive.to(HOME)}).ask(RULE).findings


def test_training_in_a_session_whose_place_is_on_file_in_no_version_is_not_assessable() -> None:
    world = replace(guilty(RULE), sessions=[session("0:00", "24:00", "G-unknown")])
    only(world.ask(RULE))
    unknown = replace(world, doubts=Doubts(unknown_zones=frozenset({"G-unknown"})))
    assert unanswered(unknown.ask(RULE)) == {"no-zone"}
