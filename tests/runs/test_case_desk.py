"""The cases' desk: who sees what, what is done with a case, and that every look is written down."""

from __future__ import annotations

import json
import threading
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cases.roles import SYSTEM, Actor
from cases.states import Action, State
from runs import case_desk, spot_desk
from runs.case_desk import ActRefused, NoSuchCase, act, findings, listed, precision_table, queue, show
from runs.spot_desk import CheckRefused, Outcome, checks, decide_check, missed, pick_check
from runs.who import NotAllowed
from store.access_log import LogRefused, recent, verify
from store.casework import CaseChanged, follow_findings, load_case
from store.engine import Store
from store.results import findings_of
from store.tables.results import Notice
from tests.runs.filled_office import CARS, DAY, PAPER, OfficeAtWork, settings_of
from tests.stores import START_MS, Place

DAY_MS = 86_400_000
WHY = "complaint 7"
NOBODY = Actor("nobody")


def log_of(store: Store, last: int = 99) -> list[tuple[str, str, str, str]]:
    """What was done since the accounts were made: who, what, about what, why."""
    with store.reading() as session:
        assert verify(session) == []
        entries = recent(session, last)
    told = [(e.actor, e.action, f"{e.subject_kind} {e.subject_id}", e.reason) for e in entries]
    return [e for e in told if not e[2].startswith("account ") and e[1] != "audit"]


def do(office: OfficeAtWork, name: str, case: str, action: Action, **payload: Any) -> dict[str, Any]:
    return act(office.store, office[name], office.settings, CARS[case], action, payload)


def verdicts(office: OfficeAtWork, case: str, verdict: Any = "confirmed") -> dict[str, Any]:
    with office.store.reading() as session:
        held = load_case(session, CARS[case])
    assert held is not None
    return {f.finding_id: verdict for f in held.findings}


def confirmed(office: OfficeAtWork, case: str, by: str = "qian") -> None:
    do(office, by, case, Action.START_VERIFYING)
    do(office, by, case, Action.CONFIRM, findings=verdicts(office, case))


# ---------------------------------------------------------------- the whole way


def test_a_case_goes_the_whole_way(office: OfficeAtWork) -> None:
    way: list[tuple[str, Action, dict[str, Any], str]] = [
        ("zhao", Action.ASSIGN, {"assignee": "li"}, "assigned"),
        ("li", Action.START_VERIFYING, {}, "verifying"),
        ("li", Action.ASK_SCHOOL, {"text": "Where was the car?"}, "awaiting-school"),
        ("school-1", Action.ANSWER, {"text": "At the other ground."}, "verifying"),
        ("li", Action.CONFIRM, {"findings": verdicts(office, "wrong-zone")}, "confirmed"),
        ("zhao", Action.PROPOSE_SUSPENSION, {"days": 30, "text": "third time"}, "confirmed"),
    ]
    for name, action, payload, state in way:
        office.store.clock.ms += 60_000
        assert do(office, name, "wrong-zone", action, **payload)["state"] == state
    with pytest.raises(ActRefused) as refused:
        do(office, "zhao", "wrong-zone", Action.DISPOSE, kind="suspension", days=30)
    assert refused.value.code == "same-person"
    assert "somebody else" in refused.value.en
    assert "dispose" in [p["action"] for p in refused.value.possible]
    rest: list[tuple[str, Action, dict[str, Any], str]] = [
        ("sun", Action.DISPOSE, {"kind": "suspension", "days": 30}, "disposed"),
        ("school-1", Action.GIVE_FEEDBACK, {"text": "We closed for a month."}, "feedback"),
        ("wang", Action.REVIEW_FEEDBACK, {"accepted": True}, "feedback-reviewed"),
        ("wang", Action.CLOSE, {}, "closed"),
    ]
    for name, action, payload, state in rest:
        assert do(office, name, "wrong-zone", action, **payload)["state"] == state
    told = show(office.store, office["li"], office.settings, CARS["wrong-zone"])
    assert [e["seq"] for e in told["events"]] == list(range(1, 12))
    assert [d["kind"] for d in told["disposals"]] == ["suspension"]
    assert (told["disposals"][0]["by"], told["proposal"], told["possible"]) == ("sun", None, [
        {"action": "note", "required": ["text"], "optional": []}])  # fmt: skip
    with office.store.reading() as session:
        kinds = session.scalars(select(Notice.kind).where(Notice.case_id == CARS["wrong-zone"]).order_by(Notice.id))
        assert list(kinds)[-2:] == ["case.review-feedback", "case.close"]


