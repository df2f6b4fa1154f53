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

Minutes2D = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MinuteTable:
    """One row a vehicle, one column a minute; all arrays float32 of shape (vehicles, minutes).

    `path_m`: path length without jitter. `moving_s`: seconds in motion. `seen_s`: seconds between fixes that are not
    silence. `fixes`: usable fixes. `again_m`: path driven where the car had been before (60 s to 45 min
    earlier, over 150 m back). `thrice_m`: the part of it passed for the third time or more. `echo_m`: path that was
    driven again later. `turn_rad`: summed change of direction. `x_min_m` ... `y_max_m`: extent (NaN where unseen).
    """

    first_ms: int
    path_m: Minutes2D
    moving_s: Minutes2D
    seen_s: Minutes2D
    fixes: Minutes2D
    again_m: Minutes2D
    thrice_m: Minutes2D
    echo_m: Minutes2D
    turn_rad: Minutes2D
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
    ok: npt.NDArray[np.bool_],
    moving: npt.NDArray[np.bool_],
    first_ms: int,
    n_minutes: int,
    recipe: Recipe,
) -> MinuteTable:
    """Tabulate a fleet; fixes outside [first_ms, first_ms + n_minutes) are left out.

    `east_m`, `north_m`, `ok`, `moving`: shape (n_fixes,).
    """
    shape = (len(fleet), n_minutes)
    names = [f.name for f in fields(MinuteTable)[1:]]
    table = {name: np.zeros(shape, np.float32) for name in names}
    for name in names[-4:]:
        table[name][:] = np.nan
    _tabulate(fleet.offsets, fleet.t_ms, east_m, north_m, ok, moving, first_ms, recipe.gap_ms, *table.values())
    return MinuteTable(first_ms, **table)


@njit(cache=True, nogil=True)
def _tabulate(
    offsets: I8,
    t_ms: I8,
    x: F8,
    y: F8,
    ok: npt.NDArray[np.bool_],
    moving: npt.NDArray[np.bool_],
    first_ms: int,
    gap_ms: int,
    path_m: Minutes2D,
    moving_s: Minutes2D,
    seen_s: Minutes2D,
    fixes: Minutes2D,
    again_m: Minutes2D,
    thrice_m: Minutes2D,
    echo_m: Minutes2D,
    turn_rad: Minutes2D,
    x_min: Minutes2D,
    x_max: Minutes2D,
    y_min: Minutes2D,
    y_max: Minutes2D,
) -> None:
    n_minutes = path_m.shape[1]
    cells = np.zeros((_TABLE, 7), np.int64)  # key, owner + 1, along, time, along before, time before, passes
    for k in range(len(offsets) - 1):
        prev = np.int64(-1)  # last usable row
        ax = ay = 0.0  # last path vertex
        heading = np.nan
        along = 0.0
        used = 0
        for i in range(offsets[k], offsets[k + 1]):
            m = (t_ms[i] - first_ms) // MINUTE_MS
            if not ok[i] or m < 0 or m >= n_minutes:
                continue
            fixes[k, m] += 1
            _widen(k, m, x[i], y[i], x_min, x_max, y_min, y_max)
            if prev < 0 or t_ms[i] - t_ms[prev] > gap_ms:
                ax, ay, heading, prev = x[i], y[i], np.nan, np.int64(i)
                continue
            in_motion = 0.5 * moving[i] + 0.5 * moving[prev]
            _spread_seconds(seen_s[k], moving_s[k], t_ms[prev] - first_ms, t_ms[i] - first_ms, in_motion)
            step_ms = t_ms[i] - t_ms[prev]
            prev = np.int64(i)
            d = np.hypot(x[i] - ax, y[i] - ay)
            if d < _DEJITTER_M or in_motion == 0.0:  # a parked car's drift is no path
                continue
            path_m[k, m] += d
            new = np.arctan2(x[i] - ax, y[i] - ay)
            if not np.isnan(heading):
                turn = abs(new - heading)
                turn_rad[k, m] += min(turn, 2 * np.pi - turn)
            heading = new
            step = ax, ay, x[i], y[i], t_ms[i] - first_ms, step_ms
            used = _revisit(cells, k, step, along, used, again_m[k], thrice_m[k], echo_m[k])
            along += d
            ax, ay = x[i], y[i]


