from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.trajectories.drives import (
    RECIPE,
    T0_MS,
    Drive,
    Seen,
    along,
    fixes_of,
    fleet_of,
    observed,
    sampled,
    stand,
)
from trajectories.fleet import F8, I8, Flag, Fleet
from trajectories.segment import find_spans, label_drift, moving_mask
from trajectories.spans import SpanKind, Spans

STANDING, MOVING, GAP = SpanKind.STANDING, SpanKind.MOVING, SpanKind.GAP
SHORT_BRAKING_S = 7.0  # a car within `still_m` of its halt, braking and pulling away, already and still halts
REACH_MS = RECIPE.still_window_ms + RECIPE.standing_ms
"""How far from a fix the fixes lie that say whether it is on the move, where none of its steps is longer than the
window: the window, and a halt's full length."""


# ---------------------------------------------------------------- what spans are
@st.composite
def random_fleets(draw: st.DrawFn) -> tuple[Fleet, F8, F8]:
    """Two cars that drive, halt and fall silent at random; some fixes are unusable, some made up by the provider."""
    counts = draw(st.lists(st.integers(0, 30), min_size=2, max_size=2))
    n = sum(counts)
    step_s = draw(st.lists(st.sampled_from([1, 5, 10, 30, 60, 180, 181, 500]), min_size=n, max_size=n))
    pace = draw(st.lists(st.sampled_from([0.0, 0.0, 0.5, 2.0, 15.0]), min_size=n, max_size=n))
    bits = st.sampled_from([0, 0, 0, int(Flag.SPIKE), int(Flag.SUPPLEMENTED), int(Flag.LATE)])
    flags = draw(st.lists(bits, min_size=n, max_size=n))
    offsets = np.array([0, counts[0], n])
    steps = np.array(step_s, np.int64)
    t, x = np.cumsum(steps) * 1000, np.cumsum(steps * np.array(pace)) if n else np.zeros(0)
    nan = np.full(n, np.nan, np.float32)
    source = np.arange(n, dtype=np.uint32)
    zeros, lag = np.zeros(n), np.zeros(n, np.int32)
    fleet = Fleet(("V1", "V2"), offsets, t, zeros, zeros, nan, nan, nan, lag, np.array(flags, np.uint32), source)
    return fleet, x.astype(float), np.zeros(n)


def spans_of(fleet: Fleet, x: F8, y: F8) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], Spans]:
    ok = (fleet.flags & np.uint32(Flag.SPIKE | Flag.SUPPLEMENTED)) == 0
    moving = moving_mask(fleet, x, y, ok, RECIPE)
    return ok, moving, find_spans(fleet, moving, ok, RECIPE)


@given(random_fleets())
def test_moving_and_standing_spans_partition_the_rows_of_each_car(made: tuple[Fleet, F8, F8]) -> None:
    fleet, x, y = made
    spans = spans_of(fleet, x, y)[2]
    for k in range(2):
        own = spans.of(k)
        rows = own.kind != GAP
        edges = [int(fleet.offsets[k]), *own.stop[rows].tolist()]
        assert own.start[rows].tolist() == edges[:-1]
        assert edges[-1] == fleet.offsets[k + 1]
        assert (own.start[~rows] == own.stop[~rows]).all()


@given(random_fleets())
def test_spans_follow_each_other_in_time_without_hole_or_overlap(made: tuple[Fleet, F8, F8]) -> None:
    fleet, x, y = made
    spans = spans_of(fleet, x, y)[2]
    for k in range(2):
        own = spans.of(k)
        assert (own.start_ms <= own.end_ms).all()
        assert own.end_ms[:-1].tolist() == own.start_ms[1:].tolist()
        made_up = (fleet.flags & np.uint32(Flag.SUPPLEMENTED)) > 0
        t = fleet.t_ms[fleet.offsets[k] : fleet.offsets[k + 1]]
        if len(own) and not made_up.any():
            assert (own.start_ms[0], own.end_ms[-1]) == (t[0], t[-1])


@given(random_fleets())
def test_neighbours_differ_in_kind(made: tuple[Fleet, F8, F8]) -> None:
    fleet, x, y = made
    spans = spans_of(fleet, x, y)[2]
    for k in range(2):
        kinds = spans.of(k).kind
        assert (kinds[1:] != kinds[:-1]).all()


