"""Datums for whole columns: the inverse, the box, and the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.datum import BOX_LAT_DEG, BOX_LON_DEG, Datum, convert, from_wgs84, in_china, to_wgs84
from geo.errors import ColumnError, DatumError
from geo.plane import great_circle_m

INVERSE_M = 1e-3  # what the product promises of its inverse
FORMULA_DEG = 1e-12  # multiplied angles against a call of sin for every wave
SHIFT_AT_MOST_DEG = 0.03  # no conversion moves a point farther
A, EE = 6378245.0, 0.00669342162296594323

shifted = pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])
inside_lon = st.floats(BOX_LON_DEG[0] + SHIFT_AT_MOST_DEG, BOX_LON_DEG[1] - SHIFT_AT_MOST_DEG)
inside_lat = st.floats(BOX_LAT_DEG[0] + SHIFT_AT_MOST_DEG, BOX_LAT_DEG[1] - SHIFT_AT_MOST_DEG)


def plainly_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """The formula as it is published, one sine at a time."""
    x, y, sin, pi = lon - 105.0, lat - 35.0, math.sin, math.pi
    s = (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + s
    north += (20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3 + (
        160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)
    ) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + s
    east += (20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3 + (
        150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)
    ) * 2 / 3
    m = 1 - EE * sin(lat / 180 * pi) ** 2
    d_lon = east * 180 / (A / math.sqrt(m) * math.cos(lat / 180 * pi) * pi)
    return lon + d_lon, lat + north * 180 / ((A * (1 - EE)) / (m * math.sqrt(m)) * pi)


@given(inside_lon, inside_lat)
def test_sharing_sines_does_not_change_the_formula(lon: float, lat: float) -> None:
    got = from_wgs84(lon, lat, Datum.GCJ02)
    assert np.abs(np.subtract(got, plainly_gcj02(lon, lat))).max() < FORMULA_DEG


@shifted
@given(lon=inside_lon, lat=inside_lat)
def test_there_and_back_is_the_same_place(datum: Datum, lon: float, lat: float) -> None:
    assert great_circle_m(*to_wgs84(*from_wgs84(lon, lat, datum), datum), lon, lat) < INVERSE_M
    assert great_circle_m(*from_wgs84(*to_wgs84(lon, lat, datum), datum), lon, lat) < INVERSE_M


@shifted
def test_the_inverse_is_below_a_millimetre_everywhere_in_the_box(datum: Datum) -> None:
    margin = SHIFT_AT_MOST_DEG
    lon, lat = np.meshgrid(
        np.linspace(BOX_LON_DEG[0] + margin, BOX_LON_DEG[1] - margin, 1201),
        np.linspace(BOX_LAT_DEG[0] + margin, BOX_LAT_DEG[1] - margin, 1001),
    )
    back = from_wgs84(*to_wgs84(lon, lat, datum), datum)
    assert great_circle_m(*back, lon, lat).max() < INVERSE_M


@pytest.mark.parametrize("off_deg", [0.0, 1e-15, -1e-12, 1e-9, -1e-6, 1e-4])
def test_the_inverse_holds_where_the_formula_has_a_kink_at_105_degrees(off_deg: float) -> None:
    lon, lat = from_wgs84(105.0 + off_deg, np.linspace(2, 54, 500), Datum.GCJ02)
    back_lon, back_lat = to_wgs84(lon, lat, Datum.GCJ02)
    assert great_circle_m(back_lon, back_lat, 105.0 + off_deg, np.linspace(2, 54, 500)).max() < INVERSE_M


def test_the_box_is_closed_and_asked_of_the_input() -> None:
    (west, east), (south, north) = BOX_LON_DEG, BOX_LAT_DEG
    assert in_china([west, east, west, east], [south, north, north, south]).all()
    out = np.nextafter
    assert not in_china([out(west, 0), out(east, 180), 100, 100], [30, 30, out(south, 0), out(north, 90)]).any()
    # The easternmost point is converted although its image lies outside; one hair farther nothing moves.
    lon, _ = from_wgs84([east, out(east, 180)], [45.0, 45.0], Datum.GCJ02)
    assert lon[0] > east + 1e-3
    assert lon[1] == out(east, 180)


@shifted
def test_a_point_outside_the_box_is_left_alone_both_ways(datum: Datum) -> None:
    lon, lat = np.array([-104.9903, 153.0251, 0.0, 183.0, np.inf]), np.array([39.7392, -27.4698, 0.0, 45.0, 30.0])
    for source, target in ((Datum.WGS84, datum), (datum, Datum.WGS84)):
        got = convert(lon, lat, source, target)
        assert np.array_equal(got[0], lon)
        assert np.array_equal(got[1], lat)


def test_by_way_of_gcj02_is_the_same_as_straight() -> None:
    lon, lat = np.linspace(80, 130, 300), np.linspace(20, 50, 300)
    by_way = convert(*convert(lon, lat, Datum.WGS84, Datum.GCJ02), Datum.GCJ02, Datum.BD09)
    straight = convert(lon, lat, Datum.WGS84, Datum.BD09)
    assert np.array_equal(by_way, straight)


@pytest.mark.parametrize("source", list(Datum))
@pytest.mark.parametrize("target", list(Datum))
def test_a_nan_stays_a_nan_and_its_neighbours_are_converted(source: Datum, target: Datum) -> None:
    lon, lat = convert([116.4, np.nan, 116.4, 116.4], [39.9, 39.9, np.nan, 39.9], source, target)
    assert np.isnan(lon).tolist() == np.isnan(lat).tolist() == [False, True, True, False]
    assert lon[0] == lon[3]


@pytest.mark.parametrize("source", list(Datum))
@pytest.mark.parametrize("target", list(Datum))
def test_no_input_is_ever_written_to_or_handed_back(source: Datum, target: Datum) -> None:
    lon, lat = np.array([116.4, 200.0]), np.array([39.9, 10.0])
    lon.flags.writeable = False
    got = convert(lon, lat, source, target)
    assert lat.tolist() == [39.9, 10.0]
    assert lat.flags.writeable
    assert not np.shares_memory(got[0], lon)
    assert not np.shares_memory(got[1], lat)
    assert got[0].flags.writeable


def test_any_layout_and_shape_gives_what_its_rows_give_one_by_one() -> None:
    grid = np.linspace(100, 120, 12).reshape(3, 4)
    lon, lat = from_wgs84(grid[:, ::2], 30.0, Datum.BD09)
    assert lon.shape == lat.shape == (3, 2)
    one = from_wgs84(float(grid[2, 2]), 30.0, Datum.BD09)
    assert (float(lon[2, 1]), float(lat[2, 1])) == (float(one[0]), float(one[1]))
    assert from_wgs84(np.float32([110.0]), [30], Datum.GCJ02)[0].dtype == np.float64


def test_columns_of_two_lengths_are_refused_by_name() -> None:
    with pytest.raises(ColumnError, match=r"lon_deg \(2,\), lat_deg \(3,\)"):
        to_wgs84([1, 2], [1, 2, 3], Datum.GCJ02)


@pytest.mark.parametrize(
    ("text", "datum"),
    [("WGS84", "wgs84"), ("cgcs2000", "wgs84"), (" Gcj02 ", "gcj02"), ("BD09LL", "bd09"), ("bd09", "bd09")],
)
def test_a_datum_is_known_by_name_and_alias_in_any_case(text: str, datum: str) -> None:
    assert Datum.parse(text) is Datum(datum)


@pytest.mark.parametrize("text", ["", "wgs-84", "bd09mc", "EPSG:4326", "x" * 500])
def test_an_unknown_datum_is_told_what_there_is(text: str) -> None:
    with pytest.raises(DatumError, match="expected wgs84, gcj02 or bd09") as told:
        Datum.parse(text)
    assert len(str(told.value)) < 400