def test_what_was_dismissed_and_confirmed_feeds_the_table_of_precision(office: OfficeAtWork) -> None:
    confirmed(office, "two-findings")
    do(office, "li", "wrong-zone", Action.START_VERIFYING)
    given = verdicts(office, "wrong-zone", {"dismissed": "map-error"})
    do(office, "li", "wrong-zone", Action.DISMISS, findings=given)
    rows = {r["rule"]: r for r in precision_table(office.store, office["zhao"], office.settings)}
    assert set(rows) == {"off-zone-training", "plate-conflict", "wrong-zone", "signal-gap"}
    assert (rows["wrong-zone"]["n"], rows["wrong-zone"]["share"]) == (1, 0.0)
    assert rows["wrong-zone"]["reasons"] == {"map-error": 1}
    assert rows["wrong-zone"]["high"] == pytest.approx(0.793, abs=1e-3)  # Wilson, none of 1
    assert (rows["signal-gap"]["n"], rows["signal-gap"]["n_automatic"], rows["signal-gap"]["share"]) == (0, 1, None)
    by = precision_table(office.store, office["zhao"], office.settings, ("school", "month"))
    assert [(r["school"], r["month"], r["n"], r["n_confirmed"]) for r in by] == [
        ("SCH01", "2026-03", 1, 0),
        ("SCH02", "2026-03", 2, 2),
    ]
    mine = precision_table(office.store, office["liu"], office.settings, ("school",))
    assert [r["school"] for r in mine] == ["SCH02"]
    assert precision_table(office.store, office["zhao"], office.settings, ("rule",), date(2026, 3, 19)) == []
    for wrong in ((), ("rule", "person")):
        with pytest.raises(case_desk.StoreRefused, match="rule, school, provider, month"):
            precision_table(office.store, office["zhao"], office.settings, wrong)


# ---------------------------------------------------------------- who sees what


def test_a_look_is_written_down_first_and_a_persons_needs_a_reason(office: OfficeAtWork) -> None:
    store, li, settings = office.store, office["li"], office.settings
    before = log_of(store)
    for nothing in ("", " ... "):
        with pytest.raises(LogRefused, match="--reason"):
            show(store, li, settings, CARS["person"], nothing)
    assert log_of(store) == before
    told = show(store, li, settings, CARS["person"], WHY)
    assert (told["subject_kind"], told["subject"]) == ("person", "P00041")
    assert told["findings"][0]["confidence"] > 0.9
    assert show(store, li, settings, CARS["over-hours"], WHY)["subject"] == "T420117"
    assert show(store, li, settings, CARS["wrong-zone"])["subject"] == "V0002"
    assert log_of(store)[len(before) :] == [
        ("li", "look", f"case {CARS['person']}", WHY),
        ("li", "look", "person P00041", f"{CARS['person']}: {WHY}"),
        ("li", "look", f"case {CARS['over-hours']}", WHY),
        ("li", "look", "trainee T420117", f"{CARS['over-hours']}: {WHY}"),
        ("li", "look", f"case {CARS['wrong-zone']}", ""),
    ]