@given(random_fleets())
def test_every_gap_is_longer_than_the_longest_step_that_is_none(made: tuple[Fleet, F8, F8]) -> None:
    fleet, x, y = made
    spans = spans_of(fleet, x, y)[2]
    gap = spans.kind == GAP
    assert (spans.end_ms[gap] - spans.start_ms[gap] > RECIPE.gap_ms).all()
    heard = (fleet.flags & np.uint32(Flag.SUPPLEMENTED)) == 0
    for k in range(2):
        lo, hi = fleet.offsets[k], fleet.offsets[k + 1]
        steps = np.diff(fleet.t_ms[lo:hi][heard[lo:hi]])
        if heard[lo:hi].all():
            assert (spans.of(k).kind == GAP).sum() == (steps > RECIPE.gap_ms).sum()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_fix_is_enough(n: int) -> None:
    seen = observed(fleet_of(T0_MS + np.arange(n) * 1000, np.zeros(n), np.zeros(n)), np.zeros(n), np.zeros(n))
    assert seen.spans.kind.tolist() == [STANDING] * min(n, 1)
    assert len(seen.moving) == n


def test_a_silence_of_exactly_three_minutes_is_no_gap_and_one_second_more_is() -> None:
    for silence_s, gaps in ((180, []), (181, [(5.0, 186.0)])):
        t = T0_MS + np.array([0, 5, 5 + silence_s, 10 + silence_s], np.int64) * 1000
        assert observed(fleet_of(t, np.zeros(4), np.zeros(4)), np.zeros(4), np.zeros(4)).times(GAP) == gaps


def test_a_spike_is_a_sign_of_life_and_ends_a_silence_but_a_made_up_fix_does_not() -> None:
    t = T0_MS + np.array([0, 5, 130, 255, 260], np.int64) * 1000
    for flag, gaps in ((Flag.SPIKE, []), (Flag.SUPPLEMENTED, [(5.0, 255.0)])):
        fleet = fleet_of(t, np.zeros(5), np.zeros(5), flags=[0, 0, int(flag), 0, 0])
        ok, moving, spans = spans_of(fleet, np.zeros(5), np.zeros(5))
        assert Seen(fleet, np.zeros(5), np.zeros(5), ok, moving, spans).times(GAP) == gaps
        assert spans.stop[spans.kind != GAP][-1] == 5


# ---------------------------------------------------------------- a red light, a parked car
def errand(halt_s: float, speed_mps: float = 10.0) -> Drive:
    """Ten minutes of driving, a halt, ten minutes of driving, with braking and pulling away."""
    out = [(0.0, 0.0), (600 * speed_mps, 0.0), (600 * speed_mps + 20, 0.0)]
    back = [(0.0, 0.0), (20.0, 0.0), (600 * speed_mps, 0.0)]
    return along(out, [speed_mps, speed_mps / 2]).then(stand(halt_s), along(back, [speed_mps / 2, speed_mps]))


@pytest.mark.parametrize("with_speed", [True, False])
@pytest.mark.parametrize("every_s", [1.0, 5.0, 10.0, 15.0])
@pytest.mark.parametrize("phase_s", [0.0, 0.7, 3.1])
def test_a_red_light_of_fifty_seconds_is_driving_and_of_seventy_is_standing(
    every_s: float, phase_s: float, with_speed: bool
) -> None:
    """To within a step between fixes: a terminal that sends every 15 s cannot tell 50 s from 60."""
    unsure_s = 0.0 if every_s <= 5.0 else every_s
    for noise_m in (0.0, 2.0):
        how = {"phase_s": phase_s, "with_speed": with_speed, "noise_m": noise_m}
        light, wait = (sampled(errand(halt), every_s, **how) for halt in (50 - unsure_s, 70 + unsure_s))
        assert light.times(STANDING) == []
        assert light.moving.all()
        assert len(wait.times(STANDING)) == 1


@pytest.mark.parametrize("every_s", [1.0, 5.0, 10.0, 15.0, 30.0])
@pytest.mark.parametrize("halt_s", [120.0, 300.0, 1800.0])
def test_a_standing_span_is_as_long_as_the_halt(every_s: float, halt_s: float) -> None:
    ((start, end),) = sampled(errand(halt_s), every_s, noise_m=2.0).times(STANDING)
    begins = errand(halt_s).t_s[2]
    assert -SHORT_BRAKING_S - every_s <= start - begins <= every_s
    assert -every_s <= end - (begins + halt_s) <= SHORT_BRAKING_S + every_s


@pytest.mark.parametrize("every_s", [5.0, 10.0, 15.0, 30.0])
@pytest.mark.parametrize("tau_s", [10.0, 30.0, 90.0])
def test_a_parked_car_stands_however_its_position_wanders(every_s: float, tau_s: float) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        seen = sampled(stand(3600), every_s, noise_m=4.0, tau_s=tau_s, rng=rng)
        assert seen.spans.kind.tolist() == [STANDING]
        assert not seen.moving.any()


