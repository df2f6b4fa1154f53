"""May this account do this with this case now? An event, or a refusal that says why in both languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cases.case import CONFIRMED, DISMISSED, Case, Due, Event, recorded
from cases.matter import CaseFinding, FindingStatus
from cases.roles import MAY_DISPOSE, Actor, Role, acting_roles, may
from cases.states import (
    ACTIONS,
    DISPOSAL_FIELDS,
    DISPOSALS,
    FIELDS,
    STATES,
    Action,
    DismissReason,
    DisposalKind,
    State,
    Transition,
    transition,
)

REFUSALS: dict[str, tuple[str, str]] = {
    "not-allowed": ("该账号无权执行此操作", "this account may not do this"),
    "wrong-state": ("当前状态不能执行此操作", "this cannot be done in the case's present state"),
    "missing-field": ("缺少必填项", "a field is missing"),
    "malformed-field": ("填写内容不符合要求", "a field is not as it should be"),
    "unknown-field": ("不认识的字段", "a field that this action does not have"),
    "unknown-finding": ("该案件中没有此疑点", "the case has no such finding"),
    "unknown-reason": ("不认识的排除理由", "no such reason for dismissing"),
    "unknown-disposal": ("不认识的处置方式", "no such disposal"),
    "text-required": ("须填写说明", "this needs a text that says why"),
    "unjudged": ("尚有疑点未作结论", "a finding is not judged yet"),
    "nothing-confirmed": ("没有任何疑点属实,应作排除", "no finding is confirmed; dismiss the case instead"),
    "confirmed-stands": ("有疑点属实,不能整案排除", "a finding is confirmed, so the case cannot be dismissed"),
    "no-school": ("该案件不属于任何一所驾校", "the case belongs to no one school"),
    "changed-since": (
        "结论之后核查结果有变更,须先维持原结论或重新核查",
        "the audit has changed since the conclusion; uphold it or reopen the case first",
    ),
    "nothing-to-uphold": ("结论之后没有变更", "nothing has changed since the conclusion"),
    "no-proposal": ("尚无停业整改建议", "nobody has proposed a suspension"),
    "same-person": ("停业整改须由建议人以外的人批准", "a suspension is ordered by somebody else than who proposed it"),
    "differs-from-proposal": ("与停业整改建议内容不一致", "it is not what was proposed"),
    "feedback-not-accepted": ("反馈尚未通过审核", "the feedback was not accepted"),
    "already-escalated": ("该级别已催办", "this level was reached before"),
    "findings-remain": ("尚有疑点或结论,不能撤销", "findings or conclusions remain"),
}
"""Why something is refused, by code."""


class Refused(Exception):
    """Something that may not be done: a code of `REFUSALS`, and its words with what it is about."""

    def __init__(self, code: str, what: tuple[str, str] | str = "") -> None:
        zh, en = (what, what) if isinstance(what, str) else what
        words = REFUSALS[code]
        self.code = code
        self.zh = f"{words[0]}:{zh}" if zh else words[0]
        self.en = f"{words[1]}: {en}" if en else words[1]
        super().__init__(f"{code}: {self.en}")


def decide(
    case: Case, actor: Actor, action: Action, payload: Mapping[str, Any], at_ms: int, due: Due | None = None
) -> Event:
    """Return the event that records what somebody does with a case; `Refused` where they may not, or not so.

    `due` gives the deadline of the state that the case enters. The event is not applied: record it first.
    """
    if not may(actor, action, case):
        raise Refused("not-allowed", ACTIONS[action])
    step = transition(action, case.state)
    if step is None:
        raise Refused("wrong-state", _pair("{} – {}", STATES[case.state], ACTIONS[action]))
    payload = {name: value for name, value in payload.items() if value is not None}
    _check_fields(step, payload)
    roles = tuple(acting_roles(actor, action, case))
    for check in _CHECKS.get(action, ()):
        check(case, actor, roles, payload)
    return recorded(case, actor, roles[0] if roles else None, action, payload, at_ms, due)


def _pair(form: str, *words: tuple[str, str]) -> tuple[str, str]:
    return form.format(*(w[0] for w in words)), form.format(*(w[1] for w in words))


def _check_fields(step: Transition, payload: Mapping[str, Any]) -> None:
    for name in step.required:
        if name not in payload:
            raise Refused("missing-field", name)
    for name, value in payload.items():
        if name not in (*step.required, *step.optional):
            raise Refused("unknown-field", name)
        is_well_formed, zh, en = FIELDS[name]
        if not is_well_formed(value):
            raise Refused("malformed-field", (f"{name}(应为{zh})", f"{name} (expected {en})"))


# ---------------------------------------------------------------- conclusions


def _check_judgements(case: Case, _actor: Actor, _roles: tuple[Role, ...], payload: Mapping[str, Any]) -> None:
    """Every finding named must be the case's, and none may be left unjudged."""
    held = {f.finding_id: f for f in case.findings if f.status is not FindingStatus.GONE}
    for name, verdict in payload["findings"].items():
        if name not in held:
            raise Refused("unknown-finding", name)
        _check_verdict(name, verdict)
    _check_none_open([f for f in case.unsettled if f.finding_id not in payload["findings"]])


