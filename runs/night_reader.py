"""Who reads the reports of a night, and what of it he is told: the whole city, some districts, or one school's own.

It is what `/v1/findings` and `/v1/cases` tell the same account. A school is told of its findings once it is asked about
them, or something is concluded: by what its cases show, without the track and without the rest of the evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from audit.finding import Finding
from cases.case import replay
from cases.roles import PERMISSIONS, TOLD_TO_SCHOOLS, Actor, Permission, Placed, has_permission, has_permission_at
from store.casework import load_events
from store.results import findings_of
from store.tables.casework import CaseRow
from store.tables.nights import Night

NAMED_REPORTS: Mapping[str, tuple[Permission, ...]] = {
    "night": (Permission.READ_FINDINGS, Permission.READ_CASES),
    "findings": (Permission.READ_FINDINGS, Permission.READ_CASES),
    "not-assessed": (Permission.READ_FINDINGS,),
    "run": (Permission.READ_FINDINGS, Permission.RUN_NIGHTLY),
    "rejects": (Permission.READ_FINDINGS, Permission.RUN_NIGHTLY),
}
"""The reports of a night by name, and the permissions each of which will do."""
OF_THE_CITY = frozenset({"run", "rejects"})
"""Reports whose numbers are the whole city's."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A finding of a case: where it lies, in the state of its case."""

    district: str | None
    school_id: str | None
    state: str


@dataclass(frozen=True, slots=True)
class NightReader:
    """An account before the reports of a night."""

    actor: Actor

    @property
    def reads_findings(self) -> bool:
        """Whether he reads findings anywhere; a school does not: it is told of its own by its cases."""
        return has_permission(self.actor, Permission.READ_FINDINGS)

    @property
    def scope(self) -> str:
        """Return how much he reads: city, districts or school."""
        if not self.reads_findings:
            return "school"
        return "city" if self.is_city(Permission.READ_FINDINGS) else "districts"

    def is_city(self, *permissions: Permission) -> bool:
        """Whether he holds one of some permissions for the whole city."""
        return any(
            g.districts is None and g.school_id is None and PERMISSIONS[g.role] & set(permissions)
            for g in self.actor.grants
        )

    def covers(self, place: Placed) -> bool:
        """Whether he reads findings there."""
        return has_permission_at(self.actor, Permission.READ_FINDINGS, place)

    def reports(self) -> list[str]:
        """Return the names of the reports that he may read of any night; a school's nights are fewer."""
        held = [name for name, ways in NAMED_REPORTS.items() if any(has_permission(self.actor, p) for p in ways)]
        return [name for name in held if name not in OF_THE_CITY or self.is_city(*NAMED_REPORTS[name])]


def standing() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a night was audited and its answers stand, not erased."""
    return Night.audited_ms.is_not(None), Night.rules.is_not(None), Night.run_id.is_not(None)


def standing_night(session: Session, service_date: date) -> Night | None:
    """Return a night whose answers stand, None where there is none."""
    return session.scalar(select(Night).where(Night.service_date == service_date, *standing()))


def findings_told(session: Session, service_date: date, reader: NightReader) -> list[Finding]:
    """Return the findings of a night that stand, as far as somebody is told of them."""
    if reader.reads_findings:
        return [f for f in findings_of(session, service_date) if reader.covers(f)]
    states = _states(session, service_date, reader)
    found = findings_of(session, service_date) if states else []
    told = [(f, _Told(f.district, f.school_id, states[f.finding_id])) for f in found if f.finding_id in states]
    return [_narrow(f) for f, place in told if has_permission_at(reader.actor, Permission.READ_CASES, place)]


def cases_told(session: Session, dates: Sequence[date], reader: NightReader) -> list[CaseRow]:
    """Return the cases of some nights that somebody may see."""
    row = CaseRow
    found = session.scalars(select(row).where(row.service_date.in_(dates)).order_by(row.service_date, row.case_id))
    return [case for case in found if has_permission_at(reader.actor, Permission.READ_CASES, case)]


def dates_told(session: Session, reader: NightReader) -> list[date]:
    """Return the nights of which a school is told a case."""
    row, schools = CaseRow, [g.school_id for g in reader.actor.grants]
    wanted = select(row).where(row.school_id.in_(schools), row.state.in_(sorted(TOLD_TO_SCHOOLS)))
    found = [c for c in session.scalars(wanted) if has_permission_at(reader.actor, Permission.READ_CASES, c)]
    return sorted({case.service_date for case in found})


def _states(session: Session, service_date: date, reader: NightReader) -> dict[str, str]:
    """Return the findings of the cases that a school is told of, each with the state of its case."""
    asked = [case for case in cases_told(session, [service_date], reader) if case.state in TOLD_TO_SCHOOLS]
    events = load_events(session, [case.case_id for case in asked])
    return {f.finding_id: case.state for case in asked for f in replay(events[case.case_id]).findings}


def _narrow(found: Finding) -> Finding:
    """Return a finding as a case shows it to its school."""
    return replace(found, evidence={"margins": dict(found.evidence.get("margins", {}))}, geometry=None)
