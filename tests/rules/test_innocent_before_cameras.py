"""Innocent people and cars that cameras could accuse: each for a reason of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from audit.day import Doubts
from audit.leads import leads_of
from checkpoints.passage import Seat
from tests.rules.filmed import (
    CAMERAS,
    STAFF,
    Film,
    Shot,
    car,
    crowd,
    drives_past,
    joined,
    road_lesson,
    shots_of,
    taught_by,
)
from tests.rules.world import HOME, ROUTE, Drive, World, at, reasons, session
from zones.declared import Exam
from zones.register import Role, StaffRole, Use

PEOPLE = ("safety-officer-instructing", "instructor-substitution")


def accused(world: World) -> set[str | None]:
    return {f.person_id for rule in PEOPLE for f in world.ask(rule).findings}


def with_sessions(film: Film, *told: Any) -> Film:
    kept = [s for s in film.world.sessions if s.vehicle_id != "V1"]
    return replace(film, world=replace(film.world, sessions=[*kept, *told]))


def seen_as(film: Film, *seen: tuple[Seat, str | None, float]) -> Film:
    return replace(film, shots=[replace(s, seen=list(seen)) if s.vehicle_id == "V1" else s for s in film.shots])


# ---------------------------------------------------------------- registers
@pytest.mark.parametrize("doubts", [Doubts(sessions="register-damaged"), Doubts(register="register-damaged")])
@pytest.mark.parametrize("person", ["O01", "A20"])
def test_where_a_row_about_the_car_was_rejected_nobody_is_named_not_even_as_a_lead(doubts: Doubts, person: str) -> None:
    film = taught_by(person)
    world = replace(film, world=replace(film.world, doubts=doubts)).watched()
    assert accused(world) == set()
    assert all("register-damaged" in reasons(world.ask(rule)) for rule in PEOPLE)
    assert leads_of(world.facts, frozenset()) == ()


@pytest.mark.parametrize("person", ["O01", "A20"])
def test_whose_role_or_exam_may_have_been_lost_is_not_named_and_the_lesson_is_not_assessable(person: str) -> None:
    film = taught_by(person)
    witnesses = Film.witnesses

    class Doubted(Film):
        def witnesses(self) -> Any:
            return replace(witnesses(self), doubted=frozenset({person}))

    world = Doubted(film.world, film.shots, film.staff, film.cameras, film.lookalikes).watched()
    assert accused(world) == set()
    rule = PEOPLE[0] if person == "O01" else PEOPLE[1]
    told = [n for n in world.ask(rule).not_assessed if n.vehicle_id == "V1"]
    assert {(n.reason, n.start_ms) for n in told} == {("register-damaged", at("12:00"))}


def test_a_declared_instructor_who_is_an_officer_without_a_role_at_the_school_is_found() -> None:
    """What is declared does not make it lawful."""
    assert accused(taught_by("O01", declared="O01").watched()) == {"O01"}


def test_in_a_car_of_no_school_every_instructor_may_teach() -> None:
    film = taught_by("O01", staff=(*STAFF, StaffRole("O01", Role.INSTRUCTOR, "S2", None)), declared=None)
    cars = [car("V1", 1, use=Use.EXAM, school=None), *film.world.vehicles[1:]]
    assert accused(replace(film, world=replace(film.world, vehicles=cars)).watched()) == set()


# ---------------------------------------------------------------- sessions
def test_of_two_instructors_declared_at_once_neither_is_accused() -> None:
    told = [session("12:00", "12:25", "R1", 3, instructor_id=p, session_id=f"K-{p}") for p in ("A01", "A20")]
    assert accused(with_sessions(taught_by("A20"), *told).watched()) == set()


def test_who_takes_over_earlier_than_declared_is_not_accused() -> None:
    told = [
        session("11:30", "12:15", "R1", 3, instructor_id="A01"),
        session("12:15", "12:45", "R1", 3, instructor_id="A20", session_id="K2"),
    ]
    assert accused(with_sessions(taught_by("A20"), *told).watched()) == set()


def test_a_session_told_twice_is_one_finding() -> None:
    told = [session("12:00", "12:25", "R1", 3, instructor_id="A01", session_id=k) for k in ("K1", "K9")]
    world = with_sessions(taught_by("A20"), *told).watched()
    assert len(world.ask("instructor-substitution").findings) == 1


def test_a_theory_session_is_no_lesson_in_the_car() -> None:
    told = session("12:00", "12:25", "R1", 1, instructor_id="A01")
    assert accused(with_sessions(taught_by("A20"), told).watched()) == set()


def test_an_exam_day_that_runs_late_accuses_nobody() -> None:
    drive = Drive("9:00", ROUTE[0], every_s=10, seed=99).drive_round(ROUTE, 6)
    film = joined(drive, shots_of("V1", drive, "O01", 98))
    exam = Exam("E1", "V1", "O01", "X1", at("9:00"), at("9:25"))
    cars = [car("V1", 1, use=Use.EXAM, school=None), *film.world.vehicles[1:]]
    assert drive.now_s > at("9:40") / 1000
    assert accused(replace(film, world=replace(film.world, exams=[exam], vehicles=cars)).watched()) == set()


# ---------------------------------------------------------------- seats
@pytest.mark.parametrize("where", [Seat.DRIVER, Seat.REAR])
def test_with_the_declared_instructor_in_another_seat_who_sits_beside_is_given_a_lift(where: Seat) -> None:
    film = seen_as(taught_by("O01"), (where, "A01", 0.85), (Seat.FRONT_PASSENGER, "O01", 0.85))
    assert accused(film.watched()) == set()


# ---------------------------------------------------------------- plates
def conflicts(world: World) -> set[str | None]:
    return {f.vehicle_id for f in world.ask("plate-conflict").findings}


def parked(film: Film) -> Film:
    """The same cars, each with its terminal on an hour before and after: nobody is silent."""
    drives = {}
    for v, d in film.world.drives.items():
        longer = Drive("8:00", d.way[0][1:], every_s=d.every_s, seed=d.seed)
        longer.way = [(d.way[0][0] - 3600, *d.way[0][1:]), *d.way, (d.now_s + 3600, *d.way[-1][1:])]
        drives[v] = longer
    return replace(film, world=replace(film.world, drives=drives))


@pytest.mark.parametrize("off_s", [180.0, 600.0, 3000.0])
def test_a_terminal_whose_clock_is_wrong_makes_no_clone(off_s: float) -> None:
    film = parked(crowd())
    drive = film.world.drives["V12"]
    late = Drive("8:00", HOME, every_s=drive.every_s, seed=drive.seed)
    late.way = [(s + off_s, e, n) for s, e, n in drive.way]
    world = replace(film.world, drives={**film.world.drives, "V12": late})
    assert conflicts(replace(film, world=world).watched()) == set()


def test_a_camera_registered_in_the_wrong_place_contradicts_nobody_and_is_named() -> None:
    film = parked(crowd())
    moved = replace(film, cameras={**film.cameras, "C3": (9_000.0, 9_000.0)}).watched()
    assert conflicts(moved) == set()
    assert moved.night.cameras.suspect == {"C3"}


def test_cameras_half_an_hour_off_contradict_nobody() -> None:
    film = parked(crowd())
    shots = [replace(s, off_s=1800.0) if s.camera_id in {"C1", "C2", "C3"} else s for s in film.shots]
    assert conflicts(replace(film, shots=shots).watched()) == set()


def test_a_feed_of_which_most_cars_are_contradicted_is_doubted_and_no_car_accused() -> None:
    film = parked(crowd())
    drives = dict(film.world.drives)
    for v in ("V10", "V12", "V14", "V16"):
        d = drives[v]
        aside = Drive("8:00", HOME, every_s=d.every_s, seed=d.seed)
        aside.way = [(s, e + 4000, n - 4000) for s, e, n in d.way]
        drives[v] = aside
    world = replace(film, world=replace(film.world, drives=drives)).watched()
    assert conflicts(world) == set()


@pytest.mark.parametrize("every_s", [5, 60, 90])
def test_however_seldom_the_car_that_was_misread_is_heard_the_other_is_no_clone(every_s: int) -> None:
    base = joined(Drive("8:00", HOME).park_until("12:00"), [])
    twins = [replace(car("V1", 1), plate="沪A8308学"), replace(car("V2", 2), plate="沪A3308学")]
    trip = Drive("8:30", (500, 500), every_s=every_s, seed=5).park(30).drive_round(ROUTE, 2).park(30)
    cameras = ("C1", "C2", "C3", "C5")
    shots = [Shot(c, t, "V2", read_as="沪A8308学") for c in cameras for t in drives_past(trip, CAMERAS[c])]
    world = replace(base.world, drives={**base.world.drives, "V2": trip}, vehicles=[*twins, *base.world.vehicles[2:]])
    assert len(shots) >= 4
    assert conflicts(replace(base, world=world, shots=[*base.shots, *shots]).watched()) == set()


def test_a_position_that_hangs_and_then_jumps_says_nothing_of_where_the_car_was() -> None:
    """The receiver is lost for twenty minutes while the terminal goes on sending its last place."""
    film = parked(joined(road_lesson("12:00", 6, 99), shots_of("V1", road_lesson("12:00", 6, 99), "A01", 98)))
    world = film.world
    fixes = world.drives["V1"].fixes

    class Hung(Drive):
        def fixes(self) -> Any:
            t_ms, east, north, speed = fixes()
            stuck = (t_ms > at("12:08")) & (t_ms < at("12:28"))
            first = int(stuck.argmax())
            east, north = east.copy(), north.copy()
            east[stuck], north[stuck] = east[first] + 900.0, north[first]
            return t_ms, east, north, speed

    hung = Hung("8:00", HOME)
    hung.way = world.drives["V1"].way
    assert "V1" not in conflicts(replace(film, world=replace(world, drives={**world.drives, "V1": hung})).watched())


def test_passages_that_name_no_registered_car_are_as_good_as_none() -> None:
    assert not taught_by("O01").watched().witnesses.plate_doubt
    bare = replace(crowd(), shots=[]).watched()
    assert not bare.witnesses.is_there
