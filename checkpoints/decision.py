"""Which verdicts of a night become findings: so many that at most a set share of them is expected to be wrong."""

from __future__ import annotations

from collections.abc import Sequence

from checkpoints.occasion import Verdict

LEAD = 0.5
"""A lead is likelier right than wrong (evidence.md section 2, output tiers)."""
SINGLE = 0.8
"""No finding of its own below it: the mean could hide one doubtful person among many certain ones. Efron's customary
limit of a local false discovery rate is 0.2 (Large-Scale Inference, 2010, section 5.2)."""


def is_lead(verdict: Verdict) -> bool:
    """Return whether a verdict is worth a look on the spot; bars do not matter for that."""
    return verdict.posterior > LEAD


def best_of_each(verdicts: Sequence[Verdict]) -> list[int]:
    """Return the index of the likeliest person of each occasion; one seat holds one person.

    The order of input does not matter: equal posteriors go by person, and the result by occasion.
    """
    best: dict[str, int] = {}
    for i, one in enumerate(verdicts):
        other = verdicts[best.get(one.key, i)]
        if one.key not in best or (-one.posterior, one.person_id) < (-other.posterior, other.person_id):
            best[one.key] = i
    return [best[key] for key in sorted(best)]


def decide(verdicts: Sequence[Verdict], level: float) -> tuple[int, ...]:
    """Return the indices of the verdicts to accept, the surest first: the local-fdr rule of evidence.md section 2.

    The likeliest person of each occasion, if nothing bars it, sorted by the probability of being wrong (1 -
    posterior); of these the longest beginning whose mean is at most `level`. Somebody who is barred does not make room
    for the second likeliest.
    """
    open_ = [i for i in best_of_each(verdicts) if not verdicts[i].barred and verdicts[i].posterior >= SINGLE]
    open_.sort(key=lambda i: (1.0 - verdicts[i].posterior, verdicts[i].key, verdicts[i].person_id))
    taken, wrong = 0, 0.0
    for n, i in enumerate(open_, start=1):
        wrong += 1.0 - verdicts[i].posterior
        if wrong > level * n:
            break
        taken = n
    return tuple(open_[:taken])
