"""What is believed before any face of an occasion is looked at, and how alike two enrolled persons may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from checkpoints.score_model import Component, ScoreModel

PI_S = (5e-5, 2e-3)
"""Limits of the share of lessons given by another enrolled person (evidence.md section 3, prior sensitivity)."""
PI_U = (2e-3, 3e-2)
"""Limits of the share given by nobody enrolled: never below the upper limit of the other, so that a person whom no
camera showed can never become the likeliest; 3e-3 (evidence.md section 8) within a factor of ten."""


@dataclass(frozen=True, slots=True)
class Priors:
    """Shares and rates before the faces; values and their tags from evidence.md section 8 unless said.

    `pi_s`, `pi_u`: share of lessons given by another enrolled person, by nobody enrolled. `n_enrolled`: persons on the
    matcher's list. `colleague_share`: of wrong persons so many are near (same school) [A]. `alike_near`, `alike_far`:
    rate of look-alikes among pairs of one school (relatives work together) and others [A].

    `again`: P(another face of an occasion is of the same wrong car | one is) [A, of this house]. Chance misreadings
    never agree twice (a confusable car passes the same camera at the same minute with 1e-4 to 4e-3); what repeats is a
    bent or dirty plate, a clone, two cars in convoy. One in ten is meant to be above all of that.

    `wrong_near`: share of wrong cars that are of the same school [evidence.md section 2: 0.2].
    `poor_photo`: P(a person's enrolled photo is poor), where other occasions tell (`photo_history.py`).
    """

    n_enrolled: int
    pi_s: float = 1e-3
    pi_u: float = 3e-3
    colleague_share: float = 0.9
    alike_near: float = 2e-4
    alike_far: float = 2e-6
    again: float = 0.1
    wrong_near: float = 0.2
    poor_photo: Mapping[str, float] = field(default_factory=dict)

    @property
    def substituted(self) -> float:
        """`pi_s` within its limits."""
        return min(max(self.pi_s, PI_S[0]), PI_S[1])

    @property
    def unenrolled(self) -> float:
        """`pi_u` within its limits."""
        return min(max(self.pi_u, PI_U[0]), PI_U[1])


def share_from_history(sum_of_posteriors: float, n_occasions: int) -> float:
    """Return pi_S from the posteriors summed over the previous 30 nights of a district, within its limits.

    The prior's own 1e-3 counts as one substitution in 1,000 occasions, so that a short history does not decide alone.

    >>> share_from_history(0.0, 0), share_from_history(0.0, 99_000), share_from_history(500.0, 9_000)
    (0.001, 5e-05, 0.002)
    """
    return min(max((sum_of_posteriors + 1.0) / (n_occasions + 1_000), PI_S[0]), PI_S[1])


@dataclass(frozen=True, slots=True)
class Likeness:
    """How likely one enrolled person is another's look-alike, given what the gallery's search against itself showed.

    Without a list (`listed` is None) that is the prior rate. With one, three things change. The list shows how frequent
    look-alikes are here. A listed pair is a look-alike with the probability that its score says. An unlisted pair was
    compared, too, and stayed below the threshold: if it is alike all the same, it is so little alike that captures stay
    low as well, or the photo of the person in the seat is poor. That is one more silent comparison in the likelihood
    of a look-alike (`ScoreModel.log_ratios` returns it as `unlisted`), worth a factor of 10 to 20 for persons whose
    scores are as high as genuine ones: what is left is about the share of poor photos.
    """

    listed: Mapping[frozenset[str], float] | None
    near: float
    far: float
    model: ScoreModel

    def rate(self, near: bool) -> float:
        """Prior rate of look-alikes."""
        return self.near if near else self.far

    def score(self, a: str, b: str) -> float | None:
        """Return the listed score of a pair, None where it is not listed."""
        return None if self.listed is None else self.listed.get(frozenset((a, b)))

    def alike(self, a: str, b: str) -> bool:
        """Return whether a pair is listed at or above the threshold: then no face alone tells one from the other."""
        score = self.score(a, b)
        return score is not None and score >= self.model.threshold

    def p_alike(self, score: float, near: bool) -> float:
        """Return P(look-alikes | their listed score), by Bayes with the rate as prior."""
        x, rate = self.model.unit(score), self.rate(near)
        yes = rate * _normal(x, self.model.alike)
        no = (1.0 - rate) * _normal(x, self.model.impostor)
        return 1.0 if x >= self.model.genuine.mean or yes + no == 0.0 else yes / (yes + no)


def likeness(lookalikes: Mapping[frozenset[str], float] | None, model: ScoreModel, priors: Priors) -> Likeness:
    """Return how alike persons may be. Listed pairs as alike as two pictures of one person raise the prior rates.

    As alike: no lower than two standard deviations under the mean genuine score. Which pairs are of one school is not
    known here; so many pairs of all are a lower limit of either rate.
    """
    n_pairs = max(priors.n_enrolled * (priors.n_enrolled - 1) // 2, 1)
    level = model.genuine.mean - 2.0 * model.genuine.sd
    n_strong = sum(model.unit(score) >= level for score in (lookalikes or {}).values())
    seen = min(n_strong / n_pairs, 0.5)
    return Likeness(lookalikes, max(priors.alike_near, seen), max(priors.alike_far, seen), model)


def _normal(x: float, kind: Component) -> float:
    return math.exp(-0.5 * ((x - kind.mean) / kind.sd) ** 2) / kind.sd
