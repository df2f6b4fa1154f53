"""Whatever people and re-audits do, in whatever order: the record holds, and no conclusion is lost in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.finding import Severity
from cases.case import Case, Event, applied, replay
from cases.deciding import Refused, decide
from cases.following import follow
from cases.matter import CaseFinding
from cases.roles import SYSTEM, Actor, may
from cases.states import DECIDED, DISPOSAL_FIELDS, Action, DisposalKind, State, possible, transition
from tests.cases.making import BASIS, BOTH, HOUR_MS, LI, PEOPLE, SCHOOL, WANG, ZHAO, found, matter

MANY = settings(max_examples=150)
AUDITS = {Action.ADD_FINDING, Action.CHANGE_FINDING, Action.LOSE_FINDING, Action.SUPERSEDE}
SUSPENSION = DisposalKind.SUSPENSION
ACCOUNTS = (*PEOPLE, SYSTEM)
GPS = {"dismissed": "gps-error"}
VERDICTS = (*["confirmed"] * 3, GPS, {"dismissed": "other", "text": "seen"}, {"dismissed": "weather"})

FINDINGS = st.builds(
    found,
    st.sampled_from(["F1", "F2", "F3"]),
    st.sampled_from([7, 9, 9.5, 14]),
    st.sampled_from([0, 0.5, 1]),
    severity=st.sampled_from([Severity.MINOR, Severity.MAJOR]),
    school_id=st.sampled_from(["S1", "S1", "S2"]),
)
AUDITED = st.lists(FINDINGS, max_size=3, unique_by=lambda f: f.finding_id)
Step = Callable[[Case], list[Event]]


def tried(case: Case, actor: Actor, action: Action, told: dict[str, Any]) -> list[Event]:
    """The event, or none where it is refused."""
    try:
        return [decide(case, actor, action, told, case.n_events * HOUR_MS)]
    except Refused:
        return []


@st.composite
def deeds(draw: st.DrawFn) -> Step:
    """Something an account, or the program, tries with a case: mostly what it may, at times anything at all."""
    lot, is_rash = draw(st.integers(0, 10**6)), draw(st.integers(0, 5)) == 0
    anything = draw(st.sampled_from(ACCOUNTS)), draw(st.sampled_from(list(Action)))
    verdicts = draw(st.lists(st.sampled_from(VERDICTS), min_size=4, max_size=4))
    kind, days = draw(st.sampled_from([*DisposalKind, SUSPENSION])), draw(st.integers(1, 2))

    def step(case: Case) -> list[Event]:
        allowed = [(who, do) for do in possible(case.state) for who in ACCOUNTS if may(who, do, case)]
        by_action = {do: [w for w, d in allowed if d is do] for _, do in allowed if do not in AUDITS | {Action.NOTE}}
        actor, action = anything
        if by_action and not is_rash:
            action = sorted(by_action)[lot % len(by_action)]
            actor = by_action[action][lot % len(by_action[action])]
        return tried(case, actor, action, payload(case, action, verdicts, kind, days))

    return step


def payload(case: Case, action: Action, verdicts: list[Any], kind: DisposalKind, days: int) -> dict[str, Any]:
    """What the action needs in the case's state, with some particulars drawn; where it is impossible, anything."""
    judged = dict(zip((f.finding_id for f in case.findings if f.status != "gone"), verdicts, strict=False))
    if action in {Action.DISMISS, Action.PRE_REVIEW} and days == 1:
        judged = dict.fromkeys(judged, verdicts[0])
    told = {
        "text": "why", "assignee": "li", "kind": str(kind), "accepted": days > 1, "findings": judged, "level": days,
        "document": "A-1", "by": "pre-review", "basis": BASIS, "added": [found("F9", 20).as_json()], "lost": ["F1"],
        "changed": [{"was": "F1", "finding": found("F1", 10).as_json()}], "days": days, "points": 2,
        "by_date": "2026-04-01",
    }  # fmt: skip
    step = transition(action, case.state)
    names = () if step is None else (*step.required, *step.optional)
    others = {name for of, fields in DISPOSAL_FIELDS.items() if of is not kind for name in fields}
    skipped = {"since", *(others if action is Action.DISPOSE else ())}
    return {name: told[name] for name in names if name not in skipped}


@st.composite
def audits(draw: st.DrawFn) -> Step:
    """A re-audit: what it has depends on what the case has, or on nothing."""
    now, keeps = draw(AUDITED), draw(st.sampled_from(["all", "all", "none", "only"]))

    def step(case: Case) -> list[Event]:
        held = {f.finding_id: CaseFinding.from_json(f.as_json()) for f in case.present if keeps != "none"}
        seen = held if keeps == "only" else {**held, **{f.finding_id: f for f in now}}
        return follow(case, case.matter, list(seen.values()), case.n_events * HOUR_MS, BASIS)

    return step


