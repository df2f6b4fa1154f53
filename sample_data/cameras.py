"""What the sample city's cameras saw: every car as it truly drove, with clocks that are off, misread plates, and faces.

A matcher as real ones are: genuine scores about 0.82, better with better light; one face in forty is taken for somebody
else of the list, just above the threshold; who is not on the list is shown as nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from sample_data.city import City
from sample_data.diary import Diary, SessionRow, Span, clock_s
from sample_data.driving import Motion
from sample_data.labels import Labels, iso
from sample_data.streets import Plane

THRESHOLD = 0.55
CROSSINGS = (
    "+0+0", "-2-1", "+2+1", "-3+1", "+1-1", "-1+1", "+0-3", "+3+2",
    "-4+0", "-1+2", "-2+3", "-4+3", "-5+1", "+3-3", "+4-1", "+1-2", "+3-2", "+0-2",
)  # fmt: skip
CLOCKS_S = {"K03": 143.0, "K11": -221.0}
"""Two clocks are minutes off; the others some seconds."""
READ, MISREAD = 0.93, 0.03
ALIKE = {"8": "B", "0": "D", "5": "S", "2": "Z", "6": "G", "1": "7"}
STRANGERS = 400
SUBSTITUTE = ("V0005", "P00041")
"""In V0005's road lesson another instructor of the school sits beside the trainee."""
OFFICER = ("V0009", "P00071")
"""In V0009's road lesson on R01 an exam safety officer does."""
LOOKALIKES = (("P00002", "P00031", 0.771), ("P00005", "P00049", 0.548))
"""P00002 teaches in V0002; P00031 is an officer on duty in X0001 meanwhile, whom the matcher names beside him."""
CLONE = ("V0004", (("13:20", "-5+1"), ("13:41", "-4+3"), ("14:02", "-5+1"), ("14:19", "-4+0")))
"""While V0004 stands before the mall, somebody else drives with its plate in the west."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is on the list of the matcher."""

    instructors: tuple[tuple[str, str], ...]  # person, school
    officers: tuple[str, ...]

    @property
    def everybody(self) -> list[str]:
        """All persons."""
        return [*(p for p, _ in self.instructors), *self.officers]


def roster(own: Sequence[tuple[str, str]], on_duty: Sequence[str]) -> Roster:
    """Return the instructors of the cars with twelve more of each school, and the officers with six more."""
    more = [(f"P{n:05d}", "SCH01" if n < 53 else "SCH02") for n in range(41, 65)]
    return Roster((*own, *more), (*on_duty, *(f"P{n:05d}" for n in range(71, 77))))


def write_cameras(folder: FilePath, city: City) -> dict[str, tuple[float, float]]:
    """Write cameras.geojson; return where each stands, in metres of the plane."""
    nodes = {f"K{k:02d}": city.streets.at[n] for k, n in enumerate(CROSSINGS, 1)}
    features = []
    for camera_id, (x_m, y_m) in nodes.items():
        lon, lat = Plane().degrees(np.array([x_m]), np.array([y_m]))
        at = [round(float(lon[0]), 7), round(float(lat[0]), 7)]
        point = {"type": "Point", "coordinates": at}
        features.append({"type": "Feature", "properties": {"camera_id": camera_id}, "geometry": point})
    lines = ",\n".join(json.dumps(f) for f in features)
    text = '{"type": "FeatureCollection", "features": [\n' + lines + "\n]}\n"
    (folder / "cameras.geojson").write_text(text, encoding="utf-8", newline="\n")
    return {c: (float(x), float(y)) for c, (x, y) in nodes.items()}


