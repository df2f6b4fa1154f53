"""The tests' city with its cameras, written out as a bundle: ten cars, eight lessons, sixteen cameras, 128 staff.

Every lesson is shot by eight cameras, three rounds each; of decoys those are shown that a test asks for.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shapely.geometry import mapping

from tests.rules.filmed import CAMERAS, Film, crowd
from tests.rules.world import LOCAL, PLANE, ZONES, fleet_of
from zones.register import Role

CONFIG = """\
schema = 1
name = "{name}"
timezone = "Asia/Shanghai"
datum = "wgs84"
{mandate}
[matcher]
name = "{name}"
version = "7"
threshold = 0.55
top_k = 3
score_range = [0.0, 1.0]

[feeds.terminal]
format = "csv"
datum = "wgs84"
"""
MANDATE = """
[mandate]
document = "测公交〔2026〕1号"
authority = "测试市公安局交通警察支队"
scope = ["face-track-join"]
from = 2026-01-01
to = 2026-12-31
"""
Candidates = Callable[[int, str, str], Mapping[str, float]]
"""From the number of a shot, its camera and vehicle: who is shown besides the person who sits there."""


@dataclass(frozen=True)
class Written:
    """Where a bundle lies, and every key in it that may stand in no output."""

    folder: Path
    keys: frozenset[str]


def write_filmed(
    folder: Path,
    film: Film | None = None,
    *,
    mandate: str = MANDATE,
    name: str = "测试市",
    score: Callable[[str, float], float] = lambda camera, score: score,
    camera: Callable[[str], str] = str,
    others: Candidates = lambda number, camera, vehicle: {},
) -> Written:
    """Write the crowd's (or another film's) bundle; `score` and `camera` change a camera's scores and its name."""
    film = film or crowd()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.toml").write_text(CONFIG.format(mandate=mandate, name=name), encoding="utf-8")
    for file, rows in _registers(film).items():
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        (folder / file).write_text(text.getvalue(), encoding="utf-8")
    _collection(folder / "zones.geojson", [(_zone(z), mapping(z.geometry)) for z in ZONES])
    places = {c: PLANE.to_degrees(*p) for c, p in CAMERAS.items()}
    points = [
        ({"camera_id": camera(c)}, {"type": "Point", "coordinates": [float(x), float(y)]})
        for c, (x, y) in places.items()
    ]
    _collection(folder / "cameras.geojson", points)
    _tracks(folder / "tracks" / "terminal", film)
    lines = [json.dumps(p, ensure_ascii=False) for p in _passages(film, score, camera, others)]
    (folder / "passages.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sessions = film.world.sessions
    keys = {s.person_id for s in film.staff} | {s.trainee_id for s in sessions} | {s.session_id for s in sessions}
    return Written(folder, frozenset(keys | {v.plate for v in film.world.vehicles}))


def _registers(film: Film) -> dict[str, list[list[Any]]]:
    roles = {Role.INSTRUCTOR: "instructor", Role.SAFETY_OFFICER: "safety_officer"}
    return {
        "schools.csv": [["school_id", "name", "district"], ["S1", "一校", "310115"], ["S2", "二校", "310115"]],
        "vehicles.csv": [
            _head("vehicle_id,plate,plate_class,use,school_id,site_id,vehicle_class,provider,terminal_id"),
            *([v.vehicle_id, v.plate, "16", "training", v.school_id, "", "C1", "terminal", f"T-{v.vehicle_id}"]
              for v in film.world.vehicles),
        ],
        "staff.csv": [
            _head("person_id,role,school_id,site_id,valid_from,valid_to"),
            *([s.person_id, roles[s.role], s.school_id or "", s.site_id or "", "2024-01-01", ""] for s in film.staff),
        ],
        "schedules.csv": [
            _head("zone_id,weekdays,start,end,valid_from,valid_to"),
            *([z.zone_id, "1-7", "06:00", "22:00", "2025-01-01", ""] for z in ZONES),
        ],
        "sessions.csv": [
            _head("session_id,vehicle_id,instructor_id,trainee_id,part,zone_id,start,end"),
            *([s.session_id, s.vehicle_id, s.instructor_id, s.trainee_id, s.part, s.zone_id, LOCAL.iso(s.start_ms),
               LOCAL.iso(s.end_ms)] for s in film.world.sessions),
        ],
        "exams.csv": [["exam_id", "vehicle_id", "officer_id", "site_id", "start", "end"]],
        "lookalikes.csv": [["person_id_a", "person_id_b", "score"]],
    }  # fmt: skip


def _head(columns: str) -> list[str]:
    return columns.split(",")


def _zone(zone: Any) -> dict[str, Any]:
    return {
        "zone_id": zone.zone_id, "kind": zone.kind.value, "name": zone.name,
        "school_ids": sorted(zone.school_ids or ()), "parts": sorted(zone.parts), "vehicle_classes": ["C1"],
        "valid_from": "2025-01-01", "valid_to": None, "approval_no": "测训〔2025〕1号",
        **({} if zone.width_m is None else {"width_m": zone.width_m}),
    }  # fmt: skip


def _collection(path: Path, features: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    told = [{"type": "Feature", "properties": p, "geometry": g} for p, g in features]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": told}, ensure_ascii=False), encoding="utf-8")


def _tracks(folder: Path, film: Film) -> None:
    folder.mkdir(parents=True)
    fleet = fleet_of(film.world.drives)
    for k, vehicle_id in enumerate(fleet.vehicle_ids):
        rows = range(int(fleet.offsets[k]), int(fleet.offsets[k + 1]))
        lines = ["terminal_id,time,lon,lat,speed_kmh,heading_deg"]
        lines += [
            f"T-{vehicle_id},{LOCAL.iso(int(fleet.t_ms[i]))},{fleet.lon_deg[i]:.7f},{fleet.lat_deg[i]:.7f},"
            f"{3.6 * fleet.speed_mps[i]:.1f},"
            for i in rows
        ]
        (folder / f"T-{vehicle_id}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _passages(
    film: Film, score: Callable[[str, float], float], camera: Callable[[str], str], others: Candidates
) -> list[dict[str, Any]]:
    plates = {v.vehicle_id: v.plate for v in film.world.vehicles}
    out = []
    for number, shot in enumerate(sorted(film.shots, key=lambda s: (s.t_ms, s.camera_id)), 1):
        faces = []
        for seat, person, value in shot.seen:
            shown = {} if person is None else {person: value}
            if seat.value == "front_passenger":
                shown |= others(number, shot.camera_id, shot.vehicle_id)
            best = sorted(((score(shot.camera_id, s), p) for p, s in shown.items()), reverse=True)[:3]
            candidates = [{"person_id": p, "score": round(s, 4)} for s, p in best if s >= 0.55]
            faces.append({"seat": seat.value, "quality": 0.7, "candidates": candidates})
        out.append({
            "passage_id": f"K{number}", "camera_id": camera(shot.camera_id), "shot_time": LOCAL.iso(shot.t_ms),
            "plate": plates[shot.vehicle_id], "plate_score": 0.95, "faces": faces,
        })  # fmt: skip
    return out
