"""What audits said: runs, vehicle-days, findings in all their versions, what could not be assessed, what to tell."""

from __future__ import annotations

from sqlalchemy import Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Code, Counter, Day, Id, Json, Ms, Sha256

CURRENT = text("superseded_ms IS NULL")
UNPLANNED = text("planned_ms IS NULL")


class Run(Base):
    """One night audited, or tried: `state` is running, done, degraded, failed or interrupted.

    `counts`: how many vehicle-days were audited and why, and what changed. `trouble`: what was not assessed, as codes.
    """

    __tablename__ = "runs"

    run_id: Mapped[Code] = mapped_column(primary_key=True)
    kind: Mapped[Code]
    service_date: Mapped[Day] = mapped_column(index=True)
    state: Mapped[Code]
    started_ms: Mapped[Ms]
    ended_ms: Mapped[Ms | None]
    inputs: Mapped[Sha256 | None]
    actor: Mapped[Id]
    versions: Mapped[Json | None]
    counts: Mapped[Json | None]
    trouble: Mapped[Json | None]


class VehicleDay(Base):
    """One vehicle on one service day as it was last audited: the keys of what its answers rest on, and its coverage.

    A key that differs from what is known now makes the vehicle-day stale (`audit.recall`).
    """

    __tablename__ = "vehicle_days"

    service_date: Mapped[Day] = mapped_column(primary_key=True)
    vehicle_id: Mapped[Id] = mapped_column(primary_key=True)
    school_id: Mapped[Id | None]
    district: Mapped[Code | None]
    own_key: Mapped[Sha256]
    night_key: Mapped[Sha256]
    camera_key: Mapped[Sha256]
    use: Mapped[Code]
    is_assessable: Mapped[bool]
    coverage: Mapped[Json | None]
    run_id: Mapped[Code]


class FindingRow(Base):
    """A finding as it stood from `recorded_ms` until `superseded_ms`; `finding_id` names the matter.

    `substance`: digest of what it says, without what it rests on; `ended_by`: the run that superseded it.
    """

    __tablename__ = "findings"
    __table_args__ = (
        Index("uq_findings_current", "finding_id", unique=True, sqlite_where=CURRENT, postgresql_where=CURRENT),
        Index("ix_findings_day", "service_date", "superseded_ms"),
        Index("ix_findings_start", "start_ms"),
        Index("ix_findings_vehicle", "vehicle_id", "service_date"),
    )

    id: Mapped[Counter]
    finding_id: Mapped[Code] = mapped_column(index=True)
    content_digest: Mapped[Sha256]
    substance: Mapped[Sha256]
    service_date: Mapped[Day]
    rule: Mapped[Code]
    rule_version: Mapped[Code]
    severity: Mapped[Code]
    vehicle_id: Mapped[Id | None]
    plate: Mapped[Code | None]
    school_id: Mapped[Id | None]
    district: Mapped[Code | None]
    zone_id: Mapped[Id | None]
    session_id: Mapped[Id | None]
    person_id: Mapped[Id | None]
    trainee_id: Mapped[Id | None]
    feed: Mapped[Id | None]
    start_ms: Mapped[Ms]
    end_ms: Mapped[Ms]
    confidence: Mapped[float | None]
    confidence_basis: Mapped[str] = mapped_column(Text)
    summary_zh: Mapped[str] = mapped_column(Text)
    summary_en: Mapped[str] = mapped_column(Text)
    evidence: Mapped[Json]
    geometry: Mapped[bytes | None] = mapped_column(LargeBinary)
    run_id: Mapped[Code]
    recorded_ms: Mapped[Ms]
    superseded_ms: Mapped[Ms | None]
    ended_by: Mapped[Code | None]


class NotAssessedRow(Base):
    """A question that could not be answered, as it stood from `recorded_ms` until `superseded_ms`."""

    __tablename__ = "not_assessed"
    __table_args__ = (Index("ix_not_assessed_day", "service_date", "superseded_ms"),)

    id: Mapped[Counter]
    service_date: Mapped[Day]
    vehicle_id: Mapped[Id | None]
    rule: Mapped[Code]
    start_ms: Mapped[Ms]
    end_ms: Mapped[Ms]
    reason: Mapped[Code]
    run_id: Mapped[Code]
    recorded_ms: Mapped[Ms]
    superseded_ms: Mapped[Ms | None]


class Notice(Base):
    """The outbox: what is to be told, written in the transaction of what happened.

    `planned_ms`: when each receiver got its delivery; `sent_ms`: when it first got out to one.
    """

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_unplanned", "id", sqlite_where=UNPLANNED, postgresql_where=UNPLANNED),)

    id: Mapped[Counter]
    event_id: Mapped[Code] = mapped_column(unique=True)
    kind: Mapped[Code]
    service_date: Mapped[Day | None]
    case_id: Mapped[Code | None] = mapped_column(index=True)
    payload: Mapped[Json]
    created_ms: Mapped[Ms]
    planned_ms: Mapped[Ms | None]
    sent_ms: Mapped[Ms | None]


class Lease(Base):
    """Who may run the nightly now. `token` grows with every holder, so that a late one is told from the present."""

    __tablename__ = "leases"

    name: Mapped[Code] = mapped_column(primary_key=True)
    holder: Mapped[Id]
    token: Mapped[Ms]
    taken_ms: Mapped[Ms]
    expires_ms: Mapped[Ms]
