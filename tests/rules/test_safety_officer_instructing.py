"""safety-officer-instructing: an exam safety officer sits as instructor in training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from checkpoints.passage import Seat
from tests.rules.filmed import OFFICERS, STAFF, Film, Shot, car, crowd, joined, shots_of, taught_by
from tests.rules.guilty import guilty
from tests.rules.world import DATE, ROUTE, Drive, at, only, session, silent, unanswered
from zones.declared import Exam
from zones.register import Role, StaffRole, Use

RULE = "safety-officer-instructing"


def seen_by(film: Film, keep: Callable[[Shot], bool]) -> Film:
    """The same without the shots of V1 that are not to be kept."""
    return replace(film, shots=[s for s in film.shots if s.vehicle_id != "V1" or keep(s)])


def at_cameras(film: Film, *cameras: str) -> Film:
    return seen_by(film, lambda s: s.camera_id in cameras)


def test_the_finding_names_the_officer_and_the_lesson() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert (finding.person_id, finding.session_id, finding.vehicle_id) == ("O01", "K1", "V1")
    assert finding.start_ms == at("12:00")
    assert finding.confidence is not None
    assert finding.confidence > 0.99
    assert "待核实" in finding.summary_zh
    assert "reason to check" in finding.summary_en


def test_each_piece_has_place_time_and_strength_in_words_and_no_score() -> None:
    seen = only(guilty(RULE).ask(RULE)).evidence["seen"]
    assert {s["camera_id"] for s in seen} == {f"C{i}" for i in range(1, 9)}
    for piece in seen:
        assert piece["strength"]["zh"]
        assert piece["strength"]["en"]
        assert piece["seat"] == "front_passenger"
        assert not {"score", "candidates", "person_id"} & set(piece)


def test_the_competing_explanations_are_named_with_what_excluded_them() -> None:
    told = {e["explanation"] for e in only(guilty(RULE).ask(RULE)).evidence["excluded"]}
    assert {"role", "exam-duty", "look-alike", "declared-instructor", "other-car", "lift", "seen-elsewhere"} <= told


def test_the_declared_instructor_in_the_seat_is_silent() -> None:
    assert not taught_by("A01").watched().ask(RULE).findings


def test_a_single_camera_is_never_a_finding_however_sure_the_match() -> None:
    one = at_cameras(taught_by("O01", score=0.95), "C3").watched()
    assert unanswered(one.ask(RULE)) == {"few-sightings"}
    assert not any(case.accepted for cases in one.night.cameras.crews.cases.values() for case in cases)


def test_as_many_cameras_as_the_office_asks_for_suffice_and_one_fewer_is_silent() -> None:
    world = guilty(RULE)
    only(world.ask(RULE, least_cameras=8))
    assert silent(world.ask(RULE, least_cameras=9))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(guilty(RULE).ask_under(RULE, "least_cameras", 9, 8, since=DATE))
    assert silent(guilty(RULE).ask_under(RULE, "least_cameras", 9, 8, since=date(2026, 3, 19)))


def test_without_a_session_the_training_itself_is_the_lesson() -> None:
    finding = only(taught_by("O01", declared=None).watched().ask(RULE))
    assert (finding.person_id, finding.session_id) == ("O01", None)


def test_an_officer_who_is_an_instructor_of_that_school_that_day_may_teach() -> None:
    staff = (*STAFF, StaffRole("O01", Role.INSTRUCTOR, "S1", None))
    assert silent(taught_by("O01", declared=None, staff=staff).watched().ask(RULE))


@pytest.mark.parametrize(
    "role",
    [
        StaffRole("O01", Role.INSTRUCTOR, "S2", None),
        StaffRole("O01", Role.INSTRUCTOR, "S1", None, valid_to=date(2026, 3, 17)),
        StaffRole("O01", Role.INSTRUCTOR, "S1", None, valid_from=date(2026, 3, 19)),
    ],
    ids=["of another school", "until yesterday", "from tomorrow"],
)
def test_a_role_of_another_school_or_time_does_not_excuse(role: StaffRole) -> None:
    only(taught_by("O01", declared=None, staff=(*STAFF, role)).watched().ask(RULE))


def test_whose_role_as_officer_has_ended_is_nobody_s_matter() -> None:
    staff = [replace(s, valid_to=date(2026, 3, 17)) if s.person_id == "O01" else s for s in STAFF]
    assert not taught_by("O01", staff=staff).watched().ask(RULE).findings


def test_an_officer_on_exam_duty_meanwhile_was_not_here() -> None:
    film = taught_by("O01")
    exam = Exam("E1", "X9", "O01", "X1", at("11:30"), at("13:00"))
    world = replace(film.world, exams=[exam], vehicles=[*film.world.vehicles, car("X9", 90, use=Use.EXAM, school=None)])
    assert not replace(film, world=world).watched().ask(RULE).findings


def test_a_look_alike_of_the_declared_instructor_on_the_list_is_never_accused() -> None:
    listed = {frozenset(("A01", "O01")): 0.8}
    assert not taught_by("O01", lookalikes=listed).watched().ask(RULE).findings


def test_an_officer_at_the_wheel_is_no_instructor() -> None:
    film = taught_by("O01")
    turned = [replace(s, seen=[(Seat.DRIVER, "O01", 0.9)]) if s.vehicle_id == "V1" else s for s in film.shots]
    assert not replace(film, shots=turned).watched().ask(RULE).findings


def test_in_the_back_seat_he_is_no_instructor() -> None:
    film = taught_by("O01")
    back = [replace(s, seen=[(Seat.REAR, "O01", 0.9)]) if s.vehicle_id == "V1" else s for s in film.shots]
    assert not replace(film, shots=back).watched().ask(RULE).findings


def test_an_unknown_seat_is_a_lead_at_most() -> None:
    film = taught_by("O01")
    vague = [replace(s, seen=[(Seat.UNKNOWN, "O01", 0.9)]) if s.vehicle_id == "V1" else s for s in film.shots]
    assert not replace(film, shots=vague).watched().ask(RULE).findings


def test_a_lift_outside_any_lesson_is_lawful() -> None:
    """He rides along 6 km through the city; nobody trains."""
    way = Drive("12:00", (500, 500), every_s=10).to((1400, 500), (1400, 1100), (500, 1100)).park(20)
    assert silent(joined(way, shots_of("V1", way, "O01", 98)).watched().ask(RULE))


def test_a_lift_after_the_lesson_with_the_instructor_at_the_wheel_is_lawful() -> None:
    """A yard lesson; then the instructor drives past four cameras, the officer beside."""
    drive = Drive("9:00", (50.0, 60.0), every_s=10).yard(40).to((500, 500)).to(ROUTE[1], ROUTE[2], ROUTE[3]).park(20)
    seen = [(Seat.DRIVER, "A01", 0.85), (Seat.FRONT_PASSENGER, "O01", 0.85)]
    shots = [replace(s, seen=seen) for s in shots_of("V1", drive, "O01", 98)]
    told = [session("9:00", "9:40", instructor_id="A01")]
    assert len(shots) >= 4
    assert not joined(drive, shots, told).watched().ask(RULE).findings


def test_the_drive_back_with_the_trainee_at_the_wheel_belongs_to_the_lesson() -> None:
    drive = Drive("9:00", (50.0, 60.0), every_s=10).yard(40).to((500, 500)).to(ROUTE[1], ROUTE[2], ROUTE[3]).park(20)
    told = [session("9:00", "9:40", instructor_id="A01")]
    finding = only(joined(drive, shots_of("V1", drive, "O01", 98), told).watched().ask(RULE))
    assert finding.start_ms == at("9:00")
    assert finding.end_ms > at("9:42")
    assert all(s["on_drive"] for s in finding.evidence["seen"])


@pytest.mark.parametrize("doubt", ["no-mandate", "no-passages", "no-matcher"])
def test_without_mandate_passages_or_matcher_nothing_is_said_of_persons(doubt: str) -> None:
    assert unanswered(taught_by("O01", crew_doubt=doubt).watched().ask(RULE)) == {doubt}


def test_with_too_few_scores_to_learn_from_nobody_is_accused() -> None:
    film = taught_by("O01")
    alone = replace(film, shots=[s for s in film.shots if s.vehicle_id == "V1"]).watched()
    assert unanswered(alone.ask(RULE)) == {"model-misfit"}


def test_nobody_below_the_line_is_kept() -> None:
    """One face of an officer among the declared instructor's: no case, no lead, no name anywhere."""
    film = taught_by("A01")
    first = next(i for i, s in enumerate(film.shots) if s.vehicle_id == "V1")
    stray = replace(film.shots[first], seen=[(Seat.FRONT_PASSENGER, OFFICERS[0], 0.57)])
    watched = replace(film, shots=[*film.shots[:first], stray, *film.shots[first + 1 :]]).watched()
    assert not watched.night.cameras.crews.cases
    assert OFFICERS[0] not in repr(watched.night.cameras.crews.cases)


def test_the_crowd_itself_is_innocent() -> None:
    assert not crowd().watched().ask(RULE).findings
