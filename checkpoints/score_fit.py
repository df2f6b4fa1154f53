"""The score model learnt from a night's own captures, without labels (evidence.md section 2).

*Impostors*: enrolled persons who cannot be in the car (the caller names them for each occasion, its decoys). Only the
tail above the matcher's threshold is seen; how often it is seen and how far it reaches give the mean and the spread.
*Genuine*: the declared instructors, nearly all of whom are where they should be. A mixture of good photos, poor ones
and "absent", each with its silence, by maximum a posteriori likelihood. From one night absent and poor photos are
hardly told apart; the priors then keep both where evidence.md section 8 has them.

Nothing is drawn at random, and the order of input does not matter: one night always gives one model. Large nights are
thinned by whole persons and occasions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit, ndtri

from checkpoints.misfit import Misfit, misfit
from checkpoints.observation import Observation, declared_rows, decoy_rows, n_comparisons
from checkpoints.score_model import F8, Component, Outlier, Rows, ScoreModel, integrated, marginal

MIN_GENUINE = 50
"""Scores of declared persons, for a model that may lead to findings: a spread is then known to 1 / sqrt(100) = 10 %."""
MIN_IMPOSTOR = 1_000
"""Comparisons with decoys: below it the bound of the data would leave no capture more than a ratio of 1,000."""
LEARNT_GENUINE, LEARNT_IMPOSTOR = MIN_GENUINE // 4, MIN_IMPOSTOR // 4
"""With fewer scores, or comparisons, nothing is learnt of genuine scores, or of impostors': what is assumed stays."""
POOR = (1.0, 19.0)
"""Pseudo-counts of poor and good photos: 5 % [A, evidence.md 1.1], given up after some dozens of persons."""
ABSENT = (1.0, 249.0)
"""Pseudo-counts of absent and present declared persons: pi_S + pi_U = 0.4 % [A, evidence.md section 8]."""
LAPLACE = (1.0, 1.0)
"""Pseudo-counts of what may be as rare as one in all that was seen."""
RHO = 0.4
"""Prior share of an impostor pair's own effect in its variance [evidence.md section 8: va/ve .40/.60]."""
FITTED_PAIRS = 1_500
"""About so many pairs with a hit, and so many declared occasions, are used: spreads are then known to 2 %."""
STEPS = 240
"""Of the simplex search, at most."""


class Fitted(NamedTuple):
    """A model learnt from observations: how much of either side there was, and how well it fits them."""

    model: ScoreModel
    n_genuine: int
    n_impostor: int
    misfit: Misfit


def prior_model(matcher_threshold: float, top_k: int, score_range: tuple[float, float]) -> ScoreModel:
    """Return what to go by where nothing was learnt. It may point at something, but is not trusted for a finding.

    Taken for granted: the threshold is at a false-match rate of 1e-3 (the point where matchers are usually compared;
    z = 3.1), and genuine scores lie in the middle between it and the end of the scale.
    """
    low, high = score_range
    if not low < high or not low <= matcher_threshold < high:
        raise ValueError(f"the threshold {matcher_threshold} is not within the score range {score_range}")
    tau = (matcher_threshold - low) / (high - low)
    mean, z = tau + 0.5 * (1.0 - tau), float(-ndtri(1e-3))
    sd = (mean - tau) / z
    impostor = Component(tau - z * sd, sd * math.sqrt(RHO), sd * math.sqrt(1.0 - RHO))
    spread = (1.0 - tau) / 4
    genuine = Component(mean, spread * math.sqrt(0.6), spread * math.sqrt(0.4))
    bare = ScoreModel(
        low=low, high=high, threshold=matcher_threshold, top_k=top_k, impostor=impostor, genuine=genuine, poor=genuine,
        alike=genuine, poor_share=0.05, quality_slope=0.0, quality_ref=0.5, n_impostor=0, n_genuine=0, trusted=False,
        why="nothing was learnt yet",
    )  # fmt: skip
    return _with_structure(bare)


def fit(
    observations: Sequence[Observation],
    matcher_threshold: float,
    top_k: int,
    score_range: tuple[float, float],
) -> Fitted:
    """Return the model that the observations teach; not trusted where they are too few or do not fit it."""
    model = prior_model(matcher_threshold, top_k, score_range)
    ordered = sorted(observations, key=lambda one: one.key)
    n_genuine = sum(one.declared_shown for one in ordered)
    n_impostor = sum(n_comparisons(one) for one in ordered)
    if n_genuine >= LEARNT_GENUINE:
        model = _first_guess(model, ordered)
        if n_impostor >= LEARNT_IMPOSTOR:
            model = _fit_impostor(model, ordered)
        model = _fit_genuine(model, ordered)
    model = replace(model, n_genuine=n_genuine, n_impostor=n_impostor)
    if n_genuine < MIN_GENUINE or n_impostor < MIN_IMPOSTOR:
        why = f"{n_genuine} genuine scores and {n_impostor} comparisons; {MIN_GENUINE} and {MIN_IMPOSTOR} are needed"
        return Fitted(replace(model, trusted=False, why=why), n_genuine, n_impostor, misfit(model, ordered))
    model = replace(model, camera_shift=_camera_shifts(model, ordered))
    found = misfit(model, ordered)
    return Fitted(found.applied(replace(model, trusted=True, why="")), n_genuine, n_impostor, found)


