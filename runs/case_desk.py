"""The cases' desk: what is to be looked at today, one case with all that is known of it, and what is done with it.

The command line and the API ask here. Every look is in the access log before anything is handed over, a denied one,
too; whom a case is about is handed over only to whoever may look at a person and says why. What somebody does with a
case is decided and recorded in one transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from cases.case import Case, Event, replay
from cases.deciding import Refused, decide
from cases.precision import judged_of, precision
from cases.roles import Actor, Permission, Place, Placed, has_permission_at, may, may_see
from cases.states import DECIDED, UNDECIDED, UNDER_WAY, Action, State
from cases.triage import Ranked, repetition, triage
from runs import who
from runs.case_views import (
    PERSONAL,
    Numbers,
    Sight,
    case_line,
    finding_line,
    numbers_of,
    people_of,
    possible_for,
    whole_case,
)
from runs.office_terms import terms_of
from runs.settings import Settings
from runs.who import acting, look
from runs.words import say
from store.access_log import Entry, LogRefused, append, is_reason
from store.accounts import actor_of, named_by_os
from store.casework import CaseChanged, cases_where, load_case, load_events, load_to_change, open_cases, record_events
from store.engine import Store, StoreRefused
from store.pages import case_page
from store.results import findings_of, to_finding
from store.tables.casework import CaseRow
from store.tables.results import FindingRow
from trajectories.clock import LocalTime, to_ms

ACT_DENIED = "act-denied"
PRECISION_BY = {"rule": "rule", "school": "school_id", "provider": "provider", "month": "month"}
"""What the table of precision may be broken down by, as it is asked for."""

Payload = Mapping[str, Any] | Callable[[Case], Mapping[str, Any]]
"""What is said with an action; or what makes it of the case as it stands in the transaction."""


class NoSuchCase(StoreRefused):
    """There is no case of that number."""


class ActRefused(StoreRefused):
    """Something that may not be done with a case, or not so. `possible`: what this account may do instead."""

    def __init__(self, refused: Refused, possible: Sequence[Mapping[str, Any]]) -> None:
        self.code, self.zh, self.en, self.possible = refused.code, refused.zh, refused.en, tuple(possible)
        super().__init__(f"{refused.zh} / {refused.en}")


def here(store: Store) -> Actor:
    """Return the account of whoever runs the command line, whatever it may do; `NotAllowed` where there is none.

    What it may is asked where it does something, so that what is denied is written down.
    """
    with store.reading() as session:
        name = named_by_os(session, who.os_user())
        if name is not None:
            return actor_of(session, name, store.clock())
    return acting(store, Permission.READ_CASES)


def sight_of(store: Store, actor: Actor, settings: Settings) -> Sight:
    """Return how an account sees now."""
    return Sight(LocalTime(settings.nightly.timezone), actor, store.clock())


# ---------------------------------------------------------------- many cases
def queue(store: Store, actor: Actor, settings: Settings) -> dict[str, Any]:
    """Return the undecided cases in the office's order: `today` as many as it can look into, and all others `waiting`.

    Ranks are the whole city's; an account sees those of its districts, and how many there are in all. `review`: decided
    cases that a re-audit has changed since. The order is the office's own: a school is not told it.
    """
    look(store, actor, "finding", "queue")
    sight = sight_of(store, actor, settings)
    until, days = sight.local.service_date(sight.now_ms), settings.cases.repetition_days
    with store.reading() as session:
        cases, late = open_cases(session), cases_where(session, since=until - timedelta(days=days - 1))
        changed = _changed_since(session)
    ranked = triage(cases, settings.cases.capacity, repetition(late, until, days), sight.now_ms, sight.local)
    numbers = numbers_of([*cases, *changed])
    not_looked_at = {r.case.case_id for r in ranked.not_looked_at}

    def lines(part: Iterable[Ranked]) -> list[dict[str, Any]]:
        return [
            {
                "rank": r.rank, "age_days": r.age_days, "not_looked_at": r.case.case_id in not_looked_at,
                **case_line(r.case, sight, numbers),
            }
            for r in part
            if may_see(actor, r.case)
        ]  # fmt: skip

    return {
        "capacity": settings.cases.capacity,
        "n_today": len(ranked.today),
        "n_waiting": len(ranked.waiting),
        "n_not_looked_at": len(not_looked_at),
        "today": lines(ranked.today),
        "waiting": lines(ranked.waiting),
        "review": [case_line(c, sight, numbers) for c in changed if may_see(actor, c)],
    }


def _changed_since(session: Session) -> list[Case]:
    row, states = CaseRow, [str(s) for s in DECIDED]
    ids = session.scalars(select(row.case_id).where(row.needs_review, row.state.in_(states)).order_by(row.case_id))
    return [case for case in (load_case(session, i) for i in list(ids)) if case is not None]


def listed(
    store: Store,
    actor: Actor,
    settings: Settings,
    *,
    service_date: date | None = None,
    state: State | None = None,
    everything: bool = False,
    after: Sequence[Any] | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return cases that an account may see: undecided and under way, or of one state, or all.

    By service day, opening and id; at most `limit`, behind the place `after` (`place_of_line`). Only those are read.
    """
    look(store, actor, "case", f"list {service_date or 'all'} {state or ('all' if everything else 'open')}")
    sight, row = sight_of(store, actor, settings), CaseRow
    states = [state] if state else list(State) if everything else [*UNDECIDED, *UNDER_WAY]
    where: list[ColumnElement[bool]] = [row.state.in_(sorted(map(str, states)))]
    if service_date is not None:
        where.append(row.service_date == service_date)
    with store.reading() as session:
        rows = case_page(session, where, after, limit, lambda r: may_see(actor, r))
        events = load_events(session, [r.case_id for r in rows])
    seen = [replay(events[r.case_id]) for r in rows]
    numbers = numbers_of(seen)
    return [case_line(c, sight, numbers) for c in seen]


