"""over-hours: a trainee's declared sessions, so far as the track confirms them, exceed the limit of the day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from audit.day import Doubts
from tests.rules.guilty import HOME_ROAD, MIDDLE, guilty
from tests.rules.world import (
    DATE,
    HOME,
    Drive,
    World,
    at,
    only,
    reasons,
    session,
    silent,
    unanswered,
)

RULE = "over-hours"


def day_of(*ends: str) -> World:
    """One car in G1 from 8:00 to 14:00 all the time; sessions from 8:00, 11:00 ... to these ends."""
    starts = ["8:00", "11:00", "13:00"]
    held = [session(a, b, session_id=f"K{i}") for i, (a, b) in enumerate(zip(starts, ends, strict=False))]
    return World({"V1": LONG_DAY}, held)


LONG_DAY = Drive("7:50", MIDDLE, every_s=10).yard_until("14:10")


def test_two_cars_are_one_trainees_day_and_the_car_that_passes_the_limit_is_named() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert finding.evidence["measured"]["confirmed_min"] == pytest.approx(250, abs=0.5)
    assert (finding.vehicle_id, finding.trainee_id) == ("V2", "L1")
    assert (finding.start_ms, finding.end_ms) == (at("8:00"), at("14:40"))
    assert finding.evidence["margins"]["minutes_over"] == pytest.approx(5, abs=0.5)
    assert (finding.plate, finding.school_id, finding.district) == ("沪A·V2学", "S1", "310115")


def test_the_car_that_passes_the_limit_is_not_always_the_last_one() -> None:
    more = session("15:00", "15:30", session_id="K3")
    drives = {**guilty(RULE).drives, "V1": Drive("8:00", MIDDLE, every_s=10).yard_until("15:30")}
    finding = only(replace(guilty(RULE), drives=drives, sessions=[*guilty(RULE).sessions, more]).ask(RULE))
    assert (finding.vehicle_id, finding.end_ms) == ("V2", at("15:30"))


def test_at_exactly_four_hours_and_the_tolerance_it_is_silent() -> None:
    # 150 + 95 = 245 min = 240 + 5; one minute more is too much.
    assert silent(day_of("10:30", "12:35").ask(RULE))
    only(day_of("10:30", "12:36").ask(RULE))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    world = day_of("10:30", "12:00")  # 210 min
    only(world.ask_under(RULE, "limit_min", 240, 180, since=DATE))
    assert silent(world.ask_under(RULE, "limit_min", 240, 180, since=date(2026, 3, 19)))


def test_sessions_that_overlap_count_once() -> None:
    twice = [session("8:00", "11:30"), session("8:00", "11:30", session_id="K2")]
    assert silent(World({"V1": LONG_DAY}, twice).ask(RULE)), "twice 210 min, but only 210 min of the day"


def test_another_trainees_hours_are_his_own() -> None:
    split = [session("8:00", "10:30"), session("11:00", "13:30", session_id="K2", trainee_id="L2")]
    assert silent(World({"V1": LONG_DAY}, split).ask(RULE))


def test_a_session_that_the_car_did_not_train_counts_nothing() -> None:
    drive = Drive("7:50", MIDDLE, every_s=10).yard_until("10:30").to(HOME).park_until("14:00")
    world = World({"V1": drive}, [session("8:00", "10:30"), session("11:00", "13:30", session_id="K2")])
    assert silent(world.ask(RULE))
    only(world.ask("ghost-session"))


def test_a_lunch_break_inside_a_session_is_not_confirmed() -> None:
    # 8:00 to 13:00 are 300 min; an hour at the table leaves 240.
    drive = Drive("7:50", MIDDLE, every_s=10).yard_until("11:00").park(60).yard_until("13:00")
    assert silent(World({"V1": drive}, [session("8:00", "13:00")]).ask(RULE))


def test_time_that_was_not_seen_may_hide_too_much() -> None:
    # 200 min seen and 60 min silent: up to 260.
    drive = Drive("7:50", MIDDLE, every_s=10).yard_until("10:00").silent(60).yard_until("12:30")
    world = World({"V1": drive}, [session("8:00", "12:20")])
    assert unanswered(world.ask(RULE)) == {"silent"}
    assert silent(replace(world, sessions=[session("8:00", "12:05")]).ask(RULE)), "245 min at most"


def test_a_short_silence_may_hide_too_much_too() -> None:
    # Declared are 150 + 97 = 247 min; 9 of them are silent, so 238 to 247 of 245 min.
    drive = Drive("7:50", MIDDLE, every_s=10).yard_until("8:30").silent(9).yard_until("14:10")
    world = World({"V1": drive}, [session("8:00", "10:30"), session("11:00", "12:37", session_id="K2")])
    assert unanswered(world.ask(RULE)) == {"unconfirmed"}


def test_a_car_without_fixes_confirms_nothing_and_excludes_nothing() -> None:
    world = World({}, [session("8:00", "10:30"), session("11:00", "13:30", session_id="K2")])
    assert unanswered(world.ask(RULE)) == {"no-fixes"}
    lost = replace(world, doubts=Doubts(fixes="provider-error"))
    assert unanswered(lost.ask(RULE)) == {"provider-error"}


def test_where_a_session_of_the_trainee_may_have_been_lost_four_hours_are_not_assured() -> None:
    world = replace(day_of("10:00"), damaged_trainees=frozenset({"L1"}))
    assert unanswered(world.ask(RULE)) == {"register-damaged"}
    assert silent(replace(world, damaged_trainees=frozenset({"L2"})).ask(RULE))


def test_what_is_too_much_already_is_found_whatever_else_was_lost() -> None:
    answers = replace(guilty(RULE), damaged_trainees=frozenset({"L1"})).ask(RULE)
    only(answers)
    assert reasons(answers) == set()


def test_one_trainee_is_told_once_however_many_sessions_are_too_many() -> None:
    only(day_of("10:30", "12:45", "14:00").ask(RULE))


def test_road_and_field_hours_add_up() -> None:
    road = Drive("11:00", (1400, 500), every_s=10).to(*HOME_ROAD * 9, kmh=35)  # 9 x 6 km at 35 km/h = 93 min
    sessions = [session("8:00", "10:45"), session("11:00", "12:30", "R1", 3, session_id="K2", vehicle_id="V2")]
    world = World({"V1": Drive("8:00", MIDDLE, every_s=10).yard_until("10:45"), "V2": road}, sessions)
    finding = only(world.ask(RULE))  # 165 + 90 = 255: laps along one street are training, wherever
    assert finding.evidence["measured"]["confirmed_min"] == pytest.approx(255, abs=6)


def test_hours_on_a_track_too_thin_to_confirm_them_are_not_assessable() -> None:
    """Four and a half hours on the ground, heard once a minute: nobody can see that they were no training."""
    for every_s, answer in ((5, set()), (60, {"sampling-too-thin"})):
        drive = Drive("8:00", MIDDLE, every_s=every_s)
        for _ in range(5):
            drive.yard(30).park(24)
        assert unanswered(World({"V1": drive}, [session("8:00", "12:30")]).ask(RULE)) == answer
