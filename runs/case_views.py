"""Cases and findings as they are told to whoever may see them: JSON-ready, times local, people by number only.

Whoever shows a case takes it from here: what somebody may not see is left out before it is handed on.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.finding import Finding
from cases.case import Case, Disposal, Event
from cases.matter import CaseFinding, SubjectKind
from cases.roles import Actor, Role, may
from cases.states import Action, possible, transition
from maps.people import People
from trajectories.clock import LocalTime

PERSONAL = frozenset({SubjectKind.PERSON, SubjectKind.TRAINEE})
"""Subjects that nobody is shown without a reason."""

SCHOOL_SEES = frozenset(
    {
        Action.ASK_SCHOOL, Action.ANSWER, Action.CONFIRM, Action.DISMISS, Action.DISPOSE, Action.GIVE_FEEDBACK,
        Action.REVIEW_FEEDBACK, Action.CLOSE, Action.REOPEN,
    }
)  # fmt: skip
"""Of which events a school's account is told."""
SCHOOL_READS = frozenset(
    {Action.ASK_SCHOOL, Action.ANSWER, Action.DISPOSE, Action.GIVE_FEEDBACK, Action.REVIEW_FEEDBACK}
)
"""Which texts are addressed to the school, or its own. What the office writes for itself is not."""

_BULKY = frozenset({"text", "due_ms", "basis", "matter", "by"})


@dataclass(frozen=True, slots=True)
class Sight:
    """How somebody sees: in which time zone, as a school or not, and when."""

    local: LocalTime
    actor: Actor
    now_ms: int

    @property
    def is_school(self) -> bool:
        """Whether a school's account looks."""
        return any(g.role is Role.SCHOOL for g in self.actor.grants)


class Numbers:
    """Calls people by numbers that only one answer uses: nobody can follow a person from one answer to the next."""

    def __init__(self, people: Iterable[tuple[str, str]]) -> None:
        """Take who may occur, as (person or trainee, key)."""
        self._numbers: dict[tuple[str, str], int] = {}
        for kind in (str(SubjectKind.PERSON), str(SubjectKind.TRAINEE)):
            drawn = sorted({key for k, key in people if k == kind})
            secrets.SystemRandom().shuffle(drawn)
            self._numbers.update(((kind, key), i) for i, key in enumerate(drawn, 1))

    def label(self, kind: str, key: str) -> str:
        """Return how somebody is called in this answer, such as #001."""
        return f"#{self._numbers[kind, key]:03d}"


# ---------------------------------------------------------------- cases
def numbers_of(cases: Iterable[Case]) -> Numbers:
    """Return numbers for the people whom some cases are about."""
    return Numbers([(str(c.subject_kind), c.subject_id) for c in cases if c.subject_kind in PERSONAL])


def case_line(case: Case, sight: Sight, numbers: Numbers) -> dict[str, Any]:
    """Return a case as a list shows it; whom it is about only where that is no person."""
    told: dict[str, Any] = {
        "case_id": case.case_id,
        "service_date": case.service_date.isoformat(),
        "subject_kind": str(case.subject_kind),
        "subject": numbers.label(str(case.subject_kind), case.subject_id)
        if case.subject_kind in PERSONAL
        else case.subject_id,
        "school_id": case.school_id,
        "district": case.district,
        "state": str(case.state),
        "severity": str(case.severity),
        "rules": sorted({f.rule for f in case.present or case.findings}),
        "n_findings": len(case.present),
        "assignee": None if sight.is_school else case.assignee,
        "opened": sight.local.iso(case.opened_ms),
        "due": due_day(case.due_ms, sight.local),
        "is_overdue": case.due_ms is not None and case.due_ms <= sight.now_ms,
        "needs_review": case.needs_review,
        "is_picked": case.is_picked,
        "n_events": case.n_events,
    }
    return told


def due_day(due_ms: int | None, local: LocalTime) -> str | None:
    """Return the last day of a deadline: it ends with that day."""
    return None if due_ms is None else local.moment(due_ms - 1).date().isoformat()


def whole_case(
    case: Case, events: Sequence[Event], standing: Mapping[str, Finding], sight: Sight, *, named: bool
) -> dict[str, Any]:
    """Return all that somebody may see of a case. `standing`: its findings by id; `named`: the person is shown."""
    told = {
        **case_line(case, sight, numbers_of([case])),
        "entered": sight.local.iso(case.entered_state_ms),
        "escalated": case.escalated,
        "proposal": None if sight.is_school else _disposal(case.proposal, sight),
        "disposals": [_disposal(d, sight) for d in case.disposals],
        "feedback_accepted": case.feedback_accepted,
        "findings": [finding_in_case(f, standing.get(f.finding_id), sight.local) for f in case.findings],
        "events": [_event(e, sight) for e in events if not sight.is_school or e.action in SCHOOL_SEES],
        "possible": possible_for(case, sight.actor),
    }
    if case.subject_kind not in PERSONAL:
        return told
    if named:
        return {**told, "subject": case.subject_id}
    label = told["subject"]
    masked: dict[str, Any] = People(lambda _: label, [case.subject_id]).mask(told)
    return masked


