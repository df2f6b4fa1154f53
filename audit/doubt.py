"""Questions that several rules ask before they judge: can this be answered at all?"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import numpy as np
import numpy.typing as npt

from audit.day import VehicleDay
from audit.finding import NotAssessable, Observation, RowSpan
from trajectories.activity import MIN_FIXES_PER_MIN
from trajectories.intervals import Intervals, close_gaps, ms_within, subtract, total_ms
from trajectories.minutes import MINUTE_MS
from zones.declared import Session

_DRIVE_MS = 20 * MINUTE_MS  # a day seen for less holds no training worth a word
_STEP_MS = 10 * MINUTE_MS  # one longer step is silence; many that are not are a slow terminal's
_THIN = "sampling-too-thin"
_MOVED_M = 50.0  # as in the recipe: what two fixes of a parked car differ by at most


def whole_day(day: VehicleDay, reason: str) -> NotAssessable:
    """Return "not assessable" for the whole service day."""
    return NotAssessable(day.day.start_ms, day.day.end_ms, reason)


def unplaced(day: VehicleDay) -> Generator[NotAssessable, None, bool]:
    """Yield why it cannot be told where the car was; return whether it cannot be told for any part of the day."""
    for reason in (day.doubts.register, day.doubts.positions):
        if reason is not None:
            yield whole_day(day, reason)
            return True
    if day.track is None:
        yield whole_day(day, day.doubts.fixes or "no-fixes")
        return True
    if day.doubts.fixes is not None:  # pages are missing for a reason that is not the car's
        yield whole_day(day, day.doubts.fixes)
    return False


def untold(day: VehicleDay) -> Generator[NotAssessable, None, bool]:
    """As `unplaced`; also yield where the car was seen for some time, but too thinly to tell training from driving."""
    if (yield from unplaced(day)):
        return True
    if _THIN not in day.memo:
        thin = total_ms(day.seen) >= _DRIVE_MS and thin_sampling(day, day.seen)
        day.memo[_THIN] = thin or too_far_apart(day, day.day.start_ms, day.day.end_ms, _DRIVE_MS)
    if day.memo[_THIN]:
        yield whole_day(day, "sampling-too-thin")
    return False


def too_far_apart(day: VehicleDay, start_ms: int, end_ms: int, least_ms: int) -> bool:
    """Whether a car drove for `least_ms` or more while it was heard so seldom that nearly every step counts as silence.

    A terminal that sends every four minutes is never silent and never seen: nothing can be told of how it was driven.
    """
    start, stop = day.rows(start_ms, end_ms)
    c = day.columns
    seen_ms = ms_within(day.seen, start_ms, end_ms)
    if stop - start < 2 or c.t_ms[stop - 1] - c.t_ms[start] - seen_ms < least_ms:
        return False  # all steps together are no longer than this: a car that was seen nearly all the time
    rows = start + np.flatnonzero(c.ok[start:stop])
    step_ms = np.diff(c.t_ms[rows])
    slow_ms = int(step_ms[(step_ms <= _STEP_MS)].sum()) - seen_ms
    if slow_ms < least_ms or np.median(step_ms) * MIN_FIXES_PER_MIN <= MINUTE_MS:
        return False
    moved_m = np.hypot(np.diff(c.east_m[rows]), np.diff(c.north_m[rows]))
    return bool((moved_m[step_ms <= _STEP_MS] > _MOVED_M).any())


def lost_sessions(day: VehicleDay) -> Iterator[NotAssessable]:
    """Yield "not assessable" where a session of the car may be missing: nobody asked what it did during it."""
    if day.doubts.sessions is not None:
        yield whole_day(day, day.doubts.sessions)


def unless_permitted(day: VehicleDay, seen: Observation) -> Observation | NotAssessable:
    """Return what was seen, or "not assessable" where a rejected row may have been the permit that excuses it."""
    if day.doubts.permits is None:
        return seen
    return NotAssessable(seen.start_ms, seen.end_ms, day.doubts.permits)


def thin_sampling(day: VehicleDay, when: Intervals, least_per_min: float = MIN_FIXES_PER_MIN) -> bool:
    """Whether the fixes within a time are too far apart (by default: to tell training from driving)."""
    rate = day.fixes_per_min_seen if when is day.seen else day.fixes_per_min(when)
    return not math.isnan(rate) and rate < least_per_min


def pieces(when: Intervals, minus: Intervals, join_ms: int, over_ms: int) -> list[tuple[int, int, int]]:
    """Return what of `when` lies outside `minus`: (start, end, ms that count), joined over short returns.

    Pieces of which no more than `over_ms` counts are left out: at the limit a rule is kept.

    >>> from trajectories.intervals import intervals
    >>> pieces(intervals([(0, 100)]), intervals([(40, 50)]), 10, 89), pieces(intervals([(0, 90)]), intervals([]), 0, 90)
    ([(0, 100, 90)], [])
    """
    left = subtract(when, minus)
    out = []
    for start, end in close_gaps(left, join_ms).tolist():
        counts = ms_within(left, start, end)
        if counts > over_ms:
            out.append((start, end, counts))
    return out


def session_of(day: VehicleDay, start_ms: int, end_ms: int) -> Session | None:
    """Return the car's session that overlaps a time most, None where none does."""
    overlaps = [(min(s.end_ms, end_ms) - max(s.start_ms, start_ms), s.session_id, s) for s in day.sessions]
    best = max(overlaps, default=None, key=lambda o: (o[0], o[1]))
    return best[2] if best is not None and best[0] > 0 else None


def row_span(day: VehicleDay, start_ms: int, end_ms: int, note: str) -> tuple[RowSpan, ...]:
    """Return the rows of a time as evidence, nothing where there are none."""
    start, stop = day.rows(start_ms, end_ms)
    return (RowSpan(start, stop, note),) if stop > start else ()


def nearest_place_m(day: VehicleDay, start_ms: int, end_ms: int) -> npt.NDArray[np.float64]:
    """Return the metres from the usable fixes of a time to the nearest approved place's edge (inf without places)."""
    start, stop = day.rows(start_ms, end_ms)
    rows = start + np.flatnonzero(day.columns.ok[start:stop])
    east, north = day.columns.east_m[rows], day.columns.north_m[rows]
    return day.places.nearest_m(east, north)
