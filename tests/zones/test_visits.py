"""Visits of places by a whole fleet, against shapely and a slow obvious walk over the fixes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, box
from shapely.geometry.base import BaseGeometry

from geo.plane import LocalPlane
from trajectories.fleet import Fleet
from zones.places import Places
from zones.visits import Visits, find_visits
from zones.zone import Zone

MakeZone = Callable[..., Zone]
MakeFleet = Callable[..., Fleet]
MARGIN_M = 10.0
YARD = box(0, 0, 100, 100)
IN, NEAR, OUT = 50.0, 105.0, 150.0  # east of the yard's west edge: in it, within the margin, beyond


def rows_of(visits: Visits) -> list[tuple[int, int]]:
    return list(zip(visits.start.tolist(), visits.stop.tolist(), strict=True))


@pytest.fixture
def yard(plane: LocalPlane, ground: MakeZone) -> Places:
    return Places.build([ground(YARD)], plane, MARGIN_M)


@pytest.fixture
def visits_along(yard: Places, fleet_of: MakeFleet) -> Callable[..., Visits]:
    def find(
        east_m: list[float], step_s: float = 10.0, unusable: tuple[int, ...] = (), bridge_ms: int = 60_000
    ) -> Visits:
        """Visits of one car that goes along the yard's middle, a fix every `step_s`."""
        n = len(east_m)
        usable = ~np.isin(np.arange(n), unusable)
        fleet = fleet_of([np.arange(n) * step_s])
        return find_visits(fleet, yard, np.array(east_m), np.full(n, 50.0), usable, bridge_ms)

    return find


def test_a_visit_runs_from_the_first_to_the_last_fix_in_the_grown_place(visits_along: Callable[..., Visits]) -> None:
    found = visits_along([OUT, NEAR, IN, 80.0, NEAR, OUT])
    assert rows_of(found) == [(1, 5)]


def test_being_near_a_place_is_no_visit(visits_along: Callable[..., Visits]) -> None:
    assert rows_of(visits_along([NEAR] * 20)) == []


def test_the_edge_itself_is_in_the_place(visits_along: Callable[..., Visits]) -> None:
    found = visits_along([OUT, 99.9999, OUT])
    assert rows_of(found) == [(1, 2)]


def test_drift_at_the_boundary_does_not_split_a_visit(visits_along: Callable[..., Visits]) -> None:
    assert rows_of(visits_along([IN, NEAR, 111.0, NEAR, 112.0, 99.0, 111.0, IN])) == [(0, 8)]


@pytest.mark.parametrize(("fixes_out", "visits"), [(6, 1), (7, 2)])
def test_leaving_for_longer_than_the_bridge_ends_a_visit(
    visits_along: Callable[..., Visits], fixes_out: int, visits: int
) -> None:
    assert len(visits_along([IN, *[OUT] * fixes_out, IN])) == visits  # 60 s and 70 s, from half way to half way


def test_one_fix_outside_splits_no_visit_of_a_slow_feed(visits_along: Callable[..., Visits]) -> None:
    assert rows_of(visits_along([IN, OUT, IN], step_s=60.0)) == [(0, 3)]
    assert rows_of(visits_along([IN, OUT, OUT, IN], step_s=60.0)) == [(0, 1), (3, 4)]


def test_unusable_fixes_neither_begin_nor_end_nor_interrupt_a_visit(visits_along: Callable[..., Visits]) -> None:
    assert rows_of(visits_along([IN, IN, OUT, IN, IN], unusable=(0, 2, 4), bridge_ms=0)) == [(1, 4)]
    assert rows_of(visits_along([IN, OUT, OUT, IN], unusable=(1, 2), step_s=600.0, bridge_ms=0)) == [(0, 4)]


def test_an_unusable_fix_inside_makes_no_visit(visits_along: Callable[..., Visits]) -> None:
    assert rows_of(visits_along([NEAR, IN, NEAR], unusable=(1,))) == []


def test_driving_through_the_hole_of_a_ground_is_outside_it(
    plane: LocalPlane, ground: MakeZone, fleet_of: MakeFleet
) -> None:
    places = Places.build([ground(box(0, 0, 500, 500).difference(box(100, 100, 400, 400)))], plane, MARGIN_M)
    east_m = np.array([50.0, 250.0, 250.0, 450.0])
    found = find_visits(fleet_of([[0, 100, 200, 300]]), places, east_m, np.full(4, 250.0), np.ones(4, dtype=bool))
    assert rows_of(found) == [(0, 1), (3, 4)]


def test_the_parts_of_a_ground_are_one_place(plane: LocalPlane, ground: MakeZone, fleet_of: MakeFleet) -> None:
    places = Places.build([ground(MultiPolygon([box(0, 0, 100, 100), box(115, 0, 215, 100)]))], plane, MARGIN_M)
    east_m = np.array([50.0, 90.0, 107.0, 130.0, 200.0])
    found = find_visits(fleet_of([np.arange(5) * 100]), places, east_m, np.full(5, 50.0), np.ones(5, dtype=bool))
    assert rows_of(found) == [(0, 5)]


