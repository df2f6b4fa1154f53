"""What a case is about: one subject on one service day, and the findings of it.

The subject is chosen so that no late fix changes it: the person where a person is accused, the trainee whose hours were
counted, else the car, else the feed. Times, sessions and ordinals, which a re-audit may move, are no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from audit.evidence import canonical, digest
from audit.finding import Finding, Severity
from cases.states import DismissReason

OVER_HOURS = "over-hours"
"""The one rule about a trainee's day across cars; elsewhere a trainee only rode along."""

_MINUTE_MS = 60_000


class SubjectKind(StrEnum):
    """What a matter is about."""

    VEHICLE = "vehicle"
    PERSON = "person"
    TRAINEE = "trainee"
    FEED = "feed"


SUBJECT_KINDS: dict[SubjectKind, tuple[str, str]] = {
    SubjectKind.VEHICLE: ("车辆", "vehicle"),
    SubjectKind.PERSON: ("人员", "person"),
    SubjectKind.TRAINEE: ("学员", "trainee"),
    SubjectKind.FEED: ("数据源", "feed"),
}


class FindingStatus(StrEnum):
    """What was concluded of a finding; `gone`: a re-audit no longer has it, and nobody had judged it."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Matter:
    """One subject on one service day: what a case is about."""

    service_date: date
    subject_kind: SubjectKind
    subject_id: str

    @property
    def case_id(self) -> str:
        """The id of its case: `C` and the first 20 hex digits of the SHA-256 of its canonical JSON.

        >>> Matter(date(2026, 3, 18), SubjectKind.VEHICLE, "V001").case_id
        'C6dc10d45af8c273de22e'
        """
        return "C" + digest([self.service_date, self.subject_kind, self.subject_id])[:20]

    def as_json(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "service_date": self.service_date.isoformat(),
            "subject_kind": str(self.subject_kind),
            "subject_id": self.subject_id,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Matter:
        """Return what `as_json` made; KeyError or ValueError for anything else."""
        day = date.fromisoformat(told["service_date"])
        return cls(day, SubjectKind(told["subject_kind"]), told["subject_id"])


def matter_of(finding: Finding) -> Matter:
    """Return what a finding is about; ValueError where it names nobody and nothing."""
    if finding.person_id is not None:
        kind, who = SubjectKind.PERSON, finding.person_id
    elif finding.rule == OVER_HOURS and finding.trainee_id is not None:
        kind, who = SubjectKind.TRAINEE, finding.trainee_id
    elif finding.vehicle_id is not None:
        kind, who = SubjectKind.VEHICLE, finding.vehicle_id
    elif finding.feed is not None:
        kind, who = SubjectKind.FEED, finding.feed
    else:
        raise ValueError(f"finding {finding.finding_id} names no person, trainee, vehicle or feed")
    return Matter(finding.service_date, kind, who)


_FACTS = (
    "finding_id", "content_digest", "substance", "rule", "severity", "confidence", "school_id", "district", "provider",
    "zone_id", "start_ms", "end_ms",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CaseFinding:
    """A finding as a case holds it: what the audit said, and what was concluded. Times are ms UTC, half-open.

    `substance` is a digest of what counts as the same: a finding of other content and the same substance has not
    changed. `is_present`: the last audit has it. `is_changed`: it changed, went or came back after it was judged.
    `is_automatic`: pre-review judged it, and no person.
    """

    finding_id: str
    content_digest: str
    substance: str
    rule: str
    severity: Severity
    confidence: float | None
    school_id: str | None
    district: str | None
    provider: str | None
    zone_id: str | None
    start_ms: int
    end_ms: int
    status: FindingStatus = FindingStatus.OPEN
    reason: DismissReason | None = None
    is_present: bool = True
    is_changed: bool = False
    is_automatic: bool = False

    @property
    def is_judged(self) -> bool:
        """Whether a conclusion about it stands, drawn by a person or by pre-review."""
        return self.status in {FindingStatus.CONFIRMED, FindingStatus.DISMISSED}

    @property
    def is_judged_by_people(self) -> bool:
        """Whether a person's conclusion about it stands."""
        return self.is_judged and not self.is_automatic

    @property
    def is_settled(self) -> bool:
        """Whether nothing about it is left to judge."""
        return self.status is FindingStatus.GONE or (self.is_judged and not self.is_changed)

    def as_json(self) -> dict[str, Any]:
        """Return what the audit said, JSON-ready; conclusions are events of their own."""
        told: dict[str, Any] = canonical({name: getattr(self, name) for name in _FACTS})
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> CaseFinding:
        """Return an open finding as `as_json` told it; KeyError or ValueError for anything else."""
        if unknown := sorted(set(told) - set(_FACTS)):
            raise ValueError(f"{', '.join(unknown)}: no facts of a finding")
        return cls(**{**{name: told[name] for name in _FACTS}, "severity": Severity(told["severity"])})


def substance_of(finding: Finding) -> str:
    """Return a digest of what a letter to the school would say otherwise: who, what, where, times to the minute.

    A late fix that moves a start within its minute, other evidence and another confidence leave it as it is.
    """
    return digest(
        [
            finding.rule, finding.severity, finding.vehicle_id, finding.plate, finding.school_id, finding.district,
            finding.zone_id, finding.session_id, finding.person_id, finding.trainee_id, finding.feed,
            finding.start_ms // _MINUTE_MS, finding.end_ms // _MINUTE_MS,
        ]
    )  # fmt: skip


def case_finding(finding: Finding, substance: str | None = None) -> CaseFinding:
    """Return a finding as a case holds it; `substance` as the caller sees it, else `substance_of`."""
    return CaseFinding(
        finding_id=finding.finding_id,
        content_digest=finding.content_digest,
        substance=substance_of(finding) if substance is None else substance,
        rule=finding.rule,
        severity=finding.severity,
        confidence=finding.confidence,
        school_id=finding.school_id,
        district=finding.district,
        provider=finding.feed,
        zone_id=finding.zone_id,
        start_ms=finding.start_ms,
        end_ms=finding.end_ms,
    )
