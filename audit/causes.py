"""Why two runs say different things of one matter: what they rested on, so far as their evidence records it.

A cause is something that differs, not a proof that it made the difference: several may hold, and where nothing
recorded differs the answer is "unknown".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.finding import Finding

WHY: dict[str, tuple[str, str]] = {
    "rows": ("轨迹数据不同", "other rows of a track"),
    "zone": ("区域版本不同", "another version of a place"),
    "value": ("规则数值不同", "another value of the rule"),
    "rule": ("规则版本不同", "another version of the rule"),
    "register": ("登记资料不同", "another register"),
    "program": ("程序或工具版本不同", "another version of the program or a tool"),
    "recipe": ("清洗方法不同", "another cleaning recipe"),
    "unknown": ("原因不明", "unknown"),
}
"""Codes of causes with their words in Chinese and English."""

_DIGITS = 12  # of a digest: enough to tell two files apart
_ZONE_KEYS = ("geometry_sha256", "valid_from", "valid_to", "approval_no")
_CARDS = "rules"


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that differs: a code of `WHY`, which file, place or value it is, and what stood there in each run."""

    code: str
    what: str = ""
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What a run rested on, so far as it is known.

    `rows` are the accounts of `run.json` by file or feed. `files` and `registers` are digests by name, `parameters`
    {rule: {name: {value, unit, since, source}}}, `rules` the version of each rule, `zones` the versions of places that
    counted ({zone_id: {geometry_sha256, valid_from, ...}}): what the evidence of any finding tells of them.
    """

    bundle_sha256: str
    versions: Mapping[str, str]
    rows: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    registers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    zones: Mapping[str, Any] = field(default_factory=dict)
    recipe: str | None = None


def basis_of(
    findings: Iterable[Finding], bundle_sha256: str, versions: Mapping[str, str], rows: Mapping[str, Any] | None = None
) -> Basis:
    """Return what a run rested on: its account, and what the evidence of its findings records."""
    files: dict[str, str] = {}
    registers: dict[str, str] = {}
    parameters, rules, zones = {}, {}, {}
    recipe = None
    for found in findings:
        told = found.evidence
        files.update({i["file"]: i["sha256"] for i in told.get("inputs") or () if i.get("sha256")})
        registers.update(told.get("registers") or {})
        parameters[found.rule] = told.get("parameters") or {}
        rules[found.rule] = found.rule_version
        recipe = told.get("recipe", recipe)
        if zone := told.get("zone"):
            zones[zone["zone_id"]] = zone
    return Basis(bundle_sha256, versions, rows or {}, files, registers, parameters, rules, zones, recipe)


def causes(one: Finding | None, other: Finding | None, before: Basis, after: Basis) -> tuple[Cause, ...]:
    """Return what differs between two runs that a matter (a finding of either run, or of both) may rest on."""
    found = [f for f in (one, other) if f is not None]
    rule = found[0].rule
    why = [
        *_rows(found, before, after),
        *_zones(found, before, after),
        *_values(rule, before, after),
        *_version(rule, before, after),
        *_digests("register", before.registers, after.registers),
        *_digests("program", *(_tools(b) for b in (before, after))),
    ]
    if before.recipe is not None and after.recipe is not None and before.recipe != after.recipe:
        why.append(Cause("recipe", "", before.recipe, after.recipe))
    return tuple(why) or (_unknown(before, after),)


def _unknown(before: Basis, after: Basis) -> Cause:
    """Return the honest answer; where the bundles differ, that much is known."""
    if before.bundle_sha256 == after.bundle_sha256:
        return Cause("unknown")
    return Cause("unknown", "bundle_sha256", before.bundle_sha256[:_DIGITS], after.bundle_sha256[:_DIGITS])


def _rows(found: Sequence[Finding], before: Basis, after: Basis) -> list[Cause]:
    """Files that the matter rests on and that differ; where none is known, the feed's account of rows."""
    spans = [{i["file"]: i.get("rows") for i in f.evidence.get("inputs") or ()} for f in (found[0], found[-1])]
    out = []
    for file in sorted({*spans[0], *spans[1]}):
        then, now = before.files.get(file), after.files.get(file)
        if then and now and then != now:
            out.append(Cause("rows", file, _with_rows(then, spans[0].get(file)), _with_rows(now, spans[1].get(file))))
    if out or before.bundle_sha256 == after.bundle_sha256:
        return out
    feeds = {f"tracks/{f.feed}" for f in found if f.feed}
    return [
        Cause("rows", name, _account(before.rows[name]), _account(after.rows[name]))
        for name in sorted(feeds & set(before.rows) & set(after.rows))
        if before.rows[name] != after.rows[name]
    ]


def _with_rows(digest: str, rows: Any) -> str:
    text = digest[:_DIGITS]
    return f"{text} ({rows[0]}–{rows[1]})" if isinstance(rows, list) and len(rows) == 2 else text


def _account(account: Mapping[str, Any]) -> str:
    return ", ".join([f"read {account.get('read')}", f"kept {account.get('kept')}", *_counted(account)])


def _counted(account: Mapping[str, Any]) -> Iterator[str]:
    for group in ("flagged", "rejected"):
        yield from (f"{group} {name} {n}" for name, n in sorted((account.get(group) or {}).items()))


def _zones(found: Sequence[Finding], before: Basis, after: Basis) -> list[Cause]:
    """The place the matter names, or, where it names none, every place known in both runs: it was outside of each."""
    named = {f.zone_id for f in found if f.zone_id is not None}
    both = set(before.zones) & set(after.zones)
    out = []
    for zone_id in sorted(named & both if named else both):
        then, now = before.zones[zone_id], after.zones[zone_id]
        differs = [key for key in _ZONE_KEYS if then.get(key) != now.get(key)]
        if differs:
            was, is_now = (", ".join(f"{k} {_short(z.get(k)) or '–'}" for k in differs) for z in (then, now))
            out.append(Cause("zone", zone_id, was, is_now))
    return out


def _values(rule: str, before: Basis, after: Basis) -> list[Cause]:
    """Values of the rule that differ; where a run has no finding of the rule, whether any rule card differs."""
    then, now = before.parameters.get(rule), after.parameters.get(rule)
    if then is None or now is None:
        cards = (before.versions.get(_CARDS), after.versions.get(_CARDS))
        return [] if cards[0] == cards[1] else [Cause("value", "versions.rules", *cards)]
    return [
        Cause("value", f"{rule}.{name}", _dated(then.get(name)), _dated(now.get(name)))
        for name in sorted({*then, *now})
        if _dated(then.get(name)) != _dated(now.get(name))
    ]


def _dated(value: Mapping[str, Any] | None) -> str | None:
    """Return a value with its unit and date: `15 min (2000-01-01)`."""
    return None if value is None else f"{value['value']:g} {value['unit']} ({value['since']})"


def _version(rule: str, before: Basis, after: Basis) -> list[Cause]:
    then, now = before.rules.get(rule), after.rules.get(rule)
    return [Cause("rule", rule, then, now)] if then and now and then != now else []


def _tools(basis: Basis) -> dict[str, str]:
    return {name: version for name, version in basis.versions.items() if name != _CARDS}


def _digests(code: str, then: Mapping[str, str], now: Mapping[str, str]) -> list[Cause]:
    """Named texts that differ, or that one of two known sets lacks."""
    if not then or not now:
        return []
    names = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    return [Cause(code, name, _short(then.get(name)), _short(now.get(name))) for name in names]


def _short(text: Any) -> str | None:
    return None if text is None else str(text)[:_DIGITS]
