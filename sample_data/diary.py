"""One car's day, written as one would tell it: drive there, give a lesson, have lunch, drive home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sample_data.city import City
from sample_data.driving import Motion, Traffic, drive, drive_streets, one_after_another, standing
from sample_data.paths import Pose, arc
from sample_data.streets import Node
from sample_data.yard import OnTheYard, lesson, nudges

Span = tuple[float, float]


def clock_s(text: str) -> float:
    """Return a wall time as s from local midnight; hours past 24 are the next day's.

    >>> clock_s("24:20")
    87600.0
    """
    hours, minutes = text.split(":")
    return int(hours) * 3600.0 + int(minutes) * 60.0


@dataclass(frozen=True, slots=True)
class Car:
    """A registered car and the terminal in it."""

    vehicle_id: str
    plate: str
    use: str
    school_id: str
    site_id: str
    feed: str
    instructor_id: str

    @property
    def terminal_id(self) -> str:
        """The terminal's name in its feed."""
        return f"T{self.vehicle_id}"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A row of sessions.csv before it gets its number."""

    vehicle_id: str
    instructor_id: str
    trainee_id: str
    part: int
    zone_id: str
    start_s: float
    end_s: float


@dataclass
class Diary:
    """A car's day so far: where it is, what it has driven, when its terminal was silent."""

    city: City
    car: Car
    rng: np.random.Generator
    t_s: float
    place: str
    pose: Pose
    parts: list[Motion] = field(default_factory=list)
    silent: list[Span] = field(default_factory=list)
    drifting: list[Span] = field(default_factory=list)
    sessions: list[SessionRow] = field(default_factory=list)
    arrived_by: Node = ""

    @staticmethod
    def begin(city: City, car: Car, rng: np.random.Generator, clock: str, place: str) -> Diary:
        """Start a day parked somewhere."""
        x, y = city.places[place].access[-1]
        pose = city.yards[place].entry if place in city.yards else Pose(x, y, 0.0)
        return Diary(city, car, rng, clock_s(clock) + float(rng.integers(0, 120)), place, pose)

    def motion(self) -> Motion:
        """Return the whole day; times are s from local midnight."""
        whole = one_after_another([replace(m) for m in self.parts])
        return whole.shifted(self.t_s - whole.duration_s)

    def _add(self, motion: Motion, pose: Pose) -> Span:
        start = self.t_s
        self.parts.append(motion)
        self.t_s += motion.duration_s
        self.pose = pose
        return start, self.t_s

    def stand(self, minutes: float) -> Span:
        """Stand where it is."""
        return self._add(standing(self.pose, minutes * 60.0), self.pose)

    def until(self, clock: str, drift: bool = False, off: bool = False) -> Span:
        """Stand until a wall time; `drift`: the position wanders; `off`: the terminal sleeps with the engine."""
        span = self.stand(max(clock_s(clock) - self.t_s + float(self.rng.integers(0, 90)), 30.0) / 60.0)
        if drift:
            self.drifting.append(span)
        if off:
            self.silent.append((span[0] + 180.0, span[1] - 60.0))
        return span

    def go(self, place: str, traffic: Traffic | None = None, via: Sequence[Node] = ()) -> Span:
        """Drive to a place, by the quickest way or along given nodes."""
        goal, nodes = self.city.places[place], self._first_nodes()
        for node in [*via, goal.node]:
            if node in self.city.streets.links[nodes[-1]]:
                nodes.append(node)
            elif node != nodes[-1]:
                nodes += self.city.streets.way(nodes[-1], node, coming_from=nodes[-2] if len(nodes) > 1 else None)[1:]
        return self._drive(nodes, place, traffic or Traffic(), goal.access).span

    def _first_nodes(self) -> list[Node]:
        if self.place in self.city.routes:
            return [self.arrived_by, self.place_node()]
        return [self.place_node()]

    def place_node(self) -> Node:
        """The node the car's place is reached from."""
        if self.place in self.city.routes:
            return self.city.routes[self.place].nodes[0]
        return self.city.places[self.place].node

    def join_route(self, route: str, traffic: Traffic | None = None) -> Span:
        """Drive to where a route is joined, arriving in its direction."""
        loop = self.city.routes[route].nodes
        way = self.city.streets.way(self.place_node(), loop[-2], avoid=[(loop[0], loop[-2])])
        return self._drive([*way, loop[0]], route, traffic or Traffic(), ()).span

    def along(self, nodes: Sequence[Node], traffic: Traffic | None = None) -> DroveAlong:
        """Drive along nodes that begin and end where the route is joined."""
        return self._drive([self.arrived_by, *nodes], self.place, traffic or Traffic(pace=0.78), ())

    def _drive(
        self, nodes: list[Node], place: str, traffic: Traffic, after: Sequence[tuple[float, float]]
    ) -> DroveAlong:
        on_road = self.place in self.city.routes
        before: list[tuple[float, float]] = []
        if not on_road:
            back = self.city.places[self.place].access[:-1][::-1]
            before = [(self.pose.x_m, self.pose.y_m), *back]
        drove = drive_streets(self.city.streets, nodes, self.rng, traffic, before, after, int(on_road))
        start = self.t_s
        span = self._add(drove.motion, drove.end)
        self.place, self.arrived_by = place, nodes[-2] if len(nodes) > 1 else ""
        return DroveAlong(span, [start + p for p in drove.passed_s])

    def train(self, ground: str, minutes: float) -> Span:
        """Give a lesson on the yard where the car stands."""
        self.place = ground
        return self._add(*lesson(self.city.yards[ground], self.pose, minutes, self.rng))

    def nudge(self, minutes: float) -> Span:
        """Stand, and move a few metres now and then."""
        return self._add(*nudges(self.pose, minutes, self.rng))

    def creep(self, metres: float) -> Span:
        """Move up a little, straight ahead."""
        path = arc(self.pose, metres, 0.0)
        return self._add(drive(path, 2.0), path.end)

    def pull_in(self, ground: str) -> Span:
        """Turn round at the gate of a yard, ready for the next lesson."""
        car = OnTheYard(self.city.yards[ground], self.pose, [])
        car.to(self.city.yards[ground].entry)
        return self._add(one_after_another(car.motions), car.pose)

    def declare(self, span: Span, part: int, zone_id: str, trainee: int) -> SessionRow:
        """Declare a session that starts and ends within a minute of the span."""
        slack = self.rng.integers(-40, 60, 2)
        start, end = span[0] + float(slack[0]), span[1] + float(slack[1])
        row = SessionRow(self.car.vehicle_id, self.car.instructor_id, f"T{trainee:06d}", part, zone_id, start, end)
        self.sessions.append(row)
        return row


@dataclass(frozen=True, slots=True)
class DroveAlong:
    """When a drive took place, and when it passed each of its nodes (s from local midnight)."""

    span: Span
    passed_s: list[float]
