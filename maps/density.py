"""How many findings lie in each H3 cell, at a few resolutions; the page shows the one that suits its zoom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

RESOLUTIONS = (5, 6, 7, 8, 9)
"""Average edges 9.9, 3.7, 1.4, 0.5 and 0.2 km (Uber H3, table of cell statistics)."""
MAX_CELLS = 1500
"""More outlines than this weigh more than the library that computes them in the browser."""
_DECIMALS = 5


def density(points: Sequence[tuple[float, float] | None]) -> dict[str, Any]:
    """Return the cells' outlines by resolution and, for each point (lon, lat in degrees), its cell at each of them.

    `cells[r][c]` is a flat outline lon, lat ...; `of[i][r]` an index into `cells[r]`, or `of[i]` null without a
    place. The browser counts, so that the counts follow the filters.

    >>> found = density([(120.1, 30.2), None, (120.1, 30.2)])
    >>> [len(cells) for cells in found["cells"]], found["of"]
    ([1, 1, 1, 1, 1], [[0, 0, 0, 0, 0], None, [0, 0, 0, 0, 0]])
    """
    import h3  # noqa: PLC0415 - only needed when a map is written

    resolutions: list[int] = []
    outlines: list[list[list[float]]] = []
    budget = MAX_CELLS
    of: list[list[int] | None] = [None if point is None else [] for point in points]
    for resolution in RESOLUTIONS:
        index: dict[str, int] = {}
        cells = [None if p is None else h3.latlng_to_cell(p[1], p[0], resolution) for p in points]
        for cell in cells:
            if cell is not None:
                index.setdefault(cell, len(index))
        budget -= len(index)
        if budget < 0 and resolutions:
            break
        resolutions.append(resolution)
        outlines.append([_outline(h3.cell_to_boundary(cell)) for cell in index])
        for entry, cell in zip(of, cells, strict=True):
            if entry is not None and cell is not None:
                entry.append(index[cell])
    return {"resolutions": resolutions, "cells": outlines, "of": of}


def _outline(boundary: Sequence[tuple[float, float]]) -> list[float]:
    return [round(value, _DECIMALS) for lat, lon in boundary for value in (lon, lat)]
