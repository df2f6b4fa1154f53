"""Did the car train in a place approved for other schools, classes or parts, or on an exam site?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audit.day import NOTHING, VehicleDay
from audit.doubt import pieces, row_span, session_of, unless_permitted, untold
from audit.finding import Explanation, NotAssessable, Observation
from audit.training import Training
from trajectories.intervals import Intervals, intervals, ms_within, total_ms, union
from trajectories.minutes import MINUTE_MS
from zones.zone import Zone, ZoneKind

ROAD_PART = 3


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    min_minutes_min: float
    probability_share: float
    overlap_share: float


def assess(day: VehicleDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield each training in a place that is not approved for it, unless an approved place covers the same ground."""
    if (yield from untold(day)):
        return
    approved = day.approved_places()
    told = NOTHING
    for zone_ix, t in day.trained_in_places(p.probability_share):
        why = _why_wrong(day, t, zone_ix, approved, p)
        if why is None:
            continue
        zone = day.zone(zone_ix)
        lawful = union(day.excused(zone.zone_id), union(told, _exams(day, zone.zone_id)))
        for start, end, _ in pieces(t.when, lawful, 0, int(p.min_minutes_min * MINUTE_MS)):
            told = union(told, t.when)
            yield unless_permitted(day, _observation(day, t, zone, start, end, why, p))


def _why_wrong(day: VehicleDay, t: Training, zone_ix: int, approved: Sequence[int], p: Params) -> str | None:
    """Return what the approval lacks ("holder" or "part"), None where the training is approved there."""
    session = session_of(day, t.start_ms, t.end_ms)
    if not day.approves(zone_ix):
        others = [z for z in approved if z != zone_ix]
        if ms_within(day.time_in(others), t.start_ms, t.end_ms) >= p.overlap_share * total_ms(t.when):
            return None
        strays = session is not None and session.part == ROAD_PART and session.zone_id != day.zone(zone_ix).zone_id
        return None if strays and day.is_route(zone_ix) else "holder"  # straying to another route is off-route's matter
    if session is None or day.approves(zone_ix, session.part):
        return None
    both = ms_within(t.when, session.start_ms, session.end_ms)
    most = both >= p.overlap_share * (session.end_ms - session.start_ms) and both >= p.overlap_share * total_ms(t.when)
    return "part" if most and not day.is_route(zone_ix) else None


def _exams(day: VehicleDay, zone_id: str) -> Intervals:
    return intervals((e.start_ms, e.end_ms) for e in day.exams if e.site_id == zone_id)


def _observation(day: VehicleDay, t: Training, zone: Zone, start: int, end: int, why: str, p: Params) -> Observation:
    session = session_of(day, start, end)
    lacks = {"holder": ("学校或车型", "school or class"), "part": ("培训部分", "syllabus part")}[why]
    return Observation(
        start,
        end,
        row_span(day, start, end, "training where it is not approved"),
        zone_id=zone.zone_id,
        session_id=session.session_id if session else None,
        trainee_id=session.trainee_id if session else None,
        measured={
            "minutes": (end - start) / MINUTE_MS,
            "zone": zone.name,
            "path_km": t.path_m / 1000,
            "activity_score": t.p,
            "lacks_zh": lacks[0] if zone.kind is not ZoneKind.SITE else "任何训练(考场)",
            "lacks_en": lacks[1] if zone.kind is not ZoneKind.SITE else "any training (exam site)",
        },
        margins={"minutes_over": (end - start) / MINUTE_MS - p.min_minutes_min},
        excluded=(
            Explanation("passing-through", t.moving_share),
            Explanation("overlapping-place"),
            Explanation("permit"),
        ),
    )
