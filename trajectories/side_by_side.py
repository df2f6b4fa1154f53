"""Two feeds of one car, held against each other: how far apart, how late, how thin. Neither is taken for the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trajectories.fleet import F8, I8
from trajectories.passes import Bools

_MOST_FIXES = 600  # more tell no more
_LEAST_FIXES = 20
_LATEST_MS = 180_000
_COARSE_MS, _FINE_MS = 10_000, 1_000
_SHIFT_COST = 0.1
_STEP_MS = 60_000  # between fixes further apart in time nobody knows where the car was


class Fixes(NamedTuple):
    """The usable fixes of one car in one feed: time, place in a plane, whether it moved; shape (n,) each."""

    t_ms: I8
    east_m: F8
    north_m: F8
    moving: Bools

    @property
    def per_min(self) -> float:
        """Fixes a minute from the first to the last; NaN for fewer than two."""
        return (len(self.t_ms) - 1) * 60_000 / float(self.t_ms[-1] - self.t_ms[0]) if len(self.t_ms) > 1 else np.nan


@dataclass(frozen=True, slots=True)
class SideBySide:
    """What one feed says of a car compared with another, where both saw it move.

    `lag_ms`: how much later the other feed puts the car at the same place (positive: its clock is ahead, or it repeats
    old positions); `median_m`, `p95_m`: how far apart the two are with the lag taken out; `east_m`, `north_m`: the
    median shift from the one to the other; `n_fixes` compared; `per_min`, `other_per_min`: how often each was heard.
    """

    lag_ms: int
    median_m: float
    p95_m: float
    east_m: float
    north_m: float
    n_fixes: int
    per_min: float
    other_per_min: float


def side_by_side(one: Fixes, other: Fixes) -> SideBySide | None:
    """Compare two feeds of a car; None where both saw it move too little.

    >>> t = np.arange(0, 600_000, 5_000); east = 10.0 * t / 1000
    >>> a = Fixes(t, east, 0 * east, east >= 0)
    >>> found = side_by_side(a, Fixes(t + 30_000, east, 0 * east + 4.0, east >= 0))
    >>> found.lag_ms, round(found.median_m, 3), round(found.north_m, 3)
    (30000, 4.0, 4.0)
    """
    rows = np.flatnonzero(other.moving)
    rows = rows[:: max(1, len(rows) // _MOST_FIXES)]
    if len(one.t_ms) < 2 or len(rows) < _LEAST_FIXES:
        return None
    asked = other.t_ms[rows], other.east_m[rows], other.north_m[rows]
    coarse = _best(one, asked, np.arange(-_LATEST_MS, _LATEST_MS + 1, _COARSE_MS))
    if coarse is None:
        return None
    lag_ms = _best(one, asked, np.arange(coarse - _COARSE_MS, coarse + _COARSE_MS + 1, _FINE_MS)) or 0
    east_m, north_m = _apart(one, asked, lag_ms)
    away_m = np.hypot(east_m, north_m)
    median_m, p95_m = np.percentile(away_m, [50, 95]).tolist()
    shift_m = float(np.median(east_m)), float(np.median(north_m))
    return SideBySide(lag_ms, median_m, p95_m, *shift_m, len(away_m), one.per_min, other.per_min)


def _best(one: Fixes, asked: tuple[I8, F8, F8], lags_ms: I8) -> int | None:
    """Return the lag at which one is most like a copy of the other, a constant shift apart; None if too little fits.

    Were the shift not taken out, a lag along the way would make up for it; a shift costs a tenth of its metres, so that
    on a straight way at one speed, where either would do, the lag is taken. Of equals the smallest lag counts.
    """
    found: list[tuple[float, int, int]] = []
    for lag_ms in lags_ms.tolist():
        east_m, north_m = _apart(one, asked, lag_ms)
        if len(east_m) >= _LEAST_FIXES:
            shift_m = np.median(east_m), np.median(north_m)
            rest_m = float(np.median(np.hypot(east_m - shift_m[0], north_m - shift_m[1])))
            found.append((rest_m + _SHIFT_COST * float(np.hypot(*shift_m)), abs(lag_ms), lag_ms))
    return min(found)[2] if found else None


def _apart(one: Fixes, asked: tuple[I8, F8, F8], lag_ms: int) -> tuple[F8, F8]:
    """Return the steps from the one track, where it was `lag_ms` earlier, to the other's fixes."""
    t_ms, east_m, north_m = asked
    at = t_ms - lag_ms
    after = np.clip(np.searchsorted(one.t_ms, at), 1, len(one.t_ms) - 1)
    span_ms = one.t_ms[after] - one.t_ms[after - 1]
    known = (at >= one.t_ms[0]) & (at <= one.t_ms[-1]) & (span_ms <= _STEP_MS)
    k, j = np.flatnonzero(known), after[known]
    share = (at[k] - one.t_ms[j - 1]) / np.maximum(span_ms[k], 1)
    east = one.east_m[j - 1] + share * (one.east_m[j] - one.east_m[j - 1])
    north = one.north_m[j - 1] + share * (one.north_m[j] - one.north_m[j - 1])
    return east_m[k] - east, north_m[k] - north
