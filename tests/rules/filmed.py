"""Cameras on the roads of the tests' city, and what they shoot of the cars that drive there.

The instructors' faces are drawn from one matcher (genuine scores about 0.82, its threshold 0.55), so that the night's
model is learnt as in a real night: from eight other lessons, without labels.

    C1 .. C8 stand on R1, in its order; D1 .. D8 on R2
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from audit.analysis import analyse, observe
from audit.camera_night import camera_night, steps_of
from audit.crew_night import MatcherScale
from audit.day import Doubts
from audit.engine import vehicle_day
from audit.lessons import find_lessons
from audit.night import presences
from audit.registry import Rule, load_rules
from audit.witness import Witnesses
from checkpoints.camera_passes import Sites, camera_passes
from checkpoints.passage import Candidate, Face, Passage, Seat
from checkpoints.plates import PlateBook
from tests.rules.world import DATE, DAY, OTHER_ROUTE, ROUTE, Drive, Point, World, fleet_of, session, vehicle
from trajectories.recipe import Recipe
from zones.register import Role, StaffRole, Vehicle

ON_THE_ROUND = ((650, 500), (950, 500), (1250, 500), (1400, 700), (1250, 1100), (950, 1100), (650, 1100), (500, 900))
CAMERAS: dict[str, Point] = {
    **{f"C{i}": (float(east), float(north)) for i, (east, north) in enumerate(ON_THE_ROUND, 1)},
    **{f"D{i}": (east + 2500.0, north + 500.0) for i, (east, north) in enumerate(ON_THE_ROUND, 1)},
}
TEACHERS = tuple(f"A{i:02d}" for i in range(1, 61))
OTHERS = tuple(f"B{i:02d}" for i in range(1, 61))
OFFICERS = tuple(f"O{i:02d}" for i in range(1, 9))
STAFF = (
    *(StaffRole(p, Role.INSTRUCTOR, "S1", None) for p in TEACHERS),
    *(StaffRole(p, Role.INSTRUCTOR, "S2", None) for p in OTHERS),
    *(StaffRole(p, Role.SAFETY_OFFICER, None, "X1") for p in OFFICERS),
)
SCALE = MatcherScale(0.55, 3, (0.0, 1.0))


def plate(number: int) -> str:
    """Plates of which no two can be taken for one another."""
    return f"沪A{number:02d}{(number * 37) % 89 + 10}学"


def car(vehicle_id: str, number: int, **more: Any) -> Vehicle:
    return replace(vehicle(vehicle_id, **more), plate=plate(number))


@dataclass(frozen=True)
class Shot:
    """One record of a camera: who is shown in which seat, with what score. `off_s`: what its clock shows too much."""

    camera_id: str
    t_ms: int
    vehicle_id: str
    seen: Sequence[tuple[Seat, str | None, float]] = ()
    read_as: str | None = None
    off_s: float = 0.0


@dataclass(frozen=True)
class Film:
    """What is shot of a world's cars, and who is enrolled."""

    world: World
    shots: Sequence[Shot]
    staff: Sequence[StaffRole] = STAFF
    cameras: Mapping[str, Point] = field(default_factory=lambda: CAMERAS)
    lookalikes: Mapping[frozenset[str], float] | None = field(default_factory=dict)
    plate_doubt: str | None = None
    crew_doubt: str | None = None

    def watched(self, rules: Sequence[Rule] | None = None) -> World:
        """The world with what the real last pass makes of the shots."""
        rules = load_rules() if rules is None else rules
        world = replace(self.world, witnesses=self.witnesses())
        assert world.motion is not None
        facts, ids = world.facts, sorted(v.vehicle_id for v in world.vehicles)
        motion = world.motion
        passes = camera_passes(steps_of(motion), facts.witnesses.sites, 60_000)
        number = np.array([ids.index(v) for v in motion.fleet.vehicle_ids], np.int32)
        passes = replace(passes, vehicle_ix=number[passes.vehicle_ix])
        analysis = analyse(motion, world.places, DAY, Recipe())
        days = {v: vehicle_day(analysis, k, facts, v) for k, v in enumerate(motion.fleet.vehicle_ids)}
        lessons = {v: found for v, day in days.items() if (found := find_lessons(day))}

        def again(cars: Any) -> Iterator[Any]:
            yield observe(fleet_of({v: d for v, d in world.drives.items() if v in cars}), world.places, Recipe())

        heard = presences(motion.fleet, Recipe().gap_ms, facts.feeds)
        told = camera_night(passes, facts, heard, lessons, rules, again)
        return replace(world, night=replace(world.night, cameras=told.night))

    def witnesses(self) -> Witnesses:
        east, north = (np.array([p[i] for p in self.cameras.values()], float) for i in (0, 1))
        return Witnesses(
            sites=Sites(tuple(self.cameras), east, north),
            passages=tuple(self._passages()),
            n_read=len(self.shots),
            staff=tuple(s for s in self.staff if s.holds_on(DATE)),
            scale=SCALE,
            lookalikes=self.lookalikes,
            plate_doubt=self.plate_doubt,
            crew_doubt=self.crew_doubt,
        )

    def _passages(self) -> Iterator[Passage]:
        known = {v.vehicle_id: v.plate for v in self.world.vehicles}
        book = PlateBook.build([(v.vehicle_id, v.plate, v.plate_class) for v in self.world.vehicles])
        for row, s in enumerate(sorted(self.shots, key=lambda s: (s.t_ms, s.camera_id)), 1):
            read = s.read_as or known[s.vehicle_id]
            exact, near = book.exact(read), book.near(read)
            if exact is not None or near:
                shot_ms = s.t_ms + round(1000 * s.off_s)
                faces = tuple(_face(*one) for one in s.seen)
                yield Passage(f"K{row}", s.camera_id, shot_ms, exact, near, 0.95, None, faces, "passages.ndjson", row)


