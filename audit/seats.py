"""Lessons as occasions for the evidence of faces: which faces count, who may sit there, where else a person was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from audit.lesson import Lesson
from audit.lessons import EXAM_GRACE_MS, HANDOVER_MS
from checkpoints.occasion import Alibi, Capture, Occasion
from checkpoints.passage import Face, Seat
from checkpoints.positions import CheckedPassage
from zones.declared import Exam, Session
from zones.register import Role, StaffRole, Vehicle

EXAM_DUTY = Alibi("exam-duty", 0.02, 0.45)
"""An officer in charge of an exam sits in the exam car, as the exam system records (evidence.md section 2: a reliable
record that contradicts)."""
OTHER_SESSION = Alibi("other-session", 0.02, 0.45)
"""Signed on in another car whose track shows the lesson (the same)."""
OWN_CAR = Alibi("own-car", 0.98, 0.55)
"""Says nothing of the person; the judge bars whoever carries it."""
NEAREST_SITES = 3
"""Officers of so many exam sites are counted as near to a car: people work where they live [A]."""
SAME_DRIVER_MS = 600_000
"""A driver seen so long before or after is taken to have been at the wheel: nobody changes on a road [A]."""
OWN_CAR_MS = 120_000
"""A person's own car at the same camera within so long may be what was read (evidence.md section 2, own-car test)."""


@dataclass(frozen=True)
class Roster:
    """Who is enrolled as what on the day."""

    officers: Mapping[str, frozenset[str]]  # person to exam sites
    instructors: Mapping[str, frozenset[str]]  # person to schools
    _teaching: dict[str | None, frozenset[str]] = field(default_factory=dict, init=False, compare=False, repr=False)

    @classmethod
    def of(cls, staff: Iterable[StaffRole]) -> Roster:
        """Make the roster of roles in force."""
        held: dict[Role, dict[str, set[str]]] = {Role.SAFETY_OFFICER: {}, Role.INSTRUCTOR: {}}
        for role in staff:
            where = held[role.role].setdefault(role.person_id, set())
            where |= {w for w in (role.school_id, role.site_id) if w is not None}
        officers, instructors = held[Role.SAFETY_OFFICER], held[Role.INSTRUCTOR]
        return cls({p: frozenset(w) for p, w in officers.items()}, {p: frozenset(w) for p, w in instructors.items()})

    @property
    def everybody(self) -> frozenset[str]:
        """Everybody enrolled."""
        return frozenset(self.officers) | frozenset(self.instructors)

    def teaching(self, school_id: str | None) -> frozenset[str]:
        """Return the instructors of a school; of a car without one, all."""
        if school_id not in self._teaching:
            mine = self.instructors.items()
            self._teaching[school_id] = frozenset(p for p, at in mine if school_id is None or school_id in at)
        return self._teaching[school_id]

    def officers_at(self, sites: Iterable[str]) -> frozenset[str]:
        """Return the officers of some exam sites."""
        near = set(sites)
        return frozenset(p for p, where in self.officers.items() if where & near)


class Seated(NamedTuple):
    """A face in the instructor's seat that counts, and the passage it is of."""

    checked: CheckedPassage
    face: Face
    capture: Capture


