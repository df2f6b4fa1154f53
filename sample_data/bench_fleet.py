"""Writes a large fleet for measuring: `python -m sample_data.bench_fleet N OUT [--seed 1] [--datum wgs84]`.

N coach cars, eight hours, a fix every 5 s, one `parquet` feed. Some 60 pieces of driving are simulated once in the
sample city; each car's day is put together from them in its own district, with its own pauses, pace and GPS error.
Most cars are honest; about 2 % give one lesson on an empty lot (labels beside the bundle, as OUT.truth.json).
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from geo.datum import Datum, from_wgs84
from sample_data.cast import rng_of
from sample_data.city import APPROVALS, City, build_city
from sample_data.diary import Car, Diary
from sample_data.driving import Motion, one_after_another, standing
from sample_data.episodes import TEACHING
from sample_data.feeds_out import EPOCH_S
from sample_data.gps import error_m
from sample_data.labels import OFF_ZONE_ALLOWS, Labels, iso
from sample_data.paths import F8, Pose
from sample_data.records import features_of, text_csv, write_collection
from sample_data.streets import Plane
from sample_data.yard import EXERCISES, OnTheYard, exercise

CARS_A_DISTRICT = 50  # also the cars of a row group
DISTRICT_KM = 9.0
DISTRICTS_A_ROW = 8
STARTS_S, HOURS, STEP_S = 8 * 3600, 8, 5
LESSON_S = (62 * 60.0, 85 * 60.0)
LAST_LESSON_STARTS_S = 6.4 * 3600.0
LOT_SHARE = 0.02
PACE_BLOCK_S, PACES = 90.0, (0.75, 1.25)
HALT_S, HALT_SHARE = 20.0, 0.6  # mean length; of the minutes and a half, so many end with one

GROUNDS = {"SCH01": ("G01", "G02"), "SCH02": ("G01", "G03")}
ROUTES = {"SCH01": ("R01", "R02"), "SCH02": ("R02",)}
HOMES = {"SCH01": "school-1", "SCH02": "school-2"}

BUNDLE_TOML = """\
schema = 1
name = "bench"
timezone = "Asia/Shanghai"
datum = "wgs84"

