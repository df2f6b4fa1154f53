"""undeclared-training: lawful place and time, but no session was declared."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from audit.day import Doubts
from tests.rules.guilty import MIDDLE, guilty
from tests.rules.world import (
    DATE,
    GROUND,
    ROUTE,
    WINDOWS,
    ZONES,
    Drive,
    World,
    area,
    daily,
    only,
    permit,
    session,
    share_within,
    silent,
    unanswered,
)

RULE = "undeclared-training"


def test_forty_minutes_on_the_own_ground_without_a_session() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert share_within(finding, "9:00", "9:40") > 0.9
    assert (finding.zone_id, finding.session_id) == ("G1", None)


def test_at_exactly_the_shortest_time_that_counts_it_is_silent() -> None:
    world = guilty(RULE)
    measured = only(world.ask(RULE)).evidence["measured"]["minutes"]
    assert silent(world.ask(RULE, min_minutes_min=measured))
    only(world.ask(RULE, min_minutes_min=measured - 0.01))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(guilty(RULE).ask_under(RULE, "min_minutes_min", 60, 20, since=DATE))
    assert silent(guilty(RULE).ask_under(RULE, "min_minutes_min", 60, 20, since=date(2026, 3, 19)))


def test_without_any_fix_it_is_not_assessable() -> None:
    assert unanswered(World().ask(RULE)) == {"no-fixes"}


def test_where_a_session_may_have_been_lost_nobody_is_accused() -> None:
    world = replace(guilty(RULE), doubts=Doubts(sessions="register-damaged"))
    assert unanswered(world.ask(RULE)) == {"register-damaged"}


def test_a_feed_of_one_fix_a_minute_is_called_thin() -> None:
    answers = World({"V1": Drive("9:00", MIDDLE, every_s=60).yard(40)}).ask(RULE)
    assert {n.reason for n in answers.not_assessed} == {"sampling-too-thin"}


def test_a_session_for_the_time_is_all_it_takes() -> None:
    assert silent(replace(guilty(RULE), sessions=[session("9:00", "9:40")]).ask(RULE))


def test_beginning_a_quarter_of_an_hour_early_and_ending_as_late_is_excused() -> None:
    # 15 + 10 + 15 min: the grace covers both ends.
    assert silent(replace(guilty(RULE), sessions=[session("9:15", "9:25")]).ask(RULE))


def test_what_a_session_leaves_counts_from_the_end_of_its_grace() -> None:
    drive = Drive("9:00", MIDDLE).yard_until("11:00").park(10)
    world = World({"V1": drive}, [session("9:00", "10:00")])
    # 10:15 to 11:00 are 45 min.
    assert share_within(only(world.ask(RULE)), "10:15", "11:00") > 0.9
    assert silent(replace(world, sessions=[session("9:00", "10:30")]).ask(RULE)), "10:45 to 11:00 are 15 of 20 min"


def test_the_session_of_another_car_declares_nothing() -> None:
    only(replace(guilty(RULE), sessions=[session("9:00", "9:40", vehicle_id="V2")]).ask(RULE))


def test_before_and_after_a_session_are_two_findings() -> None:
    drive = Drive("8:00", MIDDLE).yard_until("12:00").park(10)
    first, second = World({"V1": drive}, [session("9:30", "10:30")]).ask(RULE).findings
    assert share_within(first, "8:00", "9:15") > 0.9
    assert share_within(second, "10:45", "12:00") > 0.9
    assert first.finding_id != second.finding_id


def test_outside_the_hours_it_is_the_matter_of_out_of_hours() -> None:
    night = World({"V1": Drive("22:10", MIDDLE).yard(40).park(10)})
    assert silent(night.ask(RULE))
    only(night.ask("out-of-hours"))


def test_unknown_hours_do_not_make_training_declared() -> None:
    only(replace(guilty(RULE), windows=()).ask(RULE))
    only(replace(guilty(RULE), doubts=Doubts(hours=frozenset({"G1"}))).ask(RULE))


def test_in_a_place_of_others_it_is_the_matter_of_wrong_zone() -> None:
    assert silent(guilty("wrong-zone").ask(RULE))


def test_most_of_a_route_followed_without_a_session_is_training() -> None:
    # 4 rounds at 7 min 20 s are 29 min, and all of the route is covered.
    assert only(World({"V1": Drive("9:00", ROUTE[0]).laps(ROUTE, 4)}).ask(RULE)).zone_id == "R1"


def test_going_home_along_a_part_of_a_route_is_not() -> None:
    half = Drive("9:00", ROUTE[0]).to(*ROUTE[1:3], kmh=4)  # 1.5 of 3 km, slowly: 22 min
    assert silent(World({"V1": half}).ask(RULE))


def test_two_places_on_one_ground_are_told_once() -> None:
    both = replace(guilty(RULE), zones=(*ZONES, area("G3", GROUND)), windows=[*WINDOWS, daily("G3")])
    only(both.ask(RULE))


def test_washing_the_car_on_the_ground_is_no_training() -> None:
    assert silent(World({"V1": Drive("9:00").to(MIDDLE).park(90).to((-500, -500))}).ask(RULE))


def test_a_permit_for_a_part_leaves_the_rest_if_it_is_long_enough() -> None:
    world = guilty(RULE)
    assert share_within(only(replace(world, permits=[permit("9:00", "9:15")]).ask(RULE)), "9:15", "9:40") > 0.9
    assert silent(replace(world, permits=[permit("9:00", "9:25", "G1")]).ask(RULE)), "15 of 20 min are left"
