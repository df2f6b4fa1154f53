"""How far apart a feed's tracks pass one another on one street: tracks that never leave a centre line were matched.

A receiver is off by metres, and differently each time. Where a street crosses a line of a 50 m grid, two passes in the
same direction therefore cross some metres apart. A vendor that matches positions to its road network puts both on one
line. Measured on real vehicles: the median is 2.4 to 4.2 m for three fleets of raw receivers (3 to 60 s), and 0.4 m for
buses whose operator matches them to their routes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from geo.columns import filled
from trajectories.fleet import F8, I8, Fleet

Bools = npt.NDArray[np.bool_]

MATCHED_M = 0.75
"""Passes closer than this in the median lie on one line: drivers alone differ by some decimetres within their lane."""
LEAST_PAIRS = 100
_GRID_M = 50.0
_LONGEST_STEP_MS = 60_000
_FARTHEST = 15  # grid lines between two fixes
_STREET_M = 6.0  # neighbouring crossings closer than this belong to one street
_WIDEST_M = 15.0  # of a street and the error of both passes
_OTHER_PASS_MS = 120_000
_OFTEN = 5  # two tracks that meet so often say how far apart they pass


@dataclass(frozen=True, slots=True)
class PassSpread:
    """How far apart passes of one street lie: the median, and over how many pairs of passes (NaN and 0 without any)."""

    median_m: float
    n_pairs: int

    @property
    def is_matched(self) -> bool:
        """Whether the positions were moved to a line: then they prove nothing of a few metres."""
        return self.n_pairs >= LEAST_PAIRS and self.median_m < MATCHED_M


def pass_spread(fleet: Fleet, east_m: F8, north_m: F8, ok: Bools, moving: Bools) -> PassSpread:
    """Return how far apart the tracks of a fleet pass one another; columns of shape (n_fixes,).

    >>> nothing = np.zeros(0)
    >>> from trajectories.fleet import build_fleet
    >>> empty = build_fleet([], nothing.astype(np.int32), nothing.astype(np.int64), nothing, nothing)
    >>> pass_spread(empty, nothing, nothing, nothing.astype(bool), nothing.astype(bool))
    PassSpread(median_m=nan, n_pairs=0)
    """
    columns = fleet.offsets, fleet.t_ms, east_m, north_m, ok, moving
    kinds = np.int64, np.float64, np.int64, np.int64
    line, at_m, t_ms, track = filled(lambda *out: _crossings(*columns, *out), len(east_m) // 2 + 64, *kinds)
    by_place = np.lexsort((at_m, line))
    line, at_m, t_ms, track = line[by_place], at_m[by_place], t_ms[by_place], track[by_place]
    new_street = (np.diff(line, prepend=-1) != 0) | (np.diff(at_m, prepend=0.0) > _STREET_M)
    street = np.cumsum(new_street)
    by_time = np.lexsort((t_ms, street))
    street, at_m, t_ms, track = street[by_time], at_m[by_time], t_ms[by_time], track[by_time]
    apart_m = np.abs(np.diff(at_m))
    other = (np.diff(track) != 0) | (np.diff(t_ms) > _OTHER_PASS_MS)
    met = (np.diff(street) == 0) & other & (apart_m < _WIDEST_M)
    low, high = np.minimum(track[1:], track[:-1])[met], np.maximum(track[1:], track[:-1])[met]
    return PassSpread(_middle(low * len(fleet) + high, apart_m[met]), int(met.sum()))


def _middle(who: I8, apart_m: F8) -> float:
    """Return the median over pairs of tracks of their median: one track that copies another is one of many pairs.

    >>> _middle(np.array([1] * 9 + [2] * 5 + [3] * 5), np.array([0.0] * 9 + [3.0] * 5 + [4.0] * 5))
    3.0
    >>> _middle(np.array([1, 2]), np.array([1.0, 3.0]))
    2.0
    """
    order = np.lexsort((apart_m, who))
    first = np.flatnonzero(np.diff(who[order], prepend=-1) != 0)
    count = np.diff(np.append(first, len(who)))
    often = count >= _OFTEN
    if not often.any():
        return float(np.median(apart_m)) if len(apart_m) else float("nan")
    return float(np.median(apart_m[order][(first + count // 2)[often]]))


@njit(cache=True, nogil=True)
def _crossings(
    offsets: I8, t_ms: I8, x: F8, y: F8, ok: Bools, moving: Bools, line: I8, at: F8, when: I8, who: I8
) -> int:
    """Fill in where tracks cross lines of the grid at a steep angle: line and direction, metres along it, when, who.

    Return how many there are, also where the columns hold fewer.
    """
    n = 0
    for k in range(len(offsets) - 1):
        a = np.int64(-1)
        for b in range(offsets[k], offsets[k + 1]):
            if not ok[b]:
                continue
            if a >= 0 and moving[a] and moving[b] and t_ms[b] - t_ms[a] <= _LONGEST_STEP_MS:
                for axis in range(2):
                    p, q, u, v = (x[a], x[b], y[a], y[b]) if axis == 0 else (y[a], y[b], x[a], x[b])
                    if abs(q - p) < abs(v - u):
                        continue
                    first, last = int(np.floor(min(p, q) / _GRID_M)) + 1, int(np.floor(max(p, q) / _GRID_M))
                    if last - first >= _FARTHEST:
                        continue
                    for crossed in range(first, last + 1):
                        if n < len(line):
                            line[n] = ((crossed + 1_000_000) * 2 + axis) * 2 + (1 if q > p else 0)
                            at[n] = u + (crossed * _GRID_M - p) / (q - p) * (v - u)
                            when[n], who[n] = t_ms[a], k
                        n += 1
            a = np.int64(b)
    return n
