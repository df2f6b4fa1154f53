"""Points in polygons and metres to their boundary, against shapely."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon

from geo.errors import ColumnError, GeometryError
from geo.plane import LocalPlane
from geo.polygon import PolygonSet
from geo.shape_kernels import _side

DISTANCE_M = 1e-9  # rounding only

Shapes = list[Polygon | MultiPolygon]


def in_degrees(shapes: Shapes, plane: LocalPlane) -> Shapes:
    return [shapely.transform(s, lambda xy: np.column_stack(plane.to_degrees(*xy.T))) for s in shapes]


def built(shapes: Shapes, plane: LocalPlane) -> tuple[PolygonSet, Shapes]:
    """The set, and the very same metres as shapely geometries: the oracle sees no other number."""
    degrees = in_degrees(shapes, plane)
    projected = [shapely.transform(s, lambda xy: np.column_stack(plane.to_metres(*xy.T))) for s in degrees]
    return PolygonSet.from_shapely(degrees, plane), projected


def points_for(shape: Polygon | MultiPolygon, seed: int = 11) -> tuple[np.ndarray, np.ndarray]:
    """Scattered points, every vertex, points on edges as near as doubles come, and points level with a vertex."""
    rng = np.random.default_rng(seed)
    west, south, east, north = shape.bounds
    x, y = rng.uniform(west - 50, east + 50, 4000), rng.uniform(south - 50, north + 50, 4000)
    xy = shapely.get_coordinates(shape)
    on = shapely.line_interpolate_point(shape.boundary, np.linspace(0, shape.boundary.length, 1500))
    level = xy[rng.integers(0, len(xy), 500), 1]
    return (
        np.concatenate((x, xy[:, 0], shapely.get_x(on), rng.uniform(west - 9, east + 9, 500))),
        np.concatenate((y, xy[:, 1], shapely.get_y(on), level)),
    )


def test_contains_is_covers_of_shapely_for_every_point(shapes_m: Shapes, plane: LocalPlane) -> None:
    polygons, oracle = built(shapes_m, plane)
    for ix, shape in enumerate(oracle):
        x, y = points_for(shape)
        assert np.array_equal(polygons.contains(ix, x, y), shapely.covers(shape, shapely.points(x, y))), ix


def test_one_call_for_many_shapes_is_each_shape_by_itself(shapes_m: Shapes, plane: LocalPlane) -> None:
    polygons, oracle = built(shapes_m, plane)
    rng = np.random.default_rng(2)
    ix = rng.integers(0, len(oracle), 20_000)
    west, south, east, north = shapely.bounds(np.array(oracle))[ix].T
    x, y = rng.uniform(west - 9, east + 9), rng.uniform(south - 9, north + 9)
    expected = shapely.covers(np.array(oracle)[ix], shapely.points(x, y))
    assert 1000 < expected.sum() < 19_000
    assert np.array_equal(polygons.contains(ix, x, y), expected)


def test_the_boundary_is_inside_of_holes_too() -> None:
    plane = LocalPlane(0.0, 0.0)
    yard = Polygon([(0, 0), (8, 0), (8, 8), (0, 8)], [[(2, 2), (6, 2), (6, 6), (2, 6)]])
    polygons = PolygonSet.from_shapely(in_degrees([yard], plane), plane)
    outer, inner = (polygons.xy_m[a:b] for a, b in zip(polygons.ring_start[:-1], polygons.ring_start[1:], strict=True))
    for ring in (outer, inner):
        assert polygons.contains(0, ring[:, 0], ring[:, 1]).all()
        assert np.abs(polygons.signed_distance_m(0, ring[:, 0], ring[:, 1])).max() == 0.0
    assert polygons.contains(0, [4.0, 1.0, 9.0], [4.0, 1.0, 4.0]).tolist() == [False, True, False]
    assert polygons.signed_distance_m(0, [4.0, 1.0, 9.0], [4.0, 1.0, 4.0]) == pytest.approx([2.0, -1.0, 1.0], abs=1e-6)


def test_signed_distance_is_that_of_shapely_and_negative_inside(shapes_m: Shapes, plane: LocalPlane) -> None:
    polygons, oracle = built(shapes_m, plane)
    for ix, shape in enumerate(oracle):
        x, y = points_for(shape)
        points = shapely.points(x, y)
        got = polygons.signed_distance_m(ix, x, y)
        assert np.abs(np.abs(got) - shapely.distance(shape.boundary, points)).max() < DISTANCE_M
        assert not (got[shapely.covers(shape, points)] > 0.0).any()
        assert (got[~shapely.covers(shape, points)] >= 0.0).all()  # 0 where a hair outside rounds to nothing


@given(*[st.floats(-2e5, 2e5, width=32) for _ in range(4)], st.integers(0, 64), st.integers(-2, 2), st.integers(-2, 2))
def test_the_side_of_a_line_is_exact_where_doubles_round(
    ax: float, ay: float, bx: float, by: float, part: int, nudge_x: int, nudge_y: int
) -> None:
    px, py = ax + (bx - ax) * part / 64, ay + (by - ay) * part / 64
    # Below some 1e-140 m products underflow; the predicate promises nothing there.
    px, py = px + nudge_x * np.spacing(max(abs(px), 1e-40)), py + nudge_y * np.spacing(max(abs(py), 1e-40))
    a, b, c, d, p, q = map(Fraction, (ax, ay, bx, by, float(px), float(py)))
    exact = (a - p) * (d - q) - (b - q) * (c - p)
    assert _side(ax, ay, bx, by, float(px), float(py)) == (exact > 0) - (exact < 0)


def test_a_point_that_is_none_is_nowhere_and_no_points_are_none(shapes_m: Shapes, plane: LocalPlane) -> None:
    polygons, _ = built(shapes_m, plane)
    nowhere = [np.nan, 50.0, np.inf, -np.inf], [50.0, np.nan, 50.0, 50.0]
    assert not polygons.contains(0, *nowhere).any()
    assert np.isnan(polygons.signed_distance_m(0, *nowhere)).all()
    assert polygons.contains(0, [], []).shape == polygons.signed_distance_m([], [], []).shape == (0,)


def test_a_set_of_no_shapes_answers_no_rows_and_refuses_any(plane: LocalPlane) -> None:
    empty = PolygonSet.from_shapely([], plane)
    assert len(empty) == 0
    assert empty.contains([], [], []).size == 0
    with pytest.raises(ColumnError, match="asked of a set of 0"):
        empty.contains(0, [1.0], [1.0])


@pytest.mark.parametrize("ix", [-1, 7, [0, 99]])
def test_an_index_without_a_shape_is_refused(ix: int | list[int], shapes_m: Shapes, plane: LocalPlane) -> None:
    polygons, _ = built(shapes_m, plane)
    with pytest.raises(ColumnError, match="asked of a set of 7"):
        polygons.contains(ix, [1.0, 1.0], [1.0, 1.0])


def test_every_unusable_geometry_is_named_at_once(plane: LocalPlane) -> None:
    bow_tie = Polygon([(120, 30), (120.1, 30.1), (120.1, 30), (120, 30.1)])
    with pytest.raises(GeometryError) as told:
        PolygonSet.from_shapely([Point(120, 30).buffer(0.01), Polygon(), LineString([(0, 0), (1, 1)]), bow_tie], plane)
    message = str(told.value)
    assert "geometry 0" not in message
    for part in (
        "geometry 1: is empty",
        "geometry 2: expected a Polygon",
        "found LineString",
        "geometry 3: is invalid",
    ):
        assert part in message
    assert "Self-intersection" in message


def test_the_set_is_read_only_and_counts_its_rings(shapes_m: Shapes, plane: LocalPlane) -> None:
    polygons, _ = built(shapes_m, plane)
    assert np.diff(polygons.shape_start).tolist() == [1, 1, 2, 1, 1, 1, 1]
    assert np.diff(polygons.part_ring).tolist() == [1, 3, 2, 1, 1, 1, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        polygons.xy_m[0, 0] = 0.0


def test_height_is_no_coordinate_of_ours(plane: LocalPlane) -> None:
    flat = Polygon([(120.1, 30.2), (120.2, 30.2), (120.2, 30.3)])
    tall = shapely.force_3d(flat, 17.0)
    assert np.array_equal(PolygonSet.from_shapely([tall], plane).xy_m, PolygonSet.from_shapely([flat], plane).xy_m)
