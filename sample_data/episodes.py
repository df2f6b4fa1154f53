"""What cars do in a day, in pieces of an hour: lessons, lunches, errands, queues; with the labels they bring."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from sample_data.city import City
from sample_data.diary import Diary, Span
from sample_data.driving import Traffic
from sample_data.labels import Labels
from sample_data.streets import Node, grid_node

JAM = Traffic(jammed=True)
SLOW = Traffic(pace=0.5, red=0.15)
TEACHING = Traffic(pace=0.76)


@dataclass(frozen=True, slots=True)
class Exam:
    """A row of exams.csv before it gets its number."""

    vehicle_id: str
    officer_id: str
    span: Span


@dataclass
class Stage:
    """What the functions below write into."""

    city: City
    labels: Labels
    exams: list[Exam]


def road_lesson(d: Diary, route: str, laps: int, swaps: dict[int, list[Node]] | None = None) -> tuple[Span, list[Span]]:
    """Drive laps of a route with a talk between them; `swaps` replaces the way of some laps.

    Returns the lesson, and for each swapped lap the time between leaving and coming back to the route.
    """
    loop = list(d.city.routes[route].nodes)
    start, end = d.t_s, d.t_s
    away: list[Span] = []
    for lap in range(laps):
        nodes = (swaps or {}).get(lap, loop)
        drove = d.along(nodes, TEACHING)
        strange = [k for k in range(1, len(nodes)) if (nodes[k - 1], nodes[k]) not in _steps(loop)]
        if strange:
            away.append((drove.passed_s[strange[0]], drove.passed_s[strange[-1] + 1]))
        end = d.t_s
        d.stand(float(d.rng.uniform(1.0, 3.0)))
    return (start, end), away


def _steps(nodes: list[Node]) -> set[tuple[Node, Node]]:
    return set(itertools.pairwise(nodes))


def detoured(d: Diary, route: str, leave: Node, back: Node) -> list[Node]:
    """Return a lap that goes round roadworks between two nodes of the route."""
    loop = list(d.city.routes[route].nodes)
    i, j = loop.index(leave), loop.index(back)
    shut = list(_steps(loop[i : j + 1]))
    return [*loop[:i], *d.city.streets.way(leave, back, avoid=shut, coming_from=loop[i - 1]), *loop[j + 1 :]]


def toured(d: Diary, route: str, leave: Node, via: list[Node]) -> list[Node]:
    """Return a lap that leaves the route at a node, tours elsewhere, and comes back to the same node."""
    loop = list(d.city.routes[route].nodes)
    i = loop.index(leave)
    return [*loop[:i], *d.city.streets.way_via([leave, *via, leave]), *loop[i + 1 :]]


def yard_session(d: Diary, ground: str, minutes: float, trainee: int, declared: bool = True) -> Span:
    """Give a lesson on a ground the car stands on, and declare it."""
    span = d.train(ground, minutes)
    if declared:
        d.declare(span, 2, ground, trainee)
    return span


def lunch(d: Diary, s: Stage, place: str, until: str, off: bool = False) -> Span:
    """Have lunch in a car park."""
    d.go(place)
    span = d.until(until, off=off)
    s.labels.innocent("lunch-in-car-park", d.car.vehicle_id, span)
    return span


def circle(d: Diary, s: Stage, place: str, via: list[tuple[int, int]]) -> None:
    """Look for a place to park: slowly round several blocks, then into a gap."""
    span = d.go(place, SLOW, [grid_node(*v) for v in via])
    s.labels.innocent("circling", d.car.vehicle_id, span)


def errands(d: Diary, s: Stage, places: list[str]) -> None:
    """Go here and there, a few minutes each."""
    start = d.t_s
    for place in places:
        d.go(place)
        d.stand(float(d.rng.uniform(4.0, 9.0)))
    s.labels.innocent("errands", d.car.vehicle_id, (start, d.t_s))


def queue(d: Diary, s: Stage) -> None:
    """Queue at a petrol station: one length forward every minute or so."""
    d.go("pump")
    start = d.t_s
    for _ in range(11):
        d.stand(float(d.rng.uniform(0.7, 1.8)))
        d.creep(float(d.rng.uniform(5.5, 7.5)))
    d.stand(5)
    s.labels.innocent("petrol-queue", d.car.vehicle_id, (start, d.t_s))
