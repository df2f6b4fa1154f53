"""The published vectors, the wrong ones among them, and the values that map providers give for 332 cities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from geo.bd09mc import from_bd09mc, to_bd09mc
from geo.datum import Datum, _bd09_to_gcj02_one_step, convert, from_wgs84, in_china, to_wgs84
from geo.plane import great_circle_m

SPHERE_OF_VECTORS_M = 6371000.0  # the radius in which vectors.json states its tolerances
NAMES = {"WGS84": Datum.WGS84, "GCJ02": Datum.GCJ02, "BD09LL": Datum.BD09}

# Named in vectors.json, china_cities_sample.tolerance_m: what the providers' own rounding and noise leave.
WGS84_TO_GCJ02_CITY_M = 1.0
GCJ02_TO_BD09_CITY_M = 0.05
BD09_TO_BD09MC_CITY_M = 0.2
ONE_STEP_WORST_M = 5.0  # how far the usual one-step inverse strays within China


def apart_m(a: Any, b: Any) -> np.ndarray:
    return great_circle_m(a[0], a[1], b[0], b[1], radius_m=SPHERE_OF_VECTORS_M)


def chosen(vectors: dict[str, Any], *methods: str) -> list[dict[str, Any]]:
    return [v for v in vectors["conversions"] if v["method"] in methods and "BD09MC" not in (v["from"], v["to"])]


def test_every_vector_of_the_file_belongs_to_a_test_here(vectors: dict[str, Any]) -> None:
    grid = [v for v in vectors["conversions"] if "BD09MC" in (v["from"], v["to"])]
    assert len(chosen(vectors, "forward", "exact")) + len(chosen(vectors, "one_step")) + len(grid) == 43
    assert {v["kind"] for v in vectors["conversions"]} == {"published", "computed_regression"}
    assert len(vectors["negative"]) == 5
    assert len(vectors["distances"]) == 2


def test_every_forward_and_exact_vector_comes_out_within_its_own_tolerance(vectors: dict[str, Any]) -> None:
    cases = chosen(vectors, "forward", "exact")
    assert len(cases) == 30
    for v in cases:
        got = convert(*v["input_lon_lat"], NAMES[v["from"]], NAMES[v["to"]])
        assert apart_m(got, v["expected_lon_lat"]) <= v["tolerance_m"], v["id"]


def test_the_one_step_vectors_are_one_step_of_our_forward_and_not_our_inverse(vectors: dict[str, Any]) -> None:
    cases = chosen(vectors, "one_step")
    assert len(cases) == 10
    for v in cases:
        lon, lat = v["input_lon_lat"]
        if v["from"] == "BD09LL":
            lon, lat = _bd09_to_gcj02_one_step(lon, lat)
        if v["to"] == "WGS84":
            there = from_wgs84(lon, lat, Datum.GCJ02)
            lon, lat = 2 * lon - there[0], 2 * lat - there[1]
        assert apart_m((lon, lat), v["expected_lon_lat"]) <= v["tolerance_m"], v["id"]
        ours = convert(*v["input_lon_lat"], NAMES[v["from"]], NAMES[v["to"]])
        assert 0.01 < apart_m(ours, (lon, lat)) < ONE_STEP_WORST_M, v["id"]


def test_the_grid_vectors_of_baidu_come_out_within_their_tolerance(vectors: dict[str, Any]) -> None:
    for v in vectors["conversions"]:
        if v["to"] == "BD09MC":
            got = to_bd09mc(*v["input_lon_lat"])
            assert np.hypot(*np.subtract(got, v["expected_lon_lat"])) <= v["tolerance_m"], v["id"]
        if v["from"] == "BD09MC":
            assert apart_m(from_bd09mc(*v["input_lon_lat"]), v["expected_lon_lat"]) <= v["tolerance_m"], v["id"]


def test_the_wrong_published_values_are_not_reproduced(vectors: dict[str, Any]) -> None:
    said_m, right_m = 0.01, 1e-6  # error_m is given to the centimetre; the correct value to the last digit
    for v in vectors["negative"]:
        got = convert(*v["input_lon_lat"], NAMES[v["from"]], NAMES[v["to"]])
        wrong = v.get("wrong_lon_lat") or v["wrong_published_lon_lat"]
        assert apart_m(got, v["correct_lon_lat"]) < right_m, v["id"]
        assert apart_m(got, wrong) == pytest.approx(v["error_m"], abs=said_m), v["id"]
        assert apart_m(got, wrong) > 0.5 * v["error_m"], v["id"]


def test_the_published_distances_come_out_on_their_sphere(vectors: dict[str, Any]) -> None:
    for v in vectors["distances"]:
        got = great_circle_m(*v["a_lon_lat"], *v["b_lon_lat"], radius_m=v["radius_m"])
        assert abs(got - v["expected_m"]) <= v["tolerance_m"], v["id"]


def test_the_cities_agree_with_their_map_providers_in_every_datum_both_ways(cities: dict[str, np.ndarray]) -> None:
    wgs84, gcj02, bd09 = (cities[name].T for name in ("WGS84", "GCJ02", "BD09"))
    both = WGS84_TO_GCJ02_CITY_M + GCJ02_TO_BD09_CITY_M
    for source, target, start, end, tolerance_m in (
        (Datum.WGS84, Datum.GCJ02, wgs84, gcj02, WGS84_TO_GCJ02_CITY_M),
        (Datum.GCJ02, Datum.WGS84, gcj02, wgs84, WGS84_TO_GCJ02_CITY_M),
        (Datum.GCJ02, Datum.BD09, gcj02, bd09, GCJ02_TO_BD09_CITY_M),
        (Datum.BD09, Datum.GCJ02, bd09, gcj02, GCJ02_TO_BD09_CITY_M),
        (Datum.WGS84, Datum.BD09, wgs84, bd09, both),
        (Datum.BD09, Datum.WGS84, bd09, wgs84, both),
    ):
        off_m = apart_m(convert(*start, source, target), end)
        assert off_m.max() <= tolerance_m, (source, target)


def test_the_cities_agree_with_the_grid_of_baidu_both_ways(cities: dict[str, np.ndarray]) -> None:
    x, y = to_bd09mc(*cities["BD09"].T)
    assert np.hypot(x - cities["BD09MC"][:, 0], y - cities["BD09MC"][:, 1]).max() <= BD09_TO_BD09MC_CITY_M
    assert apart_m(from_bd09mc(*cities["BD09MC"].T), cities["BD09"].T).max() <= BD09_TO_BD09MC_CITY_M


def test_the_cities_come_back_from_every_datum(cities: dict[str, np.ndarray]) -> None:
    for datum in (Datum.GCJ02, Datum.BD09):
        assert in_china(*cities["WGS84"].T).all()
        back = to_wgs84(*from_wgs84(*cities["WGS84"].T, datum), datum)
        assert apart_m(back, cities["WGS84"].T).max() < 1e-4


def test_a_mixed_up_datum_shows_as_hundreds_of_metres(cities: dict[str, np.ndarray]) -> None:
    # Known of these cities: 89 to 672 m for WGS-84 against GCJ-02, 756 to 1,480 m for WGS-84 against BD-09.
    for datum, least_m, most_m in ((Datum.GCJ02, 89, 672), (Datum.BD09, 756, 1480)):
        off_m = apart_m(from_wgs84(*cities["WGS84"].T, datum), cities["WGS84"].T)
        assert off_m.min() == pytest.approx(least_m, abs=1.5)
        assert off_m.max() == pytest.approx(most_m, abs=1.5)
