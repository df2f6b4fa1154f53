"""The figures of reliability are those of the definitions, however many comparisons one ratio stands for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, entropy

from checkpoints import calibration
from checkpoints.reliability import EDGES, even_bins, limits, prior_entropy, reliability_of

RNG = np.random.default_rng(12)
SAME = RNG.normal(4.5, 3.0, 4_000)
OTHER = RNG.normal(-4.5, 3.0, 4_000)
"""Normals with mean +-s^2/2 and variance s^2 are their own log ratios: calibrated (van Leeuwen and Brümmer 2013)."""
ONES = np.ones(OTHER.size)
NUMBERS = RNG.integers(1, 6, OTHER.size)


def test_a_ratio_that_stands_for_many_counts_as_many() -> None:
    every = np.repeat(OTHER, NUMBERS)
    weight = NUMBERS.astype(float)
    odds = np.linspace(-3.0, 1.0, 9)
    assert calibration.cost(SAME, OTHER, weight) == pytest.approx(calibration.cost(SAME, every))
    told = calibration.empirical_cross_entropy(SAME, OTHER, odds, weight)
    assert told == pytest.approx(calibration.empirical_cross_entropy(SAME, every, odds))
    assert calibration.misleading(SAME, OTHER, weight) == pytest.approx(calibration.misleading(SAME, every))
    for one, other in zip(
        calibration.turing_check(OTHER, (0.5, 1.0), weight), calibration.turing_check(every, (0.5, 1.0)), strict=True
    ):
        assert one == pytest.approx(other)
    best, best_of_every = calibration.pav(SAME, OTHER, weight), calibration.pav(SAME, every)
    assert best[0] == pytest.approx(best_of_every[0])
    assert np.repeat(best[1], NUMBERS) == pytest.approx(best_of_every[1])


def test_the_record_is_the_same_with_numbers_as_with_every_ratio_by_itself() -> None:
    every = np.repeat(OTHER, NUMBERS)
    one, other = (reliability_of(SAME, x, w) for x, w in ((OTHER, NUMBERS.astype(float)), (every, np.ones(every.size))))
    assert one is not None
    assert other is not None
    assert one.n_different == other.n_different == NUMBERS.sum()
    assert one.cost == pytest.approx(other.cost)
    assert one.expected_calibration_error == pytest.approx(other.expected_calibration_error)
    assert [b[:4] for b in one.bins] == [b[:4] for b in other.bins]
    assert one.turing == other.turing


@pytest.mark.parametrize("weight", [np.zeros(4_000), np.ones(3), -ONES])
def test_numbers_that_are_none_are_refused(weight: np.ndarray) -> None:
    with pytest.raises(ValueError, match="weights above 0"):
        calibration.cllr(SAME, OTHER, weight)


def test_calibrated_ratios_are_found_calibrated() -> None:
    found = reliability_of(SAME, OTHER, ONES)
    assert found is not None
    assert found.cost.calibration < 0.01
    assert found.expected_calibration_error < 0.01
    assert not any(check.is_exceeded for check in found.turing)
    outside = [b for b in found.bins if not b.low95 <= b.stated <= b.high95]
    assert outside == []


def test_overstated_ratios_are_noticed_by_every_figure() -> None:
    found = reliability_of(3 * SAME, 3 * OTHER, ONES)
    assert found is not None
    assert found.cost.calibration > 0.05
    assert found.expected_calibration_error > 0.02
    assert [check.k for check in found.turing if check.is_exceeded][-3:] == [1e4, 1e5, 1e6]
    assert any(not b.low95 <= b.stated <= b.high95 for b in found.bins)


def test_the_bins_by_hand() -> None:
    """Ratios 4 and 1/4 for the same (0.8, 0.2), 1/4 three times for others: of 0.2 one half against one whole."""
    same, other = np.log([4.0, 0.25]), np.log([0.25])
    low, high = even_bins(same, other, np.array([3.0]), (0.0, 0.5, 1.0))
    assert (low.n_same, low.n_different, high.n_same, high.n_different) == (1, 3, 1, 0)
    assert (low.stated, high.stated) == pytest.approx((0.2, 0.8))
    assert (low.observed, high.observed) == pytest.approx((0.5 / 1.5, 1.0))
    found = reliability_of(same, other, np.array([3.0]))
    assert found is not None
    # (0.5 + 1) / 2 of all lies at 0.2 and is off by 1/3 - 0.2; 0.25 of all lies at 0.8 and is off by 0.2
    assert found.expected_calibration_error == pytest.approx(0.75 * (1 / 3 - 0.2) + 0.25 * 0.2)
    assert (found.misleading_same, found.misleading_different) == (0.5, 0.0)


def test_at_even_odds_the_number_of_others_changes_no_bin() -> None:
    one, other = (even_bins(SAME, x, np.ones(x.size), EDGES) for x in (OTHER, np.tile(OTHER, 5)))
    for b, c in zip(one, other, strict=True):
        assert (b.stated, b.observed) == pytest.approx((c.stated, c.observed))


def test_empirical_cross_entropy_at_even_odds_is_cllr_and_its_best_is_cllr_min() -> None:
    found = reliability_of(SAME, OTHER, ONES)
    assert found is not None
    even = found.log10_odds.index(0.0)
    assert found.entropy[even] == pytest.approx(found.cost.total)
    assert found.entropy_least[even] == pytest.approx(found.cost.least)
    assert found.entropy_prior[even] == pytest.approx(1.0)


def test_the_entropy_of_the_prior_is_shannons() -> None:
    odds = np.array([-4.0, -1.0, 0.5])
    p = 10**odds / (1 + 10**odds)
    assert prior_entropy(odds) == pytest.approx(entropy(np.stack([p, 1 - p]), base=2))


@pytest.mark.parametrize(("k", "n"), [(0, 12_090), (16, 12_090), (1, 40), (40, 40), (7, 19)])
def test_the_limits_of_a_share_are_those_of_the_exact_test(k: int, n: int) -> None:
    told = binomtest(k, n).proportion_ci(0.95, method="exact")
    assert limits(k, n) == pytest.approx((told.low, told.high))


def test_one_kind_alone_has_no_figures() -> None:
    nothing = np.empty(0)
    assert reliability_of(nothing, OTHER, ONES) is None
    assert reliability_of(SAME, nothing, nothing) is None


def test_a_few_above_one_in_k_are_left_to_chance_and_many_are_not() -> None:
    """3 of 1,000 where 1 is allowed happens to one in 12 by chance; 8 of 1,000 to one in 100,000."""
    from checkpoints.reliability import checks

    few, many = (np.r_[np.full(k, math.log(1500.0)), np.full(1000 - k, -9.0)] for k in (3, 8))
    assert [checks(x, np.ones(1000))[2].is_exceeded for x in (few, many)] == [False, True]
