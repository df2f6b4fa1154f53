"""The office's settings as the values that cases take: deadlines, the pre-review list, the seed of the draw."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from audit.finding import Severity
from cases.deadlines import DEFAULTS, Deadlines, Terms, WorkCalendar
from cases.prereview import PreReview
from cases.states import DismissReason, State
from feeds.faults import Fault, UnusableInput
from runs.settings import SETTINGS_VARIABLE, Settings
from trajectories.clock import LocalTime

_FIRST = date(2000, 1, 1)


def terms_of(settings: Settings, local: LocalTime) -> Terms:
    """Return all that deadlines follow from; raises `UnusableInput` for a state or number that cannot be."""
    told = settings.cases
    try:
        days = {**DEFAULTS.days, **{State(name): n for name, n in told.deadline_days.items()}}
        source = DEFAULTS.source if not told.deadline_days else "settings of the office"
        calendar = WorkCalendar(frozenset(told.holidays), frozenset(told.workdays))
        return Terms((Deadlines(_FIRST, days, source),), calendar, local)
    except ValueError as error:
        expected = ", ".join(str(state) for state in DEFAULTS.days)
        fault = Fault(SETTINGS_VARIABLE, str(error), field="cases", expected=f"states {expected}, 1 day or more each")
        raise UnusableInput([fault]) from error


_KEYS = frozenset(
    {"rule", "severity_at_most", "max_duration_min", "since", "until", "document", "reason", "schools", "zones"}
)


def read_pre_review(path: Path | None) -> tuple[PreReview, ...]:
    """Return what pre-review may close, `[[entry]]` tables of a TOML file; none without a file.

    Raises `UnusableInput` with every fault of it.
    """
    if path is None:
        return ()
    try:
        raw = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnusableInput([Fault(path.name, f"cannot be read: {error}", hint="It must be TOML in UTF-8.")]) from error
    strange = sorted(set(raw) - {"entry"})
    faults = [Fault(path.name, "is no key of this file", field=k, expected="[[entry]]") for k in strange]
    out = []
    for row, entry in enumerate(raw.get("entry", []), 1):
        try:
            out.append(_entry(entry))
        except (KeyError, TypeError, ValueError) as error:
            said = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            faults.append(Fault(path.name, said, row, expected=", ".join(sorted(_KEYS))))
    if faults:
        raise UnusableInput(faults)
    return tuple(out)


def _entry(told: dict[str, Any]) -> PreReview:
    if unknown := sorted(set(told) - _KEYS):
        raise ValueError(f"{', '.join(unknown)}: no key of an entry")
    return PreReview(
        rule=told["rule"],
        severity_at_most=Severity(told["severity_at_most"]),
        max_duration_min=float(told["max_duration_min"]),
        since=told["since"],
        document=told["document"],
        reason=DismissReason(told["reason"]),
        until=told.get("until"),
        schools=frozenset(told["schools"]) if "schools" in told else None,
        zones=frozenset(told["zones"]) if "zones" in told else None,
    )
