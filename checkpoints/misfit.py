"""Whether a score model still fits the scores it is used on: another matcher, a new version, a camera gone blind.

Four things are held against the model: the shape of genuine scores that were shown, how often the declared person is
not shown, the shape of impostors' scores that were shown, how many impostors are shown.

How far off is too far: a drift of 0.3 standard deviations, the alarm of evidence.md section 2 (learning, point 3). Two
normal curves so far apart differ by 2 Phi(0.15) - 1 = 0.12 at most in their distribution functions; to that comes what
chance does to so many pairs (1.63 / sqrt(n), the 99 % point of Kolmogorov's distribution). Without such a tolerance a
large city would reject every model, and any model would pass in a small one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from checkpoints.observation import Observation, declared_rows, decoy_scores, n_comparisons
from checkpoints.score_model import F8, SATURATED, Component, Rows, ScoreModel

DRIFT_SD = 0.3
"""Evidence.md section 2: alarm on a shift above it."""
DISTANCE = 0.1192
"""Largest distance of two normal distribution functions 0.3 standard deviations apart: 2 Phi(0.15) - 1."""
CHANCE = 1.63
"""99 % point of Kolmogorov's distribution, over sqrt(n)."""
GENUINE_SHAPE = "genuine scores have another shape"
GENUINE_SHOWN = "declared persons are shown more or less often"
IMPOSTOR_SHAPE = "impostors' scores have another shape"
IMPOSTOR_SHOWN = "impostors are shown more or less often"
TWICE = 2.0
"""Variance of a count against Poisson's: hits of one pair come in twos."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """How far the scores are from the model, beside what is allowed; `reasons` names what is too far off, none if fit.

    Distances are Kolmogorov's, of the shown scores. `silent`: share of captures that did not show the declared
    person, less the model's. `shown_ratio`: decoys shown, over the model's number.
    """

    genuine_distance: float
    genuine_allowed: float
    silent_excess: float
    silent_allowed: float
    impostor_distance: float
    impostor_allowed: float
    shown_ratio: float
    ratio_allowed: tuple[float, float]
    reasons: tuple[str, ...]

    def applied(self, model: ScoreModel) -> ScoreModel:
        """Return the model, no longer trusted if it does not fit; a model that was not trusted before stays so."""
        return replace(model, trusted=False, why="; ".join(self.reasons)) if self.reasons else model


def misfit(model: ScoreModel, observations: Sequence[Observation]) -> Misfit:
    """Hold observations against a model."""
    genuine, genuine_allowed, silent, silent_allowed = _genuine(model, observations)
    impostor, impostor_allowed, ratio, ratio_allowed = _impostor(model, observations)
    reasons = [
        name
        for name, bad in (
            (GENUINE_SHAPE, genuine > genuine_allowed),
            (GENUINE_SHOWN, abs(silent) > silent_allowed),
            (IMPOSTOR_SHAPE, impostor > impostor_allowed),
            (IMPOSTOR_SHOWN, not ratio_allowed[0] <= ratio <= ratio_allowed[1]),
        )
        if bad
    ]
    return Misfit(
        genuine, genuine_allowed, silent, silent_allowed, impostor, impostor_allowed, ratio, ratio_allowed,
        tuple(reasons),
    )  # fmt: skip


def _genuine(model: ScoreModel, observations: Sequence[Observation]) -> tuple[float, float, float, float]:
    """Distance and silence of the declared persons, each with what is allowed."""
    rows, _ = declared_rows(observations, model)
    if not rows.x.size:
        return 0.0, 1.0, 0.0, 1.0
    shown = ~np.isnan(rows.x)
    hidden = _genuine_below(model, rows, rows.limit)
    excess = float((~shown).mean() - hidden.mean())
    if bool(np.any(rows.x < rows.limit)):  # 1:1 scores are told however low they are: nothing is hidden
        hidden, excess = np.zeros_like(hidden), 0.0
    below = _genuine_below(model, rows, np.where(shown, rows.x, 0.0))
    u = _shown_ranks(below[shown], hidden[shown], rows.x[shown], _genuine_below(model, rows, SATURATED)[shown])
    n = int(np.unique(rows.pair[shown]).size)
    by_chance = CHANCE / math.sqrt(int(rows.pair[-1]) + 1)
    return _distance(u), DISTANCE + CHANCE / math.sqrt(max(n, 1)), excess, DISTANCE + by_chance


def _genuine_below(model: ScoreModel, rows: Rows, x: F8 | float) -> F8:
    q = model.poor_share
    return (1.0 - q) * model.genuine.below(x, rows.lift) + q * model.poor.below(x, rows.lift)


def _impostor(
    model: ScoreModel, observations: Sequence[Observation]
) -> tuple[float, float, float, tuple[float, float]]:
    """Distance and number of decoys shown, below the level of genuine scores: above it may be persons really there."""
    top = model.genuine.mean - 2.0 * model.genuine.sd
    tau = model.unit(model.threshold)
    top = top if top > tau + model.impostor.sd / 2 else math.inf
    x, limit, pair = decoy_scores(observations, model)
    under = x < top
    ends, start = model.impostor.below(top), model.impostor.below(limit[under])
    u = np.clip((model.impostor.below(x[under]) - start) / np.maximum(ends - start, 1e-300), 0.0, 1.0)
    # The last name of a full list is its own limit: it says where the others begin, and nothing of the shape.
    u = u[((x > limit) | (limit <= tau))[under]]
    n = int(np.unique(pair[under]).size)
    expected = sum(n_comparisons(one) for one in observations) * _tail(model.impostor, tau, top, 0.0)
    ratio = float(under.sum()) / expected if expected > 0.0 else 1.0
    chance = 3.0 * math.sqrt(TWICE * expected) / expected if expected > 0.0 else math.inf
    low, high = (
        _tail(model.impostor, tau, top, d) / max(_tail(model.impostor, tau, top, 0.0), 1e-300)
        for d in (-DRIFT_SD, DRIFT_SD)
    )
    return _distance(u), DISTANCE + CHANCE / math.sqrt(max(n, 1)), ratio, (low - chance, high + chance)


def _tail(kind: Component, tau: float, top: float, drift_sd: float) -> float:
    """P(an impostor's score between the threshold and `top`), the mean moved by so many standard deviations."""
    drift = drift_sd * kind.sd
    return float(kind.below(top - drift) - kind.below(tau - drift))


def _shown_ranks(below: F8, hidden: F8, x: F8, at_end: F8) -> F8:
    """P(score below | shown) of each; those at the end of the scale are spread evenly over what is left there."""
    u = (below - hidden) / np.maximum(1.0 - hidden, 1e-12)
    full = np.flatnonzero(x >= SATURATED)
    start = (at_end[full] - hidden[full]) / np.maximum(1.0 - hidden[full], 1e-12)
    u[full] = start + (1.0 - start) * (np.arange(full.size) + 0.5) / max(full.size, 1)
    return np.clip(u, 0.0, 1.0)


def _distance(u: F8) -> float:
    """Kolmogorov's distance of values from the uniform distribution on 0..1; 0 without any."""
    if not u.size:
        return 0.0
    ordered = np.sort(u)
    steps = np.arange(1, u.size + 1) / u.size
    return float(max(np.max(steps - ordered), np.max(ordered - steps + 1.0 / u.size)))
