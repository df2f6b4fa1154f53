"""Where along a line: nearest points against shapely, and cars on lines that meet themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely
from shapely import LineString, MultiLineString

from geo.distance import turn_deg
from geo.errors import ColumnError, GeometryError
from geo.plane import LocalPlane
from geo.polyline import Polyline

PROJECT_M = 1e-6
NOISE_M = 4.0


def wandering(seed: int, vertices: int = 700) -> Polyline:
    rng = np.random.default_rng(seed)
    heading = np.cumsum(rng.normal(0, 0.35, vertices))
    return Polyline.from_metres(np.cumsum(15 * np.cos(heading)), np.cumsum(15 * np.sin(heading)))


def driven(
    line: Polyline, along_m: np.ndarray, seed: int = 4, noise_m: float = NOISE_M
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    east, north = line.at(along_m)
    return east + rng.normal(0, noise_m, east.size), north + rng.normal(0, noise_m, east.size)


def out_and_back() -> Polyline:
    """Three kilometres of a winding road, there and back on the same asphalt."""
    x = np.linspace(0, 3000, 151)
    y = 150 * np.sin(x / 400)
    return Polyline.from_metres(np.append(x, x[-2::-1]), np.append(y, y[-2::-1]))


def figure_of_eight() -> Polyline:
    t = np.linspace(0, 2 * np.pi, 400)
    return Polyline.from_metres(600 * np.sin(t), 300 * np.sin(2 * t))


@pytest.mark.parametrize("seed", range(5))
def test_project_is_the_nearest_point_of_shapely(seed: int) -> None:
    line = wandering(seed)
    oracle = LineString(np.column_stack((line.east_m, line.north_m)))
    rng = np.random.default_rng(seed)
    x = rng.uniform(line.east_m.min() - 300, line.east_m.max() + 300, 5000)
    y = rng.uniform(line.north_m.min() - 300, line.north_m.max() + 300, 5000)
    offset, along, segment = line.project(x, y)
    points = shapely.points(x, y)
    assert np.abs(offset - shapely.distance(oracle, points)).max() < PROJECT_M
    assert np.abs(along - shapely.line_locate_point(oracle, points)).max() < PROJECT_M
    assert ((line.along_m[segment] <= along) & (along <= line.along_m[segment + 1])).all()


def test_the_answer_for_a_row_does_not_hang_on_the_rows_before_it() -> None:
    line = out_and_back()
    x, y = driven(line, np.linspace(0, line.length_m, 2000))
    order = np.random.default_rng(0).permutation(x.size)
    straight, shuffled = line.project(x, y), line.project(x[order], y[order])
    for a, b in zip(straight, shuffled, strict=True):
        assert np.array_equal(a[order], b)
    assert straight[1].max() <= line.length_m / 2 + 1e-6  # of two passes as near, the first


@pytest.mark.parametrize("seed", range(3))
def test_where_near_enough_is_enough_the_same_rows_are_near_and_the_others_as_far(seed: int) -> None:
    line = wandering(seed)
    x, y = driven(line, np.linspace(0, line.length_m, 4000), seed)
    x[::3] += 200.0
    exact, quick = line.project(x, y)[0], line.project(x, y, 25.0)[0]
    near = exact <= 25.0
    assert 0 < near.sum() < len(near)
    assert np.array_equal(quick <= 25.0, near)
    assert np.array_equal(quick[~near], exact[~near])
    assert (quick >= exact).all()
    assert (quick > exact).any()


def test_nan_has_no_place_along_and_its_neighbours_have() -> None:
    line = Polyline.from_metres([0, 100], [0, 0])
    for offset, along, segment in (
        line.project([10, np.nan, 30], [1, 1, np.inf]),
        line.project_sequence([10, np.nan, 30], [1, 1, np.inf], [0, 3], 5.0),
    ):
        assert offset[0] == 1.0
        assert along[0] == 10.0
        assert np.isnan(offset[1:]).all()
        assert np.isnan(along[1:]).all()
        assert segment.tolist() == [0, -1, -1]
    assert [c.size for c in line.project([], [])] == [0, 0, 0]
    assert [c.size for c in line.project_sequence([], [], [0], 5.0)] == [0, 0, 0]


@pytest.mark.parametrize("seed", range(3))
def test_there_and_back_on_one_road_the_sequence_knows_which_way(seed: int) -> None:
    line = out_and_back()
    truth = np.linspace(0, line.length_m, 600)
    _, along, _ = line.project_sequence(*driven(line, truth, seed), [0, 600], 25.0)
    assert np.abs(along - truth).max() < 60.0  # at the turning point the two passes are one place
    away = np.abs(truth - line.length_m / 2) > 100
    assert np.abs(along - truth)[away].max() < 5 * NOISE_M
    _, alone, _ = line.project(*driven(line, truth, seed))
    assert np.abs(alone - truth).max() > 1000.0  # which the nearest segment alone cannot


def test_starting_half_way_is_told_by_where_the_car_goes() -> None:
    line = out_and_back()
    truth = np.linspace(line.length_m * 0.6, line.length_m * 0.95, 300)
    _, along, _ = line.project_sequence(*driven(line, truth), [0, 300], 25.0)
    assert np.abs(along - truth).max() < 5 * NOISE_M


def test_at_a_crossing_the_car_goes_straight_on() -> None:
    line = figure_of_eight()
    truth = np.linspace(20, line.length_m - 20, 500)
    _, along, _ = line.project_sequence(*driven(line, truth), [0, 500], 40.0)
    assert np.abs(along - truth).max() < 5 * NOISE_M


def test_laps_of_a_closed_line_go_on_at_the_start() -> None:
    for line in (figure_of_eight(), out_and_back()):
        truth = np.linspace(0, 3 * line.length_m, 2000) % line.length_m
        _, along, _ = line.project_sequence(*driven(line, truth), [0, 2000], 40.0)
        off = np.abs(along - truth)
        off = np.minimum(off, line.length_m - off)
        # Where the road turns back on itself the two passes are one place, and noise chooses.
        assert np.quantile(off, 0.97) < 5 * NOISE_M
        assert off.max() < 100.0


def test_driving_a_route_backwards_is_seen_as_backwards() -> None:
    line = wandering(1, 100)
    truth = np.linspace(line.length_m, 0, 200)
    _, along, _ = line.project_sequence(*driven(line, truth, noise_m=1.0), [0, 200], 10.0)
    assert (np.diff(along) < 8.0).all()
    assert along[0] > line.length_m - 20
    assert along[-1] < 20


def test_after_a_detour_the_car_is_picked_up_where_it_was_going() -> None:
    line = out_and_back()
    truth = np.linspace(0, line.length_m, 600)
    east, north = driven(line, truth)
    north[200:240] += 500.0
    offset, along, segment = line.project_sequence(east, north, [0, 600], 25.0)
    assert np.isnan(offset[200:240]).all()
    assert (segment[200:240] == -1).all()
    assert np.abs(along[240:280] - truth[240:280]).max() < 60.0


def test_tracks_in_one_call_are_each_by_itself() -> None:
    line = out_and_back()
    east, north = driven(line, np.linspace(0, line.length_m, 600))
    cuts = [0, 0, 150, 420, 600, 600]
    whole = line.project_sequence(east, north, cuts, 25.0)
    for a, b in pairwise(cuts):
        alone = line.project_sequence(east[a:b], north[a:b], [0, b - a], 25.0)
        for got, expected in zip(whole, alone, strict=True):
            assert np.array_equal(got[a:b], expected, equal_nan=got.dtype.kind == "f")


def test_the_limit_itself_is_within() -> None:
    line = Polyline.from_metres([0, 100], [0, 0])
    offset, _, segment = line.project_sequence([10, 20], [5.0, np.nextafter(5.0, 6)], [0, 2], 5.0)
    assert segment.tolist() == [0, -1]
    assert offset[0] == 5.0


def test_a_line_in_degrees_lies_where_the_plane_puts_it() -> None:
    plane = LocalPlane(120.15, 30.27)
    degrees = LineString([(120.15, 30.27), (120.15, 30.27), (120.16, 30.27), (120.16, 30.28)])
    line = Polyline.from_shapely(degrees, plane)
    assert line.east_m.size == 3
    assert line.along_m[1] == pytest.approx(962.24, abs=0.01)
    assert turn_deg([90.0, 0.0], line.heading_deg) == pytest.approx([0.0, 0.0], abs=0.01)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (MultiLineString([[(0, 0), (1, 1)], [(1, 1), (2, 2)]]), "found MultiLineString"),
        (LineString(), "0 different vertices"),
        (LineString([(120, 30), (120, 30)]), "1 different vertices"),
    ],
)
def test_a_line_that_is_none_is_refused(line: LineString, told: str) -> None:
    with pytest.raises(GeometryError, match=told):
        Polyline.from_shapely(line, LocalPlane(120.0, 30.0))


def test_a_vertex_that_is_no_place_is_refused_by_number() -> None:
    with pytest.raises(GeometryError, match="vertex 1 of the line is no place"):
        Polyline.from_metres([0.0, np.nan, 1.0], [0.0, 0.0, 1.0])


@pytest.mark.parametrize("offsets", [[], [0], [1, 3], [0, 2], [0, 3, 2, 3]])
def test_offsets_that_do_not_cut_the_rows_are_refused(offsets: list[int]) -> None:
    line = Polyline.from_metres([0, 1], [0, 0])
    with pytest.raises(ColumnError, match="offsets do not cut 3 rows"):
        line.project_sequence([0, 0, 0], [0, 0, 0], offsets, 5.0)


@pytest.mark.parametrize("limit", [-1.0, np.nan, np.inf])
def test_a_limit_that_is_no_length_is_refused(limit: float) -> None:
    with pytest.raises(ColumnError, match="max_offset_m"):
        Polyline.from_metres([0, 1], [0, 0]).project_sequence([0], [0], [0, 1], limit)