def test_each_car_has_its_own_visits_and_may_be_in_two_places_at_once(
    plane: LocalPlane, ground: MakeZone, route: MakeZone, fleet_of: MakeFleet
) -> None:
    zones = [ground(box(0, 0, 100, 100), "G1"), route(LineString([(-500, 50), (500, 50)]), 20.0)]
    places = Places.build(zones, plane, MARGIN_M)
    fleet = fleet_of([[0, 10], [], [5, 15, 25]])
    found = find_visits(fleet, places, np.array([50.0, 50, 50, -200, 50]), np.full(5, 50.0), np.ones(5, dtype=bool))
    assert found.vehicle_ix.tolist() == [0, 0, 2, 2]
    assert [places.zones[z].zone_id for z in found.zone_ix] == ["G1", "R1", "G1", "R1"]
    assert rows_of(found) == [(0, 2), (0, 2), (2, 5), (2, 5)]
    assert rows_of(found.of(1)) == []
    assert rows_of(found.of(2)) == [(2, 5), (2, 5)]


@pytest.mark.parametrize("vehicles", [[], [[]], [[], []]])
def test_a_fleet_without_fixes_has_no_visits(yard: Places, fleet_of: MakeFleet, vehicles: list[list[float]]) -> None:
    nothing = np.empty(0)
    assert len(find_visits(fleet_of(vehicles), yard, nothing, nothing, nothing.astype(bool))) == 0


def test_without_zones_nobody_visits_anything(plane: LocalPlane, fleet_of: MakeFleet) -> None:
    places = Places.build([], plane, MARGIN_M)
    assert len(find_visits(fleet_of([[0]]), places, np.zeros(1), np.zeros(1), np.ones(1, dtype=bool))) == 0


# ---------------------------------------------------------------- the oracle: one zone, one car, fix by fix


def oracle_visits(depth_m: np.ndarray, t_s: np.ndarray, usable: np.ndarray, bridge_s: float) -> list[tuple[int, int]]:
    """Runs of usable fixes within the margin, joined over short absences; none that never enters."""
    order = [i for i in range(len(t_s)) if usable[i]]
    visits: list[list[int]] = []
    for k, i in enumerate(order):
        if depth_m[i] > MARGIN_M:
            continue
        if visits:
            last = order.index(visits[-1][-1])
            outside = order[last + 1 : k]
            away_s = (t_s[i] + t_s[outside[-1]] - t_s[outside[0]] - t_s[order[last]]) / 2 if outside else 0.0
            if away_s <= bridge_s:
                visits[-1].append(i)
                continue
        visits.append([i])
    return [(v[0], v[-1] + 1) for v in visits if min(depth_m[v]) <= 0]


def oracle_depth_m(shape: BaseGeometry, half_width_m: float, east_m: np.ndarray, north_m: np.ndarray) -> np.ndarray:
    dots = shapely.points(east_m, north_m)
    if half_width_m:
        return shapely.distance(shape, dots) - half_width_m
    return np.where(shapely.covers(shape, dots), -1, 1) * shapely.distance(shape.boundary, dots)


@pytest.mark.parametrize("seed", range(6))
def test_visits_of_wandering_cars_agree_with_a_walk_fix_by_fix(
    plane: LocalPlane, ground: MakeZone, route: MakeZone, fleet_of: MakeFleet, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    star = shapely.buffer(shapely.MultiPoint(rng.uniform(0, 400, (6, 2))), 60).difference(
        shapely.Point(200, 200).buffer(40)
    )
    road = LineString(np.column_stack([np.linspace(-100, 500, 40), 200 + 150 * np.sin(np.arange(40))]))
    places = Places.build([ground(star, "G1"), route(road, 40.0)], plane, MARGIN_M)
    sizes = [400, 0, 300]
    t_s = [np.cumsum(rng.integers(1, 60, n)) for n in sizes]
    paths = [np.cumsum(rng.normal(0, 15, (n, 2)), axis=0) + 200 for n in sizes]
    east_m, north_m = np.concatenate(paths).T
    usable = rng.random(east_m.size) > 0.2
    found = find_visits(fleet_of(t_s), places, east_m, north_m, usable, 60_000)
    for k, base in ((0, 0), (1, 400), (2, 400)):
        rows = slice(base, base + sizes[k])
        for zone_ix, (shape, half_width_m) in enumerate(((star, 0.0), (road, 20.0))):
            depth_m = oracle_depth_m(shape, half_width_m, east_m[rows], north_m[rows])
            expected = oracle_visits(depth_m, t_s[k], usable[rows], 60.0)
            mine = found.of(k)
            mine_rows = mine.zone_ix == zone_ix
            assert mine.start[mine_rows].tolist() == [base + a for a, _ in expected]
            assert mine.stop[mine_rows].tolist() == [base + b for _, b in expected]
    assert len(found) > 5


@given(
    east_m=st.lists(st.floats(-50, 200), min_size=1, max_size=40),
    grow_m=st.floats(0.01, 60),
    unusable=st.sets(st.integers(0, 39)),
    bridge_s=st.integers(0, 40),
)
def test_enlarging_a_zone_never_shortens_what_its_visits_cover(
    plane: LocalPlane,
    ground: MakeZone,
    fleet_of: MakeFleet,
    east_m: list[float],
    grow_m: float,
    unusable: set[int],
    bridge_s: int,
) -> None:
    n = len(east_m)
    usable = np.array([i not in unusable for i in range(n)])
    fleet = fleet_of([np.arange(n) * 10])
    covered = []
    for zone in (YARD, box(-grow_m, -grow_m, 100 + grow_m, 100 + grow_m)):
        places = Places.build([ground(zone)], plane, MARGIN_M)
        found = find_visits(fleet, places, np.array(east_m), np.full(n, 50.0), usable, bridge_s * 1000)
        covered.append({row for a, b in rows_of(found) for row in range(a, b)})
    assert covered[0] <= covered[1]
