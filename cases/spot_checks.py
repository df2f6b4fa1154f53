"""Spot checks: a random sample of the vehicle-days that nobody suspects, which shows what the rules miss.

Every unsuspected, assessable vehicle-day of a night has a known chance to be drawn. Schools are strata; within one, the
vehicles with the smallest SHA-256 of seed, date and vehicle are drawn, so anybody who knows the seed can draw again,
and the order of the input plays no part. Who knows the seed beforehand knows who will be checked: the office keeps it
until the checks are done. What is picked by hand is checked too, and kept apart: no estimate may rest on it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from cases.proportions import LEVEL, clopper_pearson_upper

WHOLE_CITY = "*"
"""The one stratum of a night with fewer checks than schools: else small schools would have no chance at all."""


@dataclass(frozen=True, slots=True)
class AuditedDay:
    """One vehicle's day after the audit: suspected (it has a finding), assessable (its tracks could be judged)."""

    vehicle_id: str
    school_id: str | None
    is_suspected: bool = False
    is_assessable: bool = True


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """A vehicle-day to be looked at. `stratum`: its school, or `WHOLE_CITY`; "" where the school is not known.

    `stratum_size` vehicle-days could be drawn there, `stratum_drawn` were; `probability` is that of being drawn, None
    where it was picked by hand.
    """

    service_date: date
    vehicle_id: str
    school_id: str | None
    stratum: str
    stratum_size: int
    stratum_drawn: int
    probability: float | None

    @property
    def is_picked(self) -> bool:
        """Whether it was picked by hand."""
        return self.probability is None


@dataclass(frozen=True, slots=True)
class Checked:
    """A spot check and what a person saw: a violation, none, or None where it was not, or could not be, decided."""

    check: SpotCheck
    has_violation: bool | None


@dataclass(frozen=True, slots=True)
class Missed:
    """The estimated share of unsuspected vehicle-days with a violation, and its one-sided 95 % upper bound.

    `n` checks decided, `n_violations` of them with one, `n_undecided` not decided. `covered` of `population`
    vehicle-days lie in strata with a decided check: the estimate speaks of these. `share` is None without any check.
    """

    share: float | None
    upper: float
    n: int
    n_violations: int
    n_undecided: int
    population: int
    covered: int


def draw(
    days: Iterable[AuditedDay], service_date: date, seed: str, total: int | None = None, per_school: int = 1
) -> tuple[SpotCheck, ...]:
    """Return the night's sample in order of school and vehicle.

    `total`: in all, shared out in proportion with `per_school` at least where the total allows (a smaller minimum where
    it does not); None: exactly `per_school` each. ValueError for a minimum below one, a total below zero, an empty seed
    and a vehicle listed twice.
    """
    listed = list(days)
    if len({d.vehicle_id for d in listed}) != len(listed):
        raise ValueError("a vehicle is listed twice")
    if not seed or per_school < 1 or (total is not None and total < 0):
        raise ValueError("a draw needs a seed, one vehicle of each school at least, and a total not below zero")
    frame = [d for d in listed if d.is_assessable and not d.is_suspected]
    strata: dict[str, list[AuditedDay]] = {}
    for day in frame:
        strata.setdefault(day.school_id or "", []).append(day)
    if total is not None and total < len(strata):
        strata = {WHOLE_CITY: frame}
    shares = allocate({name: len(held) for name, held in strata.items()}, total, per_school)
    out = []
    for name in sorted(strata):
        lots = sorted(strata[name], key=lambda d: (_lot(seed, service_date, d.vehicle_id), d.vehicle_id))
        drawn = sorted(lots[: shares[name]], key=lambda d: d.vehicle_id)
        size, n = len(lots), shares[name]
        out += [SpotCheck(service_date, d.vehicle_id, d.school_id, name, size, n, n / size) for d in drawn]
    return tuple(out)


def _lot(seed: str, service_date: date, vehicle_id: str) -> str:
    return hashlib.sha256(f"{seed}|{service_date.isoformat()}|{vehicle_id}".encode()).hexdigest()


def pick(day: AuditedDay, service_date: date) -> SpotCheck:
    """Return a vehicle-day picked by hand: it has no probability, and no estimate takes it in."""
    return SpotCheck(service_date, day.vehicle_id, day.school_id, "", 0, 0, None)


def allocate(sizes: Mapping[str, int], total: int | None, per_stratum: int = 1) -> dict[str, int]:
    """Return how many are drawn from each stratum: in proportion, by largest remainder, ties by name.

    Each gets `per_stratum` at least, or the largest smaller minimum that the total allows; none more than it has.

    >>> allocate({"S1": 80, "S2": 15, "S3": 5}, 10)
    {'S1': 8, 'S2': 1, 'S3': 1}
    >>> allocate({"S1": 80, "S2": 15, "S3": 1}, None, 2), allocate({}, 5)
    ({'S1': 2, 'S2': 2, 'S3': 1}, {})
    """
    if total is None:
        return {name: min(per_stratum, size) for name, size in sizes.items()}
    total = min(total, sum(sizes.values()))
    while sum(min(per_stratum, size) for size in sizes.values()) > total:
        per_stratum -= 1
    shares = {name: min(per_stratum, size) for name, size in sizes.items()}
    free = set(sizes)  # strata whose share in proportion is no smaller than their minimum
    while True:
        left = total - sum(shares[name] for name in sizes if name not in free)
        held = sum(sizes[name] for name in free)
        quotas = {name: Fraction(left * sizes[name], held) for name in free} if held else {}
        short = {name for name, quota in quotas.items() if quota < shares[name]}
        if not short:
            break
        free -= short
    shares.update((name, int(quota)) for name, quota in quotas.items())
    by_remainder = sorted(quotas, key=lambda name: (int(quotas[name]) - quotas[name], name))
    for name in by_remainder[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def missed_estimate(checked: Sequence[Checked], level: float = LEVEL) -> Missed:
    """Return what the random checks of some nights say of all that could have been drawn; picks are left out.

    The stratified estimator (Cochran, Sampling Techniques, 3rd ed. 1977, section 5.3): the sum over nights and strata
    of N_h / N times the share seen among the decided checks of the stratum. Its upper bound is Clopper and Pearson's at
    the effective sample size 1 / sum(W_h^2 / n_h) (Kish, Survey Sampling, 1965; Korn and Graubard, Survey Methodology
    24 (1998) 193-201): exact where every vehicle-day had the same chance, else an approximation. Checks not decided
    are taken to be like the decided ones of their stratum, so a stratum without any is not covered.
    """
    drawn = [c for c in checked if not c.check.is_picked]
    sizes = {_stratum(c): c.check.stratum_size for c in drawn}
    decided = [c for c in drawn if c.has_violation is not None]
    n_of, hits = Counter(map(_stratum, decided)), Counter(_stratum(c) for c in decided if c.has_violation)
    covered = sum(sizes[name] for name in n_of)
    weights = {name: sizes[name] / covered for name in sorted(n_of)}
    share = sum(w * hits[name] / n_of[name] for name, w in weights.items()) if weights else None
    effective = 1 / sum(w * w / n_of[name] for name, w in weights.items()) if weights else 0.0
    return Missed(
        share=share,
        upper=1.0 if share is None else clopper_pearson_upper(min(share, 1.0) * effective, effective, level),
        n=len(decided),
        n_violations=hits.total(),
        n_undecided=len(drawn) - len(decided),
        population=sum(sizes.values()),
        covered=covered,
    )


def _stratum(checked: Checked) -> tuple[date, str]:
    return checked.check.service_date, checked.check.stratum