def write_passages(
    folder: FilePath, city: City, diaries: Sequence[Diary], people: Roster, labels: Labels, rng: np.random.Generator
) -> None:
    """Write cameras, look-alikes and passages.ndjson, and label what they show."""
    cameras = write_cameras(folder, city)
    pairs = "".join(f"{a},{b},{score}\n" for a, b, score in LOOKALIKES)
    (folder / "lookalikes.csv").write_text("person_id_a,person_id_b,score\n" + pairs, encoding="utf-8", newline="\n")
    matcher = Matcher(people, rng)
    rows = [row for d in diaries for row in _of_car(d, cameras, matcher)]
    rows += [*_clone(diaries, labels), *_strangers(matcher, sorted(cameras))]
    off = {c: CLOCKS_S.get(c, float(rng.normal(0.0, 3.0))) for c in cameras}
    told = sorted((t_s + off[c], c, plate, faces) for t_s, c, plate, faces in rows)
    lines = [json.dumps(_record(k, row, rng), ensure_ascii=False) for k, row in enumerate(told, 1)]
    (folder / "passages.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    _label_people(diaries, told, labels, off)


Row = tuple[float, str, str, list[dict[str, Any]]]


@dataclass
class Matcher:
    """The face matcher: what it shows of somebody who sits there, or of nobody on the list."""

    people: Roster
    rng: np.random.Generator

    def face(self, seat: str, who: str | None, beside: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return a face; `beside` are look-alikes whom it names as well."""
        quality = float(np.clip(self.rng.normal(0.74, 0.14), 0.3, 0.98))
        found = {}
        if who is not None:
            found[who] = 0.82 + 0.25 * (quality - 0.74) + float(self.rng.normal(0.0, 0.06))
        found |= {p: found[who] - float(self.rng.uniform(0.01, 0.05)) for p in beside if who is not None}
        if self.rng.random() < 0.025:
            some = self.people.everybody
            found.setdefault(some[int(self.rng.integers(len(some)))], THRESHOLD + float(self.rng.exponential(0.02)))
        shown = sorted(((s, p) for p, s in found.items() if s >= THRESHOLD), reverse=True)[:3]
        named = [{"person_id": p, "score": round(min(s, 0.99), 3)} for s, p in shown]
        return {"seat": seat, "quality": round(quality, 2), "candidates": named}


def _of_car(d: Diary, cameras: dict[str, tuple[float, float]], matcher: Matcher) -> Iterator[Row]:
    """Yield the passages of a car: in a road session the trainee drives, else the instructor, alone."""
    rng, motion = matcher.rng, d.motion()
    for camera_id, spot in cameras.items():
        for t_s in _times_at(motion, spot):
            if rng.random() > READ:
                continue
            plate = _misread(d.car.plate, rng) if rng.random() < MISREAD else d.car.plate
            yield t_s, camera_id, plate, [f for f in _faces(d, t_s, matcher) if rng.random() < 0.85]


def _faces(d: Diary, t_s: float, matcher: Matcher) -> list[dict[str, Any]]:
    lesson = _road_session(d, t_s)
    if lesson is None or d.car.use != "training":
        return [matcher.face("driver", d.car.instructor_id)]
    beside = tuple(b for a, b, s in LOOKALIKES if a == lesson.instructor_id and s > 0.7)
    teaches = _who_teaches(lesson)
    return [
        matcher.face("driver", None),
        matcher.face("front_passenger", teaches, beside if teaches == lesson.instructor_id else ()),
    ]


def _road_session(d: Diary, t_s: float) -> SessionRow | None:
    return next((s for s in d.sessions if s.part == 3 and s.start_s <= t_s < s.end_s), None)


def _who_teaches(lesson: SessionRow) -> str:
    if lesson.vehicle_id == SUBSTITUTE[0] and lesson.zone_id == "R02":
        return SUBSTITUTE[1]
    if lesson.vehicle_id == OFFICER[0] and lesson.zone_id == "R01":
        return OFFICER[1]
    return lesson.instructor_id


def _clone(diaries: Sequence[Diary], labels: Labels) -> Iterator[Row]:
    vehicle_id, where = CLONE
    plate = next(d.car.plate for d in diaries if d.car.vehicle_id == vehicle_id)
    for clock, crossing in where:
        yield clock_s(clock), f"K{CROSSINGS.index(crossing) + 1:02d}", plate, []
    labels.guilty("plate-conflict", vehicle_id, (clock_s(where[0][0]), clock_s(where[-1][0]) + 1))


def _strangers(matcher: Matcher, cameras: Sequence[str]) -> Iterator[Row]:
    rng = matcher.rng
    for _ in range(STRANGERS):
        plate = "豫Y" + "".join(str(rng.integers(0, 10)) for _ in range(5))
        who = matcher.people.everybody[int(rng.integers(30))] if rng.random() < 0.1 else None
        camera_id = cameras[int(rng.integers(len(cameras)))]
        yield float(rng.integers(7 * 3600, 19 * 3600)), camera_id, plate, [matcher.face("driver", who)]


def _misread(plate: str, rng: np.random.Generator) -> str:
    """Return a plate with one digit read as a letter that looks like it; without such a digit the suffix is lost."""
    places = [k for k, c in enumerate(plate) if c in ALIKE]
    if not places:
        return plate[:-1]
    k = places[int(rng.integers(len(places)))]
    return plate[:k] + ALIKE[plate[k]] + plate[k + 1 :]


def _times_at(motion: Motion, spot: tuple[float, float]) -> list[float]:
    """Return when a car passed a spot: the nearest moment of each approach within 25 m."""
    gap = np.hypot(motion.x_m - spot[0], motion.y_m - spot[1])
    near = np.flatnonzero(gap < 25.0)
    groups = np.split(near, np.flatnonzero(np.diff(near) > 60) + 1)
    return [float(motion.t_s[g[int(np.argmin(gap[g]))]]) for g in groups if len(g)]


def _record(k: int, row: Row, rng: np.random.Generator) -> dict[str, Any]:
    t_s, camera_id, plate, faces = row
    score = round(float(rng.uniform(0.9, 0.999)), 3)
    return {
        "passage_id": f"Q{k:06d}", "camera_id": camera_id, "shot_time": iso(t_s), "plate": plate,
        "plate_score": score, "faces": faces,
    }  # fmt: skip


def _label_people(diaries: Sequence[Diary], told: Sequence[Row], labels: Labels, off: dict[str, float]) -> None:
    """Label the two lessons in which somebody else sat there, with how many cameras saw it."""
    wrong = ((*SUBSTITUTE, "R02", "instructor-substitution"), (*OFFICER, "R01", "safety-officer-instructing"))
    for vehicle_id, person, zone_id, rule in wrong:
        diary = next(d for d in diaries if d.car.vehicle_id == vehicle_id)
        lesson = next(s for s in diary.sessions if s.part == 3 and s.zone_id == zone_id)
        span: Span = (lesson.start_s, lesson.end_s)
        seen = {
            c
            for t_s, c, plate, faces in told
            if plate == diary.car.plate and span[0] <= t_s - off[c] < span[1]
            if any(f["candidates"] and f["candidates"][0]["person_id"] == person for f in faces)
        }
        labels.guilty(rule, vehicle_id, span, ("off-zone-training",), person_id=person, cameras=len(seen))
