"""What people do with a case: conclusions per finding, disposals, two persons for a suspension, refusals that teach."""

from __future__ import annotations

from typing import Any

import pytest

from cases.case import BrokenHistory, Case, Event, applied, recorded, replay
from cases.deciding import Refused, decide
from cases.following import follow
from cases.matter import FindingStatus
from cases.roles import SYSTEM, Actor, Grant, Role
from cases.states import ACTIONS, Action, DismissReason, DisposalKind, State, transition
from tests.cases.making import (
    BASIS,
    BOTH,
    HOUR_MS,
    LI,
    OPENED_MS,
    OTHER_SCHOOL,
    PEOPLE,
    SCHOOL,
    WANG,
    ZHAO,
    done,
    followed,
    found,
    led_to,
    matter,
    opened,
    verdicts,
)  # fmt: skip

TWO = (found("F1"), found("F2", 14))
GPS = {"dismissed": "gps-error"}


def refusal(case: Case, actor: Actor, action: Action, **payload: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        decide(case, actor, action, payload, OPENED_MS)
    return caught.value


# ---------------------------------------------------------------- states and accounts


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("action", list(Action))
def test_an_action_that_the_state_does_not_know_is_refused_whoever_asks(state: State, action: Action) -> None:
    case = led_to(state)
    assert case.state is state
    if transition(action, state) is None:
        for actor in (*PEOPLE, SYSTEM):
            assert refusal(case, actor, action).code in {"not-allowed", "wrong-state"}


def test_who_may_not_learns_nothing_of_the_state() -> None:
    for state in State:
        assert refusal(led_to(state), OTHER_SCHOOL, Action.ANSWER, text="no").code == "not-allowed"


def test_an_event_says_who_did_it_in_which_role_and_when() -> None:
    event = decide(opened(), LI, Action.ASSIGN, {"assignee": "sun"}, 5)
    assert event == Event(2, 5, "li", Role.AUDITOR, Action.ASSIGN, {"assignee": "sun"})
    assert decide(opened(), BOTH, Action.NOTE, {"text": "x"}, 5).role is Role.OFFICE_HEAD


def test_the_payload_of_an_event_does_not_change_with_the_callers() -> None:
    mine: dict[str, Any] = {"findings": {"F1": dict(GPS)}}
    event = decide(led_to(State.VERIFYING), LI, Action.DISMISS, mine, 0)
    mine["findings"]["F1"]["dismissed"] = "permitted"
    assert event.payload == {"findings": {"F1": GPS}}


def test_a_field_is_missing_malformed_or_unknown_and_the_refusal_names_it() -> None:
    case = opened()
    assert refusal(case, LI, Action.ASSIGN).code == "missing-field"
    assert refusal(case, LI, Action.ASSIGN, assignee=None).code == "missing-field"
    bad = refusal(case, LI, Action.ASSIGN, assignee=" ")
    assert (bad.code, "assignee" in bad.en, "账号" in bad.zh) == ("malformed-field", True, True)
    assert refusal(case, LI, Action.ASSIGN, assignee="sun", due_ms=0).code == "unknown-field"


def test_a_field_that_is_none_is_as_if_it_were_not_there() -> None:
    assert decide(opened(), LI, Action.ASSIGN, {"assignee": "sun", "text": None}, 0).payload == {"assignee": "sun"}


def test_whoever_starts_on_a_case_that_nobody_has_is_its_assignee() -> None:
    assert led_to(State.VERIFYING).assignee == "li"
    assert done(done(opened(), LI, Action.ASSIGN, assignee="sun"), LI, Action.START_VERIFYING).assignee == "sun"


def test_passing_a_case_on_sets_no_clock_back() -> None:
    case = led_to(State.ASSIGNED)
    later = done(case, LI, Action.ASSIGN, at_ms=OPENED_MS + 9 * HOUR_MS, assignee="sun")
    assert (later.assignee, later.entered_state_ms) == ("sun", case.entered_state_ms)


def test_a_case_of_no_one_school_cannot_be_asked_about() -> None:
    case = done(opened(found("F1"), found("F2", 14, school_id="S2")), ZHAO, Action.START_VERIFYING)
    assert (case.school_id, case.district) == (None, "370102")
    assert refusal(case, ZHAO, Action.ASK_SCHOOL, text="where was it?").code == "no-school"


def test_the_school_answers_and_the_verifying_goes_on() -> None:
    case = done(led_to(State.AWAITING_SCHOOL), SCHOOL, Action.ANSWER, text="at the workshop")
    assert case.state is State.VERIFYING


# ---------------------------------------------------------------- conclusions


def test_a_case_is_confirmed_if_any_finding_is() -> None:
    case = done(led_to(State.VERIFYING, *TWO), LI, Action.CONFIRM, findings={"F1": "confirmed", "F2": GPS})
    assert case.state is State.CONFIRMED
    assert [(f.status, f.reason) for f in case.findings] == [
        (FindingStatus.CONFIRMED, None),
        (FindingStatus.DISMISSED, DismissReason.GPS_ERROR),
    ]


@pytest.mark.parametrize(
    ("action", "findings", "code"),
    [
        (Action.CONFIRM, {"F1": "confirmed"}, "unjudged"),
        (Action.DISMISS, {"F1": GPS}, "unjudged"),
        (Action.CONFIRM, {"F1": GPS, "F2": GPS}, "nothing-confirmed"),
        (Action.DISMISS, {"F1": GPS, "F2": "confirmed"}, "confirmed-stands"),
        (Action.CONFIRM, {"F1": "confirmed", "F2": GPS, "F3": GPS}, "unknown-finding"),
        (Action.CONFIRM, {"F1": "guilty", "F2": GPS}, "malformed-field"),
        (Action.CONFIRM, {"F1": "confirmed", "F2": {"reason": "gps-error"}}, "malformed-field"),
        (Action.CONFIRM, {"F1": "confirmed", "F2": {**GPS, "points": 3}}, "malformed-field"),
        (Action.DISMISS, {"F1": GPS, "F2": {"dismissed": "weather"}}, "unknown-reason"),
        (Action.DISMISS, {"F1": GPS, "F2": {"dismissed": ["gps-error"]}}, "unknown-reason"),
        (Action.DISMISS, {"F1": GPS, "F2": {"dismissed": "other"}}, "text-required"),
        (Action.DISMISS, {"F1": GPS, "F2": {"dismissed": "other", "text": "  "}}, "malformed-field"),
        (Action.DISMISS, {}, "malformed-field"),
    ],
)
def test_a_conclusion_that_leaves_something_open_or_is_none_is_refused(
    action: Action, findings: dict[str, Any], code: str
) -> None:
    assert refusal(led_to(State.VERIFYING, *TWO), LI, action, findings=findings).code == code


@pytest.mark.parametrize("reason", list(DismissReason))
def test_each_reason_dismisses_and_stays_with_the_finding(reason: DismissReason) -> None:
    verdict = {"dismissed": str(reason), "text": "seen on the camera"}
    case = done(led_to(State.VERIFYING), LI, Action.DISMISS, findings={"F1": verdict})
    assert (case.state, case.findings[0].reason) == (State.DISMISSED, reason)


def test_after_reopening_what_was_judged_stands_until_it_is_judged_anew() -> None:
    case = done(led_to(State.REOPENED), LI, Action.START_VERIFYING)
    assert case.findings[0].status is FindingStatus.CONFIRMED
    assert done(case, LI, Action.DISMISS, findings={"F1": GPS}).state is State.DISMISSED


# ---------------------------------------------------------------- disposals


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("points", {"points": 3}), ("interview", {}), ("rectify", {"by_date": "2026-04-01"})],
)
def test_a_reviewer_disposes_and_what_was_ordered_is_kept(kind: str, fields: dict[str, Any]) -> None:
    case = done(led_to(State.CONFIRMED), WANG, Action.DISPOSE, kind=kind, **fields)
    assert case.state is State.DISPOSED
    assert [(d.kind, d.particulars, d.actor) for d in case.disposals] == [(DisposalKind(kind), fields, "wang")]
    for name in fields:
        assert refusal(led_to(State.CONFIRMED), WANG, Action.DISPOSE, kind=kind).en.endswith(name)
    assert refusal(led_to(State.CONFIRMED), WANG, Action.DISPOSE, kind=kind, **fields, days=3).code == "unknown-field"


