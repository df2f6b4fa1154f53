"""The registers of a night row by row: recorded with the time they were learnt, and asked for as known at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from shapely import to_wkb
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from audit.evidence import digest
from store.tables import registers as t

Items = Mapping[str, Sequence[Any]]
"""Register to the values that a bundle holds of it: `zones.register.School`, `zones.zone.Zone` ..."""


@dataclass(frozen=True, slots=True)
class Register:
    """One register: its table, and how a value becomes a row of it."""

    table: type[t.Row]
    row: Callable[[Any], dict[str, Any]]


def _plain(table: type[t.Row]) -> Register:
    """Return a register whose columns are the fields of its values, by name."""
    names = [c.name for c in table.__table__.columns if c.name not in {"content", "ordinal"}]  # type: ignore[attr-defined]
    return Register(table, lambda item: {name: getattr(item, name) for name in names})


def _zone(zone: Any) -> dict[str, Any]:
    plain = ("zone_id", "name", "width_m", "approval_no", "recorded_at", "valid_from", "valid_to")
    lists = ("school_ids", "parts", "vehicle_classes")
    return {
        **{name: getattr(zone, name) for name in plain},
        **{name: _list(getattr(zone, name)) for name in lists},
        "kind": str(zone.kind),
        "geometry": to_wkb(zone.geometry, byte_order=1),
    }


def _list(values: Iterable[Any] | None) -> str | None:
    return None if values is None else json.dumps(sorted(values), ensure_ascii=False)


def _window(window: Any) -> dict[str, Any]:
    plain = ("zone_id", "start_min", "end_min", "valid_from", "valid_to")
    days = ",".join(str(day) for day in sorted(window.weekdays))
    return {**{name: getattr(window, name) for name in plain}, "weekdays": days}


REGISTERS: dict[str, Register] = {
    "schools": _plain(t.SchoolRow),
    "vehicles": _plain(t.VehicleRow),
    "terminals": _plain(t.TerminalRow),
    "staff": _plain(t.StaffRow),
    "zones": Register(t.ZoneRow, _zone),
    "schedules": Register(t.WindowRow, _window),
    "hours_exceptions": _plain(t.ExceptionRow),
    "sessions": _plain(t.SessionRow),
    "exams": _plain(t.ExamRow),
    "permits": _plain(t.PermitRow),
    "cameras": _plain(t.CameraRow),
    "lookalikes": _plain(t.LookalikeRow),
}
"""Every register, by the name of its table."""


def record_registers(session: Session, service_date: date, items: Items, at_ms: int) -> list[str]:
    """Record what the registers of a night say now; return those that say something else than before.

    What said otherwise until now is superseded, not changed; equal content is written once for all nights.
    """
    version = t.RegisterVersion
    standing = session.scalars(
        select(version).where(version.service_date == service_date, version.superseded_ms.is_(None))
    )
    held = {v.register: v.content for v in standing}
    changed = []
    for name, register in REGISTERS.items():
        rows = [register.row(item) for item in items[name]]
        content = digest([name, [_told(row) for row in rows]])
        if held.get(name) == content:
            continue
        changed.append(name)
        _supersede(session, service_date, name, at_ms)
        _write_rows(session, register.table, content, rows)
        session.add(version(service_date=service_date, register=name, content=content, recorded_ms=at_ms))
    return changed


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with nothing rounded: `digest` cuts floats, which positions must not be."""
    plain = {float: lambda v: v.hex(), bytes: lambda v: v.hex()}
    return {name: plain.get(type(value), lambda v: v)(value) for name, value in row.items()}


def _supersede(session: Session, service_date: date, name: str, at_ms: int) -> None:
    version = t.RegisterVersion
    session.execute(
        update(version)
        .where(version.service_date == service_date, version.register == name, version.superseded_ms.is_(None))
        .values(superseded_ms=at_ms)
    )


def _write_rows(session: Session, table: type[t.Row], content: str, rows: Sequence[dict[str, Any]]) -> None:
    is_there = session.execute(select(table.ordinal).where(table.content == content).limit(1)).first()
    if rows and is_there is None:
        session.execute(insert(table), [{**row, "content": content, "ordinal": i} for i, row in enumerate(rows)])


def register_rows(
    session: Session, service_date: date, name: str, known_ms: int | None = None, on: date | None = None
) -> list[Any]:
    """Return the rows of a register for a night, in the file's order, as known at a time (None: now).

    Only rows that hold on that date: this is what was approved, or registered, on that day. `on`: on another date, of
    which no register came in yet.
    """
    version, table = t.RegisterVersion, REGISTERS[name].table
    content = session.scalar(
        select(version.content).where(
            version.service_date == service_date, version.register == name, *as_known(version, known_ms)
        )
    )
    rows: Sequence[Any] = session.scalars(select(table).where(table.content == content).order_by(table.ordinal)).all()
    return [row for row in rows if _holds(row, on or service_date)]


def as_known(table: Any, known_ms: int | None) -> tuple[Any, ...]:
    """Return the conditions under which rows of a table with versions count, as known at a time (None: now)."""
    if known_ms is None:
        return (table.superseded_ms.is_(None),)
    still = table.superseded_ms.is_(None) | (table.superseded_ms > known_ms)
    return (table.recorded_ms <= known_ms, still)


def _holds(row: Any, day: date) -> bool:
    if not isinstance(row, t.Dated):
        return True
    return (row.valid_from is None or row.valid_from <= day) and (row.valid_to is None or day <= row.valid_to)
