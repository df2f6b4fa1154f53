"""The rule cards as text: a list, one explained, all as a document, or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from audit.registry import Rule
from feeds.faults import Fault, UnusableInput
from runs.office import rules_with
from runs.show import safe_text
from runs.words import say

HEAD = """# Rules

Made from the rule cards (`audit/rules/*.toml`) by `make docs`; do not edit. A finding is a reason to check, not a
verdict. Values marked "set by the office" are the product's proposals: an office changes them, with a date, by
`--office FILE`.
"""


def show_rules(
    rule: str | None, day: date, office: Path | None, lang: str, markdown: bool = False, as_json: bool = False
) -> str:
    """Return all rules, or one explained, with the values in force on `day`.

    Raises `UnusableInput` for an unknown rule and for a faulty file of the office.
    """
    rules = rules_with(office)
    if rule is not None:
        chosen = [r for r in rules if r.name == rule]
        if not chosen:
            known = ", ".join(r.name for r in rules)
            raise UnusableInput([Fault("rules", "no such rule", found=rule, expected=f"one of {known}")])
        rules = tuple(chosen)
    if as_json:
        return json.dumps([_plain(r, day) for r in rules], ensure_ascii=False, indent=2)
    if markdown:
        return (HEAD + "".join(_section(r) for r in rules)).rstrip("\n")
    if rule is None:
        return "\n".join(f"{r.name:<28}{r.card.severity:<10}{_title(r, lang)}" for r in rules)
    return safe_text(_explained(rules[0], day, lang))


def _title(rule: Rule, lang: str) -> str:
    return rule.card.title_zh if lang == "zh" else rule.card.title_en


def _explained(rule: Rule, day: date, lang: str) -> str:
    card = rule.card
    values = card.in_force(day) or {}
    lines = [f"{rule.name}  {_title(rule, lang)}  ({card.severity}, {card.status}, v{card.version})", ""]
    lines += [card.question, "", say("Legal basis", lang), *(f"  - {b}" for b in card.basis), ""]
    lines += [say("Values in force", lang) + f" ({day})"]
    since = say("since", lang)
    lines += [f"  {n} = {v.value:g} {v.unit}  ({since} {v.since}; {v.source})" for n, v in values.items()]
    lines += ["", say("Known look-alikes", lang), *(f"  - {f}" for f in card.false_positives)]
    lines += ["", say("What to look at", lang), *(f"  - {r}" for r in card.review)]
    return "\n".join(lines)


def _section(rule: Rule) -> str:
    card = rule.card
    names = f"**{card.title_zh}** · {card.title_en}"
    out = [f"\n## {rule.name}\n", f"{names} · severity {card.severity} · {card.status} · version {card.version}\n"]
    out += [f"{card.question}\n", "Basis:\n", *_items(card.basis)]
    out += ["\n| value | from | is | unit | source |", "|---|---|---|---|---|"]
    for name, values in card.parameters.items():
        out += [f"| `{name}` | {v.since} | {v.value:g} | {v.unit} | {v.source} |" for v in values]
    out += ["\nLooks alike:\n", *_items(card.false_positives), "\nA reviewer looks at:\n", *_items(card.review)]
    return "\n".join(out) + "\n"


def _items(texts: Sequence[str]) -> list[str]:
    return [f"- {t}" for t in texts]


def _plain(rule: Rule, day: date) -> dict[str, object]:
    card = rule.card
    values = card.in_force(day) or {}
    return {
        "rule": rule.name,
        "title": {"zh": card.title_zh, "en": card.title_en},
        "severity": str(card.severity),
        "status": card.status,
        "version": card.version,
        "question": card.question,
        "basis": list(card.basis),
        "parameters": {
            n: {"value": v.value, "unit": v.unit, "since": v.since.isoformat(), "source": v.source}
            for n, v in values.items()
        },
        "false_positives": list(card.false_positives),
        "review": list(card.review),
    }
