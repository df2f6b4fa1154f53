"""One vehicle's service day: its track as it was driven, with gaps, flags and findings, to be replayed in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from audit.day import FeedBeside
from audit.finding import Finding
from checkpoints.positions import CheckedPassage
from maps.entries import entry, evidence, in_order, people_of, relative_href
from maps.passages import ClipOf, passage_layer
from maps.people import People
from maps.script_words import script_words
from maps.served import Served
from maps.shapes import offsets, place, zone_shapes
from maps.sightings import likeliest, seen_of
from maps.track_columns import SourceOf, track_columns
from maps.words import EVIDENCE, Words, words
from trajectories.clock import LocalTime
from trajectories.fleet import Track
from trajectories.spans import Spans, Stretches
from zones.declared import Session
from zones.register import Vehicle
from zones.zone import Zone

LINKS = (
    "own:page.css",
    "own:vehicle.css",
    "own:page.js",
    "own:places.js",
    "own:finding.js",
    "own:track.js",
    "own:replay.js",
    "own:vehicle.js",
)
CAMERA_LINKS = ("own:passages.css", "own:passages.js", "own:seen.js")
"""Carried only by the pages of cars that a camera read."""


@dataclass(frozen=True, slots=True)
class VehicleMapDay:
    """What the map of one vehicle's service day shows.

    `spans` and `stretches` are the vehicle's own, their rows count in the fleet (as `Spans.of` gives them). `zones`
    are the versions in force that day, `zone_hours` their hours in words. `source_of` leads from a source number to
    file and row; source numbers count the rows of one file after the other. `person_label` gives role and pseudonym
    for a register key. `labels` name rules, explanations and margins in the page's language. `index_href` is the
    relative address of the overview. `matched`: whether the feed moved its positions to roads; `beside`: what other
    feeds say of the car. `passages`: when cameras read the car; their faces are not looked at here. `cameras`: where
    the cameras stand (lon, lat); `clip_of`: the address of a camera's video. `case_of`: finding_id to its case's number
    and relative address.
    """

    vehicle: Vehicle
    service_date: date
    local: LocalTime
    track: Track
    spans: Spans
    stretches: Stretches
    zones: tuple[Zone, ...]
    zone_hours: Mapping[str, str]
    findings: tuple[Finding, ...]
    source_of: SourceOf
    sessions: tuple[Session, ...]
    person_label: Callable[[str], str]
    schools: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    index_href: str = "index.html"
    matched: bool = False
    beside: tuple[FeedBeside, ...] = ()
    passages: tuple[CheckedPassage, ...] = ()
    cameras: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    clip_of: ClipOf | None = None
    case_of: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def is_seen(self) -> bool:
        """Whether a camera read the car."""
        return bool(self.passages) or any(map(_rests_on_cameras, self.findings))

    @property
    def links(self) -> tuple[str, ...]:
        """The scripts and styles that the page carries."""
        return LINKS + CAMERA_LINKS if self.is_seen else LINKS


def _rests_on_cameras(finding: Finding) -> bool:
    return bool(finding.evidence.get("seen"))


def write_vehicle_map(path: Path, day: VehicleMapDay, lang: str = "zh") -> Path:
    """Write the page to `path` (its folder is made if it is missing) and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_vehicle_map(day, lang), encoding="utf-8", newline="\n")
    return path


def render_vehicle_map(day: VehicleMapDay, lang: str = "zh", served: Served | None = None) -> str:
    """Return the page as text; `served`: as a server gives it out."""
    from maps.page import Layer, render_page  # noqa: PLC0415 - Folium is slow to import

    texts = words(lang)
    title = f"{day.vehicle.plate} · {day.service_date.isoformat()} · {texts('Findings to check')}"
    layers = [
        Layer("page", {**_page(day, texts, title), **({} if served is None else served.as_data())}),
        Layer("places", zone_shapes(day.zones, day.zone_hours, day.schools, texts("all"))),
        Layer("track", track_columns(day.track, day.spans, day.stretches, day.source_of, texts)),
        Layer("vehicle", _day(day, texts)),
    ]
    if day.is_seen:
        layers.insert(-1, Layer("passages", passage_layer(day.passages, day.cameras, day.clip_of)))
    return render_page(texts, title, layers, day.links, served)


def _page(day: VehicleMapDay, texts: Words, title: str) -> dict[str, Any]:
    school = day.vehicle.school_id
    return {
        "kind": "vehicle",
        "words": script_words(texts, day.links),
        "title": title,
        "heading": day.vehicle.plate,
        "date": day.service_date.isoformat(),
        "zone": day.local.name,
        "offsets": offsets(day.local.service_day(day.service_date)),
        "index": relative_href(day.index_href, "the overview"),
        "vehicle": day.vehicle.vehicle_id,
        "school": None if school is None else day.schools.get(school, school),
        "class": day.vehicle.vehicle_class,
        "feed": day.vehicle.provider,
    }


def _seen(finding: Finding, people: People, texts: Words) -> dict[str, Any]:
    if not _rests_on_cameras(finding):
        return {}
    return {"seen": seen_of(finding, people, texts.lang), "likeliest": likeliest(finding, texts)}


def _day(day: VehicleMapDay, texts: Words) -> dict[str, Any]:
    keys = people_of(day.findings) | {key for s in day.sessions for key in (s.instructor_id, s.trainee_id)}
    people = People(day.person_label, keys)
    return {
        "findings": [
            {
                **entry(f, texts, people, day.labels),
                "school": None if f.school_id is None else day.schools.get(f.school_id, f.school_id),
                "place": place(f.geometry),
                "evidence": evidence(f, people, texts.lang),
                **_seen(f, people, texts),
                **_case(f, day),
            }
            for f in in_order(day.findings)
        ],
        "labels": {key: texts(name) for key, name in EVIDENCE.items()} | dict(day.labels),
        "matched": day.matched,
        "beside": [
            [b.other_feed, round(b.seen.median_m, 1), round(b.seen.lag_ms / 1000), round(b.seen.other_per_min, 1)]
            for b in day.beside
        ],
        "sessions": [
            {
                "id": s.session_id,
                "start": s.start_ms,
                "end": s.end_ms,
                "part": s.part,
                "zone": s.zone_id,
                "instructor": people.label(s.instructor_id),
                "trainee": people.label(s.trainee_id),
            }
            for s in sorted(day.sessions, key=lambda s: (s.start_ms, s.session_id))
        ],
    }


def _case(finding: Finding, day: VehicleMapDay) -> dict[str, Any]:
    number, href = day.case_of.get(finding.finding_id, (None, None))
    return {} if number is None else {"case": [number, relative_href(href, f"case {number}")]}
