"""Following a route: order, direction and coverage within its corridor; and straying from all corridors allowed.

Being in a corridor is not following it: whoever crosses it moves across, and `along_m` stands still. What is reported
here is how far along the line a car went, which way, and how much of it; whether that is right is the audit's to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from geo.polyline import Polyline
from trajectories.fleet import F8, I8

Bool = npt.NDArray[np.bool_]

SEGMENT_M = 20.0
MAX_GAP_MS = 60_000
"""Longest time between two fixes over which a car is believed to have kept to the line between them."""
DETOUR_FACTOR = 1.5
"""How much longer than the straight step the way along the line may be: a right-angled corner costs sqrt(2)."""
NOISE_STEP_M = 25.0
"""A path's length counts steps of at least this, so that the noise of a parked car adds up to nothing."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Maximal runs of fixes in a corridor: half-open row ranges, and the metres along the line within each."""

    start: I8
    stop: I8
    forward_m: F8
    backward_m: F8

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.start)

    @property
    def followed_m(self) -> F8:
        """Metres along the line, both directions together: about 0 for a crossing."""
        return self.forward_m + self.backward_m


@dataclass(frozen=True, slots=True)
class Following:
    """How n fixes lie to one route, and how much of it they drove.

    Columns of n rows: `offset_m` from the line (NaN without a position), `on` (usable and within the corridor grown by
    the margin), `along_m` from the line's start (NaN where not on), `step_m` (signed metres along the line since the
    usable fix before, 0 where that is not believed).

    `coverage` is the share of the route's length passed, in whichever direction. `forward_m` and `backward_m` are the
    metres driven along it, turns shorter than the corridor is wide not counted. `order_share` is the share of the
    prevailing direction in both (NaN where nothing was driven), `n_laps` both in lengths of the route.
    """

    t_ms: I8
    offset_m: F8
    along_m: F8
    on: Bool
    usable: Bool
    step_m: F8
    turn_m: float
    coverage: float
    forward_m: float
    backward_m: float
    n_laps: float

    @property
    def order_share(self) -> float:
        """Return the share of the prevailing direction, in [0.5, 1]; NaN where nothing was driven."""
        driven_m = self.forward_m + self.backward_m
        return max(self.forward_m, self.backward_m) / driven_m if driven_m > 0 else float("nan")

    def runs(self, max_gap_ms: int = MAX_GAP_MS) -> Runs:
        """Return the runs of consecutive usable fixes in the corridor, cut where more than `max_gap_ms` are silent."""
        start, stop = _runs_of(self.on, self.usable, self.t_ms, max_gap_ms)
        legs = [
            _legs_m(self.step_m[a + 1 : b], self.on[a + 1 : b], self.turn_m) for a, b in zip(start, stop, strict=True)
        ]
        both = np.array(legs, dtype=np.float64).reshape(-1, 2)
        return Runs(start, stop, both[:, 0].copy(), both[:, 1].copy())


def follow(
    line: Polyline,
    half_width_m: float,
    margin_m: float,
    east_m: F8,
    north_m: F8,
    t_ms: I8,
    usable: Bool,
    max_gap_ms: int = MAX_GAP_MS,
) -> Following:
    """Return how the fixes of one track, in time order, lie to a route and how much of it they drove.

    `margin_m` is the error budget added to the corridor. A step between two usable fixes in the corridor counts as
    driven along the line if it took at most `max_gap_ms` and the way along the line is about as long as the step
    itself: a car that cuts across the neck of a loop has not driven the loop. Where a line overlaps itself or comes
    back on itself, the sequence of fixes decides on which pass a fix lies.
    """
    reach_m = half_width_m + margin_m
    offset_m = line.project(east_m, north_m)[0]
    fit = np.asarray(usable & np.isfinite(offset_m))
    rows = np.flatnonzero(fit)
    along_m = np.full(len(offset_m), np.nan)
    fine = _with_short_segments(line)
    along_m[rows] = fine.project_sequence(east_m[rows], north_m[rows], [0, len(rows)], reach_m)[1]
    on = np.isfinite(along_m)
    ring_m = line.length_m if _is_ring(line, reach_m) else 0.0
    step_m, counted = _steps_along(east_m, north_m, along_m, t_ms, fit, on, ring_m, reach_m, max_gap_ms)
    forward_m, backward_m = _legs_m(step_m, counted, reach_m)
    passed_m = _passed_m(along_m[counted] - step_m[counted], along_m[counted], line.length_m)
    return Following(
        t_ms=t_ms,
        offset_m=offset_m,
        along_m=along_m,
        on=on,
        usable=fit,
        step_m=step_m,
        turn_m=reach_m,
        coverage=passed_m / line.length_m,
        forward_m=forward_m,
        backward_m=backward_m,
        n_laps=(forward_m + backward_m) / line.length_m,
    )


