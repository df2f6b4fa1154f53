"""A case is what its events made of it: the events are kept, the case is folded from them.

Nothing here asks whether something may be done (`cases.deciding` does, before an event is recorded) or what a re-audit
does to a case (`cases.following`). Times are ms UTC, given by whoever records the event.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from audit.finding import Severity
from cases.matter import CaseFinding, FindingStatus, Matter, SubjectKind
from cases.roles import REVIEWERS, Actor, Role
from cases.states import DECIDED, Action, DismissReason, DisposalKind, State, transition

Due = Callable[[State, int, Mapping[str, Any]], int | None]
"""(state entered, when, payload of the event) to the moment by which it should be left, ms UTC; None: no deadline."""

CONFIRMED = "confirmed"
DISMISSED = "dismissed"


class BrokenHistory(ValueError):
    """Events that no case can have had; the message names the event."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a case. `seq` counts from 1 without gaps; `role` is None for the program itself.

    `payload` is JSON-ready. `due_ms` in it is the deadline of the state that the event led into.
    """

    seq: int
    at_ms: int
    actor: str
    role: Role | None
    action: Action
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Disposal:
    """What was ordered: its kind, its particulars (`points`, `by_date`, `days`, `since`), by whom and when."""

    kind: DisposalKind
    particulars: Mapping[str, Any]
    actor: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands. `findings` in order of start and id; places are None where findings differ in theirs.

    `needs_review`: a re-audit changed something after people had decided, and no reviewer has settled it yet.
    `proposal`: a suspension proposed and not yet ordered. `escalated`: the highest level reached in this state.
    `feedback_accepted`: what the last review of feedback said; None before one.
    """

    matter: Matter
    state: State
    findings: tuple[CaseFinding, ...]
    school_id: str | None
    district: str | None
    opened_ms: int
    entered_state_ms: int
    due_ms: int | None
    n_events: int
    assignee: str | None = None
    needs_review: bool = False
    is_picked: bool = False
    escalated: int = 0
    proposal: Disposal | None = None
    disposals: tuple[Disposal, ...] = ()
    feedback_accepted: bool | None = None

    @property
    def case_id(self) -> str:
        """Its id, which follows from the matter."""
        return self.matter.case_id

    @property
    def service_date(self) -> date:
        """The service day it is about."""
        return self.matter.service_date

    @property
    def subject_kind(self) -> SubjectKind:
        """What it is about."""
        return self.matter.subject_kind

    @property
    def subject_id(self) -> str:
        """Whom or which it is about."""
        return self.matter.subject_id

    @property
    def present(self) -> tuple[CaseFinding, ...]:
        """The findings that the last audit has."""
        return tuple(f for f in self.findings if f.is_present)

    @property
    def unsettled(self) -> tuple[CaseFinding, ...]:
        """The findings of which something is left to judge."""
        return tuple(f for f in self.findings if not f.is_settled)

    @property
    def is_judged_by_people(self) -> bool:
        """Whether a person's conclusion about any of its findings stands."""
        return any(f.is_judged_by_people for f in self.findings)

    @property
    def severity(self) -> Severity:
        """The gravest of its present findings, or of all where none is present."""
        order = list(Severity)
        return max((f.severity for f in self.present or self.findings), key=order.index)


def recorded(
    case: Case | None, actor: Actor, role: Role | None, action: Action, payload: Mapping[str, Any], at_ms: int,
    due: Due | None = None,
) -> Event:  # fmt: skip
    """Return the next event of a case, with the deadline of the state it leads into; BrokenHistory if it cannot be."""
    told = json.loads(json.dumps(payload, allow_nan=False))
    event = Event(1 if case is None else case.n_events + 1, at_ms, actor.name, role, action, told)
    entered = _entered(case, event)
    if entered is not None and due is not None:
        told["due_ms"] = due(entered, at_ms, told)
    return event


