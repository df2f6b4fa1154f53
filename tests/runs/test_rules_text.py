"""`trajaudit rules`: the cards listed, explained, and as the document that lies in docs."""

from __future__ import annotations

import re

from audit.registry import load_rules
from tests.runs.conftest import ROOT, trajaudit

NAMES = [rule.name for rule in load_rules()]


def test_all_rules_are_listed_with_their_titles() -> None:
    chinese, english = trajaudit("rules"), trajaudit("rules", "--lang", "en")
    assert (chinese.code, english.code) == (0, 0)
    assert [line.split()[0] for line in chinese.out.splitlines()] == NAMES
    for rule, zh, en in zip(load_rules(), chinese.out.splitlines(), english.out.splitlines(), strict=True):
        assert rule.card.title_zh in zh
        assert rule.card.title_en in en


def test_a_rule_is_explained_with_question_basis_values_and_look_alikes() -> None:
    answer = trajaudit("rules", "off-route", "--date", "2026-03-18", "--lang", "en")
    assert answer.code == 0
    card = next(rule.card for rule in load_rules() if rule.name == "off-route")
    for text in (card.question, *card.basis, *card.false_positives, *card.review, *card.parameters):
        assert text in answer.out
    assert "Values in force (2026-03-18)" in answer.out


def test_the_default_day_is_today() -> None:
    assert re.search(r"有效参数 \(20\d\d-\d\d-\d\d\)", trajaudit("rules", "off-route").out)


def test_docs_rules_is_what_the_command_prints() -> None:
    answer = trajaudit("rules", "--markdown")
    assert answer.code == 0
    assert answer.out == (ROOT / "docs" / "RULES.md").read_text(encoding="utf-8"), "run `make docs`"
    assert re.findall("^## (.*)$", answer.out, flags=re.MULTILINE) == NAMES


def test_as_json_every_rule_has_its_parts() -> None:
    cards = trajaudit("rules", "--json", "--date", "2026-03-18").json()
    assert [card["rule"] for card in cards] == NAMES
    for card in cards:
        assert card["question"]
        assert card["basis"]
        assert card["parameters"]
        assert set(card["title"]) == {"zh", "en"}


def test_an_unknown_rule_is_refused_with_the_list() -> None:
    answer = trajaudit("rules", "of-route")
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert 'found "of-route"' in answer.err
    assert ", ".join(NAMES) in answer.err
