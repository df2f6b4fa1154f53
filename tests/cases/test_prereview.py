"""What the program may dismiss by the office's list, and what it must leave to people."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from audit.finding import Severity
from cases.case import Case, applied
from cases.matter import CaseFinding, SubjectKind
from cases.prereview import PEOPLE_RULES, PreReview, pre_review
from cases.states import Action, DismissReason, State
from tests.cases.making import DAY, LI, OPENED_MS, actions, done, found, led_to, matter, opened

DOCUMENT = "济公交〔2026〕12号"
SINCE = date(2026, 1, 1)


def entry(**more: Any) -> PreReview:
    facts: dict[str, Any] = {
        "rule": "off-zone-training", "severity_at_most": Severity.MINOR, "max_duration_min": 5, "since": SINCE,
        "document": DOCUMENT, "reason": DismissReason.MINOR,
    }  # fmt: skip
    return PreReview(**{**facts, **more})


def small(name: str = "F1", start_h: float = 9, hours: float = 0.05, **more: Any) -> CaseFinding:
    return found(name, start_h, hours, **{"severity": Severity.MINOR, **more})


def dismissed_by_list(*findings: CaseFinding) -> Case:
    case = opened(*findings)
    event = pre_review(case, [entry()], DAY, OPENED_MS)
    assert event is not None
    return applied(case, event)


def test_a_small_matter_on_the_list_is_dismissed_and_the_event_names_the_paper() -> None:
    case = opened(small())
    event = pre_review(case, [entry()], DAY, OPENED_MS)
    assert event is not None
    assert (actions([event]), event.actor, event.role) == (["pre-review"], "system", None)
    assert event.payload == {
        "by": "pre-review",
        "document": DOCUMENT,
        "findings": {"F1": {"dismissed": "minor", "text": DOCUMENT}},
    }
    after = applied(case, event)
    assert after.state is State.DISMISSED
    assert (after.findings[0].reason, after.findings[0].is_automatic) == (DismissReason.MINOR, True)
    assert not after.is_judged_by_people


def test_an_empty_list_dismisses_nothing() -> None:
    assert pre_review(opened(small()), [], DAY, OPENED_MS) is None


@pytest.mark.parametrize(
    "more",
    [
        {"rule": "off-route"},
        {"severity": Severity.MAJOR},
        {"severity": Severity.CRITICAL},
        {"hours": 5 / 60 + 1 / 3600},
    ],
)
def test_a_finding_that_the_entry_does_not_cover_is_left_to_people(more: dict[str, Any]) -> None:
    assert pre_review(opened(small(**more)), [entry()], DAY, OPENED_MS) is None


def test_the_length_itself_and_smaller_severities_are_covered() -> None:
    assert pre_review(opened(small(hours=5 / 60)), [entry()], DAY, OPENED_MS) is not None
    assert pre_review(opened(small(severity=Severity.NOTICE)), [entry()], DAY, OPENED_MS) is not None


def test_an_entry_holds_between_its_dates_both_included() -> None:
    dated = [entry(until=DAY)]
    answers = [pre_review(opened(small()), dated, day, 0) is not None for day in (SINCE, DAY)]
    outside = [SINCE - timedelta(days=1), DAY + timedelta(days=1)]
    assert answers == [True, True]
    assert [pre_review(opened(small()), dated, day, 0) for day in outside] == [None, None]


def test_an_entry_may_be_for_some_schools_and_places_only() -> None:
    case = opened(small(zone_id="G1"))
    assert pre_review(case, [entry(schools=frozenset({"S1"}), zones=frozenset({"G1"}))], DAY, 0) is not None
    assert pre_review(case, [entry(schools=frozenset({"S2"}))], DAY, 0) is None
    assert pre_review(opened(small()), [entry(zones=frozenset({"G1"}))], DAY, 0) is None
    assert pre_review(case, [entry(schools=frozenset())], DAY, 0) is None


def test_one_finding_off_the_list_keeps_the_whole_case_for_people() -> None:
    assert pre_review(opened(small(), small("F2", 14, hours=1)), [entry()], DAY, 0) is None


def test_several_entries_may_cover_one_case_together_and_all_papers_are_named() -> None:
    other = entry(rule="off-route", document="A-1")
    case = opened(small(), small("F2", 14, rule="off-route"))
    for entries in ([entry(), other], [other, entry()]):
        event = pre_review(case, entries, DAY, 0)
        assert event is not None
        assert event.payload["document"] == f"A-1; {DOCUMENT}"
        assert event.payload["findings"]["F2"]["text"] == "A-1"


@pytest.mark.parametrize("kind", [SubjectKind.PERSON, SubjectKind.TRAINEE])
def test_what_concerns_a_person_is_never_dismissed_by_the_program(kind: SubjectKind) -> None:
    for rule in ("over-hours", "off-zone-training"):
        case = opened(small(rule=rule), about=matter("P1", kind))
        assert pre_review(case, [entry(rule=rule)], DAY, 0) is None


def test_what_somebody_has_touched_or_wants_to_see_is_left_to_people() -> None:
    for state in State:
        if state is not State.NEW:
            assert pre_review(led_to(state, small()), [entry()], DAY, 0) is None
    assert pre_review(done(opened(small()), LI, Action.PICK, text="a call"), [entry()], DAY, 0) is None


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"document": " "}, "document"),
        ({"document": "x" * 2001}, "document"),
        ({"max_duration_min": 0}, "length"),
        ({"max_duration_min": float("nan")}, "length"),
        ({"until": date(2025, 12, 31)}, "before it begins"),
        ({"reason": DismissReason.OTHER}, "somebody's words"),
        *(({"rule": rule}, "judged by persons") for rule in sorted(PEOPLE_RULES)),
    ],
)
def test_an_entry_that_cannot_stand_is_refused(more: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        entry(**more)
