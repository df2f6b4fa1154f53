"""The rules at hand: each a pair of twins of one name. Refuses to start where twin and twin disagree."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date
from functools import cache
from importlib import resources
from string import Formatter
from typing import Any

from audit.card import Card, CardError, Value, parse_card
from audit.finding import NotAssessable, Observation

SUBJECTS = ("vehicle", "trainee", "feed")
UNITS = {
    "min": "min", "m": "m", "s": "s", "share": "share", "ratio": "times", "sessions": "sessions", "km": "km",
    "deg": "deg", "passages": "passages", "cameras": "cameras",
}  # fmt: skip
"""The last word of a parameter's name says its unit."""

Assess = Callable[[Any, Any], Iterator[Observation | NotAssessable]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its card, what it is asked about, and the function that sees.

    `by_cameras`: `plates` or `crew` where it rests on what cameras tell of the whole night; it then concerns exam cars,
    too.
    """

    card: Card
    subject: str
    params: type[Any]
    assess: Assess
    by_cameras: str = ""
    _resolved: dict[date, tuple[Any, dict[str, Value]] | None] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @property
    def name(self) -> str:
        """The rule's id as in findings (`off-route`)."""
        return self.card.rule

    @property
    def is_retired(self) -> bool:
        """Whether the rule is kept only so that old findings can be explained."""
        return self.card.status == "retired"

    def resolve(self, day: date) -> tuple[Any, dict[str, Value]] | None:
        """Return the parameters as they stood on `day` and where they come from; None before the first value."""
        if day not in self._resolved:
            values = None if self.is_retired else self.card.in_force(day)
            held = None if values is None else (self.params(**{n: v.value for n, v in values.items()}), values)
            self._resolved[day] = held
        return self._resolved[day]


def load_rules(office: Mapping[str, Mapping[str, Sequence[Value]]] | None = None) -> tuple[Rule, ...]:
    """Return all rules by name, an office's own dated values (rule to parameter to values) applied.

    Raises `CardError` with every fault of every twin, or of every office's value.
    """
    office = office or {}
    rules = _packaged()
    unknown = sorted(set(office) - {r.name for r in rules})
    faults = [f"no rule {', '.join(unknown)}; there are: {', '.join(r.name for r in rules)}"] if unknown else []
    out = []
    for rule in rules:
        try:
            out.append(replace(rule, card=rule.card.with_values(office.get(rule.name, {}))))
        except CardError as error:
            faults.append(str(error))
    if faults:
        raise CardError("\n".join(faults))
    return tuple(out)


@cache
def _packaged() -> tuple[Rule, ...]:
    folder = resources.files("audit.rules")
    files = {f.name for f in folder.iterdir()}
    names = sorted({f.rsplit(".", 1)[0] for f in files if f.endswith((".toml", ".py"))} - {"__init__"})
    faults: list[str] = []
    rules = []
    for name in names:
        missing = [f for f in (f"{name}.py", f"{name}.toml") if f not in files]
        if missing:
            faults.append(f"{name}: {missing[0]} is missing; a rule is {name}.py and {name}.toml")
            continue
        module = importlib.import_module(f"audit.rules.{name}")
        try:
            rules.append(twins(name, vars(module), folder.joinpath(f"{name}.toml").read_text("utf-8")))
        except CardError as error:
            faults.append(str(error))
    if faults:
        raise CardError("\n".join(faults))
    return tuple(rules)


def twins(name: str, coded: Mapping[str, Any], written: str) -> Rule:
    """Return the rule of which `coded` are the names in NAME.py and `written` is the text of NAME.toml.

    Raises `CardError`, naming both files and all faults, where the two disagree or one of them is no twin.
    """
    card = parse_card(name.replace("_", "-"), written)
    subject, params, assess = coded.get("SUBJECT", "vehicle"), coded.get("Params"), coded.get("assess")
    faults = [] if subject in SUBJECTS else [f"subject {subject!r} is none of {', '.join(SUBJECTS)}"]
    faults += [] if callable(assess) else ["there is no function assess"]
    if isinstance(params, type) and is_dataclass(params):
        mine, cards = {f.name for f in fields(params)}, set(card.parameters)
        faults += [f"Params has {p}, the card has not" for p in sorted(mine - cards)]
        faults += [f"the card has {p}, Params has not" for p in sorted(cards - mine)]
    else:
        faults.append("there is no dataclass Params")
    faults += _faults_of(card)
    if faults:
        raise CardError(f"{name}.py and {name}.toml disagree: " + "; ".join(faults))
    assert isinstance(params, type)
    assert callable(assess)
    return Rule(card, subject, params, assess, str(coded.get("BY_CAMERAS", "")))


def _faults_of(card: Card) -> Iterator[str]:
    """Yield what a card promises by its names and does not hold."""
    for parameter, values in card.parameters.items():
        unit = UNITS.get(parameter.rsplit("_", 1)[-1])
        yield from (f"{parameter} is in {v.unit}, its name says {unit}" for v in values if v.unit != unit)
    if _asked(card.explanation_zh, "_zh") != _asked(card.explanation_en, "_en"):
        yield "the two explanations ask for different measures"


def _asked(template: str, language: str) -> set[str]:
    """Return the measures a template asks for; those in words of its own language without the ending."""
    named = {re.split(r"[.\[]", name)[0] for _, name, _, _ in Formatter().parse(template) if name}
    return {name.removesuffix(language) for name in named}
