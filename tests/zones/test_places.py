"""Places made ready for questions, against shapely."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapely
from shapely import LineString, MultiPolygon, Polygon, box

from geo.plane import LocalPlane
from zones.places import Places
from zones.zone import Zone, ZoneKind

MakeZone = Callable[..., Zone]
MARGIN_M = 15.0
SAME_DISTANCE_M = 1e-6  # to degrees and back again, 1 km from the plane's centre
RING = box(0, 0, 100, 100).difference(box(40, 40, 60, 60))
TWO_YARDS = MultiPolygon([box(200, 0, 300, 100), box(400, 0, 500, 100)])
ROAD = LineString([(0, 300), (500, 300), (500, 600)])
SHAPES = {"G1": RING, "G2": TWO_YARDS, "R1": ROAD}


@pytest.fixture
def places(plane: LocalPlane, ground: MakeZone, route: MakeZone) -> Places:
    return Places.build([route(ROAD), ground(TWO_YARDS, "G2"), ground(RING, "G1")], plane, MARGIN_M)


@pytest.fixture(scope="module")
def points() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.uniform(-80, 600, 4000), rng.uniform(-80, 700, 4000)


def true_depth_m(zone_id: str, east_m: np.ndarray, north_m: np.ndarray) -> np.ndarray:
    shape, dots = SHAPES[zone_id], shapely.points(east_m, north_m)
    if zone_id == "R1":
        return shapely.distance(shape, dots) - 30.0
    inside = shapely.covers(shape, dots)
    return np.where(inside, -1, 1) * shapely.distance(shape.boundary, dots)


def test_zones_keep_their_order_whatever_their_shape(places: Places) -> None:
    assert [z.zone_id for z in places.zones] == ["R1", "G2", "G1"]
    assert [places.index_of(i) for i in ("R1", "G2", "G1")] == [0, 1, 2]
    assert places.half_width_m.tolist() == [30.0, 0.0, 0.0]


@pytest.mark.parametrize("zone_id", ["G1", "G2", "R1"])
def test_depth_is_shapelys_distance_to_the_edge_negative_inside(
    places: Places, points: tuple[np.ndarray, np.ndarray], zone_id: str
) -> None:
    found = places.depth_m(places.index_of(zone_id), *points)
    np.testing.assert_allclose(found, true_depth_m(zone_id, *points), atol=SAME_DISTANCE_M)


def test_depth_takes_another_zone_for_each_point(places: Places) -> None:
    zones = [places.index_of(i) for i in ("G1", "R1", "G1")]
    np.testing.assert_allclose(places.depth_m(zones, [10, 10, 50], [50, 300, 50]), [-10, -30, 10], atol=SAME_DISTANCE_M)


@pytest.mark.parametrize(("grown", "limit_m"), [(True, MARGIN_M), (False, 0.0)])
def test_matches_are_the_points_no_farther_than_the_margin(
    places: Places, points: tuple[np.ndarray, np.ndarray], grown: bool, limit_m: float
) -> None:
    rows, zones = (places.match if grown else places.match_true)(*points)
    expected = {
        (int(row), places.index_of(zone_id))
        for zone_id in SHAPES
        for row in np.flatnonzero(true_depth_m(zone_id, *points) <= limit_m)
    }
    assert set(zip(rows.tolist(), zones.tolist(), strict=True)) == expected
    assert (np.diff(rows) >= 0).all()


def test_a_hole_is_outside_and_a_point_without_a_place_is_nowhere(places: Places) -> None:
    rows, zones = places.match_true([50.0, 10.0, float("nan")], [50.0, 10.0, 10.0])
    assert rows.tolist() == [1]
    assert zones.tolist() == [places.index_of("G1")]


def test_approval_asks_school_class_and_part_and_never_a_site(plane: LocalPlane, ground: MakeZone) -> None:
    limits = {"school_ids": frozenset({"S1"}), "vehicle_classes": frozenset({"C1"}), "parts": frozenset({2})}
    zones = [ground(RING, "G1", **limits), ground(RING, "G2"), ground(RING, "G3", ZoneKind.SITE)]
    places = Places.build(zones, plane, MARGIN_M)
    assert places.approved_for("S1", "C1", 2).tolist() == [True, True, False]
    assert places.approved_for("S1", "C1").tolist() == [True, True, False]
    for question in (("S2", "C1", 2), ("S1", "C2", 2), ("S1", "C1", 3)):
        assert places.approved_for(*question).tolist() == [False, True, False]
    assert places.approved_for("S1", "C1", 2) is places.approved_for("S1", "C1", 2)


def test_no_zones_make_places_where_nobody_is(plane: LocalPlane) -> None:
    places = Places.build([], plane, MARGIN_M)
    assert len(places) == 0
    assert places.match([0.0], [0.0])[0].tolist() == []
    assert places.approved_for("S1", "C1").shape == (0,)


def test_a_route_gives_its_line_and_half_width_and_an_area_does_not(places: Places) -> None:
    line, half_width_m = places.corridor(places.index_of("R1"))
    assert half_width_m == 30.0
    assert line.length_m == pytest.approx(800.0, abs=SAME_DISTANCE_M)
    with pytest.raises(ValueError, match="'G1' is an area"):
        places.corridor(places.index_of("G1"))


def test_a_zone_not_in_force_is_named(places: Places) -> None:
    with pytest.raises(KeyError, match="'G9' is not in force"):
        places.index_of("G9")


def test_all_faults_of_the_zones_are_told_at_once(plane: LocalPlane, ground: MakeZone, route: MakeZone) -> None:
    zones = [ground(RING), ground(RING), route(ROAD, None), route(ROAD, -5.0, "R2")]
    with pytest.raises(ValueError, match=r"'G1' comes 2 times.*'R1' is a line with width_m None.*'R2'.*-5"):
        Places.build(zones, plane, MARGIN_M)


def test_an_index_that_is_no_zone_is_refused(places: Places) -> None:
    with pytest.raises(ValueError, match="expected 0 to 2"):
        places.depth_m(3, 0.0, 0.0)


def test_a_ground_may_have_several_parts(places: Places) -> None:
    for east_m in (250.0, 450.0):
        assert places.depth_m(places.index_of("G2"), east_m, 50.0)[0] == pytest.approx(-50.0, abs=SAME_DISTANCE_M)
    assert places.depth_m(places.index_of("G2"), 350.0, 50.0)[0] == pytest.approx(50.0, abs=SAME_DISTANCE_M)


def test_a_triangle_is_as_deep_as_its_inner_circle(plane: LocalPlane, ground: MakeZone) -> None:
    places = Places.build([ground(Polygon([(0, 0), (60, 0), (0, 80)]))], plane, MARGIN_M)
    assert places.depth_m(0, 20.0, 20.0)[0] == pytest.approx(-20.0, abs=SAME_DISTANCE_M)  # r = (a + b - c) / 2
