"""What a case is about, and what of a finding a late fix may change without making it another matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from audit.finding import Finding, Severity
from cases.matter import CaseFinding, FindingStatus, Matter, SubjectKind, case_finding, matter_of, substance_of
from tests.cases.making import HOUR_MS, MIN_MS, found

DAY = date(2026, 3, 18)


def finding(**more: Any) -> Finding:
    facts: dict[str, Any] = {
        "finding_id": "F1", "content_digest": "d1", "service_date": DAY, "rule": "off-route", "rule_version": "1",
        "severity": Severity.MAJOR, "vehicle_id": "V001", "plate": "鲁A0001学", "school_id": "S1", "district": "370102",
        "zone_id": "R1", "session_id": "K1", "person_id": None, "trainee_id": "L1", "feed": "north",
        "start_ms": HOUR_MS,
        "end_ms": 2 * HOUR_MS, "confidence": None, "confidence_basis": "none", "summary_zh": "", "summary_en": "",
        "evidence": {}, "geometry": None,
    }  # fmt: skip
    return Finding(**{**facts, **more})


@pytest.mark.parametrize(
    ("facts", "kind", "who"),
    [
        ({}, SubjectKind.VEHICLE, "V001"),
        ({"rule": "safety-officer-instructing", "person_id": "P1"}, SubjectKind.PERSON, "P1"),
        ({"rule": "instructor-substitution", "person_id": "P2"}, SubjectKind.PERSON, "P2"),
        ({"rule": "over-hours"}, SubjectKind.TRAINEE, "L1"),
        ({"rule": "feed-datum", "vehicle_id": None, "trainee_id": None}, SubjectKind.FEED, "north"),
    ],
)
def test_a_matter_is_about_the_person_the_trainee_the_feed_or_else_the_car(
    facts: dict[str, Any], kind: SubjectKind, who: str
) -> None:
    assert matter_of(finding(**facts)) == Matter(DAY, kind, who)


def test_a_trainee_who_only_rode_along_makes_no_matter_of_his_own() -> None:
    assert matter_of(finding(trainee_id="L1")) == matter_of(finding(trainee_id="L2"))


def test_a_late_fix_changes_neither_matter_nor_case() -> None:
    before = matter_of(finding())
    after = matter_of(
        finding(
            finding_id="F9", content_digest="d9", start_ms=1, end_ms=2, session_id=None, zone_id=None, confidence=0.9
        )
    )
    assert before == after
    assert before.case_id == after.case_id


def test_another_day_or_kind_is_another_case_even_with_one_name() -> None:
    ids = {Matter(day, kind, "X1").case_id for day in (DAY, date(2026, 3, 19)) for kind in SubjectKind}
    assert len(ids) == 2 * len(SubjectKind)
    assert all(len(i) == 21 and i[0] == "C" for i in ids)


def test_a_finding_of_nobody_and_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="names no person"):
        matter_of(finding(vehicle_id=None, feed=None))


def test_a_matter_and_a_finding_are_the_same_after_they_were_written_down() -> None:
    for kind in SubjectKind:
        assert Matter.from_json(Matter(DAY, kind, "X1").as_json()) == Matter(DAY, kind, "X1")
    for one in (found(), found(confidence=0.8125, school_id=None, district=None, provider=None, zone_id="G1")):
        assert CaseFinding.from_json(one.as_json()) == one


def test_a_conclusion_is_not_written_down_with_the_finding() -> None:
    judged = replace(found(), status=FindingStatus.CONFIRMED, is_changed=True)
    assert CaseFinding.from_json(judged.as_json()) == found()


def test_facts_that_a_finding_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="status"):
        CaseFinding.from_json({**found().as_json(), "status": "confirmed"})
    with pytest.raises(KeyError):
        CaseFinding.from_json({"finding_id": "F1"})


def test_the_substance_is_what_a_letter_would_say_otherwise() -> None:
    one = finding()
    same = finding(
        finding_id="F2", content_digest="d2", start_ms=HOUR_MS + MIN_MS - 1, confidence=0.5, evidence={"recipe": "c2"}
    )
    assert substance_of(one) == substance_of(same)
    for other in (
        {"start_ms": HOUR_MS + MIN_MS}, {"end_ms": 3 * HOUR_MS}, {"severity": Severity.MINOR}, {"school_id": "S2"},
        {"zone_id": None}, {"session_id": None}, {"trainee_id": None}, {"plate": "鲁A0002学"},
    ):  # fmt: skip
        assert substance_of(finding(**other)) != substance_of(one), other


def test_a_case_holds_what_the_finding_says_with_the_callers_substance_or_its_own() -> None:
    held = case_finding(finding(confidence=0.7), "as the office sees it")
    assert (held.finding_id, held.rule, held.provider, held.confidence) == ("F1", "off-route", "north", 0.7)
    assert held.substance == "as the office sees it"
    assert case_finding(finding()).substance == substance_of(finding())
    assert held.status is FindingStatus.OPEN