ROAD = (
    (LI, Action.START_VERIFYING), (LI, Action.CONFIRM), (BOTH, Action.PROPOSE_SUSPENSION), (ZHAO, Action.DISPOSE),
    (SCHOOL, Action.GIVE_FEEDBACK), (WANG, Action.REVIEW_FEEDBACK), (WANG, Action.CLOSE),
)  # fmt: skip


def led(actor: Actor, action: Action) -> Step:
    """A step of the straight road from a new case to a closed one."""
    return lambda case: tried(case, actor, action, payload(case, action, ["confirmed"] * 3, SUSPENSION, 2))


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Some way down the straight road, and then anything."""
    straight = [led(*step) for step in ROAD[: draw(st.integers(0, len(ROAD)))]]
    return straight + draw(st.lists(st.one_of(*[deeds()] * 5, audits()), max_size=40))


HISTORIES = histories()
START = st.lists(FINDINGS, min_size=1, max_size=3, unique_by=lambda f: f.finding_id)


def lived(start: list[CaseFinding], steps: list[Step]) -> tuple[list[Event], list[Case]]:
    """All events of a case, and the case after each of them."""
    events = follow(None, matter(), start, 0, BASIS)
    cases = [replay(events)]
    for step in steps:
        for event in step(cases[-1]):
            events.append(event)
            cases.append(applied(cases[-1], event))
    return events, cases


@MANY
@given(START, HISTORIES)
def test_replaying_the_events_gives_the_case_at_every_point(start: list[CaseFinding], steps: list[Step]) -> None:
    events, cases = lived(start, steps)
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    for n, case in enumerate(cases, 1):
        assert replay(events[:n]) == case
        assert case.n_events == n


@MANY
@given(START, HISTORIES)
def test_a_case_only_goes_where_the_table_leads_and_only_by_whom_it_may(
    start: list[CaseFinding], steps: list[Step]
) -> None:
    events, cases = lived(start, steps)
    accounts = {a.name: a for a in ACCOUNTS}
    for before, event, after in zip(cases, events[1:], cases[1:], strict=False):
        row = transition(event.action, before.state)
        assert row is not None
        assert after.state is (row.to_state or before.state)
        assert after.state in State
        assert may(accounts[event.actor], event.action, before)


@MANY
@given(START, HISTORIES)
def test_a_re_audit_takes_no_conclusion_away_and_leaves_none_unflagged(
    start: list[CaseFinding], steps: list[Step]
) -> None:
    events, cases = lived(start, steps)
    for before, event, after in zip(cases, events[1:], cases[1:], strict=False):
        if event.action not in AUDITS:
            continue
        kept = sorted((f.status, f.reason or "") for f in after.findings if f.is_judged_by_people)
        assert kept == sorted((f.status, f.reason or "") for f in before.findings if f.is_judged_by_people)
        overtaken = any(f.is_judged_by_people and f.is_changed for f in after.findings)
        if after.state in DECIDED and overtaken:
            assert after.needs_review
        if before.needs_review:
            assert after.needs_review
        if before.state in DECIDED and after.state not in DECIDED:
            assert (event.action, after.state) == (Action.ADD_FINDING, State.REOPENED)


@MANY
@given(START, HISTORIES)
def test_a_suspension_always_has_two_persons(start: list[CaseFinding], steps: list[Step]) -> None:
    events, cases = lived(start, steps)
    for before, event in zip(cases, events[1:], strict=False):
        if event.action is Action.DISPOSE and event.payload["kind"] == "suspension":
            assert before.proposal is not None
            assert before.proposal.actor != event.actor
            assert event.role == "office-head"


@MANY
@given(START, HISTORIES)
def test_a_conclusion_leaves_nothing_unjudged_and_a_confirmed_case_has_a_confirmed_finding(
    start: list[CaseFinding], steps: list[Step]
) -> None:
    events, cases = lived(start, steps)
    for event, after in zip(events, cases, strict=True):
        if event.action in {Action.CONFIRM, Action.DISMISS, Action.PRE_REVIEW}:
            assert after.unsettled == ()
            confirmed = any(f.status == "confirmed" for f in after.findings)
            assert confirmed == (event.action is Action.CONFIRM)


@MANY
@given(START, HISTORIES, AUDITED, st.randoms(use_true_random=False))
def test_following_is_deterministic_and_idempotent_and_ends_with_what_the_audit_has(
    start: list[CaseFinding], steps: list[Step], now: list[CaseFinding], random: Any
) -> None:
    case = lived(start, steps)[1][-1]
    shuffled = random.sample(now, len(now))
    events = follow(case, case.matter, now, 0, BASIS)
    assert follow(case, case.matter, shuffled, 0, BASIS) == events
    for event in events:
        case = applied(case, event)
    assert follow(case, case.matter, shuffled, 1, BASIS) == []
    assert {f.finding_id: f.substance for f in case.present} == {f.finding_id: f.substance for f in now}
    assert len({f.finding_id for f in case.findings}) == len(case.findings)
    expected = sorted(now, key=lambda f: f.finding_id)
    told = sorted((CaseFinding.from_json(f.as_json()) for f in case.present), key=lambda f: f.finding_id)
    assert told == expected
