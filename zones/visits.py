"""Visits: when which car was in which approved place, found for a whole fleet in one pass."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from geo.columns import floats
from trajectories.fleet import F4, F8, I4, I8, Fleet
from zones.places import Places

Bool = npt.NDArray[np.bool_]

BRIDGE_MS = 60_000
BLOCK = 16
"""Edges that share a bounding box."""


@dataclass(frozen=True, slots=True)
class Visits:
    """n visits of places, by vehicle, start and zone. All columns have shape (n,).

    `start:stop` is the half-open row range in the fleet, from the first to the last usable fix in the place grown by
    the margin. `deepest_m` is the most negative `Places.depth_m` of its usable fixes. A car may be in two places at
    once.
    """

    vehicle_ix: I4
    zone_ix: I4
    start: I8
    stop: I8
    deepest_m: F4

    def __len__(self) -> int:
        """Return the number of visits."""
        return len(self.zone_ix)

    def of(self, k: int) -> Visits:
        """Return vehicle k's visits as views."""
        lo, hi = np.searchsorted(self.vehicle_ix, [k, k + 1])
        return Visits(*(getattr(self, f.name)[lo:hi] for f in fields(self)))


def find_visits(
    fleet: Fleet, places: Places, east_m: F8, north_m: F8, usable: Bool, bridge_ms: int = BRIDGE_MS
) -> Visits:
    """Return every visit of every car of a fleet; `east_m`, `north_m`, `usable` have a row for each fix.

    A visit is a maximal run of usable fixes in the place grown by `places.margin_m`, of which one at least lies in the
    place itself: nearness alone is no visit. Leaving for at most `bridge_ms` does not end it, counted from half way
    between the last fix in and the first out to half way back: drift at a boundary does not split a visit. Unusable
    rows neither begin nor end nor interrupt one.
    """
    east, north = floats(east_m=east_m, north_m=north_m)
    fit = _read_only(usable)
    rows, zones = places.match(east, north)
    inside = _are_among(rows, zones, *places.match_true(east, north), len(places))
    visit, count = _assign(rows, zones, fleet.offsets, fleet.t_ms, fit, len(places), bridge_ms)
    vehicle, zone, start, stop, entered = _collect(visit, count, rows, zones, inside, fleet.offsets)
    farthest_m2, closest_m2 = _deepest(visit, count, rows, zones, inside, east, north, *_edges(places))
    kept = np.flatnonzero(entered)
    kept = kept[np.lexsort((zone[kept], start[kept], vehicle[kept]))]
    in_area = places.shape_of[zone[kept]] < len(places.polygons)
    corridor_m = np.sqrt(closest_m2[kept]) - places.half_width_m[zone[kept]]
    deepest_m = np.where(in_area, -np.sqrt(farthest_m2[kept]), corridor_m).astype(np.float32)
    return Visits(vehicle[kept], zone[kept], start[kept], stop[kept], deepest_m)


def _read_only(column: Bool) -> Bool:
    """Return a read-only view, so that one compiled version of a kernel serves every caller."""
    view = np.ascontiguousarray(column, dtype=np.bool_).view()
    view.flags.writeable = False
    return view


class _Edges(NamedTuple):
    """Edges of all zones, and boxes around each run of `BLOCK` edges of one zone."""

    is_area: Bool
    edge_start: I8
    edges: F8
    box_start: I8
    boxes: F8


def _edges(places: Places) -> _Edges:
    start, edges = places.edges()
    first = [np.arange(a, b, BLOCK) for a, b in pairwise(start.tolist())]
    box_start = np.cumsum([0, *(len(f) for f in first)], dtype=np.int64)
    boxes = np.empty((0, 4))
    if len(edges):
        at = np.concatenate(first)
        low = [np.minimum.reduceat(np.minimum(edges[:, k], edges[:, k + 2]), at) for k in (0, 1)]
        high = [np.maximum.reduceat(np.maximum(edges[:, k], edges[:, k + 2]), at) for k in (0, 1)]
        boxes = np.column_stack([*low, *high])
    return _Edges(places.shape_of < len(places.polygons), start, edges, box_start, boxes)


@njit(cache=True, nogil=True)
def _are_among(rows: I8, zones: I4, true_rows: I8, true_zones: I4, n_zones: int) -> Bool:
    """Which of the pairs are among the others; both have their rows ascending."""
    out = np.zeros(rows.size, dtype=np.bool_)
    seen_at = np.full(n_zones, -1, dtype=np.int64)
    j = 0
    for i in range(rows.size):
        while j < true_rows.size and true_rows[j] <= rows[i]:
            seen_at[true_zones[j]] = true_rows[j]
            j += 1
        out[i] = seen_at[zones[i]] == rows[i]
    return out


