"""Who sat in the instructor's seat, for a whole night: the model learnt, all lessons judged, the night's line drawn.

Only persons above the line become findings; what is between it and one half may be a lead; below that nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from audit.crew_night import OFFICER, SUBSTITUTE, CrewNight, MatcherScale
from audit.lesson import Case, Lesson, Sighting
from audit.seats import Desk, Roster, Seated
from checkpoints.decision import best_of_each, decide, is_lead
from checkpoints.observation import Observation
from checkpoints.occasion import Capture, Verdict, one_per_camera
from checkpoints.passage import Candidate, Seat
from checkpoints.photo_history import poor_photos
from checkpoints.posterior import judge_many
from checkpoints.priors import Priors
from checkpoints.score_fit import fit
from checkpoints.score_model import Rows, ScoreModel

LEAST_CAMERAS = 2
"""With fewer cameras that saw a face in the seat, nothing can be said of who sat there."""
RECOGNISED_LOG10 = 1.0
"""Somebody in another seat is taken to be recognised from moderate support on (a ratio of ten): it only excuses."""


def judge_crews(
    desk: Desk,
    scale: MatcherScale,
    lookalikes: Mapping[frozenset[str], float] | None,
    wrong_car: float,
    levels: Mapping[str, float],
    pi_s: float,
) -> CrewNight:
    """Judge all lessons of a night. `levels`: the false discovery rate by rule; `pi_s`: see `checkpoints.priors`."""
    learnt = tuple(observations(desk))
    fitted = fit(learnt, scale.threshold, scale.top_k, scale.score_range)
    desk = replace(desk, elsewhere=_elsewhere(desk, fitted.model))
    held = {
        (v, lesson.number): (lesson, desk.seated(v, lesson)) for v, found in desk.lessons.items() for lesson in found
    }
    occasions = [desk.occasion(v, lesson, seated, wrong_car) for (v, _), (lesson, seated) in held.items() if seated]
    photos = poor_photos(learnt, fitted.model)
    priors = Priors(n_enrolled=len(desk.roster.everybody), pi_s=pi_s, poor_photo=photos)
    verdicts = judge_many(occasions, fitted.model, priors, lookalikes, least=0.5)
    by_key = {f"{v}/{n}": (v, *rest) for (v, n), rest in held.items()}
    told: dict[str, list[Case]] = {}
    for case, vehicle_id in _cases(desk, verdicts, by_key, levels, fitted.model):
        told.setdefault(vehicle_id, []).append(case)
    doubtful: dict[str, list[Lesson]] = {}
    for verdict in verdicts:
        if verdict.person_id in desk.doubted:
            vehicle_id, lesson, _ = by_key[verdict.key]
            doubtful.setdefault(vehicle_id, []).append(lesson)
    unseen: dict[str, list[Lesson]] = {}
    for (v, _), (lesson, seated) in held.items():
        if len({s.capture.camera_id for s in seated if s.capture.seat_known}) < LEAST_CAMERAS:
            unseen.setdefault(v, []).append(lesson)
    cases = {v: tuple(c) for v, c in told.items()}
    return CrewNight(cases, _frozen(unseen), _frozen(doubtful), fitted, learnt)


def _frozen(lessons: Mapping[str, Sequence[Lesson]]) -> dict[str, tuple[Lesson, ...]]:
    return {v: tuple(dict.fromkeys(held)) for v, held in lessons.items()}


def observations(desk: Desk) -> Iterator[Observation]:
    """Yield the lessons to learn from: the declared instructors, and against them instructors of other schools."""
    strangers: dict[str | None, frozenset[str]] = {}
    for vehicle_id in sorted(desk.lessons):
        school_id = desk.vehicles[vehicle_id].school_id
        if school_id not in strangers:  # one set a school: a city has thousands of lessons and of instructors
            strangers[school_id] = frozenset(desk.roster.instructors) - desk.roster.teaching(school_id)
        decoys = strangers[school_id]
        for lesson in desk.lessons[vehicle_id]:
            captures = tuple(s.capture for s in desk.seated(vehicle_id, lesson))
            if captures:
                declared = desk.declared(vehicle_id, lesson)
                mine = decoys if declared not in decoys else decoys - {declared}
                yield Observation(f"{vehicle_id}/{lesson.number}", declared, captures, mine)


def _elsewhere(desk: Desk, model: ScoreModel) -> dict[str, frozenset[str]]:
    """Return by passage whom the model recognises at the wheel or behind."""
    faces = [
        (c, f.quality, cand)
        for held in desk.there.values()
        for c in held
        for f in c.passage.faces
        if f.seat in {Seat.DRIVER, Seat.REAR}
        for cand in f.candidates[:1]
    ]
    out: dict[str, frozenset[str]] = {}
    log10 = single_log10(model, [(c.passage.camera_id, q, cand) for c, q, cand in faces])
    for (c, _, cand), weight in zip(faces, log10.tolist(), strict=True):
        if weight >= RECOGNISED_LOG10:
            out[c.passage.passage_id] = out.get(c.passage.passage_id, frozenset()) | {cand.person_id}
    return out


def single_log10(
    model: ScoreModel, faces: Sequence[tuple[str, float | None, Candidate | None]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return what each face alone is worth for a person shown in it (None: not shown), as log10 LR; shape (n,)."""
    shift = np.array([model.camera_shift.get(camera, 0.0) for camera, _, _ in faces])
    x = np.array([np.nan if cand is None else model.unit(cand.score) for _, _, cand in faces], np.float64)
    limit = np.full(len(faces), model.unit(model.threshold)) - shift
    lift = np.array([model.lift(quality) for _, quality, _ in faces], np.float64)
    rows = Rows(np.arange(len(faces)), x - shift, limit, lift, np.zeros(len(faces)))
    return np.asarray(model.log_ratios(rows).genuine / np.log(10.0))