def _disposal(disposal: Disposal | None, sight: Sight) -> dict[str, Any] | None:
    if disposal is None:
        return None
    told = {"kind": str(disposal.kind), "at": sight.local.iso(disposal.at_ms), **disposal.particulars}
    return told if sight.is_school else {**told, "by": disposal.actor}


def finding_in_case(held: CaseFinding, said: Finding | None, local: LocalTime) -> dict[str, Any]:
    """Return a finding as its case holds it, with what the audit said of it."""
    told = {
        "finding_id": held.finding_id,
        "rule": held.rule,
        "severity": str(held.severity),
        "status": str(held.status),
        "reason": None if held.reason is None else str(held.reason),
        "is_present": held.is_present,
        "is_changed": held.is_changed,
        "is_automatic": held.is_automatic,
        "start": local.iso(held.start_ms),
        "end": local.iso(held.end_ms),
        "school_id": held.school_id,
        "district": held.district,
        "zone_id": held.zone_id,
        "confidence": held.confidence,
    }
    if said is None:
        return {**told, "vehicle_id": None, "plate": None, "summary_zh": None, "summary_en": None, "margins": {}}
    words = {"vehicle_id": said.vehicle_id, "plate": said.plate, "summary_zh": said.summary_zh}
    return {**told, **words, "summary_en": said.summary_en, "margins": dict(said.evidence.get("margins", {}))}


def _event(event: Event, sight: Sight) -> dict[str, Any]:
    is_read = not sight.is_school or event.action in SCHOOL_READS
    by_office = sight.is_school and event.role is not Role.SCHOOL
    return {
        "seq": event.seq,
        "at": sight.local.iso(event.at_ms),
        "actor": None if by_office else event.actor,
        "role": None if event.role is None else str(event.role),
        "action": str(event.action),
        "text": event.payload.get("text") if is_read else None,
        "details": _details(event) if is_read else {},
    }


def _details(event: Event) -> dict[str, Any]:
    """Return what an event says beside its text; findings that came, changed or went by their ids."""
    told = {name: value for name, value in event.payload.items() if name not in _BULKY}
    if event.action is Action.OPEN:
        told["findings"] = [f["finding_id"] for f in told["findings"]]
    elif event.action is Action.ADD_FINDING:
        told["added"] = [f["finding_id"] for f in told["added"]]
    elif event.action is Action.CHANGE_FINDING:
        told["changed"] = [pair["finding"]["finding_id"] for pair in told["changed"]]
    return told


def possible_for(case: Case, actor: Actor) -> list[dict[str, Any]]:
    """Return what an account may do with a case as it stands, each with the fields that it takes."""
    out = []
    for action in possible(case.state):
        step = transition(action, case.state)
        if step is None or actor.is_system or not may(actor, action, case) or not _fits(case, action):
            continue
        out.append({"action": str(action), "required": list(step.required), "optional": list(step.optional)})
    return out


def _fits(case: Case, action: Action) -> bool:
    """Whether an action would not be refused for what the case lacks, whatever is said with it."""
    if action is Action.UPHOLD:
        return case.needs_review
    if action in {Action.PROPOSE_SUSPENSION, Action.DISPOSE, Action.CLOSE}:
        return not case.needs_review and not case.unsettled
    return action is not Action.ASK_SCHOOL or case.school_id is not None


# ---------------------------------------------------------------- findings
def finding_line(
    found: Finding, local: LocalTime, numbers: Numbers, named: frozenset[tuple[str, str]]
) -> dict[str, Any]:
    """Return a finding as a list shows it; `named`: the (kind, key) of those who are shown by their keys."""
    told = {
        "finding_id": found.finding_id,
        "rule": found.rule,
        "severity": str(found.severity),
        "vehicle_id": found.vehicle_id,
        "plate": found.plate,
        "school_id": found.school_id,
        "district": found.district,
        "zone_id": found.zone_id,
        "session_id": found.session_id,
        "feed": found.feed,
        "person": _called(SubjectKind.PERSON, found.person_id, numbers, named),
        "trainee": _called(SubjectKind.TRAINEE, found.trainee_id, numbers, named),
        "start": local.iso(found.start_ms),
        "end": local.iso(found.end_ms),
        "confidence": found.confidence,
        "summary_zh": found.summary_zh,
        "summary_en": found.summary_en,
        "margins": dict(found.evidence.get("margins", {})),
    }
    hidden = [(kind, key) for kind, key in people_of(found) if (kind, key) not in named]
    if not hidden:
        return told
    labels = {key: numbers.label(kind, key) for kind, key in hidden}
    masked: dict[str, Any] = People(lambda key: labels[key], labels).mask(told)
    return masked


def people_of(found: Finding) -> list[tuple[str, str]]:
    """Return whom a finding names, as (person or trainee, key)."""
    named = ((SubjectKind.PERSON, found.person_id), (SubjectKind.TRAINEE, found.trainee_id))
    return [(str(kind), key) for kind, key in named if key]


def _called(kind: SubjectKind, key: str | None, numbers: Numbers, named: frozenset[tuple[str, str]]) -> str | None:
    if not key:
        return None
    return key if (str(kind), key) in named else numbers.label(str(kind), key)
