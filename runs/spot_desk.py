"""Spot checks: vehicle-days that nobody suspects, looked at all the same, and what they say of what audits miss.

Drawn ones come from the nightly. What somebody picks by hand is looked at, too, and no estimate rests on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from cases.roles import Actor, Permission, Place, has_permission_at
from cases.spot_checks import WHOLE_CITY, AuditedDay, missed_estimate, pick
from cases.states import TEXT_MAX
from runs.settings import Settings
from runs.who import look
from runs.words import say
from store.access_log import Entry, append, is_reason
from store.accounts import role_in
from store.casework import CLEAN, UNCLEAR, VIOLATION, checked, checks_between, record_checks
from store.engine import Store, StoreRefused
from store.results import findings_of
from store.tables.casework import SpotCheck
from store.tables.results import VehicleDay
from trajectories.clock import LocalTime

PICKED, DECIDED = "spot-check-pick", "spot-check-decide"


class Outcome(StrEnum):
    """What a person saw."""

    CLEAN = CLEAN
    VIOLATION = VIOLATION
    UNCLEAR = UNCLEAR


class CheckRefused(StoreRefused):
    """A spot check that cannot be picked or decided so; the message says why and what to do."""


def checks(
    store: Store, actor: Actor, settings: Settings, first: date, last: date, *, undecided: bool = False
) -> list[dict[str, Any]]:
    """Return the spot checks of some nights that an account may see; `undecided`: only those still to be looked at."""
    look(store, actor, "vehicle", _named(first, last))
    local = LocalTime(settings.nightly.timezone)
    with store.reading() as session:
        rows = _visible(actor, checks_between(session, first, last))
    return [_told(row, local) for row in rows if not (undecided and row.outcome)]


def _named(first: date, last: date) -> str:
    return f"spot-checks {first}" if first == last else f"spot-checks {first} {last}"


def _visible(actor: Actor, rows: Iterable[SpotCheck]) -> list[SpotCheck]:
    return [r for r in rows if has_permission_at(actor, Permission.LOOK_AT_VEHICLE, r)]


def _told(row: SpotCheck, local: LocalTime) -> dict[str, Any]:
    return {
        "service_date": row.service_date.isoformat(),
        "vehicle_id": row.vehicle_id,
        "school_id": row.school_id,
        "district": row.district,
        "probability": row.probability,
        "picked_by": row.picked_by,
        "reason": row.reason,
        "outcome": row.outcome,
        "decided_by": row.decided_by,
        "decided": None if row.decided_ms is None else local.iso(row.decided_ms),
        "note": row.note,
    }


def pick_check(
    store: Store, actor: Actor, settings: Settings, service_date: date, vehicle_id: str, reason: str
) -> dict[str, Any]:
    """Put a vehicle-day on the list by hand; raises `CheckRefused` where it is there already, or was not audited."""
    with store.reading() as session:
        day = _audited(session, service_date, vehicle_id)
        suspected = {f.vehicle_id for f in findings_of(session, service_date)} if day is not None else set()
    place = _place(day)
    _check_text(reason, say("Say why it is picked (--reason TEXT)."))
    look(store, actor, "vehicle", vehicle_id[:200], reason, place=place)
    if day is None:
        text = say("Vehicle {vehicle} was not audited on {date}: expected one of the register on a night in the store.")
        raise CheckRefused(text.format(vehicle=vehicle_id, date=service_date))
    check = pick(AuditedDay(vehicle_id, day.school_id, vehicle_id in suspected, day.is_assessable), service_date)
    now_ms = store.clock()
    with store.writing() as session:
        districts = {vehicle_id: day.district}
        if not record_checks(session, [check], districts, now_ms, picked_by=actor.name, reason=reason):
            raise CheckRefused(
                say("{vehicle} is on the list of {date} already.").format(vehicle=vehicle_id, date=service_date)
            )
        session.flush()
        _write(session, actor, place, now_ms, PICKED, vehicle_id, f"{service_date}: {reason}")
        return _told(_row(session, service_date, vehicle_id), LocalTime(settings.nightly.timezone))


def decide_check(
    store: Store,
    actor: Actor,
    settings: Settings,
    service_date: date,
    vehicle_id: str,
    outcome: Outcome,
    note: str = "",
    *,
    again: bool = False,
) -> dict[str, Any]:
    """Write down what somebody saw of a vehicle-day. What was decided once is decided anew only `again`.

    Anything but clean needs a note. Each decision stays in the access log, the earlier ones, too.
    """
    with store.reading() as session:
        place = _place(
            session.get(SpotCheck, (service_date, vehicle_id)) or _audited(session, service_date, vehicle_id)
        )
    why = f"{service_date} {outcome}" + (f": {note}" if note else "")
    look(store, actor, "vehicle", vehicle_id[:200], why, place=place)
    if outcome is not Outcome.CLEAN or note:
        _check_text(note, say("Say what was seen, or why it stays unclear (--note TEXT)."))
    now_ms = store.clock()
    with store.writing() as session:
        row = _row(session, service_date, vehicle_id)
        if row.outcome in {CLEAN, VIOLATION} and not again:
            text = say("{vehicle} was decided by {name}: {outcome}. To decide it anew, give --again.")
            raise CheckRefused(text.format(vehicle=vehicle_id, name=row.decided_by, outcome=row.outcome))
        row.outcome, row.decided_by, row.decided_ms, row.note = outcome.value, actor.name, now_ms, note or None
        session.flush()
        _write(session, actor, place, now_ms, DECIDED, vehicle_id, why)
        return _told(row, LocalTime(settings.nightly.timezone))


def _audited(session: Session, service_date: date, vehicle_id: str) -> VehicleDay | None:
    return session.get(VehicleDay, (service_date, vehicle_id))


def _place(row: SpotCheck | VehicleDay | None) -> Place:
    """Return where a vehicle-day belongs; what is not known there is the whole city's."""
    return Place() if row is None else Place(row.district, row.school_id)


