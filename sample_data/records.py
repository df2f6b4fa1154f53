"""What the office knows: register, zones, hours, declarations; and a few cameras with their passages."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from sample_data.cast import CARS
from sample_data.city import Approval, City, degrees_of
from sample_data.diary import Diary, SessionRow
from sample_data.driving import Motion
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
CAMERAS = ("+0+0", "-2-1", "+2+1", "-3+1", "+1-1", "-1+1", "+0-3", "+3+2")
PASSAGES = 60
STRANGERS = 20


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


def write_register(folder: FilePath, city: City, sessions: list[tuple[str, SessionRow]], exams: list[Exam]) -> None:
    """Write every file of the bundle but tracks and passages."""
    cars = [(c.vehicle_id, c.plate, 16, c.use, c.school_id, c.site_id, "C1", c.feed, c.terminal_id) for c in CARS]
    staff = [
        (
            c.instructor_id,
            "instructor" if c.use == "training" else "safety_officer",
            c.school_id,
            c.site_id,
            "2024-01-01",
            "",
        )
        for c in CARS
    ]
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
        "lookalikes.csv": text_csv(
            "person_id_a,person_id_b,score", [("P00002", "P00031", 0.771), ("P00005", "P00009", 0.548)]
        ),
    }
    zones = [(a, city.shapes[a.zone_id]) for a in city.approvals]
    write_collection(folder / "zones.geojson", features_of(zones, Plane()))
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def write_passages(folder: FilePath, city: City, diaries: list[Diary], rng: np.random.Generator) -> None:
    """Write cameras at eight crossings and some passages: of registered cars as they truly drove, and of strangers."""
    nodes = [city.streets.at[n] for n in CAMERAS]
    lon, lat = Plane().degrees(np.array([n[0] for n in nodes]), np.array([n[1] for n in nodes]))
    cameras = [
        {
            "type": "Feature",
            "properties": {"camera_id": f"K{k + 1:02d}"},
            "geometry": {"type": "Point", "coordinates": [round(float(lon[k]), 7), round(float(lat[k]), 7)]},
        }
        for k in range(len(nodes))
    ]
    write_collection(folder / "cameras.geojson", cameras)
    seen = [_seen(d, t, k) for d in diaries for k in range(len(nodes)) for t in _times_at(d.motion(), nodes[k])]
    picked = sorted(rng.choice(len(seen), min(PASSAGES, len(seen)), replace=False).tolist())
    rows = [seen[k] for k in picked]
    for _ in range(STRANGERS):
        plate = "豫Y" + "".join(str(rng.integers(0, 10)) for _ in range(5))
        rows.append((float(rng.integers(7 * 3600, 19 * 3600)), f"K{int(rng.integers(1, 9)):02d}", plate, ""))
    rows.sort()
    lines = [json.dumps(_passage(k, row, rng), ensure_ascii=False) for k, row in enumerate(rows, 1)]
    (folder / "passages.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _seen(diary: Diary, t_s: float, camera: int) -> tuple[float, str, str, str]:
    return t_s, f"K{camera + 1:02d}", diary.car.plate, diary.car.instructor_id


def _times_at(motion: Motion, spot: tuple[float, float]) -> list[float]:
    """Return when a car passed a spot: the nearest moment of each approach within 25 m."""
    gap = np.hypot(motion.x_m - spot[0], motion.y_m - spot[1])
    near = np.flatnonzero(gap < 25.0)
    groups = np.split(near, np.flatnonzero(np.diff(near) > 60) + 1)
    return [float(motion.t_s[g[int(np.argmin(gap[g]))]]) for g in groups if len(g)]


def _passage(k: int, row: tuple[float, str, str, str], rng: np.random.Generator) -> dict[str, Any]:
    t_s, camera_id, plate, beside = row
    faces = []
    if beside:
        candidate = {"person_id": beside, "score": round(float(rng.uniform(0.86, 0.97)), 3)}
        quality = round(float(rng.uniform(0.5, 0.9)), 2)
        faces.append({"seat": "front_passenger", "quality": quality, "candidates": [candidate]})
    score = round(float(rng.uniform(0.93, 0.999)), 3)
    return {
        "passage_id": f"Q{k:06d}", "camera_id": camera_id, "shot_time": iso(t_s), "plate": plate,
        "plate_score": score, "faces": faces,
    }  # fmt: skip