def test_a_case_says_what_is_known_of_it(sqlite_office: OfficeAtWork) -> None:
    told = show(sqlite_office.store, sqlite_office["zhao"], sqlite_office.settings, CARS["two-findings"])
    assert (told["severity"], told["state"], told["due"], told["is_overdue"]) == (
        "critical",
        "new",
        "2026-03-20",
        False,
    )
    assert told["opened"] == "2026-03-19T09:00:00+08:00"
    first = told["findings"][0]
    assert (first["rule"], first["vehicle_id"], first["status"]) == ("off-zone-training", "V0004", "open")
    assert first["summary_en"].startswith("Looks like road training")
    assert "批准区域" in first["summary_zh"] or "训练" in first["summary_zh"]
    assert first["margins"] == {
        "beyond_nearest_place_m": pytest.approx(671, abs=1),
        "minutes_over": pytest.approx(52.7, abs=0.1),
    }
    assert first["start"].startswith("2026-03-18T")
    assert first["start"].endswith("+08:00")
    steps = {p["action"]: p["required"] for p in told["possible"]}
    assert steps == {"assign": ["assignee"], "start-verifying": [], "note": ["text"], "pick": ["text"]}


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("root", "wrong-zone"),
        ("liu", "wrong-zone"),
        ("li", "two-findings"),
        ("li", "feed"),
        ("school-2", "wrong-zone"),
        ("school-2", "person"),
    ],
)
def test_who_may_not_is_denied_and_that_is_written_down(office: OfficeAtWork, name: str, case: str) -> None:
    store, actor, settings = office.store, office[name], office.settings
    before = log_of(store)
    with pytest.raises(NotAllowed):
        show(store, actor, settings, CARS[case], WHY)
    with pytest.raises(NotAllowed):
        act(store, actor, settings, CARS[case], Action.NOTE, {"text": "x"})
    assert CARS[case] not in json.dumps(_all_that_is_listed(office, name))
    denied = [e for e in log_of(store)[len(before) :] if e[1] == "look-denied"]
    assert denied[:2] == [
        (name, "look-denied", f"case {CARS[case]}", WHY),
        (name, "look-denied", f"case {CARS[case]}", ""),
    ]
    with store.reading() as session:
        assert load_case(session, CARS[case]).n_events == 1


def _all_that_is_listed(office: OfficeAtWork, name: str) -> list[Any]:
    out: list[Any] = []
    for ask in (
        lambda: queue(office.store, office[name], office.settings),
        lambda: listed(office.store, office[name], office.settings, everything=True),
        lambda: findings(office.store, office[name], office.settings, DAY),
    ):
        try:
            out.append(ask())
        except NotAllowed as error:
            out.append(str(error))
    return out


def test_that_there_is_no_such_case_is_told_only_to_who_might_see_it(sqlite_office: OfficeAtWork) -> None:
    store, settings, none = sqlite_office.store, sqlite_office.settings, "C" + "0" * 20
    with pytest.raises(NoSuchCase):
        show(store, sqlite_office["zhao"], settings, none)
    with pytest.raises(NotAllowed) as no_case:
        show(store, sqlite_office["li"], settings, none)
    with pytest.raises(NotAllowed) as other_district:
        show(store, sqlite_office["li"], settings, CARS["two-findings"])
    assert str(no_case.value) == str(other_district.value)
    for wrong in ("", "C1", "x' or 1=1", CARS["feed"].upper(), CARS["feed"] + "\n"):
        with pytest.raises(NoSuchCase):
            show(store, sqlite_office["zhao"], settings, wrong)


def test_the_program_itself_and_whoever_has_no_role_see_nothing(sqlite_office: OfficeAtWork) -> None:
    for actor in (SYSTEM, NOBODY):
        for ask in (
            lambda a: queue(sqlite_office.store, a, sqlite_office.settings),
            lambda a: listed(sqlite_office.store, a, sqlite_office.settings),
            lambda a: show(sqlite_office.store, a, sqlite_office.settings, CARS["feed"]),
            lambda a: findings(sqlite_office.store, a, sqlite_office.settings, DAY),
            lambda a: precision_table(sqlite_office.store, a, sqlite_office.settings),
            lambda a: checks(sqlite_office.store, a, sqlite_office.settings, DAY, DAY),
            lambda a: missed(sqlite_office.store, a, sqlite_office.settings, DAY, DAY),
            lambda a: act(sqlite_office.store, a, sqlite_office.settings, CARS["feed"], Action.NOTE, {"text": "x"}),
        ):
            with pytest.raises(NotAllowed):
                ask(actor)


