"""A small good bundle, written file by file, for tests that break one thing in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONFIG = """\
schema = 1
name = "测试市"
timezone = "Asia/Shanghai"
datum = "wgs84"

[feeds.terminal]
format = "csv"
datum = "wgs84"
"""

FILES = {
    "bundle.toml": CONFIG,
    "schools.csv": "school_id,name,district\nS1,第一驾校,370102\nS2,第二驾校,370103\n",
    "vehicles.csv": (
        "vehicle_id,plate,plate_class,use,school_id,site_id,vehicle_class,provider,terminal_id\n"
        "V1,鲁A1001学,16,training,S1,,C1,terminal,T1\n"
        "V2,鲁A1002学,16,training,S2,,C2,terminal,T2\n"
        "X1,鲁A9001,02,exam,,E1,C1,terminal,T9\n"
    ),
    "staff.csv": (
        "person_id,role,school_id,site_id,valid_from,valid_to\n"
        "P1,instructor,S1,,2024-01-01,\nP2,instructor,S2,,2024-01-01,2026-12-31\nP9,safety_officer,,E1,2024-01-01,\n"
    ),
    "schedules.csv": (
        "zone_id,weekdays,start,end,valid_from,valid_to\n"
        'G1,1-5,08:00,00:30,2025-01-01,\nG1,"6-7,1",08:00,24:00,2025-01-01,\nR1,,09:00,11:30,,\n'
    ),
    "sessions.csv": (
        "session_id,vehicle_id,instructor_id,trainee_id,part,zone_id,start,end\n"
        "L1,V1,P1,T1,2,G1,2026-03-18T08:00:00+08:00,2026-03-18T09:00:00+08:00\n"
        "L2,V2,P2,T2,3,,2026-03-18T01:00:00Z,2026-03-18T02:30:00.250Z\n"
    ),
    "exams.csv": (
        "exam_id,vehicle_id,officer_id,site_id,start,end\n"
        "E001,X1,P9,E1,2026-03-18T09:00:00+08:00,2026-03-18T11:00:00+08:00\n"
    ),
    "tracks/terminal/T1.csv": (
        "terminal_id,time,lon,lat,speed_kmh,heading_deg\nT1,2026-03-18T08:00:00+08:00,117.0,36.6,10,90\n"
    ),
}

SQUARE = [[117.0, 36.6], [117.01, 36.6], [117.01, 36.61], [117.0, 36.61], [117.0, 36.6]]
HOLE = [[117.004, 36.604], [117.004, 36.606], [117.006, 36.606], [117.006, 36.604], [117.004, 36.604]]
FAR = [[117.02, 36.6], [117.03, 36.6], [117.03, 36.61], [117.02, 36.6]]
ROUTE = [[117.0, 36.62], [117.01, 36.62], [117.02, 36.625]]


def ground(**changes: Any) -> dict[str, Any]:
    """One GeoJSON feature, a ground with a hole, with some properties (or `geometry`) changed."""
    geometry = changes.pop("geometry", {"type": "Polygon", "coordinates": [SQUARE, HOLE]})
    properties = {
        "zone_id": "G1",
        "kind": "ground",
        "name": "一号场",
        "school_ids": ["S1", "S2"],
        "parts": [2],
        "vehicle_classes": ["C1", "C2"],
        "valid_from": "2025-01-01",
        "valid_to": None,
        "approval_no": "示交训场〔2025〕1号",
    }
    return {"type": "Feature", "geometry": geometry, "properties": properties | changes}


def route(**changes: Any) -> dict[str, Any]:
    """One GeoJSON feature, a route."""
    changes = {"geometry": {"type": "LineString", "coordinates": ROUTE}, "width_m": 60} | changes
    return ground(**{"zone_id": "R1", "kind": "route", "name": "一号线", "parts": [3]} | changes)


def site(**changes: Any) -> dict[str, Any]:
    """One GeoJSON feature, an exam site of two parts."""
    geometry = {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [FAR]]}
    empty = {"school_ids": [], "parts": [], "vehicle_classes": []}
    return ground(**{"zone_id": "E1", "kind": "site", "name": "考场", "geometry": geometry} | empty | changes)


def collection(*features: dict[str, Any]) -> str:
    """A FeatureCollection as text."""
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def write(folder: Path, name: str, content: str | bytes | None) -> None:
    """Write one file of a bundle, or take it away (None)."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def make_bundle(folder: Path, changes: dict[str, str | bytes | None] | None = None) -> Path:
    """The good bundle in `folder`, with some files changed, added, or (None) left out."""
    for name, content in (FILES | {"zones.geojson": collection(ground(), route(), site())}).items():
        write(folder, name, content)
    for name, content in (changes or {}).items():
        write(folder, name, content)
    return folder


def with_row(file: str, row: str) -> dict[str, str | bytes | None]:
    """The change that adds one row to one register."""
    return {file: FILES[file] + row + "\n"}
