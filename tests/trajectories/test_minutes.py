from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from shapely import LineString

from tests.trajectories.drives import (
    BAY,
    RECIPE,
    T0_MS,
    Drive,
    Seen,
    along,
    arcs,
    fixes_of,
    fleet_of,
    observed,
    ring,
    sampled,
    stand,
)
from trajectories.fleet import build_fleet
from trajectories.minutes import MINUTE_MS, MinuteTable, tabulate

CORNER_CUTTING = 0.02
"""Of a length: what a path between fixes, with vertices at least 10 m apart, loses at corners."""
FLOAT32 = 1e-5
SUMS = ("path_m", "moving_s", "seen_s", "fixes", "again_m", "echo_m")
RECT_M = 2 * (400 + 250)
CLOSING_M = 60.0  # where a lap closes, its end lies on its beginning: a cell and its neighbours


def total(table: MinuteTable, name: str) -> float:
    return float(getattr(table, name).sum(dtype=np.float64))


# ---------------------------------------------------------------- length and time
@pytest.mark.parametrize("every_s", [1.0, 3.0, 5.0])
def test_path_length_is_that_of_the_line_driven(every_s: float) -> None:
    drive = along([(0, 0), (900, 0), (900, 700), (2500, 1800), (2400, 3000)], 9.0)
    seen = sampled(drive, every_s)
    line = LineString(np.column_stack([seen.east_m, seen.north_m]))
    assert total(seen.table(), "path_m") == pytest.approx(line.length, rel=CORNER_CUTTING)
    assert total(seen.table(), "path_m") <= line.length * (1 + FLOAT32)  # jitter is left out, nothing is made up


def test_noise_of_a_good_terminal_hardly_lengthens_the_path() -> None:
    drive = ring(600, 400, 4, 8.0)
    assert total(sampled(drive, 5.0, noise_m=3.0).table(), "path_m") == pytest.approx(drive.length_m, rel=0.04)


def test_seconds_add_up() -> None:
    drive = along([(0, 0), (3000, 0)], 10.0).then(stand(600), along([(0, 0), (0, 1500)], 5.0))
    seen = sampled(drive, 5.0)
    table = seen.table()
    assert total(table, "seen_s") == pytest.approx((seen.fleet.t_ms[-1] - seen.fleet.t_ms[0]) / 1000, rel=FLOAT32)
    assert total(table, "moving_s") == pytest.approx(600, abs=2 * 5.0 + 10.0)  # a step and a braking at each end
    assert (table.seen_s <= 60 * (1 + FLOAT32)).all()
    assert (table.moving_s <= table.seen_s + 1e-3).all()
    assert total(table, "fixes") == seen.ok.sum()


def test_silence_is_not_seen_and_no_path_is_driven_in_it() -> None:
    drive = along([(0, 0), (6000, 0)], 10.0)
    t, x, y, speed = fixes_of(drive, 5.0)
    assert speed is not None
    keep = (t < T0_MS + 120_000) | (t > T0_MS + 420_000)
    seen = observed(fleet_of(t[keep], x[keep], y[keep], speed[keep]), x[keep], y[keep])
    table = seen.table()
    assert total(table, "seen_s") == pytest.approx(115 + 170)
    assert total(table, "path_m") == pytest.approx(10 * (115 + 170), rel=CORNER_CUTTING)
    assert table.seen_s[0, 3:6].max() == 0


def test_a_parked_car_drives_no_path_however_its_position_wanders() -> None:
    for tau_s in (10.0, 90.0):
        table = sampled(stand(3600), 5.0, noise_m=4.0, tau_s=tau_s).table()
        assert total(table, "path_m") == total(table, "moving_s") == 0.0
        assert total(table, "fixes") == 720


# ---------------------------------------------------------------- the same streets again
@pytest.mark.parametrize(("laps", "again"), [(1, 0), (2, 1), (3, 2), (5, 4)])
def test_laps_of_a_block_are_driven_again_from_the_second(laps: int, again: int) -> None:
    table = sampled(ring(400, 250, laps, 8.0), 5.0, noise_m=2.0).table()
    slack = 0.12 * RECT_M * max(laps - 1, 0) + CLOSING_M
    assert total(table, "again_m") == pytest.approx(again * RECT_M, abs=slack)
    assert total(table, "echo_m") == pytest.approx(total(table, "again_m"), rel=FLOAT32)