def _face(seat: Seat, person: str | None, score: float) -> Face:
    return Face(seat, 0.7, () if person is None else (Candidate(person, score),))


def drives_past(drive: Drive, camera: Point) -> list[int]:
    """When a drive truly passes a point within 20 m, ms UTC."""
    s, east, north = np.array(drive.way).T
    t = np.arange(s[0], s[-1], 1.0)
    away = np.hypot(np.interp(t, s, east) - camera[0], np.interp(t, s, north) - camera[1])
    near = np.flatnonzero(away < 20.0)
    groups = np.split(near, np.flatnonzero(np.diff(near) > 1) + 1) if len(near) else []
    return [int(1000 * t[g[np.argmin(away[g])]]) for g in groups]


def shots_of(vehicle_id: str, drive: Drive, instructor: str | None, seed: int, score: float = 0.82) -> list[Shot]:
    """Every camera shoots every drive past it, the trainee at the wheel and `instructor` beside."""
    random, out = np.random.default_rng(seed), []
    for camera_id, point in CAMERAS.items():
        for t_ms in drives_past(drive, point):
            drawn = float(np.clip(random.normal(score, 0.06), 0.56, 0.99))
            seen = [(Seat.DRIVER, None, 0.0), (Seat.FRONT_PASSENGER, instructor, drawn)]
            out.append(Shot(camera_id, t_ms + int(random.integers(-1000, 1000)), vehicle_id, seen))
    return out


def road_lesson(start: str, rounds: int, seed: int, line: Sequence[Point] = ROUTE) -> Drive:
    """A lesson on a route, each round at a pace of its own."""
    return Drive(start, line[0], every_s=10, seed=seed).drive_round(line, rounds)


@cache
def crowd() -> Film:
    """Eight lessons in which everybody is who was declared: what the night's model is learnt from."""
    drives, sessions, vehicles, shots = {}, [], [car("V1", 1), car("V2", 2)], []
    for n in range(8):
        school, zone, line = ("S1", "R1", ROUTE) if n % 2 == 0 else ("S2", "R2", OTHER_ROUTE)
        vehicle_id, person = f"V{n + 10}", (TEACHERS if school == "S1" else OTHERS)[n // 2]
        drive = drives[vehicle_id] = road_lesson(f"{6 + n // 2}:00", 3, n + 20, line)
        more = {"session_id": f"K{n + 10}", "vehicle_id": vehicle_id, "instructor_id": person, "trainee_id": f"L{n}"}
        sessions.append(session(f"{6 + n // 2}:00", f"{6 + n // 2}:25", zone, 3, **more))
        vehicles.append(car(vehicle_id, n + 10, school=school))
        shots += shots_of(vehicle_id, drive, person, n + 40)
    return Film(World(drives, sessions, vehicles=vehicles, doubts=Doubts()), shots)


def joined(drive: Drive, shots: Sequence[Shot], sessions: Sequence[Any] = (), **more: Any) -> Film:
    """The crowd with V1 beside it."""
    base = crowd()
    world = replace(base.world, drives={**base.world.drives, "V1": drive}, sessions=[*base.world.sessions, *sessions])
    return replace(base, world=world, shots=[*base.shots, *shots], **more)


def taught_by(person: str | None, declared: str | None = "A01", score: float = 0.82, **more: Any) -> Film:
    """V1's lesson on R1 from 12:00 to 12:25: who is declared, and who is seen beside the trainee by eight cameras."""
    drive = road_lesson("12:00", 3, 99)
    told = [session("12:00", "12:25", "R1", 3, instructor_id=declared)] if declared else []
    return joined(drive, shots_of("V1", drive, person, 98, score), told, **more)
