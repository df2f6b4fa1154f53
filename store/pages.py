"""Parts of long lists in a fixed order, each read from where the one before ended: never counted off from the front.

What is told apart by text is ordered by its code points in every database, as the files of an audit are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, tuple_
from sqlalchemy.orm import Session

from store.ordering import by_code_points
from store.registers import REGISTERS, as_known
from store.tables import registers as t
from store.tables.casework import CaseRow
from store.tables.nights import Night
from store.tables.results import FindingRow, NotAssessedRow, VehicleDay

Place = Sequence[Any]
"""The sort key of a row."""
Conditions = Sequence[ColumnElement[bool]]
_AT_ONCE = 1000
_EARLIEST_MS = -62_135_596_800_000
"""1 January of the year 1: no date of Python is earlier."""


def _vehicle_last(session: Session, row: Any) -> list[Any]:
    return [case((row.vehicle_id.is_(None), 1), else_=0), by_code_points(session, func.coalesce(row.vehicle_id, ""))]


def finding_place(row: FindingRow) -> list[Any]:
    """Return where a finding stands in the order of the contract."""
    return [row.start_ms, int(row.vehicle_id is None), row.vehicle_id or "", row.rule, row.finding_id]


def finding_page(
    session: Session,
    where: Conditions,
    known_ms: int | None,
    after: Place | None,
    limit: int,
    keep: Callable[[FindingRow], bool] | None = None,
) -> list[FindingRow]:
    """Return findings as known at a time, by start, vehicle_id (nulls last), rule and finding_id.

    `keep`: what no query can ask; rows are read until `limit` of them are kept.
    """
    row = FindingRow
    keys = [
        row.start_ms,
        *_vehicle_last(session, row),
        by_code_points(session, row.rule),
        by_code_points(session, row.finding_id),
    ]
    # True of every row: it has SQLite, which keeps no statistics here, go along the index instead of sorting them all.
    conditions = [row.start_ms >= _EARLIEST_MS, *where, *as_known(row, known_ms)]
    return _scanned(_reader(session, row, keys, conditions), finding_place, after, limit, keep)


def pinned(session: Session, known_ms: int | None, rows: Sequence[Any]) -> int:
    """Return as known when the pages after one with these rows are to be read, so that all show one state.

    That is the time of the last audit there is: what another one writes meanwhile is of a later time, even where that
    audit began before.
    """
    if known_ms is not None:
        return known_ms
    audited = session.scalar(select(func.max(Night.audited_ms)))
    return max([audited or 0, *(int(row.recorded_ms) for row in rows)])


def not_assessed_place(row: NotAssessedRow) -> list[Any]:
    """Return where an unanswered question stands in the order of `not_assessed.csv`."""
    missing, vehicle_id = int(row.vehicle_id is None), row.vehicle_id or ""
    return [row.start_ms, missing, vehicle_id, row.rule, row.end_ms, row.reason, row.id]


def not_assessed_page(
    session: Session, where: Conditions, known_ms: int | None, after: Place | None, limit: int
) -> list[NotAssessedRow]:
    """Return what could not be answered, as known at a time, in the order of `not_assessed.csv`."""
    row = NotAssessedRow
    texts = [by_code_points(session, row.rule), row.end_ms, by_code_points(session, row.reason), row.id]
    keys = [row.start_ms, *_vehicle_last(session, row), *texts]
    read = _reader(session, row, keys, [*where, *as_known(row, known_ms)])
    return _scanned(read, not_assessed_place, after, limit, None)


def vehicle_day_page(session: Session, where: Conditions, after: Place | None, limit: int) -> list[VehicleDay]:
    """Return vehicle-days by service day and vehicle, behind a place (the day's ISO text, the vehicle)."""
    keys = [VehicleDay.service_date, by_code_points(session, VehicleDay.vehicle_id)]
    behind = None if after is None else [date.fromisoformat(after[0]), after[1]]
    read = _reader(session, VehicleDay, keys, where)
    return _scanned(read, lambda row: [row.service_date, row.vehicle_id], behind, limit, None)


def case_place(row: CaseRow) -> list[Any]:
    """Return where a case stands in lists; the service day is ISO text, as a cursor holds it."""
    return [row.service_date.isoformat(), row.opened_ms, row.case_id]


def case_page(
    session: Session,
    where: Conditions,
    after: Place | None,
    limit: int | None,
    keep: Callable[[CaseRow], bool] | None = None,
) -> list[CaseRow]:
    """Return cases by service day, opening and id, behind a place; `limit` None: all of them."""
    row = CaseRow
    read = _reader(session, row, [row.service_date, row.opened_ms, by_code_points(session, row.case_id)], where)
    behind = None if after is None else [date.fromisoformat(after[0]), *after[1:]]
    most = sys.maxsize if limit is None else limit
    return _scanned(read, lambda r: [r.service_date, r.opened_ms, r.case_id], behind, most, keep or _any)


def _any(_row: object) -> bool:
    return True


def register_content(session: Session, service_date: date, name: str, known_ms: int | None) -> str | None:
    """Return which content of a register counts for a night, as known at a time (None: now)."""
    version = t.RegisterVersion
    found: str | None = session.scalar(
        select(version.content).where(
            version.service_date == service_date, version.register == name, *as_known(version, known_ms)
        )
    )
    return found


def register_page(
    session: Session,
    name: str,
    content: str | None,
    service_date: date,
    where: Conditions,
    after: int,
    limit: int,
    keep: Callable[[Any], bool] | None = None,
) -> list[Any]:
    """Return rows of a register's content that hold on a date, in the file's order, behind the ordinal `after`."""
    table: Any = REGISTERS[name].table
    held = [table.content == content, *where, *holding(table, service_date)]
    read = _reader(session, table, [table.ordinal], held)
    return _scanned(read, lambda row: [row.ordinal], [after], limit, keep)


def holding(table: Any, service_date: date) -> list[ColumnElement[bool]]:
    """Return the conditions under which a row of a register holds on a date."""
    if not issubclass(table, t.Dated):
        return []
    return [
        or_(table.valid_from.is_(None), table.valid_from <= service_date),
        or_(table.valid_to.is_(None), table.valid_to >= service_date),
    ]


def _reader(
    session: Session, table: Any, keys: Sequence[Any], where: Conditions
) -> Callable[[Place | None, int], Sequence[Any]]:
    """Return what reads so many rows behind a place. The first key alone is asked for, too: an index can serve it."""

    def read(after: Place | None, limit: int) -> Sequence[Any]:
        asked = select(table).where(and_(True, *where)).order_by(*keys).limit(limit)
        if after is not None:
            asked = asked.where(keys[0] >= after[0], tuple_(*keys) > tuple_(*after))
        return session.scalars(asked).all()

    return read


def _scanned(
    read: Callable[[Place | None, int], Sequence[Any]],
    place: Callable[[Any], list[Any]],
    after: Place | None,
    limit: int,
    keep: Callable[[Any], bool] | None,
) -> list[Any]:
    found: list[Any] = []
    while True:
        most = limit - len(found) if keep is None else _AT_ONCE
        rows = read(after, most)
        found += rows if keep is None else filter(keep, rows)
        if len(rows) < most or len(found) >= limit:
            return found[:limit]
        after = place(rows[-1])
