"""Small cases for the tests of this floor: one car of school S1 in district 370102, and the people who deal with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from audit.finding import Severity
from cases.case import Case, Event, applied, replay
from cases.deciding import decide
from cases.following import follow
from cases.matter import CaseFinding, Matter, SubjectKind
from cases.roles import Actor, Grant, Role
from cases.states import Action, State

DAY = date(2026, 3, 18)  # a Wednesday
MIN_MS = 60_000
HOUR_MS = 60 * MIN_MS
OPENED_MS = 1_773_874_800_000  # 2026-03-19 07:00 in Shanghai
BASIS = {"run_id": "r1"}

LI = Actor("li", (Grant(Role.AUDITOR, frozenset({"370102"})),))
WANG = Actor("wang", (Grant(Role.REVIEWER, frozenset({"370102"})),))
ZHAO = Actor("zhao", (Grant(Role.OFFICE_HEAD),))
BOTH = Actor("both", (Grant(Role.REVIEWER), Grant(Role.OFFICE_HEAD)))
ADMIN = Actor("root", (Grant(Role.ADMINISTRATOR),))
SCHOOL = Actor("school-1", (Grant(Role.SCHOOL, school_id="S1"),))
OTHER_SCHOOL = Actor("school-2", (Grant(Role.SCHOOL, school_id="S2"),))
ROBOT = Actor("robot", (Grant(Role.SERVICE),))
PEOPLE = (LI, WANG, ZHAO, BOTH, ADMIN, SCHOOL, OTHER_SCHOOL, ROBOT)


def found(name: str = "F1", start_h: float = 9, hours: float = 1, **more: Any) -> CaseFinding:
    """A finding of the car; its substance is its time, rule and severity unless told otherwise."""
    start_ms = round(start_h * HOUR_MS)
    facts: dict[str, Any] = {
        "rule": "off-zone-training", "severity": Severity.MAJOR, "confidence": None, "school_id": "S1",
        "district": "370102", "provider": "north", "zone_id": None, "start_ms": start_ms,
        "end_ms": start_ms + round(hours * HOUR_MS), **more,
    }  # fmt: skip
    same = f"{facts['rule']} {facts['severity']} {start_ms} {facts['end_ms']} {facts['school_id']}"
    return CaseFinding(
        finding_id=name,
        content_digest=facts.pop("content_digest", f"{same} {facts['confidence']}"),
        substance=facts.pop("substance", same),
        **facts,
    )


def matter(subject_id: str = "V001", kind: SubjectKind = SubjectKind.VEHICLE, day: date = DAY) -> Matter:
    return Matter(day, kind, subject_id)


def opened(*findings: CaseFinding, about: Matter | None = None, at_ms: int = OPENED_MS) -> Case:
    return replay(follow(None, about or matter(), findings or (found(),), at_ms, BASIS))


def done(case: Case, actor: Actor, action: Action, at_ms: int = OPENED_MS + HOUR_MS, **payload: Any) -> Case:
    """The case after somebody did something."""
    return applied(case, decide(case, actor, action, payload, at_ms))


def followed(case: Case, *now: CaseFinding, at_ms: int = OPENED_MS + 24 * HOUR_MS) -> Case:
    """The case after a re-audit that has these findings."""
    for event in follow(case, case.matter, now, at_ms, BASIS):
        case = applied(case, event)
    return case


def actions(events: list[Event]) -> list[str]:
    return [str(e.action) for e in events]


def verdicts(case: Case, verdict: str | Mapping[str, str] = "confirmed") -> dict[str, Any]:
    return {f.finding_id: verdict for f in case.present}


def led_to(state: State, *findings: CaseFinding) -> Case:
    """A case that people led to a state by the shortest way."""
    case = opened(*findings)
    if state is State.NEW:
        return case
    if state is State.SUPERSEDED:
        return followed(case)
    if state is State.ASSIGNED:
        return done(case, LI, Action.ASSIGN, assignee="li")
    case = done(case, LI, Action.START_VERIFYING)
    if state is State.AWAITING_SCHOOL:
        return done(case, LI, Action.ASK_SCHOOL, text="where was the car?")
    if state is State.DISMISSED:
        return done(case, LI, Action.DISMISS, findings=verdicts(case, {"dismissed": "gps-error"}))
    return case if state is State.VERIFYING else _confirmed(case, state)


def _confirmed(case: Case, state: State) -> Case:
    case = done(case, LI, Action.CONFIRM, findings=verdicts(case))
    steps = [
        (State.CONFIRMED, None),
        (State.DISPOSED, (WANG, Action.DISPOSE, {"kind": "interview"})),
        (State.FEEDBACK, (SCHOOL, Action.GIVE_FEEDBACK, {"text": "we have spoken with him"})),
        (State.FEEDBACK_REVIEWED, (WANG, Action.REVIEW_FEEDBACK, {"accepted": True})),
        (State.CLOSED, (WANG, Action.CLOSE, {})),
        (State.REOPENED, (WANG, Action.REOPEN, {"text": "a witness came"})),
    ]
    for reached, step in steps:
        if step is not None:
            case = done(case, step[0], step[1], **step[2])
        if reached is state:
            return case
    raise AssertionError(state)
