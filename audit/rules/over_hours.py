"""Do a trainee's declared sessions, so far as the track confirms them, exceed the limit of the service day?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.day import TraineeDay
from audit.finding import Explanation, NotAssessable, Observation
from trajectories.intervals import interval, intervals, total_ms, union
from trajectories.minutes import MINUTE_MS

SUBJECT = "trainee"


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    limit_min: float
    tolerance_min: float


def assess(day: TraineeDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield one observation where the confirmed time passes the limit; time that overlaps counts once."""
    limit_ms = (p.limit_min + p.tolerance_min) * MINUTE_MS
    confirmed = declared = intervals([])
    passing = None
    for record in day.records:
        declared = union(declared, interval(record.session.start_ms, record.session.end_ms))
        confirmed = union(confirmed, record.confirmed)
        if passing is None and total_ms(confirmed) > limit_ms:
            passing = record
    if passing is not None:
        yield _observation(day, passing.vehicle.vehicle_id, total_ms(confirmed), total_ms(declared), p)
    elif day.damaged:  # a session that was lost with its row may have been one too many
        yield _untold(day, "register-damaged")
    elif total_ms(declared) > limit_ms and _may_hide(day, total_ms(confirmed), limit_ms):
        reasons = [r.reason for r in day.records if r.reason is not None]
        yield _untold(day, reasons[0] if reasons else "unconfirmed")


def _untold(day: TraineeDay, reason: str) -> NotAssessable:
    return NotAssessable(day.records[0].session.start_ms, max(r.session.end_ms for r in day.records), reason)


def _may_hide(day: TraineeDay, confirmed_ms: int, limit_ms: float) -> bool:
    """Whether the time that was not seen could carry the sum over the limit."""
    return confirmed_ms + sum(r.unseen_ms for r in day.records) > limit_ms


def _observation(day: TraineeDay, vehicle_id: str, confirmed_ms: int, declared_ms: int, p: Params) -> Observation:
    last = max(r.session.end_ms for r in day.records)
    return Observation(
        day.records[0].session.start_ms,
        last,
        trainee_id=day.trainee_id,
        vehicle_id=vehicle_id,
        measured={
            "confirmed_min": confirmed_ms / MINUTE_MS,
            "declared_min": declared_ms / MINUTE_MS,
            "limit_min": p.limit_min,
            "sessions": len(day.records),
            "session_ids": [r.session.session_id for r in day.records],
        },
        margins={"minutes_over": confirmed_ms / MINUTE_MS - p.limit_min - p.tolerance_min},
        excluded=(
            Explanation("ghost-time", confirmed_ms / MINUTE_MS),
            Explanation("counted-twice"),
        ),
    )
