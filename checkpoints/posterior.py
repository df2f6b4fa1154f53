"""Who sat in the instructor's seat: Bayes over everybody it may have been, and over what else explains the faces.

Hypotheses of one occasion, each with its share before the faces and the likelihood of all scores (evidence.md
section 2), relative to "everybody shown is an impostor who looks like nobody":

    D    a rightful person sat there            (1 - pi_S - pi_U) / |rightful| * L_r
    S_i  an enrolled person i who may not       pi_S * g(i) * L_i * alibi_i
    U    nobody who is enrolled                 pi_U
    X_i  the faces that show i are of another coach car, in which i rightly sits
                                                eps * again^(cameras - 1) * s(i) * L_i(those) * L_r(the others)

Under each of them everybody else who was shown is an impostor, or a look-alike of the one who sat there (`Likeness`).
That is the look-alike cap: a ratio cannot exceed 1 / (rate of look-alikes) however many cameras agree. X is the
wrong-car cap; it is a hypothesis of its own rather than a factor, because a wrong car also explains why the declared
person was not seen.

`g` spreads 0.9 evenly over the occasion's colleagues, and 0.1 over everybody else enrolled. **What that costs.** In a
city of 15,000 staff one of "everybody else" has a prior of 1e-3 * 0.1 / 14,925 = 7e-9 (a colleague of 74: 1.2e-5).
Against it stands U with a look-alike, 3e-3 * 2e-6, of which the scores take about a factor of ten: nine to one at best,
so a posterior of about 0.9, which is a lead and never a finding by itself. Officers belong to no school; so callers
should count as colleagues the officers of the sites near the car (evidence.md's simulation had 15 at each school, and
found 58 % of cases). With some 100 staff in all the same prior is 1e-6: a finding is possible, if less likely.

Of one camera one capture counts, and one that shows a rightful person before others (`one_per_camera`). Faces whose
seat is not told are used only where those with a known seat do not already point at the person, and then bar a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from checkpoints.hypotheses import Scene, other_car_pairs, seat_pairs
from checkpoints.occasion import Occasion, Verdict
from checkpoints.pairs import PairTable
from checkpoints.priors import Likeness, Priors, likeness
from checkpoints.score_model import ScoreModel

_BATCH = 5_000
"""Occasions computed at once, so that memory stays flat."""


def judge(
    occasion: Occasion,
    model: ScoreModel,
    priors: Priors,
    lookalikes: Mapping[frozenset[str], float] | None = None,
) -> tuple[Verdict, ...]:
    """Return a verdict for everybody shown who may not sit there, the likeliest first; none: nobody was.

    `lookalikes`: pairs of enrolled persons with the matcher's own score; None where no such list was handed in, which
    is not the same as a list without a pair.
    """
    return judge_many((occasion,), model, priors, lookalikes)


def judge_many(
    occasions: Iterable[Occasion],
    model: ScoreModel,
    priors: Priors,
    lookalikes: Mapping[frozenset[str], float] | None = None,
    least: float = 0.0,
) -> tuple[Verdict, ...]:
    """Return the verdicts of many occasions, in their order, computed in one go; those below `least` are left out.

    Each occasion needs a key of its own.

    Occasions in which nobody was shown who may not sit there are passed over at no cost. That is exact: such a person's
    share is at most pi_S, that of "nobody enrolled" at least as large, and silence only lowers the first.
    """
    alike = likeness(lookalikes, model, priors)
    verdicts: list[Verdict] = []
    told = [one for one in occasions if _anybody_wrong(one)]
    for lo in range(0, len(told), _BATCH):
        batch = told[lo : lo + _BATCH]
        sure = _judged([_known_seats(one) for one in batch], alike, priors, least)
        loose = _judged([one for one in batch if any(not c.seat_known for c in one.captures)], alike, priors, least)
        for one in batch:
            found = _merged(sure.get(one.key, ()), loose.get(one.key, ()))
            verdicts.extend(sorted(found, key=lambda v: (-v.posterior, v.person_id)))
    return tuple(verdicts)


def _anybody_wrong(occasion: Occasion) -> bool:
    return any(person not in occasion.rightful for one in occasion.captures for person in one.scores)


def _known_seats(occasion: Occasion) -> Occasion:
    if all(one.seat_known for one in occasion.captures):
        return occasion
    return replace(occasion, captures=tuple(one for one in occasion.captures if one.seat_known))


def _merged(sure: Sequence[Verdict], loose: Sequence[Verdict]) -> list[Verdict]:
    """Take what known seats alone say where they point at a person; else what all faces say, barred."""
    kept = {one.person_id: one for one in sure}
    for one in loose:
        known = kept.get(one.person_id)
        if known is None or (known.posterior <= 0.5 < one.posterior):
            kept[one.person_id] = replace(one, barred=tuple(sorted({*one.barred, "seat-unknown"})))
    return list(kept.values())


def _judged(occasions: Sequence[Occasion], alike: Likeness, priors: Priors, least: float) -> dict[str, list[Verdict]]:
    """Two passes: the ratios of everybody shown, then wrong cars where somebody may still reach `least`."""
    first, second = PairTable(alike.model), PairTable(alike.model)
    pairs = [seat_pairs(one, first, alike, priors) for one in occasions if _anybody_wrong(one)]
    logs = first.logs()
    scenes = [Scene(one, logs, alike, priors) for one in pairs]
    hopeful = [
        (scene, person, other_car_pairs(scene.pairs, person, second, priors))
        for scene in scenes
        if any(scene.at_most(person) >= least for person in scene.pairs.wrong)
        for person in scene.pairs.wrong
    ]
    bounded, unbounded = second.logs(), second.logs(bounded=False)
    for scene, person, other in hopeful:
        scene.add_wrong_car(person, other, bounded)
    found: dict[str, list[Verdict]] = {}
    for scene, person, other in hopeful:
        verdict = scene.verdict(person, float(unbounded.genuine[other.everywhere]))
        if verdict.posterior >= least:
            found.setdefault(verdict.key, []).append(verdict)
    return found
