"""Steps between successive fixes of a plane: lengths and headings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from geo.columns import F8, floats


def step_lengths_m(east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> F8:
    """The straight length of each step, metres, f8[n - 1] (none for fewer than two rows); NaN beside a NaN.

    >>> step_lengths_m([0, 3, 3], [0, 4, 4]).tolist(), step_lengths_m([1], [1]).tolist()
    ([5.0, 0.0], [])
    """
    east, north = floats(east_m=east_m, north_m=north_m)
    lengths: F8 = np.hypot(np.diff(east), np.diff(north))
    return lengths


def headings_deg(east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> F8:
    """The heading of each step, degrees clockwise from grid north in [0, 360), f8[n - 1]; NaN where nothing moved.

    >>> headings_deg([0, 0, 5, 5], [0, 9, 9, 9]).tolist()
    [0.0, 90.0, nan]
    """
    east, north = floats(east_m=east_m, north_m=north_m)
    de, dn = np.diff(east), np.diff(north)
    turned = np.degrees(np.arctan2(de, dn)) % 360.0
    turned[turned == 360.0] = 0.0  # what the remainder makes of a heading a hair west of north
    return np.where((de == 0.0) & (dn == 0.0), np.nan, turned)


def turn_deg(from_deg: npt.ArrayLike, to_deg: npt.ArrayLike) -> F8:
    """The turn between two headings, degrees in [-180, 180), right positive.

    >>> turn_deg([350.0, 10.0], [10.0, 350.0]).tolist()
    [20.0, -20.0]
    """
    start, end = floats(from_deg=from_deg, to_deg=to_deg)
    turned: F8 = (end - start + 180.0) % 360.0 - 180.0
    return turned
