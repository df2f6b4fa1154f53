"""off-route: in a declared road session off the session's route and every other one allowed, longer than a detour."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from audit.finding import Finding
from tests.rules.guilty import HOME_ROAD, guilty
from tests.rules.world import (
    DATE,
    GROUND,
    HOME,
    ROUTE,
    WINDOWS,
    ZONES,
    Drive,
    World,
    area,
    daily,
    feed_night,
    only,
    permit,
    reasons,
    route,
    session,
    silent,
    unanswered,
)
from trajectories.passes import PassSpread

RULE = "off-route"
FIX_STEP_M = 42  # 5 s at 30 km/h: so far a fix may be from the turning point
ROAD = [session("9:00", "9:40", "R1", 3)]


def minutes_off(finding: Finding) -> float:
    return float(finding.evidence["measured"]["minutes"])


def test_six_kilometres_off_the_route_are_the_time_beyond_corridor_and_margin() -> None:
    # The corridor ends 20 m from the line and the margin 15 m further: (6000 - 2 x 35) m at 30 km/h = 711.6 s.
    finding = only(guilty(RULE).ask(RULE))
    assert minutes_off(finding) == pytest.approx(711.6 / 60, abs=0.3)
    assert finding.evidence["measured"]["length_km"] == pytest.approx(5.93, abs=0.1)
    assert finding.evidence["measured"]["max_m"] == pytest.approx(3000 - 20, abs=FIX_STEP_M), "from the corridor's edge"
    assert (finding.zone_id, finding.session_id, finding.trainee_id) == ("R1", "K1", "L1")


def test_at_exactly_the_longest_detour_it_is_silent() -> None:
    world = guilty(RULE)
    off = minutes_off(only(world.ask(RULE)))
    assert silent(world.ask(RULE, detour_min=off))
    only(world.ask(RULE, detour_min=off - 0.01))


def test_at_exactly_the_length_of_a_detour_it_is_silent() -> None:
    world = guilty(RULE)
    length_m = 1000 * only(world.ask(RULE)).evidence["measured"]["length_km"]
    assert silent(world.ask(RULE, detour_m=length_m + 0.001)), "the evidence is rounded to the millimetre"
    only(world.ask(RULE, detour_m=length_m - 0.01))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(guilty(RULE).ask_under(RULE, "detour_min", 15, 8, since=DATE))
    assert silent(guilty(RULE).ask_under(RULE, "detour_min", 15, 8, since=date(2026, 3, 19)))


def test_a_session_that_names_no_route_in_force_is_not_assessable() -> None:
    for zone_id in (None, "R9", "G1"):
        world = replace(guilty(RULE), sessions=[session("9:00", "9:40", zone_id, 3)])
        assert unanswered(world.ask(RULE)) == {"no-route"}


THIN = {"sampling-too-thin"}


@pytest.mark.parametrize(("every_s", "answer"), [(60, set()), (120, THIN), (240, THIN)])
def test_a_fix_a_minute_tells_where_a_car_was_and_one_in_two_minutes_does_not(every_s: int, answer: set[str]) -> None:
    drive = Drive("9:00", ROUTE[0], every_s=every_s).laps(ROUTE, 1).to(ROUTE[1], *HOME_ROAD).to(*ROUTE[2:])
    answers = World({"V1": drive}, ROAD).ask(RULE)
    assert reasons(answers) == answer
    assert len(answers.findings) == (0 if answer else 1)


def test_crossing_the_corridor_is_not_arriving_at_the_route() -> None:
    # 14 min to the route and 14 min beyond it: on the way to a lesson, had there been one.
    across = Drive("9:00", (950, -6500)).to((950, 7500))
    only(World({"V1": across}, ROAD).ask(RULE))


def test_the_way_is_excused_where_so_much_of_the_route_was_driven_that_it_was_reached() -> None:
    # 14 min there, 1.5 km along it, 9 min away.
    world = World({"V1": Drive("9:00", (500, -6500)).to(*ROUTE[:3], (5900, 1100))}, ROAD)
    assert silent(world.ask(RULE))
    assert silent(world.ask(RULE, joined_m=1400))
    assert len(world.ask(RULE, joined_m=1600).findings) == 2


def test_a_session_that_keeps_to_its_route_is_silent() -> None:
    assert silent(World({"V1": Drive("9:00", ROUTE[0]).laps(ROUTE, 5)}, ROAD).ask(RULE))


def test_a_field_session_is_not_asked() -> None:
    assert silent(replace(guilty(RULE), sessions=[session("9:00", "9:40", "G1", 2)]).ask(RULE))


def test_a_detour_round_a_closed_block_is_lawful() -> None:
    # Round a block of 600 x 300 m at 15 km/h: 1,200 m take 4 min 48 s, of 8 min that a detour may take.
    block = [(800.0, 500.0), (800.0, 200.0), (1400.0, 200.0), (1400.0, 500.0)]
    drive = Drive("9:00", ROUTE[0]).laps(ROUTE, 1).to(*block, kmh=15).to(*ROUTE[2:]).laps(ROUTE, 1)
    assert silent(World({"V1": drive}, ROAD).ask(RULE))


def test_the_ways_to_and_from_the_route_do_not_count_up_to_twenty_minutes() -> None:
    # 7 km at 30 km/h are 14 min: more than a detour, less than a way.
    there = Drive("9:00", (500, -6500)).to(ROUTE[0]).laps(ROUTE, 2)
    assert silent(World({"V1": there}, ROAD).ask(RULE))
    assert silent(World({"V1": Drive("9:00", ROUTE[0]).laps(ROUTE, 2).to((500, -6500))}, ROAD).ask(RULE))
    # 12 km are 24 min.
    only(World({"V1": Drive("8:58", (500, -11500)).to(ROUTE[0]).laps(ROUTE, 2)}, ROAD).ask(RULE))


def test_a_session_that_never_sees_its_route_is_found_whole() -> None:
    away = Drive("9:00", (-3000, -3000)).to((3000, -3000), (3000, -2500), (-3000, -2500), (-3000, -3000), kmh=25)
    assert minutes_off(only(World({"V1": away}, ROAD).ask(RULE))) > 25


@pytest.mark.parametrize(("school", "found"), [("S1", 0), ("S2", 1)])
def test_another_route_is_lawful_if_it_is_approved_for_the_school(school: str, found: int) -> None:
    other = route("R3", [(1400, 500), (1400, -2500)], school)
    world = replace(guilty(RULE), zones=(*ZONES, other))
    assert len(world.ask(RULE).findings) == found


@pytest.mark.parametrize("lacks", [{"parts": frozenset({2})}, {"vehicle_classes": frozenset({"A1"})}])
def test_another_route_of_the_school_for_other_parts_or_classes_is_not_lawful(lacks: dict[str, Any]) -> None:
    other = route("R3", [(1400, 500), (1400, -2500)], **lacks)
    only(replace(guilty(RULE), zones=(*ZONES, other)).ask(RULE))


def test_time_in_an_approved_ground_does_not_count() -> None:
    drive = Drive("9:00", ROUTE[0]).laps(ROUTE, 1).to((50, 60)).yard(15).to(ROUTE[0]).laps(ROUTE, 1)
    world = World({"V1": drive}, ROAD)
    assert silent(world.ask(RULE))
    only(replace(world, zones=[z for z in ZONES if z.zone_id != "G1"]).ask(RULE))


def test_a_permit_for_half_of_the_stretch_excuses_half_of_it() -> None:
    # About 11.9 min off from 9:09:06 on: with a permit for the first 3 of them 8.9 are left, with one for 5 it is 6.9.
    world = guilty(RULE)
    start_s = (only(world.ask(RULE)).start_ms // 1000) % 3600
    assert 530 < start_s < 560
    for zone_id in (None, "R1"):
        only(replace(world, permits=[permit("9:00", "9:12", zone_id)]).ask(RULE))
        assert silent(replace(world, permits=[permit("9:00", "9:14", zone_id)]).ask(RULE))
    assert len(replace(world, permits=[permit("9:00", "9:14", "R9")]).ask(RULE).findings) == 1


def test_two_stretches_are_two_findings_and_a_short_look_at_the_route_divides_none() -> None:
    away = [ROUTE[1], *HOME_ROAD]
    twice = Drive("9:00", ROUTE[0]).to(*away).to(*ROUTE[2:]).to(*away).to(*ROUTE[2:])
    first, second = World({"V1": twice}, ROAD).ask(RULE).findings
    assert first.finding_id != second.finding_id
    assert first.end_ms < second.start_ms
    crossing = Drive("9:00", ROUTE[0]).to(*away).to(*HOME_ROAD).to(*ROUTE[2:])  # at the corner for some seconds only
    assert minutes_off(only(World({"V1": crossing}, ROAD).ask(RULE))) == pytest.approx(2 * 711.6 / 60, abs=0.5)


def test_each_session_is_asked_by_itself() -> None:
    both = [session("9:00", "9:25", "R1", 3), session("9:25", "9:40", "R1", 3, session_id="K2", trainee_id="L2")]
    found = only(replace(guilty(RULE), sessions=both).ask(RULE))
    assert found.session_id == "K1"


def test_a_session_without_any_fix_is_the_matter_of_signal_gap() -> None:
    world = World({"V1": Drive("14:00", HOME).park(60)}, ROAD)
    assert not world.ask(RULE).findings


def test_overlapping_grounds_excuse_a_minute_once() -> None:
    drive = Drive("9:00", ROUTE[0]).laps(ROUTE, 1).to(ROUTE[1], (1400, -700)).yard(4, (1350, -760, 1450, -640))
    drive.to(*HOME_ROAD).to(*ROUTE[2:])
    corners = (1350, -760, 1450, -640)
    world = World({"V1": drive}, ROAD, windows=WINDOWS)
    plain = only(world.ask(RULE))
    once = replace(world, zones=(*ZONES, area("G3", corners)))
    twice = replace(world, zones=(*ZONES, area("G3", corners), area("G4", corners)), windows=(*WINDOWS, daily("G3")))
    limit = minutes_off(plain) - 6  # about 5 min are spent within the ground
    only(once.ask(RULE, detour_min=limit))
    only(twice.ask(RULE, detour_min=limit))


def test_the_ground_of_another_school_excuses_nothing() -> None:
    drive = Drive("9:00", ROUTE[0]).laps(ROUTE, 1).to((50, 60)).yard(15, GROUND).to(ROUTE[0]).laps(ROUTE, 1)
    zones = [replace(z, school_ids=frozenset({"S2"})) if z.zone_id == "G1" else z for z in ZONES]
    only(World({"V1": drive}, ROAD, zones=zones).ask(RULE))


def test_without_a_road_session_it_is_not_asked_even_without_fixes() -> None:
    assert reasons(World().ask(RULE)) == set()


# ---------------------------------------------------------------- positions that the vendor matched to roads
def matched(world: World) -> World:
    night = replace(world.night, feeds=(feed_night(PassSpread(0.3, 500)),))
    return replace(world, night=night)


def parallel(offset_m: float) -> World:
    """Half an hour on a street beside the first side of the route, so far from its line."""
    beside = [(600.0, 500.0 - offset_m), (1300.0, 500.0 - offset_m)] * 20
    return World({"V1": Drive("9:00", ROUTE[0]).laps(ROUTE, 1).to(*beside).to(*ROUTE[1:]).laps(ROUTE, 1)}, LONG_ROAD)


LONG_ROAD = [session("9:00", "11:00", "R1", 3)]


def test_a_matched_track_on_the_next_street_proves_nothing() -> None:
    only(parallel(60.0).ask(RULE))  # 40 m beyond the corridor
    assert unanswered(matched(parallel(60.0)).ask(RULE)) == {"matched-track"}


def test_a_matched_track_far_from_the_route_is_off_it() -> None:
    finding = only(matched(parallel(200.0)).ask(RULE))
    assert finding.evidence["track"]["matched"] is True
    assert finding.evidence["track"]["passes_apart_m"] == pytest.approx(0.3)


def test_at_exactly_the_reach_of_matching_it_is_silent() -> None:
    world = matched(parallel(200.0))
    away = only(world.ask(RULE)).evidence["measured"]["median_m"]
    assert unanswered(world.ask(RULE, matched_m=away + 0.000_001)) == {"matched-track"}
    only(world.ask(RULE, matched_m=away - 0.01))
