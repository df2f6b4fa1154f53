"""Corridors at their approved width, places of findings, sources of fixes: against shapely, pyproj and H3."""

from __future__ import annotations

import json
from datetime import date

import h3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely import LineString, MultiPolygon, Point, Polygon

from maps.density import MAX_CELLS, density
from maps.safe_json import plain, script_json
from maps.shapes import place, zone_shapes
from maps.track_columns import _files, _microdegrees
from tests.maps.plausible import lonlat, zones
from zones.zone import Zone, ZoneKind

CORRIDOR_TOLERANCE_M = 0.25  # an arc of eight segments a quarter, and 1e-6 degrees


def rings(zone: Zone) -> list[list[list[float]]]:
    (shape,) = zone_shapes([zone], {}, {}, "all")
    areas: list[list[list[float]]] = shape["areas"]
    return areas


def test_a_routes_outline_lies_half_its_width_from_the_line_by_pyproj() -> None:
    route = next(z for z in zones() if z.kind is ZoneKind.ROUTE)
    straight = Zone("R", ZoneKind.ROUTE, "R", LineString(lonlat([(0, 0), (2000, 0)])), width_m=60)
    outline = np.reshape(rings(straight)[0][0], (-1, 2))
    geod = Geod(ellps="WGS84")
    (lon1, lat1), (lon2, lat2) = straight.geometry.coords
    axis = np.array(geod.npts(lon1, lat1, lon2, lat2, 4000, initial_idx=0, terminus_idx=0))
    for lon, lat in outline:
        *_, metres = geod.inv(np.full(len(axis), lon), np.full(len(axis), lat), axis[:, 0], axis[:, 1])
        assert min(metres) == pytest.approx(30, abs=CORRIDOR_TOLERANCE_M)
    assert len(rings(route)) == 1


def test_holes_and_parts_are_kept() -> None:
    ground = next(z for z in zones() if z.zone_id == "G1")
    assert [len(area) for area in rings(ground)] == [2]
    both = Zone(
        "M",
        ZoneKind.GROUND,
        "M",
        MultiPolygon([Polygon(lonlat([(0, 0), (9, 0), (9, 9)])), Polygon(lonlat([(50, 0), (59, 0), (59, 9)]))]),
    )
    assert [len(area) for area in rings(both)] == [1, 1]


def test_nothing_and_empty_shapes_make_no_outline() -> None:
    assert zone_shapes([], {}, {}, "all") == []
    assert rings(Zone("E", ZoneKind.GROUND, "E", Polygon())) == []
    assert rings(Zone("R", ZoneKind.ROUTE, "R", LineString(lonlat([(0, 0), (5, 0)])), width_m=None)) == []


def test_none_means_all_and_an_empty_set_means_none() -> None:
    ground = zones()[0]
    shapes = zone_shapes(
        [ground, Zone("N", ZoneKind.GROUND, "N", ground.geometry, frozenset(), None)], {}, {"S1": "One"}, "all"
    )
    assert [s["schools"] for s in shapes] == ["One", "-"]
    assert [s["parts"] for s in shapes] == ["2", "all"]


@pytest.mark.parametrize(
    "shape",
    [
        Point(1, 2),
        LineString([(0, 0), (1, 1)]),
        LineString([(3, 3), (3, 3)]),
        Polygon([(0, 0), (1, 0), (1, 1)]),
        Point(1, 2, 3),
    ],
)
def test_the_point_of_a_finding_lies_on_it(shape: Point | LineString | Polygon) -> None:
    found = place(shape)
    assert found is not None
    assert Point(found["at"]).distance(shape) < 1e-6
    assert all(len(line) % 2 == 0 for line in found["lines"])


@given(st.lists(st.one_of(st.none(), st.tuples(st.floats(120, 122), st.floats(30, 32))), max_size=60))
def test_each_point_is_counted_in_the_cell_that_holds_it(points: list[tuple[float, float] | None]) -> None:
    found = density(points)
    for point, cells in zip(points, found["of"], strict=True):
        if point is None:
            assert cells is None
            continue
        for resolution, outlines, k in zip(found["resolutions"], found["cells"], cells, strict=True):
            boundary = h3.cell_to_boundary(h3.latlng_to_cell(point[1], point[0], resolution))
            np.testing.assert_allclose(np.reshape(outlines[k], (-1, 2))[:, ::-1], boundary, rtol=0, atol=1e-5)


def test_many_findings_far_apart_do_not_make_the_page_heavy() -> None:
    noise = np.random.default_rng(1)
    points = [(float(x), float(y)) for x, y in noise.uniform((110, 25), (120, 35), (5000, 2))]
    found = density(points)
    assert found["resolutions"][0] == 5
    assert sum(map(len, found["cells"][1:])) <= MAX_CELLS


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.data())
def test_file_and_row_follow_for_every_source_number(lengths: list[int], data: st.DataObject) -> None:
    ends = np.cumsum(lengths)
    file_of = np.searchsorted(ends, np.arange(ends[-1]), side="right")
    row_of = np.arange(ends[-1]) - np.concatenate([[0], ends])[file_of] + 1
    numbers = np.array(sorted(data.draw(st.sets(st.integers(0, int(ends[-1]) - 1), min_size=1))), np.int64)
    asked = []

    def source_of(number: int) -> tuple[str, int]:
        asked.append(number)
        return f"f{file_of[number]}", int(row_of[number])

    found = _files(numbers, source_of)
    for number in numbers:
        first, file, row = max(run for run in found["runs"] if run[0] <= number)
        assert (found["files"][file], row + number - first) == (f"f{file_of[number]}", row_of[number])
    assert len(asked) == len(set(asked))


def test_a_long_file_is_asked_for_twice_and_not_once_a_fix() -> None:
    asked = []
    _files(np.arange(10_000, dtype=np.int64), lambda n: asked.append(n) or ("a", n))  # type: ignore[func-returns-value]
    assert len(asked) == 2


def test_a_row_without_a_position_repeats_the_one_before() -> None:
    degrees = np.array([np.nan, 1.0, np.nan, 2.0])
    assert _microdegrees(degrees, np.isnan(degrees)).tolist() == [1_000_000, 1_000_000, 1_000_000, 2_000_000]
    assert _microdegrees(degrees[:1], np.isnan(degrees[:1])).tolist() == [0]


@given(st.text(st.characters(), max_size=40))
def test_json_for_a_script_comes_back_as_it_was_and_holds_no_markup(text: str) -> None:
    written = script_json({text: [text]})
    assert json.loads(written) == {text: [text]}
    assert not set(written) & set("<>&\u2028\u2029")
    written.encode("utf-8")


def test_json_has_no_number_for_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json(float("nan"))
    assert plain([float("inf"), np.float64("nan"), np.int64(3), np.arange(2), {date(2026, 3, 18)}, object]) == [
        None,
        None,
        3,
        [0, 1],
        ["2026-03-18"],
        "<class 'object'>",
    ]
