"""Which cases are looked at today: as many as the office can, the gravest first, and the rest stays in sight.

The order, which is total and the same whatever order the cases come in: picked by hand; severity; certainty; how often
the same subject, then the same school, was in a case of late; the oldest; the case's id. Severity and certainty are
those of the findings still to be judged, and certainty is that of the gravest among them. A finding whose confidence is
not known counts as even odds: behind every known confidence of 0.5 or more, before every smaller one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from audit.finding import Severity
from cases.case import Case
from cases.matter import CaseFinding
from cases.states import State
from trajectories.clock import LocalTime

SCHOOL = "school"
UNKNOWN_CONFIDENCE = 0.5

Repetition = Mapping[tuple[str, str], int]
"""(kind of subject, or `school`; its id) to the number of its matters in the office's window of days."""

_GRAVITY = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A case in the queue: its rank from 1, and for how many days (local dates) it has waited."""

    case: Case
    rank: int
    age_days: int


@dataclass(frozen=True, slots=True)
class Triage:
    """Today's cases and those that wait, in one order."""

    today: tuple[Ranked, ...]
    waiting: tuple[Ranked, ...]

    @property
    def not_looked_at(self) -> tuple[Ranked, ...]:
        """The waiting cases whose own day has passed."""
        return tuple(r for r in self.waiting if r.age_days > 0)


def triage(cases: Iterable[Case], capacity: int, repetition: Repetition, now_ms: int, local: LocalTime) -> Triage:
    """Return what is looked at today and what waits: every case is in one of the two, once.

    ValueError for a capacity below zero, and for two cases of one id.
    """
    if capacity < 0:
        raise ValueError(f"a capacity of {capacity} cases")
    ordered = sorted(cases, key=lambda c: _place(c, repetition))
    if len({c.case_id for c in ordered}) != len(ordered):
        raise ValueError("two cases bear one id")
    today = local.moment(now_ms).date()
    ranked = [
        Ranked(case, rank, max(0, (today - local.moment(case.opened_ms).date()).days))
        for rank, case in enumerate(ordered, 1)
    ]
    return Triage(tuple(ranked[:capacity]), tuple(ranked[capacity:]))


def repetition(cases: Iterable[Case], until: date, days: int) -> Counter[tuple[str, str]]:
    """Return how many matters each subject and each school had on the service days of the window that ends on `until`.

    Dismissed and superseded cases do not count: an error repeated is no repetition.
    """
    first = until - timedelta(days=days - 1)
    counts: Counter[tuple[str, str]] = Counter()
    for case in cases:
        if first <= case.service_date <= until and case.state not in {State.DISMISSED, State.SUPERSEDED}:
            counts[str(case.subject_kind), case.subject_id] += 1
            if case.school_id is not None:
                counts[SCHOOL, case.school_id] += 1
    return counts


def _place(case: Case, repetition: Repetition) -> tuple[object, ...]:
    to_judge = [f for f in case.unsettled if f.is_present] or list(case.present or case.findings)
    gravest = max(_GRAVITY[f.severity] for f in to_judge)
    certainty = max(_certainty(f) for f in to_judge if _GRAVITY[f.severity] == gravest)
    same_school = 0 if case.school_id is None else repetition.get((SCHOOL, case.school_id), 0)
    return (
        not case.is_picked,
        -gravest,
        (-certainty[0], not certainty[1]),
        -repetition.get((str(case.subject_kind), case.subject_id), 0),
        -same_school,
        case.opened_ms,
        case.case_id,
    )


def _certainty(finding: CaseFinding) -> tuple[float, bool]:
    known = finding.confidence is not None
    return (finding.confidence if finding.confidence is not None else UNKNOWN_CONFIDENCE, known)