@njit(cache=True, nogil=True)
def _revisit(
    cells: npt.NDArray[np.int64],
    k: int,
    step: tuple[float, float, float, float, int, int],
    along: float,
    used: int,
    again_m: npt.NDArray[np.float32],
    thrice_m: npt.NDArray[np.float32],
    echo_m: npt.NDArray[np.float32],
) -> int:
    """Enter a step of the path, filled in, and credit what of it was passed before; return the cells in use.

    `step`: from x, y to x, y; the time (ms from the first minute) at its end, and how long it lasted.
    """
    ax, ay, bx, by, end_ms, lasts_ms = step
    d = np.hypot(bx - ax, by - ay)
    pieces = int(np.ceil(d / _RESAMPLE_M))
    for p in range(1, pieces + 1):
        f = p / pieces
        t = int(end_ms - (1 - f) * lasts_ms)
        before, count, used = _pass(cells, k, ax + f * (bx - ax), ay + f * (by - ay), along + f * d, t, used)
        if before >= 0:
            m, e = end_ms // MINUTE_MS, before // MINUTE_MS
            again_m[m] += d / pieces
            if count >= 2:
                thrice_m[m] += d / pieces
            if 0 <= e < len(echo_m):
                echo_m[e] += d / pieces
    return used


@njit(cache=True, nogil=True)
def _widen(
    k: int, m: int, x: float, y: float, x_min: Minutes2D, x_max: Minutes2D, y_min: Minutes2D, y_max: Minutes2D
) -> None:
    """Widen the extent of minute m by one fix."""
    if np.isnan(x_min[k, m]):
        x_min[k, m] = x_max[k, m] = x
        y_min[k, m] = y_max[k, m] = y
    else:
        x_min[k, m], x_max[k, m] = min(x_min[k, m], x), max(x_max[k, m], x)
        y_min[k, m], y_max[k, m] = min(y_min[k, m], y), max(y_max[k, m], y)


@njit(cache=True, nogil=True)
def _spread_seconds(
    seen_s: npt.NDArray[np.float32], moving_s: npt.NDArray[np.float32], a: int, b: int, in_motion: float
) -> None:
    """Give the seconds from a to b (ms) to the minutes they fall into."""
    while a < b:
        m = a // MINUTE_MS
        until = min(b, (m + 1) * MINUTE_MS)
        if 0 <= m < len(seen_s):
            seen_s[m] += (until - a) / 1000.0
            moving_s[m] += in_motion * (until - a) / 1000.0
        a = until


@njit(cache=True, nogil=True)
def _pass(
    cells: npt.NDArray[np.int64], k: int, x: float, y: float, along: float, t: int, used: int
) -> tuple[int, int, int]:
    """Enter a path vertex; return when the place was passed before (-1: never), how often, and the cells in use."""
    cx, cy = int(np.floor(x / _CELL_M)), int(np.floor(y / _CELL_M))
    s = int(along)
    before, count, own = -1, 0, 0
    if used > _TABLE // 2:  # a track that fills half the table starts afresh
        cells[:, 1] = 0
        used = 0
    for gx in range(cx - 1, cx + 2):
        for gy in range(cy - 1, cy + 2):
            cell = gx * 4_000_037 + gy
            h = (cell * 2654435761) & (_TABLE - 1)
            while cells[h, 1] == k + 1 and cells[h, 0] != cell:
                h = (h + 1) & (_TABLE - 1)
            if gx == cx and gy == cy:
                own = h
            if cells[h, 1] != k + 1:
                continue
            seen, c = _last_pass(cells, h, s, t)
            before, count = max(before, seen), max(count, c)
    if cells[own, 1] != k + 1:
        cells[own, 0], cells[own, 1] = cx * 4_000_037 + cy, k + 1
        cells[own, 5], cells[own, 6] = -1, count + 1
        used += 1
    elif s - cells[own, 2] > _BACK_M and t - cells[own, 3] > _BACK_MS:
        recent = 1 if t - cells[own, 3] <= _FORGET_MS else 0
        cells[own, 4], cells[own, 5] = cells[own, 2], cells[own, 3]
        cells[own, 6] = max(cells[own, 6], count) + recent
    cells[own, 2], cells[own, 3] = s, t
    return before, count, used


@njit(cache=True, nogil=True)
def _last_pass(cells: npt.NDArray[np.int64], h: int, s: int, t: int) -> tuple[int, int]:
    """Return when a cell was last passed far enough back to count, and how often till then; (-1, 0) if never."""
    seen, count = -1, 0
    if s - cells[h, 2] > _BACK_M and t - cells[h, 3] > _BACK_MS:
        seen, count = int(cells[h, 3]), int(cells[h, 6])
    elif cells[h, 5] >= 0 and s - cells[h, 4] > _BACK_M and t - cells[h, 5] > _BACK_MS:
        seen, count = int(cells[h, 5]), int(cells[h, 6]) - 1
    if seen < 0 or t - seen > _FORGET_MS:
        return -1, 0
    return seen, count
