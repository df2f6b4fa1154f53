"""Findings in the shape that the pages' scripts read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from audit.finding import Finding, Severity
from maps.people import People
from maps.safe_json import plain
from maps.sightings import weighed
from maps.words import RULES, Words

_RELATIVE = re.compile(r"(?![\\/])[^:\\?#\x00-\x20]+(?:[?#][^\x00-\x20]*)?")
_NEVER_IN_HREF = re.compile(r"[\x00-\x20\x7f-\x9f\"'<>\\^`{|}\u2028\u2029]")
_OTHER = {"zh": "_en", "en": "_zh"}
"""How keys end whose texts are in the other language."""
WEB = frozenset({"http", "https"})
GRAVEST_FIRST = tuple(reversed(Severity))


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by severity, then time."""
    return sorted(findings, key=lambda f: (GRAVEST_FIRST.index(f.severity), f.start_ms, f.rule, f.finding_id))


def entry(finding: Finding, texts: Words, people: People, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return what every page says of a finding. `labels` are names of rules in the page's language; they win."""
    return {
        "id": finding.finding_id,
        "rule": finding.rule,
        "title": labels.get(finding.rule) or texts(RULES.get(finding.rule, finding.rule)),
        "severity": finding.severity.value,
        "vehicle": finding.vehicle_id,
        "plate": finding.plate,
        "zone": finding.zone_id,
        "session": finding.session_id,
        "feed": finding.feed,
        "person": people.label(finding.person_id),
        "trainee": people.label(finding.trainee_id),
        "start": finding.start_ms,
        "end": finding.end_ms,
        "confidence": plain(finding.confidence),
        "basis": finding.confidence_basis,
        "summary": people.mask(finding.summary_zh if texts.lang == "zh" else finding.summary_en),
    }


def evidence(finding: Finding, people: People, lang: str) -> dict[str, Any]:
    """Return the evidence of a finding, JSON-ready, in one language and without a register key of a person.

    What cameras saw is left out: `maps.sightings.seen_of` tells it.
    """
    masked: dict[str, Any] = people.mask(plain({k: v for k, v in finding.evidence.items() if k != "seen"}))
    weighed(masked, lang)
    for tried in masked.get("excluded") or ():
        if isinstance(tried, dict) and isinstance(tried.get("because"), dict):
            tried["because"] = tried["because"].get(lang)
    if isinstance(masked.get("measured"), dict):
        masked["measured"] = {k: v for k, v in masked["measured"].items() if not k.endswith(_OTHER[lang])}
    return masked


def people_of(findings: Iterable[Finding]) -> set[str]:
    """Return the register keys of the persons that findings name."""
    return {key for f in findings for key in (f.person_id, f.trainee_id) if key}


def relative_href(href: str | None, whose: str) -> str | None:
    """Return a relative address unchanged; ValueError for any other, which would lead out of the maps or be code.

    >>> relative_href("vehicles/V1.html", "finding F1")
    'vehicles/V1.html'
    """
    if href is not None and not _RELATIVE.fullmatch(href):
        raise ValueError(f"{whose}: link {href!r} is not a relative address; expected one such as vehicles/V1.html")
    return href


def web_href(href: str | None, whose: str) -> str | None:
    """Return an address of the web unchanged; ValueError for any other, and for one that still has to be encoded.

    >>> web_href("https://video.example/play?camera=C%201", "passage K1")
    'https://video.example/play?camera=C%201'
    """
    if href is None:
        return None
    if urlsplit(href).scheme not in WEB or not urlsplit(href).hostname or _NEVER_IN_HREF.search(href):
        raise ValueError(f"{whose}: link {href!r} is no address of the web; expected https://... or http://...")
    return href
