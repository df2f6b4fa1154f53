"""Exact point tests and the loops over whole columns behind `geo.polygon` and `geo.raster`.

They share one file because numba's cache does not notice a changed callee in another file. Arrays stay in the one
loop that owns them (handing arrays to an inner compiled function once a fix costs more than the test itself), so
the helpers take numbers only.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from geo.columns import F8, I4, I8, Bool

_CCW_BOUND = 3.3306690738754716e-16  # (3 + 16 eps) eps: Shewchuk 1997, orient2d stage A
_SPLITTER = 134217729.0  # 2**27 + 1, Dekker 1971

BLOCK = 32  # cells on a side of what the raster keeps or leaves out as one


# ---------------------------------------------------------------- one point, one edge
@njit(cache=True, nogil=True)
def _exact_side(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> int:
    """The sign of ax by - ay bx - px by + py bx - ax py + ay px ... without any rounding (Shewchuk's expansions)."""
    factors = ((ax, by), (-ay, bx), (-ax, py), (ay, px), (-px, by), (py, bx))
    parts = np.zeros(12)
    filled = 0
    for a, b in factors:
        high = a * b
        split = _SPLITTER * a
        a_high = split - (split - a)
        split = _SPLITTER * b
        b_high = split - (split - b)
        a_low, b_low = a - a_high, b - b_high
        low = a_low * b_low - (((high - a_high * b_high) - a_low * b_high) - a_high * b_low)
        for term in (low, high):
            carried = term
            for k in range(filled):
                total = carried + parts[k]
                virtual = total - carried
                parts[k] = (carried - (total - virtual)) + (parts[k] - virtual)
                carried = total
            parts[filled] = carried
            filled += 1
    for k in range(filled - 1, -1, -1):
        if parts[k] != 0.0:
            return 1 if parts[k] > 0.0 else -1
    return 0


@njit(cache=True, nogil=True)
def _side(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> int:
    """1 when p is left of a -> b, -1 right, 0 exactly on the line; exact unless products underflow (below 1e-140 m)."""
    left, right = (ax - px) * (by - py), (ay - py) * (bx - px)
    det = left - right
    bound = _CCW_BOUND * (abs(left) + abs(right))
    if det > bound:
        return 1
    if -det > bound:
        return -1
    if bound == 0.0:
        return 0
    return _exact_side(ax, ay, bx, by, px, py)


@njit(cache=True, nogil=True)
def _ray(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> int:
    """What the ray from p to the east meets in the edge a-b: 0 nothing, 1 a crossing, 2 p lies on the edge."""
    if ax < px and bx < px:
        return 0
    if (ax == px and ay == py) or (bx == px and by == py):
        return 2
    if ay == py and by == py:
        return 2 if min(ax, bx) <= px <= max(ax, bx) else 0
    if (ay > py) == (by > py):
        return 0
    side = _side(ax, ay, bx, by, px, py)
    if side == 0:
        return 2
    return 1 if (side > 0) == (by > ay) else 0


@njit(cache=True, nogil=True)
def _to_edge_m(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> float:
    """Metres from p to the edge a-b, in the order of operations of GEOS, so that limits fall alike to the last bit."""
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    along = (px - ax) * dx + (py - ay) * dy
    if square == 0.0 or along <= 0.0:
        return math.sqrt((px - ax) ** 2 + (py - ay) ** 2)
    if along / square >= 1.0:
        return math.sqrt((px - bx) ** 2 + (py - by) ** 2)
    return abs(((ay - py) * dx - (ax - px) * dy) / square) * math.sqrt(square)


@njit(cache=True, nogil=True)
def _by_edge(px: float, py: float, ax: float, ay: float, bx: float, by: float, reach: float) -> bool:
    """Whether p lies in the box of the edge a-b grown by a hair more than `reach`; if not, the edge is beyond reach."""
    grown = reach + 1e-6
    return min(ax, bx) - grown <= px <= max(ax, bx) + grown and min(ay, by) - grown <= py <= max(ay, by) + grown


# ---------------------------------------------------------------- polygons
@njit(cache=True, nogil=True)
def contains_rows(
    ix: I8, east: F8, north: F8, shape_start: I8, part_start: I8, part_box: F8, edges: F8, out: Bool
) -> None:
    """Row i: whether the point lies in shape ix[i]; even-odd within a part, any part will do, boundary is in."""
    for i in range(ix.size):
        x, y = east[i], north[i]
        inside = False
        for part in range(shape_start[ix[i]], shape_start[ix[i] + 1]):
            if not (part_box[part, 0] <= x <= part_box[part, 2] and part_box[part, 1] <= y <= part_box[part, 3]):
                continue
            odd = False
            for k in range(part_start[part], part_start[part + 1]):
                met = _ray(x, y, edges[k, 0], edges[k, 1], edges[k, 2], edges[k, 3])
                if met == 2:
                    odd = True
                    break
                odd ^= met == 1
            if odd:
                inside = True
                break
        out[i] = inside


@njit(cache=True, nogil=True)
def boundary_rows_m(
    ix: I8, east: F8, north: F8, shape_start: I8, part_start: I8, part_box: F8, edges: F8, out: F8
) -> None:
    """Row i: metres from the point to the nearest edge of shape ix[i]; NaN for a point that is none."""
    for i in range(ix.size):
        x, y = east[i], north[i]
        best = math.inf
        for part in range(shape_start[ix[i]], shape_start[ix[i] + 1]):
            away_x = max(part_box[part, 0] - x, x - part_box[part, 2], 0.0)
            away_y = max(part_box[part, 1] - y, y - part_box[part, 3], 0.0)
            if away_x * away_x + away_y * away_y > best * best:
                continue
            for k in range(part_start[part], part_start[part + 1]):
                away = _to_edge_m(x, y, edges[k, 0], edges[k, 1], edges[k, 2], edges[k, 3])
                best = min(best, away)
        out[i] = best if math.isfinite(x) and math.isfinite(y) else math.nan


# ---------------------------------------------------------------- raster: building
@njit(cache=True, nogil=True)
def _edge_meets_box(ax: float, ay: float, bx: float, by: float, x0: float, y0: float, x1: float, y1: float) -> bool:
    """Whether the edge a-b has a point in the closed box (separating axes: x, y and the edge's own normal)."""
    if max(ax, bx) < x0 or min(ax, bx) > x1 or max(ay, by) < y0 or min(ay, by) > y1:
        return False
    dx, dy = bx - ax, by - ay
    centre_x, centre_y = (x0 + x1) / 2.0 - ax, (y0 + y1) / 2.0 - ay
    return abs(dx * centre_y - dy * centre_x) <= abs(dx) * (y1 - y0) / 2.0 + abs(dy) * (x1 - x0) / 2.0


@njit(cache=True, nogil=True)
def _columns_near(
    ax: float, ay: float, bx: float, by: float, low: float, high: float, reach: float
) -> tuple[float, float]:
    """West and east end of what lies within `reach` of the edge's part between two norths (empty: east < west)."""
    west, east = min(ax, bx), max(ax, bx)
    if ay == by:
        return (west - reach, east + reach) if low <= ay <= high else (1.0, 0.0)
    t0, t1 = (low - ay) / (by - ay), (high - ay) / (by - ay)
    t0, t1 = max(min(t0, t1), 0.0), min(max(t0, t1), 1.0)
    if t0 > t1:
        return 1.0, 0.0
    xa, xb = ax + t0 * (bx - ax), ax + t1 * (bx - ax)
    return min(xa, xb) - reach, max(xa, xb) + reach


@njit(cache=True, nogil=True)
def cells_near_edges(
    edges: F8, x0: float, y0: float, cell: float, columns: int, rows: int, reach: float, pairs: I8
) -> int:
    """Every (cell, edge) of a grid with a point of the cell within `reach` of the edge, and a few more.

    Fills `pairs` i8[m, 2] as far as it goes and gives back how many there are.
    """
    count = 0
    for k in range(edges.shape[0]):
        ax, ay, bx, by = edges[k, 0], edges[k, 1], edges[k, 2], edges[k, 3]
        first = max(math.floor((min(ay, by) - reach - y0) / cell), 0)
        last = min(math.floor((max(ay, by) + reach - y0) / cell), rows - 1)
        for j in range(first, last + 1):
            south = y0 + j * cell
            west, east = _columns_near(ax, ay, bx, by, south - reach, south + cell + reach, reach)
            if east < west:
                continue
            i_last = min(math.floor((east - x0) / cell), columns - 1)
            for i in range(max(math.floor((west - x0) / cell), 0), i_last + 1):
                left = x0 + i * cell
                if _edge_meets_box(
                    ax, ay, bx, by, left - reach, south - reach, left + cell + reach, south + cell + reach
                ):
                    if count < pairs.shape[0]:
                        pairs[count, 0], pairs[count, 1] = j * columns + i, k
                    count += 1
    return count


@njit(cache=True, nogil=True)
def cells_within(
    pairs: I8, edges: F8, x0: float, y0: float, cell: float, columns: int, reach: float, out: Bool
) -> None:
    """For each (cell, edge): whether all the cell lies within `reach` of the edge; its farthest point is a corner."""
    for m in range(pairs.shape[0]):
        k = pairs[m, 1]
        left, south = x0 + (pairs[m, 0] % columns) * cell, y0 + (pairs[m, 0] // columns) * cell
        farthest = 0.0
        for corner in range(4):
            x, y = left + (corner & 1) * cell, south + (corner >> 1) * cell
            farthest = max(farthest, _to_edge_m(x, y, edges[k, 0], edges[k, 1], edges[k, 2], edges[k, 3]))
        out[m] = farthest <= reach


# ---------------------------------------------------------------- raster: matching
@njit(cache=True, nogil=True)
def match_rows(  # noqa: C901 - one loop, or the arrays would be handed on for every fix
    east: F8,
    north: F8,
    grid: tuple[float, float, float, int, int],
    block_first: I4,
    cell_start: I4,
    entry_shape: I4,
    entry_list: I4,
    list_start: I4,
    list_edge: I4,
    edges: F8,
    reach: F8,
    polygons: int,
    found_row: I8,
    found_shape: I4,
) -> int:
    """All (row, shape) with the point in the shape, by row, then by shape.

    Fills the two columns as far as they go and gives back how many there are.

    An entry without a list (-1) holds its whole cell. Otherwise the edges of the list decide: for a polygon those
    which the ray to the east can meet and those within reach, for a line those within reach.
    """
    x0, y0, cell, columns, rows = grid
    found = 0
    for i in range(east.size):
        x, y = east[i], north[i]
        across, up = (x - x0) / cell, (y - y0) / cell
        if not (0.0 <= across < columns and 0.0 <= up < rows):
            continue
        column, row = int(across), int(up)
        first = block_first[(row // BLOCK) * ((columns + BLOCK - 1) // BLOCK) + column // BLOCK]
        at = first + (row % BLOCK) * BLOCK + column % BLOCK
        for e in range(cell_start[at], cell_start[at + 1]):
            shape, held = entry_shape[e], entry_list[e]
            hit = held < 0
            if not hit:
                odd = False
                limit = reach[shape]
                for m in range(list_start[held], list_start[held + 1]):
                    k = list_edge[m]
                    ax, ay, bx, by = edges[k, 0], edges[k, 1], edges[k, 2], edges[k, 3]
                    if shape < polygons:
                        met = _ray(x, y, ax, ay, bx, by)
                        hit = met == 2
                        odd ^= met == 1
                    if not hit and (limit > 0.0 or shape >= polygons) and _by_edge(x, y, ax, ay, bx, by, limit):
                        hit = _to_edge_m(x, y, ax, ay, bx, by) <= limit
                    if hit:
                        break
                hit |= odd
            if hit:
                if found < found_row.size:
                    found_row[found], found_shape[found] = i, shape
                found += 1
    return found