def test_an_unknown_disposal_is_refused() -> None:
    assert refusal(led_to(State.CONFIRMED), WANG, Action.DISPOSE, kind="fine").code == "unknown-disposal"


def test_a_case_may_be_disposed_of_twice_and_both_orders_are_kept() -> None:
    case = done(led_to(State.DISPOSED), WANG, Action.DISPOSE, kind="points", points=2)
    assert [d.kind for d in case.disposals] == [DisposalKind.INTERVIEW, DisposalKind.POINTS]


def proposed(by: Actor = WANG) -> Case:
    return done(
        led_to(State.CONFIRMED), by, Action.PROPOSE_SUSPENSION, days=7, text="the third time", since="2026-04-01"
    )


def suspension(**more: Any) -> dict[str, Any]:
    return {"kind": "suspension", "days": 7, "since": "2026-04-01", **more}


def test_a_suspension_takes_a_proposal_and_another_person_who_heads_the_office() -> None:
    case = done(proposed(), ZHAO, Action.DISPOSE, **suspension())
    assert case.state is State.DISPOSED
    assert case.proposal is None
    assert (case.disposals[0].actor, case.disposals[0].particulars) == ("zhao", {"days": 7, "since": "2026-04-01"})


def test_a_suspension_that_nobody_proposed_is_refused() -> None:
    assert refusal(led_to(State.CONFIRMED), ZHAO, Action.DISPOSE, **suspension()).code == "no-proposal"


