"""What each car did in each minute of the service day: the table from which training is told from driving.

Minutes are counted from a fixed instant, so the table of two halves of a day is the table of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from numba import njit

from trajectories.fleet import F8, I8, Fleet
from trajectories.recipe import Recipe

MINUTE_MS = 60_000
_DEJITTER_M = 10.0  # a path vertex is set when the car is this far from the last: three times a good fix's error
_RESAMPLE_M = 25.0  # long steps are filled in at this distance
_CELL_M = 20.0  # with the eight neighbours a pass within 20 to 40 m counts as the same street
_BACK_M, _BACK_MS = 150.0, 60_000  # an earlier pass lies this far back on the path and in time ...
_FORGET_MS = 45 * 60_000  # ... and no further than this: coming home at night is not a lap

_TABLE = 1 << 15  # cells of the hash table, a power of two
_EMPTY = -(1 << 62)
_NEVER_MS = -(1 << 40)
_PIECES = 2_048  # of a path at a time, so that they stay in the processor's cache

Minutes2D = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Columns = tuple[I8, F8, F8, Bools, Bools]
Extent = tuple[Minutes2D, ...]


@dataclass(frozen=True, slots=True)
class MinuteTable:
    """One row a vehicle, one column a minute; all arrays float32 of shape (vehicles, minutes).

    `path_m`: path length without jitter. `moving_s`: seconds in motion. `seen_s`: seconds between fixes that are not
    silence. `fixes`: usable fixes. `again_m`: path driven where the car had been before (60 s to 45 min
    earlier, over 150 m back). `echo_m`: path that was driven again later. `x_min_m` ... `y_max_m`: extent (NaN where
    unseen).
    """

    first_ms: int
    path_m: Minutes2D
    moving_s: Minutes2D
    seen_s: Minutes2D
    fixes: Minutes2D
    again_m: Minutes2D
    echo_m: Minutes2D
    x_min_m: Minutes2D
    x_max_m: Minutes2D
    y_min_m: Minutes2D
    y_max_m: Minutes2D

    @property
    def n_minutes(self) -> int:
        """Number of minutes (columns)."""
        return int(self.path_m.shape[1])

    def start_ms(self, minute: int) -> int:
        """Return when a minute begins, ms UTC."""
        return self.first_ms + minute * MINUTE_MS

    def minute_of(self, t_ms: int) -> int:
        """Return the minute an instant lies in (not clipped)."""
        return int((t_ms - self.first_ms) // MINUTE_MS)


def tabulate(
    fleet: Fleet,
    east_m: F8,
    north_m: F8,
    ok: Bools,
    moving: Bools,
    first_ms: int,
    n_minutes: int,
    recipe: Recipe,
) -> MinuteTable:
    """Tabulate a fleet; fixes outside [first_ms, first_ms + n_minutes) are left out.

    `east_m`, `north_m`, `ok`, `moving`: shape (n_fixes,).
    """
    shape = (len(fleet), n_minutes)
    table = {f.name: np.zeros(shape, np.float32) for f in fields(MinuteTable)[1:]}
    for name in ("x_min_m", "x_max_m", "y_min_m", "y_max_m"):
        table[name][:] = np.nan
    columns = fleet.t_ms, east_m, north_m, ok, moving
    sums, extent = tuple(table.values())[:6], tuple(table.values())[6:]
    _tabulate(fleet.offsets, columns, first_ms, recipe.gap_ms, sums, extent)
    return MinuteTable(first_ms, **table)


@njit(cache=True, nogil=True)
def _tabulate(  # noqa: PLR0915 - one loop: handing arrays on costs more than all that is done with a fix
    offsets: I8, columns: Columns, first_ms: int, gap_ms: int, sums: tuple[Minutes2D, ...], extent: Extent
) -> None:
    """Fill the sums (in the order of `MinuteTable`) and the extent."""
    t_ms, x, y, ok, moving = columns
    path_m, moving_s, seen_s, fixes, again_m, echo_m = sums
    x_min, x_max, y_min, y_max = extent
    n_minutes = path_m.shape[1]
    piece = np.empty((_PIECES, 4))  # of the path, filled in: where it ends (x, y, metres from the start), its length
    when = np.empty((_PIECES, 2), np.int64)  # minute it counts in, time at its end
    key, passes = np.empty(_TABLE, np.int64), np.empty((_TABLE, 4), np.int64)
    for k in range(len(offsets) - 1):
        key[:] = _EMPTY
        prev = np.int64(-1)  # last usable row
        ax = ay = along = 0.0  # last path vertex
        west = east = south = north = 0.0  # extent of the minute under way
        n = used = 0
        for i in range(offsets[k], offsets[k + 1]):
            end = t_ms[i] - first_ms
            m = end // MINUTE_MS
            if not ok[i] or m < 0 or m >= n_minutes:
                continue
            if fixes[k, m] == 0:
                west, south = east, north = x[i], y[i]
            else:
                west, east, south, north = min(west, x[i]), max(east, x[i]), min(south, y[i]), max(north, y[i])
            x_min[k, m], x_max[k, m], y_min[k, m], y_max[k, m] = west, east, south, north
            fixes[k, m] += 1
            before, prev = prev, np.int64(i)
            if before < 0 or t_ms[i] - t_ms[before] > gap_ms:
                ax, ay = x[i], y[i]
                continue
            in_motion = 0.5 * moving[i] + 0.5 * moving[before]
            began = a = t_ms[before] - first_ms
            while a < end:
                within = a // MINUTE_MS
                until = min(end, (within + 1) * MINUTE_MS)
                seconds = (until - a) / 1000.0
                seen_s[k, within] += seconds
                moving_s[k, within] += in_motion * seconds
                a = until
            square = (x[i] - ax) ** 2 + (y[i] - ay) ** 2
            if square < _DEJITTER_M * _DEJITTER_M or in_motion == 0.0:  # a parked car's drift is no path
                continue
            d = np.sqrt(square)
            path_m[k, m] += d
            pieces = int(np.ceil(d / _RESAMPLE_M))
            for p in range(1, pieces + 1):
                if n == _PIECES:
                    used = _revisit(k, n, piece, when, key, passes, used, again_m, echo_m)
                    n = 0
                f = p / pieces
                piece[n, 0], piece[n, 1] = ax + f * (x[i] - ax), ay + f * (y[i] - ay)
                piece[n, 2], piece[n, 3] = along + f * d, d / pieces
                when[n, 0], when[n, 1] = m, int(end - (1 - f) * (end - began))
                n += 1
            along += d
            ax, ay = x[i], y[i]
        _revisit(k, n, piece, when, key, passes, used, again_m, echo_m)


@njit(cache=True, nogil=True)
def _revisit(  # noqa: C901, PLR0912 - the same
    k: int, n: int, piece: F8, when: I8, key: I8, passes: I8, used: int, again_m: Minutes2D, echo_m: Minutes2D
) -> int:
    """Credit what of n pieces of track k's path was passed before; return the cells in use.

    `passes`: a cell's last pass (metres, ms) and the one before that, for the last may be the one under way.
    """
    for i in range(n):
        if used > _TABLE // 2:  # a track that fills half the table starts afresh
            key[:] = _EMPTY
            used = 0
        cx, cy = int(np.floor(piece[i, 0] / _CELL_M)), int(np.floor(piece[i, 1] / _CELL_M))
        s, t = int(piece[i, 2]), when[i, 1]
        before, own = np.int64(-1), 0
        for gx in range(cx - 1, cx + 2):
            for gy in range(cy - 1, cy + 2):
                h = (gx * 40_503 + gy) & (_TABLE - 1)  # neighbours in a row lie side by side
                while key[h] != _EMPTY and key[h] != gx * 4_000_037 + gy:
                    h = (h + 1) & (_TABLE - 1)
                if gx == cx and gy == cy:
                    own = h
                if key[h] == _EMPTY:
                    continue
                last = 0 if s - passes[h, 0] > _BACK_M and t - passes[h, 1] > _BACK_MS else 2
                at = passes[h, last + 1]
                if s - passes[h, last] > _BACK_M and t - at > _BACK_MS and t - at <= _FORGET_MS and at > before:
                    before = at
        if key[own] == _EMPTY:
            key[own] = cx * 4_000_037 + cy
            passes[own, 2], passes[own, 3] = s, _NEVER_MS
            used += 1
        elif s - passes[own, 0] > _BACK_M and t - passes[own, 1] > _BACK_MS:
            passes[own, 2], passes[own, 3] = passes[own, 0], passes[own, 1]
        passes[own, 0], passes[own, 1] = s, t
        if before >= 0:
            again_m[k, when[i, 0]] += piece[i, 3]
            echo_m[k, before // MINUTE_MS] += piece[i, 3]
    return used
