"""How well weights of evidence keep what they say, in one record of figures. Pure functions over arrays.

All of it at even odds, and each kind weighing one half: so no figure depends on how many decoys there happened to be.
The two measures called ECE in the literature are told apart by their whole names, see `checkpoints/calibration.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc, betaincinv, expit

from checkpoints.calibration import Cost, cost, empirical_cross_entropy, misleading, pav, turing_check
from checkpoints.score_model import F8

EDGES = (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)
"""Of stated probabilities: finer where nearly all of them lie."""
LOG10_K = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
LOG10_ODDS = tuple(i / 4 for i in range(-16, 9))
"""From one in 10,000 to 100 to one."""
BY_CHANCE = 1e-3
"""An excess that chance makes less often than this is none of chance."""
LEVEL = 0.95


class EvenBin(NamedTuple):
    """What was stated with about one probability, at even odds: how many of each kind, the mean, how often it was so.

    `low95`, `high95`: what the observed share may be by the numbers in the bin (exact limits of both counts).
    """

    low: float
    high: float
    n_same: int
    n_different: int
    stated: float
    observed: float
    low95: float
    high95: float


class Check(NamedTuple):
    """Turing's check at one k: how many of different persons reach a ratio of k, of how many; the share and its limit.

    `is_exceeded`: so many more than one in k that chance does not explain it.
    """

    k: float
    n_reached: int
    n: int
    share: float
    allowed: float
    is_exceeded: bool


@dataclass(frozen=True, slots=True)
class Reliability:
    """All figures of one set of ratios. `entropy`: bits missing at each prior of `log10_odds`, for the ratios, for the
    best rescaling of them (PAV), and for the prior alone."""

    n_same: int
    n_different: int
    cost: Cost
    expected_calibration_error: float
    bins: tuple[EvenBin, ...]
    log10_odds: tuple[float, ...]
    entropy: tuple[float, ...]
    entropy_least: tuple[float, ...]
    entropy_prior: tuple[float, ...]
    turing: tuple[Check, ...]
    misleading_same: float
    misleading_different: float


def reliability_of(same: F8, different: F8, weight: F8) -> Reliability | None:
    """Return the figures of natural log ratios; None where one kind is missing.

    `weight`: how many comparisons each of `different` stands for.
    """
    if not same.size or not different.size:
        return None
    odds = np.array(LOG10_ODDS)
    bins = even_bins(same, different, weight, EDGES)
    missed, raised = misleading(same, different, weight)
    best = pav(same, different, weight)
    return Reliability(
        n_same=same.size,
        n_different=round(float(weight.sum())),
        cost=cost(same, different, weight),
        expected_calibration_error=calibration_error(bins, same.size, float(weight.sum())),
        bins=tuple(bins),
        log10_odds=LOG10_ODDS,
        entropy=tuple(empirical_cross_entropy(same, different, odds, weight).tolist()),
        entropy_least=tuple(empirical_cross_entropy(*best, odds, weight).tolist()),
        entropy_prior=tuple(prior_entropy(odds).tolist()),
        turing=tuple(checks(different, weight)),
        misleading_same=missed,
        misleading_different=raised,
    )


def even_bins(same: F8, different: F8, weight: F8, edges: Sequence[float]) -> list[EvenBin]:
    """Return the reliability table at even odds; bins without a case are left out.

    >>> one = np.array([0.0])  # a ratio of 1: stated 0.5, and so it is
    >>> [(b.stated, b.observed) for b in even_bins(one, one, np.array([5.0]), (0.0, 1.0))]
    [(0.5, 0.5)]
    """
    p, q, n_other = expit(same), expit(different), float(weight.sum())
    out = []
    for low, high in itertools.pairwise(edges):
        mine, theirs = (_within(x, low, high, high == edges[-1]) for x in (p, q))
        a, b = int(mine.sum()), float(weight[theirs].sum())
        u, v = a / same.size, b / n_other
        if u + v == 0.0:
            continue
        stated = (p[mine].sum() / same.size + (q[theirs] * weight[theirs]).sum() / n_other) / (u + v)
        (u0, u1), (v0, v1) = limits(a, same.size), limits(round(b), round(n_other))
        out.append(EvenBin(low, high, a, round(b), float(stated), u / (u + v), u0 / (u0 + v1), u1 / (u1 + v0)))
    return out


def calibration_error(bins: Sequence[EvenBin], n_same: int, n_different: float) -> float:
    """Return the expected calibration error at even odds: mean distance of stated and observed over the bins."""
    share = [(b.n_same / n_same + b.n_different / n_different) / 2 for b in bins]
    return sum(s * abs(b.stated - b.observed) for s, b in zip(share, bins, strict=True))


def prior_entropy(log10_odds: F8) -> F8:
    """Return the bits missing where nothing but the prior is known.

    >>> prior_entropy(np.zeros(1)).tolist()
    [1.0]
    """
    p = expit(log10_odds * np.log(10.0))
    return np.asarray(-p * np.log2(p) - (1.0 - p) * np.log2(1.0 - p), dtype=np.float64)


def checks(different: F8, weight: F8) -> list[Check]:
    """Return Turing's check at each power of ten."""
    n = round(float(weight.sum()))
    out = []
    for one in turing_check(different, LOG10_K, weight):
        reached = round(one.share * n)
        too_many = reached > 0 and float(bdtrc(reached - 1, n, one.allowed)) < BY_CHANCE
        out.append(Check(one.k, reached, n, one.share, one.allowed, too_many))
    return out


def limits(k: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact two-sided limits of a share of which k in n were seen (Clopper and Pearson 1934).

    >>> [round(x, 4) for x in limits(0, 10)], [round(x, 4) for x in limits(8, 10)]
    ([0.0, 0.3085], [0.4439, 0.9748])
    >>> limits(0, 0)
    (0.0, 1.0)
    """
    tail = (1.0 - level) / 2
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1.0 - tail))
    return low, high


def _within(x: F8, low: float, high: float, is_last: bool) -> npt.NDArray[np.bool_]:
    return np.asarray((x >= low) & ((x <= high) if is_last else (x < high)))
