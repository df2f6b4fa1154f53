"""Legal holds: what must not be erased until released. Who placed and released each stands in the access log.

A hold on one vehicle or one case names what it is about; it keeps the whole night all the same, since a finding rests
on the night's registers, on other cars' tracks and on what the cameras tell of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cases.roles import Actor, Permission
from store.access_log import Entry, alone, append, is_reason
from store.accounts import role_in
from store.engine import StoreRefused
from store.nights import answers_erased, any_erased, current_passages
from store.retention_plan import CANDIDATES, FINDINGS, PASSAGES, TRACKS
from store.tables.access import LegalHold
from store.tables.casework import CaseRow
from store.tables.nights import Night
from store.tables.results import VehicleDay

PLACE, RELEASE = "place-hold", "release-hold"
SUBJECT_KIND = "night"
VEHICLE_MAX, CASE_MAX = 200, 64


class HoldRefused(StoreRefused):
    """A hold that cannot be placed or released; the message says what was found, what was expected and what to do."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A hold that was placed. `gone`: the kinds of data of the night that were erased before."""

    number: int
    gone: tuple[str, ...]


def place_hold(
    session: Session,
    by: Actor,
    service_date: date,
    reason: str,
    at_ms: int,
    *,
    vehicle_id: str | None = None,
    case_id: str | None = None,
) -> Placed:
    """Keep a night from being erased; raises `HoldRefused` for a night, vehicle or case that is not in the store."""
    # Erasing waits for the same queue: it sees this hold, or is done before it.
    alone(session)
    if not is_reason(reason):
        raise HoldRefused("a hold needs a reason: the document that orders it, say")
    if session.get(Night, service_date) is None:
        raise HoldRefused(f"there is no night of {service_date} in the store: is it the service day that is meant?")
    _must_be_there(session, service_date, vehicle_id, case_id)
    row = LegalHold(
        service_date=service_date,
        vehicle_id=vehicle_id,
        case_id=case_id,
        reason=reason,
        placed_ms=at_ms,
        placed_by=by.name,
    )
    session.add(row)
    session.flush()
    about = [text for text in (vehicle_id and f"vehicle {vehicle_id}", case_id and f"case {case_id}") if text]
    _log(session, by, PLACE, service_date, at_ms, ", ".join([f"hold {row.id}", *about]) + f": {reason}")
    return Placed(row.id, erased_kinds(session, service_date))


def release_hold(session: Session, by: Actor, number: int, reason: str, at_ms: int) -> date:
    """Release a hold; return its night. Raises `HoldRefused` where there is none, or it is released already."""
    alone(session)
    if not is_reason(reason):
        raise HoldRefused("releasing a hold needs a reason")
    row = session.get(LegalHold, number)
    if row is None:
        raise HoldRefused(f"there is no hold {number}: `trajaudit retention hold list` shows them all")
    if row.released_ms is not None:
        raise HoldRefused(f"hold {number} is released already, by {row.released_by}")
    row.released_ms, row.released_by = at_ms, by.name
    _log(session, by, RELEASE, row.service_date, at_ms, f"hold {number}: {reason}")
    return row.service_date


def holds(session: Session) -> Sequence[LegalHold]:
    """Return all holds, also those released, in the order in which they were placed."""
    return session.scalars(select(LegalHold).order_by(LegalHold.id)).all()


def erased_kinds(session: Session, service_date: date) -> tuple[str, ...]:
    """Return the kinds of data of a night that were erased already."""
    passages = current_passages(session, service_date)
    lost_passages = passages is not None and passages.erased_ms is not None
    lost_faces = passages is not None and (lost_passages or passages.faces_erased_ms is not None)
    told = {
        CANDIDATES: lost_faces,
        PASSAGES: lost_passages,
        TRACKS: any_erased(session, service_date),
        FINDINGS: answers_erased(session, service_date),
    }
    return tuple(kind for kind, is_gone in told.items() if is_gone)


def _must_be_there(session: Session, day: date, vehicle_id: str | None, case_id: str | None) -> None:
    """Refuse a name that the night does not have; where its answers are erased, nobody can tell."""
    if answers_erased(session, day):
        too_long = len(vehicle_id or "") > VEHICLE_MAX or len(case_id or "") > CASE_MAX
        if too_long:
            raise HoldRefused("the vehicle or the case has too long a name")
        return
    if vehicle_id is not None and not _has(
        session, VehicleDay.service_date == day, VehicleDay.vehicle_id == vehicle_id
    ):
        raise HoldRefused(f"vehicle {vehicle_id!r} was not audited on {day}: expected a vehicle_id of the register")
    if case_id is not None and not _has(session, CaseRow.service_date == day, CaseRow.case_id == case_id):
        raise HoldRefused(f"case {case_id!r} is not one of {day}: expected a case of that service day")


def _has(session: Session, *conditions: Any) -> bool:
    return bool(session.scalar(select(exists().where(*conditions))))


def _log(session: Session, by: Actor, action: str, day: date, at_ms: int, reason: str) -> None:
    role = role_in(by, Permission.MANAGE_HOLDS)
    append(session, [Entry(at_ms, by.name, role, action, SUBJECT_KIND, day.isoformat(), reason)])
