"""The hypotheses of one occasion with their weights; `posterior.py` says what they are and why."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from checkpoints.occasion import Alibi, Occasion, Verdict, one_per_camera
from checkpoints.pairs import PairTable, Prepared, prepared
from checkpoints.priors import Likeness, Priors
from checkpoints.score_model import PairLogs

MIN_CAMERAS = 2
"""Distinct cameras that showed a person, for a finding (evidence.md section 8)."""
CONTRADICTS = 0.1
"""A record ten times likelier if the person was not here (more than weak support, ENFSI's scale) bars a finding."""
EXPLAINED = math.log(0.01)
"""Who looks like the candidate explains the faces, unless more than moderate support (ENFSI) says otherwise."""
BINDS = math.log(2)
"""A cap is named where it at least halves the ratio."""
SURE = 1e-6
"""Least probability of a record: that one in a million is wrong is always possible (Cromwell's rule)."""
OWN_CAR = "own-car"
_NO_ALIBI = Alibi("none", 1.0, 1.0)
_LN10 = math.log(10)


@dataclass(frozen=True, slots=True)
class SeatPairs:
    """An occasion with the numbers of its pairs: those shown who may not sit there, those who may, and of `nobody`,
    who stands for each enrolled person whom no camera showed.
    """

    occasion: Occasion
    captures: tuple[Prepared, ...]
    wrong: dict[str, int]
    rightful: dict[str, int]
    nobody: int


class OtherCar(NamedTuple):
    """Pairs for the wrong-car hypothesis of one person: over all captures, over those that show the person, and of each
    rightful person over the rest. `n` captures show the person.
    """

    everywhere: int
    shown: int
    rest: tuple[int, ...]
    n: int


def seat_pairs(occasion: Occasion, table: PairTable, alike: Likeness, priors: Priors) -> SeatPairs:
    """Put everybody who matters for an occasion on the table, in the order of their names."""
    captures = prepared(one_per_camera(occasion.captures, occasion.rightful), alike.model)
    shown = {person for one in captures for person in one.capture.scores}
    wrong = sorted(shown - occasion.rightful)
    rightful = {
        person
        for person in occasion.rightful
        if person in shown or person == occasion.declared or any(alike.score(person, i) is not None for i in wrong)
    }

    def pair(person: str | None) -> int:
        poor = alike.model.poor_share if person is None else priors.poor_photo.get(person, alike.model.poor_share)
        declared = person is not None and person == occasion.declared
        return table.add(captures, person, declared=declared, poor=poor)

    return SeatPairs(
        occasion, captures, {p: pair(p) for p in wrong}, {p: pair(p) for p in sorted(rightful)}, pair(None)
    )


def other_car_pairs(pairs: SeatPairs, person: str, table: PairTable, priors: Priors) -> OtherCar:
    """Put the pairs of one person's wrong-car hypothesis on a table."""
    default = table.model.poor_share
    poor = priors.poor_photo.get(person, default)
    with_ = [one for one in pairs.captures if person in one.capture.scores]
    rest = [one for one in pairs.captures if person not in one.capture.scores]
    return OtherCar(
        table.add(pairs.captures, person, declared=False, poor=poor),
        table.add(with_, person, declared=False, poor=poor),
        tuple(
            table.add(rest, who, declared=who == pairs.occasion.declared, poor=priors.poor_photo.get(who, default))
            for who in pairs.rightful
            if rest
        ),
        len(with_),
    )


class Scene:
    """The weights of all hypotheses of one occasion, as natural logs."""

    def __init__(self, pairs: SeatPairs, logs: PairLogs, alike: Likeness, priors: Priors) -> None:
        self.pairs = pairs
        self._alike, self._priors = alike, priors
        self._shown = {**pairs.wrong, **pairs.rightful}
        self._lr = {person: float(logs.genuine[i]) for person, i in self._shown.items()}
        self._as_alike = {person: (float(logs.alike[i]), float(logs.unlisted[i])) for person, i in self._shown.items()}
        self._silent = float(logs.genuine[pairs.nobody])
        self._n_near = max(len(pairs.occasion.colleagues - pairs.occasion.rightful), 1)
        near_or_rightful = len(pairs.occasion.colleagues | pairs.occasion.rightful)
        self._n_far = max(priors.n_enrolled - near_or_rightful, 1)
        self._rightful = self._log_rightful()
        self._by_person = {person: self._log_person(person) for person in pairs.wrong}
        self._others = _log_sum((self._rightful, self._log_nobody(), self._log_unseen()))
        self._wrong_car: dict[str, float] = {}

    def at_most(self, person: str) -> float:
        """Return the posterior of a person as far as wrong cars are left aside; with them it can only be lower."""
        return math.exp(self._by_person[person] - _log_sum((self._others, *self._by_person.values())))

    def add_wrong_car(self, person: str, other: OtherCar, logs: PairLogs) -> None:
        """Weigh that the faces which show a person are of another coach car, in which he or she rightly sits."""
        rest = max((float(logs.genuine[i]) for i in other.rest), default=0.0)
        self._wrong_car[person] = self._log_p_wrong_car(person, other.n) + float(logs.genuine[other.shown]) + rest

    def verdict(self, person: str, log_uncapped: float) -> Verdict:
        """Return what the faces say of one person, once the wrong cars are weighed."""
        total = _log_sum((self._others, *self._by_person.values(), *self._wrong_car.values()))
        alibi = self._alibi(person)
        log_lr, cap = self._capped(person, log_uncapped)
        return Verdict(
            key=self.pairs.occasion.key,
            person_id=person,
            posterior=math.exp(self._by_person[person] - total),
            n_cameras=sum(person in one.capture.scores for one in self.pairs.captures),
            log10_lr=log_lr / _LN10,
            log10_lr_uncapped=log_uncapped / _LN10,
            log10_declared=self._log_presence() / _LN10,
            log10_alibi=_log_record(alibi) / _LN10,
            cap=cap,
            barred=self._bars(person, alibi),
        )

    # ---------------------------------------------------------------- hypotheses
    def _log_rightful(self) -> float:
        """D: one of those who may sit there, each as likely before the faces."""
        n = len(self.pairs.occasion.rightful)
        if not n:
            return -math.inf
        here = math.log((1.0 - self._priors.substituted - self._priors.unenrolled) / n)
        terms = [here + self._lr[who] + self._log_others_shown(who) for who in self.pairs.rightful]
        unseen = n - len(terms)
        if unseen:
            terms.append(here + math.log(unseen) + self._silent + self._log_others_shown(None))
        return _log_sum(terms)

    def _log_person(self, person: str) -> float:
        """S_i: an enrolled person who may not."""
        p = self._priors.substituted
        share = self._priors.colleague_share
        near = person in self.pairs.occasion.colleagues
        spread = share / self._n_near if near else (1.0 - share) / self._n_far
        record = _log_record(self._alibi(person))
        return math.log(p * spread) + self._lr[person] + self._log_others_shown(person) + record

    def _log_nobody(self) -> float:
        """U: nobody enrolled. The list cannot know that person, and its pairs (relatives who work together, one person
        enrolled twice) say nothing of strangers: the rates are those before any list.
        """
        near, far = self._priors.alike_near, self._priors.alike_far
        others = sum(_log_mix(near if self._near(i) else far, self._as_alike[i][0]) for i in self._shown)
        return math.log(self._priors.unenrolled) + others

    def _log_unseen(self) -> float:
        """S_i of all whom no camera showed, together; their share is at most all of pi_S."""
        return math.log(self._priors.substituted) + self._silent + self._log_others_shown(None)

    def _log_others_shown(self, seated: str | None) -> float:
        """All others shown, if `seated` sat there: impostors, or look-alikes of that person."""
        return sum(self._log_as_other(person, seated) for person in self._shown if person != seated)

    def _log_as_other(self, person: str, seated: str | None) -> float:
        """One person shown, if `seated` (None: somebody whom no camera showed) sat there."""
        alike, unlisted = self._as_alike[person]
        if self._alike.listed is None:
            return _log_mix(self._rate(person), alike)
        score = None if seated is None else self._alike.score(person, seated)
        if score is None:
            return _log_mix(self._rate(person), unlisted)
        return _log_mix(self._alike.p_alike(score, self._near(person)), alike)

    def _rate(self, person: str) -> float:
        return self._alike.rate(self._near(person))

    def _near(self, person: str) -> bool:
        return person in self.pairs.occasion.colleagues or person in self.pairs.occasion.rightful

    # ---------------------------------------------------------------- caps and bars
    def _log_p_wrong_car(self, person: str, n: int) -> float:
        """P(the n faces that show a person are of another car, that person's): evidence.md section 2, wrong-car cap."""
        near = person in self.pairs.occasion.colleagues
        share = self._priors.wrong_near / self._n_near if near else (1.0 - self._priors.wrong_near) / self._n_far
        p = self.pairs.occasion.wrong_car * self._priors.again ** max(n - 1, 0) * share
        return math.log(p) if p > 0.0 else -math.inf

    def _capped(self, person: str, log_uncapped: float) -> tuple[float, str]:
        """The log ratio under all caps, and the outermost that bound: what an inner one took would have gone anyway."""
        n = sum(person in one.capture.scores for one in self.pairs.captures)
        seen = self._lr[person]
        seats = (self.pairs.occasion.declared, *self.pairs.rightful)
        as_other = max(self._log_as_other(person, who) for who in seats)
        alone = seen - as_other
        wrong = self._log_p_wrong_car(person, n)
        capped = -_log_sum((-alone, wrong))
        if alone - capped > BINDS:
            return capped, "wrong-car"
        if as_other > BINDS:
            return capped, "look-alike"
        return capped, "data" if log_uncapped - seen > BINDS else "none"

    def _log_presence(self) -> float:
        """The scores' log ratio of "a rightful person is there": of the declared one, else the mean over all."""
        occasion = self.pairs.occasion
        if occasion.declared is not None and occasion.declared in self.pairs.rightful:
            return self._lr[occasion.declared]
        n = len(occasion.rightful)
        if not n:
            return 0.0
        unseen = n - len(self.pairs.rightful)
        terms = [self._lr[who] for who in self.pairs.rightful]
        return _log_sum((*terms, *([math.log(unseen) + self._silent] if unseen else []))) - math.log(n)

    def _alibi(self, person: str) -> Alibi:
        return self.pairs.occasion.alibis.get(person, _NO_ALIBI)

    def _bars(self, person: str, alibi: Alibi) -> tuple[str, ...]:
        cameras = sum(person in one.capture.scores for one in self.pairs.captures)
        return tuple(
            name
            for name, holds in (
                ("alibi", alibi.p_if_here < CONTRADICTS * alibi.p_if_not),
                ("look-alike-of-declared", self._explained(person)),
                ("model-misfit", not self._alike.model.trusted),
                ("one-camera", cameras < MIN_CAMERAS),
                (OWN_CAR, alibi.kind == OWN_CAR),
            )
            if holds
        )

    def _explained(self, person: str) -> bool:
        """Whether somebody rightful looks like the person, and may be the one whom the cameras saw."""
        shown = {who for one in self.pairs.captures for who in one.capture.scores}
        return any(
            self._alike.alike(person, who) and (who in shown or self._lr[who] > EXPLAINED)
            for who in self.pairs.rightful
        )


def _log_record(alibi: Alibi) -> float:
    """Log of P(record | here) / P(record | not here); no record is certain either way."""
    return math.log(max(alibi.p_if_here, SURE)) - math.log(max(alibi.p_if_not, SURE))


def _log_mix(rate: float, log_lr: float) -> float:
    """Log of (1 - rate) + rate * LR."""
    if rate >= 1.0:
        return log_lr
    high, low = math.log(rate) + log_lr, math.log1p(-rate)
    return max(high, low) + math.log1p(math.exp(-abs(high - low)))


def _log_sum(terms: Iterable[float]) -> float:
    """Log of the sum of exponentials; of nothing, minus infinity."""
    logs = [one for one in terms if one > -math.inf]
    if not logs:
        return -math.inf
    top = max(logs)
    return top + math.log(sum(math.exp(one - top) for one in logs))
