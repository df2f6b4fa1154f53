"""What looks like training and what does not. Each case is a drive that happens every day in a city."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trajectories.drives import (
    BAY,
    S_CURVE,
    T0_MS,
    THREE_POINT_TURN,
    Drive,
    along,
    arcs,
    fleet_of,
    observed,
    ring,
    sampled,
    stand,
    training_of,
)
from trajectories.activity import MIN_FIXES_PER_MIN, MODEL, spans_of, yard_probability, yard_runs
from trajectories.laps import Core, repeated_cores
from trajectories.spans import Activity

YARD, ROAD = Activity.YARD_TRAINING, Activity.ROAD_TRAINING
CERTAIN = 0.9
"""From this probability a rule may speak of training."""
UNLIKELY = 0.5
"""Below this nothing is heard of a stretch."""
SEEDS = range(4)


def turned(drive: Drive, angle_rad: float, centre: tuple[float, float]) -> Drive:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return Drive(drive.t_s, centre[0] + c * drive.x_m - s * drive.y_m, centre[1] + s * drive.x_m + c * drive.y_m)


def backwards(drive: Drive) -> Drive:
    return Drive(drive.t_s[-1] - drive.t_s[::-1], drive.x_m[::-1], drive.y_m[::-1])


def lesson(minutes: float, rng: np.random.Generator) -> Drive:
    """Manoeuvres on a yard of 60 by 80 m: bays, S-curves, turning round and rounds of the yard, with talk between."""
    start = (30.0, 12.0)
    out = Drive(np.zeros(1), np.array([start[0]]), np.array([start[1]]))
    while out.duration_s < minutes * 60:
        kind = int(rng.integers(4))
        if kind == 3:
            attempt = along([start, (54, 12), (54, 74), (6, 74), (6, 12), start], float(rng.uniform(2.5, 4.0)))
        else:
            shape = arcs((BAY, S_CURVE, THREE_POINT_TURN)[kind], float(rng.uniform(1.0, 2.0)), pause_s=3.0)
            attempt = turned(shape, float(rng.uniform(-0.3, 0.3)), start)
        out = out.then(attempt, stand(float(rng.uniform(5, 45))))
        out = out.then(backwards(attempt), stand(4.0)) if kind != 3 else out
    return out


# ---------------------------------------------------------------- yard training
@pytest.mark.parametrize("with_speed", [True, False])
@pytest.mark.parametrize(("every_s", "least"), [(5.0, 0.85), (10.0, 0.75), (15.0, 0.5)])
def test_a_yard_session_is_yard_training(every_s: float, least: float, with_speed: bool) -> None:
    """And most of its time is found; less where the fixes are so far apart that they cut the manoeuvres short."""
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        drive = lesson(45, rng)
        seen = sampled(drive, every_s, noise_m=4.0, rng=rng, with_speed=with_speed)
        table = seen.table()
        p_yard = yard_probability(table)
        assert p_yard.max() > CERTAIN
        runs = training_of(seen, table, p_yard, 0, CERTAIN)
        assert {r.activity for r in runs} == {YARD}
        assert sum(r.end_ms - r.start_ms for r in runs) > least * drive.duration_s * 1000
        for run in runs:
            assert run.p >= CERTAIN
            assert run.extent_m < MODEL.yard_extent_m[0]
            assert 0 < run.moving_share <= 1
            assert run.path_m > 500


def test_the_way_to_a_yard_and_home_is_no_part_of_the_training_there() -> None:
    rng = np.random.default_rng(7)
    way = along([(-6000, 12), (30, 12)], 12.0)
    drive = way.then(lesson(40, rng), along([(0, 0), (6000, 0)], 12.0))
    seen = sampled(drive, 5.0, noise_m=3.0, rng=rng)
    (run,) = [r for r in seen.training(CERTAIN) if r.activity is YARD]
    arrives, leaves = way.duration_s, drive.duration_s - 500
    half_window_s = 60 * (MODEL.yard_window_min // 2)
    assert arrives - half_window_s < (run.start_ms - T0_MS) / 1000 < arrives + half_window_s
    assert leaves - half_window_s < (run.end_ms - T0_MS) / 1000 < leaves + half_window_s
    assert [r for r in seen.training(CERTAIN) if r.activity is ROAD] == []


# ---------------------------------------------------------------- road training
@pytest.mark.parametrize("every_s", [5.0, 10.0, 15.0])
def test_forty_minutes_round_a_block_are_road_training(every_s: float) -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        drive = Drive(np.zeros(1), np.zeros(1), np.zeros(1))
        while drive.duration_s < 40 * 60:  # at a learner's uneven pace, with halts
            pace = rng.uniform(5.0, 8.0, 4)
            block = along([(0, 0), (450, 0), (450, 300), (0, 300), (0, 0)], pace.tolist())
            drive = drive.then(block, stand(float(rng.uniform(5, 50))))
        seen = sampled(drive, every_s, noise_m=3.0, rng=rng)
        (run,) = seen.training(CERTAIN)
        assert run.activity is ROAD
        assert (run.end_ms - run.start_ms) / 1000 == pytest.approx(drive.duration_s, rel=0.1)
        assert run.repeated_share > 0.9
        assert run.extent_m == pytest.approx(np.hypot(450, 300), rel=0.1)


def test_a_street_driven_up_and_down_for_forty_minutes_is_road_training() -> None:
    drive = along([(0, 0), *[(900.0 * ((k + 1) % 2), 0.0) for k in range(18)]], 7.0)
    (run,) = sampled(drive, 5.0, noise_m=3.0).training(CERTAIN)
    assert run.activity is ROAD


def test_laps_between_drives_to_and_from_them_are_found_without_those() -> None:
    way = along([(-8000, 0), (0, 0)], 12.0)
    laps = ring(450, 300, 12, 7.0)
    drive = way.then(laps, along([(0, 0), (-3000, -8000)], 12.0))
    (run,) = sampled(drive, 5.0, noise_m=3.0).training(CERTAIN)
    assert (run.start_ms - T0_MS) / 1000 == pytest.approx(way.duration_s, abs=240)
    assert (run.end_ms - T0_MS) / 1000 == pytest.approx(way.duration_s + laps.duration_s, abs=240)


# ---------------------------------------------------------------- plain driving
def search_for_parking(rng: np.random.Generator) -> Drive:
    """Twelve minutes round the blocks, then parked."""
    to = along([(-4000, 0), (0, 0)], 10.0)
    return to.then(ring(300, 200, 4, 1000 * 4 / 720), stand(2400))


def errands_out_and_back(rng: np.random.Generator) -> Drive:
    """Three times to the shop and home, with half an hour there each time."""
    out = along([(0, 0), (1500, 0), (1500, 2500)], 9.0)
    home = Drive(out.t_s[-1] - out.t_s[::-1], out.x_m[::-1], out.y_m[::-1])
    trip = out.then(stand(1800), home, stand(1200))
    return trip.then(trip, trip)


def quick_errand_on_one_street(rng: np.random.Generator) -> Drive:
    """There and back along one street, with two minutes at its end."""
    return along([(0, 0), (4000, 0)], 9.0).then(stand(120), along([(0, 0), (-4000, 0)], 9.0))


def jam(rng: np.random.Generator) -> Drive:
    """An hour of stop and go over 2.5 km."""
    out = Drive(np.zeros(1), np.zeros(1), np.zeros(1))
    while out.duration_s < 3600:
        out = out.then(along([(0, 0), (float(rng.uniform(8, 70)), 0)], 3.0), stand(float(rng.uniform(3, 80))))
    return out


def parked(rng: np.random.Generator) -> Drive:
    return stand(5400)


def lunch_in_a_car_park(rng: np.random.Generator) -> Drive:
    """In, once round for a place, into it, half an hour, out."""
    to = along([(-3000, 0), (0, 0)], 10.0)
    inside = along([(0, 0), (0, 60), (50, 60), (50, 10), (20, 10)], 3.0)
    away = along([(0, 0), (-20, -10), (-20, -3000)], [3.0, 10.0])
    return to.then(inside, arcs(BAY, 1.2), stand(1800), away)


def queue_at_a_pump(rng: np.random.Generator) -> Drive:
    """A hundred metres in a quarter of an hour, car by car."""
    out = along([(-3000, 0), (0, 0)], 10.0)
    for _ in range(15):
        out = out.then(along([(0, 0), (100 / 15, 0)], 1.5), stand(float(rng.uniform(45, 65))))
    return out.then(stand(240), along([(0, 0), (3000, 0)], 10.0))


def school_run(rng: np.random.Generator) -> Drive:
    """Round a grid of streets, each driven once."""
    lines = [(400.0 * (k // 2), 1500.0 * ((k + 1) // 2 % 2)) for k in range(24)]
    return along(lines, 9.0)


def taxi_rank(rng: np.random.Generator) -> Drive:
    """Four fares from one rank: out by one street each, home by another, ten minutes' wait between."""
    out = Drive(np.zeros(1), np.zeros(1), np.zeros(1))
    for k in range(4):
        a = k * np.pi / 2
        far, aside = (2500 * np.cos(a), 2500 * np.sin(a)), (2500 * np.cos(a + 0.7), 2500 * np.sin(a + 0.7))
        out = out.then(along([(0, 0), far, aside, (0, 0)], 9.0), stand(600))
    return out