def replay(events: Iterable[Event]) -> Case:
    """Return the case that its events, in order, made; BrokenHistory where no case can have had them."""
    case = None
    for event in events:
        case = applied(case, event)
    if case is None:
        raise BrokenHistory("a case begins with the event open, and there is no event")
    return case


def applied(case: Case | None, event: Event) -> Case:
    """Return a case after one more event; `case` None: the event opens it."""
    entered = _entered(case, event)
    if case is None:
        return _opened(event)
    effect = _EFFECTS.get(event.action)
    after = case if effect is None else effect(case, event)
    if entered is not None:
        after = _moved(after, entered, event)
    return replace(after, n_events=event.seq, needs_review=_needs_review(case, after, event))


def _entered(case: Case | None, event: Event) -> State | None:
    """Return the state an event leads into, None where the state stays."""
    expected = 1 if case is None else case.n_events + 1
    if event.seq != expected:
        raise BrokenHistory(f"event {event.seq} {event.action} stands where event {expected} should")
    if case is None:
        if event.action is not Action.OPEN:
            raise BrokenHistory(f"a case begins with the event open, not with {event.action}")
        return State.NEW
    step = transition(event.action, case.state)
    if step is None:
        raise BrokenHistory(f"event {event.seq} {event.action}: not possible in state {case.state}")
    return step.to_state


def _opened(event: Event) -> Case:
    findings = tuple(CaseFinding.from_json(told) for told in event.payload["findings"])
    matter, due_ms = Matter.from_json(event.payload["matter"]), event.payload.get("due_ms")
    return _with(Case(matter, State.NEW, (), None, None, event.at_ms, event.at_ms, due_ms, event.seq), findings)


def _moved(case: Case, state: State, event: Event) -> Case:
    due_ms = event.payload.get("due_ms")
    if state is case.state and due_ms is not None and case.due_ms is not None:
        due_ms = max(due_ms, case.due_ms)  # a second measure does not cut the time for the first
    moved = replace(case, state=state, entered_state_ms=event.at_ms, due_ms=due_ms, escalated=0, is_picked=False)
    # What was proposed for a conclusion does not outlive it.
    return replace(moved, proposal=None) if state in {State.CLOSED, State.REOPENED} else moved


def _needs_review(before: Case, after: Case, event: Event) -> bool:
    """Whether something changed under a conclusion: set by the audit where the state stays, settled by reviewers."""
    if event.action in _BY_AUDIT and before.is_judged_by_people and after.state in DECIDED:
        return before.needs_review or bool(after.unsettled)
    if event.action in _SETTLES and event.role in REVIEWERS:
        return False
    return before.needs_review


_BY_AUDIT = frozenset({Action.ADD_FINDING, Action.CHANGE_FINDING, Action.LOSE_FINDING})
_SETTLES = frozenset({Action.UPHOLD, Action.REOPEN, Action.CONFIRM, Action.DISMISS})

# ---------------------------------------------------------------- findings


def _with(case: Case, findings: Iterable[CaseFinding]) -> Case:
    """Return a case with other findings, in order, and the school and district that all present ones share."""
    ordered = tuple(sorted(findings, key=lambda f: (f.start_ms, f.finding_id)))
    present = [f for f in ordered if f.is_present]
    if not present:
        return replace(case, findings=ordered)
    schools, districts = {f.school_id for f in present}, {f.district for f in present}
    return replace(
        case,
        findings=ordered,
        school_id=schools.pop() if len(schools) == 1 else None,
        district=districts.pop() if len(districts) == 1 else None,
    )


def _by_id(case: Case) -> dict[str, CaseFinding]:
    return {f.finding_id: f for f in case.findings}


def _added(case: Case, event: Event) -> Case:
    held = _by_id(case)
    held.update((told["finding_id"], CaseFinding.from_json(told)) for told in event.payload["added"])
    return _with(case, held.values())


def _changed(case: Case, event: Event) -> Case:
    """All at once: ids may have moved round among the findings."""
    held = _by_id(case)
    pairs = [(held[told["was"]], CaseFinding.from_json(told["finding"])) for told in event.payload["changed"]]
    for was, _ in pairs:
        del held[was.finding_id]
    held.update((now.finding_id, _carried(was, now)) for was, now in pairs)
    return _with(case, held.values())


