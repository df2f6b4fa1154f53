"""The engine: who is asked, what becomes of an answer, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from audit.engine import audit_batch, audit_feeds, audit_trainees, iter_sorted
from audit.evidence import digest
from audit.finding import Finding, NotAssessable, Observation
from audit.registry import Rule, load_rules
from tests.rules.guilty import MIDDLE, guilty
from tests.rules.world import (
    DATE,
    DAY,
    OTHER_GROUND,
    SOURCES,
    Drive,
    World,
    area,
    at,
    only,
    rule_named,
    session,
    vehicle,
)
from zones.register import Use


def answering(name: str, *answers: Observation | NotAssessable) -> Rule:
    """A rule of that name which has these answers to every question."""
    return replace(rule_named(name), assess=lambda day, params: iter(answers))


GAP = {"minutes": 20.0, "session_min": 60.0, "whole_zh": "", "whole_en": ""}


def seen(start: str, end: str, **more: Any) -> Observation:
    return Observation(at(start), at(end), **{"measured": GAP, **more})


def test_an_order_of_answers_is_an_order_of_times() -> None:
    late, early = seen("11:00", "12:00", session_id="K1"), seen("9:00", "10:00", session_id="K1")
    first, second = World().audit([answering("signal-gap", late, early)]).findings[:2]
    assert (first.start_ms, second.start_ms) == (at("9:00"), at("11:00"))
    ids = [f.finding_id for f in World().audit([answering("signal-gap", early, late)]).findings[:2]]
    assert ids == [first.finding_id, second.finding_id], "the second stretch of a session is the later one"


def test_a_finding_carries_the_rule_the_car_its_school_and_district() -> None:
    finding = World().audit([answering("signal-gap", seen("9:00", "10:00"))]).findings[0]
    assert (finding.rule, finding.rule_version, finding.severity) == ("signal-gap", "1", "minor")
    assert (finding.vehicle_id, finding.plate) == ("V1", "沪A·V1学")
    assert (finding.school_id, finding.district, finding.feed) == ("S1", "310115", "amap")
    assert finding.service_date == DATE
    assert finding.duration_s == 3600


def test_a_car_of_no_school_or_of_one_that_is_not_on_file_has_no_district() -> None:
    for school in (None, "S9"):
        world = World(vehicles=[vehicle(school=school)])
        assert world.audit([answering("signal-gap", seen("9:00", "10:00"))]).findings[0].district is None


def test_the_same_not_assessable_is_written_once() -> None:
    doubt = NotAssessable(at("9:00"), at("10:00"), "silent")
    rows = World(vehicles=[vehicle()]).audit([answering("signal-gap", doubt, doubt)]).not_assessed
    assert [(r.vehicle_id, r.rule, r.reason, r.service_date) for r in rows] == [("V1", "signal-gap", "silent", DATE)]


def test_an_observation_may_name_another_car_than_the_subjects() -> None:
    observation = seen("9:00", "10:00", vehicle_id="V2", trainee_id="L1")
    finding = World(vehicles=[vehicle(), vehicle("V2", "S2")]).audit([answering("signal-gap", observation)]).findings[0]
    assert (finding.vehicle_id, finding.plate, finding.school_id) == ("V2", "沪A·V2学", "S2")


def test_a_trainees_unanswered_day_is_written_under_the_last_car() -> None:
    world = replace(guilty("over-hours"), damaged_trainees=frozenset({"L1"}))
    rows = world.ask("over-hours", limit_min=600).not_assessed
    assert [(r.vehicle_id, r.reason) for r in rows] == [("V2", "register-damaged")]


def test_a_feeds_finding_has_no_car() -> None:
    finding = only(guilty("feed-datum").ask("feed-datum"))
    assert (finding.vehicle_id, finding.plate, finding.school_id, finding.district) == (None, None, None, None)
    row = guilty("feed-datum").ask("feed-datum", min_sessions=99).not_assessed[0]
    assert row.vehicle_id is None


def test_evidence_holds_the_version_of_the_place_that_counted() -> None:
    finding = only(guilty("wrong-zone").ask("wrong-zone"))
    zone = finding.evidence["zone"]
    assert zone["zone_id"] == "G2"
    moved = replace(guilty("wrong-zone"), zones=[area("G2", (2990, 0, 3100, 120), "S2")])
    assert only(moved.ask("wrong-zone")).evidence["zone"]["geometry_sha256"] != zone["geometry_sha256"]


def test_evidence_names_files_with_rows_and_registers_with_digests() -> None:
    finding = only(guilty("wrong-zone").ask("wrong-zone"))
    (entry,) = finding.evidence["inputs"]
    assert (entry["file"], entry["shows"]) == ("tracks/amap/T1.csv", "training where it is not approved")
    assert entry["rows"][1] - entry["rows"][0] + 1 == entry["fixes"]
    assert finding.evidence["registers"] == {"zones.geojson": "cd" * 32}
    assert finding.evidence["versions"] == {"program": "0.1"}


def test_one_car_one_rule_one_stretch_is_one_finding_for_every_rule() -> None:
    for rule in (r.name for r in load_rules()):
        found = guilty(rule).audit().findings
        for a in found:
            for b in found:
                apart = a.end_ms <= b.start_ms or b.end_ms <= a.start_ms
                assert a is b or apart or (a.rule, a.vehicle_id) != (b.rule, b.vehicle_id)


def test_ids_of_one_night_are_distinct() -> None:
    found = [f for rule in (r.name for r in load_rules()) for f in guilty(rule).audit().findings]
    assert len({(f.rule, f.vehicle_id, f.finding_id) for f in found}) == len({f.finding_id for f in found})


def test_findings_are_ordered_by_start_car_rule_and_id_with_feeds_last() -> None:
    finding = only(guilty("wrong-zone").ask("wrong-zone"))
    mixed = [
        replace(finding, start_ms=2, vehicle_id="V1", rule="a", finding_id="F1"),
        replace(finding, start_ms=1, vehicle_id=None, rule="a", finding_id="F0"),
        replace(finding, start_ms=1, vehicle_id="V2", rule="a", finding_id="F0"),
        replace(finding, start_ms=1, vehicle_id="V1", rule="b", finding_id="F0"),
        replace(finding, start_ms=1, vehicle_id="V1", rule="a", finding_id="F2"),
        replace(finding, start_ms=1, vehicle_id="V1", rule="a", finding_id="F1"),
    ]
    order = [(f.start_ms, f.vehicle_id, f.rule, f.finding_id) for f in iter_sorted(mixed)]
    assert order == [
        (1, "V1", "a", "F1"),
        (1, "V1", "a", "F2"),
        (1, "V1", "b", "F0"),
        (1, "V2", "a", "F0"),
        (1, None, "a", "F0"),
        (2, "V1", "a", "F1"),
    ]


def test_one_batch_or_two_give_the_same_findings() -> None:
    drives = {
        "V1": Drive("9:00", (3050, 60)).yard(30, OTHER_GROUND),
        "V2": Drive("9:00", MIDDLE, seed=2).yard(40),
    }
    whole, rules = World(drives), load_rules()
    apart = [World({v: d}) for v, d in drives.items()]
    together = audit_batch(whole.motion, ["V1", "V2"], whole.facts, rules, SOURCES).findings
    answers = [audit_batch(w.motion, [v], w.facts, rules, SOURCES) for w, v in zip(apart, drives, strict=True)]
    alone = [f for verdicts in answers for f in verdicts.findings]
    assert {f.rule for f in together} == {"wrong-zone", "undeclared-training"}

    def content(findings: list[Finding]) -> list[tuple[object, ...]]:
        return [(f.finding_id, f.start_ms, f.summary_zh, digest(f.evidence["measured"])) for f in findings]

    assert content(together) == content(alone)


def test_cars_of_a_batch_without_fixes_are_asked_too() -> None:
    world = World({"V1": Drive("9:00", MIDDLE).yard(30)})
    rows = audit_batch(world.motion, ["V1", "V2"], world.facts, [rule_named("off-zone-training")], SOURCES).not_assessed
    assert [(r.vehicle_id, r.reason) for r in rows] == [("V2", "no-fixes")]


def test_only_the_cars_asked_for_are_audited() -> None:
    world = replace(guilty("wrong-zone"), drives={**guilty("wrong-zone").drives, "V2": Drive("9:00", MIDDLE).yard(40)})
    found = audit_batch(world.motion, ["V2"], world.facts, load_rules(), SOURCES).findings
    assert {f.vehicle_id for f in found} == {"V2"}


def test_nothing_in_nothing_out() -> None:
    facts = World().facts
    assert not audit_batch(None, [], facts, load_rules(), SOURCES).findings
    assert not audit_trainees(facts, [], load_rules(), SOURCES).findings
    assert not audit_feeds(facts, load_rules(), SOURCES).findings


def test_a_session_is_confirmed_where_it_was_seen_and_trained() -> None:
    drive = Drive("9:00", MIDDLE).yard(60).silent(20).yard(40).park(60)
    (record,) = World({"V1": drive}, [session("9:00", "12:00")]).audit([]).records
    confirmed = record.confirmed
    assert confirmed[0].tolist() == [at("9:00"), at("10:00")]
    assert confirmed[1, 0] == at("10:20")
    assert confirmed[1, 1] == pytest.approx(at("11:00"), abs=60_000), "from then on the car stood"
    assert (record.unseen_ms, record.reason) == (20 * 60_000, "silent")


def test_a_session_of_a_car_without_fixes_is_confirmed_by_nothing() -> None:
    (record,) = World({}, [session("9:00", "12:00")]).audit([]).records
    assert (len(record.confirmed), record.unseen_ms, record.reason) == (0, 3 * 3_600_000, "no-fixes")


def test_sessions_of_exam_cars_leave_no_record() -> None:
    world = World({}, [session("9:00", "12:00")], vehicles=[vehicle(use=Use.EXAM)])
    assert world.audit([]).records == []


def test_a_rule_without_a_value_for_the_day_is_not_in_force_for_all_of_it() -> None:
    rule = rule_named("signal-gap")
    none_yet = replace(rule, card=replace(rule.card, parameters={"silence_min": ()}))
    (row,) = World(vehicles=[vehicle()]).audit([none_yet]).not_assessed
    assert (row.reason, row.start_ms, row.end_ms) == ("not-in-force", DAY.start_ms, DAY.end_ms)