@pytest.mark.parametrize("every_s", [5.0, 10.0, 15.0, 30.0])
@pytest.mark.parametrize(("tau_s", "least"), [(90.0, 0.98), (30.0, 0.95)])
def test_without_reported_speed_a_parked_car_stands_nearly_all_the_time(
    every_s: float, tau_s: float, least: float
) -> None:
    """Where no speed is reported the wandering alone must stay within `blind_m` for half a minute.

    It does where the error wanders slowly, as filtered receivers' does. An error of 4 m that changes within 10 s is
    still taken for motion at times: such a feed needs its speeds.
    """
    for seed in range(5):
        rng = np.random.default_rng(seed)
        seen = sampled(stand(3600), every_s, noise_m=4.0, tau_s=tau_s, rng=rng, with_speed=False)
        assert seen.share(STANDING) > least


def test_a_crawl_slower_than_the_noise_is_standing_and_walking_pace_is_moving() -> None:
    crawl = along([(0, 0), (100, 0)], 100 / 900)  # a queue at a pump
    walk = along([(0, 0), (900, 0)], 1.0)
    assert sampled(crawl, 5.0, noise_m=2.0).share(STANDING) == 1.0
    assert sampled(walk, 5.0, noise_m=2.0).share(MOVING) == 1.0


@pytest.mark.parametrize("every_s", [1.0, 5.0, 15.0, 60.0, 170.0])
def test_a_steady_drive_is_one_moving_span(every_s: float) -> None:
    assert sampled(along([(0, 0), (18_000, 0)], 10.0), every_s, noise_m=4.0).spans.kind.tolist() == [MOVING]


# ---------------------------------------------------------------- whatever window was asked for
def half_days(seen: Seen, cut: int) -> tuple[Seen, Seen]:
    f = seen.fleet
    parts = []
    for rows in (slice(0, cut), slice(cut, f.n_fixes)):
        x, y = seen.east_m[rows], seen.north_m[rows]
        parts.append(observed(fleet_of(f.t_ms[rows], x, y, f.speed_mps[rows]), x, y))
    return parts[0], parts[1]


def some_day(seed: int, every_s: float) -> Seen:
    rng = np.random.default_rng(seed)
    day = stand(200)
    for _ in range(6):
        way = float(rng.uniform(200, 2500))
        day = day.then(along([(0, 0), (way, 0), (way, way / 3)], float(rng.uniform(4, 15))))
        day = day.then(stand(float(rng.choice([20, 50, 70, 400]))))
    t, x, y, speed = fixes_of(day, every_s, noise_m=3.0, rng=rng)
    keep = np.ones(len(t), np.bool_)
    for start in rng.integers(0, len(t), 3):  # silences
        keep[start : start + int(rng.integers(1, 60))] = False
    assert speed is not None
    return observed(fleet_of(t[keep], x[keep], y[keep], speed[keep]), x[keep], y[keep])


@given(st.integers(0, 30), st.sampled_from([1.0, 5.0, 15.0]), st.floats(0, 1))
@example(14, 5.0, 0.12109375)  # cut in a silence of 165 s
def test_two_half_days_joined_are_the_whole(seed: int, every_s: float, where: float) -> None:
    """Cut anywhere. Whether a fix is on the move is the same in the half as in the whole for every fix further than
    `REACH_MS` from the cut, whatever lies beyond; and so are the spans that begin and end there."""
    whole = some_day(seed, every_s)
    cut = int(where * whole.fleet.n_fixes)
    one, other = half_days(whole, cut)
    t = whole.fleet.t_ms
    before, at = t[max(cut - 1, 0)], t[min(cut, len(t) - 1)]  # a silence may lie between them
    far = (t < before - REACH_MS - 1000 * every_s) | (t > at + REACH_MS + 1000 * every_s)
    joined = np.concatenate([one.moving, other.moving])
    np.testing.assert_array_equal(joined[far], whole.moving[far])

    def away(seen: Seen, first: int) -> set[tuple[int, ...]]:
        s = seen.spans
        rows = zip(s.kind, s.start + first, s.stop + first, s.start_ms, s.end_ms, strict=True)
        reach = REACH_MS + 1000 * every_s + RECIPE.standing_ms
        return {tuple(map(int, r)) for r in rows if r[4] < before - reach or r[3] > at + reach}

    assert away(one, 0) | away(other, cut) == away(whole, 0)