def place_of_line(line: Mapping[str, Any]) -> list[Any]:
    """Return where a line of a list stands, JSON-ready."""
    return [line["service_date"], to_ms(datetime.fromisoformat(line["opened"])), line["case_id"]]


def precision_table(
    store: Store, actor: Actor, settings: Settings, by: Sequence[str] = ("rule",), since: date | None = None
) -> list[dict[str, Any]]:
    """Return how often what was suspected was true, by `PRECISION_BY`, of the cases that an account may see."""
    del settings
    unknown = [name for name in by if name not in PRECISION_BY]
    if unknown or not by:
        text = say("There is no table by {unknown}; expected some of {known}.")
        raise StoreRefused(text.format(unknown=repr(", ".join(unknown)), known=", ".join(PRECISION_BY)))
    look(store, actor, "finding", "precision")
    with store.reading() as session:
        cases = [c for c in cases_where(session, since=since) if may_see(actor, c)]
    rows = precision((j for c in cases for j in judged_of(c)), tuple(PRECISION_BY[name] for name in by))
    return [
        {
            **{name: row.key[PRECISION_BY[name]] for name in by},
            **{name: value for name, value in asdict(row).items() if name not in {"key", "reasons"}},
            "n": row.n,
            "reasons": {str(reason): n for reason, n in row.reasons.items()},
        }
        for row in rows
    ]


def findings(
    store: Store, actor: Actor, settings: Settings, service_date: date, reason: str = ""
) -> list[dict[str, Any]]:
    """Return the findings of a night that an account may see; people by number, or with a reason by their keys."""
    look(store, actor, "night", service_date.isoformat(), reason)
    with store.reading() as session:
        found = [f for f in findings_of(session, service_date) if has_permission_at(actor, Permission.READ_FINDINGS, f)]
    named = _looked_at(store, actor, found, reason) if is_reason(reason) else frozenset()
    numbers, local = Numbers([p for f in found for p in people_of(f)]), LocalTime(settings.nightly.timezone)
    return [finding_line(f, local, numbers, named) for f in found]


def _looked_at(store: Store, actor: Actor, found: Iterable[Any], reason: str) -> frozenset[tuple[str, str]]:
    """Write down a look at everybody whom an account may look at there; return them."""
    places: dict[tuple[str, str], Placed] = {}
    for f in found:
        if has_permission_at(actor, Permission.LOOK_AT_PERSON, f):
            places.update((person, f) for person in people_of(f))
    for (kind, key), place in sorted(places.items(), key=lambda item: item[0]):
        look(store, actor, kind, key, reason, place=place)
    return frozenset(places)


