"""Cases, what happened to each, and vehicle-days drawn for a look."""

from __future__ import annotations

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Code, Day, Id, Json, Ms, Sha256


class CaseRow(Base):
    """A case as its events make it (`cases.case.replay`): kept beside them so that lists can be asked for."""

    __tablename__ = "cases"
    __table_args__ = (Index("ix_cases_state", "state", "due_ms"),)

    case_id: Mapped[Code] = mapped_column(primary_key=True)
    service_date: Mapped[Day] = mapped_column(index=True)
    subject_kind: Mapped[Code]
    subject_id: Mapped[Id]
    school_id: Mapped[Id | None]
    district: Mapped[Code | None]
    state: Mapped[Code]
    severity: Mapped[Code]
    assignee: Mapped[Id | None]
    opened_ms: Mapped[Ms]
    entered_ms: Mapped[Ms]
    due_ms: Mapped[Ms | None]
    needs_review: Mapped[bool]
    is_picked: Mapped[bool]
    n_events: Mapped[int]


class CaseEvent(Base):
    """One thing that happened to a case; never changed, never removed."""

    __tablename__ = "case_events"

    case_id: Mapped[Code] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at_ms: Mapped[Ms]
    actor: Mapped[Id]
    role: Mapped[Code]
    action: Mapped[Code]
    payload: Mapped[Json]
    run_id: Mapped[Code | None]


class SpotCheck(Base):
    """A vehicle-day that somebody looks at although nothing is suspected: drawn by chance, or picked by hand.

    `probability`: with which it was drawn, None where picked. `outcome`: clean, violation or unclear, None until looked
    at.
    """

    __tablename__ = "spot_checks"

    service_date: Mapped[Day] = mapped_column(primary_key=True)
    vehicle_id: Mapped[Id] = mapped_column(primary_key=True)
    school_id: Mapped[Id | None]
    district: Mapped[Code | None]
    stratum: Mapped[Id]
    stratum_size: Mapped[int | None]
    stratum_drawn: Mapped[int | None]
    probability: Mapped[float | None]
    seed_sha256: Mapped[Sha256 | None]
    picked_by: Mapped[Id | None]
    reason: Mapped[str | None] = mapped_column(Text)
    recorded_ms: Mapped[Ms]
    outcome: Mapped[Code | None]
    decided_by: Mapped[Id | None]
    decided_ms: Mapped[Ms | None]
    note: Mapped[str | None] = mapped_column(Text)
