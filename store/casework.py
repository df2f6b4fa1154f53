"""Cases in the database: events are only ever added, and what a case is follows from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.evidence import digest
from audit.finding import Finding
from cases.case import Case, Due, Event, applied, replay
from cases.following import follow
from cases.matter import CaseFinding, Matter, case_finding, matter_of
from cases.roles import Role
from cases.spot_checks import Checked, SpotCheck
from cases.states import UNDECIDED, Action, State
from store.access_log import alone
from store.ordering import by_code_points
from store.tables import casework as t
from store.tables.results import Notice

VIOLATION, CLEAN, UNCLEAR = "violation", "clean", "unclear"


class CaseChanged(Exception):
    """Somebody else recorded an event of the case meanwhile: read it again and decide anew."""


# ---------------------------------------------------------------- reading
def load_case(session: Session, case_id: str) -> Case | None:
    """Return a case as its events make it; None where there is none."""
    events = load_events(session, [case_id]).get(case_id)
    return None if not events else replay(events)


def load_to_change(session: Session, case_id: str) -> Case | None:
    """Return a case as it stands, which nobody else changes until the transaction ends; None where there is none."""
    session.scalar(select(t.CaseRow.case_id).where(t.CaseRow.case_id == case_id).with_for_update())
    return load_case(session, case_id)


def load_events(session: Session, case_ids: Iterable[str]) -> dict[str, list[Event]]:
    """Return the events of some cases, in order."""
    row, out = t.CaseEvent, dict[str, list[Event]]()
    wanted = sorted(set(case_ids))
    for i in range(0, len(wanted), 500):
        found = session.scalars(select(row).where(row.case_id.in_(wanted[i : i + 500])).order_by(row.case_id, row.seq))
        for e in found:
            out.setdefault(e.case_id, []).append(_event(e))
    return out


def _event(row: t.CaseEvent) -> Event:
    role = Role(row.role) if row.role else None
    return Event(row.seq, row.at_ms, row.actor, role, Action(row.action), json.loads(row.payload))


def cases_where(
    session: Session,
    *,
    service_date: date | None = None,
    states: Iterable[State] | None = None,
    since: date | None = None,
    due_before_ms: int | None = None,
) -> list[Case]:
    """Return cases by id: of a service day, in some states, of service days from one on, due before a time."""
    row, conditions = t.CaseRow, []
    if service_date is not None:
        conditions.append(row.service_date == service_date)
    if since is not None:
        conditions.append(row.service_date >= since)
    if due_before_ms is not None:
        conditions.append(row.due_ms < due_before_ms)
    if states is not None:
        conditions.append(row.state.in_([str(s) for s in states]))
    ids = list(session.scalars(select(row.case_id).where(*conditions).order_by(row.case_id)))
    events = load_events(session, ids)
    return [replay(events[case_id]) for case_id in ids]


def open_cases(session: Session) -> list[Case]:
    """Return the cases that nobody has decided yet."""
    return cases_where(session, states=UNDECIDED)


# ---------------------------------------------------------------- writing
def record_events(session: Session, case: Case | None, events: Sequence[Event], run_id: str | None = None) -> Case:
    """Add events to a case (None: the first opens it) and a notice for each; return what it is now.

    Raises `CaseChanged` where the case has moved on since it was read.
    """
    after = case
    for event in events:
        after = applied(after, event)
    assert after is not None, "a case has at least the event that opens it"
    row = session.scalar(select(t.CaseRow).where(t.CaseRow.case_id == after.case_id).with_for_update())
    if (0 if row is None else row.n_events) != (0 if case is None else case.n_events):
        raise CaseChanged(f"case {after.case_id} was changed meanwhile: look at it again")
    for event in events:
        session.add(_event_row(after.case_id, event, run_id))
        session.add(_notice(after, event))
    values = _case_row(after)
    if row is None:
        session.add(t.CaseRow(**values))
    else:
        for name, value in values.items():
            setattr(row, name, value)
    session.flush()
    return after


def _event_row(case_id: str, event: Event, run_id: str | None) -> t.CaseEvent:
    return t.CaseEvent(
        case_id=case_id,
        seq=event.seq,
        at_ms=event.at_ms,
        actor=event.actor,
        role=str(event.role or ""),
        action=str(event.action),
        payload=json.dumps(event.payload, ensure_ascii=False, sort_keys=True),
        run_id=run_id,
    )


def _case_row(case: Case) -> dict[str, object]:
    return {
        "case_id": case.case_id,
        "service_date": case.service_date,
        "subject_kind": str(case.subject_kind),
        "subject_id": case.subject_id,
        "school_id": case.school_id,
        "district": case.district,
        "state": str(case.state),
        "severity": str(case.severity),
        "assignee": case.assignee,
        "opened_ms": case.opened_ms,
        "entered_ms": case.entered_state_ms,
        "due_ms": case.due_ms,
        "needs_review": case.needs_review,
        "is_picked": case.is_picked,
        "n_events": case.n_events,
    }


def _notice(case: Case, event: Event) -> Notice:
    """Return what is to be told of an event: which case, what happened; nothing about a person."""
    told = {"case_id": case.case_id, "seq": event.seq, "action": str(event.action), "state": str(case.state)}
    return Notice(
        event_id="E" + digest([case.case_id, event.seq])[:20],
        kind=f"case.{event.action}",
        service_date=case.service_date,
        case_id=case.case_id,
        payload=json.dumps(told, sort_keys=True),
        created_ms=event.at_ms,
    )


def follow_findings(
    session: Session,
    service_date: date,
    findings: Iterable[Finding],
    at_ms: int,
    basis: Mapping[str, object],
    due: Due | None,
) -> list[tuple[Case, bool]]:
    """Have the cases of a night follow the findings that stand now; return those that changed (True: opened now)."""
    now: dict[str, tuple[Matter, list[CaseFinding]]] = {}
    for finding in findings:
        matter = matter_of(finding)
        now.setdefault(matter.case_id, (matter, []))[1].append(case_finding(finding))
    held = {c.case_id: c for c in cases_where(session, service_date=service_date)}
    out = []
    for case_id in sorted({*now, *held}):
        case = held.get(case_id)
        matter, found = now[case_id] if case_id in now else (held[case_id].matter, [])
        events = follow(case, matter, found, at_ms, basis, due)
        if events:
            out.append((record_events(session, case, events, str(basis.get("run_id", "")) or None), case is None))
    return out


# ---------------------------------------------------------------- spot checks
def has_draw(session: Session, service_date: date) -> bool:
    """Whether a sample was drawn of a night; it is drawn once."""
    row = t.SpotCheck
    found = select(row.vehicle_id).where(row.service_date == service_date, row.probability.is_not(None)).limit(1)
    return session.scalar(found) is not None


def record_checks(
    session: Session,
    checks: Iterable[SpotCheck],
    districts: Mapping[str, str | None],
    at_ms: int,
    *,
    seed_sha256: str | None = None,
    picked_by: str | None = None,
    reason: str | None = None,
) -> int:
    """Write down vehicle-days that somebody is to look at; one that is there already stays. Return how many came."""
    alone(session)  # else two could find the same one missing, and the second to write it would fail
    n = 0
    for c in checks:
        if session.get(t.SpotCheck, (c.service_date, c.vehicle_id)) is not None:
            continue
        n += 1
        session.add(
            t.SpotCheck(
                service_date=c.service_date, vehicle_id=c.vehicle_id, school_id=c.school_id,
                district=districts.get(c.vehicle_id), stratum=c.stratum, stratum_size=c.stratum_size,
                stratum_drawn=c.stratum_drawn, probability=c.probability, seed_sha256=seed_sha256,
                picked_by=picked_by, reason=reason, recorded_ms=at_ms,
            )
        )  # fmt: skip
    return n


def checks_between(session: Session, first: date, last: date) -> list[t.SpotCheck]:
    """Return the vehicle-days to be looked at, of some service days, in order."""
    row = t.SpotCheck
    found = select(row).where(row.service_date >= first, row.service_date <= last)
    return list(session.scalars(found.order_by(row.service_date, by_code_points(session, row.vehicle_id))))


def checked(row: t.SpotCheck) -> Checked:
    """Return a spot check with what was seen, for the estimate of what audits miss."""
    check = SpotCheck(
        row.service_date, row.vehicle_id, row.school_id, row.stratum, row.stratum_size or 0, row.stratum_drawn or 0,
        row.probability,
    )  # fmt: skip
    return Checked(check, {VIOLATION: True, CLEAN: False}.get(row.outcome or ""))
