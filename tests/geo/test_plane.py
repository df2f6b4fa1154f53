"""The plane and distances, against PROJ."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import Geod, Proj

from geo.distance import headings_deg, step_lengths_m, turn_deg
from geo.errors import ColumnError, PlaneError
from geo.plane import REACH_M, LocalPlane, distance_m, great_circle_m

GEOD = Geod(ellps="WGS84")
SERIES_M = 1e-3  # the plane against PROJ's transverse Mercator, within REACH_M
CITY_RATIO, CITY_M = 2.5e-5, 40_000.0  # (40 km / R)^2 / 2 and a little
REGION_RATIO, REGION_M = 1e-4, 60_000.0
LAMBERT_RATIO = 1e-5
LATITUDES = [-40.0, 0.0, 18.2, 30.27, 39.9, 53.5, 65.0]


def scattered(half_m: float, n: int = 20_000, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(-half_m, half_m, n), rng.uniform(-half_m, half_m, n)


@pytest.mark.parametrize("lat0", LATITUDES)
def test_the_plane_is_the_transverse_mercator_of_proj(lat0: float) -> None:
    oracle = Proj(proj="tmerc", lat_0=lat0, lon_0=116.4, k=1, ellps="WGS84")
    east, north = scattered(REACH_M)
    lon, lat = oracle(east, north, inverse=True)
    got = LocalPlane(116.4, lat0).to_metres(lon, lat)
    assert np.abs(np.subtract(got, (east, north))).max() < SERIES_M


@pytest.mark.parametrize("lat0", LATITUDES)
def test_there_and_back_is_the_same_point(lat0: float) -> None:
    plane = LocalPlane(116.4, lat0)
    east, north = scattered(REACH_M)
    back = plane.to_metres(*plane.to_degrees(east, north))
    assert np.abs(np.subtract(back, (east, north))).max() < SERIES_M


@pytest.mark.parametrize("lat0", LATITUDES)
@pytest.mark.parametrize(("half_m", "ratio"), [(CITY_M, CITY_RATIO), (REGION_M, REGION_RATIO)])
def test_lengths_in_the_plane_are_lengths_on_the_ellipsoid(lat0: float, half_m: float, ratio: float) -> None:
    plane = LocalPlane(116.4, lat0)
    east, north = scattered(half_m)
    lon, lat = plane.to_degrees(east, north)
    _, _, true_m = GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    assert np.abs(step_lengths_m(east, north) / true_m - 1).max() < ratio


def test_short_steps_far_out_are_right_too() -> None:
    plane = LocalPlane(116.4, 39.9)
    east, north = scattered(REGION_M)
    start, end = plane.to_degrees(east, north), plane.to_degrees(east + 6.0, north - 8.0)
    _, _, true_m = GEOD.inv(*start, *end)
    assert np.abs(10.0 / true_m - 1).max() < REGION_RATIO


def test_a_far_fix_stays_far() -> None:
    plane = LocalPlane(120.15, 30.27)
    lon, lat = np.meshgrid(np.arange(-180.0, 181.0, 2.5), np.arange(-90.0, 91.0, 2.5))
    east, north = plane.to_metres(lon, lat)
    far = great_circle_m(lon, lat, 120.15, 30.27) > 2 * REACH_M
    # Near the poles and across the globe a degree of longitude is no length; both coordinates still tell it is away.
    assert np.hypot(east, north)[far].min() > REACH_M
    assert np.isfinite(east).all()


def test_the_plane_reaches_across_the_date_line() -> None:
    east, north = LocalPlane(179.99, -17.0).to_metres([-179.99, 179.99], [-17.0, -17.0])
    _, _, true_m = GEOD.inv(179.99, -17.0, -179.99, -17.0)
    assert east[0] == pytest.approx(true_m, rel=REGION_RATIO)
    assert (east[1], north[1]) == (0.0, 0.0)


def test_around_is_not_moved_by_one_fix_at_zero() -> None:
    lon = np.array([120.1, 120.2, np.nan, 120.15, 0.0])
    plane = LocalPlane.around(lon, np.array([30.2, 30.3, 30.0, 30.25, 0.0]))
    assert (plane.lon0_deg, plane.lat0_deg) == (pytest.approx(120.125), pytest.approx(30.225))


@pytest.mark.parametrize("rows", [[], [np.nan], [np.inf, np.nan]])
def test_around_nothing_is_refused(rows: list[float]) -> None:
    with pytest.raises(PlaneError, match="without a finite position"):
        LocalPlane.around(rows, rows)


@pytest.mark.parametrize(("lon", "lat"), [(30.27, 120.15), (200.0, 30.0), (np.nan, 30.0), (120.0, 89.0)])
def test_an_impossible_centre_is_refused(lon: float, lat: float) -> None:
    with pytest.raises(PlaneError, match="swapped"):
        LocalPlane(lon, lat)


def test_nan_stays_nan_and_nothing_stays_nothing() -> None:
    plane = LocalPlane(120.15, 30.27)
    for there in (plane.to_metres, plane.to_degrees):
        a, b = there([1.0, np.nan, 1.0], [np.nan, 1.0, 1.0])
        assert np.isnan(a).tolist() == np.isnan(b).tolist() == [True, True, False]
        assert [c.shape for c in there([], [])] == [(0,), (0,)]


def test_distances_are_those_of_the_ellipsoid_at_any_length() -> None:
    rng = np.random.default_rng(5)
    lon1, lat1 = rng.uniform(-180, 180, 20_000), rng.uniform(-85, 85, 20_000)
    reach = 10.0 ** rng.uniform(-6, 1.6, 20_000)  # from a decimetre to some thousand kilometres
    lon2, lat2 = lon1 + reach * rng.uniform(-1, 1, 20_000), np.clip(lat1 + reach * rng.uniform(-1, 1, 20_000), -89, 89)
    _, _, true_m = GEOD.inv(lon1, lat1, lon2, lat2)
    assert np.abs(distance_m(lon1, lat1, lon2, lat2) / true_m - 1).max() < LAMBERT_RATIO


def test_the_sphere_is_within_its_documented_six_tenths_of_a_percent() -> None:
    rng = np.random.default_rng(6)
    lon, lat = rng.uniform(73, 135, 5_000), rng.uniform(18, 54, 5_000)
    _, _, true_m = GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    assert np.abs(great_circle_m(lon[:-1], lat[:-1], lon[1:], lat[1:]) / true_m - 1).max() < 0.006


def test_the_same_place_is_no_distance_and_nan_no_number() -> None:
    got = distance_m([120.0, np.nan, 0.0], [30.0, 30.0, 0.0], [120.0, 120.0, 0.0], [30.0, 30.0, np.nan])
    assert got[0] == 0.0
    assert np.isnan(got[1:]).all()


def test_headings_follow_the_compass_and_agree_with_the_geodesic() -> None:
    plane = LocalPlane(116.4, 39.9)
    east, north = scattered(5_000.0, 500)
    lon, lat = plane.to_degrees(east, north)
    azimuth, _, _ = GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    # Grid north turns from true north by dlon * sin(lat): 0.04 degrees at 5 km.
    assert np.abs(turn_deg(azimuth, headings_deg(east, north))).max() < 0.05
    compass = headings_deg([0, 0, 1, 1, 0, 0], [0, 1, 1, 0, 0, 0])
    assert compass[:4].tolist() == [0.0, 90.0, 180.0, 270.0]
    assert np.isnan(compass[4])
    assert 0.0 <= headings_deg([0.0, -1e-300], [0.0, 1.0])[0] < 360.0


def test_steps_of_one_row_or_none_are_none() -> None:
    assert step_lengths_m([], []).size == step_lengths_m([1], [1]).size == headings_deg([], []).size == 0
    with pytest.raises(ColumnError, match="east_m"):
        step_lengths_m([1, 2], [1, 2, 3])