def test_a_reviewer_cannot_order_a_suspension_even_one_that_another_proposed() -> None:
    assert refusal(proposed(ZHAO), WANG, Action.DISPOSE, **suspension()).code == "not-allowed"


@pytest.mark.parametrize("actor", [BOTH, ZHAO])
def test_the_same_account_cannot_propose_and_order_whatever_roles_it_has(actor: Actor) -> None:
    assert refusal(proposed(actor), actor, Action.DISPOSE, **suspension()).code == "same-person"


@pytest.mark.parametrize("other", [{"days": 8}, {"since": "2026-04-02"}, {"since": None}])
def test_what_is_ordered_must_be_what_was_proposed(other: dict[str, Any]) -> None:
    assert refusal(proposed(), ZHAO, Action.DISPOSE, **suspension(**other)).code == "differs-from-proposal"


def test_another_disposal_leaves_a_proposal_standing_and_reopening_ends_it() -> None:
    assert done(proposed(), WANG, Action.DISPOSE, kind="interview").proposal is not None
    reopened = done(proposed(), WANG, Action.REOPEN, text="a witness came")
    assert reopened.proposal is None


def test_a_suspension_used_up_cannot_be_ordered_again() -> None:
    case = done(proposed(), ZHAO, Action.DISPOSE, **suspension())
    assert refusal(case, ZHAO, Action.DISPOSE, **suspension()).code == "no-proposal"


def test_a_head_of_another_district_orders_nothing_here() -> None:
    elsewhere = Actor("qian", (Grant(Role.OFFICE_HEAD, frozenset({"370103"})),))
    assert refusal(proposed(), elsewhere, Action.DISPOSE, **suspension()).code == "not-allowed"


# ---------------------------------------------------------------- feedback and the end


def test_feedback_that_is_not_accepted_needs_a_word_keeps_the_case_open_and_may_be_given_again() -> None:
    case = led_to(State.FEEDBACK)
    assert refusal(case, WANG, Action.REVIEW_FEEDBACK, accepted=False).code == "text-required"
    case = done(case, WANG, Action.REVIEW_FEEDBACK, accepted=False, text="the fence still stands open")
    assert refusal(case, WANG, Action.CLOSE).code == "feedback-not-accepted"
    case = done(case, SCHOOL, Action.GIVE_FEEDBACK, text="closed now")
    assert done(done(case, WANG, Action.REVIEW_FEEDBACK, accepted=True), WANG, Action.CLOSE).state is State.CLOSED


@pytest.mark.parametrize("state", [State.CONFIRMED, State.DISPOSED])
def test_closing_without_disposal_or_feedback_needs_a_word_why(state: State) -> None:
    assert refusal(led_to(state), WANG, Action.CLOSE).code == "missing-field"
    assert done(led_to(state), WANG, Action.CLOSE, text="the school has shut").state is State.CLOSED


