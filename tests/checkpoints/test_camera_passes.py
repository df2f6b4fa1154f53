"""Drives past cameras, against shapely's distances and interpolation along a line."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely import LineString, Point

from checkpoints.camera_passes import NEAR_M, CameraPasses, Sites, Steps, camera_passes

GAP_MS = 60_000
M = 1e-6
"""Both reckon in doubles over some kilometres."""


def steps(*tracks: tuple[list[int], list[tuple[float, float]]], bad: tuple[int, ...] = ()) -> Steps:
    """Tracks of (seconds, places) as columns; `bad` rows are not usable."""
    t_ms = np.array([1000 * s for times, _ in tracks for s in times], np.int64)
    east, north = np.array([p for _, places in tracks for p in places], float).reshape(-1, 2).T
    ok = np.ones(len(t_ms), np.bool_)
    ok[list(bad)] = False
    offsets = np.cumsum([0, *(len(times) for times, _ in tracks)]).astype(np.int64)
    return Steps(offsets, t_ms, np.ascontiguousarray(east), np.ascontiguousarray(north), ok)


def sites(*places: tuple[float, float]) -> Sites:
    east, north = np.array(places, float).reshape(-1, 2).T
    return Sites(tuple(f"C{i}" for i in range(len(places))), np.ascontiguousarray(east), np.ascontiguousarray(north))


def wander(seed: int, n: int = 300) -> tuple[list[int], list[tuple[float, float]]]:
    """A random walk of steps of 40 to 200 m, every five seconds."""
    random = np.random.default_rng(seed)
    turn, length = np.cumsum(random.normal(0, 0.5, n)), random.uniform(40, 200, n)
    east, north = np.cumsum(length * np.cos(turn)), np.cumsum(length * np.sin(turn))
    return [5 * i for i in range(n)], list(zip(east.tolist(), north.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_a_camera_is_passed_just_where_shapely_finds_the_track_within_the_radius(seed: int) -> None:
    times, places = wander(seed)
    random = np.random.default_rng(seed + 100)
    cameras = [tuple(np.array(places[i]) + random.normal(0, 60, 2)) for i in random.integers(0, len(places), 40)]
    found = camera_passes(steps((times, places)), sites(*cameras), GAP_MS)
    nearest = np.full(len(cameras), np.inf)
    np.minimum.at(nearest, found.camera_ix, found.distance_m)
    truth = np.array([LineString(places).distance(Point(c)) for c in cameras])
    assert (truth <= NEAR_M).sum() > 10
    assert np.array_equal(np.isfinite(nearest), truth <= NEAR_M)
    assert np.abs(nearest - truth)[truth <= NEAR_M].max() < M


@pytest.mark.parametrize("seed", range(4))
def test_the_car_was_at_the_distance_told_at_the_time_told(seed: int) -> None:
    times, places = wander(seed)
    cameras = [(e + 20.0, n) for e, n in places[5::9]]
    found = camera_passes(steps((times, places)), sites(*cameras), GAP_MS)
    east, north = np.array(places).T
    at = np.interp(found.t_ms, 1000 * np.array(times), east), np.interp(found.t_ms, 1000 * np.array(times), north)
    where = shapely.points(np.array(cameras))[found.camera_ix]
    half_a_ms_of_driving_m = 0.05
    assert len(found) > 30
    assert np.abs(shapely.distance(shapely.points(*at), where) - found.distance_m).max() < half_a_ms_of_driving_m
    assert ((found.start_ms <= found.t_ms) & (found.t_ms <= found.end_ms)).all()


def test_coming_back_is_a_second_pass() -> None:
    there_and_back = [(0.0, 0.0), (500.0, 0.0), (1000.0, 0.0), (500.0, 0.0), (0.0, 0.0)]
    found = camera_passes(steps(([0, 20, 40, 60, 80], there_and_back)), sites((500, 10)), GAP_MS)
    assert found.t_ms.tolist() == [20_000, 60_000]
    assert found.heading_deg.round().tolist() == [90.0, 270.0]
    assert found.speed_mps.tolist() == [25.0, 25.0]


def test_waiting_before_a_camera_is_one_pass_that_lasts() -> None:
    places = [(0.0, 0.0), (450.0, 0.0), (460.0, 0.0), (460.0, 0.0), (465.0, 0.0), (900.0, 0.0)]
    found = camera_passes(steps(([0, 30, 60, 90, 120, 150], places)), sites((500, 0)), GAP_MS)
    assert len(found) == 1
    assert found.end_ms[0] - found.start_ms[0] > 60_000


def test_nothing_is_read_into_a_silence() -> None:
    places = [(0.0, 0.0), (1000.0, 0.0)]
    assert len(camera_passes(steps(([0, 60], places)), sites((500, 0)), GAP_MS)) == 1
    assert len(camera_passes(steps(([0, 61], places)), sites((500, 0)), GAP_MS)) == 0


def test_a_fix_that_is_not_usable_is_passed_over() -> None:
    places = [(0.0, 0.0), (500.0, 400.0), (1000.0, 0.0)]
    found = camera_passes(steps(([0, 20, 40], places), bad=(1,)), sites((500, 0)), GAP_MS)
    assert found.distance_m.tolist() == [0.0]


def test_cars_of_a_batch_are_kept_apart() -> None:
    """The end of one track and the beginning of the next make no step."""
    one, other = ([0, 10], [(0.0, 0.0), (0.0, 100.0)]), ([20, 30], [(1000.0, 0.0), (1000.0, 100.0)])
    assert len(camera_passes(steps(one, other), sites((500, 50)), GAP_MS)) == 0
    found = camera_passes(steps(one, other), sites((0, 50), (1000, 50)), GAP_MS)
    assert found.vehicle_ix.tolist() == [0, 1]


def test_without_cameras_or_fixes_there_is_none() -> None:
    assert len(camera_passes(steps(([0, 10], [(0.0, 0.0), (9.0, 0.0)])), sites(), GAP_MS)) == 0
    assert len(camera_passes(steps(), sites((0, 0)), GAP_MS)) == 0
    assert len(CameraPasses.joined([], [])) == 0


def test_batches_together_are_what_they_are_alone_with_their_own_numbers() -> None:
    track = ([0, 20], [(0.0, 0.0), (1000.0, 0.0)])
    part = camera_passes(steps(track), sites((500, 0)), GAP_MS)
    whole = CameraPasses.joined([part, part], [np.array([7], np.int32), np.array([3], np.int32)])
    assert whole.vehicle_ix.tolist() == [7, 3]
    assert whole.t_ms.tolist() == [10_000, 10_000]
