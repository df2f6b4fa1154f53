"""Rule cards hold what they promise: every value has a date, a unit and a source, every word its language."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from importlib import resources

import pytest

from audit.card import Card, CardError, Value, parse_card
from audit.explanations import EXPLANATIONS, because
from audit.reasons import REASONS, words
from audit.registry import UNITS, Rule, load_rules

RULES = load_rules()
NAMES = [r.name for r in RULES]
ISSUE_RULES = {
    "off-zone-training", "off-route", "out-of-hours", "wrong-zone", "undeclared-training", "ghost-session",
    "signal-gap", "replayed-track", "over-hours", "feed-datum",
}  # fmt: skip
GOOD = """
version = "1"
status = "in force"
severity = "minor"
question = "Was it?"
basis = ["Art. 1"]
false_positives = ["None seen in 30 days"]
review = ["Look"]
[title]
zh = "题"
en = "Title"
[explanation]
zh = "{minutes:.0f} 分钟"
en = "{minutes:.0f} min"
[[parameter.least_min]]
since = 2020-01-01
value = 10
unit = "min"
source = "Art. 1"
"""


def texts_of(card: Card) -> Iterator[str]:
    yield from (card.title_zh, card.title_en, card.question, card.explanation_zh, card.explanation_en)
    yield from (*card.basis, *card.false_positives, *card.review)


def test_there_is_a_card_for_every_rule() -> None:
    assert set(NAMES) >= ISSUE_RULES
    assert list(NAMES) == sorted(NAMES)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_the_unit_in_a_parameters_name_is_the_unit_on_the_card_and_every_value_has_a_source(rule: Rule) -> None:
    for name, values in rule.card.parameters.items():
        assert values, f"{name} has no value"
        for value in values:
            assert value.unit == UNITS[name.rsplit("_", 1)[-1]]
            assert value.source.strip()
            assert value.since <= date(2026, 1, 1), "in force on every day there is data of"


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_no_text_of_a_card_is_empty_and_no_false_positive_is_unknown(rule: Rule) -> None:
    assert all(text.strip() for text in texts_of(rule.card))
    assert rule.card.basis
    assert rule.card.review
    assert rule.card.false_positives
    assert not any("unknown" in text.lower() for text in rule.card.false_positives)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_titles_that_presume_deceit_say_that_it_is_a_suspicion(rule: Rule) -> None:
    for accusing in ("作弊", "伪造", "虚假", "违法", "fraud", "fake", "cheat", "guilty"):
        assert accusing not in rule.card.explanation_zh + rule.card.title_zh
        assert accusing not in (rule.card.explanation_en + rule.card.title_en).lower()


def explanations_in_the_rules() -> set[str]:
    """Every code that stands in a rule's source, found by reading it."""
    found = set()
    for file in resources.files("audit.rules").iterdir():
        if file.name.endswith(".py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Explanation":
                    parts = (c.value for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant))
                    found |= {part for part in parts if isinstance(part, str)}
    return found


def test_every_explanation_that_a_rule_tries_has_its_words_and_every_word_is_used() -> None:
    assert explanations_in_the_rules() == set(EXPLANATIONS)


@pytest.mark.parametrize("code", sorted(EXPLANATIONS))
def test_the_words_of_an_explanation_are_in_their_languages(code: str) -> None:
    said = because(code)
    assert any("\u4e00" <= c <= "\u9fff" for c in said["zh"])
    assert said["en"].isascii()


def test_an_unknown_explanation_or_reason_names_those_there_are() -> None:
    with pytest.raises(KeyError, match="unknown explanation 'boredom'; known: camera-clock, clearing-the-place"):
        because("boredom")
    with pytest.raises(KeyError, match="unknown reason 'boredom'; known: feed-datum, feed-outage"):
        words("boredom")
    assert all(zh and en for zh, en in REASONS.values())


