"""What can become of a case: its states, what may be done in each, and what must be said with it.

The machine is the table `TRANSITIONS`; who may do it is `cases.roles`. Words for people stand beside each code,
Chinese first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

PRE_REVIEW = "pre-review"
"""By what a case was dismissed, where no person did it."""

TEXT_MAX = 2000
"""Longest text that goes into a case, in characters; a name may have a tenth of it."""


class State(StrEnum):
    """Where a case stands."""

    NEW = "new"
    ASSIGNED = "assigned"
    VERIFYING = "verifying"
    AWAITING_SCHOOL = "awaiting-school"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    DISPOSED = "disposed"
    FEEDBACK = "feedback"
    FEEDBACK_REVIEWED = "feedback-reviewed"
    CLOSED = "closed"
    REOPENED = "reopened"
    SUPERSEDED = "superseded"


class Action(StrEnum):
    """What happens to a case. From `open` on, they are what the program does by itself."""

    ASSIGN = "assign"
    START_VERIFYING = "start-verifying"
    ASK_SCHOOL = "ask-school"
    ANSWER = "answer"
    CONFIRM = "confirm"
    DISMISS = "dismiss"
    PROPOSE_SUSPENSION = "propose-suspension"
    DISPOSE = "dispose"
    GIVE_FEEDBACK = "give-feedback"
    REVIEW_FEEDBACK = "review-feedback"
    CLOSE = "close"
    REOPEN = "reopen"
    UPHOLD = "uphold"  # a reviewer has seen what a re-audit changed, and the conclusion stands
    NOTE = "note"
    PICK = "pick"  # somebody wants to look at it today, whatever its rank
    OPEN = "open"
    ADD_FINDING = "add-finding"
    CHANGE_FINDING = "change-finding"
    LOSE_FINDING = "lose-finding"
    SUPERSEDE = "supersede"
    ESCALATE = "escalate"
    PRE_REVIEW = "pre-review"


class DismissReason(StrEnum):
    """Why a finding was no violation: what a rule, a feed or a register can learn from."""

    GPS_ERROR = "gps-error"
    TERMINAL_FAULT = "terminal-fault"
    REGISTER_OUT_OF_DATE = "register-out-of-date"
    PERMITTED = "permitted"
    EMERGENCY = "emergency"
    MAINTENANCE = "maintenance"
    MAP_ERROR = "map-error"
    CAMERA_ERROR = "camera-error"
    LOOK_ALIKE = "look-alike"
    DUPLICATE = "duplicate"
    NOT_TRAINING = "not-training"
    MINOR = "minor"
    OTHER = "other"  # needs a text


class DisposalKind(StrEnum):
    """What follows from a confirmed case."""

    POINTS = "points"
    INTERVIEW = "interview"
    RECTIFY = "rectify"
    SUSPENSION = "suspension"


STATES: dict[State, tuple[str, str]] = {
    State.NEW: ("待分派", "new"),
    State.ASSIGNED: ("已分派", "assigned"),
    State.VERIFYING: ("核查中", "being verified"),
    State.AWAITING_SCHOOL: ("待驾校说明", "awaiting the school's answer"),
    State.CONFIRMED: ("属实", "confirmed"),
    State.DISMISSED: ("排除", "dismissed"),
    State.DISPOSED: ("已处置,待反馈", "disposed, feedback due"),
    State.FEEDBACK: ("已反馈,待审核", "feedback given, review due"),
    State.FEEDBACK_REVIEWED: ("反馈已审核", "feedback reviewed"),
    State.CLOSED: ("已办结", "closed"),
    State.REOPENED: ("重新核查", "reopened"),
    State.SUPERSEDED: ("已撤销(疑点消失)", "superseded (its findings are gone)"),
}

ACTIONS: dict[Action, tuple[str, str]] = {
    Action.ASSIGN: ("分派", "assign"),
    Action.START_VERIFYING: ("开始核查", "start verifying"),
    Action.ASK_SCHOOL: ("请驾校说明", "ask the school"),
    Action.ANSWER: ("驾校说明", "answer"),
    Action.CONFIRM: ("认定属实", "confirm"),
    Action.DISMISS: ("排除", "dismiss"),
    Action.PROPOSE_SUSPENSION: ("提出停业整改建议", "propose a suspension"),
    Action.DISPOSE: ("处置", "dispose"),
    Action.GIVE_FEEDBACK: ("反馈", "give feedback"),
    Action.REVIEW_FEEDBACK: ("审核反馈", "review the feedback"),
    Action.CLOSE: ("办结", "close"),
    Action.REOPEN: ("重新核查", "reopen"),
    Action.UPHOLD: ("维持原结论", "uphold the conclusion"),
    Action.NOTE: ("备注", "note"),
    Action.PICK: ("人工挑选", "pick by hand"),
    Action.OPEN: ("建单", "open"),
    Action.ADD_FINDING: ("新增疑点", "a finding was added"),
    Action.CHANGE_FINDING: ("疑点变更", "a finding changed"),
    Action.LOSE_FINDING: ("疑点消失", "a finding is gone"),
    Action.SUPERSEDE: ("撤销", "supersede"),
    Action.ESCALATE: ("催办", "escalate"),
    Action.PRE_REVIEW: ("自动预审排除", "dismissed by automatic pre-review"),
}

DISMISS_REASONS: dict[DismissReason, tuple[str, str]] = {
    DismissReason.GPS_ERROR: ("定位误差", "error of the positions"),
    DismissReason.TERMINAL_FAULT: ("终端故障", "fault of the terminal"),
    DismissReason.REGISTER_OUT_OF_DATE: ("登记资料未更新", "a register was out of date"),
    DismissReason.PERMITTED: ("已获许可", "it was permitted"),
    DismissReason.EMERGENCY: ("紧急情况", "an emergency"),
    DismissReason.MAINTENANCE: ("车辆维修保养", "maintenance of the car"),
    DismissReason.MAP_ERROR: ("地图或区域边界有误", "error of the map or of a boundary"),
    DismissReason.CAMERA_ERROR: ("卡口识别或时钟有误", "error of a camera or its clock"),
    DismissReason.LOOK_ALIKE: ("人员相像误认", "taken for somebody who looks alike"),
    DismissReason.DUPLICATE: ("重复", "a duplicate"),
    DismissReason.NOT_TRAINING: ("不是训练", "it was no training"),
    DismissReason.MINOR: ("情节轻微", "too small to pursue"),
    DismissReason.OTHER: ("其他(须说明)", "other (to be explained)"),
}

DISPOSALS: dict[DisposalKind, tuple[str, str]] = {
    DisposalKind.POINTS: ("考核扣分", "points"),
    DisposalKind.INTERVIEW: ("约谈提醒", "interview"),
    DisposalKind.RECTIFY: ("限期整改", "rectify by a date"),
    DisposalKind.SUSPENSION: ("停业整改", "suspension"),
}

DISPOSAL_FIELDS: dict[DisposalKind, tuple[str, ...]] = {
    DisposalKind.POINTS: ("points",),
    DisposalKind.INTERVIEW: (),
    DisposalKind.RECTIFY: ("by_date",),
    DisposalKind.SUSPENSION: ("days",),
}
"""What must be said with each disposal, beside its kind. Other disposals' fields are refused."""

