"""The measures of calibration are those of the literature."""

from __future__ import annotations

import math

import numpy as np
import pytest

from checkpoints import calibration

RNG = np.random.default_rng(5)
SAME = RNG.normal(4.5, 3.0, 20_000)
OTHER = RNG.normal(-4.5, 3.0, 20_000)
"""Log ratios of two normals with mean +-s^2/2 and variance s^2 are their own log ratios (Good 1985; van Leeuwen and
Brümmer 2013): perfectly calibrated."""
SAMPLING = 0.01
"""Bits; 20,000 of each kind."""


def test_ratios_that_are_calibrated_by_construction_lose_nothing_to_calibration() -> None:
    cost = calibration.cost(SAME, OTHER)
    assert 0.0 <= cost.calibration < SAMPLING
    assert cost.total == pytest.approx(cost.least + cost.calibration)


def test_overconfident_ratios_lose_to_calibration_and_keep_their_least_cost() -> None:
    """PAV undoes every monotone distortion: Cllr_min is the same."""
    told, doubled = calibration.cost(SAME, OTHER), calibration.cost(3 * SAME, 3 * OTHER)
    assert doubled.least == pytest.approx(told.least)
    assert doubled.calibration > 10 * told.calibration


def test_saying_nothing_costs_one_bit_and_being_wrong_more() -> None:
    """Brümmer and du Preez 2006: the reference system has Cllr = 1."""
    nothing = np.zeros(4)
    assert calibration.cllr(nothing, nothing) == 1.0
    assert calibration.cllr(-SAME, -OTHER) > 1.0


def test_cllr_by_hand() -> None:
    """LR 4 and 1 for the same, 1/3 for different: (log2(1.25) + log2(2)) / 2 and log2(4/3), halved."""
    expected = ((math.log2(1.25) + 1.0) / 2 + math.log2(4 / 3)) / 2
    assert calibration.cllr(np.log([4.0, 1.0]), np.log([1 / 3])) == pytest.approx(expected)


def test_pav_keeps_equal_ratios_equal_and_may_be_infinite() -> None:
    same, other = calibration.pav(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0]))
    assert same[2] == math.inf
    assert other[0] == -math.inf
    assert same[0] == other[1] == pytest.approx(0.0)


def test_empirical_cross_entropy_is_never_above_that_of_the_prior_alone() -> None:
    odds = np.linspace(-3, 3, 25)
    p = 1 / (1 + 10**-odds)
    prior_alone = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
    assert (calibration.empirical_cross_entropy(SAME, OTHER, odds) < prior_alone).all()
    assert (calibration.empirical_cross_entropy(-SAME, -OTHER, odds) > prior_alone).all()


def test_expected_calibration_error_by_hand() -> None:
    """Two bins: stated 0.3 and observed 0.5 of two; stated 0.9 and observed 1 of two: (2 * 0.2 + 2 * 0.1) / 4."""
    stated, true = np.array([0.2, 0.4, 0.9, 0.9]), np.array([True, False, True, True])
    assert calibration.expected_calibration_error(stated, true, (0.0, 0.5, 1.0)) == pytest.approx(0.15)


def test_calibrated_ratios_pass_turings_check_and_inflated_ones_do_not() -> None:
    assert all(one.share <= one.allowed for one in calibration.turing_check(OTHER, (1, 2, 3)))
    assert any(one.share > one.allowed for one in calibration.turing_check(3 * OTHER, (2, 3, 4)))


def test_one_kind_alone_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="found 0 same and 2 different"):
        calibration.cllr(np.array([]), np.zeros(2))


def test_a_probability_without_its_truth_is_refused() -> None:
    with pytest.raises(ValueError, match="3 probabilities and 2 truths"):
        calibration.reliability(np.zeros(3), np.zeros(2, bool), (0.0, 1.0))


def test_more_scores_than_comparisons_are_refused() -> None:
    with pytest.raises(ValueError, match="2 scores of only 1 comparisons"):
        calibration.false_match_rates(np.zeros(2), 1, (0.5,))
