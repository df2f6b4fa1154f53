"""Did the car train in an approved place at an approved time without a declared session?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.day import VehicleDay
from audit.doubt import lost_sessions, pieces, row_span, unless_permitted, untold
from audit.finding import Explanation, NotAssessable, Observation
from audit.training import Training
from trajectories.intervals import intersect, union
from trajectories.minutes import MINUTE_MS
from zones.zone import Zone


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    min_minutes_min: float
    grace_min: float
    probability_share: float


def assess(day: VehicleDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield each lawful training that no session covers."""
    if day.doubts.register is None and day.doubts.sessions is not None:
        yield from lost_sessions(day)
        return
    if (yield from untold(day)):
        return
    told = union(day.declared_time(int(p.grace_min * MINUTE_MS)), day.excused())
    for zone_ix, t in day.trained_in_places(p.probability_share):
        if not day.approves(zone_ix):
            continue
        hours = day.hours(zone_ix)
        lawful = t.when if hours is None else intersect(t.when, hours)
        covered = union(told, day.excused(day.zone(zone_ix).zone_id))
        for start, end, ms in pieces(lawful, covered, int(p.grace_min * MINUTE_MS), int(p.min_minutes_min * MINUTE_MS)):
            told = union(told, t.when)
            yield unless_permitted(day, _observation(day, t, day.zone(zone_ix), (start, end, ms), p))


def _observation(day: VehicleDay, t: Training, zone: Zone, piece: tuple[int, int, int], p: Params) -> Observation:
    start, end, ms = piece
    return Observation(
        start,
        end,
        row_span(day, start, end, "training without a declared session"),
        zone_id=zone.zone_id,
        measured={"minutes": ms / MINUTE_MS, "zone": zone.name, "path_km": t.path_m / 1000, "activity_score": t.p},
        margins={"minutes_over": ms / MINUTE_MS - p.min_minutes_min},
        excluded=(
            Explanation("early-or-late", ms / MINUTE_MS, p.grace_min),
            Explanation("passing-through", t.moving_share),
        ),
    )