UNDECIDED = frozenset({State.NEW, State.ASSIGNED, State.VERIFYING, State.AWAITING_SCHOOL, State.REOPENED})
"""Somebody has yet to draw the conclusion."""

UNDER_WAY = frozenset({State.CONFIRMED, State.DISPOSED, State.FEEDBACK, State.FEEDBACK_REVIEWED})
"""Confirmed and not yet closed."""

DECIDED = UNDER_WAY | {State.DISMISSED, State.CLOSED}
"""A conclusion was drawn. (A superseded case is neither: nothing was left to decide.)"""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= TEXT_MAX


def _is_name(value: Any) -> bool:
    return _is_text(value) and len(value) <= TEXT_MAX // 10 and value == value.strip()


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(k, str) for k in value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


FIELDS: dict[str, tuple[Callable[[Any], bool], str, str]] = {
    "text": (_is_text, "文字,不超过2000字", "text of at most 2000 characters"),
    "assignee": (_is_name, "账号", "the name of an account"),
    "findings": (_is_mapping, "每个疑点的结论", "the conclusion for each finding, by its id"),
    "kind": (_is_name, "处置方式", "a kind of disposal"),
    "points": (_is_count, "正整数分值", "a whole number of points above zero"),
    "days": (_is_count, "正整数天数", "a whole number of days above zero"),
    "by_date": (_is_date, "日期,如2026-03-31", "a date such as 2026-03-31"),
    "since": (_is_date, "日期,如2026-03-31", "a date such as 2026-03-31"),
    "accepted": (lambda value: isinstance(value, bool), "是或否", "true or false"),
    "level": (lambda value: _is_count(value) and value <= 3, "1至3", "1, 2 or 3"),
    "by": (lambda value: value == PRE_REVIEW, PRE_REVIEW, PRE_REVIEW),
    "document": (lambda value: isinstance(value, str) and bool(value.strip()), "文件名称与文号", "a document's name"),
    "added": (_is_list, "新增疑点", "a list of findings"),
    "changed": (_is_list, "变更疑点", "a list of findings, each with what it was"),
    "lost": (_is_list, "消失疑点", "a list of finding ids"),
    "basis": (lambda value: isinstance(value, Mapping), "核查依据", "what the audit rested on, as a mapping"),
}
"""Every field that a payload may hold: whether a value is well formed, and what is expected in both languages."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the machine: `action` leads from any of `from_states` to `to_state` (None: the state stays).

    `required` and `optional` name the fields of the payload; any other field is refused.
    """

    action: Action
    from_states: frozenset[State]
    to_state: State | None
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ("text",)