PLAIN = [
    search_for_parking,
    errands_out_and_back,
    quick_errand_on_one_street,
    jam,
    parked,
    lunch_in_a_car_park,
    queue_at_a_pump,
    school_run,
    taxi_rank,
]


@pytest.mark.parametrize("with_speed", [True, False])
@pytest.mark.parametrize("every_s", [1.0, 5.0, 10.0, 15.0])
@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.__name__)
def test_plain_driving_is_no_training(case: object, every_s: float, with_speed: bool) -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        drive = case(rng)  # type: ignore[operator]
        seen = sampled(drive, every_s, noise_m=4.0, rng=rng, with_speed=with_speed)
        assert [r for r in seen.training(UNLIKELY) if r.p >= CERTAIN] == []


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.__name__)
def test_nor_is_it_likely_to_be_with_a_good_terminal(case: object) -> None:
    rng = np.random.default_rng(0)
    assert sampled(case(rng), 5.0, noise_m=3.0, rng=rng).training(UNLIKELY) == []  # type: ignore[operator]


# ---------------------------------------------------------------- too thin to tell
@pytest.mark.parametrize("every_s", [50.0, 60.0, 90.0])
def test_a_thin_track_is_never_training(every_s: float) -> None:
    assert 60.0 / every_s < MIN_FIXES_PER_MIN
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        for drive in (lesson(60, rng), ring(450, 300, 14, 7.0), ring(60, 40, 60, 4.0)):
            for with_speed in (True, False):
                seen = sampled(drive, every_s, noise_m=4.0, rng=rng, with_speed=with_speed)
                assert seen.training(0.01) == []


