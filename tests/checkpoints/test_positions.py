"""Could the car have been there? Silence never contradicts; the margin is that of the time-space prism."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints.camera_passes import Steps
from checkpoints.positions import (
    ERROR_M,
    FASTEST_MPS,
    NEEDED_S,
    Whereabouts,
    check_positions,
    whereabouts,
    windows,
)
from tests.checkpoints.test_camera_passes import sites, steps

GAP_MS = 60_000


def asked(
    track: Steps, east_m: float, t_s: float, sigma_s: float = 1.0, *, trusted: bool = True
) -> tuple[float, float]:
    when = windows(np.array([round(1000 * t_s)]), np.array([0.0]), np.array([sigma_s]), np.array([trusted]))
    near, margin = check_positions(track, np.array([0]), sites((east_m, 0.0)), np.array([0]), when, GAP_MS)
    return float(near[0]), float(margin[0])


def parked(*silences: tuple[int, int]) -> Steps:
    """A car that stands at the origin for an hour, a fix every ten seconds but in the silences."""
    times = [t for t in range(0, 3601, 10) if not any(a < t < b for a, b in silences)]
    return steps((times, [(0.0, 0.0)] * len(times)))


def test_a_car_that_passes_at_that_moment_was_there() -> None:
    drive = steps((list(range(0, 100, 5)), [(100.0 * i, 0.0) for i in range(20)]))
    near, margin = asked(drive, 1000.0, 50.0)
    assert near < 1e-6
    assert whereabouts(near, margin) is Whereabouts.THERE


def test_a_parked_car_ten_kilometres_away_was_elsewhere() -> None:
    near, margin = asked(parked(), 10_000.0, 1800.0)
    assert near == pytest.approx(10_000.0)
    assert margin == pytest.approx(2 * (10_000.0 - ERROR_M) / FASTEST_MPS - 10.0)
    assert whereabouts(near, margin) is Whereabouts.ELSEWHERE


def test_within_a_silence_long_enough_to_go_and_come_back_it_may_have_been_there() -> None:
    needed_s = 2 * (10_000.0 - ERROR_M) / FASTEST_MPS
    for silence_s, answer in ((600, Whereabouts.POSSIBLE), (580, Whereabouts.ELSEWHERE)):
        start = 1800 - silence_s // 2
        near, margin = asked(parked((start, start + silence_s)), 10_000.0, 1800.0)
        assert margin == pytest.approx(needed_s - silence_s)
        assert (margin > NEEDED_S) is (answer is Whereabouts.ELSEWHERE)
        assert whereabouts(near, margin) is answer
        assert math.isnan(near), "nobody heard it then"


def test_before_its_first_and_after_its_last_fix_a_car_is_within_reach_of_what_time_allows() -> None:
    assert asked(parked(), 1000.0, 3600 + 10)[1] > 0
    assert asked(parked(), 1000.0, 3600 + 60)[1] < 0
    assert asked(parked(), 1000.0, -60)[1] < 0


def test_a_clock_that_is_not_trusted_contradicts_only_what_is_out_of_reach_for_half_an_hour() -> None:
    """The car comes by fourteen minutes later: that suffices for a clock that nobody knows."""
    times = list(range(0, 3600, 10))
    late = [(2000.0 if 2600 <= t <= 2700 else 0.0, 0.0) for t in times]
    assert whereabouts(*asked(steps((times, late)), 2000.0, 1800.0)) is Whereabouts.ELSEWHERE
    vague = asked(steps((times, late)), 2000.0, 1800.0, 30.0, trusted=False)
    assert whereabouts(*vague) is not Whereabouts.ELSEWHERE


def test_a_car_without_a_fix_is_unknown() -> None:
    near, margin = asked(steps(([], [])), 0.0, 0.0)
    assert whereabouts(near, margin) is Whereabouts.UNKNOWN


@settings(deadline=None, max_examples=300)
@given(
    seed=st.integers(0, 10**6),
    t_s=st.floats(0, 600),
    shift_m=st.floats(-20, 20),
    sigma_s=st.floats(0.5, 3.0),
)
def test_where_a_car_truly_was_it_is_never_said_not_to_have_been(
    seed: int, t_s: float, shift_m: float, sigma_s: float
) -> None:
    """A car on any way at up to 30 m/s, fixes lost at random, 10 m of error, a clock within its errors."""
    random = np.random.default_rng(seed)
    way = np.cumsum(random.uniform(-30, 30, 601))
    keep = np.sort(random.choice(601, random.integers(2, 120), replace=False))
    noise = random.normal(0, 8, len(keep)).clip(-30, 30)
    track = steps((keep.tolist(), [(float(way[t] + e), 0.0) for t, e in zip(keep, noise, strict=True)]))
    truly = float(np.interp(t_s, np.arange(601), way)) + shift_m
    late_s = t_s + float(random.uniform(-3 * sigma_s, 3 * sigma_s))
    assert whereabouts(*asked(track, truly, late_s, sigma_s)) is not Whereabouts.ELSEWHERE
