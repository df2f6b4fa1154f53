"""ghost-session: a session was declared and fixes exist, but the car did not train."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.rules.guilty import MIDDLE, guilty
from tests.rules.world import (
    DATE,
    HOME,
    ROUTE,
    STREETS,
    Drive,
    World,
    at,
    feed_night,
    only,
    permit,
    session,
    silent,
    unanswered,
)
from trajectories.passes import PassSpread

RULE = "ghost-session"


def test_a_car_that_stands_at_home_for_the_whole_session() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert (finding.start_ms, finding.end_ms) == (at("9:00"), at("10:00"))
    measured = finding.evidence["measured"]
    assert (measured["minutes"], measured["moving_min"], measured["trained_min"]) == (60, 0, 0)
    assert measured["seen_min"] == pytest.approx(60)
    assert (finding.zone_id, finding.session_id, finding.trainee_id) == ("G1", "K1", "L1")


def lesson_of(minutes: float) -> World:
    """Of a session of 100 minutes so many are yard work."""
    drive = Drive("8:50", MIDDLE).park_until("9:00").yard(minutes).park_until("11:00")
    return World({"V1": drive}, [session("9:00", "10:40")])


def test_at_exactly_the_share_trained_it_is_silent() -> None:
    finding = only(lesson_of(12).ask(RULE, trained_share=0.2))
    trained_ms = round(60_000 * finding.evidence["measured"]["trained_min"])
    assert trained_ms == pytest.approx(12 * 60_000, abs=90_000), "by whole minutes"
    assert silent(lesson_of(12).ask(RULE, trained_share=trained_ms / 6_000_000))
    only(lesson_of(12).ask(RULE, trained_share=(trained_ms + 1) / 6_000_000))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(lesson_of(30).ask_under(RULE, "trained_share", 0.1, 0.5, since=DATE))
    assert silent(lesson_of(30).ask_under(RULE, "trained_share", 0.1, 0.5, since=date(2026, 3, 19)))


def test_a_session_seen_for_less_than_sixty_percent_is_not_assessable() -> None:
    # Silent from 9:00 to 9:24: of 60 minutes 36 are seen, which is the least that is asked for.
    seen = World({"V1": Drive("8:00").park_until("9:00").silent(24).park_until("11:00")}, [session("9:00", "10:00")])
    only(seen.ask(RULE))
    less = World({"V1": Drive("8:00").park_until("9:00").silent(25).park_until("11:00")}, [session("9:00", "10:00")])
    assert unanswered(less.ask(RULE)) == {"silent"}


def test_a_drive_seen_once_a_minute_is_too_thin_to_tell() -> None:
    drive = Drive("9:00", HOME, every_s=60).to((-3000, 3000), (3000, 3000), (3000, -3000), HOME)
    assert unanswered(World({"V1": drive.park(30)}, [session("9:00", "10:00")]).ask(RULE)) == {"sampling-too-thin"}


def test_standing_is_standing_even_when_seen_once_a_minute() -> None:
    world = World({"V1": Drive("8:00", HOME, every_s=60).park_until("11:00")}, [session("9:00", "10:00")])
    only(world.ask(RULE))


def test_a_lesson_with_training_in_it_is_silent() -> None:
    assert silent(World({"V1": Drive("8:50", MIDDLE).yard_until("10:10")}, [session("9:00", "10:00")]).ask(RULE))


def test_training_anywhere_makes_it_no_ghost() -> None:
    world = replace(guilty("wrong-zone"), sessions=[session("9:00", "9:40")])
    assert silent(world.ask(RULE))


def test_a_field_session_spent_on_the_road_is_one_and_a_road_session_is_not() -> None:
    drive = Drive("9:00", HOME).to((-3000, 3000), (3000, 3000), (3000, -3000), HOME, kmh=40).park(30)
    found = only(World({"V1": drive}, [session("9:00", "9:30")]).ask(RULE))
    assert "other-drive" in {e["explanation"] for e in found.evidence["excluded"]}
    assert silent(World({"V1": drive}, [session("9:00", "9:30", "R1", 3)]).ask(RULE))


def test_a_road_session_of_a_car_that_stands_is_one() -> None:
    found = only(World({"V1": Drive("8:00", ROUTE[0]).park(120)}, [session("9:00", "9:30", "R1", 3)]).ask(RULE))
    assert "slow-lesson" in {e["explanation"] for e in found.evidence["excluded"]}


def test_at_exactly_the_share_in_motion_a_road_session_is_silent() -> None:
    # 6 minutes in motion of 40 are 0.15.
    drive = Drive("8:00", HOME).park_until("9:10").to((2500, -500), kmh=30).park_until("10:00")
    world = World({"V1": drive}, [session("9:00", "9:40", "R1", 3)])
    moving = only(world.ask(RULE, moving_share=0.5)).evidence["measured"]["moving_min"] / 40
    assert moving == pytest.approx(0.15, abs=0.02)
    assert silent(world.ask(RULE, moving_share=moving - 1e-7))
    only(world.ask(RULE, moving_share=moving + 1e-7))


def test_a_session_below_a_quarter_of_an_hour_is_not_asked() -> None:
    world = guilty(RULE)
    only(replace(world, sessions=[session("9:00", "9:15")]).ask(RULE))
    assert silent(replace(world, sessions=[session("9:00", "9:14")]).ask(RULE))


def test_every_ghost_is_a_finding_of_its_own() -> None:
    both = [session("9:00", "10:00"), session("10:00", "10:45", session_id="K2")]
    first, second = replace(guilty(RULE), sessions=both).ask(RULE).findings
    assert (first.session_id, second.session_id) == ("K1", "K2")
    assert first.finding_id != second.finding_id


def test_a_permit_that_leaves_a_minute_excuses_and_one_that_leaves_half_does_not() -> None:
    world = guilty(RULE)
    assert silent(replace(world, permits=[permit("9:01", "10:00", "G1")]).ask(RULE))
    only(replace(world, permits=[permit("9:30", "10:00", "G1")]).ask(RULE))


def test_a_session_of_another_car_is_not_this_cars() -> None:
    world = replace(guilty(RULE), sessions=[session("9:00", "10:00", vehicle_id="V2")])
    assert unanswered(world.ask(RULE)) == {"no-fixes"}, "V2 has the session, and no fix"


def test_yard_work_cannot_be_told_where_the_vendor_matched_the_positions_to_roads() -> None:
    # It drives about the block for the whole session: no training to be seen, but it did not stand either.
    drive = Drive("8:50", MIDDLE).park_until("9:00").laps(STREETS, 5).park_until("11:00")
    world = World({"V1": drive}, [session("9:00", "9:35")])
    raw, on_roads = (replace(world.night, feeds=(feed_night(PassSpread(m, 500)),)) for m in (3.0, 0.3))
    only(replace(world, night=raw).ask(RULE, trained_share=1.0))
    assert unanswered(replace(world, night=on_roads).ask(RULE, trained_share=1.0)) == {"matched-track"}


def test_a_car_that_stood_all_the_time_did_not_train_whatever_the_vendor_did_to_its_positions() -> None:
    world = guilty(RULE)
    only(replace(world, night=replace(world.night, feeds=(feed_night(PassSpread(0.3, 500)),))).ask(RULE))
