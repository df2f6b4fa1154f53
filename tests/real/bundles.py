"""Bundles made of real vehicles: what a city would hand in if these were its coach cars."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from runs.cli import main

TRACK = ["terminal_id", "time", "lon", "lat", "speed_kmh", "heading_deg"]
SQUARE_DEG = 0.002


@dataclass
class Car:
    """A car of the register; its plate is made up."""

    vehicle_id: str
    school_id: str


@dataclass
class Lesson:
    """A declared session, of part 3 (road) unless said otherwise."""

    session_id: str
    vehicle_id: str
    zone_id: str
    start: pd.Timestamp
    end: pd.Timestamp
    part: int = 3


@dataclass
class Hours:
    """An approved window of a zone on every day, as local HH:MM."""

    zone_id: str
    start: str
    end: str


@dataclass
class City:
    """All that a bundle of real vehicles holds; `tracks` has vehicle_id, t, lon, lat and perhaps speed and heading.

    `hours` None: every zone is open all day. `declared`: the datum in which the feed says its positions are.
    """

    name: str
    timezone: str
    tracks: pd.DataFrame
    cars: list[Car]
    zones: list[dict[str, Any]]
    lessons: list[Lesson] = field(default_factory=list)
    hours: list[Hours] | None = None
    declared: str = "wgs84"


def route(
    zone_id: str, line: list[list[float]], width_m: float, school_ids: Iterable[str], day: str | None
) -> dict[str, Any]:
    """A route for part 3, in force on one day or (None) on all."""
    return _zone({"type": "LineString", "coordinates": line}, zone_id=zone_id, kind="route", width_m=width_m, parts=[3],
                 school_ids=sorted(school_ids), valid_from=day or "2000-01-01", valid_to=day)  # fmt: skip


def distant_ground(lon_deg: float, lat_deg: float) -> dict[str, Any]:
    """A ground for part 2, far from everything: a bundle needs at least one zone in force."""
    a, b, c, d = lon_deg, lat_deg, lon_deg + SQUARE_DEG, lat_deg + SQUARE_DEG
    return ground("G1", [[a, b], [c, b], [c, d], [a, d], [a, b]])


def ground(zone_id: str, ring: list[list[float]]) -> dict[str, Any]:
    """A ground for part 2, for every school."""
    return _zone({"type": "Polygon", "coordinates": [ring]}, zone_id=zone_id, kind="ground", parts=[2])


def write_bundle(folder: Path, city: City) -> Path:
    """Write the bundle, one Parquet feed, and return its folder."""
    tracks = folder / "tracks" / "real"
    tracks.mkdir(parents=True)
    (folder / "bundle.toml").write_text(
        f'schema = 1\nname = "{city.name}"\ntimezone = "{city.timezone}"\ndatum = "wgs84"\n\n'
        f'[feeds.real]\nformat = "parquet"\ndatum = "{city.declared}"\n',
        encoding="utf-8",
    )
    schools = sorted({car.school_id for car in city.cars})
    _csv(folder / "schools.csv", "school_id,name,district", [f"{s},School {s},110101" for s in schools])
    _csv(
        folder / "vehicles.csv",
        "vehicle_id,plate,plate_class,use,school_id,site_id,vehicle_class,provider,terminal_id",
        [
            f"{c.vehicle_id},京A{i:04d}学,16,training,{c.school_id},,C1,real,{c.vehicle_id}"
            for i, c in enumerate(city.cars)
        ],
    )
    _csv(
        folder / "staff.csv",
        "person_id,role,school_id,site_id,valid_from,valid_to",
        [f"P{i},instructor,{c.school_id},,2000-01-01," for i, c in enumerate(city.cars)],
    )
    _csv(
        folder / "schedules.csv",
        "zone_id,weekdays,start,end,valid_from,valid_to",
        [f"{h.zone_id},1-7,{h.start},{h.end},," for h in _hours(city)],
    )
    _csv(folder / "sessions.csv", "session_id,vehicle_id,instructor_id,trainee_id,part,zone_id,start,end", _rows(city))
    _csv(folder / "exams.csv", "exam_id,vehicle_id,officer_id,site_id,start,end", [])
    zones = {"type": "FeatureCollection", "features": city.zones}
    (folder / "zones.geojson").write_text(json.dumps(zones, ensure_ascii=False), encoding="utf-8")
    rows = city.tracks.rename(columns={"vehicle_id": "terminal_id", "t": "time"})
    for column in TRACK:
        if column not in rows:
            rows[column] = float("nan")
    rows.sort_values(["terminal_id", "time"])[TRACK].to_parquet(tracks / "fixes.parquet", index=False)
    return folder


def audit(root: Path, bundle: Path, day: str, out: Path) -> None:
    """Run the real command in a process of its own, and show what it said if it failed."""
    command = [sys.executable, "-m", "runs.cli", "audit", str(bundle), "--date", day, "--out", str(out), "--quiet"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def audit_here(bundle: Path, day: str, out: Path, office: Path | None = None) -> None:
    """Run the same command in this process, which is started and compiled already."""
    more = ["--office", str(office)] if office else []
    with pytest.raises(SystemExit) as ended:
        main(["audit", str(bundle), "--date", day, "--out", str(out), "--quiet", *more])
    assert ended.value.code in (None, 0), f"the audit of {bundle} on {day} ended with {ended.value.code}"


def figure(text: str) -> None:
    """Show a measured figure (`pytest -s`)."""
    sys.stdout.write(f"{text}\n")


def findings(out: Path) -> list[dict[str, Any]]:
    """The properties of all findings of a run."""
    text = (out / "findings.geojson").read_text(encoding="utf-8")
    return [feature["properties"] for feature in json.loads(text)["features"]]


def not_assessed(out: Path) -> pd.DataFrame:
    """The rows of `not_assessed.csv`, all text."""
    return pd.read_csv(out / "not_assessed.csv", dtype=str, encoding="utf-8-sig")


def _rows(city: City) -> list[str]:
    drivers = {car.vehicle_id: f"P{i}" for i, car in enumerate(city.cars)}
    return [
        f"{s.session_id},{s.vehicle_id},{drivers[s.vehicle_id]},T-{s.session_id},{s.part},{s.zone_id},"
        f"{s.start.isoformat()},{s.end.isoformat()}"
        for s in city.lessons
    ]


def _hours(city: City) -> list[Hours]:
    if city.hours is not None:
        return city.hours
    return [Hours(zone, "04:00", "04:00") for zone in sorted({z["properties"]["zone_id"] for z in city.zones})]


def _csv(path: Path, header: str, rows: list[str]) -> None:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def _zone(geometry: dict[str, Any], **properties: Any) -> dict[str, Any]:
    defaults = {
        "zone_id": "",
        "kind": "",
        "name": properties["zone_id"],
        "school_ids": None,
        "parts": None,
        "vehicle_classes": ["C1"],
        "valid_from": "2000-01-01",
        "valid_to": None,
        "approval_no": "made up for a test",
    }
    return {"type": "Feature", "geometry": geometry, "properties": defaults | properties}
