"""Streets driven again and again: the exact look at a candidate stretch, vertex by vertex.

Coming back the way one went is ordinary; driving the same street again in the same direction, or for the
third time, is not. A vertex of the path is *repeated* if there is another pass of the same place in the same
direction, or two other passes in any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from trajectories.fleet import F8, I8

_STEP_M = 25.0
_DEJITTER_M = 10.0
_NEAR_M = 30.0
_APART_M, _APART_MS = 150.0, 60_000
_FORGET_MS = 45 * 60_000
_SAME_DEG, _OPPOSITE_DEG = 45.0, 135.0
_BREAK_MS = 6 * 60_000  # so long without a repeated vertex ends a core


@dataclass(frozen=True, slots=True)
class Core:
    """The part of a stretch in which streets are repeated."""

    start_ms: int
    end_ms: int
    path_m: float
    extent_m: float
    repeated_share: float
    n_vertices: int

    @property
    def minutes(self) -> float:
        """Length in minutes."""
        return (self.end_ms - self.start_ms) / 60_000

    @property
    def compactness(self) -> float:
        """Path length by extent."""
        return self.path_m / max(self.extent_m, 10.0)


def repeated_cores(t_ms: I8, east_m: F8, north_m: F8, gap_ms: int) -> list[Core]:
    """Return the cores of a stretch of usable fixes (shape (n,) each), in time order.

    >>> t = np.arange(0, 600_000, 10_000); line = np.arange(60) * 100.0
    >>> repeated_cores(t, line, line * 0, 180_000)
    []
    """
    vt, vx, vy, vs = _vertices(t_ms, east_m, north_m, gap_ms)
    if len(vt) < 3:
        return []
    repeated = _repeated(vt, vx, vy, vs)
    hits = np.flatnonzero(repeated)
    if not len(hits):
        return []
    cuts = np.flatnonzero(np.diff(vt[hits]) > _BREAK_MS) + 1
    cores = []
    for part in np.split(hits, cuts):
        lo, hi = int(part[0]), int(part[-1]) + 1
        if hi - lo < 3:
            continue
        extent = float(np.hypot(np.ptp(vx[lo:hi]), np.ptp(vy[lo:hi])))
        path = float(vs[hi - 1] - vs[lo])
        cores.append(Core(int(vt[lo]), int(vt[hi - 1]), path, extent, len(part) / (hi - lo), hi - lo))
    return cores


@njit(cache=True, nogil=True)
def _vertices(t_ms: I8, x: F8, y: F8, gap_ms: int) -> tuple[I8, F8, F8, F8]:
    """Return the path resampled every 25 m without jitter: time, east, north, distance along."""
    room = 16
    if len(t_ms) > 1:
        room += int(np.hypot(np.diff(x), np.diff(y)).sum() / _STEP_M) + len(t_ms)
    vt, vx, vy, vs = np.empty(room, np.int64), np.empty(room), np.empty(room), np.empty(room)
    n = 0
    along = 0.0
    a = 0
    for i in range(1, len(t_ms)):
        d = np.hypot(x[i] - x[a], y[i] - y[a])
        if t_ms[i] - t_ms[i - 1] > gap_ms:
            along += d
            a = i
            continue
        if d < _DEJITTER_M:
            continue
        pieces = int(np.ceil(d / _STEP_M))
        began = t_ms[i - 1]  # a car that stood at vertex a left it no earlier than the fix before
        for p in range(1, pieces + 1):
            f = p / pieces
            along += d / pieces
            vt[n] = np.int64(began + f * (t_ms[i] - began))
            vx[n], vy[n], vs[n] = x[a] + f * (x[i] - x[a]), y[a] + f * (y[i] - y[a]), along
            n += 1
        a = i
    return vt[:n].copy(), vx[:n].copy(), vy[:n].copy(), vs[:n].copy()


@njit(cache=True, nogil=True)
def _repeated(vt: I8, vx: F8, vy: F8, vs: F8) -> npt.NDArray[np.bool_]:
    n = len(vt)
    heading = np.empty(n)
    for i in range(n):
        a, b = max(0, i - 1), min(n - 1, i + 1)
        heading[i] = np.degrees(np.arctan2(vx[b] - vx[a], vy[b] - vy[a]))
    out = np.zeros(n, np.bool_)
    for i in range(n):
        passes, last_s = 0, -1e18
        for j in range(n):
            if abs(vx[j] - vx[i]) > _NEAR_M or abs(vy[j] - vy[i]) > _NEAR_M:
                continue
            if abs(vs[j] - vs[i]) < _APART_M or abs(vt[j] - vt[i]) < _APART_MS or abs(vt[j] - vt[i]) > _FORGET_MS:
                continue
            if np.hypot(vx[j] - vx[i], vy[j] - vy[i]) > _NEAR_M:
                continue
            turn = abs((heading[j] - heading[i] + 180.0) % 360.0 - 180.0)
            if _SAME_DEG < turn < _OPPOSITE_DEG:
                continue  # crossing a street is not driving it
            if vs[j] - last_s > _APART_M:
                passes += 1
            last_s = vs[j]
            if turn <= _SAME_DEG or passes >= 2:
                out[i] = True
                break
    return out
