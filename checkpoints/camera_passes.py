"""When cars went by cameras, from their tracks: the closest approach of each drive past, for whole batches at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from trajectories.fleet import F8, I4, I8

Mask = npt.NDArray[np.bool_]

NEAR_M = 60.0
"""A car that comes no nearer did not pass the camera (evidence.md 4.3): a wide road and the error of two fixes."""
_CELL_M = 250.0


class Steps(NamedTuple):
    """What a fleet's fixes are as the kernels take them: row ranges, time, plane, usable; shapes (v + 1,), (n,) ..."""

    offsets: I8
    t_ms: I8
    east_m: F8
    north_m: F8
    ok: Mask


@dataclass(frozen=True, slots=True)
class Sites:
    """Where cameras stand in the city's plane, shape (c,) each; `ids` in the order of their index."""

    ids: tuple[str, ...]
    east_m: F8
    north_m: F8

    def __len__(self) -> int:
        """Return the number of cameras."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class CameraPasses:
    """Drives past a camera, shape (n,) each, by vehicle and time.

    `t_ms`: at its closest; `start_ms`, `end_ms`: when it came within `NEAR_M` and left. `step_ms`: between the two
    fixes around the closest approach; `speed_mps`: on the straight line between them.
    """

    vehicle_ix: I4
    camera_ix: I4
    t_ms: I8
    start_ms: I8
    end_ms: I8
    distance_m: F8
    speed_mps: F8
    heading_deg: F8
    step_ms: I8

    def __len__(self) -> int:
        """Return the number of passes."""
        return len(self.t_ms)

    @classmethod
    def empty(cls) -> CameraPasses:
        """No pass at all."""
        whole, real = np.zeros(0, np.int64), np.zeros(0)
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int32), whole, whole, whole, real, real, real, whole)

    @classmethod
    def joined(cls, parts: Sequence[CameraPasses], numbers: Sequence[I4]) -> CameraPasses:
        """Return the passes of several batches as one; `numbers` says for each how its vehicles count in the whole."""
        if not parts:
            return cls.empty()
        names = [f.name for f in fields(cls)[1:]]
        whose = np.concatenate([n[p.vehicle_ix] for p, n in zip(parts, numbers, strict=True)])
        return cls(whose, *(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def camera_passes(steps: Steps, sites: Sites, gap_ms: int) -> CameraPasses:
    """Return every drive of every vehicle past every camera within `NEAR_M`.

    Between usable fixes no more than `gap_ms` apart a car is taken to move straight and evenly. A car that stays near a
    camera passes it once, at its closest.

    >>> t = np.arange(0, 60_000, 5_000); east = 10.0 * np.arange(12) * 5
    >>> fixes = Steps(np.array([0, 12]), t, east, np.zeros(12), np.ones(12, np.bool_))
    >>> found = camera_passes(fixes, Sites(("C1",), np.array([222.0]), np.array([9.0])), 60_000)
    >>> found.t_ms.tolist(), found.distance_m.tolist(), found.heading_deg.tolist()
    ([22200], [9.0], [90.0])
    >>> found.start_ms.tolist(), found.end_ms.tolist()
    ([16268], [28132])
    """
    if not len(sites) or not len(steps.t_ms):
        return CameraPasses.empty()
    grid = _grid(sites)
    found = _closest(*steps, sites.east_m, sites.north_m, *grid, NEAR_M, gap_ms)
    at, how = found
    order = np.lexsort((at[:, 2], at[:, 0]))
    at, how = at[order], how[order]
    whose = at[:, 0].astype(np.int32), at[:, 1].astype(np.int32)
    return CameraPasses(*whose, at[:, 2], at[:, 4], at[:, 5], how[:, 0], how[:, 1], how[:, 2], at[:, 3])


def _grid(sites: Sites) -> tuple[F8, I8, I8, I8]:
    """Return origin, shape, first camera of each cell and the cameras by cell."""
    origin = np.array([sites.east_m.min(), sites.north_m.min()]) - _CELL_M
    ix = np.column_stack([sites.east_m, sites.north_m]) - origin
    cell = (ix // _CELL_M).astype(np.int64)
    shape = cell.max(axis=0) + 2
    flat = cell[:, 0] * shape[1] + cell[:, 1]
    order = np.argsort(flat, kind="stable")
    first = np.searchsorted(flat[order], np.arange(shape[0] * shape[1] + 1))
    return origin, shape, first.astype(np.int64), order.astype(np.int64)


@njit(cache=True, nogil=True)
def _closest(
    offsets: I8, t_ms: I8, x: F8, y: F8, ok: Mask,
    cam_x: F8, cam_y: F8, origin: F8, shape: I8, first: I8, by_cell: I8, near_m: float, gap_ms: int,
) -> tuple[I8, F8]:  # fmt: skip
    """The loop: each step between usable fixes against the cameras of the cells that it crosses."""
    at, n = np.empty((256, 6), np.int64), 0  # vehicle, camera, time, step, came near, left
    how = np.empty((256, 3))  # distance, speed, heading
    under_way = np.full(len(cam_x), -1, np.int64)  # of each camera: the pass that the car is on
    near_till = np.full(len(cam_x), -1, np.int64)  # ... and the fix at which it was still near
    for k in range(len(offsets) - 1):
        under_way[:] = -1
        i = -1
        for j in range(offsets[k], offsets[k + 1]):
            if not ok[j]:
                continue
            dt = t_ms[j] - t_ms[i] if i >= 0 else 0
            for cell in _cells(x, y, i, j, origin, shape, near_m) if 0 < dt <= gap_ms else by_cell[:0]:
                for c in by_cell[first[cell] : first[cell + 1]]:
                    share, d, came, left = _nearest(x, y, i, j, cam_x[c], cam_y[c], near_m)
                    if d > near_m:
                        continue
                    row = under_way[c]
                    is_same = row >= 0 and near_till[c] == i and came <= 0.0
                    near_till[c] = j if left >= 1.0 else -1  # it left in between: coming back is another pass
                    if is_same:
                        at[row, 5] = t_ms[i] + round(left * dt)
                        if d >= how[row, 0]:
                            continue
                    else:
                        if n == len(at):
                            at, how = np.concatenate((at, np.empty_like(at))), np.concatenate((how, np.empty_like(how)))
                        row, under_way[c], n = n, n, n + 1
                        at[row, 4], at[row, 5] = t_ms[i] + round(came * dt), t_ms[i] + round(left * dt)
                    dx, dy = x[j] - x[i], y[j] - y[i]
                    at[row, :4] = np.array([k, c, t_ms[i] + round(share * dt), dt])
                    how[row] = d, 1000.0 * np.hypot(dx, dy) / dt, np.degrees(np.arctan2(dx, dy)) % 360.0
            i = j
    return at[:n], how[:n]


@njit(cache=True, nogil=True)
def _cells(x: F8, y: F8, i: int, j: int, origin: F8, shape: I8, near_m: float) -> I8:
    """Return the cells of the grid that the surroundings of a step touch."""
    lo_x = max(int((min(x[i], x[j]) - near_m - origin[0]) // _CELL_M), 0)
    hi_x = min(int((max(x[i], x[j]) + near_m - origin[0]) // _CELL_M), shape[0] - 1)
    lo_y = max(int((min(y[i], y[j]) - near_m - origin[1]) // _CELL_M), 0)
    hi_y = min(int((max(y[i], y[j]) + near_m - origin[1]) // _CELL_M), shape[1] - 1)
    out, n = np.empty(max(hi_x - lo_x + 1, 0) * max(hi_y - lo_y + 1, 0), np.int64), 0
    for gx in range(lo_x, hi_x + 1):
        for gy in range(lo_y, hi_y + 1):
            out[n] = gx * shape[1] + gy
            n += 1
    return out


@njit(cache=True, nogil=True)
def _nearest(
    x: F8, y: F8, i: int, j: int, at_x: float, at_y: float, near_m: float
) -> tuple[float, float, float, float]:
    """Return where on a step (a share of it) it is nearest to a point, how near, where it comes near and leaves."""
    dx, dy = x[j] - x[i], y[j] - y[i]
    length2 = dx * dx + dy * dy
    if length2 == 0.0:
        return 0.0, np.hypot(x[i] - at_x, y[i] - at_y), 0.0, 1.0
    middle = ((at_x - x[i]) * dx + (at_y - y[i]) * dy) / length2
    share = min(max(middle, 0.0), 1.0)
    aside = np.hypot(x[i] + middle * dx - at_x, y[i] + middle * dy - at_y)
    half = np.sqrt(max(near_m * near_m - aside * aside, 0.0) / length2)
    d = np.hypot(x[i] + share * dx - at_x, y[i] + share * dy - at_y)
    return share, d, min(max(middle - half, 0.0), 1.0), min(max(middle + half, 0.0), 1.0)