def _check_none_open(left: list[CaseFinding]) -> None:
    if left:
        raise Refused("unjudged", ", ".join(f.finding_id for f in left))


def _check_verdict(name: str, verdict: Any) -> None:
    if verdict == CONFIRMED:
        return
    if not isinstance(verdict, Mapping) or DISMISSED not in verdict or set(verdict) - {DISMISSED, "text"}:
        expected = '"confirmed" / {"dismissed": ..., "text": ...}'
        raise Refused("malformed-field", (f"{name}(应为 {expected})", f"{name} (expected {expected})"))
    if verdict[DISMISSED] not in tuple(DismissReason):
        raise Refused("unknown-reason", str(verdict[DISMISSED])[:40])
    is_text = FIELDS["text"][0](verdict.get("text"))
    if verdict[DISMISSED] == DismissReason.OTHER and not verdict.get("text"):
        raise Refused("text-required", name)
    if "text" in verdict and not is_text:
        raise Refused("malformed-field", (f"{name} text(应为{FIELDS['text'][1]})", f"{name} text"))


def _confirms_after(case: Case, payload: Mapping[str, Any]) -> list[str]:
    """Return the findings that stand confirmed once these conclusions are drawn."""
    named = payload["findings"]
    before = {f.finding_id: CONFIRMED for f in case.findings if f.status is FindingStatus.CONFIRMED}
    return [name for name, verdict in {**before, **named}.items() if verdict == CONFIRMED]


def _check_confirm(case: Case, _actor: Actor, _roles: tuple[Role, ...], payload: Mapping[str, Any]) -> None:
    if not _confirms_after(case, payload):
        raise Refused("nothing-confirmed")


def _check_dismiss(case: Case, _actor: Actor, _roles: tuple[Role, ...], payload: Mapping[str, Any]) -> None:
    if standing := _confirms_after(case, payload):
        raise Refused("confirmed-stands", ", ".join(standing))


def _check_settled(case: Case, _actor: Actor, _roles: tuple[Role, ...], _payload: Mapping[str, Any]) -> None:
    """Nothing may rest on a conclusion that the audit has overtaken."""
    if case.needs_review:
        raise Refused("changed-since")
    _check_none_open(list(case.unsettled))


def _check_upheld(case: Case, _actor: Actor, _roles: tuple[Role, ...], _payload: Mapping[str, Any]) -> None:
    if not case.needs_review:
        raise Refused("nothing-to-uphold")
    _check_none_open([f for f in case.unsettled if not f.is_judged])


# ---------------------------------------------------------------- what follows from them


def _check_disposal(case: Case, actor: Actor, roles: tuple[Role, ...], payload: Mapping[str, Any]) -> None:
    if payload["kind"] not in tuple(DisposalKind):
        raise Refused("unknown-disposal", payload["kind"][:40])
    kind = DisposalKind(payload["kind"])
    wanted = DISPOSAL_FIELDS[kind]
    for name in wanted:
        if name not in payload:
            raise Refused("missing-field", name)
    also = ("since",) if kind is DisposalKind.SUSPENSION else ()
    for name in payload:
        if name not in ("kind", "text", *wanted, *also):
            raise Refused("unknown-field", _pair("{} – {}", DISPOSALS[kind], (name, name)))
    if not MAY_DISPOSE[kind] & set(roles):
        raise Refused("not-allowed", DISPOSALS[kind])
    if kind is DisposalKind.SUSPENSION:
        _check_two_persons(case, actor, payload)


