"""Could the car have been before the camera then? From its track, the clock's error and the positions' error.

Between two fixes a car is anywhere within the time-space prism of its top speed: what it cannot have reached
contradicts the passage. So silence never contradicts, and a clock that is not known contradicts only where no time
within reach of it would do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numba import njit

from checkpoints.camera_passes import Mask, Sites, Steps
from checkpoints.clocks import WINDOW_MS, Clock
from checkpoints.passage import Passage
from trajectories.fleet import F8, I8

FASTEST_MPS = 33.3
"""No coach car drives faster (120 km/h, the limit of any road; formats.md 7.2, P10)."""
ERROR_M = 25.0 + 4.0 * math.hypot(8.0, 10.0)
"""How far car and camera may be apart on paper though they met: 25 m of road, four standard errors of a fix (8 m) and
of the camera's place (10 m) (evidence.md 4.4)."""
NEEDED_S = 10.0
"""A car that is out of reach by less is not (evidence.md 4.4: the margin of the prism)."""
UNTRUSTED_SIGMA_S = 30.0
"""The error of a clock that too few passes tell of (evidence.md 4.3) ..."""
CLOCK_SIGMAS = 4.0
"""... and so many standard errors are allowed for."""


class Whereabouts(StrEnum):
    """What the track says of a passage."""

    THERE = "there"  # the car went by the camera then
    POSSIBLE = "possible"  # it may have: the track is silent, or within the errors
    ELSEWHERE = "elsewhere"  # it cannot have been there
    UNKNOWN = "unknown"  # the car has no track to tell


@dataclass(frozen=True, slots=True)
class CheckedPassage:
    """A passage as it stands against the track of the car it names.

    `t_ms`: the time by the corrected clock, `sigma_s` its standard error; `nearest_m`: how near the car came then (NaN:
    not heard); `margin_s`: by how many seconds it was out of reach at top speed (below zero: within reach; NaN: not
    told).
    `is_read_so`: whether the plate was read as this car's (else it is a misreading that the track settles).
    """

    passage: Passage
    vehicle_id: str
    t_ms: int
    sigma_s: float
    whereabouts: Whereabouts
    nearest_m: float
    margin_s: float
    clock: Clock
    is_read_so: bool = True

    @property
    def out_of_reach_m(self) -> float:
        """How far out of reach the car was, in metres at top speed."""
        return self.margin_s * FASTEST_MPS


def windows(shot_ms: I8, offset_s: F8, sigma_s: F8, trusted: Mask) -> tuple[I8, I8, I8, I8]:
    """Return from when to when a passage may have been: (n,) ms each, for being there and for being elsewhere.

    The second is the wider one: a clock that is not trusted may be off by all that was looked for.
    """
    t_ms = shot_ms - np.round(1000.0 * offset_s).astype(np.int64)
    reach = np.round(CLOCK_SIGMAS * 1000.0 * sigma_s).astype(np.int64)
    wide = np.where(trusted, reach, WINDOW_MS)
    at = np.where(trusted, t_ms, shot_ms)
    return t_ms - reach, t_ms + reach, at - wide, at + wide


def check_positions(
    steps: Steps, vehicle_ix: I8, sites: Sites, camera_ix: I8, at: tuple[I8, I8, I8, I8], gap_ms: int
) -> tuple[F8, F8]:
    """Return for n passages how near the car came (m) and by how much it was out of reach (s), shape (n,) each.

    `at`: see `windows`; `gap_ms`: a longer step tells nothing of how near the car came.

    >>> t = np.arange(0, 600_000, 5_000); still = np.zeros(120)
    >>> fixes = Steps(np.array([0, 120]), t, still, still, np.ones(120, np.bool_))
    >>> far = Sites(("C1",), np.array([3406.0]), np.array([0.0]))
    >>> when = windows(np.array([300_000]), np.array([0.0]), np.array([1.0]), np.array([True]))
    >>> near, margin = check_positions(fixes, np.array([0]), far, np.array([0]), when, 60_000)
    >>> float(near[0]), round(float(margin[0]))
    (3406.0, 195)
    """
    return _check(*steps, vehicle_ix, sites.east_m[camera_ix], sites.north_m[camera_ix], *at, gap_ms)


