"""What is training? Stretches of a track with the probability of yard training, road training and plain driving.

Two kinds of training leave a sign in the shape of the path alone. *Yard training*: a long path within a small
place. *Road training*: the same streets driven again and again for a long time (see `trajectories.laps`). On real
tracks of ordinary driving path overlap and compactness K = path length / extent separate best; reversals and turning
do not separate at all, so they are not used. A stretch is as probable as its weakest sign: each sign is a feature
less its threshold in units of its softness, and the smallest of them goes through the logistic function.

Following an approved route once is training, too, but only the approval tells: see `zones.following`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from trajectories.fleet import F8, I8
from trajectories.laps import Core, repeated_cores
from trajectories.minutes import Minutes2D, MinuteTable
from trajectories.spans import Activity

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_HOPELESS = 8.0  # so many softnesses beyond a threshold: a probability below 0.0004 is given as 0
MIN_FIXES_PER_MIN = 1.4
"""Below this (steps over about 43 s) a track is too thin for manoeuvres or laps: not assessable, never clean."""


@dataclass(frozen=True, slots=True)
class ActivityModel:
    """Thresholds (value, softness) of the signs, each with a reason of its own.

    Yard, in a window of `yard_window_min`: the extent of the largest field that the syllabus needs (grounds are 100
    to 400 m across); a compactness well above real driving (K < 5 in 99 % of real windows); in motion for a
    fifth of the time; a path longer than the drift of a parked car makes.
    The same in a window of `wide_window_min`, for lessons on a large lot or between silences: twice the motion and
    path, and a compactness that ordinary driving does not gather in half an hour (K < 5 in real half hours, too).
    Laps, over a core of repeated streets: longer than a search for a parking place (cruising studies: mostly
    below 15 min); K of more than one round (a loop driven n times has K = 2.8 n, a street driven up and down n
    times K = 2 n); nearly all of the path repeated (a search explores, a lesson repeats); on the move, not from errand
    to errand; larger than a yard.
    """

    yard_window_min: int = 15
    yard_extent_m: tuple[float, float] = (350.0, 40.0)
    yard_compactness: tuple[float, float] = (6.0, 1.0)
    yard_moving_min: tuple[float, float] = (3.0, 0.75)
    yard_path_m: tuple[float, float] = (300.0, 60.0)
    wide_window_min: int = 31
    wide_compactness: tuple[float, float] = (9.0, 1.0)
    wide_moving_min: tuple[float, float] = (6.0, 1.5)
    wide_path_m: tuple[float, float] = (600.0, 120.0)
    lap_share: float = 0.5
    lap_pause_min: int = 6
    lap_minutes: tuple[float, float] = (20.0, 2.5)
    lap_compactness: tuple[float, float] = (3.5, 0.4)
    lap_repeated: tuple[float, float] = (0.8, 0.05)
    lap_moving: tuple[float, float] = (0.5, 0.05)


MODEL = ActivityModel()


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch that looks like training, and what was measured over it (`repeated_share` NaN for a yard)."""

    activity: Activity
    start_ms: int
    end_ms: int
    p: float
    path_m: float
    extent_m: float
    moving_share: float
    repeated_share: float


def yard_probability(table: MinuteTable, model: ActivityModel = MODEL) -> Floats:
    """Return for every minute the probability that a window around it is yard training, shape (vehicles, minutes)."""
    out = np.zeros(table.path_m.shape)
    signs = np.array([model.yard_extent_m, model.yard_compactness, model.yard_moving_min, model.yard_path_m])
    wide = np.array([model.yard_extent_m, model.wide_compactness, model.wide_moving_min, model.wide_path_m])
    extent = (table.x_min_m, table.x_max_m, table.y_min_m, table.y_max_m)
    sums = (table.path_m, table.moving_s, table.seen_s, table.fixes)
    _yard(*sums, *extent, out, model.yard_window_min, signs, MIN_FIXES_PER_MIN)
    _yard(*sums, *extent, out, model.wide_window_min, wide, MIN_FIXES_PER_MIN)
    return out


@njit(cache=True, nogil=True)
def _yard(
    path: Minutes2D,
    moving: Minutes2D,
    seen_s: Minutes2D,
    fixes: Minutes2D,
    x0: Minutes2D,
    x1: Minutes2D,
    y0: Minutes2D,
    y1: Minutes2D,
    out: Floats,
    window: int,
    signs: Floats,
    thin: float,
) -> None:
    half = window // 2
    far = signs[0, 0] + _HOPELESS * signs[0, 1]
    for k in range(path.shape[0]):
        for m in range(path.shape[1]):
            if moving[k, m] <= 0 or x1[k, m] - x0[k, m] > far or y1[k, m] - y0[k, m] > far:
                continue
            length = moved = seen = heard = 0.0
            ax = ay = np.inf
            bx = by = -np.inf
            for j in range(max(0, m - half), min(path.shape[1], m + half + 1)):
                length += path[k, j]
                moved += moving[k, j] / 60.0
                seen += fixes[k, j]
                heard += seen_s[k, j] / 60.0
                if not np.isnan(x0[k, j]):
                    ax, bx = min(ax, x0[k, j]), max(bx, x1[k, j])
                    ay, by = min(ay, y0[k, j]), max(by, y1[k, j])
                    if bx - ax > far or by - ay > far:
                        break
            if bx - ax > far or by - ay > far:
                continue
            if seen < thin * max(heard, window / 2) or ax == np.inf:
                continue
            extent = max(np.hypot(bx - ax, by - ay), 10.0)
            z = (signs[0, 0] - extent) / signs[0, 1]
            z = min(z, (length / extent - signs[1, 0]) / signs[1, 1])
            z = min(z, (moved - signs[2, 0]) / signs[2, 1])
            z = min(z, (length - signs[3, 0]) / signs[3, 1])
            out[k, m] = max(out[k, m], 1.0 / (1.0 + np.exp(-z)))


