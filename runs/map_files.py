"""The maps of a run: one overview, and one map for every car with a finding."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audit.analysis import analyse, observe
from audit.camera_evidence import POSTERIOR
from audit.coverage import SchoolCoverage
from audit.day import VehicleDay
from audit.engine import vehicle_day
from audit.finding import Finding, NotAssessed
from audit.measures import MEASURES
from runs.coverage import hours, schools_of
from runs.progress import Progress
from runs.words import N_, say
from trajectories.spans import Activity, Stretches
from zones.register import Role
from zones.zone import Zone

_NEAR_M = 5_000.0

if TYPE_CHECKING:
    from feeds.bundle import Bundle
    from maps.index_map import CoverageRow
    from maps.vehicle_map import VehicleMapDay
    from runs.audited import Audited
    from runs.clips import ClipTemplate
    from runs.door import Batch


@dataclass(frozen=True, slots=True)
class Sheet:
    """What all maps of a run share."""

    audited: Audited
    run_id: str
    lang: str
    person_label: Callable[[str], str]
    hours: dict[str, str]
    clips: ClipTemplate | None = None

    @property
    def schools(self) -> dict[str, str]:
        """School to name."""
        return {s.school_id: s.name for s in self.audited.bundle.schools}

    @property
    def labels(self) -> dict[str, str]:
        """Rules, measures and margins to their names."""
        which = 0 if self.lang == "zh" else 1
        names = {key: pair[which] for key, pair in MEASURES.items()}
        names[POSTERIOR] = say(
            "posterior of the evidence model of faces, for this lesson; calibrated in simulation, "
            "not against confirmed cases of this city",
            self.lang,
        )
        return names | {r.name: (r.card.title_zh, r.card.title_en)[which] for r in self.audited.rules}


def write_maps(
    folder: Path, audited: Audited, run_id: str, lang: str, progress: Progress, clips: ClipTemplate | None = None
) -> Path:
    """Write `index.html` and the maps it links; return the path of the index. `clips`: where passages' videos are."""
    by_car: dict[str, list[Finding]] = {}
    for finding in audited.findings:
        if finding.vehicle_id is not None:
            by_car.setdefault(finding.vehicle_id, []).append(finding)
    sheet = Sheet(audited, run_id, lang, pseudonyms(audited.bundle, lang), zone_hours(audited, lang), clips)
    links: dict[str, str] = {}
    progress.stage("maps", len(by_car) + 1)
    for batch in audited.door.read_cars(by_car):
        for day in days_of(audited, batch):
            vehicle_id = day.vehicle.vehicle_id
            if day.track is not None:
                name = _file_name(vehicle_id)
                _write_one(folder / name, sheet, day, by_car[vehicle_id])
                links.update({f.finding_id: name for f in by_car[vehicle_id]})
            progress.advance(1)
    path = _write_index(folder, sheet, links)
    progress.advance(1)
    return path


def _file_name(vehicle_id: str) -> str:
    """Return a file name that no vehicle_id can misuse."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "", vehicle_id)[:24]
    return f"vehicle-{plain or 'x'}-{hashlib.sha256(vehicle_id.encode()).hexdigest()[:8]}.html"


def days_of(audited: Audited, batch: Batch) -> Iterator[VehicleDay]:
    """Yield the days of the cars of a batch."""
    facts = audited.night.facts
    analysis = analyse(observe(batch.fleet, facts.places, facts.recipe), facts.places, facts.day, facts.recipe)
    for k, vehicle_id in enumerate(batch.vehicle_ids):
        yield vehicle_day(analysis, k, facts, vehicle_id)


def _write_one(path: Path, sheet: Sheet, day: VehicleDay, findings: list[Finding]) -> None:
    from maps.vehicle_map import write_vehicle_map  # noqa: PLC0415 -- Folium is slow to import

    write_vehicle_map(path, vehicle_map_day(sheet, day, findings), sheet.lang)


def vehicle_map_day(sheet: Sheet, day: VehicleDay, findings: Iterable[Finding]) -> VehicleMapDay:
    """Return what the map of a car's day shows; the car has fixes."""
    from maps.vehicle_map import VehicleMapDay  # noqa: PLC0415 -- as above

    assert day.track is not None
    clips = sheet.clips
    return VehicleMapDay(
        vehicle=day.vehicle,
        service_date=day.day.date,
        local=day.day.local,
        track=day.track,
        spans=day.spans,
        stretches=stretches(day),
        zones=_zones_near(day),
        zone_hours=sheet.hours,
        findings=tuple(findings),
        source_of=sheet.audited.door.sources.locate,
        sessions=day.sessions,
        person_label=sheet.person_label,
        schools=sheet.schools,
        labels=sheet.labels,
        matched=day.passes.is_matched,
        beside=day.beside,
        passages=day.passages,
        cameras=_cameras(sheet, day),
        clip_of=None if clips is None else lambda camera_id, shot_ms: clips.url(camera_id, shot_ms, day.day.local),
    )


