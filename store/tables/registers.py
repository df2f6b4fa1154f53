"""The registers row by row, in all their versions.

`register_versions` says which content of a register counted for a night, and from when to when we held it to be so:
"what was approved on that day, as known on this day". The rows of a content are written once, however many nights
share it; their order is the file's.
"""

from __future__ import annotations

from sqlalchemy import Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, Code, Counter, Day, Id, Json, Ms, Sha256


class RegisterVersion(Base):
    """Which content of a register counts for a night. `register`: the table that holds the rows."""

    __tablename__ = "register_versions"
    __table_args__ = (Index("ix_register_versions_day", "service_date", "register", "superseded_ms"),)

    id: Mapped[Counter]
    service_date: Mapped[Day]
    register: Mapped[Code]
    content: Mapped[Sha256]
    recorded_ms: Mapped[Ms]
    superseded_ms: Mapped[Ms | None]


class Row:
    """A row of a register: which content it belongs to, and its place there."""

    content: Mapped[Sha256] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Dated(Row):
    """A row with the days on which it holds; blank: no end."""

    valid_from: Mapped[Day | None]
    valid_to: Mapped[Day | None]


class SchoolRow(Row, Base):
    """Driving schools."""

    __tablename__ = "schools"

    school_id: Mapped[Id] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(Text)
    district: Mapped[Code]


class VehicleRow(Dated, Base):
    """Coach cars and exam cars."""

    __tablename__ = "vehicles"

    vehicle_id: Mapped[Id] = mapped_column(index=True)
    plate: Mapped[Code]
    plate_class: Mapped[Code]
    use: Mapped[Code]
    school_id: Mapped[Id | None]
    site_id: Mapped[Id | None]
    vehicle_class: Mapped[Code]
    provider: Mapped[Id]
    terminal_id: Mapped[Id]


class TerminalRow(Dated, Base):
    """Which terminal is in which car."""

    __tablename__ = "terminals"

    vehicle_id: Mapped[Id] = mapped_column(index=True)
    provider: Mapped[Id]
    terminal_id: Mapped[Id]


class StaffRow(Dated, Base):
    """Roles of instructors and exam safety officers."""

    __tablename__ = "staff"

    person_id: Mapped[Id] = mapped_column(index=True)
    role: Mapped[Code]
    school_id: Mapped[Id | None]
    site_id: Mapped[Id | None]


class ZoneRow(Dated, Base):
    """Grounds, routes and sites; `geometry` is WKB in WGS-84, the lists are JSON (null: all)."""

    __tablename__ = "zones"

    zone_id: Mapped[Id] = mapped_column(index=True)
    kind: Mapped[Code]
    name: Mapped[str] = mapped_column(Text)
    school_ids: Mapped[Json | None]
    parts: Mapped[Json | None]
    vehicle_classes: Mapped[Json | None]
    width_m: Mapped[float | None]
    approval_no: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[Day | None]
    geometry: Mapped[bytes] = mapped_column(LargeBinary)


class WindowRow(Dated, Base):
    """Approved hours; `start_min`, `end_min` are minutes after midnight, local."""

    __tablename__ = "schedules"

    zone_id: Mapped[Id] = mapped_column(index=True)
    weekdays: Mapped[Code]
    start_min: Mapped[int]
    end_min: Mapped[int]


class ExceptionRow(Row, Base):
    """Days on which other hours hold; blank times: the whole service day."""

    __tablename__ = "hours_exceptions"

    day: Mapped[Day]
    zone_id: Mapped[Id | None]
    is_open: Mapped[bool]
    start_min: Mapped[int | None]
    end_min: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text)


class SessionRow(Row, Base):
    """Lessons as declared; the trainee is a pseudonym."""

    __tablename__ = "sessions"

    session_id: Mapped[Id] = mapped_column(index=True)
    vehicle_id: Mapped[Id]
    instructor_id: Mapped[Id]
    trainee_id: Mapped[Id]
    part: Mapped[int]
    zone_id: Mapped[Id | None]
    start_ms: Mapped[Ms]
    end_ms: Mapped[Ms]


class ExamRow(Row, Base):
    """Examinations with the officer on duty."""

    __tablename__ = "exams"

    exam_id: Mapped[Id] = mapped_column(index=True)
    vehicle_id: Mapped[Id]
    officer_id: Mapped[Id]
    site_id: Mapped[Id]
    start_ms: Mapped[Ms]
    end_ms: Mapped[Ms]


class PermitRow(Row, Base):
    """Signed temporary permits that excuse."""

    __tablename__ = "permits"

    permit_id: Mapped[Id] = mapped_column(index=True)
    vehicle_id: Mapped[Id | None]
    school_id: Mapped[Id | None]
    zone_id: Mapped[Id | None]
    reason: Mapped[str] = mapped_column(Text)
    start_ms: Mapped[Ms]
    end_ms: Mapped[Ms]


class CameraRow(Dated, Base):
    """Checkpoint cameras, WGS-84."""

    __tablename__ = "cameras"

    camera_id: Mapped[Id] = mapped_column(index=True)
    lon_deg: Mapped[float]
    lat_deg: Mapped[float]


class LookalikeRow(Row, Base):
    """Enrolled images that the matcher finds alike."""

    __tablename__ = "lookalikes"

    person_id_a: Mapped[Id]
    person_id_b: Mapped[Id]
    score: Mapped[float]