def test_a_cut_in_a_silence_changes_nothing_at_all() -> None:
    drive = along([(0, 0), (4000, 0)], 10.0).then(stand(300), along([(0, 0), (0, 4000)], 10.0))
    t, x, y, speed = fixes_of(drive, 5.0, noise_m=3.0)
    t = np.where(np.arange(len(t)) >= 100, t + 1_000_000, t)
    whole = observed(fleet_of(t, x, y, speed), x, y)
    one, other = half_days(whole, 100)
    np.testing.assert_array_equal(np.concatenate([one.moving, other.moving]), whole.moving)
    assert len(whole.spans) == len(one.spans) + len(other.spans) + 1  # the silence itself


# ---------------------------------------------------------------- unusable rows
@given(st.integers(0, 20), st.lists(st.integers(0, 400), max_size=12))
def test_unusable_rows_are_transparent(seed: int, bad: list[int]) -> None:
    """With them the mask of the others and the times of the spans are as without them, however wrong they are."""
    whole = some_day(seed, 5.0)
    f = whole.fleet
    bad = sorted({i for i in bad if 0 < i < f.n_fixes - 1 and whole.ok[i]})
    x = whole.east_m.copy()
    x[bad] += 5e6
    flags = np.array(f.flags)
    flags[bad] |= np.uint32(Flag.SPIKE)
    marked = f.with_flags(flags)
    ok, moving, spans = spans_of(marked, x, whole.north_m)
    bare = np.delete(np.arange(f.n_fixes), bad)
    clean = fleet_of(f.t_ms[bare], x[bare], whole.north_m[bare], f.speed_mps[bare], flags=f.flags[bare])
    wanted = spans_of(clean, x[bare], whole.north_m[bare])
    np.testing.assert_array_equal(moving[bare], wanted[1])
    if not np.diff(f.t_ms[bare]).max() > RECIPE.gap_ms:
        assert list(zip(spans.kind, spans.start_ms, spans.end_ms, strict=True)) == list(
            zip(wanted[2].kind, wanted[2].start_ms, wanted[2].end_ms, strict=True)
        )
    assert ok.sum() + len(bad) == whole.ok.sum()


def test_an_unusable_first_row_takes_the_answer_of_the_next() -> None:
    t, x, y, speed = fixes_of(along([(0, 0), (3000, 0)], 10.0), 5.0)
    flags = np.zeros(len(t), np.uint32)
    flags[[0, 1, 20, 21]] = int(Flag.SPIKE)
    fleet = fleet_of(t, x, y, speed, flags)
    _, moving, spans = spans_of(fleet, x, y)
    assert moving.all()
    assert spans.kind.tolist() == [MOVING]


def test_a_car_without_a_usable_fix_does_not_move() -> None:
    t, x, y, speed = fixes_of(along([(0, 0), (3000, 0)], 10.0), 5.0)
    fleet = fleet_of(t, x, y, speed, np.full(len(t), int(Flag.COARSE)))
    ok = np.zeros(len(t), np.bool_)
    assert not moving_mask(fleet, x, y, ok, RECIPE).any()


# ---------------------------------------------------------------- drift
def test_drift_is_marked_while_standing_and_never_while_driving() -> None:
    drive = along([(0, 0), (3000, 0)], 10.0).then(stand(900), along([(0, 0), (3000, 0)], 10.0))
    t, x, y, speed = fixes_of(drive, 5.0)
    assert speed is not None
    halt = np.flatnonzero((t > T0_MS + 320_000) & (t < T0_MS + 1_180_000))
    y[halt[10:14]] += 24.0  # beyond drift_m, within moved_m
    speed[halt] = 0.0
    seen = observed(fleet_of(t, x, y, speed), x, y)
    marked = label_drift(seen.fleet, seen.spans, x, y, seen.ok, RECIPE)
    drift = np.flatnonzero((marked.flags & np.uint32(Flag.DRIFT)) > 0)
    assert drift.tolist() == halt[10:14].tolist()
    again = label_drift(marked, seen.spans, x, y, seen.ok, RECIPE)
    np.testing.assert_array_equal(again.flags, marked.flags)


def test_the_mask_has_one_answer_a_fix() -> None:
    times: I8 = T0_MS + np.arange(10) * 1000
    fleet = fleet_of(times, np.zeros(10), np.zeros(10))
    assert moving_mask(fleet, np.zeros(10), np.zeros(10), np.ones(10, np.bool_), RECIPE).shape == (10,)