def excess_m(lines: Sequence[tuple[Polyline, float]], east_m: F8, north_m: F8, enough_m: float = float("-inf")) -> F8:
    """Return metres beyond the nearest of several corridors (line, half width), f8[n]: negative inside, NaN for a NaN.

    Of fixes no further than `enough_m` from one corridor only that is found out; they are not measured from those after
    it. Raises ValueError without a corridor: there is nothing to be away from.
    """
    if not lines:
        raise ValueError("no corridor to measure from; ask only where at least one route is allowed")
    (line, half_width_m), *others = lines
    nearest = _beyond_m(line, half_width_m, east_m, north_m, enough_m)
    for line, half_width_m in others:
        far = np.flatnonzero(nearest > enough_m)
        if not len(far):
            break
        nearest[far] = np.fmin(nearest[far], _beyond_m(line, half_width_m, east_m[far], north_m[far], enough_m))
    return nearest


def _beyond_m(line: Polyline, half_width_m: float, east_m: F8, north_m: F8, enough_m: float) -> F8:
    """Metres beyond one corridor, exact above `enough_m`."""
    near_m = (half_width_m + enough_m) * (1.0 - 1e-9)  # a hair less, lest rounding lets a fix beyond the limit pass
    beyond: F8 = line.project(east_m, north_m, near_m)[0] - half_width_m
    return beyond


@dataclass(frozen=True, slots=True)
class Deviations:
    """Stretches of a track away from all corridors: half-open row ranges and what was measured on them.

    `excess_m` has a row for each fix (within the margin it may be nearer still), the other columns one for each
    stretch. `duration_ms` runs from the first to the last fix away and `off_ms` leaves out the short returns in
    between. `length_m` is the way driven from the first to the last fix away (steps below `NOISE_STEP_M` gathered, so
    that standing adds nothing). The maximum and median of the excess are over the fixes away.
    """

    excess_m: F8
    start: I8
    stop: I8
    duration_ms: I8
    off_ms: I8
    length_m: F8
    max_excess_m: F8
    median_excess_m: F8

    def __len__(self) -> int:
        """Return the number of stretches."""
        return len(self.start)


_NO_STRETCH = *(np.zeros(0, np.int64),) * 4, *(np.zeros(0),) * 3


def deviations(
    lines: Sequence[tuple[Polyline, float]],
    east_m: F8,
    north_m: F8,
    t_ms: I8,
    usable: Bool,
    margin_m: float,
    min_ms: int = 0,
    bridge_ms: int = 120_000,
    max_gap_ms: int = 300_000,
) -> Deviations:
    """Return where a track leaves all of several corridors (line, half width) by more than `margin_m`.

    A return shorter than `bridge_ms` does not end a stretch: a car that crosses its route on a side street, and waits
    there at a red light, has not come back to it. A silence of more than `max_gap_ms` does: nobody saw where the car
    was. Stretches shorter than `min_ms` from first to last fix away are left out.
    """
    excess = excess_m(lines, east_m, north_m, margin_m)
    fit = usable & np.isfinite(excess)
    if not (excess[fit] > margin_m).any():
        return Deviations(excess, *_NO_STRETCH)
    start, stop = _stretches_beyond(excess, fit, t_ms, margin_m, bridge_ms, max_gap_ms)
    long_enough = t_ms[stop - 1] - t_ms[start] >= min_ms
    start, stop = start[long_enough], stop[long_enough]
    off_ms, length_m = _measure(excess, fit, t_ms, east_m, north_m, margin_m, start, stop, NOISE_STEP_M)
    away = [excess[a:b][fit[a:b] & (excess[a:b] > margin_m)] for a, b in zip(start, stop, strict=True)]
    return Deviations(
        excess_m=excess,
        start=start,
        stop=stop,
        duration_ms=t_ms[stop - 1] - t_ms[start],
        off_ms=off_ms,
        length_m=length_m,
        max_excess_m=np.array([x.max() for x in away], dtype=np.float64),
        median_excess_m=np.array([np.median(x) for x in away], dtype=np.float64),
    )


def _with_short_segments(line: Polyline) -> Polyline:
    """Return the same line with vertices at least every `SEGMENT_M`.

    `project_sequence` takes two neighbouring segments for one pass, so at the turning point of a way out and back
    the two that lie on each other are told apart only from their far ends on.
    """
    extra = np.arange(0.0, line.length_m, SEGMENT_M)
    return Polyline.from_metres(*line.at(np.union1d(line.along_m, extra)))


def _is_ring(line: Polyline, reach_m: float) -> bool:
    """Whether the line ends where it began, so that the next lap follows on the last (as in `project_sequence`)."""
    dx, dy = line.east_m[-1] - line.east_m[0], line.north_m[-1] - line.north_m[0]
    return bool(np.hypot(dx, dy) <= reach_m)


def _passed_m(before_m: F8, after_m: F8, length_m: float) -> float:
    """Length of the union of the stretches between two columns of places along a line; beyond its ends is a ring's lap.

    >>> _passed_m(np.array([0.0, 30.0, 95.0]), np.array([20.0, 10.0, 105.0]), 100.0)
    35.0
    """
    low, high = np.minimum(before_m, after_m), np.maximum(before_m, after_m)
    low = np.concatenate([low, low + length_m, low - length_m])
    high = np.concatenate([high, high + length_m, high - length_m])
    order = np.argsort(low, kind="stable")
    low, high = np.clip(low[order], 0.0, length_m), np.clip(high[order], 0.0, length_m)
    reached = np.maximum.accumulate(np.concatenate([[0.0], high]))[:-1]
    return float(np.maximum(high - np.maximum(low, reached), 0.0).sum())


