"""Camera clocks from GPS passes. Figures beside the bounds are those of evidence.md 4.3, from its own simulation."""

from __future__ import annotations

import numpy as np
import pytest

from checkpoints.camera_passes import CameraPasses
from checkpoints.clocks import LEAST_SHARE, LEAST_VOTES, UNKNOWN_CLOCK, WINDOW_MS, find_clock, find_clocks, pass_sigma_s


def simulated(n: int, off_s: float, seed: int, sigma_s: float = 1.4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Votes of n passages: 5 % paired with a wrong pass, 30 % with a second pass of a loop (as evidence.md has it)."""
    random = np.random.default_rng(seed)
    passage, off = list(range(n)), random.normal(off_s, sigma_s, n)
    wrong = random.random(n) < 0.05
    off[wrong] = random.uniform(-900, 900, int(wrong.sum()))
    loops = np.flatnonzero(random.random(n) < 0.3)
    votes = np.concatenate([off, random.uniform(-900, 900, len(loops))])
    return np.array([*passage, *loops.tolist()], np.int64), votes, np.full(len(votes), sigma_s)


@pytest.mark.parametrize(("n", "within_s"), [(20, 1.4), (50, 1.0)])
def test_nineteen_in_twenty_clocks_are_found_about_as_exactly_as_the_simulation_of_the_reference_has_it(
    n: int, within_s: float
) -> None:
    """Evidence.md 4.3 for GPS up to 10 s: 95 % within 0.7 s from 20 passes, 0.5 s from 50; twice that is allowed."""
    wrong = []
    for seed in range(200):
        off_s = np.random.default_rng(seed).uniform(-600, 600)
        clock = find_clock(*simulated(n, off_s, seed + 1000))
        wrong.append(abs(clock.offset_s - off_s))
    assert np.quantile(wrong, 0.95) < within_s


def test_what_it_says_of_its_own_error_holds() -> None:
    """Two standard errors hold 95 in 100, up to the floor of half a second."""
    inside = []
    for seed in range(200):
        clock = find_clock(*simulated(30, 123.0, seed))
        inside.append(abs(clock.offset_s - 123.0) <= 2 * clock.sigma_s)
    assert np.mean(inside) > 0.93


def test_eight_votes_are_trusted_and_seven_are_not() -> None:
    for n, trusted in ((LEAST_VOTES, True), (LEAST_VOTES - 1, False)):
        assert find_clock(np.arange(n), np.full(n, 5.0), np.full(n, 1.4)).is_trusted is trusted


def test_votes_that_disagree_are_not_trusted() -> None:
    off = np.concatenate([np.full(5, 10.0), np.linspace(-800, 800, 5)])
    clock = find_clock(np.arange(10), off, np.full(10, 1.4))
    assert clock.agree < LEAST_SHARE
    assert not clock.is_trusted


def test_a_passage_votes_once_however_many_laps_the_car_drives() -> None:
    laps = np.zeros(40, np.int64), np.linspace(-600, 600, 40), np.full(40, 1.4)
    assert find_clock(*laps).votes == 1


def test_no_votes_say_nothing() -> None:
    clocks = find_clocks(("C1", "C2"), np.array([1]), np.array([0]), np.array([3.0]), np.array([1.4]))
    assert clocks["C1"] == UNKNOWN_CLOCK
    assert clocks["C2"].votes == 1
    assert WINDOW_MS == 15 * 60 * 1000


def test_the_order_of_the_votes_does_not_matter() -> None:
    passage, off, sigma = simulated(30, -77.0, 5)
    order = np.random.default_rng(1).permutation(len(off))
    assert find_clock(passage, off, sigma) == find_clock(passage[order], off[order], sigma[order])


def test_a_slow_car_and_a_long_step_tell_the_time_less_well() -> None:
    """By the formula of evidence.md 4.3 at 10 m/s: 1.35 s with fixes every 5 s, 11.3 s with fixes every 30 s."""
    one = np.array([1])
    passes = [
        CameraPasses(one, one, one, one, one, one * 1.0, one * float(v), one * 0.0, one * 1000 * dt)
        for v, dt in ((10, 5), (10, 30), (3, 5))
    ]
    sigma = [float(pass_sigma_s(p)[0]) for p in passes]
    assert sigma[:2] == pytest.approx([1.349, 11.33], abs=0.01)
    assert sigma[2] > 4
