"""What the office knows: register, zones, hours, declarations."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any

from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from sample_data.cameras import Roster, roster
from sample_data.cast import CARS
from sample_data.city import Approval, City, degrees_of
from sample_data.diary import Car, SessionRow
from sample_data.episodes import Exam
from sample_data.labels import iso
from sample_data.streets import Plane

BUNDLE_TOML = """\
schema = 1
name = "样例市"
timezone = "Asia/Shanghai"
datum = "wgs84"

[mandate]
document = "样公交〔2026〕3号"
authority = "样例市公安局交通警察支队"
scope = ["face-track-join"]
from = 2026-01-01
to = 2026-12-31

[matcher]
name = "sample-matcher"
version = "1.0"
threshold = 0.55
top_k = 3
score_range = [0.0, 1.0]

[feeds.amap]
format = "amap"
datum = "gcj02"

[feeds.baidu]
format = "baidu"
datum = "bd09"

[feeds.terminal]
format = "csv"
datum = "wgs84"

[feeds.depot]
format = "csv"
datum = "wgs84"
"""

SCHEDULES = [
    ("G01", "1-7", "08:00", "00:30"),
    ("G02", "1-7", "08:00", "17:30"),
    ("G03", "1-7", "08:00", "12:00"),
    ("G03", "1-7", "13:00", "17:00"),
    ("R01", "1-5", "08:30", "17:00"),
    ("R02", "1-7", "08:30", "24:00"),
    ("E01", "1-7", "08:00", "18:00"),
]


def text_csv(header: str, rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as CSV text with line feeds."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return out.getvalue()


def features_of(approved: Sequence[tuple[Approval, BaseGeometry]], plane: Plane) -> list[dict[str, Any]]:
    """Return the features of zones.geojson; shapes come in metres of the plane."""
    features = []
    for a, shape_m in approved:
        properties: dict[str, Any] = {
            "zone_id": a.zone_id, "kind": a.kind, "name": a.name, "school_ids": list(a.school_ids),
            "parts": list(a.parts), "vehicle_classes": list(a.vehicle_classes), "approval_no": a.approval_no,
            "valid_from": "2025-01-01", "valid_to": None,
        }  # fmt: skip
        if a.width_m is not None:
            properties["width_m"] = a.width_m
        shape = mapping(degrees_of(shape_m, plane))
        features.append({"type": "Feature", "properties": properties, "geometry": shape})
    return features


def write_collection(path: FilePath, features: list[dict[str, Any]]) -> None:
    """Write a FeatureCollection, one feature a line."""
    lines = ",\n".join(json.dumps(f, ensure_ascii=False) for f in features)
    text = '{"type": "FeatureCollection", "features": [\n' + lines + "\n]}\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def numbered(sessions: list[SessionRow]) -> list[tuple[str, SessionRow]]:
    """Return the sessions by start, each with its number."""
    ordered = sorted(sessions, key=lambda r: (r.start_s, r.vehicle_id))
    return [(f"S{k:06d}", row) for k, row in enumerate(ordered, 1)]


def people_of(cars: Sequence[Car]) -> Roster:
    """Return everybody enrolled: the cars' own instructors and officers, and others."""
    own = [(c.instructor_id, c.school_id) for c in cars if c.use == "training"]
    return roster(own, [c.instructor_id for c in cars if c.use == "exam"])


def write_register(
    folder: FilePath, city: City, people: Roster, sessions: list[tuple[str, SessionRow]], exams: list[Exam]
) -> None:
    """Write every file of the bundle but tracks, cameras and passages."""
    cars = [(c.vehicle_id, c.plate, 16, c.use, c.school_id, c.site_id, "C1", c.feed, c.terminal_id) for c in CARS]
    staff = [(p, "instructor", school, "", "2024-01-01", "") for p, school in people.instructors]
    staff += [(p, "safety_officer", "", "E01", "2024-01-01", "") for p in people.officers]
    files = {
        "bundle.toml": BUNDLE_TOML,
        "schools.csv": text_csv(
            "school_id,name,district", [("SCH01", "柳湾驾校", "419901"), ("SCH02", "东坡驾校", "419902")]
        ),
        "vehicles.csv": text_csv(
            "vehicle_id,plate,plate_class,use,school_id,site_id,vehicle_class,provider,terminal_id", cars
        ),
        "staff.csv": text_csv("person_id,role,school_id,site_id,valid_from,valid_to", staff),
        "schedules.csv": text_csv(
            "zone_id,weekdays,start,end,valid_from,valid_to", [(*row, "2025-01-01", "") for row in SCHEDULES]
        ),
        "exceptions.csv": text_csv(
            "date,zone_id,open,start,end,reason", [("2026-03-18", "G03", 1, "08:00", "19:30", "雨天停训后补训")]
        ),
        "sessions.csv": text_csv(
            "session_id,vehicle_id,instructor_id,trainee_id,part,zone_id,start,end",
            [
                (n, r.vehicle_id, r.instructor_id, r.trainee_id, r.part, r.zone_id, iso(r.start_s), iso(r.end_s))
                for n, r in sessions
            ],
        ),
        "exams.csv": text_csv(
            "exam_id,vehicle_id,officer_id,site_id,start,end",
            [
                (f"E{k:05d}", e.vehicle_id, e.officer_id, "E01", iso(e.span[0]), iso(e.span[1]))
                for k, e in enumerate(exams, 1)
            ],
        ),
        "permits.csv": text_csv(
            "permit_id,vehicle_id,reason,start,end,zone_id",
            [("L00001", "V0011", "残障学员专场, 延长使用", iso(17.5 * 3600), iso(19 * 3600), "G02")],
        ),
    }
    zones = [(a, city.shapes[a.zone_id]) for a in city.approvals]
    write_collection(folder / "zones.geojson", features_of(zones, Plane()))
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