def test_a_terminal_that_sends_about_once_a_minute_is_thin_even_where_two_fixes_share_a_minute() -> None:
    """A cab that drives up and parks, its fixes 54 to 66 s apart: half a kilometre of path within a car park."""
    rng = np.random.default_rng(5)
    drive = along([(-545, 0), (0, 0)], 10.0).then(lesson(30, rng))
    t = T0_MS + np.cumsum(rng.integers(54_000, 66_000, 30))
    x, y = drive.at((t - T0_MS) / 1000)
    assert observed(fleet_of(t, x, y), x, y).training(0.01) == []


# ---------------------------------------------------------------- edges
def test_a_table_shorter_than_the_window_is_judged_like_any_other() -> None:
    rng = np.random.default_rng(1)
    seen = sampled(lesson(12, rng), 5.0, noise_m=2.0, rng=rng)
    for minutes in (1, 5, 12):
        table = seen.table(minutes)
        p_yard = yard_probability(table)
        assert p_yard.shape == (1, minutes)
        for run in yard_runs(table, 0, p_yard, 0.01, np.ones(minutes, np.bool_)):
            assert T0_MS <= run.start_ms < run.end_ms <= table.start_ms(minutes)


def test_only_the_minutes_asked_about_are_taken() -> None:
    rng = np.random.default_rng(1)
    seen = sampled(lesson(60, rng), 5.0, noise_m=2.0, rng=rng)
    table = seen.table()
    p_yard = yard_probability(table)
    among = np.zeros(table.n_minutes, np.bool_)
    assert yard_runs(table, 0, p_yard, CERTAIN, among) == []
    among[20:35] = True
    (run,) = yard_runs(table, 0, p_yard, CERTAIN, among)
    assert table.start_ms(20) <= run.start_ms < run.end_ms <= table.start_ms(35)


