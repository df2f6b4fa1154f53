"""The office's own dated values for rule parameters, from a TOML file.

[[value]]
rule = "signal-gap"
parameter = "silence_min"
since = 2026-07-01
value = 20
unit = "min"
source = "circular 2026/7 of the office"
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from audit.card import CardError, Value
from audit.registry import Rule, load_rules
from feeds.faults import Fault, UnusableInput

OfficeValues = dict[str, dict[str, list[Value]]]


def rules_with(office: Path | None) -> tuple[Rule, ...]:
    """Return all rules, with the office's values where a file is named.

    Raises `UnusableInput` for faults of the file, and `CardError` for faults of our own cards.
    """
    rules = load_rules()
    if office is None:
        return rules
    values = read_office(office)
    faults = []
    for rule, parameters in values.items():  # one by one, so that every fault is told
        for parameter, dated in parameters.items():
            try:
                load_rules({rule: {parameter: dated}})
            except CardError as error:
                faults.append(Fault(office.name, str(error)))
    if faults:
        raise UnusableInput(list(dict.fromkeys(faults)))
    return load_rules(values)


def read_office(path: Path) -> OfficeValues:
    """Read an office's values: rule to parameter to values; raises `UnusableInput` with all faults of the file."""
    try:
        raw = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnusableInput([Fault(path.name, f"cannot be read: {error}", hint="It must be TOML in UTF-8.")]) from error
    wanted = "[[value]] entries"
    faults = [
        Fault(path.name, "is no key of this file", field=k, expected=wanted) for k in sorted(set(raw) - {"value"})
    ]
    entries = raw.get("value", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UnusableInput([*faults, Fault(path.name, "is of the wrong kind", field="value", expected=wanted)])
    out: OfficeValues = {}
    for row, entry in enumerate(entries, 1):
        found = list(_faults(path.name, row, entry))
        faults += found
        if not found:
            value = Value(entry["since"], float(entry["value"]), entry["unit"], entry["source"])
            dated = out.setdefault(entry["rule"], {}).setdefault(entry["parameter"], [])
            if any(v.since == value.since for v in dated):
                faults.append(Fault(path.name, "a second value of the same date", row, "since", str(value.since)))
            dated.append(value)
    if faults:
        raise UnusableInput(faults)
    return out


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_date(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_KEYS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "rule": (_is_text, "a rule's name"),
    "parameter": (_is_text, "a parameter of the rule"),
    "since": (_is_date, "a date such as 2026-07-01"),
    "value": (_is_number, "a number"),
    "unit": (_is_text, "the unit the rule card has"),
    "source": (_is_text, "the document that sets the value"),
}


def _faults(file: str, row: int, entry: dict[str, Any]) -> list[Fault]:
    faults = [
        Fault(file, "missing" if key not in entry else "of the wrong kind", row, key,
              None if key not in entry else str(entry[key]), expected)
        for key, (holds, expected) in _KEYS.items()
        if key not in entry or not holds(entry[key])
    ]  # fmt: skip
    known = ", ".join(_KEYS)
    return faults + [
        Fault(file, "is no key of a value", row, key, expected=known) for key in sorted(set(entry) - set(_KEYS))
    ]