@dataclass(frozen=True)
class Desk:
    """What is known of where people and cars are meant to be: sessions and exams of all cars, their lessons, passages.

    `near_officers`: by vehicle, the officers who count as near to it. `elsewhere`: by passage, whom the model
    recognises at the wheel or behind. `doubted`: of whom a row of a register may be missing.
    """

    roster: Roster
    vehicles: Mapping[str, Vehicle]
    sessions: Mapping[str, tuple[Session, ...]]
    exams: Mapping[str, tuple[Exam, ...]]
    lessons: Mapping[str, tuple[Lesson, ...]]
    there: Mapping[str, tuple[CheckedPassage, ...]]
    near_officers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    elsewhere: Mapping[str, frozenset[str]] = field(default_factory=dict)
    doubted: frozenset[str] = frozenset()
    _by_person: dict[str, list[tuple[str, Session]]] = field(default_factory=dict, init=False)
    _exams_of: dict[str, list[Exam]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Index sessions by instructor and exams by officer."""
        for vehicle_id, held in self.sessions.items():
            for session in held:
                self._by_person.setdefault(session.instructor_id, []).append((vehicle_id, session))
        for exams in self.exams.values():
            for exam in exams:
                self._exams_of.setdefault(exam.officer_id, []).append(exam)

    def declared(self, vehicle_id: str, lesson: Lesson) -> str | None:
        """Return the declared instructor, None where nobody was, or somebody who may not teach at that school."""
        if lesson.session is None:
            return None
        person = lesson.session.instructor_id
        barred = person in self.roster.officers and person not in self._school_of(vehicle_id)
        return None if barred else person

    def rightful(self, vehicle_id: str, lesson: Lesson) -> frozenset[str]:
        """Return who may rightly sit there: the declared instructor, or, undeclared, any of the school.

        At a change of instructors, and where two sessions overlap, it may be either; in an exam car with an exam that
        day also its officer.
        """
        school = self._school_of(vehicle_id)
        near = {
            s.instructor_id
            for s in self.sessions.get(vehicle_id, ())
            if s.start_ms < lesson.end_ms + HANDOVER_MS and s.end_ms > lesson.start_ms - HANDOVER_MS
        }
        near = {p for p in near if p not in self.roster.officers or p in school}
        if self.declared(vehicle_id, lesson) is None:
            near |= school
        return frozenset(near) | {e.officer_id for e in self.exams.get(vehicle_id, ())}

    def _school_of(self, vehicle_id: str) -> frozenset[str]:
        return self.roster.teaching(self.vehicles[vehicle_id].school_id)

    def seated(self, vehicle_id: str, lesson: Lesson) -> list[Seated]:
        """Return the faces that count: of passages that the track confirms, in the lesson or on a drive of its own.

        With a person of the school in another seat, whoever sits beside is given a lift. So may be who sits there on a
        drive on which nobody was seen at the wheel.
        """
        held = [c for c in self.there.get(vehicle_id, ()) if c.is_read_so and lesson.holds(c.t_ms)]
        held = [c for c in held if not self._in_exam(vehicle_id, c.t_ms)]
        staff = self.rightful(vehicle_id, lesson) | self._school_of(vehicle_id)
        shown = {cand.person_id for c in held for f in c.passage.faces if _beside(f) for cand in f.candidates[:1]}
        driven = [c for c in held if any(f.seat is Seat.DRIVER for f in c.passage.faces)]
        kept = [c for c in held if not staff & self.elsewhere.get(c.passage.passage_id, frozenset())]
        kept = [c for c in kept if not (lesson.is_on_drive(c.t_ms) and self._may_be_lift(c, driven, staff | shown))]
        return [s for c in kept if (s := _seated(c)) is not None]

    def _may_be_lift(self, c: CheckedPassage, driven: Sequence[CheckedPassage], staff: frozenset[str]) -> bool:
        """Whether the driver seen nearest in time was of the school, or none was seen at all."""
        near = min(driven, key=lambda d: (abs(d.t_ms - c.t_ms), d.t_ms), default=None)
        if near is None or abs(near.t_ms - c.t_ms) > SAME_DRIVER_MS:
            return True
        return bool(staff & self.elsewhere.get(near.passage.passage_id, frozenset()))

    def occasion(self, vehicle_id: str, lesson: Lesson, seated: Sequence[Seated], wrong_car: float) -> Occasion:
        """Return a lesson's faces as the evidence model takes them."""
        school = self._school_of(vehicle_id)
        shown = {person for s in seated for person in s.capture.scores}
        alibis = {p: a for p in sorted(shown) if (a := self.alibi(p, vehicle_id, seated)) is not None}
        return Occasion(
            key=f"{vehicle_id}/{lesson.number}",
            declared=self.declared(vehicle_id, lesson),
            rightful=self.rightful(vehicle_id, lesson),
            colleagues=school | self.near_officers.get(vehicle_id, frozenset()),
            captures=tuple(s.capture for s in seated),
            alibis=alibis,
            wrong_car=wrong_car,
        )

    def alibi(self, person: str, vehicle_id: str, seated: Sequence[Seated]) -> Alibi | None:
        """Return what the records say of where else a person was when seen here; None for nothing."""
        times = [s.checked.t_ms for s in seated if person in s.capture.scores]
        for exam in self._exams_of.get(person, ()):
            if any(exam.start_ms - EXAM_GRACE_MS <= t < exam.end_ms + EXAM_GRACE_MS for t in times):
                return EXAM_DUTY
        for other, session in self._by_person.get(person, ()):
            if other == vehicle_id:
                continue
            if any(session.start_ms <= t < session.end_ms and self._driven(other, session) for t in times):
                return OTHER_SESSION
            if any(self._own_car(other, session, s) for s in seated if person in s.capture.scores):
                return OWN_CAR
        return None

    def _driven(self, vehicle_id: str, session: Session) -> bool:
        return any(lesson.session == session for lesson in self.lessons.get(vehicle_id, ()))

    def _own_car(self, other: str, session: Session, s: Seated) -> bool:
        """Whether a car that a person was declared in may be the one that was read, or passed just before or after."""
        t_ms = s.checked.t_ms
        if not session.start_ms - OWN_CAR_MS <= t_ms < session.end_ms + OWN_CAR_MS:
            return False
        if any(reading.vehicle_id == other for reading in s.checked.passage.others):
            return True
        camera = s.checked.passage.camera_id
        return any(
            c.passage.camera_id == camera and abs(c.t_ms - t_ms) <= OWN_CAR_MS for c in self.there.get(other, ())
        )

    def _in_exam(self, vehicle_id: str, t_ms: int) -> bool:
        exams = self.exams.get(vehicle_id, ())
        return any(e.start_ms - EXAM_GRACE_MS <= t_ms < e.end_ms + EXAM_GRACE_MS for e in exams)


def _beside(face: Face) -> bool:
    return face.seat in {Seat.FRONT_PASSENGER, Seat.UNKNOWN}


def _seated(c: CheckedPassage) -> Seated | None:
    """Return the face in the instructor's seat: of several the one of best quality, a known seat before an unknown."""
    faces = [f for f in c.passage.faces if _beside(f)]
    if not faces:
        return None
    face = max(faces, key=lambda f: (f.seat is Seat.FRONT_PASSENGER, f.quality or 0.0))
    scores = {cand.person_id: cand.score for cand in face.candidates}
    known = face.seat is Seat.FRONT_PASSENGER
    return Seated(c, face, Capture(c.passage.camera_id, c.t_ms, face.quality, scores, face.declared_score, known))