@njit(cache=True, nogil=True)
def _assign(rows: I8, zones: I4, offsets: I8, t_ms: I8, usable: Bool, n_zones: int, bridge_ms: int) -> tuple[I8, int]:
    """The number of the visit each pair belongs to (-1: an unusable row), and how many there are.

    One walk over the rows with an open visit a zone. Between the last fix in and this one, `first_out` and `prev` are
    the first and the last usable row outside.
    """
    visit = np.full(rows.size, -1, dtype=np.int64)
    open_visit, last_in = np.full(n_zones, -1, dtype=np.int64), np.full(n_zones, -1, dtype=np.int64)
    count, at, prev, row, begins = 0, 0, -1, -1, 0
    for p in range(rows.size):
        if not usable[rows[p]]:
            continue
        if rows[p] != row:
            while rows[p] >= offsets[at + 1]:
                at += 1
            begins = offsets[at]
            row = rows[p]
            prev = row - 1
            while prev >= begins and not usable[prev]:
                prev -= 1
        zone = zones[p]
        last = last_in[zone]
        joined = last >= begins
        if joined and last < prev:
            first_out = last + 1
            while not usable[first_out]:
                first_out += 1
            joined = t_ms[row] + t_ms[prev] - t_ms[last] - t_ms[first_out] <= 2 * bridge_ms
        if not joined:
            open_visit[zone] = count
            count += 1
        visit[p] = open_visit[zone]
        last_in[zone] = row
    return visit, count


@njit(cache=True, nogil=True)
def _collect(visit: I8, count: int, rows: I8, zones: I4, inside: Bool, offsets: I8) -> tuple[I4, I4, I8, I8, Bool]:
    """Vehicle, zone, first row, end row of each visit, and whether one of its fixes is in the place itself."""
    vehicle, zone = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.int32)
    start, stop = np.full(count, -1, dtype=np.int64), np.empty(count, dtype=np.int64)
    entered = np.zeros(count, dtype=np.bool_)
    at = 0
    for p in range(rows.size):
        v = visit[p]
        if v < 0:
            continue
        while rows[p] >= offsets[at + 1]:
            at += 1
        if start[v] < 0:
            vehicle[v], zone[v], start[v] = at, zones[p], rows[p]
        stop[v] = rows[p] + 1
        entered[v] |= inside[p]
    return vehicle, zone, start, stop, entered


@njit(cache=True, nogil=True)
def _to_edge_m2(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> float:
    """Square metres: the distance to an edge, squared, for comparing without a root."""
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    share = 0.0
    if square > 0.0:
        share = min(max(((x - ax) * dx + (y - ay) * dy) / square, 0.0), 1.0)
    dx, dy = ax + share * dx - x, ay + share * dy - y
    return dx * dx + dy * dy


@njit(cache=True, nogil=True)
def _deepest(
    visit: I8,
    count: int,
    rows: I8,
    zones: I4,
    inside: Bool,
    east: F8,
    north: F8,
    is_area: Bool,
    edge_start: I8,
    edges: F8,
    box_start: I8,
    boxes: F8,
) -> tuple[F8, F8]:
    """Of each visit's fixes in the place itself, squared: the farthest from an area's edge, the closest to a line.

    Exact, though only what may be the deepest is measured to the end.

    In an area a fix is no deeper than any edge is near: the edge that was nearest last time mostly settles it. On a
    corridor only edges nearer than the nearest so far matter, and few boxes are.
    """
    farthest_m2 = np.zeros(count)  # from the edge, of an area's fixes
    closest_m2 = np.full(count, np.inf)  # to the line, of a corridor's
    nearest_edge = edge_start[:-1].copy()
    for p in range(rows.size):
        v, z = visit[p], zones[p]
        if v < 0 or not inside[p]:
            continue
        x, y = east[rows[p]], north[rows[p]]
        k = nearest_edge[z]
        best = _to_edge_m2(x, y, edges[k, 0], edges[k, 1], edges[k, 2], edges[k, 3])
        enough = farthest_m2[v] if is_area[z] else -1.0
        if not is_area[z]:
            best = min(best, closest_m2[v])
        for b in range(box_start[z], box_start[z + 1]):
            if best <= enough:
                break
            away_x = max(boxes[b, 0] - x, x - boxes[b, 2], 0.0)
            away_y = max(boxes[b, 1] - y, y - boxes[b, 3], 0.0)
            if away_x * away_x + away_y * away_y >= best:
                continue
            first = edge_start[z] + (b - box_start[z]) * BLOCK
            for e in range(first, min(first + BLOCK, edge_start[z + 1])):
                away = _to_edge_m2(x, y, edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3])
                if away < best:
                    best, nearest_edge[z] = away, e
        if is_area[z]:
            farthest_m2[v] = max(farthest_m2[v], best)
        else:
            closest_m2[v] = best
    return farthest_m2, closest_m2
