"""Rule cards: what the law says, with dated values, each with its unit and source. One TOML file for each rule."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from audit.finding import Severity

_REQUIRED = ("title", "question", "severity", "status", "version", "basis", "explanation", "false_positives", "review")
STATUSES = ("trial", "in force", "retired")


class CardError(ValueError):
    """A card, or its Python twin, that cannot be used; the message names the file and every fault."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one parameter from `since` on, with the source that set it."""

    since: date
    value: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Card:
    """A rule as the lawyer reads it. `parameters`: name to values in order of their dates."""

    rule: str
    version: str
    title_zh: str
    title_en: str
    question: str
    severity: Severity
    status: str
    basis: tuple[str, ...]
    explanation_zh: str
    explanation_en: str
    false_positives: tuple[str, ...]
    review: tuple[str, ...]
    parameters: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)

    def in_force(self, day: date) -> dict[str, Value] | None:
        """Return each parameter's value as it stood on `day`; None where one had none yet."""
        values = {}
        for name, dated in self.parameters.items():
            held = [v for v in dated if v.since <= day]
            if not held:
                return None
            values[name] = held[-1]
        return values

    def with_values(self, extra: Mapping[str, Sequence[Value]]) -> Card:
        """Return the card with an office's own dated values added; a value of the same date replaces the card's."""
        unknown = sorted(set(extra) - set(self.parameters))
        if unknown:
            known = ", ".join(sorted(self.parameters))
            raise CardError(f"rule {self.rule} has no parameter {', '.join(unknown)}; it has: {known}")
        merged = dict(self.parameters)
        for name, values in extra.items():
            by_date = {v.since: v for v in (*merged[name], *values)}
            units = {v.unit for v in by_date.values()}
            if len(units) > 1:
                raise CardError(f"rule {self.rule}, parameter {name}: units differ: {', '.join(sorted(units))}")
            merged[name] = tuple(by_date[d] for d in sorted(by_date))
        return Card(**{**{s: getattr(self, s) for s in self.__slots__}, "parameters": merged})


def parse_card(rule: str, text: str) -> Card:
    """Read one card; raises `CardError` with all its faults."""
    file = f"{rule.replace('-', '_')}.toml"
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"{file}: {error}") from error
    faults = [f"{key} is missing" for key in _REQUIRED if key not in raw]
    faults += [f"{key} is no key of a card" for key in raw if key not in (*_REQUIRED, "parameter")]
    for pair in ("title", "explanation"):
        if pair in raw and (not isinstance(raw[pair], dict) or set(raw[pair]) != {"zh", "en"}):
            faults.append(f"{pair} needs zh and en")
    for key, allowed in (("status", STATUSES), ("severity", tuple(Severity))):
        if key in raw and raw[key] not in allowed:
            faults.append(f"{key} {raw[key]!r} is none of {', '.join(allowed)}")
    if not raw.get("false_positives") or any("unknown" in str(x).lower() for x in raw.get("false_positives", ())):
        faults.append("false_positives must name what looks alike (or say none seen, and in how many days)")
    parameters = _parameters(raw.get("parameter", {}), faults)
    if faults:
        raise CardError(f"{file}: " + "; ".join(faults))
    return Card(
        rule,
        str(raw["version"]),
        raw["title"]["zh"],
        raw["title"]["en"],
        raw["question"],
        Severity(raw["severity"]),
        raw["status"],
        tuple(raw["basis"]),
        raw["explanation"]["zh"],
        raw["explanation"]["en"],
        tuple(raw["false_positives"]),
        tuple(raw["review"]),
        parameters,
    )


def _parameters(raw: Mapping[str, Any], faults: list[str]) -> dict[str, tuple[Value, ...]]:
    out = {}
    for name, entries in raw.items():
        values = []
        for i, entry in enumerate(entries):
            if not {"since", "value", "unit", "source"} <= set(entry):
                faults.append(f"parameter {name}, value {i + 1}: needs since, value, unit and source")
            elif not isinstance(entry["since"], date) or isinstance(entry["since"], datetime):
                faults.append(f"parameter {name}, value {i + 1}: since is no date")
            elif not isinstance(entry["value"], int | float) or isinstance(entry["value"], bool):
                faults.append(f"parameter {name}, value {i + 1}: value is no number")
            else:
                values.append(Value(entry["since"], float(entry["value"]), entry["unit"], entry["source"]))
        if [v.since for v in values] != sorted({v.since for v in values}):
            faults.append(f"parameter {name}: values must be in order of their dates, each date once")
        out[name] = tuple(values)
    return out