def rule_of(person: str, lesson: Lesson, school_id: str | None, roster: Roster) -> str | None:
    """Return which rule a person in the instructor's seat of a lesson is a matter of; None for no rule of ours."""
    if person in roster.officers and person not in roster.teaching(school_id):
        return OFFICER
    if person in roster.instructors and lesson.session is not None:
        return SUBSTITUTE
    return None


def _cases(
    desk: Desk,
    verdicts: Sequence[Verdict],
    by_key: Mapping[str, tuple[str, Lesson, list[Seated]]],
    levels: Mapping[str, float],
    model: ScoreModel,
) -> Iterator[tuple[Case, str]]:
    """Yield the likeliest person of each lesson, with whether the night's line accepts it.

    The line is drawn over all of them: the false discovery rate is one of the night.
    """
    best = []
    for verdict in (verdicts[i] for i in best_of_each(verdicts)):
        vehicle_id, lesson, seated = by_key[verdict.key]
        rule = rule_of(verdict.person_id, lesson, desk.vehicles[vehicle_id].school_id, desk.roster)
        if rule is not None and rule in levels and verdict.person_id not in desk.doubted:
            best.append((rule, vehicle_id, lesson, seated, verdict))
    accepted = {rule: set(decide([b[-1] for b in best], level)) for rule, level in levels.items()}
    for i, (rule, vehicle_id, lesson, seated, verdict) in enumerate(best):
        if i in accepted[rule] or is_lead(verdict):
            sightings = _sightings(verdict, lesson, seated, model)
            yield Case(rule, lesson, verdict, sightings, i in accepted[rule]), vehicle_id


def _sightings(verdict: Verdict, lesson: Lesson, seated: Sequence[Seated], model: ScoreModel) -> tuple[Sighting, ...]:
    """Return the faces that the verdict rests on, one a camera, with what each alone is worth."""
    kept = set(map(_id, one_per_camera(tuple(s.capture for s in seated))))
    held = [s for s in seated if _id(s.capture) in kept]
    faces = []
    for s in held:
        score = s.capture.scores.get(verdict.person_id)
        cand = None if score is None else Candidate(verdict.person_id, score)
        faces.append((s.capture.camera_id, s.capture.quality, cand))
    log10 = single_log10(model, faces).tolist()
    return tuple(
        Sighting(
            s.checked, s.face.seat, s.capture.quality, weight, cand is not None, lesson.is_on_drive(s.checked.t_ms)
        )
        for s, (_, _, cand), weight in zip(held, faces, log10, strict=True)
    )


def _id(capture: Capture) -> tuple[str, int]:
    return capture.camera_id, capture.t_ms
