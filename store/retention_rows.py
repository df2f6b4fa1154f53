"""Which rows go with the findings of past nights: conditions that looking and erasing share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, or_, select
from sqlalchemy.orm import Session

from cases.matter import OVER_HOURS, SubjectKind
from cases.states import UNDECIDED, UNDER_WAY
from store.tables.access import LegalHold
from store.tables.casework import CaseEvent, CaseRow, SpotCheck
from store.tables.registers import RegisterVersion
from store.tables.results import FindingRow, NotAssessedRow, Notice, VehicleDay

OPEN_STATES = tuple(sorted(str(state) for state in UNDECIDED | UNDER_WAY))
_AT_ONCE = 500


def is_open() -> ColumnElement[bool]:
    """Tell the cases that are not closed: undecided, under way, or with something that a reviewer has yet to settle."""
    return or_(CaseRow.state.in_(OPEN_STATES), CaseRow.needs_review)


def held_days() -> Select[Any]:
    """Return the service days under a hold, whatever vehicle or case it names."""
    return select(LegalHold.service_date).where(LegalHold.released_ms.is_(None))


def findings_due(before: date) -> dict[str, tuple[Any, ColumnElement[bool]]]:
    """Return what goes with the findings of service days before one: name to table and condition, in order."""

    def past(row: Any) -> ColumnElement[bool]:
        return and_(row.service_date < before, row.service_date.not_in(held_days()))

    open_ids = select(CaseRow.case_id).where(CaseRow.service_date < before, is_open())
    open_days = select(CaseRow.service_date).where(CaseRow.service_date < before, is_open())
    closed = and_(past(CaseRow), ~is_open())
    return {
        "findings": (FindingRow, and_(past(FindingRow), ~_is_of_open_case())),
        "not_assessed": (NotAssessedRow, past(NotAssessedRow)),
        "vehicle_days": (VehicleDay, past(VehicleDay)),
        "spot_checks": (SpotCheck, past(SpotCheck)),
        "outbox": (Notice, and_(past(Notice), or_(Notice.case_id.is_(None), Notice.case_id.not_in(open_ids)))),
        "case_events": (CaseEvent, CaseEvent.case_id.in_(select(CaseRow.case_id).where(closed))),
        "cases": (CaseRow, closed),
        "register_versions": (
            RegisterVersion,
            and_(past(RegisterVersion), RegisterVersion.service_date.not_in(open_days)),
        ),
    }


def _is_of_open_case() -> ColumnElement[bool]:
    """Tell the findings whose case is open: `cases.matter.matter_of`, as the database says it."""
    f = FindingRow
    hours = and_(f.rule == OVER_HOURS, f.trainee_id.is_not(None))
    whom = ((f.person_id.is_not(None), f.person_id), (hours, f.trainee_id), (f.vehicle_id.is_not(None), f.vehicle_id))
    kinds = (SubjectKind.PERSON, SubjectKind.TRAINEE, SubjectKind.VEHICLE)
    kind = case(*((told, str(k)) for (told, _), k in zip(whom, kinds, strict=True)), else_=str(SubjectKind.FEED))
    subject = case(*whom, else_=f.feed)
    return exists().where(
        CaseRow.service_date == f.service_date, CaseRow.subject_kind == kind, CaseRow.subject_id == subject, is_open()
    )


def register_contents_due(session: Session, before: date) -> dict[str, tuple[str, ...]]:
    """Return which contents no night will name once those before a day are gone, by register."""
    v = RegisterVersion
    condition = findings_due(before)["register_versions"][1]
    stay = select(v.register, v.content).where(~condition).distinct()
    staying = {(register, content) for register, content in session.execute(stay)}
    going = session.execute(select(v.register, v.content).where(condition).distinct())
    out: dict[str, list[str]] = {}
    for register, content in sorted((r, c) for r, c in going if (r, c) not in staying):
        out.setdefault(register, []).append(content)
    return {register: tuple(contents) for register, contents in out.items()}


def in_parts(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Give keys a part at a time: databases take only so many parameters at once."""
    for i in range(0, len(keys), _AT_ONCE):
        yield keys[i : i + _AT_ONCE]
