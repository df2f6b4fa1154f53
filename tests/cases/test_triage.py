"""What is looked at today: the order is total, and nothing vanishes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.finding import Severity
from cases.case import Case
from cases.matter import SubjectKind
from cases.states import Action, State
from cases.triage import repetition, triage
from tests.cases.making import DAY, HOUR_MS, LI, OPENED_MS, done, followed, found, led_to, matter, opened
from trajectories.clock import LocalTime

SHANGHAI = LocalTime("Asia/Shanghai")
DAY_MS = 24 * HOUR_MS


def case(vehicle_id: str, at_ms: int = OPENED_MS, **more: Any) -> Case:
    return opened(found(**more), about=matter(vehicle_id), at_ms=at_ms)


def order(cases: list[Case], counts: dict[tuple[str, str], int] | None = None) -> list[str]:
    sorted_ = triage(cases, len(cases), counts or {}, OPENED_MS, SHANGHAI).today
    assert [r.rank for r in sorted_] == list(range(1, len(cases) + 1))
    return [r.case.subject_id for r in sorted_]


def test_severity_comes_first() -> None:
    cases = [case(str(s), severity=s, confidence=0.9 if s is Severity.NOTICE else 0.1) for s in Severity]
    assert order(cases) == ["critical", "major", "minor", "notice"]


def test_then_certainty_where_not_known_is_even_odds_behind_every_known_half() -> None:
    confidences = {"sure": 0.97, "half": 0.5, "unknown": None, "less": 0.49, "none": 0.0}
    assert order([case(name, confidence=c) for name, c in reversed(confidences.items())]) == list(confidences)


def test_then_repetition_of_the_subject_and_then_of_the_school() -> None:
    cases = [case("once"), case("school", school_id="S2"), case("often")]
    counts = {("vehicle", "often"): 2, ("vehicle", "once"): 1, ("vehicle", "school"): 1, ("school", "S2"): 40}
    assert order(cases, counts) == ["often", "school", "once"]


def test_a_persons_repetition_is_not_a_cars_of_the_same_name() -> None:
    person = opened(found(), about=matter("X1", SubjectKind.PERSON))
    car = opened(found(), about=matter("X1"))
    first = triage([car, person], 1, {("person", "X1"): 5}, OPENED_MS, SHANGHAI).today[0].case
    assert first.subject_kind is SubjectKind.PERSON


def test_then_the_oldest_and_then_the_id() -> None:
    assert order([case("new", OPENED_MS + 1), case("old", OPENED_MS)]) == ["old", "new"]
    same = [case(f"V{k}") for k in range(8)]
    assert order(same) == [c.subject_id for c in sorted(same, key=lambda c: c.case_id)]


def test_what_somebody_picked_by_hand_goes_before_all() -> None:
    picked = done(case("small", severity=Severity.NOTICE), LI, Action.PICK, text="a telephone call")
    assert order([case("grave", severity=Severity.CRITICAL), picked]) == ["small", "grave"]


def test_only_what_is_still_to_be_judged_ranks_a_case() -> None:
    settled = followed(
        led_to(State.CLOSED, found("F1", severity=Severity.CRITICAL)),
        found("F1", severity=Severity.CRITICAL), found("F2", 14, severity=Severity.MINOR),
    )  # fmt: skip
    gone = followed(
        opened(found("F1", severity=Severity.CRITICAL), found("F2", 14, severity=Severity.MINOR), about=matter("V002")),
        found("F2", 14, severity=Severity.MINOR),
    )
    assert order([settled, gone, case("V003", severity=Severity.MAJOR)])[0] == "V003"


def test_the_certainty_is_that_of_the_gravest_findings() -> None:
    grave_unsure = opened(found("F1", confidence=0.1), found("F2", 14, severity=Severity.MINOR, confidence=0.99))
    assert order([grave_unsure, case("V002", confidence=0.3)]) == ["V002", "V001"]


SEVERITIES, CONFIDENCES = st.sampled_from(list(Severity)), st.sampled_from([None, 0.2, 0.5, 0.9])
QUEUES = st.lists(
    st.builds(
        lambda k, severity, confidence, days: case(
            f"V{k}", OPENED_MS - days * DAY_MS, severity=severity, confidence=confidence
        ),
        st.integers(0, 30), SEVERITIES, CONFIDENCES, st.integers(0, 5),
    ),
    max_size=12,
    unique_by=lambda c: c.case_id,
)  # fmt: skip


@given(QUEUES, st.integers(0, 15), st.randoms(use_true_random=False))
def test_every_case_is_in_todays_or_waits_once_whatever_the_order_and_the_capacity(
    cases: list[Case], capacity: int, random: Any
) -> None:
    found_ = triage(cases, capacity, {}, OPENED_MS, SHANGHAI)
    both = [*found_.today, *found_.waiting]
    assert len(found_.today) == min(capacity, len(cases))
    assert len(found_.today) + len(found_.waiting) == len(cases)
    assert sorted(r.case.case_id for r in both) == sorted(c.case_id for c in cases)
    assert [r.rank for r in both] == list(range(1, len(cases) + 1))
    assert triage(random.sample(cases, len(cases)), capacity, {}, OPENED_MS, SHANGHAI) == found_


@given(QUEUES, st.integers(0, 12))
def test_a_larger_capacity_only_adds_to_what_is_looked_at(cases: list[Case], capacity: int) -> None:
    small, large = (triage(cases, n, {}, OPENED_MS, SHANGHAI) for n in (capacity, capacity + 1))
    assert large.today[: len(small.today)] == small.today


def test_what_was_not_looked_at_stays_in_sight_with_its_age_in_local_days() -> None:
    cases = [case("today"), case("yesterday", OPENED_MS - DAY_MS), case("week", OPENED_MS - 7 * DAY_MS)]
    found_ = triage(cases, 1, {}, OPENED_MS, SHANGHAI)
    assert [(r.case.subject_id, r.age_days) for r in found_.today] == [("week", 7)]
    assert [(r.case.subject_id, r.age_days) for r in found_.waiting] == [("yesterday", 1), ("today", 0)]
    assert [r.case.subject_id for r in found_.not_looked_at] == ["yesterday"]
    midnight = SHANGHAI.midnight(date(2026, 3, 20))
    ages = [triage([case("V1")], 0, {}, t, SHANGHAI).waiting[0].age_days for t in (midnight - 1, midnight)]
    assert ages == [0, 1]


def test_nothing_to_look_at_and_no_capacity_are_no_faults_but_less_than_none_is() -> None:
    empty = triage([], 5, {}, OPENED_MS, SHANGHAI)
    assert (empty.today, empty.waiting) == ((), ())
    assert len(triage([case("V1")], 0, {}, OPENED_MS, SHANGHAI).waiting) == 1
    with pytest.raises(ValueError, match="capacity"):
        triage([], -1, {}, OPENED_MS, SHANGHAI)
    with pytest.raises(ValueError, match="one id"):
        triage([case("V1"), case("V1")], 1, {}, OPENED_MS, SHANGHAI)


def test_repetition_counts_the_matters_of_the_window_except_errors() -> None:
    days = [DAY - timedelta(days=k) for k in (0, 6, 7)]
    cases = [opened(found(), about=matter("V001", day=d)) for d in days]
    cases += [opened(found(), about=matter("V002")), led_to(State.SUPERSEDED), led_to(State.DISMISSED)]
    assert repetition(cases, DAY, 7) == {("vehicle", "V001"): 2, ("vehicle", "V002"): 1, ("school", "S1"): 3}
    assert repetition(cases, DAY - timedelta(days=7), 1) == {("vehicle", "V001"): 1, ("school", "S1"): 1}
