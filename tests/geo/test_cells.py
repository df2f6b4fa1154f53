"""H3 cells, against h3 one position at a time, and against its own geometry."""

from __future__ import annotations

from collections import Counter

import h3
import numpy as np
import pytest

from geo.cells import NO_CELL, cell_counts, cells
from geo.errors import ColumnError


def scattered() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    return rng.uniform(120.0, 120.2, 3000), rng.uniform(30.1, 30.3, 3000)


@pytest.mark.parametrize("resolution", [0, 8, 11, 15])
def test_each_cell_is_the_one_h3_gives_and_holds_its_position(resolution: int) -> None:
    lon, lat = scattered()
    got = cells(lon, lat, resolution)
    assert got.dtype == np.uint64
    names = [h3.int_to_str(int(c)) for c in got]
    assert names == [h3.latlng_to_cell(a, o, resolution) for a, o in zip(lat, lon, strict=True)]
    assert {h3.get_resolution(name) for name in names} == {resolution}


def test_counts_are_those_of_a_counter_and_rise_by_cell() -> None:
    lon, lat = scattered()
    lon[::100] = np.nan
    unique, counts = cell_counts(lon, lat, 8)
    expected = Counter(c for c in cells(lon, lat, 8).tolist() if c != NO_CELL)
    assert dict(zip(unique.tolist(), counts.tolist(), strict=True)) == expected
    assert (np.diff(unique.astype(object)) > 0).all()
    assert counts.sum() == 3000 - 30


def test_a_position_that_is_none_has_no_cell() -> None:
    assert cells([np.nan, 120.0, np.inf], [30.0, np.nan, 30.0], 9).tolist() == [NO_CELL] * 3
    assert [c.size for c in cell_counts([np.nan], [30.0], 9)] == [0, 0]
    assert [c.size for c in cell_counts([], [], 9)] == [0, 0]


def test_columns_of_two_lengths_are_refused() -> None:
    with pytest.raises(ColumnError, match="lon_deg"):
        cells([1, 2], [1, 2, 3], 9)