def test_a_school_sees_its_own_and_nothing_that_the_office_writes_for_itself(sqlite_office: OfficeAtWork) -> None:
    do(sqlite_office, "zhao", "person", Action.ASSIGN, assignee="li", text="P00041 is a cousin of somebody")
    do(sqlite_office, "li", "person", Action.START_VERIFYING)
    do(sqlite_office, "li", "person", Action.NOTE, text="seen before")
    do(sqlite_office, "li", "person", Action.ASK_SCHOOL, text="Who taught? P00041 or another?")
    school, settings = sqlite_office["school-1"], sqlite_office.settings
    mine = listed(sqlite_office.store, school, settings)
    assert {c["school_id"] for c in mine} == {"SCH01"}
    assert [c for c in mine if c["assignee"]] == []
    with pytest.raises(NotAllowed):
        queue(sqlite_office.store, school, settings)
    told = show(sqlite_office.store, school, settings, CARS["person"])
    assert told["subject"] == "#001"
    shown = json.dumps(told)
    assert "P00041" not in shown
    for hidden in ("cousin", "seen before", '"li"', "zhao"):
        assert hidden not in shown
    assert [(e["action"], e["actor"]) for e in told["events"]] == [("ask-school", None)]
    assert [p["action"] for p in told["possible"]] == ["answer"]
    answered = do(sqlite_office, "school-1", "person", Action.ANSWER, text="Another one.")
    assert answered["state"] == "verifying"
    assert "P00041" not in json.dumps(answered)


def test_people_stand_in_lists_by_number_and_with_a_reason_by_key(office: OfficeAtWork) -> None:
    store, settings = office.store, office.settings
    told = queue(store, office["zhao"], settings)
    for shown in (listed(store, office["zhao"], settings), told):
        assert not {"P00041", "P00071", "T420117"} & set(json.dumps(shown).replace('"', " ").split())
    assert {c["subject"] for c in told["today"] if c["subject_kind"] == "person"} == {"#001", "#002"}
    masked = findings(store, office["li"], settings, DAY)
    assert {f["district"] for f in masked} == {"419901"}
    by_rule = {f["rule"]: f for f in masked}
    assert by_rule["instructor-substitution"]["person"] in {"#001", "#002"}
    assert not {"P00041", "T300104"} & {f["person"] or f["trainee"] for f in masked}
    before = log_of(store)
    named = {f["rule"]: f for f in findings(store, office["li"], settings, DAY, WHY)}
    assert (named["instructor-substitution"]["person"], named["wrong-zone"]["trainee"]) == ("P00041", "T300104")
    new = log_of(store)[len(before) :]
    assert new[0] == ("li", "look", "night 2026-03-18", WHY)
    assert ("li", "look", "person P00041", WHY) in new
    people = {(f["person"], f["trainee"]) for f in named.values() if f["person"] or f["trainee"]}
    assert len({e[2] for e in new}) == len(new) == 1 + len(people)
    robot = findings(store, office["robot"], settings, DAY, WHY)
    assert len(robot) == 15
    assert "P00041" not in json.dumps(robot)


# ---------------------------------------------------------------- what to look at today