def _with_structure(model: ScoreModel) -> ScoreModel:
    """Derive the kinds that no night shows often enough to be fitted.

    A poor photo: anything between no likeness and a good one, so that three standard deviations span from the mean
    impostor to the mean genuine pair. A look-alike: anything between the threshold and a good genuine score, one
    standard deviation each from the middle. Captures scatter around either as around a good photo.
    """
    tau, good, bad = model.unit(model.threshold), model.genuine, model.impostor
    gap = max(good.mean - bad.mean, good.sd)
    room = max(good.mean - tau, good.sd)
    return replace(
        model,
        poor=Component(good.mean - gap / 2, gap / 6, good.error_sd),
        alike=Component(good.mean - room / 2, room / 2, good.error_sd),
    )


# ---------------------------------------------------------------- genuine side
def _first_guess(model: ScoreModel, observations: Sequence[Observation]) -> ScoreModel:
    """Place the genuine side by medians of what is shown, which few absent or poor ones cannot move."""
    rows, _ = declared_rows(observations, model)
    shown = ~np.isnan(rows.x)
    x, quality = rows.x[shown], np.array(_qualities(observations))[shown]
    known = ~np.isnan(quality)
    ref = float(np.median(quality[known])) if known.any() else 0.5
    sd = max(1.4826 * float(np.median(np.abs(x - np.median(x)))), 1e-3)
    genuine = Component(float(np.median(x)), sd * math.sqrt(0.6), sd * math.sqrt(0.4))
    return _with_structure(replace(model, genuine=genuine, quality_ref=ref))


def _qualities(observations: Sequence[Observation]) -> list[float]:
    return [
        math.nan if capture.quality is None else capture.quality
        for one in observations
        if one.declared is not None
        for capture in one.kept
    ]


def _fit_genuine(model: ScoreModel, observations: Sequence[Observation]) -> ScoreModel:
    """Maximise the posterior of (mean, two spreads, slope, poor share, absent share)."""
    thin = _thinned_by_person(observations)
    rows, person = declared_rows(thin, replace(model, quality_slope=1.0))
    nobody = Outlier(np.zeros_like(rows.x), np.zeros_like(rows.x))
    absent = integrated(rows, model.impostor, np.zeros_like(rows.x), nobody)
    has_quality = bool(np.any(rows.lift != 0.0))

    def model_at(v: F8) -> ScoreModel:
        good = Component(float(v[0]), math.exp(v[1]), math.exp(v[2]))
        slope = float(v[3]) if has_quality else 0.0
        return _with_structure(replace(model, genuine=good, quality_slope=slope, poor_share=float(expit(v[4]))))

    def cost(v: F8) -> float:
        at = model_at(v)
        lift = rows.lift * at.quality_slope
        good = _either(integrated(rows, at.genuine, lift, nobody), absent, float(expit(v[5])))
        poor = _either(integrated(rows, at.poor, lift, nobody), absent, float(expit(v[5])))
        q = at.poor_share
        n = int(person[-1]) + 1
        of_persons = np.logaddexp(
            math.log1p(-q) + np.bincount(person, good, n), math.log(q) + np.bincount(person, poor, n)
        )
        sd0 = model.genuine.sd
        pull = 0.5 * ((v[1] - math.log(model.genuine.pair_sd)) ** 2 + (v[2] - math.log(model.genuine.error_sd)) ** 2)
        pull += 0.5 * (v[3] / (4 * sd0)) ** 2 - _log_beta(v[4], POOR) - _log_beta(v[5], ABSENT)
        return float(pull - of_persons.sum())

    first = model.genuine
    start = np.array([first.mean, math.log(first.pair_sd), math.log(first.error_sd), 0.0, logit(0.05), logit(0.004)])
    best = _search(cost, start, np.array([first.sd / 2, 0.3, 0.3, first.sd, 1.0, 1.0]))
    return model_at(best)


def _either(usual: F8, other: F8, share: float) -> F8:
    """Log of the mixture of two likelihoods, `share` of the second."""
    return np.logaddexp(math.log1p(-share) + usual, math.log(share) + other)


def _log_beta(logit_p: float, counts: tuple[float, float]) -> float:
    """Log density, up to a constant, of a share given by pseudo-counts of yes and no."""
    return counts[0] * float(np.log(expit(logit_p))) + counts[1] * float(np.log(expit(-logit_p)))