def test_a_car_that_never_moved_and_a_day_without_a_fix_have_no_training() -> None:
    assert sampled(stand(600), 5.0).training(0.01) == []
    nothing = observed(fleet_of(np.zeros(0, np.int64), np.zeros(0), np.zeros(0)), np.zeros(0), np.zeros(0))
    table = nothing.table(1440)
    assert not yard_probability(table).any()
    assert training_of(nothing, table, yard_probability(table), 0, 0.01) == []


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_fix_has_no_core(n: int) -> None:
    assert repeated_cores(np.arange(n) * 5000, np.arange(n) * 100.0, np.zeros(n), 180_000) == []


def test_a_core_is_where_streets_repeat_and_says_what_was_measured() -> None:
    t, x, y = (np.asarray(c) for c in _laps_columns(3))
    (core,) = repeated_cores(t, x, y, 180_000)
    assert core.repeated_share > 0.9
    assert core.path_m == pytest.approx(3 * 1500, rel=0.1)
    assert core.minutes == pytest.approx((t[-1] - t[0]) / 60_000, rel=0.1)
    assert core.compactness == pytest.approx(core.path_m / core.extent_m)


def test_one_round_of_a_block_has_no_core() -> None:
    assert repeated_cores(*_laps_columns(1), 180_000) == []


def core_of(drive: Drive) -> list[Core]:
    seen = sampled(drive, 5.0)
    return repeated_cores(seen.fleet.t_ms.copy(), seen.east_m.copy(), seen.north_m.copy(), 180_000)


def test_coming_back_the_way_one_went_is_no_core() -> None:
    assert core_of(along([(0, 0), (3000, 0), (0, 0)], 10.0)) == []


def test_crossing_a_street_is_not_driving_it() -> None:
    """Down a street and back, and then across it: neither the street nor the crossing is driven a third time."""
    assert core_of(along([(0, 600), (0, -600), (0, 600), (-600, 600), (-600, 0), (900, 0)], 9.0)) == []


def test_ten_minutes_without_a_street_seen_before_part_two_cores() -> None:
    laps, away = ring(450, 300, 3, 7.0), along([(0, 0), (-7000, 0)], 10.0)
    cores = core_of(laps.then(away, laps))
    assert len(cores) == 2
    assert cores[0].end_ms < cores[1].start_ms - 500_000


def _laps_columns(laps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    seen = sampled(ring(450, 300, laps, 7.0), 5.0)
    cut = slice(0, None if laps > 1 else -12)  # without the corner where the lap closes
    return seen.fleet.t_ms[cut].copy(), seen.east_m[cut].copy(), seen.north_m[cut].copy()


def test_runs_of_true_are_half_open_ranges() -> None:
    for mask in ([], [True], [False], [True, True, False, True], [False, True, True]):
        a = np.array(mask, np.bool_)
        back = np.zeros(len(a), np.bool_)
        for first, stop in spans_of(a):
            assert first < stop
            back[first:stop] = True
        np.testing.assert_array_equal(back, a)
