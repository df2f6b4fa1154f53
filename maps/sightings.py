"""What cameras saw for a finding, piece by piece, and how much better it is explained so than otherwise: in words.

Weights of evidence go to the page as words of the verbal scale; their figures stay in the findings' files.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from audit.finding import Finding
from checkpoints.verbal import strength
from maps.people import People
from maps.safe_json import plain
from maps.words import N_, Words

_RIVALS = {
    "clone": ("tampered", N_("the track is not where the car went")),
    "tampered": ("clone", N_("another car wears the plate")),
}
"""The explanation of a plate's conflict that leads, and the other one that a person would look at."""


def seen_of(finding: Finding, people: People, lang: str) -> list[dict[str, Any]]:
    """Return what cameras saw for a finding, by time; empty for a finding that rests on no camera.

    `seat`, `shown`, `strength` and `drive` are there only where a face counts; `shown` says whether the finding's
    person was named for it.
    """
    pieces = [_piece(s, lang) for s in plain(finding.evidence.get("seen") or ()) if isinstance(s, dict)]
    masked: list[dict[str, Any]] = people.mask(sorted(pieces, key=lambda p: (p["t"] is None, p["t"] or 0)))
    return masked


def _piece(seen: Mapping[str, Any], lang: str) -> dict[str, Any]:
    told = {name: seen.get(key) for name, key in (("passage", "passage_id"), ("camera", "camera_id"))}
    told |= {"t": _ms(seen.get("time")), "where": seen.get("whereabouts"), "near": seen.get("nearest_m")}
    if seen.get("seat") is None:
        return told
    words = seen.get("strength")
    return told | {
        "seat": seen["seat"],
        "shown": bool(seen.get("shown")),
        "drive": bool(seen.get("on_drive")),
        "strength": words.get(lang) if isinstance(words, dict) else None,
    }


def _ms(iso: Any) -> int | None:
    try:
        return round(datetime.fromisoformat(str(iso)).timestamp() * 1000)
    except ValueError:
        return None


def weighed(evidence: dict[str, Any], lang: str) -> None:
    """Put words in place of the figures of explanations that were weighed, and name the likeliest and its rival.

    What follows `strength` compares what the finding says with that explanation.
    """
    for tried in evidence.get("excluded") or ():
        if isinstance(tried, dict) and tried.get("explanation") in _WEIGHTS:
            log10 = _weight(tried)
            tried["measured"] = tried["needed"] = None
            tried["strength"] = None if log10 is None else strength(log10)[lang]


_WEIGHTS = {
    "misread-plate": (-1.0, 1.0),
    "camera-clock": (-1.0, 1.0),
    "look-alike": (1.0, -1.0),
    "declared-instructor": (-1.0, 0.0),
    "seen-elsewhere": (1.0, 0.0),
}
"""Signs of `measured` and `needed` in the weight of what a finding says against an explanation, all log10."""


def _weight(tried: Mapping[str, Any]) -> float | None:
    """Return log10 (what the finding says : the explanation); None where nothing was weighed."""
    signs = dict(zip(("measured", "needed"), _WEIGHTS[tried["explanation"]], strict=True))
    terms = [sign * tried[key] for key, sign in signs.items() if sign and _is_number(tried.get(key))]
    is_whole = len(terms) == sum(map(bool, signs.values()))
    return sum(terms) if is_whole and any(terms) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def likeliest(finding: Finding, texts: Words) -> dict[str, Any] | None:
    """Return the likeliest explanation of a plate's conflict, and how much better it is than the other one."""
    told = finding.evidence.get("measured")
    if not isinstance(told, Mapping) or not all(_is_number(told.get(f"log10_{name}")) for name in _RIVALS):
        return None
    leading = "tampered" if told["log10_tampered"] > told["log10_clone"] else "clone"
    rival, name = _RIVALS[leading]
    odds = told[f"log10_{leading}"] - told[f"log10_{rival}"]
    return {
        "name": str(told.get(f"explained_{texts.lang}") or leading),
        "rival": texts(name),
        "strength": strength(odds)[texts.lang],
    }