def _cameras(sheet: Sheet, day: VehicleDay) -> dict[str, tuple[float, float]]:
    """Return where (lon, lat) the cameras stand that read a car."""
    facts = sheet.audited.night.facts
    used, sites = {c.passage.camera_id for c in day.passages}, facts.witnesses.sites
    if not used:
        return {}
    held = [i for i, name in enumerate(sites.ids) if name in used]
    lon, lat = facts.places.plane.to_degrees(sites.east_m[held], sites.north_m[held])
    return {sites.ids[i]: (x, y) for i, x, y in zip(held, lon.tolist(), lat.tolist(), strict=True)}


def _zones_near(day: VehicleDay) -> tuple[Zone, ...]:
    """Return the places near the car's way, and those of its sessions: a large city has hundreds."""
    c = day.columns
    near = set(day.places.near(c.east_m[c.ok], c.north_m[c.ok], _NEAR_M))
    near |= {ix for s in day.sessions if (ix := day.places.find(s.zone_id)) is not None}
    return tuple(day.zone(ix) for ix in sorted(near))


def _write_index(folder: Path, sheet: Sheet, links: dict[str, str]) -> Path:
    from maps.index_map import IndexDay, write_index  # noqa: PLC0415 -- Folium is slow to import

    night = sheet.audited.night
    day = IndexDay(
        city=sheet.audited.bundle.config.name,
        service_date=night.facts.day.date,
        local=night.facts.day.local,
        zones=night.facts.places.zones,
        findings=tuple(sheet.audited.findings),
        schools=sheet.schools,
        links=links,
        not_assessed=reason_counts(night.verdicts.not_assessed),
        n_vehicles=len(night.facts.vehicles),
        n_without_fixes=night.n_without_fixes,
        run_id=sheet.run_id,
        zone_hours=sheet.hours,
        labels=sheet.labels,
        person_label=sheet.person_label,
        coverage=coverage_rows(sheet, schools_of(night)),
    )
    return write_index(folder, day, sheet.lang)


def coverage_rows(sheet: Sheet, sums: Mapping[str, SchoolCoverage]) -> tuple[CoverageRow, ...]:
    """Return what was seen of schools, as the overview tells it."""
    from maps.index_map import CoverageRow  # noqa: PLC0415 -- as above

    return tuple(
        CoverageRow(
            sheet.schools.get(school, school) or say("no school", sheet.lang),
            one.cars,
            one.cars_without_fixes,
            hours(one.declared_ms),
            hours(one.declared_seen_ms),
            hours(one.silent_ms),
            hours(one.outage_ms),
            sum(sum(reasons.values()) for reasons in one.not_assessed.values()),
        )
        for school, one in sums.items()
    )


def reason_counts(rows: Iterable[NotAssessed]) -> dict[str, Counter[str]]:
    """Return rule to reason to number."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row.rule, Counter())[row.reason] += 1
    return counts


def zone_hours(audited: Audited, lang: str) -> dict[str, str]:
    """Return each zone's approved hours of the day in words."""
    facts, out = audited.night.facts, {}
    for zone in facts.places.zones:
        hours = facts.calendar.open_during(zone.zone_id, facts.day)
        if hours is None:
            out[zone.zone_id] = say("no hours on file", lang)
            continue
        clock = [[facts.day.local.moment(t).strftime("%H:%M") for t in pair] for pair in hours.tolist()]
        out[zone.zone_id] = ", ".join("–".join(pair) for pair in clock) or say("closed", lang)
    return out


def stretches(day: VehicleDay) -> Stretches:
    """Return a car's trainings as stretches for the map, rows counted in the fleet."""
    assert day.track is not None
    found = day.trainings
    yard = np.array([t.activity is Activity.YARD_TRAINING for t in found], np.bool_)
    p = np.array([t.p for t in found], np.float32)
    first = day.track.start
    return Stretches(
        np.full(len(found), day.k, np.int32),
        np.array([t.activity for t in found], np.uint8),
        np.array([first + t.start for t in found], np.int64),
        np.array([first + t.stop for t in found], np.int64),
        np.array([t.start_ms for t in found], np.int64),
        np.array([t.end_ms for t in found], np.int64),
        np.where(yard, p, 0).astype(np.float32),
        np.where(yard, 0, p).astype(np.float32),
        (1 - p).astype(np.float32),
    )


ROLES = {Role.INSTRUCTOR: N_("instructor"), Role.SAFETY_OFFICER: N_("exam safety officer")}


def pseudonyms(bundle: Bundle, lang: str) -> Callable[[str], str]:
    """Return how a person is called on the maps of one run: the role and a number that no other run uses.

    The numbers are drawn anew for every run and written nowhere else, so nobody can follow a person from map to map.
    """
    roles = {s.person_id: say(ROLES[s.role], lang) for s in bundle.staff}
    people = {*roles, *(s.instructor_id for s in bundle.sessions), *(s.trainee_id for s in bundle.sessions)}
    drawn = sorted(people)
    secrets.SystemRandom().shuffle(drawn)
    number = {person: i for i, person in enumerate(drawn, 1)}

    trainee = say("trainee", lang)

    def label(key: str) -> str:
        return f"{roles.get(key, trainee)} {number.setdefault(key, len(number) + 1):03d}"

    return label
