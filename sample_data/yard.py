"""Yard training: the manoeuvres of the field test driven with a bicycle model, tried again and again, with pauses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from shapely import LineString, Polygon, prepare

from sample_data.driving import Motion, drive, one_after_another, standing
from sample_data.paths import TURN_RADIUS_M, Path, Pose, arc, arcs, dubins, joined

Pieces = list[tuple[float, float]]

FORWARD_MPS = 9 / 3.6
REVERSE_MPS = 3.2 / 3.6
LAP_MPS = 14 / 3.6
QUARTER = math.pi / 2.0


@dataclass(frozen=True)
class Yard:
    """A yard: where a car can drive, where each exercise starts, and poses of the way round."""

    drivable: Polygon
    entry: Pose  # just inside the gate, nose inwards
    leave: Pose  # just inside the gate, nose outwards
    stations: dict[str, Pose]
    round_way: tuple[Pose, ...]

    def __post_init__(self) -> None:
        """Make containment quick."""
        prepare(self.drivable)

    def connect(self, start: Pose, end: Pose) -> Path:
        """Return a forward way from pose to pose that stays on the yard, by the way round if need be."""
        for path in dubins(start, end):
            if self.holds(path):
                return path
        found = []
        for via in self.round_way:
            for first in dubins(start, via)[:2]:
                for second in dubins(via, end)[:2]:
                    if self.holds(first) and self.holds(second):
                        found.append(joined(first, second))  # noqa: PERF401 - three loops read better than one line
        if not found:
            raise ValueError(f"no way on the yard from {start} to {end}")
        return min(found, key=lambda p: p.length_m)

    def holds(self, path: Path) -> bool:
        """Whether a path stays on the yard."""
        return bool(self.drivable.contains(LineString(np.column_stack([path.x_m, path.y_m]))))


def make_yard(drivable: Polygon, frame: Pose, size_m: tuple[float, float], pad_m: tuple[float, float]) -> Yard:
    """Return a yard of a size around a frame's origin, its gate on the southern side.

    `size_m` is the outer size, for the way round; `pad_m` is where the exercises' corner lies in the frame.
    """
    w, h = size_m[0] / 2.0 - 9.0, size_m[1] / 2.0 - 9.0
    px, py = pad_m
    stations = {
        "bay": frame.ahead(px + 8.0, py + 24.0),
        "parallel": frame.ahead(px + 40.0, py + 18.0),
        "s_curve": frame.ahead(px + 6.0, py + 38.0),
        "right_angle": frame.ahead(px + 44.0, py + 34.0),
        "hill": frame.ahead(px + 60.0, py + 50.0, math.pi),
    }
    corners = ((w, -h, QUARTER), (w, h, math.pi), (-w, h, -QUARTER), (-w, -h, 0.0))
    sides = ((w, 0.0, QUARTER), (0.0, h, math.pi), (-w, 0.0, -QUARTER), (0.0, -h, 0.0))
    # set back from the corner, so that the bend itself lies between two poses
    ring = [frame.ahead(x, y, a).moved(d, 0.0) for x, y, a in corners for d in (8.0,)]
    ring = [p for pair in zip([frame.ahead(*s) for s in sides], ring[1:] + ring[:1], strict=True) for p in pair]
    gate_y = -size_m[1] / 2.0 + 12.0
    return Yard(drivable, frame.ahead(3.0, gate_y, QUARTER), frame.ahead(-4.0, gate_y, -QUARTER), stations, tuple(ring))


def bay_parking(rng: np.random.Generator) -> Pieces:
    """Reverse into a bay from the right, out to the left, in again from the left, out to the right (倒车入库)."""
    r = TURN_RADIUS_M * float(rng.uniform(1.0, 1.08))
    quarter, deep = r * QUARTER, float(rng.uniform(2.4, 3.6))
    reach, out = float(rng.uniform(14.0, 16.0)), float(rng.uniform(4.0, 6.0))
    return [
        (reach, 0.0), (-quarter, -1 / r), (-deep, 0.0), (deep, 0.0), (quarter, 1 / r), (out, 0.0),
        (-out, 0.0), (-quarter, 1 / r), (-deep, 0.0), (deep, 0.0), (quarter, -1 / r), (out, 0.0),
    ]  # fmt: skip


def parallel_parking(rng: np.random.Generator) -> Pieces:
    """Pass the gap, reverse into it with two opposite locks, pull out again (侧方停车)."""
    r = TURN_RADIUS_M * float(rng.uniform(1.0, 1.08))
    swing = r * math.radians(float(rng.uniform(40.0, 46.0)))
    past = float(rng.uniform(12.0, 14.0))
    return [(past, 0.0), (-swing, -1 / r), (-swing, 1 / r), (swing, 1 / r), (swing, -1 / r), (6.0, 0.0)]


def s_curve(rng: np.random.Generator) -> Pieces:
    """Drive a left and a right bend of some 9 m radius (曲线行驶)."""
    r = float(rng.uniform(8.6, 9.6))
    return [(5.0, 0.0), (r * 1.6, 1 / r), (r * 1.6, -1 / r), (5.0, 0.0)]


def right_angle(rng: np.random.Generator) -> Pieces:
    """Drive a tight corner (直角转弯)."""
    r = float(rng.uniform(5.8, 6.6))
    return [(10.0, 0.0), (r * QUARTER, 1 / r), (8.0, 0.0)]


def hill_start(rng: np.random.Generator) -> Pieces:
    """Drive up, stand on the slope, pull away (坡道定点停车和起步); the stops are made by the caller."""
    return [(float(rng.uniform(24.0, 28.0)), 0.0)]


EXERCISES: dict[str, Callable[[np.random.Generator], Pieces]] = {
    "bay": bay_parking,
    "parallel": parallel_parking,
    "s_curve": s_curve,
    "right_angle": right_angle,
    "hill": hill_start,
}


@dataclass
class OnTheYard:
    """A car on a yard: where it stands now and what it has driven so far."""

    yard: Yard
    pose: Pose
    motions: list[Motion]

    @property
    def seconds(self) -> float:
        """How long it has been at it."""
        return sum(m.duration_s for m in self.motions)

    def pause(self, seconds: float) -> None:
        """Stand and talk."""
        self.motions.append(standing(self.pose, seconds))

    def along(self, path: Path, limit_mps: float, stops: list[tuple[float, float]], gear_s: float = 2.5) -> None:
        """Drive a path; reversing is slower."""
        speed = np.where(path.gear < 0, REVERSE_MPS, limit_mps)
        self.motions.append(drive(path, speed, stops, gear_s))
        self.pose = path.end

    def to(self, goal: Pose) -> None:
        """Drive to a pose."""
        self.along(self.yard.connect(self.pose, goal), FORWARD_MPS, [])

    def attempt(self, kind: str, rng: np.random.Generator) -> None:
        """Make one attempt at an exercise, from its start."""
        base = self.yard.stations[kind]
        self.to(base.ahead(float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.4, 0.4))))
        path = arcs(self.pose, EXERCISES[kind](rng))
        halts = [(0.55 * path.length_m, float(rng.uniform(5.0, 14.0)))] if kind == "hill" else []
        self.along(path, FORWARD_MPS * float(rng.uniform(0.7, 1.0)), halts, float(rng.uniform(2.0, 6.0)))

    def rounds(self, n: int, rng: np.random.Generator) -> None:
        """Drive round the yard."""
        start = min(range(len(self.yard.round_way)), key=self._way_to)
        ring = self.yard.round_way
        path = self.yard.connect(self.pose, ring[start])
        for k in range(start, start + n * len(ring)):
            path = joined(path, self.yard.connect(path.end, ring[(k + 1) % len(ring)]))
        halts = [(float(rng.uniform(0.2, 0.8)) * path.length_m, float(rng.uniform(5.0, 25.0)))]
        self.along(path, LAP_MPS * float(rng.uniform(0.7, 1.05)), halts)

    def _way_to(self, k: int) -> float:
        return self.yard.connect(self.pose, self.yard.round_way[k]).length_m


def exercise(car: OnTheYard, kind: str, times: int, rng: np.random.Generator) -> None:
    """Try one exercise several times, talking in between."""
    for _ in range(times):
        if kind == "round":
            car.rounds(1, rng)
        else:
            car.attempt(kind, rng)
        car.pause(float(rng.uniform(10.0, 60.0)))


def lesson(yard: Yard, start: Pose, minutes: float, rng: np.random.Generator) -> tuple[Motion, Pose]:
    """Return a lesson of about so many minutes, from a pose to the gate (nose outwards)."""
    car = OnTheYard(yard, start, [])
    car.pause(float(rng.uniform(20.0, 60.0)))
    kinds = [*EXERCISES, "round"]
    while car.seconds < minutes * 60.0:
        kind = kinds[int(rng.integers(len(kinds)))]
        for _ in range(int(rng.integers(2, 7))):
            if car.seconds < minutes * 60.0:
                exercise(car, kind, 1, rng)
    car.to(yard.leave)
    return one_after_another(car.motions), car.pose


def nudges(start: Pose, minutes: float, rng: np.random.Generator) -> tuple[Motion, Pose]:
    """Return a car that is meant to look busy: it stands, and every ten minutes or so moves a few metres."""
    out, pose, seconds = [], start, 0.0
    forth = True
    while seconds < minutes * 60.0:
        wait = standing(pose, float(rng.uniform(420.0, 780.0)))
        path = arc(pose, float(rng.uniform(3.0, 6.0)) * (1.0 if forth else -1.0), 0.0)
        hop = drive(path, 1.2)
        out += [wait, hop]
        pose, forth = path.end, not forth
        seconds += wait.duration_s + hop.duration_s
    return one_after_another(out), pose