def _row(
    action: Action, from_states: set[State] | frozenset[State], to: State | None, required: str = "", also: str = "text"
) -> Transition:
    return Transition(action, frozenset(from_states), to, tuple(required.split()), tuple(also.split()))


_S, _A = State, Action
_DISPOSABLE = {_S.CONFIRMED, _S.DISPOSED, _S.FEEDBACK_REVIEWED}

TRANSITIONS: tuple[Transition, ...] = (
    _row(_A.ASSIGN, {_S.NEW, _S.REOPENED}, _S.ASSIGNED, "assignee"),
    # Passing a case on, or saying more, sets no clock back.
    _row(_A.ASSIGN, {_S.ASSIGNED, _S.VERIFYING, _S.AWAITING_SCHOOL}, None, "assignee"),
    _row(_A.START_VERIFYING, UNDECIDED - {_S.VERIFYING}, _S.VERIFYING),
    _row(_A.ASK_SCHOOL, {_S.VERIFYING}, _S.AWAITING_SCHOOL, "text", ""),
    _row(_A.ANSWER, {_S.AWAITING_SCHOOL}, _S.VERIFYING, "text", ""),
    _row(_A.CONFIRM, {_S.VERIFYING}, _S.CONFIRMED, "findings"),
    _row(_A.DISMISS, {_S.VERIFYING}, _S.DISMISSED, "findings"),
    _row(_A.PROPOSE_SUSPENSION, _DISPOSABLE, None, "days text", "since"),
    _row(_A.DISPOSE, _DISPOSABLE, _S.DISPOSED, "kind", "points by_date days since text"),
    _row(_A.GIVE_FEEDBACK, {_S.DISPOSED, _S.FEEDBACK_REVIEWED}, _S.FEEDBACK, "text", ""),
    _row(_A.GIVE_FEEDBACK, {_S.FEEDBACK}, None, "text", ""),
    _row(_A.REVIEW_FEEDBACK, {_S.FEEDBACK}, _S.FEEDBACK_REVIEWED, "accepted"),
    _row(_A.CLOSE, {_S.DISMISSED, _S.FEEDBACK_REVIEWED}, _S.CLOSED),
    # Without a disposal, or without feedback: that needs a word why.
    _row(_A.CLOSE, {_S.CONFIRMED, _S.DISPOSED}, _S.CLOSED, "text", ""),
    _row(_A.REOPEN, DECIDED, _S.REOPENED, "text", ""),
    _row(_A.UPHOLD, DECIDED, None, "text", ""),
    _row(_A.NOTE, frozenset(State), None, "text", ""),
    _row(_A.PICK, {_S.NEW, _S.ASSIGNED, _S.REOPENED}, None, "text", ""),
    _row(_A.ADD_FINDING, UNDECIDED | UNDER_WAY, None, "added basis", ""),
    _row(_A.ADD_FINDING, {_S.DISMISSED, _S.CLOSED, _S.SUPERSEDED}, _S.REOPENED, "added basis", ""),
    _row(_A.CHANGE_FINDING, UNDECIDED | DECIDED, None, "changed basis", ""),
    _row(_A.LOSE_FINDING, UNDECIDED | DECIDED, None, "lost basis", ""),
    _row(_A.SUPERSEDE, UNDECIDED, _S.SUPERSEDED, "basis", ""),
    _row(_A.ESCALATE, UNDECIDED | UNDER_WAY | {_S.DISMISSED}, None, "level", ""),
    _row(_A.PRE_REVIEW, {_S.NEW}, _S.DISMISSED, "by findings document", ""),
)
"""The state machine. `open` is not in it: it makes the case, once."""

_BY_PLACE = {(row.action, state): row for row in TRANSITIONS for state in row.from_states}


def transition(action: Action, state: State) -> Transition | None:
    """Return the row for an action in a state; None where it cannot be done there.

    >>> transition(Action.ANSWER, State.AWAITING_SCHOOL).to_state
    <State.VERIFYING: 'verifying'>
    >>> transition(Action.CONFIRM, State.CLOSED) is None
    True
    """
    return _BY_PLACE.get((action, state))


def possible(state: State) -> tuple[Action, ...]:
    """Return what can be done with a case in a state, whoever does it."""
    return tuple(action for action in Action if (action, state) in _BY_PLACE)
