"""The rules at hand: twins of one name that agree, or nothing starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from importlib import resources

import pytest

from audit.card import CardError, Value
from audit.registry import SUBJECTS, Rule, load_rules, twins
from tests.audit.test_cards import GOOD


@dataclass(frozen=True)
class Params:
    least_min: float


@dataclass(frozen=True)
class OtherParams:
    most_min: float


def assess(day: object, params: Params) -> Iterator[object]:
    yield from ()


CODED = {"Params": Params, "assess": assess}


def test_every_file_of_the_rules_is_half_of_a_pair() -> None:
    names = {f.name for f in resources.files("audit.rules").iterdir() if f.name.endswith((".py", ".toml"))}
    names -= {"__init__.py"}
    assert {r.name for r in load_rules()} == {n.rsplit(".", 1)[0].replace("_", "-") for n in names}
    assert len(names) == 2 * len(load_rules())


def test_twins_that_agree_are_a_rule() -> None:
    rule = twins("some_rule", CODED, GOOD)
    assert (rule.name, rule.subject) == ("some-rule", "vehicle")
    resolved = rule.resolve(date(2026, 3, 18))
    assert resolved is not None
    assert resolved[0] == Params(10.0)


@pytest.mark.parametrize(
    ("coded", "faults"),
    [
        (
            {**CODED, "Params": OtherParams},
            ["Params has most_min, the card has not", "the card has least_min, Params has not"],
        ),
        ({**CODED, "SUBJECT": "bicycle"}, ["subject 'bicycle' is none of vehicle, trainee, feed"]),
        ({"Params": Params}, ["there is no function assess"]),
        ({"assess": assess}, ["there is no dataclass Params"]),
        ({"assess": assess, "Params": dict}, ["there is no dataclass Params"]),
    ],
)
def test_twins_that_disagree_are_refused_in_the_name_of_both(coded: dict[str, object], faults: list[str]) -> None:
    with pytest.raises(CardError) as caught:
        twins("some_rule", coded, GOOD)
    assert "some_rule.py and some_rule.toml disagree" in str(caught.value)
    assert all(fault in str(caught.value) for fault in faults)


def test_a_unit_that_the_name_does_not_say_is_refused() -> None:
    with pytest.raises(CardError, match="least_min is in h, its name says min"):
        twins("some_rule", CODED, GOOD.replace('unit = "min"', 'unit = "h"'))


def test_explanations_that_ask_for_different_measures_are_refused() -> None:
    with pytest.raises(CardError, match="the two explanations ask for different measures"):
        twins("some_rule", CODED, GOOD.replace('en = "{minutes:.0f} min"', 'en = "{hours:.0f} h"'))


def test_words_of_each_language_may_differ_in_their_ending_only() -> None:
    pair = GOOD.replace("{minutes:.0f} 分钟", "{kind_zh} 分钟").replace("{minutes:.0f} min", "{kind_en} min")
    assert twins("some_rule", CODED, pair).name == "some-rule"
    with pytest.raises(CardError, match="different measures"):
        twins("some_rule", CODED, pair.replace("{kind_zh}", "{kind_en}"))


def test_every_rule_is_asked_about_something_there_is() -> None:
    assert {r.subject for r in load_rules()} == set(SUBJECTS)


def test_an_offices_value_counts_from_its_date_on() -> None:
    circular = Value(date(2026, 7, 1), 20, "min", "circular 2026/7")
    rule = next(r for r in load_rules({"signal-gap": {"silence_min": [circular]}}) if r.name == "signal-gap")
    before, after = rule.resolve(date(2026, 6, 30)), rule.resolve(date(2026, 7, 1))
    assert before is not None
    assert after is not None
    assert (before[0].silence_min, after[0].silence_min) == (15, 20)
    assert after[1]["silence_min"].source == "circular 2026/7"
    untouched = next(r for r in load_rules() if r.name == "signal-gap").resolve(date(2026, 7, 1))
    assert untouched is not None
    assert untouched[0].silence_min == 15


def test_all_faults_of_an_offices_values_are_told_at_once() -> None:
    value = Value(date(2026, 7, 1), 20, "min", "circular")
    with pytest.raises(CardError) as caught:
        load_rules(
            {
                "parking": {"silence_min": [value]},
                "signal-gap": {"loudness_min": [value]},
                "over-hours": {"limit_min": [Value(date(2026, 7, 1), 4, "h", "circular")]},
            }
        )
    said = str(caught.value)
    assert "no rule parking; there are: feed-datum, ghost-session" in said
    assert "rule signal-gap has no parameter loudness_min; it has: outage_edge_s, silence_min" in said
    assert "rule over-hours, parameter limit_min: units differ: h, min" in said


@pytest.mark.parametrize("rule", load_rules(), ids=lambda r: r.name)
def test_parameters_have_the_values_of_the_card_by_name(rule: Rule) -> None:
    resolved = rule.resolve(date(2026, 3, 18))
    assert resolved is not None
    params, values = resolved
    assert {f.name: getattr(params, f.name) for f in fields(params)} == {n: v.value for n, v in values.items()}