def test_the_queue_holds_today_what_the_office_can_do_and_loses_nothing(
    office: OfficeAtWork, night_place: Place
) -> None:
    few = settings_of(night_place, capacity=4)
    told = queue(office.store, office["zhao"], few)
    assert (told["capacity"], told["n_today"], told["n_waiting"], told["n_not_looked_at"]) == (4, 4, 9, 0)
    everything = [*told["today"], *told["waiting"]]
    assert [c["rank"] for c in everything] == list(range(1, 14))
    grave = [c["severity"] for c in everything]
    assert grave == sorted(grave, key=["critical", "major", "minor", "notice"].index)
    assert everything[0]["subject_kind"] == "person"  # critical, and the most certain
    assert CARS["pre-reviewed"] not in {c["case_id"] for c in everything}
    mine = queue(office.store, office["liu"], few)
    assert [c["rank"] for c in (*mine["today"], *mine["waiting"])] == [
        c["rank"] for c in everything if c["district"] == "419902"
    ]
    assert mine["n_today"] + mine["n_waiting"] == 13

    do(office, "li", "over-hours", Action.PICK, text="the mother called")
    do(office, "li", "wrong-zone", Action.START_VERIFYING)
    office.store.clock.ms += DAY_MS
    later = queue(office.store, office["zhao"], few)
    assert (later["today"][0]["case_id"], later["today"][0]["is_picked"]) == (CARS["over-hours"], True)
    assert {c["age_days"] for c in later["waiting"]} == {1}
    assert all(c["not_looked_at"] for c in later["waiting"])
    assert later["n_not_looked_at"] == 9
    assert [c["state"] for c in (*later["today"], *later["waiting"]) if c["case_id"] == CARS["wrong-zone"]] == [
        "verifying"
    ]
    assert log_of(office.store)[-1] == ("zhao", "look", "finding queue", "")


def test_lists_are_of_a_day_or_a_state_or_of_all(sqlite_office: OfficeAtWork) -> None:
    store, zhao, settings = sqlite_office.store, sqlite_office["zhao"], sqlite_office.settings
    assert len(listed(store, zhao, settings)) == 13
    assert len(listed(store, zhao, settings, everything=True)) == 14
    assert [c["case_id"] for c in listed(store, zhao, settings, state=State.DISMISSED)] == [CARS["pre-reviewed"]]
    assert listed(store, zhao, settings, service_date=DAY - timedelta(days=1), everything=True) == []


def test_pre_review_closes_only_what_the_office_lists_and_says_so(office: OfficeAtWork) -> None:
    told = {c["case_id"]: c["state"] for c in listed(office.store, office["zhao"], office.settings, everything=True)}
    assert {case for case, state in told.items() if state != "new"} == {CARS["pre-reviewed"]}
    case = show(office.store, office["li"], office.settings, CARS["pre-reviewed"])
    last = case["events"][-1]
    assert (last["action"], last["actor"], last["role"]) == ("pre-review", "system", None)
    assert last["details"]["document"] == PAPER
    assert [(f["status"], f["reason"], f["is_automatic"]) for f in case["findings"]] == [("dismissed", "minor", True)]
    reopened = do(office, "wang", "pre-reviewed", Action.REOPEN, text="let me see")
    assert reopened["state"] == "reopened"


def audited_again(office: OfficeAtWork, *without: str) -> None:
    """What a later audit does that no longer finds some matters."""
    with office.store.writing() as session:
        left = [f for f in findings_of(session, DAY) if f.rule not in without]
        follow_findings(session, DAY, left, office.store.clock(), {"run_id": "later"}, None)


def test_what_a_later_audit_changed_is_in_the_queue_until_a_reviewer_settles_it(office: OfficeAtWork) -> None:
    confirmed(office, "two-findings")
    assert queue(office.store, office["zhao"], office.settings)["review"] == []
    audited_again(office, "plate-conflict")
    told = queue(office.store, office["zhao"], office.settings)
    assert [c["case_id"] for c in told["review"]] == [CARS["two-findings"]]
    assert queue(office.store, office["li"], office.settings)["review"] == []
    shown = show(office.store, office["zhao"], office.settings, CARS["two-findings"])
    assert {"uphold", "reopen"} <= {p["action"] for p in shown["possible"]}
    assert "dispose" not in {p["action"] for p in shown["possible"]}
    lost = shown["findings"][1]
    assert (lost["is_present"], lost["is_changed"], lost["status"]) == (False, True, "confirmed")
    assert lost["summary_en"].startswith("4 passages")
    with pytest.raises(ActRefused, match="uphold"):
        do(office, "zhao", "two-findings", Action.DISPOSE, kind="interview")
    assert do(office, "zhao", "two-findings", Action.UPHOLD, text="one is enough")["needs_review"] is False
    assert do(office, "zhao", "two-findings", Action.DISPOSE, kind="interview")["state"] == "disposed"


