"""Weights of evidence on the scores of two real matchers, learnt on one half of the persons and judged on the other.

NIST BSSR1, face matcher C: 517 persons, each probe against each enrolled image: the only true 1:N set. ArcFace on LFW:
pairs. `pytest tests/real/test_face_scores.py -s` prints the figures. Truth is known here and used for judging only.
"""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from checkpoints import calibration
from checkpoints.misfit import misfit
from checkpoints.observation import Observation
from checkpoints.occasion import Capture, Occasion
from checkpoints.pairs import PairTable, prepared
from checkpoints.posterior import judge
from checkpoints.priors import Priors
from checkpoints.score_fit import Fitted, fit
from checkpoints.score_model import ScoreModel
from tests.real.bundles import figure

LIST = 10**6
"""No end of the list of names: all at or above the threshold are shown, as the sets have them."""
CALIBRATION_BITS = 0.05
"""Allowed loss to calibration. Scorecard 37 allows 0.02 where the model draws the scores itself; a learnt one has some
260 genuine scores to learn from, and a spread known to 5 %."""
EDGES = (0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Half:
    """What a model may learn from, and the scores of which it is known whether they are of one person."""

    observations: list[Observation]
    same: np.ndarray
    different: np.ndarray


@dataclass(frozen=True)
class Matcher:
    """A matcher's scores, where it would report from, and its scale."""

    name: str
    learn: Half
    judge: Half
    threshold: float
    scale: tuple[float, float]


def bssr1(folder: Path) -> Matcher:
    """Persons by turns; a lesson is a probe, its declared person the enrolled one, the others decoys."""
    scores = np.load(folder / "scores" / "bssr1_set1_faceC.npz")["scores"].astype(np.float64)
    valid = np.flatnonzero((scores >= 0).mean(axis=1) > 0.5)
    threshold = 0.64  # some 1.5 in 1,000 of different persons reach it

    def half(start: int) -> Half:
        who = valid[start::2]
        names = [f"P{i}" for i in who]
        part = scores[np.ix_(who, who)]
        told = []
        for i, row in enumerate(part):
            shown = {names[k]: float(row[k]) for k in np.flatnonzero(row >= threshold)}
            told.append(Observation(names[i], names[i], (Capture("C", 0, None, shown),), frozenset(names) - {names[i]}))
        off = ~np.eye(who.size, dtype=bool) & (part >= 0)
        return Half(told, np.diag(part)[np.diag(part) >= 0], part[off])

    return Matcher("BSSR1 face C", half(0), half(1), threshold, (0.0, 1.0))


def arcface(folder: Path) -> Matcher:
    """A lesson is one pair of the same person and one of different ones, before one camera."""
    with gzip.open(folder / "scores" / "arcface_lfw_112_b.csv.gz", "rt") as file:
        table = np.genfromtxt(file, delimiter=",", skip_header=1)
    same, different = (np.sort(table[table[:, 0] == label, 1]) for label in (1, 0))
    threshold = 0.15  # some 2 in 100 of different persons reach it: with 2,767 pairs no rarer tail is to be seen

    def half(start: int) -> Half:
        g, o = same[start::2], different[start::2]
        rng = np.random.default_rng(start)
        g, o = rng.permutation(g), rng.permutation(o)
        told = []
        for i in range(min(g.size, o.size)):
            shown = {p: float(s) for p, s in (("G", g[i]), ("D", o[i])) if s >= threshold}
            told.append(Observation(f"{i:05d}", "G", (Capture("C", 0, None, shown),), frozenset(("D",))))
        return Half(told, g, o)

    return Matcher("ArcFace on LFW", half(0), half(1), threshold, (-1.0, 1.0))


@pytest.fixture(scope="module")
def matchers(real_data: Path) -> dict[str, tuple[Matcher, Fitted]]:
    """Both matchers with what is learnt from the first half of each."""
    found = {}
    for one in (bssr1(real_data), arcface(real_data)):
        found[one.name] = one, fit(one.learn.observations, one.threshold, LIST, one.scale)
    return found


def log_ratios(model: ScoreModel, scores: np.ndarray) -> np.ndarray:
    """The log ratio of one capture for each score, silent below the threshold."""
    table = PairTable(model)
    for score in scores.tolist():
        shown = {"P": score} if score >= model.threshold else {}
        table.add(prepared([Capture("C", 0, None, shown)], model), "P", declared=False, poor=model.poor_share)
    return table.logs().genuine


@pytest.mark.parametrize("name", ["BSSR1 face C", "ArcFace on LFW"])
def test_ratios_learnt_without_labels_are_calibrated_on_the_other_half(
    matchers: dict[str, tuple[Matcher, Fitted]], name: str
) -> None:
    matcher, fitted = matchers[name]
    same, different = (log_ratios(fitted.model, s) for s in (matcher.judge.same, matcher.judge.different))
    cost = calibration.cost(same, different)
    odds = np.array([-4.0, -2.0, 0.0])
    missing = calibration.empirical_cross_entropy(same, different, odds)
    p = 1.0 / (1.0 + np.exp(-np.concatenate((same, different)) - math.log(same.size / different.size)))
    true = np.concatenate((np.ones(same.size, bool), np.zeros(different.size, bool)))
    weight = calibration.expected_calibration_error(p, true, EDGES)
    turing = calibration.turing_check(different, (1.0, 2.0, 3.0, 4.0))
    lost = calibration.misleading(same, different)
    figure(f"\n{name}: {fitted.n_genuine} genuine, {fitted.n_impostor} comparisons; trusted {fitted.model.trusted}")
    figure(f"  impostor {fitted.model.impostor}, genuine {fitted.model.genuine}, poor {fitted.model.poor_share:.3f}")
    figure(f"  Cllr {cost.total:.4f} = least {cost.least:.4f} + calibration {cost.calibration:.4f}")
    figure(
        f"  empirical cross-entropy at log10 odds {odds}: {missing.round(5)}; expected calibration error {weight:.4f}"
    )
    figure(f"  misleading: same {lost[0]:.4f}, different {lost[1]:.5f}")
    for one in turing:
        figure(f"  P(LR >= {one.k:.0f} | different) {one.share:.2e}, allowed {one.allowed:.0e}")
    assert fitted.model.trusted
    assert cost.calibration < CALIBRATION_BITS
    assert weight < 0.02  # scorecard 37
    assert missing[2] == pytest.approx(cost.total)
    for one in turing:  # within what so few pairs can tell: two standard deviations of a count
        assert one.share <= one.allowed + 2 * math.sqrt(one.allowed / different.size)


@pytest.mark.parametrize(("used", "on"), [("BSSR1 face C", "ArcFace on LFW"), ("ArcFace on LFW", "BSSR1 face C")])
def test_a_model_of_one_matcher_used_on_another_is_noticed_and_finds_nothing(
    matchers: dict[str, tuple[Matcher, Fitted]], used: str, on: str
) -> None:
    """Both brought to 0..1, so that nothing but the scores themselves gives the swap away."""
    (mine, fitted), (other, _) = matchers[used], matchers[on]
    low, high = other.scale
    to = mine.scale

    def moved(score: float) -> float:
        return to[0] + (score - low) / (high - low) * (to[1] - to[0])

    swapped = [
        Observation(
            one.key,
            one.declared,
            tuple(Capture("C", 0, None, {p: moved(s) for p, s in c.scores.items()}) for c in one.captures),
            one.decoys,
        )
        for one in other.judge.observations
    ]
    found = misfit(fitted.model, swapped)
    figure(f"\n{used} used on {on}: {'; '.join(found.reasons)}")
    assert found.reasons
    faces = tuple(Capture(f"C{i}", i, None, {"P": moved(float(np.median(other.judge.same)))}) for i in range(4))
    case = Occasion("K", "D", frozenset("D"), frozenset("DP"), faces, {})
    assert judge(case, found.applied(fitted.model), Priors(1_000))[0].barred == ("model-misfit",)


@pytest.mark.parametrize("name", ["BSSR1 face C", "ArcFace on LFW"])
def test_the_other_half_of_the_same_matcher_fits(matchers: dict[str, tuple[Matcher, Fitted]], name: str) -> None:
    matcher, fitted = matchers[name]
    assert misfit(fitted.model, matcher.judge.observations).reasons == ()