def _thinned_by_person(observations: Sequence[Observation]) -> list[Observation]:
    """Keep whole persons, evenly through their names, so that about `FITTED_PAIRS` occasions remain.

    Where two cameras show one other person and none the declared one, somebody else sat there: that says nothing of how
    the declared one would have been matched, and would else be taken for a poor photo.
    """
    told = [one for one in observations if one.declared is not None and one.kept and not one.taken_by_another]
    persons = sorted({str(one.declared) for one in told})
    step = max(-(-len(told) // FITTED_PAIRS), 1)
    taken = set(persons[::step])
    return sorted((one for one in told if one.declared in taken), key=lambda one: (str(one.declared), one.key))


# ---------------------------------------------------------------- impostor side
def _fit_impostor(model: ScoreModel, observations: Sequence[Observation]) -> ScoreModel:
    """Maximise the posterior of (z of the threshold, spread, share of the pair in it, share of odd captures and pairs).

    Odd is what looks like a genuine score all the same: a decoy who is really there (a misread plate, a record that
    is wrong), or a tail heavier than normal. Both shares start from one more case than was seen (Laplace's rule). That
    of captures becomes the bound of one capture: decoys show how often a capture misleads, whatever the reason.
    """
    rows, weight = _decoy_pairs(model, observations)
    tau, still = model.unit(model.threshold), np.zeros_like(rows.x)
    as_genuine = marginal(rows, model.genuine, still)
    alike = integrated(rows, model.alike, still, Outlier(still, still))
    sd0 = (model.genuine.mean - tau) / 3

    def component(v: F8) -> Component:
        sd, rho = math.exp(v[1]), float(expit(v[2]))
        return Component(tau - float(v[0]) * sd, sd * math.sqrt(rho), sd * math.sqrt(1.0 - rho))

    def cost(v: F8) -> float:
        odd = Outlier(as_genuine, np.full_like(rows.x, expit(v[3])))
        each = _either(integrated(rows, component(v), still, odd), alike, float(expit(v[4])))
        pull = 0.5 * ((v[1] - math.log(sd0)) / 0.5) ** 2 + 0.5 * (v[2] - float(logit(RHO))) ** 2
        pull -= _log_beta(v[3], LAPLACE) + _log_beta(v[4], LAPLACE)
        return float(pull - (weight * each).sum())

    start = np.array([3.0, math.log(sd0), logit(RHO), logit(1e-4), logit(1e-4)])
    best = _search(cost, start, np.array([0.5, 0.3, 0.7, 1.0, 1.0]))
    return _with_structure(replace(model, impostor=component(best), odd_share=float(expit(best[3]))))


def _decoy_pairs(model: ScoreModel, observations: Sequence[Observation]) -> tuple[Rows, F8]:
    """Pairs of decoys with a hit, weight 1, and for each number of captures one silent pair for all without one."""
    n_hits = sum(len(one.decoy_hits) for one in observations)
    thin = observations[:: max(-(-n_hits // FITTED_PAIRS), 1)]
    rows = decoy_rows(thin, model)
    n_pairs = int(rows.pair[-1]) + 1 if rows.pair.size else 0
    silent: Counter[int] = Counter()
    for one in thin:
        if one.kept:
            silent[len(one.kept)] += len(one.decoys) - len(one.decoy_hits)
    numbers = [n_pairs + i for i, n in enumerate(sorted(silent)) for _ in range(n)]
    blank = np.full(len(numbers), 0.0)
    tau = np.full(len(numbers), model.unit(model.threshold))
    more = Rows(np.array(numbers, dtype=np.int64), np.full(len(numbers), math.nan), tau, blank, blank)
    weight = np.array([1.0] * n_pairs + [float(silent[n]) for n in sorted(silent)])
    return Rows(*(np.concatenate(both) for both in zip(rows, more, strict=True))), weight


# ---------------------------------------------------------------- cameras
def _camera_shifts(model: ScoreModel, observations: Sequence[Observation]) -> Mapping[str, float]:
    """Mean genuine score of each camera against all, shrunken by how far such means differ by chance.

    The between-camera variance is that of the method of moments (DerSimonian and Laird 1986); where cameras differ no
    more than chance makes them, all shifts are 0.
    """
    by_camera: dict[str, list[float]] = {}
    for one in observations:
        for capture in one.kept:
            score = one.score_of_declared(capture)
            if score is not None:
                by_camera.setdefault(capture.camera_id, []).append(model.unit(score) - model.lift(capture.quality))
    if len(by_camera) < 3:
        return {}
    cameras = sorted(by_camera)
    n = np.array([len(by_camera[c]) for c in cameras], dtype=np.float64)
    means = np.array([math.fsum(by_camera[c]) / len(by_camera[c]) for c in cameras])
    within = model.genuine.sd**2
    centre = float((n * means).sum() / n.sum())
    spare = float((n * (means - centre) ** 2).sum()) - (len(cameras) - 1) * within
    between = max(spare / float(n.sum() - (n**2).sum() / n.sum()), 0.0)
    if between == 0.0:
        return {}
    shifts = (means - centre) * n * between / (n * between + within)
    return dict(zip(cameras, shifts.tolist(), strict=True))


def _search(cost: object, start: F8, size: F8) -> F8:
    """Nelder and Mead's simplex, until the log posterior is known to 0.01, in `STEPS` steps at most."""
    simplex = np.vstack([start, start + np.diag(size)])
    options = {"initial_simplex": simplex, "maxiter": STEPS, "xatol": 1e-3, "fatol": 1e-2}
    return np.asarray(minimize(cost, start, method="Nelder-Mead", options=options).x, dtype=np.float64)