def whereabouts(nearest_m: float, margin_s: float) -> Whereabouts:
    """Return what nearness and margin of a passage mean."""
    if nearest_m <= ERROR_M:
        return Whereabouts.THERE
    if math.isnan(margin_s):
        return Whereabouts.UNKNOWN
    return Whereabouts.ELSEWHERE if margin_s > NEEDED_S else Whereabouts.POSSIBLE


@njit(cache=True, nogil=True)
def _check(
    offsets: I8, t_ms: I8, x: F8, y: F8, ok: Mask, vehicle_ix: I8, at_x: F8, at_y: F8,
    near_from: I8, near_to: I8, far_from: I8, far_to: I8, gap_ms: int,
) -> tuple[F8, F8]:  # fmt: skip
    """The loop over passages: each against the fixes of its window and the one before and after."""
    nearest, margin = np.full(len(vehicle_ix), np.nan), np.full(len(vehicle_ix), np.nan)
    for q in range(len(vehicle_ix)):
        lo, hi = offsets[vehicle_ix[q]], offsets[vehicle_ix[q] + 1]
        i = lo + np.searchsorted(t_ms[lo:hi], far_from[q], side="right") - 1
        while i >= lo and not ok[i]:
            i -= 1
        for j in range(max(i + 1, lo), hi):
            if not ok[j]:
                continue
            out = _reach_s(t_ms, x, y, i if i >= lo else -1, j, at_x[q], at_y[q], far_from[q], far_to[q])
            margin[q] = out if np.isnan(margin[q]) else min(margin[q], out)
            if i >= lo and 0 < t_ms[j] - t_ms[i] <= gap_ms and t_ms[i] <= near_to[q] and t_ms[j] >= near_from[q]:
                d = _nearest_m(t_ms, x, y, i, j, at_x[q], at_y[q], near_from[q], near_to[q])
                nearest[q] = d if np.isnan(nearest[q]) else min(nearest[q], d)
            i = j
            if t_ms[j] >= far_to[q]:
                break
        if i >= lo and t_ms[i] < far_to[q]:  # the track ends before the window does
            out = _reach_s(t_ms, x, y, i, -1, at_x[q], at_y[q], far_from[q], far_to[q])
            margin[q] = out if np.isnan(margin[q]) else min(margin[q], out)
    return nearest, margin


@njit(cache=True, nogil=True)
def _reach_s(t_ms: I8, x: F8, y: F8, i: int, j: int, at_x: float, at_y: float, start_ms: int, end_ms: int) -> float:
    """Return by how many seconds a point is out of reach between two fixes; -1 stands for no fix on that side."""
    needed = 0.0
    if i >= 0:
        needed += max(0.0, np.hypot(x[i] - at_x, y[i] - at_y) - ERROR_M)
        start_ms = t_ms[i]
    if j >= 0:
        needed += max(0.0, np.hypot(x[j] - at_x, y[j] - at_y) - ERROR_M)
        end_ms = t_ms[j]
    return needed / FASTEST_MPS - (end_ms - start_ms) / 1000.0


@njit(cache=True, nogil=True)
def _nearest_m(t_ms: I8, x: F8, y: F8, i: int, j: int, at_x: float, at_y: float, start_ms: int, end_ms: int) -> float:
    """Return how near the straight way between two fixes comes to a point within a time."""
    dt = t_ms[j] - t_ms[i]
    dx, dy = x[j] - x[i], y[j] - y[i]
    first, last = max(start_ms - t_ms[i], 0) / dt, min(end_ms - t_ms[i], dt) / dt
    length2 = dx * dx + dy * dy
    share = first
    if length2 > 0.0:
        share = min(max(((at_x - x[i]) * dx + (at_y - y[i]) * dy) / length2, first), last)
    nearest: float = np.hypot(x[i] + share * dx - at_x, y[i] + share * dy - at_y)
    return nearest