def test_nothing_is_upheld_where_nothing_changed() -> None:
    assert refusal(led_to(State.CLOSED), WANG, Action.UPHOLD, text="it stands").code == "nothing-to-uphold"


# ---------------------------------------------------------------- the record


def test_a_history_with_a_gap_another_beginning_or_an_impossible_step_is_no_case() -> None:
    first = follow(None, matter(), [found()], 0, BASIS)[0]
    note = decide(replay([first]), LI, Action.NOTE, {"text": "x"}, 1)
    for events in ([], [note], [first, first], [first, Event(3, 1, "li", None, Action.NOTE, {"text": "x"})]):
        with pytest.raises(BrokenHistory):
            replay(events)
    with pytest.raises(BrokenHistory, match="not possible in state new"):
        replay([first, Event(2, 1, "li", Role.AUDITOR, Action.CLOSE, {})])


def test_a_payload_that_is_no_json_is_not_recorded() -> None:
    with pytest.raises((TypeError, ValueError)):
        recorded(opened(), LI, None, Action.NOTE, {"text": float("nan")}, 0)
    with pytest.raises(TypeError):
        recorded(opened(), LI, None, Action.NOTE, {"text": {1, 2}}, 0)


def test_the_deadline_of_the_state_entered_is_recorded_with_the_event() -> None:
    event = decide(opened(), LI, Action.ASSIGN, {"assignee": "li"}, 5, lambda state, at, _told: at + len(state))
    assert event.payload["due_ms"] == 5 + len("assigned")
    assert applied(opened(), event).due_ms == event.payload["due_ms"]
    assert "due_ms" not in decide(opened(), LI, Action.NOTE, {"text": "x"}, 5, lambda *_: 9).payload


def test_a_second_measure_does_not_cut_the_time_for_the_first() -> None:
    case = led_to(State.CONFIRMED)
    for due_ms, points in ((900, 1), (500, 2)):
        told = {"kind": "points", "points": points}
        case = applied(case, decide(case, WANG, Action.DISPOSE, told, 5, lambda *_, due_ms=due_ms: due_ms))
    assert case.due_ms == 900


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        (Action.ADD_FINDING, {"added": [{"finding_id": "F9"}]}, "malformed-field"),
        (Action.ADD_FINDING, {"added": ["F9"]}, "malformed-field"),
        (Action.CHANGE_FINDING, {"changed": [{"was": "F9", "finding": found("F9").as_json()}]}, "unknown-finding"),
        (Action.CHANGE_FINDING, {"changed": ["F1"]}, "malformed-field"),
        (Action.LOSE_FINDING, {"lost": ["F9"]}, "unknown-finding"),
        (Action.LOSE_FINDING, {"lost": ["F1", "F1"]}, "unknown-finding"),
        (Action.SUPERSEDE, {}, "findings-remain"),
    ],
)
def test_the_program_too_is_refused_what_makes_no_sense(action: Action, payload: dict[str, Any], code: str) -> None:
    assert refusal(opened(), SYSTEM, action, basis=BASIS, **payload).code == code


def test_a_refusal_has_a_code_and_words_in_both_languages() -> None:
    refused = refusal(opened(), LI, Action.CLOSE)
    assert refused.code == "not-allowed"
    assert ACTIONS[Action.CLOSE][0] in refused.zh
    assert ACTIONS[Action.CLOSE][1] in refused.en
    assert str(refused) == f"not-allowed: {refused.en}"


def test_a_hand_picked_case_is_picked_until_somebody_takes_it_up() -> None:
    case = done(opened(), LI, Action.PICK, text="a telephone call")
    assert case.is_picked
    assert not done(case, LI, Action.START_VERIFYING).is_picked


def test_a_confirmed_finding_that_is_gone_must_be_dismissed_before_the_case_can_be() -> None:
    case = followed(led_to(State.CONFIRMED, *TWO), found("F1"))
    case = done(done(case, WANG, Action.REOPEN, text="F2 is gone"), LI, Action.START_VERIFYING)
    assert refusal(case, LI, Action.DISMISS, findings=verdicts(case, GPS)).code == "unjudged"
    assert done(case, LI, Action.DISMISS, findings={"F1": GPS, "F2": GPS}).state is State.DISMISSED