def _check_two_persons(case: Case, actor: Actor, payload: Mapping[str, Any]) -> None:
    if case.proposal is None:
        raise Refused("no-proposal")
    if case.proposal.actor == actor.name:
        raise Refused("same-person", actor.name)
    ordered = {name: payload[name] for name in ("days", "since") if name in payload}
    if ordered != case.proposal.particulars:
        told = ", ".join(f"{k} {v}" for k, v in case.proposal.particulars.items())
        raise Refused("differs-from-proposal", told)


def _check_school(case: Case, _actor: Actor, _roles: tuple[Role, ...], _payload: Mapping[str, Any]) -> None:
    if case.school_id is None:
        raise Refused("no-school")


def _check_review(_case: Case, _actor: Actor, _roles: tuple[Role, ...], payload: Mapping[str, Any]) -> None:
    if not payload["accepted"] and not payload.get("text"):
        raise Refused("text-required")


def _check_feedback(case: Case, _actor: Actor, _roles: tuple[Role, ...], _payload: Mapping[str, Any]) -> None:
    if case.state is State.FEEDBACK_REVIEWED and not case.feedback_accepted:
        raise Refused("feedback-not-accepted")


# ---------------------------------------------------------------- what the program does


def _check_added(_case: Case, _actor: Actor, _roles: tuple[Role, ...], payload: Mapping[str, Any]) -> None:
    _check_facts("added", payload["added"])


def _check_changed(case: Case, _actor: Actor, _roles: tuple[Role, ...], payload: Mapping[str, Any]) -> None:
    pairs = payload["changed"]
    if not all(isinstance(p, Mapping) and set(p) == {"was", "finding"} for p in pairs):
        raise Refused("malformed-field", "changed")
    _check_held(case, [p["was"] for p in pairs])
    _check_facts("changed", [p["finding"] for p in pairs])


def _check_lost(case: Case, _actor: Actor, _roles: tuple[Role, ...], payload: Mapping[str, Any]) -> None:
    _check_held(case, payload["lost"])


def _check_facts(field: str, told: list[Any]) -> None:
    try:
        for facts in told:
            CaseFinding.from_json(facts)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("malformed-field", f"{field}: {error}") from error


def _check_held(case: Case, names: list[Any]) -> None:
    held = {f.finding_id for f in case.findings}
    unknown = [str(n)[:40] for n in names if not isinstance(n, str) or n not in held]
    if unknown or len(set(names)) != len(names):
        raise Refused("unknown-finding", ", ".join(unknown))


def _check_empty(case: Case, _actor: Actor, _roles: tuple[Role, ...], _payload: Mapping[str, Any]) -> None:
    remaining = [f for f in case.findings if f.is_present or f.is_judged]
    if remaining:
        raise Refused("findings-remain", ", ".join(f.finding_id for f in remaining))


def _check_level(case: Case, _actor: Actor, _roles: tuple[Role, ...], payload: Mapping[str, Any]) -> None:
    if payload["level"] <= case.escalated:
        raise Refused("already-escalated", str(payload["level"]))


_CHECKS: dict[Action, tuple[Callable[[Case, Actor, tuple[Role, ...], Mapping[str, Any]], None], ...]] = {
    Action.ASK_SCHOOL: (_check_school,),
    Action.CONFIRM: (_check_judgements, _check_confirm),
    Action.DISMISS: (_check_judgements, _check_dismiss),
    Action.PRE_REVIEW: (_check_judgements, _check_dismiss),
    Action.UPHOLD: (_check_upheld,),
    Action.PROPOSE_SUSPENSION: (_check_settled,),
    Action.DISPOSE: (_check_settled, _check_disposal),
    Action.REVIEW_FEEDBACK: (_check_review,),
    Action.CLOSE: (_check_settled, _check_feedback),
    Action.ADD_FINDING: (_check_added,),
    Action.CHANGE_FINDING: (_check_changed,),
    Action.LOSE_FINDING: (_check_lost,),
    Action.SUPERSEDE: (_check_empty,),
    Action.ESCALATE: (_check_level,),
}
"""What an action asks beyond the account, the state and the fields."""
