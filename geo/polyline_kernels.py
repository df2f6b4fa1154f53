"""The loops over whole columns behind `geo.polyline` (one file: numba's cache misses callees changed elsewhere)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from geo.columns import F8, I8

BLOCK = 8  # segments that share a bounding box
CANDIDATES = 8  # passes of the line kept for one fix
BACKWARD = 0.5  # what a metre against the line's direction costs beyond the metre
SEAM_M = 50.0  # what going on from the end of a closed line at its start costs: a single lap stays one lap


@njit(cache=True, nogil=True)
def _foot(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> tuple[float, float]:
    """Squared distance from p to the segment a-b (never of length 0), and the share of it at the nearest point.

    Always reckoned from the western end, so that a road driven there and back is as near both ways, to the last bit.
    """
    swapped = bx < ax or (bx == ax and by < ay)
    if swapped:
        ax, ay, bx, by = bx, by, ax, ay
    dx, dy = bx - ax, by - ay
    share = min(max(((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy), 0.0), 1.0)
    away = (ax + share * dx - px) ** 2 + (ay + share * dy - py) ** 2
    return away, 1.0 - share if swapped else share


@njit(cache=True, nogil=True)
def _to_box2(px: float, py: float, west: float, south: float, east: float, north: float) -> float:
    away_x, away_y = max(west - px, px - east, 0.0), max(south - py, py - north, 0.0)
    return away_x * away_x + away_y * away_y


@njit(cache=True, nogil=True)
def nearest_rows(
    east: F8,
    north: F8,
    x: F8,
    y: F8,
    along: F8,
    box: F8,
    enough_m: float,
    out_offset: F8,
    out_along: F8,
    out_segment: I8,
) -> None:
    """The nearest point for each row, trying first the segment of the row before: it rules most blocks out.

    A row within `enough_m` of that segment is not looked at further (a negative value: every row is).
    """
    segments, segment = x.size - 1, 0
    enough = enough_m * abs(enough_m)  # squared, the sign kept
    for i in range(east.size):
        px, py = east[i], north[i]
        if not (math.isfinite(px) and math.isfinite(py)):
            out_offset[i], out_along[i], out_segment[i] = math.nan, math.nan, -1
            continue
        best, share = _foot(px, py, x[segment], y[segment], x[segment + 1], y[segment + 1])
        for b in range(box.shape[0] if best > enough else 0):
            # A hair of slack: the box test rounds otherwise than the foot, and ties go to the first segment.
            if _to_box2(px, py, box[b, 0], box[b, 1], box[b, 2], box[b, 3]) > best * (1.0 + 1e-12):
                continue
            for s in range(b * BLOCK, min((b + 1) * BLOCK, segments)):
                away, t = _foot(px, py, x[s], y[s], x[s + 1], y[s + 1])
                if away < best or (away == best and s < segment):
                    best, share, segment = away, t, s
        out_offset[i] = math.sqrt(best)
        out_along[i] = along[segment] + share * (along[segment + 1] - along[segment])
        out_segment[i] = segment


@njit(cache=True, nogil=True)
def _keep(count: int, away: float, at: float, segment: int, offs: F8, alongs: F8, segs: I8) -> int:
    """Add a candidate; when all places are taken, in place of the farthest if nearer."""
    place = count
    if count == offs.size:
        place = int(np.argmax(offs))
        if offs[place] <= away:
            return count
    offs[place], alongs[place], segs[place] = away, at, segment
    return min(count + 1, offs.size)


@njit(cache=True, nogil=True)
def _passes(
    px: float, py: float, x: F8, y: F8, along: F8, box: F8, limit: float, offs: F8, alongs: F8, segs: I8
) -> int:
    """The local minima of the distance along the line within `limit`; how many there are."""
    count, falling, segments = 0, False, x.size - 1
    before, at, segment = math.inf, 0.0, 0
    for b in range(box.shape[0]):
        far = _to_box2(px, py, box[b, 0], box[b, 1], box[b, 2], box[b, 3]) > limit * limit
        for s in range(b * BLOCK, b * BLOCK + 1 if far else min((b + 1) * BLOCK, segments)):
            away2, t = (math.inf, 0.0) if far else _foot(px, py, x[s], y[s], x[s + 1], y[s + 1])
            if away2 > limit * limit:
                away2 = math.inf
            if falling and away2 > before:
                count = _keep(count, math.sqrt(before), at, segment, offs, alongs, segs)
                falling = False
            if away2 < before:
                falling, segment = True, s
                at = along[s] + t * (along[s + 1] - along[s])
            before = away2
    if falling:
        count = _keep(count, math.sqrt(before), at, segment, offs, alongs, segs)
    return count


@njit(cache=True, nogil=True)
def _advance_cost(advance: float, step: float, lap: float) -> float:
    """What an advance along the line costs a car that drove `step` metres; on a closed line it may pass the start."""
    cost = abs(advance - step) if advance >= 0.0 else abs(-advance - step) - BACKWARD * advance
    if lap < math.inf:
        round_it = advance + lap if advance < 0.0 else advance - lap
        wrapped = abs(round_it - step) if round_it >= 0.0 else abs(-round_it - step) - BACKWARD * round_it
        cost = min(cost, wrapped + SEAM_M)
    return cost


@njit(cache=True, nogil=True)
def follow_tracks(
    east: F8,
    north: F8,
    offsets: I8,
    x: F8,
    y: F8,
    along: F8,
    box: F8,
    limit: float,
    lap: float,
    out_offset: F8,
    out_along: F8,
    out_segment: I8,
) -> None:
    """The cheapest sequence of passes for each track: forward over its matched fixes, then back along the choices."""
    longest = int(np.max(np.diff(offsets))) if offsets.size > 1 else 0
    offs, alongs = np.empty((longest, CANDIDATES)), np.empty((longest, CANDIDATES))
    segs, came = np.empty((longest, CANDIDATES), np.int64), np.empty((longest, CANDIDATES), np.int64)
    many, row = np.empty(longest, np.int64), np.empty(longest, np.int64)
    cost, cost_before = np.empty(CANDIDATES), np.empty(CANDIDATES)
    for track in range(offsets.size - 1):
        matched = 0
        for i in range(offsets[track], offsets[track + 1]):
            out_offset[i], out_along[i], out_segment[i] = math.nan, math.nan, -1
            if not (math.isfinite(east[i]) and math.isfinite(north[i])):
                continue
            n = matched
            many[n] = _passes(east[i], north[i], x, y, along, box, limit, offs[n], alongs[n], segs[n])
            if many[n] == 0:
                continue
            row[n] = i
            step = math.hypot(east[i] - east[row[n - 1]], north[i] - north[row[n - 1]]) if n > 0 else 0.0
            for j in range(many[n]):
                least, chosen = (math.inf, -1) if n > 0 else (0.0, -1)
                for k in range(many[n - 1] if n > 0 else 0):
                    through = cost_before[k] + _advance_cost(alongs[n, j] - alongs[n - 1, k], step, lap)
                    if through < least:
                        least, chosen = through, k
                cost[j], came[n, j] = least + offs[n, j], chosen
            cost, cost_before = cost_before, cost
            matched += 1
        at = int(np.argmin(cost_before[: many[matched - 1]])) if matched > 0 else -1
        for n in range(matched - 1, -1, -1):
            out_offset[row[n]], out_along[row[n]], out_segment[row[n]] = offs[n, at], alongs[n, at], segs[n, at]
            at = came[n, at]
