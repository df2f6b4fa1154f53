"""Two runs of a day held against each other: what is one matter, what changed, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from shapely import LineString

from audit.causes import WHY, Basis, basis_of
from audit.compare import Answers, Comparison, Status, compare
from audit.engine import content_digest
from audit.finding import Finding, NotAssessed, Severity
from tests.reports.matters import DAY, HOUR_MS, NOON_MS, finding

SHA = "a" * 64
VERSIONS = {"program": "0.1.0", "rules": "r1", "numpy": "2.0.0"}
TRACK = {"file": "tracks/amap/T1.csv", "sha256": "1" * 64, "rows": [3, 99], "fixes": 97, "shows": ""}
VALUE = {"value": 15.0, "unit": "min", "since": "2000-01-01", "source": "the office"}
ZONE = {"zone_id": "G1", "geometry_sha256": "2" * 64, "valid_from": "2026-01-01", "valid_to": None, "approval_no": "7"}
EVIDENCE: dict[str, Any] = {
    "inputs": [TRACK],
    "registers": {"zones.geojson": "3" * 64, "sessions.csv": "4" * 64},
    "parameters": {"silence_min": VALUE},
    "measured": {"minutes": 30.0},
    "margins": {"minutes_over": 15.0},
    "excluded": [],
    "zone": ZONE,
    "recipe": "c1",
    "versions": VERSIONS,
}


def matter(name: str = "F1", start_h: float = 0, hours: float = 1, **more: Any) -> Finding:
    start = NOON_MS + round(start_h * HOUR_MS)
    times = {"start_ms": start, "end_ms": start + round(hours * HOUR_MS)}
    evidence = {**EVIDENCE, **more.pop("evidence", {})}
    given = {"rule": "signal-gap", "zone_id": "G1", "evidence": evidence, **times, **more}
    return with_digest(finding(name, **given))


def with_digest(found: Finding) -> Finding:
    return replace(found, content_digest=content_digest(found))


def run(*found: Finding, open_: tuple[NotAssessed, ...] = (), **basis: Any) -> Answers:
    known = basis_of(found, SHA, VERSIONS, {"tracks/amap": {"read": 9, "kept": 9, "flagged": {}, "rejected": {}}})
    return Answers(DAY, found, open_, replace(known, **basis))


def only(found: Comparison) -> Any:
    assert len(found.matters) == 1, found.matters
    return found.matters[0]


def causes(before: Answers, after: Answers) -> set[tuple[str, str]]:
    return {(c.code, c.what) for c in only(compare(before, after)).causes}


def unanswered(start_h: float = 0, reason: str = "feed-outage", vehicle_id: str | None = "V001") -> NotAssessed:
    start = NOON_MS + round(start_h * HOUR_MS)
    return NotAssessed(DAY, vehicle_id, "signal-gap", start, start + HOUR_MS, reason)


# ---------------------------------------------------------------- what is one matter


def test_a_run_compared_with_itself_is_empty() -> None:
    one = run(matter("F1"), matter("F2", 3), open_=(unanswered(),))
    found = compare(one, one)
    assert found.is_empty
    assert (found.count(Status.UNCHANGED), found.differing, found.on_other_evidence) == (2, (), 0)


def test_a_finding_of_the_same_id_that_starts_a_second_later_is_changed() -> None:
    later = only(compare(run(matter(start_h=0)), run(matter(start_h=1 / 3600, hours=1 - 1 / 3600))))
    assert later.status is Status.CHANGED
    assert [c.field for c in later.changes] == ["start_ms"]


def test_ordinals_that_shift_make_one_finding_new_and_leave_the_others_unchanged() -> None:
    """A stretch found early in the day takes the first ordinal, and with it the id, of the one that had it."""
    before = run(matter("ordinal0", 4), matter("ordinal1", 6))
    after = run(matter("ordinal0", 1), matter("ordinal1", 4), matter("ordinal2", 6))
    found = compare(before, after)
    told = {(m.status, m.finding.start_ms) for m in found.matters}
    hours = [NOON_MS + h * HOUR_MS for h in (1, 4, 6)]
    assert told == {(Status.NEW, hours[0]), (Status.UNCHANGED, hours[1]), (Status.UNCHANGED, hours[2])}


def test_a_matter_that_moved_keeps_its_id_and_is_changed_where_nothing_else_fits() -> None:
    moved = only(compare(run(matter(start_h=0)), run(matter(start_h=5))))
    assert moved.status is Status.CHANGED
    assert {c.field for c in moved.changes} == {"start_ms", "end_ms"}


def test_two_trainees_of_one_car_are_two_matters() -> None:
    before = run(matter("A", rule="over-hours", trainee_id="L1"))
    after = run(matter("B", rule="over-hours", trainee_id="L2"))
    assert {m.status for m in compare(before, after).matters} == {Status.NEW, Status.GONE}


@pytest.mark.parametrize("other", [{"rule": "off-route"}, {"vehicle_id": "V002"}, {"start_h": 1}])
def test_another_rule_car_or_time_is_another_matter(other: dict[str, Any]) -> None:
    found = compare(run(matter("A")), run(matter("B", **other)))
    assert {m.status for m in found.matters} == {Status.NEW, Status.GONE}


def test_a_stretch_cut_in_two_is_paired_with_its_longer_half() -> None:
    found = compare(run(matter("A", 0, 2)), run(matter("B", 0, 0.5), matter("C", 0.6, 1.4)))
    (changed,) = [m for m in found.matters if m.status is Status.CHANGED]
    assert (changed.before.finding_id, changed.after.finding_id) == ("A", "C")


def test_findings_of_feeds_are_paired_by_the_feed() -> None:
    feed = {"vehicle_id": None, "rule": "feed-datum"}
    found = compare(run(matter("A", feed="amap", **feed)), run(matter("B", feed="baidu", **feed)))
    assert {m.status for m in found.matters} == {Status.NEW, Status.GONE}


def test_other_service_days_are_refused() -> None:
    tomorrow = replace(run(), service_date=DAY + timedelta(days=1))
    with pytest.raises(ValueError, match="2026-03-18 and 2026-03-19"):
        compare(run(), tomorrow)


# ---------------------------------------------------------------- what changed


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"severity": Severity.CRITICAL}, "severity"),
        ({"zone_id": "G2"}, "zone_id"),
        ({"session_id": "K9"}, "session_id"),
        ({"confidence": 0.5}, "confidence"),
        ({"evidence": {"measured": {"minutes": 31.0}}}, "measured.minutes"),
        ({"evidence": {"margins": {}}}, "margins.minutes_over"),
        ({"evidence": {"excluded": [{"explanation": "permit"}]}}, "excluded"),
        ({"geometry": LineString([(121, 31), (121.1, 31)])}, "geometry"),
        ({"geometry": None}, "geometry"),
    ],
)
def test_what_a_finding_says_otherwise_is_named(change: dict[str, Any], field: str) -> None:
    found = only(compare(run(matter()), run(matter(**change))))
    assert found.status is Status.CHANGED
    assert [c.field for c in found.changes] == [field]


def test_a_finding_that_says_the_same_on_other_evidence_is_unchanged_and_its_cause_is_told() -> None:
    other = matter(evidence={"registers": {**EVIDENCE["registers"], "sessions.csv": "9" * 64}})
    found = compare(run(matter()), run(other))
    assert found.is_empty
    assert found.on_other_evidence == 1
    assert {(c.code, c.what) for c in only(found).causes} == {("register", "sessions.csv")}


# ---------------------------------------------------------------- why

OTHER_TRACK = {**TRACK, "sha256": "8" * 64, "rows": [3, 120]}


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [
        ({"inputs": [OTHER_TRACK]}, ("rows", "tracks/amap/T1.csv")),
        ({"zone": {**ZONE, "geometry_sha256": "8" * 64}}, ("zone", "G1")),
        ({"zone": {**ZONE, "valid_to": "2026-12-31"}}, ("zone", "G1")),
        ({"parameters": {"silence_min": {**VALUE, "value": 20.0}}}, ("value", "signal-gap.silence_min")),
        ({"parameters": {"silence_min": {**VALUE, "since": "2026-01-01"}}}, ("value", "signal-gap.silence_min")),
        ({"registers": {**EVIDENCE["registers"], "permits.csv": "8" * 64}}, ("register", "permits.csv")),
        ({"recipe": "c2"}, ("recipe", "")),
    ],
)
@pytest.mark.parametrize("became", ["changed", "unchanged"])
def test_each_cause_is_read_from_the_evidence(evidence: dict[str, Any], cause: tuple[str, str], became: str) -> None:
    more = {"severity": Severity.CRITICAL} if became == "changed" else {}
    other = matter(evidence=evidence, **more)
    assert only(compare(run(matter()), run(other))).status == became
    assert causes(run(matter()), run(other)) == {cause}


def test_the_rows_of_both_runs_stand_in_the_cause() -> None:
    (cause,) = only(compare(run(matter()), run(matter(evidence={"inputs": [OTHER_TRACK]})))).causes
    assert (cause.before, cause.after) == ("1" * 12 + " (3–99)", "8" * 12 + " (3–120)")


def test_another_rule_version_or_program_is_a_cause() -> None:
    assert causes(run(matter()), run(matter(rule_version="2"))) == {("rule", "signal-gap")}
    newer = {**VERSIONS, "program": "0.2.0"}
    assert causes(run(matter()), run(matter(severity=Severity.MINOR), versions=newer)) == {("program", "program")}


def test_several_causes_may_hold_at_once() -> None:
    other = matter(evidence={"inputs": [OTHER_TRACK], "recipe": "c2"})
    assert causes(run(matter()), run(other)) == {("rows", "tracks/amap/T1.csv"), ("recipe", "")}


def test_the_cause_of_a_finding_that_is_gone_is_found_in_what_others_of_that_run_rest_on() -> None:
    shorter = matter("F2", 5, evidence={"parameters": {"silence_min": {**VALUE, "value": 45.0}}})
    found = compare(run(matter("F1")), run(shorter))
    gone = next(m for m in found.matters if m.status is Status.GONE)
    (cause,) = gone.causes
    assert (cause.code, cause.before, cause.after) == ("value", "15 min (2000-01-01)", "45 min (2000-01-01)")


def test_other_rule_cards_are_the_cause_where_the_other_run_has_no_finding_of_the_rule() -> None:
    after = run(versions={**VERSIONS, "rules": "r2"})
    assert causes(run(matter()), after) == {("value", "versions.rules")}


def test_a_feed_with_other_counts_is_a_cause_where_no_file_of_it_is_known() -> None:
    rows = {"tracks/amap": {"read": 9, "kept": 8, "flagged": {}, "rejected": {"bad-time": 1}}}
    after = run(bundle_sha256="b" * 64, rows=rows)
    (cause,) = only(compare(run(matter(feed="amap")), after)).causes
    assert (cause.code, cause.what) == ("rows", "tracks/amap")
    assert cause.after == "read 9, kept 8, rejected bad-time 1"


def test_a_training_outside_every_place_rests_on_each_place_that_differs() -> None:
    nowhere = matter("F1", rule="off-zone-training", zone_id=None, evidence={"zone": None})
    before = run(nowhere, zones={"G1": ZONE, "G2": {**ZONE, "zone_id": "G2"}})
    after = run(zones={"G1": {**ZONE, "geometry_sha256": "8" * 64}, "G2": {**ZONE, "zone_id": "G2"}})
    assert ("zone", "G1") in causes(before, after)
    assert ("zone", "G2") not in causes(before, after)


@pytest.mark.parametrize(("bundle", "what"), [(SHA, ""), ("b" * 64, "bundle_sha256")])
def test_where_nothing_recorded_differs_the_cause_is_unknown(bundle: str, what: str) -> None:
    assert causes(run(matter()), run(bundle_sha256=bundle)) == {("unknown", what)}


def test_every_cause_has_words_in_both_languages() -> None:
    assert {"rows", "zone", "value", "rule", "register", "program", "recipe", "unknown"} == set(WHY)
    assert all(zh and en for zh, en in WHY.values())


# ---------------------------------------------------------------- not assessable


def test_a_finding_that_turned_into_not_assessable_is_said_to_have() -> None:
    found = compare(run(matter()), run(open_=(unanswered(),)))
    assert only(found).unanswered.reason == "feed-outage"
    assert [r.reason for r in found.unanswered_new] == ["feed-outage"]
    back = only(compare(run(open_=(unanswered(),)), run(matter())))
    assert (back.status, back.unanswered.reason) == (Status.NEW, "feed-outage")


@pytest.mark.parametrize("row", [unanswered(3), unanswered(vehicle_id="V002")])
def test_a_question_left_open_of_another_time_or_car_is_no_reason(row: NotAssessed) -> None:
    assert only(compare(run(matter()), run(open_=(row,)))).unanswered is None


def test_a_question_that_was_open_before_too_is_no_reason() -> None:
    assert only(compare(run(matter(), open_=(unanswered(),)), run(open_=(unanswered(),)))).unanswered is None


def test_open_questions_are_compared_by_rule_car_and_reason_and_a_moved_one_stays() -> None:
    before = run(open_=(unanswered(0), unanswered(5, "silent")))
    after = run(open_=(unanswered(0.2), unanswered(5, "no-hours")))
    found = compare(before, after)
    assert [r.reason for r in found.unanswered_new] == ["no-hours"]
    assert [r.reason for r in found.unanswered_gone] == ["silent"]
    assert not found.is_empty


def test_runs_without_anything_are_the_same() -> None:
    nothing = Answers(date(2026, 3, 18), (), (), Basis(SHA, {}))
    assert compare(nothing, nothing).is_empty