# ---------------------------------------------------------------- one case
def show(store: Store, actor: Actor, settings: Settings, case_id: str, reason: str = "") -> dict[str, Any]:
    """Return a case with its findings, its events and what this account may do next; the look is written down first.

    A case about a person or a trainee needs a reason from whoever may look at people; anybody else who may see the case
    is not told whom it is about.
    """
    case = _seen(store, actor, case_id, reason)
    named = case.subject_kind in PERSONAL and has_permission_at(actor, Permission.LOOK_AT_PERSON, case)
    if named and not is_reason(reason):
        raise LogRefused(say("This case is about a person: say why you look (--reason TEXT)."))
    look(store, actor, "case", case_id, reason, place=case)
    if named:
        look(store, actor, str(case.subject_kind), case.subject_id, reason, case=case_id, place=case)
    with store.reading() as session:
        events = load_events(session, [case_id])[case_id][: case.n_events]
        standing = _said_of(session, [f.finding_id for f in case.findings])
    return whole_case(case, events, standing, sight_of(store, actor, settings), named=named)


def _seen(store: Store, actor: Actor, case_id: str, reason: str = "") -> Case:
    """Return a case that an account may see. Whether there is one it may not see, it is not told."""
    if not re.fullmatch("C[0-9a-f]{20}", case_id):
        raise NoSuchCase(
            say("A case's number is C and 20 digits or letters a to f, as `trajaudit case list` shows it.")
        )
    with store.reading() as session:
        case = load_case(session, case_id)
    place = Place() if case is None else case
    if not may_see(actor, place):
        look(store, actor, "case", case_id, reason, place=place)  # denies, and writes it down
    if case is None:
        raise NoSuchCase(say("There is no case {case}.").format(case=case_id))
    return case


def _said_of(session: Session, names: Sequence[str]) -> dict[str, Any]:
    """Return the findings of some ids as they stand, or as they last stood."""
    row = FindingRow
    found = session.scalars(select(row).where(row.finding_id.in_(names)).order_by(row.recorded_ms, row.id)).all()
    return {r.finding_id: to_finding(r) for r in found}


# ---------------------------------------------------------------- doing something
def act(
    store: Store,
    actor: Actor,
    settings: Settings,
    case_id: str,
    action: Action,
    payload: Payload,
    *,
    seen: int | None = None,
) -> dict[str, Any]:
    """Record what somebody does with a case, and return the case as it stands then, without whom it is about.

    `seen`: how many events the case had when it was looked at. Raises `CaseChanged` where it has others;
    `ActRefused` where it may not be done, or not so. Of several at once one waits for the other.
    """
    _seen(store, actor, case_id)
    sight = sight_of(store, actor, settings)
    try:
        case = _recorded(store, actor, settings, case_id, action, payload, seen)
    except ActRefused as error:
        if error.code == "not-allowed":
            _write_denied(store, actor, case_id, action)
        raise
    return {**case_line(case, sight, numbers_of([case])), "possible": possible_for(case, actor)}


def _recorded(
    store: Store, actor: Actor, settings: Settings, case_id: str, action: Action, payload: Payload, seen: int | None
) -> Case:
    """Decide and record in one transaction."""
    due = terms_of(settings, LocalTime(settings.nightly.timezone)).due_ms
    with store.writing() as session:
        case = load_to_change(session, case_id)
        if case is None:
            raise NoSuchCase(say("There is no case {case}.").format(case=case_id))
        if seen is not None and seen != case.n_events:
            raise CaseChanged(f"case {case_id} has {case.n_events} events by now, not {seen}: look at it again")
        told = payload(case) if callable(payload) else payload
        try:
            event = decide(case, actor, action, told, store.clock(), due)
        except Refused as refused:
            raise ActRefused(refused, possible_for(case, actor)) from refused
        _check_assignee(session, case, event)
        return record_events(session, case, [event])


def _check_assignee(session: Session, case: Case, event: Event) -> None:
    """A case is given only to somebody who may handle it there."""
    if event.action is not Action.ASSIGN:
        return
    name = event.payload["assignee"]
    if not may(actor_of(session, name, event.at_ms), Action.START_VERIFYING, case):
        text = say("Account {name} may not handle this case: expected an auditor, reviewer or head for its district.")
        raise StoreRefused(text.format(name=name))


def _write_denied(store: Store, actor: Actor, case_id: str, action: Action) -> None:
    with store.writing() as session:
        append(session, [Entry(store.clock(), actor.name, "none", ACT_DENIED, "case", case_id, str(action))])
