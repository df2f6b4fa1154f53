"""What an edit would do: a day audited as it is, and again under other values, zones or hours. Nothing is kept."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from audit.card import Card, Value
from audit.causes import Basis, basis_of
from audit.compare import Answers, compare
from audit.engine import zone_version
from audit.evidence import canonical
from audit.registry import Rule
from feeds.faults import Fault, UnusableInput
from feeds.hints import did_you_mean
from runs.audited import Audited, audit_bundle
from runs.compared import Compared, Places
from runs.map_files import pseudonyms, zone_hours
from runs.office import rules_with
from runs.progress import Progress, Silent
from runs.stand_in import standing_in
from runs.words import say

_SETTING = re.compile(r"([^.=]+)\.([^.=]+)=\s*([^\s=]*?[\d.])\s*([^\d\s.=]*)\s*")
_OPTION = "--set"
_HINT = "`trajaudit rules RULE` lists a rule's values."


@dataclass(frozen=True, slots=True)
class Trial:
    """What to audit, and what to try.

    `settings` are `RULE.PARAMETER=VALUE`, dated to the service day. `office` are the office's values to try,
    `office_now` those in force; without `office` they stay in force in the trial too.
    """

    bundle: Path
    date: date
    settings: tuple[str, ...] = ()
    office: Path | None = None
    zones: Path | None = None
    schedules: Path | None = None
    office_now: Path | None = None
    jobs: int = 1


def try_out(trial: Trial, progress: Progress | None = None, lang: str = "zh") -> Compared:
    """Audit the day twice and compare; raises `UnusableInput` for the bundle and for anything to be tried."""
    progress = progress or Silent()
    now = rules_with(trial.office_now)
    tried = with_settings(rules_with(trial.office or trial.office_now), trial.settings, trial.date)
    if not (trial.settings or trial.office or trial.zones or trial.schedules):
        message = "nothing to try"
        expected = "--set RULE.PARAMETER=VALUE, --office, --zones or --schedules"
        raise UnusableInput([Fault("whatif", message, expected=expected)])
    with standing_in(trial.bundle, trial.zones, trial.schedules) as folder:
        before = audit_bundle(trial.bundle, trial.date, progress, trial.jobs, rules=now)
        after = audit_bundle(folder, trial.date, progress, trial.jobs, rules=tried)
        found = compare(answers_of(before), answers_of(after))
        local = before.bundle.config.local
        names = (say("as it is", lang), say("with the edit", lang))
        return Compared(found, *names, local, places_of(before, after, lang))


def answers_of(audited: Audited) -> Answers:
    """Return what an audit said and all that it rested on, to be compared."""
    verdicts = audited.night.verdicts
    return Answers(audited.night.facts.day.date, audited.findings, verdicts.not_assessed, _basis(audited))


def _basis(audited: Audited) -> Basis:
    """Return all that the run rested on; here nothing has to be gathered from evidence alone."""
    facts, told = audited.night.facts, audited.digests
    told_of = basis_of(audited.findings, audited.bundle_sha256, audited.versions, audited.ledger.rows())
    resolved = {r.name: r.resolve(facts.day.date) for r in audited.rules}
    return replace(
        told_of,
        files={f: d for f, d in told.items() if "/" in f},
        registers={f: d for f, d in told.items() if "/" not in f},
        parameters={name: _parameters(values[1]) for name, values in resolved.items() if values is not None},
        rules={r.name: r.card.version for r in audited.rules},
        zones={z.zone_id: dict(canonical(zone_version(z))) for z in facts.places.zones},
        recipe=facts.recipe.digest,
    )


def _parameters(values: Mapping[str, Value]) -> dict[str, Any]:
    told = {n: {"value": v.value, "unit": v.unit, "since": v.since, "source": v.source} for n, v in values.items()}
    return dict(canonical(told))


def places_of(before: Audited, after: Audited, lang: str) -> Places:
    """Return the places of two audits of one day, for a map of what differs."""
    zones, former = (a.night.facts.places.zones for a in (after, before))
    held = {z.zone_id: z for z in zones}
    differ = tuple(z for z in former if z.zone_id not in held or not held[z.zone_id].geometry.equals(z.geometry))
    schools = {s.school_id: s.name for s in after.bundle.schools}
    return Places(tuple(zones), differ, zone_hours(after, lang), schools, pseudonyms(after.bundle, lang))


# ---------------------------------------------------------------- --set RULE.PARAMETER=VALUE
def with_settings(rules: Sequence[Rule], settings: Sequence[str], day: date) -> tuple[Rule, ...]:
    """Return rules with values to try, dated to the day; raises `UnusableInput` with the faults of all settings."""
    faults: list[Fault] = []
    values: dict[str, dict[str, list[Value]]] = {}
    cards = {r.name: r.card for r in rules}
    for setting in settings:
        read = _read(setting, cards, faults)
        if read is None:
            continue
        rule, parameter, number = read
        held = values.setdefault(rule, {})
        if parameter in held:
            faults.append(Fault(_OPTION, "sets a value twice", found=setting, expected="each value once"))
        unit = cards[rule].parameters[parameter][-1].unit
        held[parameter] = [Value(day, number, unit, f"trial, not in force: {_OPTION} {setting}")]
    if faults:
        raise UnusableInput(faults)
    return tuple(replace(r, card=r.card.with_values(values.get(r.name, {}))) for r in rules)


def _read(setting: str, cards: Mapping[str, Card], faults: list[Fault]) -> tuple[str, str, float] | None:
    parts = _SETTING.fullmatch(setting.strip())
    if parts is None:
        expected = "RULE.PARAMETER=VALUE such as signal-gap.silence_min=20"
        faults.append(Fault(_OPTION, "cannot be read", found=setting, expected=expected, hint=_HINT))
        return None
    rule, parameter, number, unit = (p.strip() for p in parts.groups())
    found = list(_setting_faults(rule, parameter, number, unit, cards))
    faults += found
    return None if found else (rule, parameter, float(number))


def _setting_faults(rule: str, parameter: str, number: str, unit: str, cards: Mapping[str, Card]) -> Iterator[Fault]:
    try:
        holds = math.isfinite(float(number)) and float(number) >= 0
    except ValueError:
        holds = False
    if not holds:
        yield Fault(_OPTION, "is no number", field=f"{rule}.{parameter}", found=number, expected="a number, 0 or more")
    if rule not in cards:
        hint = did_you_mean(rule, cards) or _HINT
        yield Fault(_OPTION, "no such rule", found=rule, expected=f"one of {', '.join(cards)}", hint=hint)
        return
    known = cards[rule].parameters
    if parameter not in known:
        hint = did_you_mean(parameter, known) or _HINT
        units = ", ".join(f"{name} ({values[-1].unit})" for name, values in known.items())
        yield Fault(_OPTION, f"rule {rule} has no such parameter", found=parameter, expected=units, hint=hint)
    elif unit and unit != known[parameter][-1].unit:
        expected = known[parameter][-1].unit
        yield Fault(_OPTION, "is in another unit", field=f"{rule}.{parameter}", found=unit, expected=expected)
