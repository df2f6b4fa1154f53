"""Two runs of one service day held against each other: which findings came, went or changed, and why.

What changed is what a finding says; why it changed is what it rests on. A finding that says the same on other
evidence is unchanged, and its causes are told all the same. Comparing the other way round gives the mirror image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from audit.causes import Basis, Cause, causes
from audit.finding import Finding, NotAssessed
from audit.pairing import common_ms, overlapping, paired_findings

_SAID = (
    "start_ms", "end_ms", "severity", "vehicle_id", "plate", "school_id", "district", "zone_id", "session_id",
    "person_id", "trainee_id", "feed", "confidence",
)  # fmt: skip
_MEASURED = ("measured", "margins")


class Status(StrEnum):
    """What became of a matter from one run to the other."""

    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Answers:
    """What one run said of one service day, and what it rested on."""

    service_date: date
    findings: Sequence[Finding]
    not_assessed: Sequence[NotAssessed]
    basis: Basis


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a finding says otherwise. Measures are named with the unit in the key (`margins.minutes_over`)."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Matter:
    """One matter in both runs: None where a run has no such finding.

    `unanswered`: why there is none, where that run says that the question could not be answered for this time.
    """

    before: Finding | None
    after: Finding | None
    changes: tuple[Change, ...] = ()
    causes: tuple[Cause, ...] = ()
    unanswered: NotAssessed | None = None

    @property
    def status(self) -> Status:
        """What became of it."""
        if self.before is None:
            return Status.NEW
        if self.after is None:
            return Status.GONE
        return Status.CHANGED if self.changes else Status.UNCHANGED

    @property
    def finding(self) -> Finding:
        """The finding as it stands, or as it stood before it went."""
        held = self.after or self.before
        assert held is not None
        return held


@dataclass(frozen=True, slots=True)
class Comparison:
    """All matters of both runs by time, and the rows of `not_assessed.csv` that only one of the runs has."""

    service_date: date
    matters: tuple[Matter, ...] = ()
    unanswered_new: tuple[NotAssessed, ...] = ()
    unanswered_gone: tuple[NotAssessed, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether both runs say the same."""
        return not (self.differing or self.unanswered_new or self.unanswered_gone)

    @property
    def differing(self) -> tuple[Matter, ...]:
        """The matters that are new, gone or changed."""
        return tuple(m for m in self.matters if m.status is not Status.UNCHANGED)

    @property
    def on_other_evidence(self) -> int:
        """How many unchanged findings rest on something else than before."""
        return sum(m.status is Status.UNCHANGED and bool(m.causes) for m in self.matters)

    def count(self, status: Status) -> int:
        """Return the number of matters of one status."""
        return sum(m.status == status for m in self.matters)

    def by_rule(self) -> dict[str, Counter[Status]]:
        """Return rule to status to number, rules by name."""
        out: dict[str, Counter[Status]] = {}
        for matter in sorted(self.matters, key=lambda m: m.finding.rule):
            out.setdefault(matter.finding.rule, Counter())[matter.status] += 1
        return out


def compare(before: Answers, after: Answers) -> Comparison:
    """Return what two runs of one service day say differently; ValueError where the days differ."""
    if before.service_date != after.service_date:
        raise ValueError(f"two service days cannot be compared: {before.service_date} and {after.service_date}")
    new, gone = _unpaired(before.not_assessed, after.not_assessed)
    matters = []
    for one, other in paired_findings(before.findings, after.findings):
        changes = tuple(_changes(one, other)) if one is not None and other is not None else ()
        why = () if _identical(one, other) else causes(one, other, before.basis, after.basis)
        if one is not None and other is not None and not changes:
            why = tuple(c for c in why if c.code != "unknown")  # what others rest on is no matter of its own
        open_rows = gone if one is None else new if other is None else ()
        matters.append(Matter(one, other, changes, why, _unanswered(one or other, open_rows)))
    matters.sort(key=_place)
    return Comparison(before.service_date, tuple(matters), tuple(new), tuple(gone))


def _place(matter: Matter) -> tuple[int, bool, str, str, str]:
    found = matter.finding
    return (found.start_ms, found.vehicle_id is None, found.vehicle_id or "", found.rule, found.finding_id)


def _identical(one: Finding | None, other: Finding | None) -> bool:
    return one is not None and other is not None and one.content_digest == other.content_digest


def _changes(one: Finding, other: Finding) -> Iterator[Change]:
    """Yield what two findings say otherwise; the words of a summary follow from its measures."""
    for name in _SAID:
        was, now = getattr(one, name), getattr(other, name)
        if was != now:
            yield Change(name, was, now)
    for group in _MEASURED:
        was, now = (_group(f.evidence, group) for f in (one, other))
        for key in sorted({*was, *now}):
            if was.get(key) != now.get(key):
                yield Change(f"{group}.{key}", was.get(key), now.get(key))
    tried, tries = (_tried(f.evidence) for f in (one, other))
    if tried != tries:
        yield Change("excluded", tried, tries)
    if not _same_line(one, other):
        yield Change("geometry", None, None)


def _group(evidence: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return evidence.get(name) or {}


def _tried(evidence: Mapping[str, Any]) -> list[Any]:
    return [tried.get("explanation") for tried in evidence.get("excluded") or ()]


def _same_line(one: Finding, other: Finding) -> bool:
    shapes = [None if f.geometry is None or f.geometry.is_empty else f.geometry for f in (one, other)]
    if shapes[0] is None or shapes[1] is None:
        return shapes[0] is shapes[1]
    return bool(shapes[0].equals_exact(shapes[1], 0))


def _unpaired(
    before: Sequence[NotAssessed], after: Sequence[NotAssessed]
) -> tuple[list[NotAssessed], list[NotAssessed]]:
    """Return the rows that only the later and only the earlier run has; a row of other times is the same matter."""
    pairs = overlapping(before, after, lambda r: (r.rule, r.vehicle_id, r.reason), lambda r: f"{r.start_ms} {r.end_ms}")
    met = {id(row) for pair in pairs for row in pair}
    return [r for r in after if id(r) not in met], [r for r in before if id(r) not in met]


def _unanswered(found: Finding | None, rows: Iterable[NotAssessed]) -> NotAssessed | None:
    """Return the row that says why a finding's question could not be answered, the one with most of its time."""
    assert found is not None
    about = [r for r in rows if (r.rule, r.vehicle_id) == (found.rule, found.vehicle_id) and common_ms(r, found) > 0]
    return max(about, key=lambda r: (common_ms(r, found), r.reason), default=None)