def test_a_whole_card_is_read() -> None:
    card = parse_card("some-rule", GOOD)
    assert card.parameters["least_min"] == (Value(date(2020, 1, 1), 10.0, "min", "Art. 1"),)
    assert (card.rule, card.status, card.severity) == ("some-rule", "in force", "minor")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('version = "1"\n', "", "version is missing"),
        ('version = "1"', 'version = "1"\ncolour = "red"', "colour is no key of a card"),
        ('en = "Title"\n', "", "title needs zh and en"),
        ('"in force"', '"valid"', "status 'valid' is none of trial, in force, retired"),
        ('"minor"', '"grave"', "severity 'grave' is none of notice, minor, major, critical"),
        ('["None seen in 30 days"]', '["Unknown"]', "false_positives must name what looks alike"),
        ('["None seen in 30 days"]', "[]", "false_positives must name what looks alike"),
        ('source = "Art. 1"\n', "", "parameter least_min, value 1: needs since, value, unit and source"),
        ("value = 10", 'value = "ten"', "parameter least_min, value 1: value is no number"),
        ("since = 2020-01-01", "since = 2020-01-01T00:00:00", "parameter least_min, value 1: since is no date"),
        ("since = 2020-01-01", 'since = "2020-01-01"', "parameter least_min, value 1: since is no date"),
    ],
)
def test_a_fault_of_a_card_is_named_with_its_file(old: str, new: str, fault: str) -> None:
    with pytest.raises(CardError) as caught:
        parse_card("some-rule", GOOD.replace(old, new))
    assert "some_rule.toml: " in str(caught.value)
    assert fault in str(caught.value)


def test_all_faults_of_a_card_are_told_at_once() -> None:
    with pytest.raises(CardError, match=r"version is missing; .*status"):
        parse_card("some-rule", GOOD.replace('version = "1"', "").replace('"in force"', '"valid"'))


def test_what_is_no_toml_is_told_with_its_line() -> None:
    with pytest.raises(CardError, match=r"some_rule.toml: .*line 3"):
        parse_card("some-rule", GOOD.replace('"in force"', "in force"))


def dated(*values: tuple[int, float], unit: str = "min") -> list[Value]:
    return [Value(date(year, 1, 1), value, unit, f"circular {year}") for year, value in values]


def test_the_value_of_a_day_is_the_last_one_begun() -> None:
    card = parse_card("some-rule", GOOD).with_values({"least_min": dated((2022, 20), (2024, 30))})

    def on(day: date) -> float:
        held = card.in_force(day)
        assert held is not None
        return held["least_min"].value

    assert [on(date(y, 6, 1)) for y in (2020, 2021, 2022, 2023, 2024, 2030)] == [10, 10, 20, 20, 30, 30]
    assert (on(date(2021, 12, 31)), on(date(2022, 1, 1))) == (10, 20), "from the first day on"
    assert card.in_force(date(2019, 12, 31)) is None


def test_the_office_may_date_a_value_before_or_between_those_of_the_card() -> None:
    card = parse_card("some-rule", GOOD).with_values({"least_min": dated((2024, 30), (2018, 5))})
    assert [v.value for v in card.parameters["least_min"]] == [5, 10, 30]


def test_a_value_of_the_same_date_takes_the_place_of_the_cards() -> None:
    card = parse_card("some-rule", GOOD).with_values({"least_min": dated((2020, 15))})
    assert [(v.value, v.source) for v in card.parameters["least_min"]] == [(15, "circular 2020")]


def test_a_card_is_not_changed_by_an_offices_values() -> None:
    card = parse_card("some-rule", GOOD)
    assert card.with_values({"least_min": dated((2024, 30))}) != card
    assert card.with_values({}) == card
    assert len(card.parameters["least_min"]) == 1


def test_a_parameter_that_the_card_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(CardError, match="rule some-rule has no parameter most_min; it has: least_min"):
        parse_card("some-rule", GOOD).with_values({"most_min": dated((2024, 30))})


def test_another_unit_than_the_cards_is_refused() -> None:
    with pytest.raises(CardError, match="rule some-rule, parameter least_min: units differ: h, min"):
        parse_card("some-rule", GOOD).with_values({"least_min": dated((2024, 0.5), unit="h")})


def test_values_out_of_order_or_twice_of_one_date_are_refused() -> None:
    again = GOOD + '[[parameter.least_min]]\nsince = 2020-01-01\nvalue = 12\nunit = "min"\nsource = "Art. 2"\n'
    with pytest.raises(CardError, match="in order of their dates, each date once"):
        parse_card("some-rule", again)


def test_a_rule_of_which_one_parameter_has_no_value_yet_is_not_in_force() -> None:
    rule = RULES[0]
    name = next(iter(rule.card.parameters))
    late = {**rule.card.parameters, name: tuple(dated((2040, 1), unit="share"))}
    assert replace(rule, card=replace(rule.card, parameters=late)).resolve(date(2026, 3, 18)) is None
    assert rule.resolve(date(2026, 3, 18)) is not None
