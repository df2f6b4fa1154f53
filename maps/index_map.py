"""The overview of a service day, or of a case of it: approved places, where findings lie, and a list to be filtered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from audit.finding import Finding
from audit.reasons import REASONS
from maps.assets import MARKERCLUSTER_CSS, MARKERCLUSTER_JS
from maps.density import density
from maps.entries import entry, in_order, people_of, relative_href
from maps.people import People
from maps.script_words import script_words
from maps.served import Served
from maps.shapes import offsets, place, zone_shapes
from maps.words import N_, RULES, Words, words
from trajectories.clock import LocalTime
from zones.zone import Zone

LINKS = (
    MARKERCLUSTER_JS,
    MARKERCLUSTER_CSS,
    "own:page.css",
    "own:index.css",
    "own:page.js",
    "own:places.js",
    "own:finding.js",
    "own:index.js",
)


class CoverageRow(NamedTuple):
    """What was seen of one school's cars; hours."""

    school: str
    cars: int
    cars_without_fixes: int
    declared_h: float
    declared_seen_h: float
    silent_h: float
    outage_h: float
    not_assessed: int


@dataclass(frozen=True, slots=True)
class IndexDay:
    """What the overview shows of one service day of one city.

    `schools` are names by school_id, `links` relative addresses of vehicle maps by finding_id, `not_assessed` counts
    {rule: {reason: n}}, `coverage` has a row for each school. `labels` name rules and reasons in the page's language,
    where they shall not have their usual names. `person_label` gives a person's role and pseudonym; without it nobody
    is named. `case`: of a case, its name and the relative address of its page; then `n_vehicles` may be None.
    """

    city: str
    service_date: date
    local: LocalTime
    zones: tuple[Zone, ...]
    findings: tuple[Finding, ...]
    schools: Mapping[str, str]
    links: Mapping[str, str]
    not_assessed: Mapping[str, Mapping[str, int]]
    n_vehicles: int | None
    n_without_fixes: int
    run_id: str
    zone_hours: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    person_label: Callable[[str], str] | None = None
    coverage: tuple[CoverageRow, ...] = ()
    case: tuple[str, str] | None = None


def write_index(out_dir: Path, day: IndexDay, lang: str = "zh") -> Path:
    """Write `index.html` into a folder (made if it is missing) and return its path.

    ValueError where a link leads out of the folder's reach or `lang` is unknown.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / "index.html"
    path.write_text(render_index(day, lang), encoding="utf-8", newline="\n")
    return path


def render_index(day: IndexDay, lang: str = "zh", served: Served | None = None) -> str:
    """Return the page as text; `served`: as a server gives it out."""
    from maps.page import Layer, render_page  # noqa: PLC0415 - Folium is slow to import

    texts = words(lang)
    findings = in_order(day.findings)
    of_case = "" if day.case is None else f" · {day.case[0]}"
    title = f"{texts('Findings to check')}{of_case} · {day.city} · {day.service_date.isoformat()}"
    layers = [
        Layer("page", {**_page(day, texts, title), **_beside(served)}),
        Layer("places", zone_shapes(day.zones, day.zone_hours, day.schools, texts("all"))),
        Layer("index", _list(findings, day, texts)),
    ]
    return render_page(texts, title, layers, LINKS, served)


def _beside(served: Served | None) -> dict[str, object]:
    return {} if served is None else {**served.as_data(), "home": served.home}


def _page(day: IndexDay, texts: Words, title: str) -> dict[str, Any]:
    return {
        "kind": "index",
        "words": script_words(texts, LINKS),
        "title": title,
        "heading": day.city if day.case is None else f"{day.case[0]} · {day.city}",
        "back": None if day.case is None else [day.case[0], relative_href(day.case[1], "case")],
        "date": day.service_date.isoformat(),
        "run": day.run_id,
        "zone": day.local.name,
        "offsets": offsets(day.local.service_day(day.service_date)),
    }


def _list(findings: list[Finding], day: IndexDay, texts: Words) -> dict[str, Any]:
    label_of = day.person_label or (lambda _: texts(N_("a person")))
    people = People(label_of, people_of(findings))
    places = [place(f.geometry) for f in findings]
    entries = [
        {
            **entry(f, texts, people, day.labels),
            "school": None if f.school_id is None else day.schools.get(f.school_id, f.school_id),
            "place": where,
            "link": _link(f, day),
        }
        for f, where in zip(findings, places, strict=True)
    ]
    return {
        "findings": entries,
        "density": density([None if p is None else (p["at"][0], p["at"][1]) for p in places]),
        "vehicles": day.n_vehicles,
        "silent": day.n_without_fixes,
        "coverage": [list(row) for row in day.coverage],
        "notAssessed": [
            [_rule(rule, day, texts), [[_reason(reason, day, texts), n] for reason, n in sorted(reasons.items())]]
            for rule, reasons in sorted(day.not_assessed.items())
        ],
    }


def _link(finding: Finding, day: IndexDay) -> str | None:
    """The vehicle's map, opened at this finding."""
    href = relative_href(day.links.get(finding.finding_id), f"finding {finding.finding_id}")
    return (
        href
        if href is None or "#" in href
        else f"{href}#finding={quote(finding.finding_id, safe='', errors='replace')}"
    )


def _rule(code: str, day: IndexDay, texts: Words) -> str:
    return day.labels.get(code) or texts(RULES.get(code, code))


def _reason(code: str, day: IndexDay, texts: Words) -> str:
    zh, en = REASONS.get(code, (code, code))
    return day.labels.get(code) or (zh if texts.lang == "zh" else en)
