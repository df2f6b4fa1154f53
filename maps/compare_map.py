"""Two runs of one service day on a map: findings that are new, gone or changed, each in its colour, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.compare import Comparison, Matter, Status
from audit.finding import Finding
from maps.entries import GRAVEST_FIRST, entry, people_of
from maps.people import People
from maps.script_words import script_words
from maps.shapes import offsets, place, zone_shapes
from maps.words import N_, Words, words
from trajectories.clock import LocalTime
from zones.zone import Zone

LINKS = (
    "own:page.css",
    "own:index.css",
    "own:compare.css",
    "own:page.js",
    "own:places.js",
    "own:finding.js",
    "own:compare.js",
)
_ORDER = (Status.NEW, Status.GONE, Status.CHANGED, Status.UNCHANGED)


@dataclass(frozen=True, slots=True)
class CompareDay:
    """What the map of a comparison shows.

    `before` and `after` say what the two runs are called. `what` and `why` tell in the page's language what a matter
    says otherwise, and for which causes. `zones` are the places as the later run had them, `former` the earlier
    versions of those that differ; none where only results are at hand. The rest is as in `maps.index_map.IndexDay`.
    """

    before: str
    after: str
    local: LocalTime
    comparison: Comparison
    what: Callable[[Matter], Sequence[str]]
    why: Callable[[Matter], Sequence[str]]
    zones: tuple[Zone, ...] = ()
    former: tuple[Zone, ...] = ()
    zone_hours: Mapping[str, str] = field(default_factory=dict)
    schools: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    person_label: Callable[[str], str] | None = None


def render_compare(day: CompareDay, lang: str = "zh") -> str:
    """Return the page as text; ValueError for an unknown language."""
    from maps.page import Layer, render_page  # noqa: PLC0415 - Folium is slow to import

    texts = words(lang)
    what = texts("What differs")
    title = f"{what} · {day.comparison.service_date.isoformat()}"
    layers = [
        Layer("page", _page(day, texts, title)),
        Layer("places", zone_shapes(day.zones, day.zone_hours, day.schools, texts("all"))),
        Layer("compare", _differences(day, texts)),
    ]
    return render_page(texts, title, layers, LINKS)


def _page(day: CompareDay, texts: Words, title: str) -> dict[str, Any]:
    date = day.comparison.service_date
    return {
        "kind": "index",
        "words": script_words(texts, LINKS),
        "title": title,
        "heading": f"{day.before} → {day.after}",
        "date": date.isoformat(),
        "zone": day.local.name,
        "offsets": offsets(day.local.service_day(date)),
    }


def _differences(day: CompareDay, texts: Words) -> dict[str, Any]:
    matters = sorted(day.comparison.matters, key=_place_in_list)
    label_of = day.person_label or (lambda _: texts(N_("a person")))
    people = People(label_of, people_of(f for m in matters for f in (m.before, m.after) if f is not None))
    return {
        "matters": [_matter(m, day, texts, people) for m in matters],
        "statuses": {str(s): day.comparison.count(s) for s in _ORDER},
        "former": zone_shapes(day.former, {}, day.schools, texts("all")),
    }


def _place_in_list(matter: Matter) -> tuple[int, int, int, str]:
    found = matter.finding
    return (_ORDER.index(matter.status), GRAVEST_FIRST.index(found.severity), found.start_ms, found.finding_id)


def _matter(matter: Matter, day: CompareDay, texts: Words, people: People) -> dict[str, Any]:
    found = matter.finding
    return {
        **entry(found, texts, people, day.labels),
        "school": None if found.school_id is None else day.schools.get(found.school_id, found.school_id),
        "status": str(matter.status),
        "place": _shown(matter.after),
        "was": _shown(matter.before) if matter.status in {Status.GONE, Status.CHANGED} else None,
        "what": people.mask(list(day.what(matter))),
        "why": people.mask(list(day.why(matter))),
    }


def _shown(finding: Finding | None) -> dict[str, Any] | None:
    return None if finding is None else place(finding.geometry)
