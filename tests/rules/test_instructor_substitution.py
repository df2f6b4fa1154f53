"""instructor-substitution: another registered instructor than the declared one conducts the session."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.rules.filmed import STAFF, joined, road_lesson, shots_of, taught_by
from tests.rules.guilty import guilty
from tests.rules.world import DATE, ROUTE, Drive, at, only, session, silent, unanswered

RULE = "instructor-substitution"


def test_the_finding_names_who_was_there_and_not_who_was_declared() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert (finding.person_id, finding.session_id) == ("A20", "K1")
    assert "而非申报的教练员" in finding.summary_zh


def test_an_instructor_of_another_school_counts_as_well() -> None:
    assert only(taught_by("B20").watched().ask(RULE)).person_id == "B20"


def test_whoever_is_matched_unusually_well_is_no_stranger_for_that() -> None:
    """Scores of 0.9 where 0.82 is usual."""
    assert only(taught_by("B20", score=0.9).watched().ask(RULE)).person_id == "B20"


def test_the_declared_one_is_silent() -> None:
    assert not taught_by("A01").watched().ask(RULE).findings


def test_where_nobody_was_declared_there_is_no_substitute() -> None:
    assert not taught_by("A20", declared=None).watched().ask(RULE).findings


def test_as_many_cameras_as_the_office_asks_for_suffice_and_one_fewer_is_silent() -> None:
    only(guilty(RULE).ask(RULE, least_cameras=8))
    assert silent(guilty(RULE).ask(RULE, least_cameras=9))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(guilty(RULE).ask_under(RULE, "least_cameras", 9, 8, since=DATE))
    assert silent(guilty(RULE).ask_under(RULE, "least_cameras", 9, 8, since=date(2026, 3, 19)))


def test_an_instructor_whose_role_has_ended_is_not_on_the_list_any_more() -> None:
    staff = [replace(s, valid_to=date(2026, 3, 17)) if s.person_id == "A20" else s for s in STAFF]
    assert not taught_by("A20", staff=staff).watched().ask(RULE).findings


def test_who_was_signed_on_in_another_car_that_really_taught_was_not_here() -> None:
    film = taught_by("A20")
    other = road_lesson("12:00", 3, 77)
    told = [
        *film.world.sessions,
        session("12:00", "12:25", "R1", 3, session_id="K2", vehicle_id="V2", instructor_id="A20"),
    ]
    world = replace(film.world, drives={**film.world.drives, "V2": other}, sessions=told)
    assert not replace(film, world=world).watched().ask(RULE).findings


def test_two_instructors_seen_in_turn_accuse_nobody() -> None:
    """The declared one is seen at half of the cameras: he was there."""
    film = taught_by("A20")
    mine = [s for s in film.shots if s.vehicle_id == "V1"]
    rest = [s for s in film.shots if s.vehicle_id != "V1"]
    turned = [
        replace(
            s, seen=[(seat, "A01" if p and s.camera_id in {"C1", "C3", "C5", "C7"} else p, x) for seat, p, x in s.seen]
        )
        for s in mine
    ]
    assert not replace(film, shots=[*rest, *turned]).watched().ask(RULE).findings


def test_a_drive_between_two_instructors_sessions_belongs_to_neither() -> None:
    """A20's own session begins ten minutes after A01's: on the drive between them he may be there already."""
    drive = Drive("9:00", (50.0, 60.0), every_s=10).yard(40).to((500, 500)).to(ROUTE[1], ROUTE[2], ROUTE[3], ROUTE[0])
    drive = drive.to((50, 60)).yard(40)
    told = [
        session("9:00", "9:40", instructor_id="A01"),
        session("9:55", "10:30", session_id="K2", instructor_id="A20"),
    ]
    assert not joined(drive, shots_of("V1", drive, "A20", 98), told).watched().ask(RULE).findings


@pytest.mark.parametrize("doubt", ["no-mandate", "no-passages", "no-matcher"])
def test_without_mandate_passages_or_matcher_nothing_is_said_of_persons(doubt: str) -> None:
    assert unanswered(taught_by("A20", crew_doubt=doubt).watched().ask(RULE)) == {doubt}


def test_a_lesson_that_fewer_than_two_cameras_saw_is_not_assessable() -> None:
    film = taught_by("A20")
    one = [s for s in film.shots if s.vehicle_id != "V1" or s.camera_id == "C3"]
    told = replace(film, shots=one).watched().ask(RULE)
    assert unanswered(told) == {"few-sightings"}
    assert [(n.start_ms, n.end_ms) for n in told.not_assessed if n.vehicle_id == "V1"] == [(at("12:00"), at("12:25"))]
