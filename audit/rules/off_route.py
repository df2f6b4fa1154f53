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
from audit.doubt import lost_sessions, thin_sampling, too_far_apart, unless_permitted, unplaced
from audit.finding import Explanation, NotAssessable, Observation, RowSpan
from trajectories.fleet import F8, I8
from trajectories.intervals import intersect, interval, total_ms, union
from trajectories.minutes import MINUTE_MS
from zones.declared import Session
from zones.following import Deviations, deviations

ROAD_PART = 3
MIN_FIXES_PER_MIN = 0.8
"""Where a car was needs no more than a fix every 75 s; how it was driven does."""


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    detour_min: float
    detour_m: float
    way_min: float
    margin_m: float
    bridge_s: float
    joined_m: float
    matched_m: float


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
    when = interval(session.start_ms, session.end_ms)
    half_ms = (session.end_ms - session.start_ms) // 2
    thin = thin_sampling(day, when, MIN_FIXES_PER_MIN) or too_far_apart(day, session.start_ms, session.end_ms, half_ms)
    if thin:
        yield NotAssessable(session.start_ms, session.end_ms, "sampling-too-thin")
        return
    first, stop = day.rows(session.start_ms, session.end_ms)
    if stop - first < 2:
        return  # nothing was seen: signal-gap's matter
    rows = slice(first, stop)
    t, ok = day.columns.t_ms[rows], day.columns.ok[rows]
    lines = [day.places.corridor(z) for z in allowed]  # its own first
    at = day.columns.east_m[rows], day.columns.north_m[rows]
    found = deviations(lines, *at, t, ok, p.margin_m, bridge_ms=int(p.bridge_s * 1000))
    if not len(found):
        return
    on = np.flatnonzero(ok & (found.excess_m <= p.margin_m))
    if _followed_m(on, np.flatnonzero(ok), *at) < p.joined_m:
        on = on[:0]  # crossing a corridor is not arriving at the route
    for i in range(len(found)):
        if not _counts(day, session, found, i, t, on, p):
            continue
        if day.passes.is_matched and found.median_excess_m[i] <= p.matched_m:
            yield NotAssessable(int(t[found.start[i]]), int(t[found.stop[i] - 1]), "matched-track")
        else:
            yield unless_permitted(day, _observation(session, found, i, t, first, p))


def _allowed_routes(day: VehicleDay, session: Session) -> list[int] | None:
    """Return the routes on which this session may drive; None where its own route is not in force."""
    own = day.places.find(session.zone_id)
    if own is None or not day.is_route(own):
        return None
    others = [ix for ix in day.approved_places(session.part) if day.is_route(ix)]
    return [own, *(ix for ix in others if ix != own)]


def _counts(
    day: VehicleDay, session: Session, d: Deviations, i: int, t: I8, on: npt.NDArray[np.intp], p: Params
) -> bool:
    """Whether a deviation is more than error, a lawful detour, or the way to or from the route."""
    start, stop = int(d.start[i]), int(d.stop[i])
    span = interval(int(t[start]), int(t[stop - 1]) + 1)
    grounds = [z for z in day.visited if not day.is_route(z) and day.approves(z)]
    excused = intersect(span, union(day.time_in(grounds), day.excused(session.zone_id)))
    off_min = (int(d.off_ms[i]) - total_ms(excused)) / MINUTE_MS
    if off_min <= p.detour_min or d.length_m[i] <= p.detour_m:
        return False
    on_the_way = len(on) > 0 and (start < on[0] or stop - 1 > on[-1])
    return not on_the_way or off_min > p.way_min


def _followed_m(on: npt.NDArray[np.intp], usable: npt.NDArray[np.intp], east: F8, north: F8) -> float:
    """Return the metres driven from one usable fix in a corridor to the next one in it."""
    place = np.searchsorted(usable, on)
    next_to = np.flatnonzero(np.diff(place) == 1)
    a, b = on[next_to], on[next_to + 1]
    return float(np.hypot(east[b] - east[a], north[b] - north[a]).sum())


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