def test_what_is_driven_again_echoes_in_the_minutes_of_the_pass_before() -> None:
    once, pause = ring(400, 250, 1, 8.0), stand(600)
    seen = sampled(once.then(pause, once), 5.0)
    table = seen.table()
    first = slice(0, int(once.duration_s // 60) + 1)
    assert table.again_m[0, first].sum() <= CLOSING_M
    assert table.echo_m[0, first].sum() == pytest.approx(RECT_M, rel=0.1)
    assert table.echo_m[0, first.stop :].sum() == 0


def test_the_way_back_of_an_errand_is_driven_again() -> None:
    out_and_back = along([(0, 0), (3000, 0), (0, 0)], 10.0)
    table = sampled(out_and_back, 5.0).table()
    assert total(table, "again_m") == pytest.approx(3000, rel=0.15)


def test_a_figure_eight_crosses_its_own_path_and_repeats_no_street() -> None:
    eight = along([(0, 0), (500, 500), (500, 0), (0, 500), (0, 0)], 8.0)
    table = sampled(eight, 5.0).table()
    assert total(table, "again_m") <= 3 * CLOSING_M  # around the crossing, and where it closes
    twice = sampled(eight.then(eight), 5.0).table()
    assert total(twice, "again_m") == pytest.approx(eight.length_m, rel=0.2)


def test_coming_home_after_an_hour_is_no_second_lap() -> None:
    there = along([(0, 0), (3000, 0)], 10.0)
    back_later = there.then(stand(3600), along([(0, 0), (-3000, 0)], 10.0))
    table = sampled(back_later, 5.0).table()
    soon = sampled(there.then(stand(600), along([(0, 0), (-3000, 0)], 10.0)), 5.0).table()
    assert total(table, "again_m") == 0
    assert total(soon, "again_m") > 2500


def test_a_second_car_on_the_same_street_repeats_nothing() -> None:
    t, x, y, _ = fixes_of(along([(0, 0), (3000, 0)], 10.0), 5.0)
    n = len(t)
    one = fleet_of(t, x, y)
    ix = np.repeat(np.array([0, 1], np.int32), n)
    pair = build_fleet(["A", "B"], ix, np.tile(t, 2), np.tile(one.lon_deg, 2), np.tile(one.lat_deg, 2))
    table = observed(pair, np.tile(x, 2), np.tile(y, 2)).table()
    assert table.again_m.sum() == 0
    np.testing.assert_array_equal(table.path_m[0], table.path_m[1])


def test_a_track_longer_than_the_memory_of_places_still_finds_its_laps() -> None:
    """More than 16,000 cells of 20 m: the memory starts afresh on the way and the laps after it are found."""
    far = Drive(np.array([0.0, 14_000.0]), np.array([0.0, 420_000.0]), np.zeros(2))
    table = sampled(far.then(ring(400, 250, 3, 8.0)), 5.0).table()
    assert total(table, "again_m") == pytest.approx(2 * RECT_M, rel=0.2)


# ---------------------------------------------------------------- extents, windows, emptiness
def test_extents_are_those_of_the_minute_s_fixes() -> None:
    seen = sampled(ring(400, 250, 2, 8.0), 5.0, noise_m=3.0)
    table = seen.table()
    minute = (seen.fleet.t_ms - T0_MS) // MINUTE_MS
    for m in range(table.n_minutes):
        here = minute == m
        found = [float(getattr(table, f"{axis}_m")[0, m]) for axis in ("x_min", "x_max", "y_min", "y_max")]
        x, y = seen.east_m[here], seen.north_m[here]
        assert found == pytest.approx([x.min(), x.max(), y.min(), y.max()], rel=1e-5, abs=1e-3)


def test_a_minute_without_a_fix_has_no_extent() -> None:
    table = sampled(stand(120), 5.0).table(n_minutes=4)
    assert np.isnan(table.x_min_m[0]).tolist() == [False, False, True, True]


def test_minutes_and_instants_lead_to_each_other() -> None:
    table = sampled(stand(120), 5.0).table()
    assert [table.minute_of(table.start_ms(m) + late) for m in (0, 1) for late in (0, 59_999)] == [0, 0, 1, 1]
    assert table.minute_of(T0_MS - 1) == -1


@pytest.mark.parametrize("n_vehicles", [0, 2])
def test_a_fleet_without_fixes_has_a_table_of_nothing(n_vehicles: int) -> None:
    names = [f"V{k}" for k in range(n_vehicles)]
    fleet = build_fleet(names, np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    table = observed(fleet, np.zeros(0), np.zeros(0)).table(n_minutes=1440)
    for field in fields(table)[1:]:
        column = getattr(table, field.name)
        assert column.shape == (n_vehicles, 1440)
        assert not np.nan_to_num(column).any()


def test_fixes_outside_the_window_are_left_out() -> None:
    drive = along([(0, 0), (12_000, 0)], 10.0)
    seen = sampled(drive, 5.0)
    early = (seen.fleet.t_ms >= T0_MS + 5 * MINUTE_MS) & (seen.fleet.t_ms < T0_MS + 12 * MINUTE_MS)
    part = tabulate(
        fleet_of(seen.fleet.t_ms[early], seen.east_m[early], seen.north_m[early]),
        seen.east_m[early],
        seen.north_m[early],
        seen.ok[early],
        seen.moving[early],
        T0_MS + 5 * MINUTE_MS,
        7,
        RECIPE,
    )
    window = seen.table(7, T0_MS + 5 * MINUTE_MS)
    for field in fields(part)[1:]:
        np.testing.assert_array_equal(getattr(window, field.name), getattr(part, field.name), err_msg=field.name)
    assert total(window, "fixes") == early.sum()


def test_unusable_fixes_are_left_out() -> None:
    seen = sampled(ring(400, 250, 2, 8.0), 5.0)
    ok, x = seen.ok.copy(), seen.east_m.copy()
    ok[::7] = False
    x[::7] += 1e6
    spoilt = Seen(seen.fleet, x, seen.north_m, ok, seen.moving, seen.spans).table()
    bare = fleet_of(seen.fleet.t_ms[ok], x[ok], seen.north_m[ok])
    clean = Seen(bare, x[ok], seen.north_m[ok], ok[ok], seen.moving[ok], seen.spans).table(spoilt.n_minutes)
    for field in fields(clean)[1:]:
        np.testing.assert_array_equal(getattr(spoilt, field.name), getattr(clean, field.name), err_msg=field.name)


# ---------------------------------------------------------------- whatever window was asked for
@pytest.mark.parametrize("cut_minute", [1, 7, 13, 17])
def test_the_table_of_two_half_days_is_the_table_of_the_whole(cut_minute: int) -> None:
    """Cut anywhere, the two tables side by side are the whole one but for three things that the cut takes away.

    The step from the last fix before the cut to the first after it belongs to neither half (its seconds and its
    metres); the first path after the cut, in the minute in which the car next moves, may differ by a vertex (10 m);
    and streets driven before the cut are new to the second half, so `again_m` and `echo_m` are less where a lap
    spans the cut.
    """
    drive = ring(400, 250, 2, 8.0).then(arcs(BAY, 1.5), stand(100), along([(0, 0), (0, -6000), (900, -6000)], 10.0))
    every_s = 5.0
    seen = sampled(drive, every_s, noise_m=2.0)
    whole = seen.table()
    at = T0_MS + cut_minute * MINUTE_MS
    halves = [
        seen.table(cut_minute, T0_MS),
        seen.table(whole.n_minutes - cut_minute, at),
    ]
    for name in (*SUMS, "x_min_m", "x_max_m", "y_min_m", "y_max_m"):
        joined = np.concatenate([getattr(h, name)[0] for h in halves])
        wanted = getattr(whole, name)[0]
        if name in {"again_m", "echo_m"}:
            assert (joined <= wanted + 1e-3).all()
            continue
        off = np.flatnonzero(~np.isclose(joined, wanted, rtol=1e-5, atol=1e-3, equal_nan=True))
        moves_on = cut_minute + int(np.argmax(whole.path_m[0, cut_minute:] > 0))
        summed = {"path_m", "moving_s", "seen_s"}
        allowed = {cut_minute - 1, cut_minute, moves_on} if name in summed else set()
        assert set(off.tolist()) <= allowed, name
        limit = {"path_m": every_s * 10 + 10, "moving_s": every_s, "seen_s": every_s}.get(name, 0)
        assert abs(joined[off] - wanted[off]).sum() <= limit + 1e-3


def test_revisits_within_one_half_are_the_same_as_in_the_whole() -> None:
    lap = ring(400, 250, 3, 8.0)
    seen = sampled(lap.then(along([(0, 0), (9000, 0)], 15.0), stand(3000), lap), 5.0)
    whole = seen.table()
    at = int((lap.duration_s + 600 + 1500) // 60)  # while the car stands
    one, other = seen.table(at, T0_MS), seen.table(whole.n_minutes - at, T0_MS + at * MINUTE_MS)
    for name in ("again_m", "echo_m"):
        joined = np.concatenate([getattr(one, name), getattr(other, name)], axis=1)
        np.testing.assert_allclose(joined, getattr(whole, name), atol=1e-3)
