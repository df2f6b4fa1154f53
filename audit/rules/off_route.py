"""Did the car, in a declared road session, leave the session's route and every other route approved for it?

The ways to and from the route don't count, nor does a stretch shorter than a lawful detour, nor time in an approved
ground.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.day import VehicleDay
from audit.doubt import lost_sessions, thin_sampling, unless_permitted, unplaced
from audit.finding import Explanation, NotAssessable, Observation, RowSpan
from trajectories.fleet import I8
from trajectories.intervals import intersect, intervals, total_ms, union
from trajectories.minutes import MINUTE_MS
from zones.declared import Session
from zones.following import Deviations, deviations

ROAD_PART = 3


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    detour_min: float
    detour_m: float
    way_min: float
    margin_m: float
    bridge_s: float


def assess(day: VehicleDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield each stretch off the route of each road session."""
    sessions = [s for s in day.sessions if s.part == ROAD_PART]
    if not sessions and day.doubts.sessions is None:
        return
    if (yield from unplaced(day)):
        return
    yield from lost_sessions(day)
    for session in sessions:
        yield from _assess_session(day, session, p)


def _assess_session(day: VehicleDay, session: Session, p: Params) -> Iterator[Observation | NotAssessable]:
    allowed = _allowed_routes(day, session)
    if allowed is None:
        yield NotAssessable(session.start_ms, session.end_ms, "no-route")
        return
    when = intervals([(session.start_ms, session.end_ms)])
    if thin_sampling(day, when):
        yield NotAssessable(session.start_ms, session.end_ms, "sampling-too-thin")
        return
    first, stop = day.rows(session.start_ms, session.end_ms)
    if stop - first < 2:
        return  # nothing was seen: signal-gap's matter
    rows = slice(first, stop)
    t, ok = day.columns.t_ms[rows], day.columns.ok[rows]
    lines = [day.places.corridor(z) for z in allowed]
    at = day.columns.east_m[rows], day.columns.north_m[rows]
    found = deviations(lines, *at, t, ok, p.margin_m, bridge_ms=int(p.bridge_s * 1000))
    on = np.flatnonzero(ok & (found.excess_m <= p.margin_m))
    for i in range(len(found)):
        if _counts(day, session, found, i, t, on, p):
            yield unless_permitted(day, _observation(session, found, i, t, first, p))


def _allowed_routes(day: VehicleDay, session: Session) -> list[int] | None:
    """Return the routes on which this session may drive; None where its own route is not in force."""
    by_id = {z.zone_id: ix for ix, z in enumerate(day.places.zones)}
    own = by_id.get(session.zone_id or "")
    if own is None or not day.is_route(own):
        return None
    others = [ix for ix in range(len(day.places)) if day.is_route(ix) and day.approves(ix, session.part)]
    return sorted({own, *others})


def _counts(
    day: VehicleDay, session: Session, d: Deviations, i: int, t: I8, on: npt.NDArray[np.intp], p: Params
) -> bool:
    """Whether a deviation is more than error, a lawful detour, or the way to or from the route."""
    start, stop = int(d.start[i]), int(d.stop[i])
    span = intervals([(int(t[start]), int(t[stop - 1]) + 1)])
    grounds = [z for z in range(len(day.places)) if not day.is_route(z) and day.approves(z)]
    excused = intersect(span, union(day.time_in(grounds), day.excused(session.zone_id)))
    off_min = (int(d.off_ms[i]) - total_ms(excused)) / MINUTE_MS
    if off_min <= p.detour_min or d.length_m[i] <= p.detour_m:
        return False
    on_the_way = not len(on) or start < on[0] or stop - 1 > on[-1]
    return not on_the_way or off_min > p.way_min


def _observation(session: Session, d: Deviations, i: int, t: I8, first: int, p: Params) -> Observation:
    start, stop = int(d.start[i]), int(d.stop[i])
    minutes = int(d.off_ms[i]) / MINUTE_MS
    return Observation(
        int(t[start]),
        int(t[stop - 1]),
        (RowSpan(first + start, first + stop, "off every route allowed"),),
        zone_id=session.zone_id,
        session_id=session.session_id,
        trainee_id=session.trainee_id,
        measured={
            "minutes": minutes,
            "length_km": float(d.length_m[i]) / 1000,
            "max_m": float(d.max_excess_m[i]),
            "median_m": float(d.median_excess_m[i]),
        },
        margins={
            "beyond_corridor_m": float(d.median_excess_m[i]) - p.margin_m,
            "minutes_over_detour": minutes - p.detour_min,
        },
        excluded=(
            Explanation("detour", minutes, p.detour_min),
            Explanation("gps-error", float(d.median_excess_m[i]), p.margin_m),
            Explanation("other-route"),
        ),
    )
