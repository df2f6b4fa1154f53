"""How well weights of evidence are calibrated, where it is known who was who. Pure functions over arrays.

Likelihood ratios are natural logs throughout. `weight`: how many comparisons of different persons each ratio stands
for, one where it is not given: all who were not shown at one lesson share one ratio. Two measures share the
abbreviation ECE and are never called so here: `empirical_cross_entropy` (forensics: what the ratios are worth, at each
prior) and `expected_calibration_error` (machine learning: how far stated probabilities are from frequencies).

Definitions: Brümmer and du Preez 2006 (Cllr and its split by PAV); Ramos and Gonzalez-Rodriguez 2013 (empirical
cross-entropy); Royall 1997 (P(LR >= k | different) <= 1 / k, called Turing's check in evidence.md).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

F8 = npt.NDArray[np.float64]


class Cost(NamedTuple):
    """Cllr in bits, and its parts: what the best monotone rescaling would leave, and what calibration loses."""

    total: float
    least: float
    calibration: float


class Bin(NamedTuple):
    """One line of a reliability table: how many, mean stated probability, observed share."""

    low: float
    high: float
    n: int
    stated: float
    observed: float


class Turing(NamedTuple):
    """Share of different persons whose ratio reaches k, and the most that a calibrated ratio allows: 1 / k."""

    k: float
    share: float
    allowed: float


def cllr(log_lr_same: F8, log_lr_different: F8, weight: F8 | None = None) -> float:
    """Return the cost of log-likelihood ratios in bits: 0 perfect, 1 saying nothing, more than 1 misleading.

    >>> cllr(np.zeros(3), np.zeros(5))
    1.0
    """
    same, different, weight = _both(log_lr_same, log_lr_different, weight)
    raised = _mean(np.logaddexp(0.0, different), weight)
    return float(0.5 * (np.logaddexp(0.0, -same).mean() + raised) / math.log(2))


def cost(log_lr_same: F8, log_lr_different: F8, weight: F8 | None = None) -> Cost:
    """Return Cllr with its split: Cllr = Cllr_min + Cllr_cal."""
    total = cllr(log_lr_same, log_lr_different, weight)
    least = cllr(*pav(log_lr_same, log_lr_different, weight), weight)
    return Cost(total, least, total - least)


def pav(log_lr_same: F8, log_lr_different: F8, weight: F8 | None = None) -> tuple[F8, F8]:
    """Return the ratios after the monotone rescaling that knows the truth (pool adjacent violators).

    Equal ratios stay equal. Where only one kind is left the result is infinite.
    """
    same, different, counted = _both(log_lr_same, log_lr_different, weight)
    values, place = np.unique(np.concatenate((same, different)), return_inverse=True)
    truth = np.concatenate((np.ones(same.size), np.zeros(different.size)))
    number = np.bincount(place, np.concatenate((np.ones(same.size), counted)), values.size)
    share = np.bincount(place, truth, values.size) / number
    p = np.clip(np.asarray(isotonic_regression(share, weights=number).x, dtype=np.float64), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        logs = (np.log(p) - np.log1p(-p) - math.log(same.size / float(counted.sum())))[place]
    return logs[: same.size], logs[same.size :]


def empirical_cross_entropy(
    log_lr_same: F8, log_lr_different: F8, log10_prior_odds: F8, weight: F8 | None = None
) -> F8:
    """Return, at each prior, the bits still missing after the ratios; at even odds it is Cllr.

    >>> even = np.zeros(1)
    >>> float(empirical_cross_entropy(np.ones(2), -np.ones(2), even)[0]) == cllr(np.ones(2), -np.ones(2))
    True
    """
    same, different, weight = _both(log_lr_same, log_lr_different, weight)
    out = np.empty(log10_prior_odds.size)
    for i, odds in enumerate(np.asarray(log10_prior_odds) * math.log(10)):
        p = 1.0 / (1.0 + math.exp(-odds))
        missed = np.logaddexp(0.0, -(same + odds)).mean()
        raised = _mean(np.logaddexp(0.0, different + odds), weight)
        out[i] = (p * missed + (1.0 - p) * raised) / math.log(2)
    return out


def reliability(stated: F8, true: npt.NDArray[np.bool_], edges: Sequence[float]) -> list[Bin]:
    """Return how often what was stated with about one probability was so; bins without a case are left out.

    >>> reliability(np.array([0.6, 0.7, 1.0]), np.array([True, False, True]), (0.0, 0.5, 1.0))[0][2:]
    (3, 0.7666666666666666, 0.6666666666666666)
    """
    if stated.shape != true.shape:
        raise ValueError(f"{stated.size} probabilities and {true.size} truths; there must be one for each")
    out = []
    for low, high in itertools.pairwise(edges):
        last = high == edges[-1]
        within = (stated >= low) & ((stated <= high) if last else (stated < high))
        if within.any():
            out.append(Bin(low, high, int(within.sum()), float(stated[within].mean()), float(true[within].mean())))
    return out


def expected_calibration_error(stated: F8, true: npt.NDArray[np.bool_], edges: Sequence[float]) -> float:
    """Return the mean distance of stated probabilities from frequencies over the bins, each by its number of cases."""
    bins = reliability(stated, true, edges)
    n = sum(one.n for one in bins)
    return math.fsum(one.n * abs(one.stated - one.observed) for one in bins) / n if n else 0.0


def turing_check(log_lr_different: F8, log10_k: Sequence[float], weight: F8 | None = None) -> list[Turing]:
    """Return how often ratios of different persons reach k; a calibrated ratio does so at most once in k."""
    logs = np.asarray(log_lr_different) / math.log(10)
    counted = np.ones(logs.size) if weight is None else weight
    return [Turing(10.0**k, _mean(logs >= k, counted), 10.0**-k) for k in log10_k]


def misleading(log_lr_same: F8, log_lr_different: F8, weight: F8 | None = None) -> tuple[float, float]:
    """Return the rates of misleading evidence: same persons below 1, different persons above 1.

    >>> misleading(np.array([2.0, -1.0]), np.array([-3.0, -2.0, 1.0, 0.0]))
    (0.5, 0.25)
    """
    same, different, weight = _both(log_lr_same, log_lr_different, weight)
    return float((same < 0.0).mean()), _mean(different > 0.0, weight)


def false_match_rates(
    scores_different: F8, n_comparisons: int, thresholds: Sequence[float]
) -> list[tuple[float, float]]:
    """Return the false-match rate at each threshold. `scores_different`: those shown, of so many comparisons.

    A threshold below the matcher's own gives only a lower limit, since nothing below it was shown.

    >>> false_match_rates(np.array([0.6, 0.7]), 1000, (0.5, 0.65, 0.8))
    [(0.5, 0.002), (0.65, 0.001), (0.8, 0.0)]
    """
    if n_comparisons < scores_different.size:
        raise ValueError(f"{scores_different.size} scores of only {n_comparisons} comparisons")
    return [(t, float((scores_different >= t).sum()) / n_comparisons if n_comparisons else 0.0) for t in thresholds]


class CameraScores(NamedTuple):
    """Scores of one camera: how many, median, and the spread of the middle (1.4826 MAD, a normal's sd)."""

    n: int
    median: float
    spread: float


def camera_scores(camera: Sequence[str], scores: F8) -> Mapping[str, CameraScores]:
    """Return a summary of each camera's scores, by name; of equal length, one camera a score.

    >>> camera_scores(["C2", "C1", "C2"], np.array([0.5, 0.9, 0.7]))["C2"].n
    2
    """
    values: dict[str, list[float]] = {}
    for name, score in zip(camera, scores.tolist(), strict=True):
        values.setdefault(name, []).append(score)
    out = {}
    for name in sorted(values):
        each = np.array(values[name])
        middle = float(np.median(each))
        out[name] = CameraScores(each.size, middle, 1.4826 * float(np.median(np.abs(each - middle))))
    return out


def _both(same: F8, different: F8, weight: F8 | None) -> tuple[F8, F8, F8]:
    if not same.size or not different.size:
        raise ValueError(f"both kinds are needed, found {same.size} same and {different.size} different")
    counted = np.ones(different.size) if weight is None else np.asarray(weight, dtype=np.float64)
    if counted.shape != different.shape or not bool(np.all(counted > 0.0)):
        raise ValueError(f"{different.size} ratios need as many weights above 0, found {counted.size}")
    return np.asarray(same, dtype=np.float64), np.asarray(different, dtype=np.float64), counted


def _mean(values: npt.NDArray[np.float64] | npt.NDArray[np.bool_], weight: F8) -> float:
    return float((values * weight).sum() / weight.sum())
