"""A made street network: a grid that is not quite one, avenues, a diagonal and a ring, on a local metric plane."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sample_data.paths import F8

ORIGIN_LON_DEG, ORIGIN_LAT_DEG = 113.6, 34.8
HALF = 6  # nodes from -HALF to HALF either way
BLOCK_M = 500.0
JITTER_M = 35.0
LANE_M = 3.0  # traffic keeps to the right of the centre line

AVENUE_MPS, STREET_MPS, LANE_MPS = 50 / 3.6, 40 / 3.6, 25 / 3.6

Node = str


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane in metres, linear in degrees: exact to half a metre within the city, and the same everywhere."""

    lon_deg: float = ORIGIN_LON_DEG
    lat_deg: float = ORIGIN_LAT_DEG

    def degrees(self, x_m: F8, y_m: F8) -> tuple[F8, F8]:
        """Return WGS-84 longitude and latitude of points of the plane."""
        a, e2 = 6378137.0, 0.0066943799901413165
        s, c = math.sin(math.radians(self.lat_deg)), math.cos(math.radians(self.lat_deg))
        w = 1.0 - e2 * s * s
        east_m_per_deg = math.pi / 180.0 * a / math.sqrt(w) * c
        north_m_per_deg = math.pi / 180.0 * a * (1.0 - e2) / (w * math.sqrt(w))
        return self.lon_deg + np.asarray(x_m) / east_m_per_deg, self.lat_deg + np.asarray(y_m) / north_m_per_deg


@dataclass(frozen=True, slots=True)
class Street:
    """One street between two nodes: its bend in the middle and the speed people drive there."""

    bend_m: tuple[float, float] | None
    speed_mps: float
    length_m: float


@dataclass
class Streets:
    """Nodes and streets; both ways of a street exist, with the same middle."""

    at: dict[Node, tuple[float, float]] = field(default_factory=dict)
    links: dict[Node, dict[Node, Street]] = field(default_factory=dict)
    private: set[frozenset[Node]] = field(default_factory=set)  # lanes nobody takes unless told to

    def add(self, node: Node, x_m: float, y_m: float) -> None:
        """Add a node."""
        self.at[node] = (x_m, y_m)
        self.links.setdefault(node, {})

    def link(self, a: Node, b: Node, speed_mps: float, bend_m: tuple[float, float] | None = None) -> None:
        """Add a street both ways."""
        way = [self.at[a], *([bend_m] if bend_m else []), self.at[b]]
        length = sum(math.dist(p, q) for p, q in itertools.pairwise(way))
        self.links[a][b] = self.links[b][a] = Street(bend_m, speed_mps, length)

    def cut(self, a: Node, b: Node) -> None:
        """Take a street away."""
        del self.links[a][b], self.links[b][a]

    def split(self, a: Node, b: Node, node: Node) -> None:
        """Put a node on the middle of a street: a gate, or where a lane begins."""
        street = self.links[a][b]
        x, y = street.bend_m or tuple((np.array(self.at[a]) + np.array(self.at[b])) / 2.0)
        self.cut(a, b)
        self.add(node, float(x), float(y))
        self.link(a, node, street.speed_mps)
        self.link(node, b, street.speed_mps)

    def way(
        self, a: Node, b: Node, avoid: Iterable[tuple[Node, Node]] = (), coming_from: Node | None = None
    ) -> list[Node]:
        """Return the quickest way; `avoid` are closed streets, `coming_from` forbids turning round at the start."""
        closed = {frozenset(pair) for pair in avoid} | self.private
        best: dict[Node, float] = {a: 0.0}
        before: dict[Node, Node] = {}
        queue: list[tuple[float, Node]] = [(0.0, a)]
        while queue:
            cost, node = heapq.heappop(queue)
            if node == b:
                break
            if cost > best[node]:
                continue
            for other, street in self.links[node].items():
                if frozenset((node, other)) in closed or (node == a and other == coming_from):
                    continue
                reached = cost + street.length_m / street.speed_mps + 6.0  # a junction costs some seconds
                if reached < best.get(other, math.inf):
                    best[other], before[other] = reached, node
                    heapq.heappush(queue, (reached, other))
        out = [b]
        while out[-1] != a:
            out.append(before[out[-1]])
        return out[::-1]

    def way_via(self, nodes: Sequence[Node]) -> list[Node]:
        """Return the quickest way through nodes in this order, without turning round on the spot."""
        out = [nodes[0]]
        for goal in nodes[1:]:
            out += self.way(out[-1], goal, coming_from=out[-2] if len(out) > 1 else None)[1:]
        return out

    def line(self, nodes: Sequence[Node]) -> F8:
        """Return the centre line (n, 2) along nodes, bends included."""
        pts: list[tuple[float, float]] = [self.at[nodes[0]]]
        for a, b in itertools.pairwise(nodes):
            bend = self.links[a][b].bend_m
            pts += [bend, self.at[b]] if bend else [self.at[b]]
        return np.array(pts)


