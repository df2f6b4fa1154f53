"""What differs between two runs and why, in words of one language; no key of a person and no plate among them."""

from __future__ import annotations

from typing import Any

from audit.causes import WHY, Cause
from audit.compare import Change, Matter, Status
from audit.measures import MEASURES
from runs.show import reason_words
from runs.words import N_, say
from trajectories.clock import LocalTime

STATUSES = {
    Status.NEW: N_("new"),
    Status.GONE: N_("gone"),
    Status.CHANGED: N_("changed"),
    Status.UNCHANGED: N_("unchanged"),
}
FIELDS = {
    "start_ms": N_("start"),
    "end_ms": N_("end"),
    "severity": N_("severity"),
    "vehicle_id": N_("vehicle"),
    "plate": N_("plate"),
    "school_id": N_("school"),
    "district": N_("district"),
    "zone_id": N_("place"),
    "session_id": N_("session"),
    "person_id": N_("person"),
    "trainee_id": N_("trainee"),
    "feed": N_("feed"),
    "confidence": N_("confidence"),
    "excluded": N_("explanations excluded"),
    "geometry": N_("the line on the map"),
}
ZONE_KEYS = {
    "geometry_sha256": N_("outline"),
    "valid_from": N_("valid from"),
    "valid_to": N_("valid to"),
    "approval_no": N_("approval"),
}
WITHHELD = frozenset({"person_id", "trainee_id", "plate"})
"""Told as "another": a terminal's text ends up in logs."""
_TIMES = frozenset({"start_ms", "end_ms"})


def plain_change(change: Change, local: LocalTime) -> dict[str, Any]:
    """Return a change JSON-ready: times as ISO with the local offset, nothing of a person."""
    was, now = change.before, change.after
    if change.field in WITHHELD:
        was = now = None
    elif change.field in _TIMES:
        was, now = local.iso(was), local.iso(now)
    return {"field": change.field.removesuffix("_ms"), "before": was, "after": now}


def what_differs(matter: Matter, local: LocalTime, lang: str) -> list[str]:
    """Return what a finding says otherwise, or why a run has none where it says that it could not tell."""
    if matter.unanswered is not None:
        words = reason_words(matter.unanswered.reason, lang)
        if matter.status is Status.GONE:
            return [say("not assessable now: {reason}", lang).format(reason=words)]
        return [say("was not assessable: {reason}", lang).format(reason=words)]
    return [_change(c, local, lang) for c in matter.changes]


def _change(change: Change, local: LocalTime, lang: str) -> str:
    group, _, key = change.field.partition(".")
    name = say(FIELDS[group], lang) if not key else MEASURES.get(key, (key, key))[0 if lang == "zh" else 1]
    if change.field in WITHHELD or change.field == "geometry":
        return say("{what}: another", lang).format(what=name)
    if change.field in _TIMES:
        was, now = (local.moment(t).strftime("%H:%M:%S") for t in (change.before, change.after))
        return f"{name} {was} → {now}"
    unit = f" {key.rsplit('_', 1)[-1]}" if key.endswith(("_m", "_km")) else ""  # other names say it themselves
    return f"{name} " + " → ".join(f"{text}{unit}" for text in _two(change.before, change.after))


def _two(before: Any, after: Any) -> tuple[str, str]:
    """Return two values, in full where rounding would make them look the same."""
    told = _value(before), _value(after)
    return told if told[0] != told[1] else (str(before), str(after))


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
    if isinstance(value, list):
        return ", ".join(map(_value, value)) or "–"
    return str(value)


def why_it_differs(matter: Matter, lang: str) -> list[str]:
    """Return the causes of a matter, one text each."""
    return [cause_words(c, lang) for c in matter.causes]


def cause_words(cause: Cause, lang: str) -> str:
    """Return one cause: `another value of the rule: signal-gap.silence_min 15 min (2000-01-01) → 20 min (...)`."""
    words = WHY[cause.code][0 if lang == "zh" else 1]
    told = [cause.what] if cause.what else []
    if cause.before is not None or cause.after is not None:
        told.append(f"{cause.before or '–'} → {cause.after or '–'}")
    text = " ".join(told)
    if cause.code == "zone":
        for key, name in ZONE_KEYS.items():
            text = text.replace(f"{key} ", say(name, lang) + " ")
    return f"{words}: {text}" if text else words