# ---------------------------------------------------------------- what may not be done


def test_what_may_not_be_done_says_what_is_possible_instead(office: OfficeAtWork) -> None:
    with pytest.raises(ActRefused) as wrong_state:
        do(office, "li", "wrong-zone", Action.CONFIRM, findings=verdicts(office, "wrong-zone"))
    assert wrong_state.value.code == "wrong-state"
    assert "待分派" in wrong_state.value.zh
    assert [p["action"] for p in wrong_state.value.possible] == ["assign", "start-verifying", "note", "pick"]
    before = log_of(office.store)
    with pytest.raises(ActRefused) as not_his:
        do(office, "li", "wrong-zone", Action.REOPEN, text="x")
    with pytest.raises(NotAllowed):  # not asked yet, so not told that there is a case
        do(office, "school-1", "wrong-zone", Action.NOTE, text="x")
    with pytest.raises(ActRefused):
        do(office, "robot", "wrong-zone", Action.START_VERIFYING)
    assert not_his.value.code == "not-allowed"
    assert log_of(office.store)[len(before) :] == [
        ("li", "act-denied", f"case {CARS['wrong-zone']}", "reopen"),
        ("school-1", "look-denied", f"case {CARS['wrong-zone']}", ""),
        ("robot", "act-denied", f"case {CARS['wrong-zone']}", "start-verifying"),
    ]
    with office.store.reading() as session:
        assert load_case(session, CARS["wrong-zone"]).n_events == 1


@pytest.mark.parametrize("name", ["nobody-there", "liu", "school-1", "root", "robot"])
def test_a_case_is_given_only_to_who_may_handle_it_there(sqlite_office: OfficeAtWork, name: str) -> None:
    with pytest.raises(case_desk.StoreRefused, match=name):
        do(sqlite_office, "zhao", "wrong-zone", Action.ASSIGN, assignee=name)
    assert do(sqlite_office, "zhao", "wrong-zone", Action.ASSIGN, assignee="wang")["assignee"] == "wang"


# ---------------------------------------------------------------- two at once


def test_who_decides_on_what_he_no_longer_sees_is_told_so(office: OfficeAtWork) -> None:
    do(office, "li", "wrong-zone", Action.START_VERIFYING)
    seen = show(office.store, office["wang"], office.settings, CARS["wrong-zone"])["n_events"]
    do(office, "li", "wrong-zone", Action.NOTE, text="the school was called")
    given = {"findings": verdicts(office, "wrong-zone")}
    with pytest.raises(CaseChanged):
        act(office.store, office["wang"], office.settings, CARS["wrong-zone"], Action.CONFIRM, given, seen=seen)
    told = show(office.store, office["wang"], office.settings, CARS["wrong-zone"])
    assert (told["state"], told["n_events"]) == ("verifying", seen + 1)
    again = act(
        office.store, office["wang"], office.settings, CARS["wrong-zone"], Action.CONFIRM, given, seen=told["n_events"]
    )
    assert again["state"] == "confirmed"


def test_two_people_at_once_one_decides_and_nothing_is_lost(office: OfficeAtWork) -> None:
    do(office, "li", "wrong-zone", Action.START_VERIFYING)
    seen, went = 2, []
    start = threading.Barrier(4)
    yes, no = verdicts(office, "wrong-zone"), verdicts(office, "wrong-zone", {"dismissed": "minor"})

    def decide(name: str, action: Action, given: dict[str, Any]) -> None:
        actor = office[name]
        start.wait()
        try:
            act(office.store, actor, office.settings, CARS["wrong-zone"], action, {"findings": given}, seen=seen)
        except CaseChanged:
            went.append("changed")
        else:
            went.append("decided")

    hands = [
        threading.Thread(target=decide, args=args)
        for args in (
            ("li", Action.CONFIRM, yes),
            ("wang", Action.DISMISS, no),
            ("qian", Action.CONFIRM, yes),
            ("sun", Action.DISMISS, no),
        )
    ]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(60)
    assert sorted(went) == ["changed", "changed", "changed", "decided"]
    told = show(office.store, office["li"], office.settings, CARS["wrong-zone"])
    assert (told["n_events"], told["state"]) in {(3, "confirmed"), (3, "dismissed")}