def kept_right(line: F8, offset_m: float = LANE_M, closed: bool = False) -> F8:
    """Return a polyline moved to the right of its direction, corners mitred."""
    legs = np.diff(line, axis=0)
    unit = legs / np.hypot(legs[:, 0], legs[:, 1])[:, None]
    normal = np.column_stack([unit[:, 1], -unit[:, 0]])
    before = np.vstack([normal[-1:] if closed else normal[:1], normal])
    after = np.vstack([normal, normal[:1] if closed else normal[-1:]])
    mean = before + after
    scale = 2.0 / np.maximum((mean * mean).sum(axis=1), 0.8)
    return np.asarray(line + mean * scale[:, None] * offset_m)


def grid_node(i: int, j: int) -> Node:
    """Return the name of a grid node: i counts eastwards, j northwards."""
    return f"{i:+d}{j:+d}"


def _speed(i: int, j: int, horizontal: bool) -> float:
    line = j if horizontal else i
    return AVENUE_MPS if line % 3 == 0 else STREET_MPS


def build_streets(rng: np.random.Generator) -> Streets:
    """Return the made network: 13 x 13 nodes about 500 m apart, a diagonal avenue, a ring with cut corners."""
    streets = Streets()
    span = range(-HALF, HALF + 1)
    for i in span:
        for j in span:
            dx, dy = np.round(rng.uniform(-JITTER_M, JITTER_M, 2), 1)
            streets.add(grid_node(i, j), BLOCK_M * i + float(dx), BLOCK_M * j + float(dy))
    for i in span:
        for j in span:
            for di, dj in ((1, 0), (0, 1)):
                if i + di <= HALF and j + dj <= HALF:
                    _street(streets, grid_node(i, j), grid_node(i + di, j + dj), _speed(i, j, di == 1), rng)
    for k in range(-4, 4):
        streets.link(grid_node(k, k), grid_node(k + 1, k + 1), AVENUE_MPS)
    for a, b in (((5, 4), (4, 5)), ((-5, 4), (-4, 5)), ((5, -4), (4, -5)), ((-5, -4), (-4, -5))):
        streets.link(grid_node(*a), grid_node(*b), AVENUE_MPS)
    return streets


def thin_out(streets: Streets, keep: set[frozenset[Node]], share: float, rng: np.random.Generator) -> None:
    """Take a share of the small streets away, as no city has all of them; avenues and `keep` stay."""
    for a in sorted(streets.links):
        for b in sorted(streets.links[a]):
            small = a < b and streets.links[a][b].speed_mps < AVENUE_MPS and frozenset((a, b)) not in keep
            if small and min(len(streets.links[a]), len(streets.links[b])) > 3 and rng.random() < share:
                streets.cut(a, b)


def _street(streets: Streets, a: Node, b: Node, speed_mps: float, rng: np.random.Generator) -> None:
    mid = (np.array(streets.at[a]) + np.array(streets.at[b])) / 2.0
    bend = np.round(mid + rng.uniform(-14.0, 14.0, 2), 1)
    streets.link(a, b, speed_mps, (float(bend[0]), float(bend[1])))
