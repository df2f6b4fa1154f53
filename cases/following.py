"""What a re-audit does to a case: findings come, change, go and come back, and no conclusion is lost on the way.

A finding is followed by its id where it lies mostly where it lay, then by rule and time, since ordinals shift when a
late file brings an earlier stretch (`audit.pairing` does the same): a conclusion stays with the stretch that it was
drawn of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audit.pairing import MOSTLY, overlapping, share
from cases.case import Case, Due, Event, applied, recorded
from cases.matter import CaseFinding, FindingStatus, Matter
from cases.roles import SYSTEM
from cases.states import UNDECIDED, Action, State

_Pair = tuple[CaseFinding, CaseFinding]


def follow(
    case: Case | None,
    matter: Matter,
    now: Sequence[CaseFinding],
    at_ms: int,
    basis: Mapping[str, Any],
    due: Due | None = None,
) -> list[Event]:
    """Return what the program records of a matter after an audit that found `now` of it, in whatever order.

    `basis` says what the audit rested on (its run, the causes of what changed), JSON-ready. Following the same findings
    again gives nothing. ValueError where the case is another matter's, or two findings bear one id.
    """
    found = {f.finding_id: f for f in sorted(now, key=lambda f: (f.start_ms, f.finding_id))}
    if len(found) != len(now):
        raise ValueError(f"two findings of {matter.case_id} bear one id")
    if case is None:
        told = {"matter": matter.as_json(), "findings": [f.as_json() for f in found.values()], "basis": basis}
        return [recorded(None, SYSTEM, None, Action.OPEN, told, at_ms, due)] if found else []
    if case.matter != matter:
        raise ValueError(f"case {case.case_id} is not about {matter}")
    events: list[Event] = []
    for action, payload in _steps(case, found):
        events.append(recorded(case, SYSTEM, None, action, {**payload, "basis": basis}, at_ms, due))
        case = applied(case, events[-1])
    if case.state in UNDECIDED and not any(f.is_present or f.is_judged for f in case.findings):
        events.append(recorded(case, SYSTEM, None, Action.SUPERSEDE, {"basis": basis}, at_ms, due))
    return events


def _steps(case: Case, found: Mapping[str, CaseFinding]) -> list[tuple[Action, dict[str, Any]]]:
    pairs = _paired(case, found)
    met = {was.finding_id for was, _ in pairs}, {now.finding_id for _, now in pairs}
    changed = [(was, now) for was, now in pairs if _differs(was, now)]
    added = [f for name, f in found.items() if name not in met[1]]
    lost = [f.finding_id for f in case.findings if f.is_present and f.finding_id not in met[0]]
    if case.state in {State.DISMISSED, State.CLOSED} and not case.is_judged_by_people:
        # Pre-review knew it otherwise, and nobody has looked: what changed is new evidence.
        otherwise = [(was, now) for was, now in changed if was.substance != now.substance]
        added += [now for _, now in otherwise]
        lost += [was.finding_id for was, _ in otherwise if was.finding_id not in found]
        changed = [pair for pair in changed if pair not in otherwise]
    steps: list[tuple[Action, dict[str, Any]]] = []
    if changed:
        told = [{"was": was.finding_id, "finding": now.as_json()} for was, now in changed]
        steps.append((Action.CHANGE_FINDING, {"changed": told}))
    if added:
        steps.append((Action.ADD_FINDING, {"added": [f.as_json() for f in added]}))
    if lost:
        steps.append((Action.LOSE_FINDING, {"lost": lost}))
    return steps


def _differs(was: CaseFinding, now: CaseFinding) -> bool:
    is_same = was.content_digest == now.content_digest or was.substance == now.substance
    return not is_same or not was.is_present or was.finding_id != now.finding_id


def _paired(case: Case, found: Mapping[str, CaseFinding]) -> list[_Pair]:
    """Return (held, now) pairs; what is gone is no longer held, and comes back as a new finding."""
    held = {f.finding_id: f for f in case.findings if f.status is not FindingStatus.GONE}
    by_id = [(held[name], now) for name, now in found.items() if name in held]
    pairs = [(was, now) for was, now in by_id if share(was, now) >= MOSTLY]
    met = {was.finding_id for was, _ in pairs}
    rest = [f for name, f in held.items() if name not in met], [f for name, f in found.items() if name not in met]
    pairs += overlapping(*rest, lambda f: f.rule, lambda f: f.finding_id)
    met, taken = {was.finding_id for was, _ in pairs}, {now.finding_id for _, now in pairs}
    pairs += [(was, now) for was, now in by_id if was.finding_id not in met and now.finding_id not in taken]
    left = set(held) - {was.finding_id for was, _ in pairs}
    return by_id if left & set(found) else pairs  # an id cannot name two: then ids alone, and every change is marked
