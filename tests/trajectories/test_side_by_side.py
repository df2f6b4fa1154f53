"""Two feeds of one car: how far apart, how late, how thin."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trajectories.drives import along, fixes_of, stand
from trajectories.side_by_side import Fixes, side_by_side

WAY = along([(0.0, 0.0), (2500.0, 0.0), (2500.0, 1800.0), (400.0, 2600.0)], 9.0)


def fixes(every_s: float, lag_s: float = 0.0, shift: tuple[float, float] = (0.0, 0.0), noise_m: float = 0.0) -> Fixes:
    t, x, y, _ = fixes_of(WAY, every_s)
    rng = np.random.default_rng(8)
    noise = rng.normal(0.0, noise_m, (2, len(t)))
    east, north = x + shift[0] + noise[0], y + shift[1] + noise[1]
    return Fixes(t + round(lag_s * 1000), east, north, np.ones(len(t), np.bool_))


@pytest.mark.parametrize("lag_s", [-120.0, -7.0, 0.0, 42.0, 150.0])
def test_the_lag_of_a_late_feed_is_found_to_the_second(lag_s: float) -> None:
    found = side_by_side(fixes(5.0), fixes(10.0, lag_s))
    assert found is not None
    assert found.lag_ms == pytest.approx(1000 * lag_s, abs=1000)
    assert found.median_m < 1.0


def test_a_shifted_feed_is_apart_by_its_shift() -> None:
    found = side_by_side(fixes(5.0), fixes(5.0, 0.0, (30.0, -40.0)))
    assert found is not None
    assert found.lag_ms == 0, "the shift is not taken for a lag"
    assert (found.median_m, found.east_m, found.north_m) == pytest.approx((50.0, 30.0, -40.0))


def test_noise_is_apart_by_the_noise() -> None:
    found = side_by_side(fixes(5.0), fixes(5.0, noise_m=4.0))
    assert found is not None
    assert found.median_m == pytest.approx(4.0 * 1.1774, rel=0.15)  # median of a Rayleigh variable
    assert found.p95_m == pytest.approx(4.0 * 2.4477, rel=0.15)
    assert abs(found.east_m) < 1.0


def test_a_thinned_feed_is_heard_less_often() -> None:
    found = side_by_side(fixes(5.0), fixes(30.0))
    assert found is not None
    assert (found.per_min, found.other_per_min) == pytest.approx((12.0, 2.0), rel=0.02)


def test_feeds_that_did_not_see_the_car_move_together_are_not_compared() -> None:
    assert side_by_side(fixes(5.0), fixes(5.0, lag_s=7200)) is None
    parked = fixes_of(stand(3600), 10.0)
    still = Fixes(parked[0], parked[1], parked[2], np.zeros(len(parked[0]), np.bool_))
    assert side_by_side(fixes(5.0), still) is None
    nothing = np.zeros(0)
    assert side_by_side(Fixes(nothing.astype(np.int64), nothing, nothing, nothing.astype(bool)), fixes(5.0)) is None