@njit(cache=True, nogil=True)
def _steps_along(
    east: F8, north: F8, along: F8, t_ms: I8, usable: Bool, on: Bool, ring_m: float, reach_m: float, max_gap_ms: int
) -> tuple[F8, Bool]:
    """For each row the signed metres along the line since the usable row before, and whether they are believed."""
    n = along.size
    step, counted = np.zeros(n), np.zeros(n, dtype=np.bool_)
    prev = -1
    for i in range(n):
        if not usable[i]:
            continue
        if prev >= 0 and on[prev] and on[i] and t_ms[i] - t_ms[prev] <= max_gap_ms:
            d = along[i] - along[prev]
            if ring_m > 0.0:
                d -= ring_m * np.round(d / ring_m)
            straight = np.hypot(east[i] - east[prev], north[i] - north[prev])
            if abs(d) <= DETOUR_FACTOR * straight + 4.0 * reach_m:
                step[i], counted[i] = d, True
        prev = i
    return step, counted


@njit(cache=True, nogil=True)
def _legs_m(step: F8, chained: Bool, turn_m: float) -> tuple[float, float]:
    """Metres forward and backward along the line; a turn counts once it has gone back by `turn_m`.

    The noise of a parked car is a hundred small turns: without this an hour's wait would be a lap. Rows that are not
    `chained` add nothing and change nothing.
    """
    forward = backward = 0.0
    at = low = high = leg_from = 0.0
    heading = 0
    for i in range(step.size):
        if not chained[i]:
            continue
        at += step[i]
        low, high = min(low, at), max(high, at)
        if heading <= 0 and at - low >= turn_m:
            backward -= heading * (leg_from - low)
            heading, leg_from, high = 1, low, at
        elif heading >= 0 and high - at >= turn_m:
            forward += heading * (high - leg_from)
            heading, leg_from, low = -1, high, at
    forward += max(heading, 0) * (high - leg_from)
    backward += max(-heading, 0) * (leg_from - low)
    return forward, backward


@njit(cache=True, nogil=True)
def _runs_of(on: Bool, usable: Bool, t_ms: I8, max_gap_ms: int) -> tuple[I8, I8]:
    """Half-open row ranges of consecutive usable rows that are on; unusable rows are passed over."""
    n = on.size
    start, stop = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    found, first, last = 0, -1, -1
    for i in range(n):
        if not usable[i]:
            continue
        if first >= 0 and (not on[i] or t_ms[i] - t_ms[last] > max_gap_ms):
            start[found], stop[found] = first, last + 1
            found, first = found + 1, -1
        if on[i]:
            if first < 0:
                first = i
            last = i
    if first >= 0:
        start[found], stop[found] = first, last + 1
        found += 1
    return start[:found].copy(), stop[:found].copy()


@njit(cache=True, nogil=True)
def _stretches_beyond(
    excess: F8, usable: Bool, t_ms: I8, margin_m: float, bridge_ms: int, max_gap_ms: int
) -> tuple[I8, I8]:
    """Half-open row ranges from the first to the last fix beyond the margin, short returns bridged.

    A return is taken to last from half way between the last fix away and the first one back to half way between the
    last one back and the next away.
    """
    n = excess.size
    start, stop = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    found, first, last, back, prev = 0, -1, -1, -1, -1
    for i in range(n):
        if not usable[i]:
            continue
        away = excess[i] > margin_m
        ends = first >= 0 and t_ms[i] - t_ms[prev] > max_gap_ms
        if first >= 0 and away and back >= 0:
            ends |= t_ms[i] + t_ms[prev] - t_ms[last] - t_ms[back] >= 2 * bridge_ms
        if ends:
            start[found], stop[found] = first, last + 1
            found, first, back = found + 1, -1, -1
        if away:
            if first < 0:
                first = i
            last, back = i, -1
        elif first >= 0 and back < 0:
            back = i
        prev = i
    if first >= 0:
        start[found], stop[found] = first, last + 1
        found += 1
    return start[:found].copy(), stop[:found].copy()


@njit(cache=True, nogil=True)
def _measure(
    excess: F8,
    usable: Bool,
    t_ms: I8,
    east: F8,
    north: F8,
    margin_m: float,
    start: I8,
    stop: I8,
    noise_m: float,
) -> tuple[I8, F8]:
    """For each stretch the time between neighbouring fixes that are both away, and the way driven."""
    off_ms, length = np.zeros(start.size, dtype=np.int64), np.zeros(start.size)
    for s in range(start.size):
        prev = anchor = start[s]
        for i in range(start[s] + 1, stop[s]):
            if not usable[i]:
                continue
            if excess[i] > margin_m and excess[prev] > margin_m:
                off_ms[s] += t_ms[i] - t_ms[prev]
            moved = np.hypot(east[i] - east[anchor], north[i] - north[anchor])
            if moved >= noise_m:
                length[s] += moved
                anchor = i
            prev = i
    return off_ms, length
