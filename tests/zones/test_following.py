"""Following a route against crossing it, and straying from all routes allowed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, MultiPoint, distance, points
from shapely.geometry import shape

from geo.plane import LocalPlane
from geo.polyline import Polyline
from zones.following import Deviations, Following, deviations, follow

HALF_M, MARGIN_M, SPEED_MPS = 30.0, 15.0, 10.0
STEP_S = 5.0
ONE_STEP_M = SPEED_MPS * STEP_S
"""A drive is known to within one step at either end."""


def line(*corners: tuple[float, float]) -> Polyline:
    return Polyline.from_metres([x for x, _ in corners], [y for _, y in corners])


def drive(
    corners: Sequence[tuple[float, float]], noise_m: float = 0.0, step_s: float = STEP_S, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """East, north and ms of a car that drives along corners at `SPEED_MPS`."""
    path = LineString(corners)
    along_m = np.append(np.arange(0.0, path.length, SPEED_MPS * step_s), path.length)
    xy = np.array([path.interpolate(a).coords[0] for a in along_m])
    xy += np.random.default_rng(seed).normal(0, noise_m, xy.shape)
    return xy[:, 0], xy[:, 1], np.round(along_m / SPEED_MPS * 1000).astype(np.int64)


def followed(route: Polyline, corners: Sequence[tuple[float, float]], **how: float) -> Following:
    east_m, north_m, t_ms = drive(corners, **how)
    return follow(route, HALF_M, MARGIN_M, east_m, north_m, t_ms, np.ones(len(t_ms), dtype=bool))


# ---------------------------------------------------------------- following

ELL = [(0.0, 0.0), (1000.0, 0.0), (1000.0, 1000.0)]


@pytest.mark.parametrize("noise_m", [0.0, 4.0])
def test_driving_a_route_once_covers_it_forward(noise_m: float) -> None:
    found = followed(line(*ELL), ELL, noise_m=noise_m)
    assert found.coverage == pytest.approx(1.0, abs=0.01)
    assert found.forward_m == pytest.approx(2000.0, abs=ONE_STEP_M)
    assert found.backward_m == 0.0
    assert found.n_laps == pytest.approx(1.0, abs=0.03)
    assert found.order_share == 1.0
    assert len(found.runs()) == 1


def test_driving_it_the_other_way_is_told_as_backward_and_not_judged() -> None:
    found = followed(line(*ELL), ELL[::-1])
    assert found.coverage == pytest.approx(1.0)
    assert found.backward_m == pytest.approx(2000.0)
    assert found.forward_m == 0.0
    assert found.order_share == 1.0


def test_there_and_back_on_a_one_way_line_is_two_laps_in_two_directions() -> None:
    found = followed(line(*ELL), [*ELL, *ELL[1::-1]], noise_m=3.0)
    assert found.coverage == pytest.approx(1.0, abs=0.01)
    assert found.forward_m == pytest.approx(2000.0, abs=ONE_STEP_M)
    assert found.backward_m == pytest.approx(2000.0, abs=ONE_STEP_M)
    assert found.order_share == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("angle_deg", [90, 60, 45])
def test_crossing_a_route_is_not_following_it(angle_deg: float) -> None:
    dx, dy = 400 * np.cos(np.radians(angle_deg)), 400 * np.sin(np.radians(angle_deg))
    found = followed(line((0, 0), (2000, 0)), [(1000 - dx, -dy), (1000 + dx, dy)], noise_m=3.0, step_s=1.0)
    assert found.on.any()
    across_m = 2 * (HALF_M + MARGIN_M) / np.tan(np.radians(angle_deg))
    assert found.forward_m + found.backward_m <= across_m + 2 * MARGIN_M
    assert found.coverage < 0.07
    assert len(found.runs()) == 1


def test_half_the_route_is_half_the_coverage() -> None:
    found = followed(line(*ELL), ELL[:2])
    assert found.coverage == pytest.approx(0.5, abs=0.01)
    assert found.n_laps == pytest.approx(0.5, abs=0.03)


def test_driving_the_same_half_twice_covers_no_more() -> None:
    found = followed(line(*ELL), [*ELL[:2], ELL[0]])
    assert found.coverage == pytest.approx(0.5, abs=0.01)
    assert found.n_laps == pytest.approx(1.0, abs=0.05)


def test_waiting_on_a_route_for_an_hour_is_not_driving_it() -> None:
    noise = np.random.default_rng(1).normal(0, 4.0, (720, 2))
    t_ms = np.arange(720, dtype=np.int64) * 5000
    found = follow(line(*ELL), HALF_M, MARGIN_M, 500 + noise[:, 0], noise[:, 1], t_ms, np.ones(720, dtype=bool))
    assert found.on.all()
    assert found.forward_m == found.backward_m == 0.0
    assert found.coverage < 0.02
    assert np.isnan(found.order_share)


def test_cutting_across_the_neck_of_a_loop_does_not_cover_the_loop() -> None:
    horseshoe = [(0, 0), (500, 0), (500, 1000), (600, 1000), (600, 0), (1100, 0)]
    found = followed(line(*horseshoe), [(0, 0), (1100, 0)])
    assert found.coverage == pytest.approx(1100 / 3100, abs=0.06)


def test_a_silence_is_not_credited_with_the_route_in_it() -> None:
    east_m, north_m, t_ms = drive(ELL)
    silent = (t_ms > 50_000) & (t_ms < 120_000)
    found = follow(line(*ELL), HALF_M, MARGIN_M, east_m[~silent], north_m[~silent], t_ms[~silent], ~silent[~silent])
    assert found.coverage == pytest.approx(1 - 700 / 2000, abs=0.03)
    assert len(found.runs()) == 2
    assert len(found.runs(max_gap_ms=80_000)) == 1


def test_unusable_fixes_are_passed_over() -> None:
    east_m, north_m, t_ms = drive(ELL)
    thrown = np.arange(len(t_ms)) % 4 == 1
    north_m[thrown] += 500
    found = follow(line(*ELL), HALF_M, MARGIN_M, east_m, north_m, t_ms, ~thrown)
    assert found.coverage == pytest.approx(1.0)
    assert not found.on[thrown].any()
    assert len(found.runs()) == 1


def test_leaving_the_route_and_coming_back_makes_two_runs_with_their_own_metres() -> None:
    found = followed(line((0, 0), (2000, 0)), [(0, 0), (600, 0), (600, 300), (1000, 300), (1000, 0), (2000, 0)])
    runs = found.runs()
    assert len(runs) == 2
    np.testing.assert_allclose(runs.forward_m, [600, 1000], atol=ONE_STEP_M)
    assert runs.followed_m.sum() == pytest.approx(found.forward_m, abs=2 * MARGIN_M)
    assert found.coverage == pytest.approx(0.8, abs=0.03)


# ---------------------------------------------------------------- routes that meet themselves

OUT_AND_BACK = [(0.0, 0.0), (1500.0, 0.0), (0.0, 0.0)]
SQUARE = [(0.0, 0.0), (600.0, 0.0), (600.0, 600.0), (0.0, 600.0), (0.0, 0.0)]


def figure_eight() -> list[tuple[float, float]]:
    turn = np.linspace(0, 2 * np.pi, 81)
    return list(zip(800 * np.sin(turn), 400 * np.sin(2 * turn), strict=True))


@pytest.mark.parametrize("noise_m", [0.0, 4.0])
@pytest.mark.parametrize("corners", [OUT_AND_BACK, SQUARE, figure_eight()], ids=["out and back", "square", "eight"])
def test_a_route_that_meets_itself_is_covered_by_driving_all_of_it(
    corners: list[tuple[float, float]], noise_m: float
) -> None:
    found = followed(line(*corners), corners, noise_m=noise_m)
    assert found.coverage == pytest.approx(1.0, abs=0.04)
    assert found.order_share == pytest.approx(1.0, abs=0.04)
    assert found.n_laps == pytest.approx(1.0, abs=0.04)


def test_the_way_out_alone_is_half_of_out_and_back() -> None:
    assert followed(line(*OUT_AND_BACK), OUT_AND_BACK[:2]).coverage == pytest.approx(0.5, abs=0.04)


def test_one_lobe_of_a_figure_eight_is_half_of_it() -> None:
    eight = figure_eight()
    assert followed(line(*eight), eight[:41]).coverage == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("laps", [1, 2, 3])
def test_laps_of_a_ring_are_counted_through_its_start(laps: int) -> None:
    from_the_middle = [SQUARE[2], SQUARE[3], *SQUARE[:3]]
    corners = from_the_middle + from_the_middle[1:] * (laps - 1)
    found = followed(line(*SQUARE), corners, noise_m=3.0)
    assert found.n_laps == pytest.approx(laps, abs=0.05)
    assert found.coverage == pytest.approx(1.0, abs=0.02)
    assert found.order_share == 1.0


def test_every_real_bus_line_driven_once_is_covered_in_order(real_data: Path) -> None:
    features = json.loads((real_data / "routes" / "wmata_shapes.geojson").read_text(encoding="utf-8"))["features"]
    poor = []
    for feature in features:
        degrees = np.array(shape(feature["geometry"]).coords)
        plane = LocalPlane.around(degrees[:, 0], degrees[:, 1])
        route = Polyline.from_shapely(LineString(degrees), plane)
        corners = list(zip(route.east_m.tolist(), route.north_m.tolist(), strict=True))
        found = followed(route, corners, noise_m=4.0)
        if not (found.coverage > 0.97 and found.order_share > 0.97 and abs(found.n_laps - 1) < 0.04):
            poor.append((feature["properties"]["shape_id"], found.coverage, found.order_share, found.n_laps))
    assert len(features) >= 6
    assert poor == []


# ---------------------------------------------------------------- straying

MAIN = line((0, 0), (3000, 0))
SIDE = line((1000, 0), (1000, 1500))


def strayed(
    corners: Sequence[tuple[float, float]], routes: Sequence[Polyline] = (MAIN,), step_s: float = STEP_S, **how: int
) -> Deviations:
    east_m, north_m, t_ms = drive(corners, step_s=step_s)
    lines = [(route, HALF_M) for route in routes]
    return deviations(lines, east_m, north_m, t_ms, np.ones(len(t_ms), dtype=bool), MARGIN_M, **how)


DETOUR = [(0, 0), (500, 0), (500, 400), (1500, 400), (1500, 0), (3000, 0)]


def test_a_detour_is_one_deviation_with_its_measures() -> None:
    found = strayed(DETOUR)
    assert len(found) == 1
    assert found.max_excess_m[0] == found.median_excess_m[0] == pytest.approx(400 - HALF_M)
    away_m = 1800 - 2 * (HALF_M + MARGIN_M)
    assert found.length_m[0] == pytest.approx(away_m, abs=2 * ONE_STEP_M)
    assert found.duration_ms[0] == pytest.approx(away_m / SPEED_MPS * 1000, abs=2 * STEP_S * 1000)
    assert found.off_ms[0] == found.duration_ms[0]


def test_the_corridor_itself_and_the_margin_beyond_it_are_no_deviation() -> None:
    limit_m = HALF_M + MARGIN_M
    assert len(strayed([(0, limit_m), (3000, limit_m)])) == 0
    assert len(strayed([(0, limit_m + 0.01), (3000, limit_m + 0.01)])) == 1


def test_excess_is_shapelys_distance_to_the_nearest_of_all_lines() -> None:
    rng = np.random.default_rng(2)
    east_m, north_m = rng.uniform(-500, 3500, 500), rng.uniform(-500, 2000, 500)
    found = deviations(
        [(MAIN, 30.0), (SIDE, 12.0)], east_m, north_m, np.arange(500) * 5000, np.ones(500, dtype=bool), MARGIN_M
    )
    dots = points(east_m, north_m)
    to_main = distance(LineString([(0, 0), (3000, 0)]), dots) - 30
    to_side = distance(LineString([(1000, 0), (1000, 1500)]), dots) - 12
    np.testing.assert_allclose(found.excess_m, np.minimum(to_main, to_side), atol=1e-9)


def test_driving_on_another_route_that_is_allowed_is_no_deviation() -> None:
    corners = [(0, 0), (1000, 0), (1000, 1400)]
    assert len(strayed(corners)) == 1
    assert len(strayed(corners, routes=(MAIN, SIDE))) == 0


def test_crossing_the_corridor_while_away_is_not_a_return() -> None:
    found = strayed([(500, 600), (500, -600), (1500, -600), (1500, 600)])
    assert len(found) == 1
    assert found.off_ms[0] < found.duration_ms[0]


def test_waiting_at_a_red_light_on_the_crossing_is_not_a_return_either() -> None:
    east_m, north_m, t_ms = drive([(500, 600), (500, 0), (500, -600)])
    waits = np.searchsorted(t_ms, 60_000, side="right")
    t_ms[waits:] += 90_000
    found = deviations([(MAIN, HALF_M)], east_m, north_m, t_ms, np.ones(len(t_ms), dtype=bool), MARGIN_M)
    assert len(found) == 1


@pytest.mark.parametrize(("back_m", "stretches"), [(1000, 1), (1500, 2)])
def test_a_return_as_long_as_the_bridge_ends_the_deviation(back_m: float, stretches: int) -> None:
    corners = [(0, 400), (500, 400), (500, 0), (500 + back_m, 0), (500 + back_m, 400), (3000, 400)]
    assert len(strayed(corners, bridge_ms=120_000)) == stretches


def test_a_silence_ends_a_deviation() -> None:
    east_m, north_m, t_ms = drive([(0, 400), (3000, 400)])
    t_ms[30:] += 301_000
    usable = np.ones(len(t_ms), dtype=bool)
    assert len(deviations([(MAIN, HALF_M)], east_m, north_m, t_ms, usable, MARGIN_M)) == 2
    assert len(deviations([(MAIN, HALF_M)], east_m, north_m, t_ms, usable, MARGIN_M, max_gap_ms=400_000)) == 1


def test_short_deviations_are_left_out_on_request() -> None:
    duration_ms = int(strayed(DETOUR).duration_ms[0])
    assert len(strayed(DETOUR, min_ms=duration_ms)) == 1
    assert len(strayed(DETOUR, min_ms=duration_ms + 1)) == 0


def test_unusable_fixes_neither_make_nor_end_a_deviation() -> None:
    east_m, north_m, t_ms = drive([(0, 0), (3000, 0)])
    usable = np.ones(len(t_ms), dtype=bool)
    north_m[20], usable[20] = 900.0, False
    assert len(deviations([(MAIN, HALF_M)], east_m, north_m, t_ms, usable, MARGIN_M)) == 0
    north_m[usable] = 400.0
    north_m[20] = 0.0
    found = deviations([(MAIN, HALF_M)], east_m, north_m, t_ms, usable, MARGIN_M, bridge_ms=0)
    assert found.start.tolist() == [0]
    assert found.stop.tolist() == [len(t_ms)]


def test_parking_off_the_route_adds_time_and_no_length() -> None:
    noise = np.random.default_rng(3).normal(0, 3.0, (720, 2))
    t_ms = np.arange(720, dtype=np.int64) * 5000
    found = deviations([(MAIN, HALF_M)], 500 + noise[:, 0], 400 + noise[:, 1], t_ms, np.ones(720, dtype=bool), MARGIN_M)
    assert found.duration_ms.tolist() == [719 * 5000]
    assert found.length_m[0] < 30


def test_without_a_corridor_there_is_nothing_to_stray_from() -> None:
    with pytest.raises(ValueError, match="no corridor"):
        strayed([(0, 0), (10, 0)], routes=())


def test_no_fixes_follow_nothing_and_stray_nowhere() -> None:
    empty, none = np.empty(0), np.empty(0, dtype=np.int64)
    found = follow(MAIN, HALF_M, MARGIN_M, empty, empty, none, empty.astype(bool))
    assert found.coverage == found.n_laps == 0.0
    assert len(found.runs()) == 0
    assert len(deviations([(MAIN, HALF_M)], empty, empty, none, empty.astype(bool), MARGIN_M)) == 0


@given(st.lists(st.tuples(st.floats(-200, 1200), st.floats(-200, 200)), min_size=2, max_size=60), st.floats(0, 50))
def test_a_wider_corridor_never_strays_more(track: list[tuple[float, float]], wider_m: float) -> None:
    east_m, north_m = np.array(track).T
    t_ms = np.arange(len(track), dtype=np.int64) * 5000
    usable = np.ones(len(track), dtype=bool)
    away = []
    for half_m in (HALF_M, HALF_M + wider_m):
        found = deviations([(MAIN, half_m)], east_m, north_m, t_ms, usable, MARGIN_M, bridge_ms=0)
        away.append({row for a, b in zip(found.start, found.stop, strict=True) for row in range(a, b)})
    assert away[1] <= away[0]


@given(st.lists(st.tuples(st.floats(-100, 1100), st.floats(-100, 100)), min_size=1, max_size=60))
def test_shares_are_shares_and_the_corridor_is_shapelys(track: list[tuple[float, float]]) -> None:
    east_m, north_m = np.array(track).T
    t_ms = np.arange(len(track), dtype=np.int64) * 5000
    found = follow(line((0, 0), (1000, 0)), HALF_M, MARGIN_M, east_m, north_m, t_ms, np.ones(len(track), dtype=bool))
    away_m = np.array([LineString([(0, 0), (1000, 0)]).distance(dot) for dot in MultiPoint(track).geoms])
    clear = np.abs(away_m - HALF_M - MARGIN_M) > 1e-6
    assert (found.on == (away_m <= HALF_M + MARGIN_M))[clear].all()
    assert 0.0 <= found.coverage <= 1.0 + 1e-9
    assert np.isnan(found.order_share) or 0.5 <= found.order_share <= 1.0