[feeds.fleet]
format = "parquet"
datum = "{datum}"
"""


@dataclass(frozen=True)
class Library:
    """Pieces that fit together: yard blocks from gate pose to gate pose, laps, and ways from anywhere to anywhere."""

    blocks: dict[str, list[Motion]]
    laps: dict[str, list[Motion]]
    ways: dict[tuple[str, str], Motion]


def build_library(city: City, rng: np.random.Generator) -> Library:
    """Simulate the pieces once."""
    blocks = {yard: [_block(city, yard, k, rng) for k in range(6)] for yard in ("G01", "G02", "G03", "lot")}
    laps: dict[str, list[Motion]] = {}
    for route in ("R01", "R02"):
        d = _anyone(city, "canteen", rng)
        d.join_route(route)
        for _ in range(4):
            d.along(list(city.routes[route].nodes), TEACHING)
        laps[route] = d.parts[-4:]
    spots = ["school-1", "school-2", "canteen", "mall", "G01", "G02", "G03", "lot", "R01", "R02"]
    ways = {(a, b): _way(city, a, b, rng) for a in spots for b in spots if a != b}
    return Library(blocks, laps, ways)


def _anyone(city: City, place: str, rng: np.random.Generator) -> Diary:
    return Diary.begin(city, Car("", "", "", "", "", "", ""), rng, "8:00", place)


def _block(city: City, yard: str, k: int, rng: np.random.Generator) -> Motion:
    """Return a few attempts at one exercise, from the gate and back to it."""
    car = OnTheYard(city.yards[yard], city.yards[yard].entry, [])
    kind = [*EXERCISES, "round"][k % 6]
    exercise(car, kind, int(rng.integers(3, 7)), rng)
    car.to(city.yards[yard].entry)
    return one_after_another(car.motions)


def _way(city: City, start: str, end: str, rng: np.random.Generator) -> Motion:
    d = _anyone(city, "canteen" if start in city.routes else start, rng)
    if start in city.routes:
        d.join_route(start)
        d.parts.clear()
    elif start in city.yards:
        car = OnTheYard(city.yards[start], d.pose, [])
        car.to(city.yards[start].leave)
        d.parts, d.pose = car.motions, car.pose
    if end in city.routes:
        d.join_route(end)
    else:
        d.go(end)
    if end in city.yards:
        d.pull_in(end)
    return one_after_another(d.parts)


def _paced(motion: Motion, rng: np.random.Generator) -> Motion:
    """Return the same way driven anew: slower or quicker every minute and a half, with halts of its own.

    Two real drives along one road differ within a minute; without the halts some cars of the fleet would not.
    """
    step_s = np.diff(motion.t_s, prepend=motion.t_s[0])
    block = ((motion.t_s - motion.t_s[0]) // PACE_BLOCK_S).astype(np.int64)
    pace = rng.uniform(*PACES, int(block[-1]) + 1)[block]
    step_s /= pace
    halts = np.flatnonzero(np.diff(block, prepend=0))
    step_s[halts] += rng.exponential(HALT_S, len(halts)) * (rng.random(len(halts)) < HALT_SHARE)
    return replace(motion, t_s=motion.t_s[0] + np.cumsum(step_s), speed_mps=motion.speed_mps * pace)


@dataclass
class Assembled:
    """One car's day as it is put together; times are s from its start."""

    library: Library
    rng: np.random.Generator
    place: str
    parts: list[Motion]
    t_s: float = 0.0

    def add(self, motion: Motion) -> None:
        """Append a piece."""
        self.parts.append(motion)
        self.t_s += motion.duration_s

    def wait(self, seconds: float) -> None:
        """Stand where it is."""
        last = self.parts[-1]
        pose = Pose(float(last.x_m[-1]), float(last.y_m[-1]), math.radians(90.0 - float(last.course_deg[-1])))
        self.add(standing(pose, seconds))

    def go(self, place: str) -> None:
        """Drive to a place."""
        if place != self.place:
            self.add(_paced(self.library.ways[self.place, place], self.rng))
            self.place = place

    def lesson(self, place: str) -> tuple[float, float]:
        """Give a lesson on a yard or a route."""
        self.go(place)
        self.wait(float(self.rng.uniform(60.0, 240.0)))
        start, until = self.t_s, self.t_s + float(self.rng.uniform(*LESSON_S))
        pieces = self.library.laps.get(place) or self.library.blocks[place]
        while self.t_s < until:
            self.add(_paced(pieces[int(self.rng.integers(len(pieces)))], self.rng))
            self.wait(float(self.rng.uniform(15.0, 90.0)))
        return start, self.t_s


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson given: where, and when (s from the service day's midnight)."""

    place: str
    start_s: float
    end_s: float


def assemble(
    library: Library, city: City, school: str, rogue: bool, rng: np.random.Generator
) -> tuple[Motion, list[Lesson]]:
    """Return a car's day and its lessons; a rogue gives one of them on the lot."""
    x, y = city.places[HOMES[school]].access[-1]
    day = Assembled(library, rng, HOMES[school], [standing(Pose(x, y, 0.0), float(rng.uniform(60.0, 1500.0)))])
    day.t_s = day.parts[0].duration_s
    lessons: list[Lesson] = []
    lot_at = int(rng.integers(0, 3)) if rogue else -1
    while day.t_s < LAST_LESSON_STARTS_S:
        if len(lessons) == 2:
            day.go(("canteen", "mall")[int(rng.integers(2))])
            day.wait(float(rng.uniform(1800.0, 3600.0)))
        places = GROUNDS[school] if rng.random() < 0.65 else ROUTES[school]
        place = "lot" if len(lessons) == lot_at else places[int(rng.integers(len(places)))]
        start, end = day.lesson(place)
        lessons.append(Lesson(place, STARTS_S + start, STARTS_S + end))
    day.go(HOMES[school])
    day.wait(max(HOURS * 3600.0 - day.t_s, 60.0))
    return one_after_another(day.parts), lessons


def sample(motion: Motion, plane: Plane, rng: np.random.Generator) -> dict[str, F8]:
    """Return a fix every 5 s for eight hours."""
    t = np.arange(0.0, HOURS * 3600.0, STEP_S)
    sigma, tau = np.full(len(t), float(rng.uniform(2.0, 3.6))), np.full(len(t), 90.0)
    shift = rng.normal(0.0, 0.8, 2)
    x = np.interp(t, motion.t_s, motion.x_m) + error_m(t, sigma, tau, rng) + shift[0]
    y = np.interp(t, motion.t_s, motion.y_m) + error_m(t, sigma, tau, rng) + shift[1]
    lon, lat = plane.degrees(x, y)
    at = np.maximum(np.searchsorted(motion.t_s, t, side="right") - 1, 0)
    speed = np.maximum(np.interp(t, motion.t_s, motion.speed_mps) * 3.6 + rng.normal(0.0, 0.6, len(t)), 0.0)
    return {"t_s": t + STARTS_S, "lon": lon, "lat": lat, "speed": speed, "heading": motion.course_deg[at]}


def district_plane(k: int) -> Plane:
    """Return the plane of the k-th district; districts lie in rows, side by side."""
    row, column = divmod(k, DISTRICTS_A_ROW)
    return Plane(113.0 + column * DISTRICT_KM / 91.4, 34.2 + row * DISTRICT_KM / 110.9)


SCHEMA = pa.schema(
    [
        ("terminal_id", pa.string()), ("time", pa.timestamp("ms", tz="UTC")), ("lon", pa.float64()),
        ("lat", pa.float64()), ("speed_kmh", pa.float32()), ("heading_deg", pa.float32()),
    ]
)  # fmt: skip


def table_of(terminals: list[str], columns: list[dict[str, F8]], datum: Datum) -> pa.Table:
    """Return one row group: the fixes of some terminals, terminal by terminal, in time order."""
    whole = {name: np.concatenate([c[name] for c in columns]) for name in columns[0]}
    lon, lat = from_wgs84(whole["lon"], whole["lat"], datum)
    t_ms = (EPOCH_S + whole["t_s"].astype(np.int64)) * 1000
    return pa.table(
        [
            pa.array(np.repeat(terminals, [len(c["t_s"]) for c in columns])),
            pa.array(t_ms, pa.int64()).cast(pa.timestamp("ms", tz="UTC")),
            np.round(lon, 7),
            np.round(lat, 7),
            np.round(whole["speed"], 1).astype(np.float32),
            np.round(whole["heading"]).astype(np.float32) % np.float32(360.0),
        ],
        schema=SCHEMA,
    )


@dataclass(frozen=True, slots=True)
class Given:
    """One car, as it goes into the register, with its lessons and fixes."""

    vehicle_id: str
    school_id: str
    district: int
    lessons: list[Lesson]
    columns: dict[str, F8]


def drive_all(n: int, seed: int) -> Iterator[Given]:
    """Yield the cars in order."""
    city = build_city(rng_of(seed, "city"))
    library = build_library(city, rng_of(seed, "library"))
    rogues = set(rng_of(seed, "rogues").choice(n, max(1, round(n * LOT_SHARE)), replace=False).tolist())
    for k in range(n):
        rng = rng_of(seed, f"car {k}")
        school, district = ("SCH01", "SCH02")[k % 2], k // CARS_A_DISTRICT
        motion, lessons = assemble(library, city, school, k in rogues, rng)
        columns = sample(motion, district_plane(district), rng)
        yield Given(f"B{k + 1:05d}", f"D{district:03d}-{school}", district, lessons, columns)


def make_fleet(n: int, out: FilePath, seed: int, datum: Datum) -> Labels:
    """Write the bundle of n cars; returns the labels."""
    (out / "tracks" / "fleet").mkdir(parents=True, exist_ok=True)
    labels, sessions, cars = Labels(), list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    batch: list[Given] = []
    with pq.ParquetWriter(out / "tracks" / "fleet" / "fixes.parquet", SCHEMA, compression="zstd") as writer:
        for k, car in enumerate(drive_all(n, seed), 1):
            batch.append(car)
            cars.append(
                (
                    car.vehicle_id,
                    f"豫Y{k:04d}学",
                    16,
                    "training",
                    car.school_id,
                    "",
                    "C1",
                    "fleet",
                    f"T{car.vehicle_id}",
                )
            )
            sessions += _declared(car, labels, len(sessions))
            if len(batch) == CARS_A_DISTRICT or k == n:
                writer.write_table(table_of([f"T{c.vehicle_id}" for c in batch], [c.columns for c in batch], datum))
                batch = []
    _write_register(out, n, datum, cars, sessions, seed)
    text = json.dumps(labels.document(n), ensure_ascii=False, indent=1) + "\n"
    out.with_name(out.name + ".truth.json").write_text(text, encoding="utf-8", newline="\n")
    return labels


def _declared(car: Given, labels: Labels, known: int) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for lesson in car.lessons:
        if lesson.place == "lot":
            labels.guilty("off-zone-training", car.vehicle_id, (lesson.start_s, lesson.end_s), OFF_ZONE_ALLOWS)
            continue
        number = known + len(rows) + 1
        part, zone_id = (3 if lesson.place.startswith("R") else 2), f"D{car.district:03d}-{lesson.place}"
        instructor, trainee = f"P{car.vehicle_id[1:]}", f"T{number:06d}"
        rows.append(
            (
                f"S{number:06d}",
                car.vehicle_id,
                instructor,
                trainee,
                part,
                zone_id,
                iso(lesson.start_s),
                iso(lesson.end_s),
            )
        )
    return rows


def _write_register(
    out: FilePath, n: int, datum: Datum, cars: list[tuple[Any, ...]], sessions: list[tuple[Any, ...]], seed: int
) -> None:
    districts = range(math.ceil(n / CARS_A_DISTRICT))
    city = build_city(rng_of(seed, "city"))
    features, schools, hours = [], list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for k in districts:
        prefix = f"D{k:03d}-"
        schools += [(prefix + s, f"第{k + 1}区{s}", "419900") for s in HOMES]
        for a in APPROVALS:
            theirs = tuple(prefix + s for s in a.school_ids)
            moved = replace(a, zone_id=prefix + a.zone_id, school_ids=theirs)
            features += features_of([(moved, city.shapes[a.zone_id])], district_plane(k))
            hours.append((moved.zone_id, "1-7", "07:00", "22:00", "2025-01-01", ""))
    staff = [(f"P{str(c[0])[1:]}", "instructor", c[4], "", "2024-01-01", "") for c in cars]
    tables: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
        "schools.csv": ("school_id,name,district", schools),
        "vehicles.csv": ("vehicle_id,plate,plate_class,use,school_id,site_id,vehicle_class,provider,terminal_id", cars),
        "staff.csv": ("person_id,role,school_id,site_id,valid_from,valid_to", staff),
        "schedules.csv": ("zone_id,weekdays,start,end,valid_from,valid_to", hours),
        "sessions.csv": ("session_id,vehicle_id,instructor_id,trainee_id,part,zone_id,start,end", sessions),
        "exams.csv": ("exam_id,vehicle_id,officer_id,site_id,start,end", []),
    }
    for name, (header, rows) in tables.items():
        (out / name).write_text(text_csv(header, rows), encoding="utf-8", newline="\n")
    (out / "bundle.toml").write_text(BUNDLE_TOML.format(datum=datum.value), encoding="utf-8", newline="\n")
    write_collection(out / "zones.geojson", features)
    write_collection(out / "cameras.geojson", [])
    (out / "passages.ndjson").write_text("", encoding="utf-8")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Write a large fleet for measuring.")
    parser.add_argument("n", type=int, metavar="N")
    parser.add_argument("out", type=FilePath, metavar="OUT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--datum", type=Datum.parse, default=Datum.WGS84, help="datum the positions are written in")
    arguments = parser.parse_args()
    labels = make_fleet(arguments.n, arguments.out, arguments.seed, arguments.datum)
    print(f"{arguments.out}: {arguments.n} vehicles, {len(labels.truth)} labels")


if __name__ == "__main__":
    main()
