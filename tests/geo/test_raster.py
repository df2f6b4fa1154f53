"""The raster gives what testing every point against every shape gives: shapely is the oracle, to the last point."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely import LineString, MultiPolygon, Polygon, box

import geo.raster
from geo.errors import ColumnError
from geo.plane import LocalPlane
from geo.polygon import PolygonSet
from geo.polyline import Polyline
from geo.raster import ZoneRaster

Shapes = list[Polygon | MultiPolygon]
ROWS = 100_000


def projected(shapes: Shapes, plane: LocalPlane) -> tuple[PolygonSet, Shapes]:
    degrees = [shapely.transform(s, lambda xy: np.column_stack(plane.to_degrees(*xy.T))) for s in shapes]
    metres = [shapely.transform(s, lambda xy: np.column_stack(plane.to_metres(*xy.T))) for s in degrees]
    return PolygonSet.from_shapely(degrees, plane), metres


def lines_of_a_city() -> list[Polyline]:
    rng = np.random.default_rng(9)
    lines = [Polyline.from_metres([-1500, 1500], [700, 700]), Polyline.from_metres([-1000, -1000], [-1800, 1800])]
    for _ in range(4):
        heading = np.cumsum(rng.normal(0, 0.4, 150))
        x, y = rng.uniform(-1000, 1000, 2)
        lines.append(Polyline.from_metres(x + np.cumsum(20 * np.cos(heading)), y + np.cumsum(20 * np.sin(heading))))
    return lines


def as_shapely(lines: list[Polyline]) -> list[LineString]:
    return [LineString(np.column_stack((line.east_m, line.north_m))) for line in lines]


def points_of_a_city(shapes: Shapes, lines: list[LineString]) -> tuple[np.ndarray, np.ndarray]:
    """Scattered points, all vertices, points on and about every boundary and line, points on grid lines."""
    rng = np.random.default_rng(10)
    edges = [s.boundary for s in shapes] + lines
    on = np.concatenate([shapely.line_interpolate_point(e, rng.uniform(0, e.length, 1500)) for e in edges])
    on = np.column_stack((shapely.get_x(on), shapely.get_y(on)))
    vertices = np.vstack([shapely.get_coordinates(g) for g in [*shapes, *lines]])
    rest = ROWS - 2 * len(on) - len(vertices) - 2000
    scattered = rng.uniform(-2600, 2800, (rest, 2))
    gridded = 20.0 * rng.integers(-100, 100, (2000, 2)).astype(float)
    xy = np.vstack((on, on + rng.normal(0, 15, on.shape), vertices, gridded, scattered))
    assert len(xy) == ROWS
    return xy[:, 0], xy[:, 1]


def by_brute_force(
    shapes: Shapes, lines: list[LineString], widths: list[float], margin_m: float, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    points = shapely.points(x, y)
    inside = [shapely.covers(s, points) | (shapely.dwithin(s, points, margin_m) if margin_m else False) for s in shapes]
    near = [shapely.dwithin(line, points, w + margin_m) for line, w in zip(lines, widths, strict=True)]
    return np.argwhere(np.array(inside + near).T)


@pytest.mark.parametrize(("margin_m", "cell_m"), [(0.0, 20.0), (0.0, 7.3), (12.5, 20.0), (60.0, 20.0), (3.0, 250.0)])
def test_every_pair_of_a_fix_and_a_shape_is_found_and_no_other(
    shapes_m: Shapes, plane: LocalPlane, margin_m: float, cell_m: float
) -> None:
    polygons, shapes = projected(shapes_m, plane)
    lines = lines_of_a_city()
    widths = [20.0, 7.5, 15.0, 20.0, 60.0, 0.5]
    x, y = points_of_a_city(shapes, as_shapely(lines))
    raster = ZoneRaster.build(polygons, lines, widths, margin_m, cell_m)
    rows, found = raster.match(x, y)
    expected = by_brute_force(shapes, as_shapely(lines), widths, margin_m, x, y)
    assert len(expected) > 20_000
    assert len(np.unique(expected[:, 1])) == len(shapes) + len(lines)
    assert np.array_equal(np.column_stack((rows, found)), expected)
    assert (rows.dtype, found.dtype) == (np.int64, np.int32)


def test_a_shape_far_from_the_others_and_a_lone_tiny_one_are_found() -> None:
    plane = LocalPlane(120.15, 30.27)
    shapes: Shapes = [box(0, 0, 1, 1), box(60_000, 60_000, 60_300, 60_200), box(-5, -5, 5, 5)]
    polygons, metres = projected(shapes, plane)
    raster = ZoneRaster.build(polygons, [], 0.0)
    centres = np.array([[*s.centroid.coords[0]] for s in metres])
    rows, found = raster.match(centres[:, 0], centres[:, 1])
    assert list(zip(rows.tolist(), found.tolist(), strict=True)) == [(0, 0), (0, 2), (1, 1), (2, 2)]


def test_the_grid_grows_coarser_rather_than_beyond_its_bound(
    monkeypatch: pytest.MonkeyPatch, shapes_m: Shapes, plane: LocalPlane
) -> None:
    polygons, shapes = projected(shapes_m, plane)
    fine = ZoneRaster.build(polygons, lines_of_a_city(), 20.0)
    monkeypatch.setattr(geo.raster, "MOST_CELLS", 900)
    coarse = ZoneRaster.build(polygons, lines_of_a_city(), 20.0)
    assert fine.cell_m == 20.0
    assert coarse.cell_m > 100.0
    assert coarse._grid.columns * coarse._grid.rows <= 900
    x, y = points_of_a_city(shapes, as_shapely(lines_of_a_city()))
    for a, b in zip(fine.match(x, y), coarse.match(x, y), strict=True):
        assert np.array_equal(a, b)


def test_the_edge_of_a_corridor_is_within_and_a_hair_beyond_is_not() -> None:
    line = Polyline.from_metres([0, 1000], [0, 0])
    raster = ZoneRaster.build(PolygonSet.from_shapely([], LocalPlane(0, 0)), [line], 20.0)
    north = [20.0, np.nextafter(20.0, 21), -20.0, 0.0, 0.0, 0.0]
    east = [500.0, 500.0, 500.0, -20.0, np.nextafter(-20.0, -21), 1020.0]
    assert raster.match(east, north)[0].tolist() == [0, 2, 3, 5]


def test_a_corridor_of_no_width_holds_the_line_itself() -> None:
    line = Polyline.from_metres([0, 1000], [0, 0])
    raster = ZoneRaster.build(PolygonSet.from_shapely([], LocalPlane(0, 0)), [line], 0.0)
    assert raster.match([500.0, 500.0], [0.0, 1e-9])[0].tolist() == [0]


def test_fixes_that_are_nowhere_or_far_match_nothing(shapes_m: Shapes, plane: LocalPlane) -> None:
    raster = ZoneRaster.build(projected(shapes_m, plane)[0], [], 0.0)
    rows, found = raster.match([np.nan, 50.0, np.inf, 1e12, -1e12, 1e300], [50.0, np.nan, 50.0, 50.0, 50.0, -1e300])
    assert rows.size == found.size == 0
    assert [c.size for c in raster.match([], [])] == [0, 0]


def test_an_index_of_nothing_matches_nothing(plane: LocalPlane) -> None:
    raster = ZoneRaster.build(PolygonSet.from_shapely([], plane), [], 20.0)
    assert (raster.polygons, raster.lines) == (0, 0)
    assert raster.match([0.0, 1.0], [0.0, 1.0])[0].size == 0


def test_many_shapes_on_one_spot_are_all_given() -> None:
    plane = LocalPlane(120.0, 30.0)
    polygons, _ = projected([box(-50, -50, 50 + k, 50) for k in range(40)], plane)
    rows, found = ZoneRaster.build(polygons, [], 0.0).match(np.zeros(100), np.zeros(100))
    assert np.array_equal(rows, np.repeat(np.arange(100), 40))
    assert np.array_equal(found, np.tile(np.arange(40), 100))


@pytest.mark.parametrize(
    ("widths", "margin_m", "told"),
    [
        ([20.0], 0.0, "1 half widths for 2 lines"),
        (-1.0, 0.0, "none below 0"),
        (20.0, -30.0, "none below 0"),
        (np.nan, 0.0, "finite"),
    ],
)
def test_a_width_that_is_none_is_refused(widths: float | list[float], margin_m: float, told: str) -> None:
    lines = [Polyline.from_metres([0, 1], [0, 0]), Polyline.from_metres([0, 1], [5, 5])]
    with pytest.raises(ColumnError, match=told):
        ZoneRaster.build(PolygonSet.from_shapely([], LocalPlane(0, 0)), lines, widths, margin_m)
    with pytest.raises(ColumnError, match="cell_m"):
        ZoneRaster.build(PolygonSet.from_shapely([], LocalPlane(0, 0)), lines, 20.0, cell_m=0.0)