def _row(session: Session, service_date: date, vehicle_id: str) -> SpotCheck:
    row = session.get(SpotCheck, (service_date, vehicle_id), with_for_update=True)
    if row is None:
        text = say("{vehicle} is not on the list of {date}: `trajaudit spot-check list` shows it, `pick` adds to it.")
        raise CheckRefused(text.format(vehicle=vehicle_id, date=service_date))
    return row


def _check_text(text: str, what: str) -> None:
    if not is_reason(text) or len(text) > TEXT_MAX:
        raise CheckRefused(f"{what} " + say("At most {n} characters.").format(n=TEXT_MAX))


def _write(session: Session, actor: Actor, place: Place, at_ms: int, action: str, vehicle_id: str, why: str) -> None:
    role = role_in(actor, Permission.LOOK_AT_VEHICLE, place)
    append(session, [Entry(at_ms, actor.name, role, action, "vehicle", vehicle_id, why)])


def missed(store: Store, actor: Actor, settings: Settings, first: date, last: date) -> dict[str, Any]:
    """Return what the random checks of some nights say of all vehicle-days that nobody suspected.

    Only strata that an account may see whole take part: `n_left_out` checks are in others. `n_picked` were picked by
    hand; no estimate rests on them.
    """
    del settings
    look(store, actor, "vehicle", _named(first, last))
    with store.reading() as session:
        rows = checks_between(session, first, last)
    visible = _visible(actor, rows)
    whole = _whole_strata(visible, rows, actor)
    drawn = [r for r in visible if r.probability is not None]
    told = [checked(r) for r in drawn if (r.service_date, r.stratum) in whole]
    return {
        "first": first.isoformat(),
        "last": last.isoformat(),
        **asdict(missed_estimate(told)),
        "n_picked": sum(r.probability is None for r in visible),
        "n_left_out": len([r for r in rows if r.probability is not None]) - len(told),
    }


def _whole_strata(visible: Sequence[SpotCheck], rows: Sequence[SpotCheck], actor: Actor) -> set[tuple[date, str]]:
    """Return the strata of which an account may see everything; the whole city's takes the whole city."""
    seen = {(r.service_date, r.vehicle_id) for r in visible}
    partly = {(r.service_date, r.stratum) for r in rows if (r.service_date, r.vehicle_id) not in seen}
    everywhere = has_permission_at(actor, Permission.LOOK_AT_VEHICLE, Place())
    strata = {(r.service_date, r.stratum) for r in visible if everywhere or r.stratum != WHOLE_CITY}
    return strata - partly
