"""What a rule may say, and what the engine makes of it: a finding, nothing, or not assessable, because."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from shapely.geometry.base import BaseGeometry

NOT_CALIBRATED = "none: no confirmed findings to calibrate with"
"""Why a finding carries no confidence: a score never held against confirmed cases is no probability."""


class Severity(StrEnum):
    """How grave the matter is, once a person has confirmed it."""

    NOTICE = "notice"  # about the data or the paperwork; nobody is accused
    MINOR = "minor"  # a rule was not kept; order to correct
    MAJOR = "major"  # training where, when or as it is not approved
    CRITICAL = "critical"  # deceit: made-up training or a made-up identity


@dataclass(frozen=True, slots=True)
class RowSpan:
    """Rows `start:stop` (half-open) of a vehicle's track that show something, said in a few words."""

    start: int
    stop: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A competing innocent explanation that was tried and excluded (`measured` against `needed`).

    `code` is one of `audit.explanations`, which says what excluded it.
    """

    code: str
    measured: float | None = None
    needed: float | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What a rule saw. Rows count from the first fix of the vehicle's track; times are ms UTC, half-open.

    `measured` fills the card's explanation template; `margins` says by how much the decision was made (unit in
    the key). `seen`: what cameras saw, passage by passage, JSON-ready. `vehicle_id` names the car where the rule was
    asked about something else. The engine adds everything else.
    """

    start_ms: int
    end_ms: int
    rows: tuple[RowSpan, ...] = ()
    zone_id: str | None = None
    session_id: str | None = None
    person_id: str | None = None
    trainee_id: str | None = None
    feed: str | None = None
    vehicle_id: str | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)
    excluded: tuple[Explanation, ...] = ()
    seen: tuple[Mapping[str, Any], ...] = ()
    confidence: float | None = None
    confidence_basis: str = NOT_CALIBRATED


@dataclass(frozen=True, slots=True)
class NotAssessable:
    """A rule could not be answered for this time; `reason` is a code of `audit.reasons`."""

    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One matter to be checked by a person: one car (or feed), one rule, one stretch, with its evidence.

    `geometry` is WGS-84 (the part of the track that shows it) or None. `evidence` is JSON-ready: inputs by digest
    and row span, parameters with their dates and sources, margins, explanations excluded, versions.
    """

    finding_id: str
    content_digest: str
    service_date: date
    rule: str
    rule_version: str
    severity: Severity
    vehicle_id: str | None
    plate: str | None
    school_id: str | None
    district: str | None
    zone_id: str | None
    session_id: str | None
    person_id: str | None
    trainee_id: str | None
    feed: str | None
    start_ms: int
    end_ms: int
    confidence: float | None
    confidence_basis: str
    summary_zh: str
    summary_en: str
    evidence: Mapping[str, Any]
    geometry: BaseGeometry | None

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return (self.end_ms - self.start_ms) / 1000


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A row of `not_assessed.csv`: which rule could not be answered for which car and time, and why."""

    service_date: date
    vehicle_id: str | None
    rule: str
    start_ms: int
    end_ms: int
    reason: str