def test_notes_at_once_are_all_kept(office: OfficeAtWork) -> None:
    names = ("li", "wang", "zhao", "qian")
    start = threading.Barrier(len(names))

    def write(name: str) -> None:
        actor = office[name]
        start.wait()
        act(office.store, actor, office.settings, CARS["wrong-zone"], Action.NOTE, {"text": f"by {name}"})

    hands = [threading.Thread(target=write, args=(name,)) for name in names]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(60)
    told = show(office.store, office["li"], office.settings, CARS["wrong-zone"])
    assert {e["text"] for e in told["events"][1:]} == {f"by {name}" for name in names}


# ---------------------------------------------------------------- spot checks


def test_spot_checks_are_drawn_picked_decided_and_counted(office: OfficeAtWork) -> None:
    store, settings = office.store, office.settings
    drawn = checks(store, office["zhao"], settings, DAY, DAY)
    assert [(c["vehicle_id"], c["probability"], c["outcome"]) for c in drawn] == [
        ("V0013", 1.0, None), ("V0014", 1.0, None), ("V0015", 1.0, None)
    ]  # fmt: skip
    picked = pick_check(store, office["li"], settings, DAY, "V0010", WHY)
    assert (picked["picked_by"], picked["reason"], picked["probability"]) == ("li", WHY, None)
    with pytest.raises(CheckRefused, match="V0010"):
        pick_check(store, office["qian"], settings, DAY, "V0010", "again")
    nothing = missed(store, office["zhao"], settings, DAY, DAY)
    assert (nothing["share"], nothing["upper"], nothing["n_undecided"], nothing["n_picked"]) == (None, 1.0, 3, 1)
    decide_check(store, office["li"], settings, DAY, "V0013", Outcome.CLEAN)
    decide_check(store, office["li"], settings, DAY, "V0015", Outcome.VIOLATION, "taught on the ring road")
    decide_check(store, office["liu"], settings, DAY, "V0014", Outcome.UNCLEAR, "no recording")
    decide_check(store, office["li"], settings, DAY, "V0010", Outcome.VIOLATION, "the same")
    told = missed(store, office["zhao"], settings, DAY - timedelta(days=30), DAY)
    assert (told["n"], told["n_violations"], told["n_undecided"], told["n_picked"]) == (2, 1, 1, 1)
    assert (told["share"], told["covered"], told["population"], told["n_left_out"]) == (0.5, 2, 3, 0)
    assert told["upper"] == pytest.approx(0.9747, abs=1e-3)  # Clopper and Pearson, one of 2
    assert [c["vehicle_id"] for c in checks(store, office["zhao"], settings, DAY, DAY, undecided=True)] == []
    actions = [e for e in log_of(store) if e[1].startswith("spot-check")]
    assert actions[0] == ("li", "spot-check-pick", "vehicle V0010", f"{DAY}: {WHY}")
    assert actions[2] == ("li", "spot-check-decide", "vehicle V0015", f"{DAY} violation: taught on the ring road")
    assert len(actions) == 5


