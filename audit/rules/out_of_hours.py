"""Did the car train in an approved place outside that place's approved hours?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.day import NOTHING, VehicleDay
from audit.doubt import pieces, row_span, session_of, unless_permitted, untold
from audit.finding import Explanation, NotAssessable, Observation
from audit.training import Training
from trajectories.intervals import Intervals, clip, intersect, ms_within, subtract, union
from trajectories.minutes import MINUTE_MS

_HALT_MS = MINUTE_MS  # a shorter stand, such as a red light, is part of driving


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    tolerance_min: float
    probability_share: float
    pause_min: float


def assess(day: VehicleDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield the part of each training that lies outside the hours of every approved place it was in."""
    if (yield from untold(day)):
        return
    told = NOTHING
    for zone_ix, t in day.trained_in_places(p.probability_share):
        own = day.hours(zone_ix)
        if not day.approves(zone_ix) or (own is not None and not len(subtract(t.when, own))):
            continue
        hours, unknown = _open(day, t, zone_ix)
        lawful = union(union(hours, told), day.excused(day.zone(zone_ix).zone_id))
        for piece in _outside(day, t, lawful, p):
            told = union(told, t.when)
            reasons = [why for why, when in unknown.items() if len(clip(when, *piece[:2]))]
            if reasons:
                yield NotAssessable(piece[0], piece[1], reasons[0])
            else:
                yield unless_permitted(day, _observation(day, t, zone_ix, piece, hours, p))


def _outside(day: VehicleDay, t: Training, lawful: Intervals, p: Params) -> Iterator[tuple[int, int, int]]:
    """Yield the pieces of a training outside its lawful time, from motion to motion: (start, end, ms that count).

    A training holds its pauses, but waiting out a closing, or past the end before parking, is none by itself.
    """
    least = int(p.tolerance_min * MINUTE_MS)
    for start, end, _ in pieces(t.when, lawful, int(p.pause_min * MINUTE_MS), least):
        first, stop = day.rows(start, end)
        at = day.columns.t_ms[first:stop][day.columns.moving[first:stop]]
        if not len(at):
            continue
        moved_from = start if at[0] - start <= _HALT_MS else int(at[0])
        moved_until = end if end - at[-1] <= _HALT_MS else int(at[-1])
        counts = ms_within(subtract(t.when, lawful), moved_from, moved_until)
        if counts > least:
            yield moved_from, moved_until, counts


def _open(day: VehicleDay, t: Training, zone_ix: int) -> tuple[Intervals, dict[str, Intervals]]:
    """Return when training there was allowed, and when that is not known, by reason.

    Allowed is the place's hours and those of other approved places the car was in meanwhile.
    """
    out = NOTHING
    unknown: dict[str, Intervals] = {}
    when = t.when
    for other in sorted({*day.visited, zone_ix}):
        here = when if other == zone_ix else intersect(when, day.time_in([other]))
        if not len(here) or not day.approves(other):
            continue
        hours = day.hours(other)
        if hours is None:
            why = "register-damaged" if day.zone(other).zone_id in day.doubts.hours else "no-hours"
            unknown[why] = union(unknown.get(why, NOTHING), here)
        else:
            out = union(out, intersect(hours, here))
    return out, unknown


def _observation(
    day: VehicleDay, t: Training, zone_ix: int, piece: tuple[int, int, int], hours: Intervals, p: Params
) -> Observation:
    start, end, outside = piece
    zone = day.zone(zone_ix)
    session = session_of(day, start, end)
    clock = "、".join(f"{_hm(day, a)}–{_hm(day, b)}" for a, b in _stated(day, zone_ix).tolist())
    return Observation(
        start,
        end,
        row_span(day, start, end, "training outside the approved hours"),
        zone_id=zone.zone_id,
        session_id=session.session_id if session else None,
        trainee_id=session.trainee_id if session else None,
        measured={
            "outside_min": outside / MINUTE_MS,
            "minutes": t.minutes,
            "activity_score": t.p,
            "zone": zone.name,
            "hours": clock or "—",
            "within_min": ms_within(hours, t.start_ms, t.end_ms) / MINUTE_MS,
        },
        margins={"minutes_over_tolerance": outside / MINUTE_MS - p.tolerance_min},
        excluded=(
            Explanation("clearing-the-place", outside / MINUTE_MS, p.tolerance_min),
            Explanation("other-place"),
            Explanation("permit"),
        ),
    )


def _stated(day: VehicleDay, zone_ix: int) -> Intervals:
    hours = day.hours(zone_ix)
    return NOTHING if hours is None else hours


def _hm(day: VehicleDay, t_ms: int) -> str:
    return day.day.local.moment(t_ms).strftime("%H:%M")
