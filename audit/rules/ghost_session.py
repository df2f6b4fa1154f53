"""Was a session declared for a car that has fixes but did not train?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.day import VehicleDay
from audit.doubt import lost_sessions, row_span, thin_sampling, too_far_apart, unless_permitted, unplaced
from audit.finding import Explanation, NotAssessable, Observation
from trajectories.intervals import clip, interval, ms_within, subtract, total_ms
from trajectories.minutes import MINUTE_MS
from zones.declared import Session

ROAD_PART = 3


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    trained_share: float
    moving_share: float
    seen_share: float
    min_session_min: float


def assess(day: VehicleDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield each session of which next to nothing was training (for a road session: nor driving)."""
    if not day.sessions and day.doubts.sessions is None:
        return
    if (yield from unplaced(day)):
        return
    yield from lost_sessions(day)
    for session in day.sessions:
        yield from _assess_session(day, session, p)


def _assess_session(day: VehicleDay, session: Session, p: Params) -> Iterator[Observation | NotAssessable]:
    length = session.end_ms - session.start_ms
    if length < p.min_session_min * MINUTE_MS:
        return
    seen = ms_within(day.seen, session.start_ms, session.end_ms) / length
    if seen < p.seen_share:
        thin = too_far_apart(day, session.start_ms, session.end_ms, length // 2)
        yield NotAssessable(session.start_ms, session.end_ms, "sampling-too-thin" if thin else "silent")
        return
    if ms_within(day.placed, session.start_ms, session.end_ms) < p.seen_share * length:
        yield NotAssessable(session.start_ms, session.end_ms, "no-position")
        return
    moving = day.moving_ms(session.start_ms, session.end_ms) / length
    trained = ms_within(day.trained_time, session.start_ms, session.end_ms) / length
    if trained >= p.trained_share or (session.part == ROAD_PART and moving >= p.moving_share):
        return
    when = interval(session.start_ms, session.end_ms)
    unclear = "sampling-too-thin" if thin_sampling(day, when) else "matched-track" if day.passes.is_matched else None
    if unclear is not None and moving > p.moving_share:
        yield NotAssessable(session.start_ms, session.end_ms, unclear)
        return
    # What a permit leaves of a session is judged as a session: too short a rest is excused with it.
    if total_ms(subtract(when, day.excused(session.zone_id))) >= p.min_session_min * MINUTE_MS:
        yield unless_permitted(day, _observation(day, session, seen, moving, trained, p))


def _observation(
    day: VehicleDay, session: Session, seen: float, moving: float, trained: float, p: Params
) -> Observation:
    length = (session.end_ms - session.start_ms) / MINUTE_MS
    at = clip(day.seen, session.start_ms, session.end_ms)
    return Observation(
        session.start_ms,
        session.end_ms,
        row_span(day, session.start_ms, session.end_ms, "the session's time"),
        zone_id=session.zone_id,
        session_id=session.session_id,
        trainee_id=session.trainee_id,
        measured={
            "minutes": length,
            "moving_min": moving * length,
            "trained_min": trained * length,
            "seen_min": total_ms(at) / MINUTE_MS,
        },
        margins={"trained_below_share": p.trained_share - trained, "seen_above_share": seen - p.seen_share},
        excluded=(
            Explanation("silent-terminal", seen, p.seen_share),
            Explanation("slow-lesson" if moving <= p.moving_share else "other-drive", moving, p.moving_share),
        ),
    )
