"""One index for all approved places: which fix is in which shapes, exactly, at tens of millions a second.

A grid of square cells covers all shapes. A cell wholly in a shape answers by itself; a cell that the boundary may
touch carries the few edges that decide, and each point there gets the exact test. The answer is that of testing
every point against every shape. Cells are kept in square blocks; a block without any shape takes no room.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geo.columns import F8, I4, I8, filled, floats, sealed_f8, sealed_i4, sealed_i8
from geo.errors import ColumnError
from geo.polygon import PolygonSet
from geo.polyline import Polyline
from geo.shape_kernels import BLOCK, cells_near_edges, cells_within, contains_rows, match_rows

MOST_CELLS = 16_000_000
_SLACK_M = 1e-6  # cells are taken this much larger, so that rounding puts no point into the wrong one


@dataclass(frozen=True, slots=True)
class _Entries:
    """What one shape puts into the grid: cells, their list (-1: wholly inside), and the lists of edges."""

    cell: I8
    held: I8
    list_length: I8
    list_edge: I8


@dataclass(frozen=True, slots=True)
class _Grid:
    west_m: float
    south_m: float
    cell_m: float
    columns: int
    rows: int

    def window(self, edges: F8, reach_m: float) -> tuple[int, int, int, int]:
        """First column, first row, columns and rows of the part of the grid within reach of the edges."""
        x, y = edges[:, [0, 2]], edges[:, [1, 3]]
        west = math.floor((x.min() - reach_m - _SLACK_M - self.west_m) / self.cell_m)
        south = math.floor((y.min() - reach_m - _SLACK_M - self.south_m) / self.cell_m)
        east = math.floor((x.max() + reach_m + _SLACK_M - self.west_m) / self.cell_m)
        north = math.floor((y.max() + reach_m + _SLACK_M - self.south_m) / self.cell_m)
        west, south = max(west, 0), max(south, 0)
        return west, south, min(east, self.columns - 1) - west + 1, min(north, self.rows - 1) - south + 1

    def corner(self, column: int, row: int) -> tuple[float, float]:
        """West and south of a cell."""
        return self.west_m + column * self.cell_m, self.south_m + row * self.cell_m


@dataclass(frozen=True, slots=True, eq=False)
class ZoneRaster:
    """The index; make it with `build`. Shapes are numbered polygons first, then lines. `cell_m` is the side in use."""

    polygons: int
    lines: int
    cell_m: float
    _grid: _Grid
    _block_first: I4
    _cell_start: I4
    _entry_shape: I4
    _entry_list: I4
    _list_start: I4
    _list_edge: I4
    _edges: F8
    _reach: F8

    @classmethod
    def build(
        cls,
        polygons: PolygonSet,
        lines: Sequence[Polyline],
        half_width_m: float | Sequence[float],
        margin_m: float = 0.0,
        cell_m: float = 20.0,
    ) -> ZoneRaster:
        """The index of polygons grown by `margin_m` and of corridors: all within half width + margin of a line.

        All shapes are in metres of one plane. `half_width_m` is one for all lines or one each. Cells grow beyond
        `cell_m` where more than `MOST_CELLS` were needed. Raises ColumnError for a negative or unfit width.
        """
        reach = _reaches(len(polygons), len(lines), half_width_m, margin_m)
        if not cell_m > 0.0:
            raise ColumnError(f"cell_m is {cell_m}: expected metres above 0, such as 20")
        edges = [_edges_of(polygons, s) for s in range(len(polygons))] + [_line_edges(line) for line in lines]
        grid = _grid_over(edges, reach, cell_m)
        entries = [
            _polygon_entries(polygons, s, edge, grid, reach[s])
            if s < len(polygons)
            else _line_entries(edge, grid, reach[s])
            for s, edge in enumerate(edges)
        ]
        return _assembled(len(polygons), len(lines), grid, edges, entries, reach)

    def match(self, east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> tuple[I8, I4]:
        """Every pair of a row and a shape it lies in, boundary included: row_ix i8[k], shape_ix i4[k], in that order.

        A row may have none or several; a NaN has none.
        """
        east, north = floats(east_m=east_m, north_m=north_m)
        g = self._grid
        grid = (g.west_m, g.south_m, g.cell_m, g.columns, g.rows)
        entries = self._block_first, self._cell_start, self._entry_shape, self._entry_list

        def fill(row_ix: I8, shape_ix: I4) -> int:
            lists = self._list_start, self._list_edge, self._edges
            return match_rows(east, north, grid, *entries, *lists, self._reach, self.polygons, row_ix, shape_ix)

        row_ix, shape_ix = filled(fill, east.size + 64, np.int64, np.int32)
        return row_ix, shape_ix


def _reaches(polygons: int, lines: int, half_width_m: float | Sequence[float], margin_m: float) -> F8:
    """How far each shape reaches beyond its edges."""
    widths = np.asarray(half_width_m, dtype=np.float64)
    if widths.ndim and widths.size != lines:
        raise ColumnError(f"{widths.size} half widths for {lines} lines: expected one for each, or one for all")
    reach = np.concatenate((np.zeros(polygons), np.broadcast_to(widths, lines))) + margin_m
    if not (margin_m >= 0.0 and np.isfinite(reach).all() and (reach >= 0.0).all()):
        raise ColumnError(f"half_width_m {half_width_m} with margin_m {margin_m}: expected finite metres, none below 0")
    return reach


def _edges_of(polygons: PolygonSet, shape: int) -> F8:
    first, last = polygons.shape_start[shape], polygons.shape_start[shape + 1]
    return polygons.edges_m[polygons.part_start[first] : polygons.part_start[last]]


def _line_edges(line: Polyline) -> F8:
    xy = np.column_stack((line.east_m, line.north_m))
    return np.hstack((xy[:-1], xy[1:]))


def _grid_over(edges: Sequence[F8], reach: F8, cell_m: float) -> _Grid:
    """The grid over all shapes; cells grow until the grid, and the shapes' windows in it, stay within bounds."""
    if not edges:
        return _Grid(0.0, 0.0, cell_m, 0, 0)
    xy = np.array([[e[:, ::2].min(), e[:, 1::2].min(), e[:, ::2].max(), e[:, 1::2].max()] for e in edges])
    pad = reach + 2 * _SLACK_M
    west, south = (xy[:, 0] - pad).min(), (xy[:, 1] - pad).min()
    width, height = (xy[:, 2] + pad).max() - west, (xy[:, 3] + pad).max() - south
    windows = np.sum((xy[:, 2] - xy[:, 0] + 2 * pad) * (xy[:, 3] - xy[:, 1] + 2 * pad))
    cell = max(cell_m, math.sqrt(width * height / MOST_CELLS), math.sqrt(windows / (4 * MOST_CELLS)))
    while (width // cell + 1) * (height // cell + 1) > MOST_CELLS:
        cell *= 1.01
    return _Grid(float(west), float(south), float(cell), int(width // cell) + 1, int(height // cell) + 1)


def _pairs(edges: F8, grid: _Grid, window: tuple[int, int, int, int], reach_m: float) -> I8:
    """(cell of the window, edge) for all that are within reach of each other."""
    column, row, columns, rows = window
    x0, y0 = grid.corner(column, row)
    pairs = np.empty((16 * len(edges) + 1024, 2), dtype=np.int64)
    sealed_edges = sealed_f8(edges)
    while True:
        needed = cells_near_edges(sealed_edges, x0, y0, grid.cell_m, columns, rows, reach_m + _SLACK_M, pairs)
        if needed <= len(pairs):
            return pairs[:needed]
        pairs = np.empty((needed, 2), dtype=np.int64)


def _in_grid(cell: I8, grid: _Grid, window: tuple[int, int, int, int]) -> I8:
    column, row, columns, _ = window
    return (cell // columns + row) * grid.columns + cell % columns + column


def _polygon_entries(polygons: PolygonSet, shape: int, edges: F8, grid: _Grid, reach_m: float) -> _Entries:
    """Boundary cells share one list a grid row: all edges that the row's rays or reach can meet."""
    window = grid.window(edges, reach_m)
    column, row, columns, rows = window
    x0, y0 = grid.corner(column, row)
    near = np.unique(_pairs(edges, grid, window, reach_m)[:, 0])
    inner = _inner_cells(polygons, shape, near, (x0, y0, grid.cell_m, columns, rows))
    low = np.minimum(edges[:, 1], edges[:, 3]) - reach_m - _SLACK_M
    high = np.maximum(edges[:, 1], edges[:, 3]) + reach_m + _SLACK_M
    first = np.clip(np.floor((low - y0) / grid.cell_m).astype(np.int64), 0, rows - 1)
    last = np.clip(np.floor((high - y0) / grid.cell_m).astype(np.int64), 0, rows - 1)
    band, edge = _spread(first, last)
    order = np.argsort(band, kind="stable")
    return _Entries(
        cell=_in_grid(np.concatenate((near, inner)), grid, window),
        held=np.concatenate((near // columns, np.full(inner.size, -1))),
        list_length=np.bincount(band, minlength=rows).astype(np.int64),
        list_edge=edge[order],
    )


def _inner_cells(polygons: PolygonSet, shape: int, near: I8, local: tuple[float, float, float, int, int]) -> I8:
    """Cells off the boundary and inside: a run of such cells in a row is in or out as a whole, by its first centre."""
    x0, y0, cell, columns, rows = local
    off = np.ones(columns * rows, dtype=np.bool_)
    off[near] = False
    begins = off.copy()
    begins[1:] &= ~off[:-1]
    begins[::columns] = off[::columns]
    head = np.flatnonzero(begins)
    inside = np.empty(head.size, dtype=np.bool_)
    contains_rows(
        sealed_i8(np.full(head.size, shape)),
        sealed_f8(x0 + (head % columns + 0.5) * cell),
        sealed_f8(y0 + (head // columns + 0.5) * cell),
        polygons.shape_start,
        polygons.part_start,
        polygons.part_box_m,
        polygons.edges_m,
        inside,
    )
    cells = np.flatnonzero(off)
    within: I8 = cells[inside[np.cumsum(begins)[cells] - 1]]
    return within


def _spread(first: I8, last: I8) -> tuple[I8, I8]:
    """Every (band, edge) for edges that run from band `first` to band `last`."""
    many = last - first + 1
    edge = np.repeat(np.arange(many.size), many)
    before = np.repeat(np.cumsum(many) - many, many)
    return np.arange(edge.size) - before + first[edge], edge


def _line_entries(edges: F8, grid: _Grid, reach_m: float) -> _Entries:
    """A cell within reach of one single segment is wholly inside; another carries the segments within its reach."""
    window = grid.window(edges, reach_m)
    pairs = _pairs(edges, grid, window, reach_m)
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    x0, y0 = grid.corner(window[0], window[1])
    whole = np.empty(len(pairs), dtype=np.bool_)
    cells_within(pairs, sealed_f8(edges), x0, y0, grid.cell_m, window[2], reach_m - _SLACK_M, whole)
    cell, start = np.unique(pairs[:, 0], return_index=True)
    inside = np.logical_or.reduceat(whole, start)
    length = np.diff(np.append(start, len(pairs)))
    kept = np.repeat(~inside, length)
    held = np.where(inside, -1, np.cumsum(~inside) - 1)
    return _Entries(_in_grid(cell, grid, window), held, length[~inside], pairs[kept, 1])


def _assembled(
    polygons: int, lines: int, grid: _Grid, edges: Sequence[F8], entries: Sequence[_Entries], reach: F8
) -> ZoneRaster:
    """All shapes' entries in the order of cells, and within a cell of shapes."""
    nothing = np.empty(0, dtype=np.int64)
    cell = np.concatenate([nothing, *(e.cell for e in entries)])
    shape = np.repeat(np.arange(len(entries)), [e.cell.size for e in entries])
    list_base = np.cumsum([0, *(e.list_length.size for e in entries)])
    edge_base = np.cumsum([0, *(len(e) for e in edges)])
    held = np.concatenate(
        [nothing, *(np.where(e.held < 0, -1, e.held + b) for e, b in zip(entries, list_base, strict=False))]
    )
    list_edge = np.concatenate([nothing, *(e.list_edge + b for e, b in zip(entries, edge_base, strict=False))])
    list_length = np.concatenate([nothing, *(e.list_length for e in entries)])
    block_first, cell, cells = _in_blocks(cell, grid)
    order = np.argsort(cell, kind="stable")
    # In place and in i4: this is the largest array here, and fresh memory is dear.
    cell_start = np.zeros(cells + 1, dtype=np.int32)
    used, per_cell = np.unique(cell, return_counts=True)
    cell_start[used + 1] = per_cell
    np.cumsum(cell_start, out=cell_start)
    return ZoneRaster(
        polygons,
        lines,
        grid.cell_m,
        grid,
        sealed_i4(block_first),
        sealed_i4(cell_start),
        sealed_i4(shape[order]),
        sealed_i4(held[order]),
        sealed_i4(np.concatenate(([0], np.cumsum(list_length)))),
        sealed_i4(list_edge),
        sealed_f8(np.vstack([np.empty((0, 4)), *edges])),
        sealed_f8(reach),
    )


def _in_blocks(cell: I8, grid: _Grid) -> tuple[I8, I8, int]:
    """The first cell of each block of the grid, the cells renumbered block by block, and how many numbers there are.

    All blocks that are not used share the first numbers, at which nothing is.
    """
    across, up = -(-grid.columns // BLOCK), -(-grid.rows // BLOCK)
    row, column = np.divmod(cell, max(grid.columns, 1))
    block = (row // BLOCK) * across + column // BLOCK
    used = np.unique(block)
    block_first = np.zeros(across * up, dtype=np.int64)
    block_first[used] = BLOCK * BLOCK * np.arange(1, used.size + 1)
    renumbered = block_first[block] + (row % BLOCK) * BLOCK + column % BLOCK
    return block_first, renumbered, BLOCK * BLOCK * (used.size + 1)