def yard_runs(
    table: MinuteTable, k: int, p_yard: Floats, limit: float, among: Mask, model: ActivityModel = MODEL
) -> list[Run]:
    """Return vehicle k's runs whose windows are yard training with at least `limit`, trimmed to minutes in motion.

    `p_yard`: from `yard_probability`. `among`, shape (minutes,): only these minutes are taken.
    """
    hit = (p_yard[k] >= limit) & among
    if not hit.any():
        return []
    half = model.yard_window_min // 2
    wide = (np.convolve(hit, np.ones(2 * half + 1))[half : half + len(hit)] > 0.5) & among
    runs = []
    for first, stop in spans_of(wide):
        active = first + np.flatnonzero(table.moving_s[k, first:stop] > 0)
        if len(active):
            lo, hi = int(active[0]), int(active[-1]) + 1
            runs.append(_measured(table, k, lo, hi, float(p_yard[k, lo:hi].max())))
    return runs


def lap_runs(
    table: MinuteTable,
    k: int,
    track: tuple[I8, F8, F8, Mask],
    limit: float,
    among: Mask,
    gap_ms: int,
    model: ActivityModel = MODEL,
) -> list[Run]:
    """Return vehicle k's stretches of streets driven again and again, with probability at least `limit`.

    `track`: times and plane coordinates of its fixes, and which are usable. `among`, shape (minutes,): only these
    minutes are looked at (those outside every approved place).
    """
    if _repeating(table.path_m, table.again_m, table.echo_m, k, model.lap_share, among) < model.lap_minutes[0] / 2:
        return []
    path = table.path_m[k].astype(np.float64)
    repeated = np.minimum(table.again_m[k] + table.echo_m[k], path)
    lapping = among & (repeated > model.lap_share * np.maximum(path, 1.0))
    if lapping.sum() < model.lap_minutes[0] / 2:
        return []
    runs = []
    for first, stop in _joined(lapping, among & (path < 30.0), model.lap_pause_min):
        if stop - first >= model.lap_minutes[0] / 2:
            rows = slice(*np.searchsorted(track[0], [table.start_ms(first), table.start_ms(stop)]))
            ok = track[3][rows]
            for core in repeated_cores(track[0][rows][ok], track[1][rows][ok], track[2][rows][ok], gap_ms):
                run = _lap_run(table, k, core, model)
                if run.p >= limit:
                    runs.append(run)
    return runs


@njit(cache=True, nogil=True)
def _repeating(path_m: Minutes2D, again_m: Minutes2D, echo_m: Minutes2D, k: int, share: float, among: Mask) -> int:
    """How many minutes of track k at most may be laps: for most tracks that settles it."""
    n = 0
    for m in range(path_m.shape[1]):
        n += among[m] and again_m[k, m] + echo_m[k, m] > share * max(path_m[k, m], np.float32(1.0))
    return n


def _lap_run(table: MinuteTable, k: int, core: Core, model: ActivityModel) -> Run:
    first, stop = table.minute_of(core.start_ms), table.minute_of(core.end_ms) + 1
    moving_share = float(table.moving_s[k, first:stop].sum()) / 60.0 / max(core.minutes, 1.0)
    signs = (
        (core.minutes, model.lap_minutes),
        (core.compactness, model.lap_compactness),
        (core.repeated_share, model.lap_repeated),
        (moving_share, model.lap_moving),
        (core.extent_m, model.yard_extent_m),
    )
    z = min((value - threshold) / softness for value, (threshold, softness) in signs)
    p = float(1.0 / (1.0 + np.exp(-z)))
    if float(table.fixes[k, first:stop].sum()) / max(stop - first, 1) < MIN_FIXES_PER_MIN:
        p = 0.0
    return Run(
        Activity.ROAD_TRAINING,
        core.start_ms,
        core.end_ms,
        p,
        core.path_m,
        core.extent_m,
        min(moving_share, 1.0),
        core.repeated_share,
    )


def _measured(table: MinuteTable, k: int, first: int, stop: int, p: float) -> Run:
    cut = (k, slice(first, stop))
    extent = 0.0  # of minutes in motion between two fixes but without one
    if (table.fixes[cut] > 0).any():
        dx = float(np.nanmax(table.x_max_m[cut]) - np.nanmin(table.x_min_m[cut]))
        dy = float(np.nanmax(table.y_max_m[cut]) - np.nanmin(table.y_min_m[cut]))
        extent = float(np.hypot(dx, dy))
    moving_share = float(table.moving_s[cut].sum()) / 60.0 / (stop - first)
    return Run(
        Activity.YARD_TRAINING,
        table.start_ms(first),
        table.start_ms(stop),
        p,
        float(table.path_m[cut].sum()),
        extent,
        moving_share,
        float("nan"),
    )


def spans_of(mask: Mask) -> list[tuple[int, int]]:
    """Return the runs of True as half-open ranges.

    >>> spans_of(np.array([True, False, True, True]))
    [(0, 1), (2, 4)]
    >>> spans_of(np.zeros(0, bool))
    []
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _joined(mask: Mask, pause: Mask, longest: int) -> list[tuple[int, int]]:
    """Join runs of `mask` over at most `longest` minutes of which at most two are no `pause`."""
    out: list[tuple[int, int]] = []
    for first, stop in spans_of(mask):
        if out and first - out[-1][1] <= longest and int((~pause[out[-1][1] : first]).sum()) <= 2:
            out[-1] = (out[-1][0], stop)
        else:
            out.append((first, stop))
    return out