def _carried(was: CaseFinding, now: CaseFinding) -> CaseFinding:
    """Return a finding as it is now with the conclusion drawn of what it was; a mere renumbering is no change."""
    if not was.is_judged:
        return now
    differs = was.substance != now.substance or not was.is_present
    return replace(
        now, status=was.status, reason=was.reason, is_automatic=was.is_automatic, is_changed=was.is_changed or differs
    )


def _lost(case: Case, event: Event) -> Case:
    """What people judged keeps its conclusion, marked; anything else is gone."""
    held = _by_id(case)
    for name in event.payload["lost"]:
        if held[name].is_judged_by_people:
            held[name] = replace(held[name], is_present=False, is_changed=True)
        else:
            held[name] = replace(
                held[name], is_present=False, status=FindingStatus.GONE, reason=None, is_automatic=False
            )
    return _with(case, held.values())


def _judged(case: Case, event: Event) -> Case:
    held = _by_id(case)
    for name, verdict in event.payload["findings"].items():
        confirms = verdict == CONFIRMED
        held[name] = replace(
            held[name],
            status=FindingStatus.CONFIRMED if confirms else FindingStatus.DISMISSED,
            reason=None if confirms else DismissReason(verdict[DISMISSED]),
            is_changed=False,
            is_automatic=event.action is Action.PRE_REVIEW,
        )
    return replace(case, findings=tuple(held[f.finding_id] for f in case.findings))


def _upheld(case: Case, _event: Event) -> Case:
    return replace(case, findings=tuple(replace(f, is_changed=False) for f in case.findings))


# ---------------------------------------------------------------- people


def _assigned(case: Case, event: Event) -> Case:
    return replace(case, assignee=event.payload["assignee"])


def _taken_up(case: Case, event: Event) -> Case:
    return replace(case, assignee=case.assignee or event.actor)


def _ordered(event: Event, kind: DisposalKind) -> Disposal:
    kept = {k: v for k, v in event.payload.items() if k not in {"kind", "text", "due_ms"}}
    return Disposal(kind, kept, event.actor, event.at_ms)


def _proposed(case: Case, event: Event) -> Case:
    return replace(case, proposal=_ordered(event, DisposalKind.SUSPENSION))


def _disposed(case: Case, event: Event) -> Case:
    order = _ordered(event, DisposalKind(event.payload["kind"]))
    proposal = None if order.kind is DisposalKind.SUSPENSION else case.proposal
    return replace(case, disposals=(*case.disposals, order), proposal=proposal, feedback_accepted=None)


def _feedback_given(case: Case, _event: Event) -> Case:
    return replace(case, feedback_accepted=None)


def _feedback_reviewed(case: Case, event: Event) -> Case:
    return replace(case, feedback_accepted=event.payload["accepted"])


def _escalated(case: Case, event: Event) -> Case:
    return replace(case, escalated=event.payload["level"])


def _picked(case: Case, _event: Event) -> Case:
    return replace(case, is_picked=True)


_EFFECTS: dict[Action, Callable[[Case, Event], Case]] = {
    Action.ASSIGN: _assigned,
    Action.START_VERIFYING: _taken_up,
    Action.CONFIRM: _judged,
    Action.DISMISS: _judged,
    Action.PRE_REVIEW: _judged,
    Action.UPHOLD: _upheld,
    Action.PROPOSE_SUSPENSION: _proposed,
    Action.DISPOSE: _disposed,
    Action.GIVE_FEEDBACK: _feedback_given,
    Action.REVIEW_FEEDBACK: _feedback_reviewed,
    Action.ADD_FINDING: _added,
    Action.CHANGE_FINDING: _changed,
    Action.LOSE_FINDING: _lost,
    Action.ESCALATE: _escalated,
    Action.PICK: _picked,
}
"""What an action changes beside the state; the others change nothing else."""