def test_a_check_is_decided_anew_only_if_asked_for(office: OfficeAtWork) -> None:
    store, settings, li = office.store, office.settings, office["li"]
    decide_check(store, li, settings, DAY, "V0013", Outcome.UNCLEAR, "dark")
    decide_check(store, li, settings, DAY, "V0013", Outcome.CLEAN)
    with pytest.raises(CheckRefused, match=r"li.*clean.*--again"):
        decide_check(store, office["wang"], settings, DAY, "V0013", Outcome.VIOLATION, "look again")
    done = decide_check(store, office["wang"], settings, DAY, "V0013", Outcome.VIOLATION, "look again", again=True)
    assert (done["outcome"], done["decided_by"], done["decided"]) == ("violation", "wang", "2026-03-19T09:00:00+08:00")
    reasons = [e[3] for e in log_of(store) if e[1] == "spot-check-decide"]
    assert reasons == [f"{DAY} unclear: dark", f"{DAY} clean", f"{DAY} violation: look again"]


def test_a_check_needs_its_words(sqlite_office: OfficeAtWork) -> None:
    store, settings, li = sqlite_office.store, sqlite_office.settings, sqlite_office["li"]
    for outcome in (Outcome.VIOLATION, Outcome.UNCLEAR):
        with pytest.raises(CheckRefused, match="--note"):
            decide_check(store, li, settings, DAY, "V0013", outcome)
    for reason in ("", " - ", "x" * 2001):
        with pytest.raises(CheckRefused, match="--reason"):
            pick_check(store, li, settings, DAY, "V0010", reason)
    with pytest.raises(CheckRefused, match="V0009"):
        decide_check(store, li, settings, DAY, "V0009", Outcome.CLEAN)
    with pytest.raises(CheckRefused, match="V9999"):
        pick_check(store, sqlite_office["qian"], settings, DAY, "V9999", WHY)


def test_who_may_not_look_at_a_car_checks_none(office: OfficeAtWork) -> None:
    store, settings = office.store, office.settings
    for name in ("root", "school-1", "robot"):
        for ask in (
            lambda a: checks(store, a, settings, DAY, DAY),
            lambda a: missed(store, a, settings, DAY, DAY),
            lambda a: pick_check(store, a, settings, DAY, "V0010", WHY),
            lambda a: decide_check(store, a, settings, DAY, "V0013", Outcome.CLEAN),
        ):
            with pytest.raises(NotAllowed):
                ask(office[name])
    with pytest.raises(NotAllowed):
        decide_check(store, office["liu"], settings, DAY, "V0013", Outcome.CLEAN)
    with pytest.raises(NotAllowed):
        pick_check(store, office["liu"], settings, DAY, "V0010", WHY)
    assert log_of(store)[-1] == ("liu", "look-denied", "vehicle V0010", WHY)
    assert [c["vehicle_id"] for c in checks(store, office["liu"], settings, DAY, DAY)] == ["V0014"]
    assert all(c["outcome"] is None for c in checks(store, office["zhao"], settings, DAY, DAY))


def test_an_estimate_takes_only_strata_that_are_seen_whole(sqlite_office: OfficeAtWork) -> None:
    store, settings = sqlite_office.store, sqlite_office.settings
    decide_check(store, sqlite_office["liu"], settings, DAY, "V0014", Outcome.CLEAN)
    told = missed(store, sqlite_office["liu"], settings, DAY, DAY)
    assert (told["n"], told["population"], told["n_left_out"]) == (1, 1, 2)
    with store.writing() as session:
        for row in session.scalars(select(spot_desk.SpotCheck)):
            row.stratum, row.stratum_size, row.stratum_drawn = spot_desk.WHOLE_CITY, 9, 3
    told = missed(store, sqlite_office["liu"], settings, DAY, DAY)
    assert (told["n"], told["population"], told["n_left_out"]) == (0, 0, 3)
    assert missed(store, sqlite_office["zhao"], settings, DAY, DAY)["population"] == 9


def test_the_night_is_the_sample_citys(sqlite_office: OfficeAtWork) -> None:
    store, zhao, settings = sqlite_office.store, sqlite_office["zhao"], sqlite_office.settings
    held = {c["case_id"] for c in listed(store, zhao, settings, everything=True)}
    assert set(CARS.values()) <= held
    assert store.clock() == START_MS
