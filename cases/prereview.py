"""What automatic pre-review may dismiss: small matters that the office has listed, each with the paper that says so.

Only a case that nobody has touched, and only if every finding of it is on the list. What concerns a person, a trainee
included, is never dismissed by the program. An empty list dismisses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from audit.finding import Severity
from cases.case import DISMISSED, Case, Due, Event
from cases.deciding import decide
from cases.matter import CaseFinding, SubjectKind
from cases.roles import SYSTEM
from cases.states import PRE_REVIEW, TEXT_MAX, Action, DismissReason, State

PEOPLE_RULES = frozenset({"safety-officer-instructing", "instructor-substitution"})
"""Rules that accuse a person; no entry may name them."""

_MS_PER_MIN = 60_000
_GRAVITY = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class PreReview:
    """One entry of the list: findings of a rule, up to a severity and a length, at some schools and places (None: all).

    In force from `since` to `until` (local dates, inclusive; None: open). `document` is the paper's name and number.
    """

    rule: str
    severity_at_most: Severity
    max_duration_min: float
    since: date
    document: str
    reason: DismissReason
    until: date | None = None
    schools: frozenset[str] | None = None
    zones: frozenset[str] | None = None

    def __post_init__(self) -> None:
        """Refuse an entry about persons, without a paper or length, or for a reason that needs a person's words."""
        faults = []
        if self.rule in PEOPLE_RULES:
            faults.append("findings about persons are judged by persons")
        if not self.document.strip() or len(self.document) > TEXT_MAX:
            faults.append(f"it needs the document that allows it, in at most {TEXT_MAX} characters")
        if not self.max_duration_min > 0:
            faults.append(f"a length of {self.max_duration_min} min")
        if self.until is not None and self.until < self.since:
            faults.append(f"it ends on {self.until}, before it begins on {self.since}")
        if self.reason is DismissReason.OTHER:
            faults.append("the reason other needs somebody's words")
        if faults:
            raise ValueError(f"pre-review of {self.rule}: " + "; ".join(faults))

    def covers(self, finding: CaseFinding, on_date: date) -> bool:
        """Whether the entry, on a date, allows a finding to be dismissed."""
        return (
            self.since <= on_date
            and (self.until is None or on_date <= self.until)
            and finding.rule == self.rule
            and _GRAVITY[finding.severity] <= _GRAVITY[self.severity_at_most]
            and finding.end_ms - finding.start_ms <= self.max_duration_min * _MS_PER_MIN
            and (self.schools is None or finding.school_id in self.schools)
            and (self.zones is None or finding.zone_id in self.zones)
        )


def pre_review(
    case: Case, entries: Sequence[PreReview], on_date: date, at_ms: int, due: Due | None = None
) -> Event | None:
    """Return the event that dismisses a case by the list as it stands on a date; None where a person must look.

    Its payload names the paper of each finding, and all of them once more as `document`.
    """
    if case.state is not State.NEW or case.is_picked or case.subject_kind in {SubjectKind.PERSON, SubjectKind.TRAINEE}:
        return None
    findings: dict[str, Any] = {}
    papers = set()
    for finding in case.present:
        entry = _entry_for(finding, entries, on_date)
        if entry is None or finding.rule in PEOPLE_RULES:
            return None
        findings[finding.finding_id] = {DISMISSED: str(entry.reason), "text": entry.document}
        papers.add(entry.document)
    if not findings:
        return None
    told = {"by": PRE_REVIEW, "document": "; ".join(sorted(papers)), "findings": findings}
    return decide(case, SYSTEM, Action.PRE_REVIEW, told, at_ms, due)


def _entry_for(finding: CaseFinding, entries: Iterable[PreReview], on_date: date) -> PreReview | None:
    """Return the entry that covers a finding, the first in a fixed order: the list's order decides nothing."""
    covering = [e for e in entries if e.covers(finding, on_date)]
    return min(covering, key=lambda e: (e.document, e.since, e.reason), default=None)
