"""out-of-hours: training in an approved place outside its approved hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

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
    at,
    daily,
    only,
    permit,
    session,
    share_within,
    silent,
    unanswered,
)
from zones.schedule import HoursException, Window

RULE = "out-of-hours"


def g1_open(*hours: tuple[str, str]) -> list[Window]:
    return [*(w for w in WINDOWS if w.zone_id != "G1"), *(daily("G1", a, b) for a, b in hours)]


def test_thirty_of_sixty_minutes_after_closing_time() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert finding.start_ms == at("22:00")
    assert share_within(finding, "22:00", "22:30") > 0.9
    measured = finding.evidence["measured"]
    assert measured["outside_min"] == pytest.approx(30, abs=1)
    assert measured["within_min"] == pytest.approx(30, abs=1)
    assert measured["hours"] == "06:00–22:00"
    assert finding.zone_id == "G1"


def test_at_exactly_the_tolerance_it_is_silent() -> None:
    world = guilty(RULE)
    outside = (only(world.ask(RULE)).end_ms - at("22:00")) / 60_000
    assert silent(world.ask(RULE, tolerance_min=outside))
    only(world.ask(RULE, tolerance_min=outside - 0.01))


def test_clearing_the_ground_within_five_minutes_is_silent() -> None:
    drive = Drive("21:00", MIDDLE).yard_until("22:04").park(30)
    assert silent(World({"V1": drive}, [session("21:00", "22:00")]).ask(RULE))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(guilty(RULE).ask_under(RULE, "tolerance_min", 45, 5, since=DATE))
    assert silent(guilty(RULE).ask_under(RULE, "tolerance_min", 45, 5, since=date(2026, 3, 19)))


def test_a_place_without_hours_on_file_is_not_assessable() -> None:
    assert unanswered(replace(guilty(RULE), windows=()).ask(RULE)) == {"no-hours"}


def test_a_place_of_which_a_row_of_hours_was_rejected_is_not_assessable() -> None:
    world = replace(guilty(RULE), doubts=Doubts(hours=frozenset({"G1"})))
    assert unanswered(world.ask(RULE)) == {"register-damaged"}


def test_a_rejected_row_of_another_places_hours_changes_nothing() -> None:
    only(replace(guilty(RULE), doubts=Doubts(hours=frozenset({"G2"}))).ask(RULE))


def test_a_feed_of_one_fix_a_minute_is_called_thin() -> None:
    drive = Drive("21:30", MIDDLE, every_s=60).yard(60)
    answers = World({"V1": drive}, [session("21:30", "22:30")]).ask(RULE)
    assert {n.reason for n in answers.not_assessed} == {"sampling-too-thin"}


def test_a_window_across_midnight_is_one_window() -> None:
    drive = Drive("23:20", MIDDLE).yard_until("24:40").park(20)
    world = World({"V1": drive}, [session("23:20", "24:40")])
    assert silent(replace(world, windows=g1_open(("22:30", "1:00"))).ask(RULE))
    assert only(replace(world, windows=g1_open(("22:30", "0:20"))).ask(RULE)).start_ms == at("24:20")


def test_an_exception_closes_the_day_and_another_opens_the_night() -> None:
    world = guilty("undeclared-training")
    closed = HoursException(DATE, "G1", False, None, None, "holiday")
    assert share_within(only(replace(world, exceptions=[closed]).ask(RULE)), "9:00", "9:40") > 0.9
    longer = HoursException(DATE, "G1", True, 6 * 60, 23 * 60, "longer hours")
    assert silent(replace(guilty(RULE), exceptions=[longer]).ask(RULE))


def test_before_and_after_hours_are_two_findings_and_a_closed_noon_is_one() -> None:
    drive = Drive("8:00", MIDDLE).yard_until("12:00").park(10)
    world = World({"V1": drive}, [session("8:00", "12:00")])
    first, second = replace(world, windows=g1_open(("9:00", "11:00"))).ask(RULE).findings
    assert (first.end_ms, second.start_ms) == (at("9:00"), at("11:00"))
    assert first.finding_id != second.finding_id
    noon = only(replace(world, windows=g1_open(("7:00", "9:00"), ("10:00", "22:00"))).ask(RULE))
    assert (noon.start_ms, noon.end_ms) == (at("9:00"), at("10:00"))


def test_a_pause_inside_the_closed_time_divides_no_stretch() -> None:
    drive = Drive("21:30", MIDDLE).yard_until("22:20").park(8).yard_until("22:50").park(10)
    assert share_within(only(World({"V1": drive}, [session("21:30", "22:50")]).ask(RULE)), "22:00", "22:50") > 0.9


def test_standing_past_the_end_before_driving_off_is_clearing_the_place() -> None:
    drive = Drive("21:00", MIDDLE).yard_until("22:00").park(8).yard_until("22:12").park(30)
    assert silent(World({"V1": drive}, [session("21:00", "22:00")]).ask(RULE))
    moved = Drive("21:00", MIDDLE).yard_until("22:12").park(30)
    only(World({"V1": moved}, [session("21:00", "22:00")]).ask(RULE))


def test_waiting_out_a_closing_on_the_ground_is_no_training_there() -> None:
    drive = Drive("8:00", MIDDLE).yard_until("9:00").park(9).yard_until("10:00").park(10)
    world = World({"V1": drive}, [session("8:00", "10:00")])
    assert silent(replace(world, windows=g1_open(("7:00", "9:00"), ("9:09", "22:00"))).ask(RULE))


def test_of_two_places_on_one_ground_the_open_one_counts() -> None:
    both = (*ZONES, area("G3", GROUND))
    world = replace(guilty(RULE), zones=both)
    assert silent(replace(world, windows=[*WINDOWS, daily("G3", "20:00", "24:00")]).ask(RULE))
    only(replace(world, windows=[*WINDOWS, daily("G3", "6:00", "22:00")]).ask(RULE))


def test_of_two_places_on_one_ground_that_of_a_stranger_does_not_count() -> None:
    world = replace(guilty(RULE), zones=(*ZONES, area("G3", GROUND, "S2")))
    only(replace(world, windows=[*WINDOWS, daily("G3", "20:00", "24:00")]).ask(RULE))


def test_of_two_places_on_one_ground_unknown_hours_are_a_doubt_for_the_other() -> None:
    world = replace(guilty(RULE), zones=(*ZONES, area("G3", GROUND)))
    assert unanswered(world.ask(RULE)) == {"no-hours"}
    doubted = replace(world, windows=[*WINDOWS, daily("G3")], doubts=Doubts(hours=frozenset({"G3"})))
    assert unanswered(doubted.ask(RULE)) == {"register-damaged"}


def test_unknown_hours_do_not_matter_while_another_place_on_the_ground_is_open() -> None:
    world = replace(guilty("undeclared-training"), zones=(*ZONES, area("G3", GROUND)))
    assert silent(world.ask(RULE))


def test_a_route_has_hours_too() -> None:
    drive = Drive("21:40", ROUTE[0]).laps(ROUTE, 6)  # 6 x 7 min 20 s = 44 min
    found = only(World({"V1": drive}, [session("21:40", "22:30", "R1", 3)]).ask(RULE))
    assert (found.zone_id, found.start_ms) == ("R1", at("22:00"))


def test_a_permit_for_the_place_excuses_and_one_for_a_part_leaves_the_rest() -> None:
    world = guilty(RULE)
    assert silent(replace(world, permits=[permit("22:00", "22:40", "G1")]).ask(RULE))
    rest = only(replace(world, permits=[permit("22:00", "22:20", "G1")]).ask(RULE))
    assert rest.start_ms == at("22:20")


def test_standing_on_the_ground_at_night_is_no_training() -> None:
    assert silent(World({"V1": Drive("21:00", MIDDLE).yard(45).park(120)}, [session("21:00", "21:45")]).ask(RULE))
