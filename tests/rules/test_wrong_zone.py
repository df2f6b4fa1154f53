"""wrong-zone: training in a place approved for other schools, classes or parts, or on an exam site."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.rules.guilty import MIDDLE, guilty
from tests.rules.world import (
    DATE,
    G1,
    GROUND,
    OTHER_GROUND,
    OTHER_ROUTE,
    SITE,
    WINDOWS,
    ZONES,
    Drive,
    World,
    area,
    at,
    daily,
    minutes,
    only,
    permit,
    session,
    share_within,
    silent,
    unanswered,
    vehicle,
)
from zones.declared import Exam

RULE = "wrong-zone"
OTHERS_MIDDLE = (3050.0, 60.0)


def test_forty_minutes_on_the_ground_of_another_school() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert share_within(finding, "9:00", "9:40") > 0.9
    assert finding.zone_id == "G2"
    assert "school or class" in finding.summary_en


def test_at_exactly_the_shortest_time_that_counts_it_is_silent() -> None:
    world = guilty(RULE)
    measured = minutes(only(world.ask(RULE)))
    assert silent(world.ask(RULE, min_minutes_min=measured))
    only(world.ask(RULE, min_minutes_min=measured - 0.01))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(guilty(RULE).ask_under(RULE, "min_minutes_min", 60, 10, since=DATE))
    assert silent(guilty(RULE).ask_under(RULE, "min_minutes_min", 60, 10, since=date(2026, 3, 19)))


def test_a_feed_of_one_fix_a_minute_is_called_thin() -> None:
    answers = World({"V1": Drive("9:00", OTHERS_MIDDLE, every_s=60).yard(40, OTHER_GROUND)}).ask(RULE)
    assert {n.reason for n in answers.not_assessed} == {"sampling-too-thin"}


def test_without_any_fix_it_is_not_assessable() -> None:
    assert unanswered(World().ask(RULE)) == {"no-fixes"}


def test_the_schools_own_ground_is_silent() -> None:
    assert silent(guilty("undeclared-training").ask(RULE))


def test_training_on_an_exam_site_is_no_training_for_anybody() -> None:
    found = only(World({"V1": Drive("9:00", (-2950, 60)).yard(40, SITE).park(10)}).ask(RULE))
    assert found.zone_id == "X1"
    assert "考场" in found.summary_zh


def test_an_exam_on_its_site_is_no_training() -> None:
    world = World({"V1": Drive("9:00", (-2950, 60)).yard(40, SITE).park(10)})
    here = Exam("E1", "V1", "P9", "X1", at("8:55"), at("9:45"))
    assert silent(replace(world, exams=[here]).ask(RULE))
    only(replace(world, exams=[replace(here, site_id="X2")]).ask(RULE))


def test_fetching_a_car_from_the_ground_of_others_is_no_training() -> None:
    drive = Drive("9:00").to(OTHERS_MIDDLE).park(30).yard(4, OTHER_GROUND).to((-500, -500))
    assert silent(World({"V1": drive}).ask(RULE))


@pytest.mark.parametrize(("classes", "found"), [(None, 0), (frozenset({"C1", "C2"}), 0), (frozenset({"A1"}), 1)])
def test_the_class_of_the_car_must_be_approved(classes: frozenset[str] | None, found: int) -> None:
    zones = [replace(G1, vehicle_classes=classes), *(z for z in ZONES if z.zone_id != "G1")]
    assert len(replace(guilty("undeclared-training"), zones=zones).ask(RULE).findings) == found


@pytest.mark.parametrize("schools", [None, frozenset({"S1", "S2"})])
def test_a_shared_ground_is_everybodys(schools: frozenset[str] | None) -> None:
    zones = [replace(z, school_ids=schools) for z in ZONES]
    assert silent(replace(guilty(RULE), zones=zones).ask(RULE))


def test_an_empty_list_of_schools_means_none() -> None:
    zones = [replace(z, school_ids=frozenset()) if z.zone_id == "G1" else z for z in ZONES]
    only(replace(guilty("undeclared-training"), zones=zones).ask(RULE))


def test_a_car_of_no_school_trains_lawfully_only_where_all_are_approved() -> None:
    world = replace(guilty("undeclared-training"), vehicles=[vehicle(school=None)])
    only(world.ask(RULE))
    assert silent(replace(world, zones=[replace(z, school_ids=None) for z in ZONES]).ask(RULE))


def test_a_road_lesson_on_a_ground_for_the_field_part_is_wrong() -> None:
    world = replace(guilty("undeclared-training"), sessions=[session("9:00", "9:40", "R1", 3)])
    found = only(world.ask(RULE))
    assert "syllabus part" in found.summary_en
    assert (found.session_id, found.trainee_id) == ("K1", "L1")


def test_some_minutes_on_the_ground_before_a_road_lesson_are_not_its_part() -> None:
    # 20 of the session's 90 minutes: less than half of it.
    drive = Drive("9:00", MIDDLE).yard(20).to((-3000, 3000), (3000, 3000), (50, 60))
    assert silent(World({"V1": drive}, [session("9:00", "10:30", "R1", 3)]).ask(RULE))


def test_driving_on_the_route_of_another_school_in_ones_own_road_session_is_the_matter_of_off_route() -> None:
    drive = Drive("9:00", OTHER_ROUTE[0]).laps(OTHER_ROUTE, 5)
    world = World({"V1": drive}, [session("9:00", "9:40", "R1", 3)])
    assert silent(world.ask(RULE))
    only(world.ask("off-route"))


def test_a_session_that_declares_the_route_of_another_school_is_wrong_there() -> None:
    drive = Drive("9:00", OTHER_ROUTE[0]).laps(OTHER_ROUTE, 5)
    world = World({"V1": drive}, [session("9:00", "9:40", "R2", 3)])
    assert only(world.ask(RULE)).zone_id == "R2"
    assert silent(world.ask("off-route"))


def test_laps_on_the_route_of_another_school_without_a_session_are_wrong() -> None:
    assert only(World({"V1": Drive("9:00", OTHER_ROUTE[0]).laps(OTHER_ROUTE, 5)}).ask(RULE)).zone_id == "R2"


def test_where_an_approved_place_covers_the_same_ground_nothing_is_wrong() -> None:
    both = (*ZONES, area("G3", OTHER_GROUND))
    assert silent(replace(guilty(RULE), zones=both).ask(RULE))


def test_where_two_places_of_others_cover_one_ground_it_is_told_once() -> None:
    both = (*ZONES, area("G3", OTHER_GROUND, "S3"))
    only(replace(guilty(RULE), zones=both).ask(RULE))


def test_an_approved_place_that_covers_less_than_half_of_the_time_excuses_nothing() -> None:
    corner = (*ZONES, area("G3", (3000, 0, 3010, 10)))
    only(replace(guilty(RULE), zones=corner, windows=[*WINDOWS, daily("G3")]).ask(RULE))


def test_two_visits_are_two_findings() -> None:
    drive = Drive("9:00", OTHERS_MIDDLE).yard(30, OTHER_GROUND).to((-500, -500)).park(30).to(OTHERS_MIDDLE)
    first, second = World({"V1": drive.yard(30, OTHER_GROUND).park(10)}).ask(RULE).findings
    assert first.finding_id != second.finding_id


def test_a_permit_for_this_place_excuses_one_for_another_does_not() -> None:
    world = guilty(RULE)
    assert silent(replace(world, permits=[permit("8:00", "10:00", "G2")]).ask(RULE))
    only(replace(world, permits=[permit("8:00", "10:00", "G1")]).ask(RULE))


def test_the_edge_of_a_ground_is_not_the_ground() -> None:
    beside = (GROUND[0] + 160, GROUND[1], GROUND[2] + 160, GROUND[3])  # 60 m east of G1's fence
    zones = [replace(z, school_ids=frozenset({"S2"})) for z in ZONES]
    assert silent(World({"V1": Drive("9:00", (200, 60)).yard(40, beside).park(10)}, zones=zones).ask(RULE))
