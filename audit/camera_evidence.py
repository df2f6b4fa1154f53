"""What cameras saw, as evidence: passages with their times and clocks, persons with the strength of each piece."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from audit.day import VehicleDay
from audit.doubt import row_span, whole_day
from audit.finding import Explanation, NotAssessable, Observation
from audit.lesson import Case, Lesson
from checkpoints.positions import CheckedPassage
from checkpoints.verbal import strength
from trajectories.clock import LocalTime

POSTERIOR = (
    "posterior of the evidence model of faces, for this lesson; calibrated in simulation, "
    "not against confirmed cases of this city"
)


def passage_seen(c: CheckedPassage, local: LocalTime) -> dict[str, Any]:
    """Return a passage as evidence names it: where and when, the clock's error, where the car was by its track."""
    return {
        "passage_id": c.passage.passage_id,
        "file": c.passage.file,
        "row": c.passage.row,
        "camera_id": c.passage.camera_id,
        "time": local.iso(c.t_ms),
        "shot_time": local.iso(c.passage.shot_ms),
        "clock_offset_s": c.clock.offset_s,
        "time_sigma_s": c.sigma_s,
        "clock_votes": c.clock.votes,
        "whereabouts": c.whereabouts.value,
        "nearest_m": c.nearest_m,
        "out_of_reach_s": c.margin_s,
    }


def untold_crew(day: VehicleDay, *, declared_only: bool) -> Generator[NotAssessable, None, bool]:
    """Yield why the crew of a car's lessons cannot be told, and return whether that is so of all of them.

    `declared_only`: of declared lessons alone.
    """
    for reason in (day.doubts.crew, day.doubts.register, day.doubts.sessions):
        if reason is not None:
            yield whole_day(day, reason)
            return True
    if not day.is_heard:
        yield whole_day(day, day.doubts.fixes or "no-fixes")
        return True
    for reason, lessons in (("few-sightings", day.unseen_lessons), ("register-damaged", day.doubtful_lessons)):
        for lesson in lessons:
            if lesson.session is not None or not declared_only:
                yield NotAssessable(lesson.start_ms, lesson.end_ms, reason)
    return False


def accepted(day: VehicleDay, rule: str, least_cameras: float) -> Iterator[Case]:
    """Yield the cases of a rule that are above the night's line."""
    for case in day.cases:
        if case.rule == rule and case.accepted and case.verdict.n_cameras >= least_cameras:
            yield case


def crew_observation(
    day: VehicleDay, case: Case, least_cameras: float, excluded: tuple[Explanation, ...]
) -> Observation:
    """Return a case as an observation: the lesson, what was seen of the person when and where, and how strong it is."""
    verdict, lesson = case.verdict, case.lesson
    together = strength(verdict.log10_lr)
    session = lesson.session
    return Observation(
        *_span(case),
        row_span(day, lesson.drive_start_ms, lesson.drive_end_ms, "the lesson and the drives around it"),
        zone_id=None if session is None else session.zone_id,
        session_id=None if session is None else session.session_id,
        person_id=verdict.person_id,
        measured={
            "cameras": verdict.n_cameras,
            "minutes": (lesson.end_ms - lesson.start_ms) / 60_000,
            "trained_min": lesson.trained_ms / 60_000,
            "strength_zh": together["zh"],
            "strength_en": together["en"],
            "posterior": verdict.posterior,
            "log10_scores": verdict.log10_lr,
            "log10_declared": verdict.log10_declared,
            "log10_alibi": verdict.log10_alibi,
            "cap": verdict.cap,
            **_declared(lesson),
        },
        margins={
            "cameras_over": verdict.n_cameras - least_cameras + 1,
            "posterior_above_lead_share": verdict.posterior - 0.5,
        },
        excluded=excluded,
        seen=tuple(_sighting(case, i, day.day.local) for i in range(len(case.sightings))),
        confidence=verdict.posterior,
        confidence_basis=POSTERIOR,
    )


def _span(case: Case) -> tuple[int, int]:
    """Return the time of the lesson, with the drives on which the person was seen."""
    lesson = case.lesson
    times = [s.checked.t_ms for s in case.sightings if s.on_drive and s.shown]
    start = lesson.drive_start_ms if any(t < lesson.start_ms for t in times) else lesson.start_ms
    end = lesson.drive_end_ms if any(t >= lesson.end_ms for t in times) else lesson.end_ms
    return start, end


def _declared(lesson: Lesson) -> dict[str, str]:
    if lesson.session is None:
        return {"declared_zh": "未申报课时", "declared_en": "no session was declared"}
    return {"declared_zh": "申报由其他教练员教练", "declared_en": "another instructor was declared"}


def _sighting(case: Case, i: int, local: LocalTime) -> dict[str, Any]:
    """Return one face as evidence names it: no score, no picture; what it is worth alone, in figures and in words."""
    s = case.sightings[i]
    return {
        **passage_seen(s.checked, local),
        "seat": s.seat.value,
        "shown": s.shown,
        "quality": s.quality,
        "log10_lr": s.log10_lr,
        "strength": strength(s.log10_lr),
        "on_drive": s.on_drive,
    }
