"""What holds of every rule alike: three answers, each for its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from audit.camera_evidence import POSTERIOR
from audit.day import Doubts
from audit.explanations import EXPLANATIONS
from audit.finding import NOT_CALIBRATED
from audit.reasons import REASONS
from audit.registry import load_rules
from tests.rules.guilty import FILMS, MAKERS, guilty
from tests.rules.world import World, only, permit, reasons, silent, unanswered, vehicle
from zones.register import Use

RULES = sorted([*MAKERS, *FILMS])
ABOUT_PEOPLE = ["instructor-substitution", "safety-officer-instructing"]
ABOUT_PLACES = ["off-route", "off-zone-training", "out-of-hours", "undeclared-training", "wrong-zone", "ghost-session"]
EXCUSABLE = [*ABOUT_PLACES, "signal-gap"]
ABOUT_CARS = [*EXCUSABLE, "replayed-track"]
ABOUT_SESSIONS = ["ghost-session", "off-route", "signal-gap", "undeclared-training"]


def test_there_is_a_guilty_world_for_every_rule() -> None:
    assert {r.name for r in load_rules()} == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_what_one_rule_finds_no_other_rule_finds_too(rule: str) -> None:
    finding = only(guilty(rule).audit())
    assert finding.rule == rule


@pytest.mark.parametrize("rule", RULES)
def test_a_finding_is_told_in_both_languages_with_all_measures_filled_in(rule: str) -> None:
    finding = only(guilty(rule).ask(rule))
    for text in (finding.summary_zh, finding.summary_en):
        assert "{" not in text
        assert "nan" not in text
        assert "None" not in text
    assert any("\u4e00" <= c <= "\u9fff" for c in finding.summary_zh)
    assert "(整个课时)" not in finding.summary_zh
    if rule in ABOUT_PEOPLE:
        assert finding.confidence is not None
        assert finding.confidence_basis == POSTERIOR
    else:
        assert finding.confidence is None
        assert finding.confidence_basis == NOT_CALIBRATED


@pytest.mark.parametrize("rule", RULES)
def test_the_evidence_gives_every_value_with_source_and_date_and_every_explanation_in_both_languages(rule: str) -> None:
    finding = only(guilty(rule).ask(rule))
    card = next(r.card for r in load_rules() if r.name == rule)
    given = finding.evidence["parameters"]
    assert set(given) == set(card.parameters)
    assert all(v["source"] and v["since"] and v["unit"] for v in given.values())
    assert finding.evidence["margins"]
    assert all(v > 0 for v in finding.evidence["margins"].values()), "a finding is beyond its limits"
    assert finding.evidence["recipe"]
    tried = finding.evidence["excluded"]
    assert tried
    for explanation in tried:
        zh, en = EXPLANATIONS[explanation["explanation"]]
        assert explanation["because"] == {"zh": zh, "en": en}


@pytest.mark.parametrize("rule", ABOUT_CARS)
def test_a_finding_points_at_rows_and_shows_its_part_of_the_track(rule: str) -> None:
    finding = only(guilty(rule).ask(rule))
    assert finding.geometry is not None
    assert all(entry["fixes"] > 0 and entry["sha256"] == "ab" * 32 for entry in finding.evidence["inputs"])
    assert finding.evidence["inputs"]


@pytest.mark.parametrize("rule", EXCUSABLE)
def test_a_permit_for_the_whole_time_excuses(rule: str) -> None:
    world = guilty(rule)
    assert silent(replace(world, permits=[permit("4:00", "27:59")]).ask(rule))
    assert silent(replace(world, permits=[permit("4:00", "27:59", vehicle_id=None)]).ask(rule)), "the school's"


@pytest.mark.parametrize("rule", ABOUT_CARS)
def test_a_permit_for_another_time_car_or_place_excuses_nothing(rule: str) -> None:
    others = [permit("4:00", "5:00"), permit("4:00", "27:59", vehicle_id="V9"), permit("4:00", "27:59", "G9")]
    only(replace(guilty(rule), permits=others).ask(rule))


@pytest.mark.parametrize("rule", EXCUSABLE)
def test_where_a_permit_may_have_been_lost_nobody_is_accused(rule: str) -> None:
    world = replace(guilty(rule), doubts=Doubts(permits="register-damaged"))
    assert unanswered(world.ask(rule)) == {"register-damaged"}


@pytest.mark.parametrize("rule", ABOUT_CARS)
def test_where_the_register_is_damaged_about_the_car_nothing_is_said_of_it(rule: str) -> None:
    world = replace(guilty(rule), doubts=Doubts(register="register-damaged"))
    assert unanswered(world.ask(rule)) == {"register-damaged"}


@pytest.mark.parametrize("rule", ABOUT_SESSIONS)
def test_where_a_session_may_have_been_lost_the_day_is_not_answered_for(rule: str) -> None:
    without = replace(guilty(rule), sessions=[], doubts=Doubts(sessions="register-damaged"))
    assert unanswered(without.ask(rule)) == {"register-damaged"}


@pytest.mark.parametrize("rule", ["ghost-session", "off-route", "signal-gap"])
def test_the_sessions_that_are_there_are_still_judged_where_another_may_be_lost(rule: str) -> None:
    answers = replace(guilty(rule), doubts=Doubts(sessions="register-damaged")).ask(rule)
    assert reasons(answers) == {"register-damaged"}
    only(answers)


@pytest.mark.parametrize("rule", ABOUT_PLACES)
def test_where_the_datum_of_the_feed_is_in_doubt_nothing_is_said_about_places(rule: str) -> None:
    world = guilty(rule)
    suspect = replace(world, night=replace(world.night, suspect=frozenset({"amap"})))
    assert unanswered(suspect.ask(rule)) == {"feed-datum"}


@pytest.mark.parametrize("rule", ["signal-gap", "replayed-track", "over-hours"])
def test_a_wrong_datum_does_not_hide_what_does_not_depend_on_places(rule: str) -> None:
    world = guilty(rule)
    only(replace(world, night=replace(world.night, suspect=frozenset({"amap"}))).ask(rule))


@pytest.mark.parametrize("rule", ABOUT_PLACES)
def test_pages_that_the_provider_lost_are_told_beside_what_the_others_show(rule: str) -> None:
    answers = replace(guilty(rule), doubts=Doubts(fixes="provider-error")).ask(rule)
    assert reasons(answers) == {"provider-error"}
    only(answers)


@pytest.mark.parametrize("rule", ABOUT_CARS)
def test_a_car_without_fixes_is_not_assessable_except_for_its_silence(rule: str) -> None:
    mute = replace(guilty(rule), drives={})
    if rule == "signal-gap":
        assert only(mute.ask(rule)).geometry is None
    else:
        assert unanswered(mute.ask(rule)) == {"no-fixes"}
        lost = replace(mute, doubts=Doubts(fixes="provider-error"))
        assert unanswered(lost.ask(rule)) == {"provider-error"}


@pytest.mark.parametrize("rule", ABOUT_CARS)
def test_exam_cars_are_not_asked(rule: str) -> None:
    world = guilty(rule)
    cars = [vehicle(v.vehicle_id, use=Use.EXAM) for v in world.vehicles]
    assert silent(replace(world, vehicles=cars).ask(rule))


@pytest.mark.parametrize("rule", RULES)
def test_before_its_first_value_a_rule_is_not_in_force(rule: str) -> None:
    card = next(r for r in load_rules() if r.name == rule)
    later = {p: tuple(replace(v, since=date(2026, 3, 19)) for v in vs) for p, vs in card.card.parameters.items()}
    future = replace(card, card=replace(card.card, parameters=later))
    assert unanswered(guilty(rule).audit([future])) == {"not-in-force"}


@pytest.mark.parametrize("rule", RULES)
def test_a_retired_rule_is_not_asked(rule: str) -> None:
    card = next(r for r in load_rules() if r.name == rule)
    assert silent(guilty(rule).audit([replace(card, card=replace(card.card, status="retired"))]))


@pytest.mark.parametrize("rule", RULES)
def test_a_day_on_which_nothing_happens_is_silent(rule: str) -> None:
    assert not World().audit().findings
    assert reasons(World().audit()) <= set(REASONS)
    assert not World().ask(rule).findings
