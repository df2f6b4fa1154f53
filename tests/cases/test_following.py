"""What a re-audit does to a case, and that no conclusion is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from audit.finding import Severity
from cases.case import Case, replay
from cases.deciding import Refused, decide
from cases.following import follow
from cases.matter import CaseFinding, FindingStatus
from cases.states import DECIDED, UNDECIDED, UNDER_WAY, Action, State
from tests.cases.making import (
    BASIS,
    LI,
    OPENED_MS,
    WANG,
    actions,
    done,
    followed,
    found,
    led_to,
    matter,
    opened,
)  # fmt: skip
from tests.cases.test_prereview import dismissed_by_list

LATER = found("F2", 14)
MOVED = found("F1", 9.5)


def events(case: Case | None, *now: CaseFinding) -> list[str]:
    return actions(follow(case, matter(), now, OPENED_MS, BASIS))


def held(case: Case, name: str) -> CaseFinding:
    return next(f for f in case.findings if f.finding_id == name)


def test_the_first_findings_of_a_matter_open_its_case_with_what_it_rests_on() -> None:
    made = follow(None, matter(), [LATER, found()], OPENED_MS, BASIS)
    case = replay(made)
    assert actions(made) == ["open"]
    assert (made[0].actor, made[0].role, made[0].payload["basis"]) == ("system", None, BASIS)
    assert (case.case_id, case.state, case.school_id, case.district) == (matter().case_id, State.NEW, "S1", "370102")
    assert [f.finding_id for f in case.findings] == ["F1", "F2"]


def test_no_findings_open_no_case() -> None:
    assert follow(None, matter(), [], OPENED_MS, BASIS) == []


@pytest.mark.parametrize("state", list(State))
def test_following_the_same_findings_again_gives_nothing(state: State) -> None:
    case = led_to(state)
    if state is not State.SUPERSEDED:
        assert events(case, found()) == []
    for now in ((), (MOVED,), (found(), LATER), (MOVED, LATER), (LATER,), (found("F2"), found("F1", 7))):
        after = followed(case, *now)
        assert events(after, *now) == [], (state, now)
        assert events(after, *reversed(now)) == [], (state, now)


def test_other_content_of_the_same_substance_is_no_change() -> None:
    assert events(opened(), found(confidence=0.9)) == []


@pytest.mark.parametrize("state", sorted(UNDECIDED))
def test_an_undecided_case_takes_in_what_came_changed_and_went(state: State) -> None:
    case = led_to(state)
    assert events(case, MOVED) == ["change-finding"]
    assert events(case, found(), LATER) == ["add-finding"]
    assert events(case, MOVED, LATER) == ["change-finding", "add-finding"]
    after = followed(case, MOVED, LATER)
    assert (after.state, after.needs_review) == (state, False)


@pytest.mark.parametrize("state", sorted(UNDECIDED - {State.REOPENED}))
def test_an_undecided_case_without_findings_is_superseded_and_a_new_finding_reopens_it(state: State) -> None:
    case = led_to(state)
    assert events(case) == ["lose-finding", "supersede"]
    gone = followed(case)
    assert (gone.state, held(gone, "F1").status) == (State.SUPERSEDED, FindingStatus.GONE)
    assert events(gone, LATER) == ["add-finding"]
    back = followed(gone, found())
    assert (back.state, held(back, "F1").status) == (State.REOPENED, FindingStatus.OPEN)


def test_a_reopened_case_that_people_had_judged_is_not_superseded() -> None:
    case = followed(led_to(State.REOPENED))
    assert case.state is State.REOPENED
    assert held(case, "F1").status is FindingStatus.CONFIRMED
    assert not held(case, "F1").is_settled


@pytest.mark.parametrize("state", sorted(DECIDED))
def test_a_change_or_loss_under_a_conclusion_is_recorded_and_flagged_and_the_conclusion_stays(state: State) -> None:
    case = led_to(state)
    for now, action in (((MOVED,), "change-finding"), ((), "lose-finding")):
        assert events(case, *now) == [action]
        after = followed(case, *now)
        assert (after.state, after.needs_review) == (state, True)
        assert held(after, "F1").status is held(case, "F1").status
        assert held(after, "F1").is_changed
        assert not after.findings[0].is_settled


@pytest.mark.parametrize("state", [State.CLOSED, State.DISMISSED])
def test_new_evidence_reopens_what_was_closed_or_dismissed(state: State) -> None:
    case = followed(led_to(state), found(), LATER)
    assert case.state is State.REOPENED
    assert held(case, "F1").is_settled
    assert held(case, "F2").status is FindingStatus.OPEN


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_new_evidence_in_a_confirmed_case_is_flagged_and_stands_in_the_way_of_its_end(state: State) -> None:
    case = followed(led_to(state), found(), LATER)
    assert (case.state, case.needs_review) == (state, True)
    with pytest.raises(Refused, match="unjudged"):
        decide(case, WANG, Action.UPHOLD, {"text": "it stands"}, OPENED_MS)
    case = done(case, WANG, Action.REOPEN, text="a second stretch")
    case = done(done(case, LI, Action.START_VERIFYING), LI, Action.CONFIRM, findings={"F2": "confirmed"})
    assert (case.state, case.needs_review, case.unsettled) == (State.CONFIRMED, False, ())


def test_nothing_is_disposed_of_or_closed_until_a_reviewer_has_upheld_what_changed() -> None:
    case = followed(led_to(State.CONFIRMED), MOVED)
    steps: list[tuple[Action, dict[str, Any]]] = [
        (Action.DISPOSE, {"kind": "interview"}),
        (Action.PROPOSE_SUSPENSION, {"days": 3, "text": "again"}),
        (Action.CLOSE, {"text": "enough"}),
    ]
    for action, payload in steps:
        with pytest.raises(Refused, match="changed-since"):
            decide(case, WANG, action, payload, OPENED_MS)
    with pytest.raises(Refused, match="not-allowed"):
        decide(case, LI, Action.UPHOLD, {"text": "it stands"}, OPENED_MS)
    case = done(case, WANG, Action.UPHOLD, text="half an hour later, the same yard")
    assert (case.needs_review, held(case, "F1").is_settled, held(case, "F1").start_ms) == (False, True, MOVED.start_ms)
    for action, payload in steps:
        assert decide(case, WANG, action, payload, OPENED_MS).action is action


def test_an_auditors_new_conclusion_does_not_settle_what_a_reviewer_must() -> None:
    case = done(followed(led_to(State.CLOSED), MOVED), WANG, Action.NOTE, text="seen")
    assert case.needs_review  # a note is no decision
    case = followed(case, MOVED, LATER)
    assert (case.state, case.needs_review) == (State.REOPENED, True)
    case = done(case, LI, Action.START_VERIFYING)
    case = done(case, LI, Action.CONFIRM, findings={"F1": "confirmed", "F2": "confirmed"})
    assert case.needs_review
    assert not done(case, WANG, Action.UPHOLD, text="agreed").needs_review


def test_what_changed_must_be_judged_anew_once_the_case_is_reopened() -> None:
    case = done(followed(led_to(State.CLOSED), MOVED, LATER), LI, Action.START_VERIFYING)
    with pytest.raises(Refused, match="a finding is not judged yet: F1"):
        decide(case, LI, Action.CONFIRM, {"findings": {"F2": "confirmed"}}, OPENED_MS)
    assert done(case, LI, Action.CONFIRM, findings={"F1": "confirmed", "F2": "confirmed"}).unsettled == ()


def test_a_finding_lost_and_found_again_keeps_its_conclusion_and_is_flagged() -> None:
    case = done(followed(led_to(State.CLOSED)), WANG, Action.UPHOLD, text="the files are lost, the matter is not")
    assert not case.needs_review
    assert events(case, found()) == ["change-finding"]
    back = followed(case, found())
    assert (back.state, back.needs_review) == (State.CLOSED, True)
    assert (held(back, "F1").status, held(back, "F1").is_present) == (FindingStatus.CONFIRMED, True)


def test_a_flag_stays_until_a_reviewer_acts_even_if_what_raised_it_is_gone_again() -> None:
    case = followed(led_to(State.CONFIRMED), found(), LATER)
    case = followed(case, found())
    assert (case.unsettled, case.needs_review) == ((), True)


def test_what_changed_stays_marked_when_it_is_merely_renumbered_after() -> None:
    case = followed(led_to(State.CLOSED), MOVED)
    after = followed(case, found("F7", 9.5))
    assert [(f.finding_id, f.is_changed) for f in after.findings] == [("F7", True)]


# ---------------------------------------------------------------- ordinals shift


def test_a_conclusion_stays_with_its_stretch_when_an_earlier_one_takes_its_id() -> None:
    case = done(led_to(State.VERIFYING), LI, Action.CONFIRM, findings={"F1": "confirmed"})
    now = found("F1", 7), found("F2", 9)  # the stretch at 9 is the second now
    assert events(case, *now) == ["change-finding", "add-finding"]
    after = followed(case, *now)
    assert (held(after, "F2").status, held(after, "F2").is_changed) == (FindingStatus.CONFIRMED, False)
    assert held(after, "F1").status is FindingStatus.OPEN


def test_ids_that_change_places_take_their_conclusions_with_them() -> None:
    verdicts = {"F1": "confirmed", "F2": {"dismissed": "permitted"}}
    case = done(led_to(State.VERIFYING, found("F1", 9), LATER), LI, Action.CONFIRM, findings=verdicts)
    after = followed(case, found("F2", 9), found("F1", 14))
    assert [f.status for f in after.findings] == [FindingStatus.CONFIRMED, FindingStatus.DISMISSED]
    assert not after.needs_review


def test_where_an_id_would_name_two_findings_every_judged_one_is_marked_as_changed() -> None:
    case = done(
        led_to(State.VERIFYING, found("F1", 9), LATER), LI, Action.CONFIRM,
        findings={"F1": "confirmed", "F2": {"dismissed": "permitted"}},
    )  # fmt: skip
    after = followed(case, found("F1", 7), found("F2", 9))  # one came before, and the one at 14 went
    assert [f.finding_id for f in after.findings] == ["F1", "F2"]
    assert after.needs_review
    assert all(f.is_changed for f in after.findings)


def test_another_rule_at_the_same_time_is_another_finding() -> None:
    assert events(opened(), found("F2", rule="off-route")) == ["add-finding", "lose-finding"]


# ---------------------------------------------------------------- pre-review, places, misuse


def test_what_pre_review_dismissed_and_nobody_saw_is_opened_again_when_it_changes() -> None:
    case = dismissed_by_list(found(severity=Severity.MINOR, hours=0.05))
    after = followed(case, found(severity=Severity.MINOR, hours=0.5))
    assert (after.state, after.findings[0].status, after.needs_review) == (State.REOPENED, FindingStatus.OPEN, False)
    gone = followed(case)
    assert (gone.state, gone.findings[0].status, gone.needs_review) == (State.DISMISSED, FindingStatus.GONE, False)


def test_a_mere_renumbering_does_not_reopen_what_pre_review_dismissed() -> None:
    case = dismissed_by_list(found(severity=Severity.MINOR, hours=0.05))
    after = followed(case, found("F7", severity=Severity.MINOR, hours=0.05))
    assert (after.state, held(after, "F7").is_automatic) == (State.DISMISSED, True)


def test_a_corrected_register_moves_the_case_to_the_right_school_and_district() -> None:
    after = followed(opened(), found(school_id="S2", district="370103"))
    assert (after.school_id, after.district) == ("S2", "370103")
    split = followed(after, found(school_id="S2", district="370103"), found("F2", 14))
    assert (split.school_id, split.district) == (None, None)
    assert followed(split).school_id is None  # nothing is left to say otherwise


def test_two_findings_of_one_id_and_another_matters_case_are_refused() -> None:
    with pytest.raises(ValueError, match="one id"):
        follow(opened(), matter(), [found(), found("F1", 14)], 0, BASIS)
    with pytest.raises(ValueError, match="is not about"):
        follow(opened(), matter("V002"), [found()], 0, BASIS)
