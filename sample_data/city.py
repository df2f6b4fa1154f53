"""The made city: where its grounds, routes, schools, car parks and pumps are. Metres on the plane of `streets`."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from shapely import LineString, MultiPolygon, Polygon, box, transform
from shapely.affinity import rotate, translate
from shapely.geometry.base import BaseGeometry

from sample_data.paths import F8, Pose
from sample_data.streets import LANE_MPS, STREET_MPS, Node, Plane, Streets, build_streets, grid_node, thin_out
from sample_data.yard import Yard, make_yard

Point = tuple[float, float]
SET_BACK_M = 60.0  # from the street's middle to a ground's fence


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere a car can stand: the street node it is reached from, and the points from there to the spot."""

    node: Node
    access: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Approval:
    """What a zone's row says besides its shape."""

    zone_id: str
    kind: str
    name: str
    school_ids: tuple[str, ...]
    parts: tuple[int, ...]
    vehicle_classes: tuple[str, ...]
    approval_no: str
    width_m: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A training route: a closed way along nodes; the first is where cars join it, in the middle of a street."""

    nodes: tuple[Node, ...]


@dataclass
class City:
    """All that lies still."""

    streets: Streets
    yards: dict[str, Yard] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    shapes: dict[str, BaseGeometry] = field(default_factory=dict)
    approvals: list[Approval] = field(default_factory=list)
    frames: dict[str, Pose] = field(default_factory=dict)


def gate(city: City, block: tuple[int, int]) -> Node:
    """Return the node in the middle of a block's southern street, made when first asked for."""
    node = f"gate{block[0]:+d}{block[1]:+d}"
    if node not in city.streets.at:
        west, east = grid_node(*block), grid_node(block[0] + 1, block[1])
        if east not in city.streets.links[west]:  # thinned out: a gate brings its street back
            city.streets.link(west, east, STREET_MPS)
        city.streets.split(west, east, node)
    return node


def add_yard(
    city: City, name: str, block: tuple[int, int], size_m: Point, pad_m: Point, tilt_deg: float, fence: BaseGeometry
) -> None:
    """Put a yard behind the southern street of a block. `fence` is its outline in its own frame."""
    node = gate(city, block)
    x, y = city.streets.at[node]
    frame = Pose(x, y + SET_BACK_M + size_m[1] / 2.0, math.radians(tilt_deg))
    tarmac = _placed(box(-size_m[0] / 2, -size_m[1] / 2, size_m[0] / 2, size_m[1] / 2), frame)
    holes = [_placed(Polygon(r), frame) for p in getattr(fence, "geoms", [fence]) for r in p.interiors]
    for hole in holes:
        tarmac = tarmac.difference(hole.buffer(1.5))
    yard = make_yard(Polygon(tarmac.exterior, tarmac.interiors).buffer(-1.0), frame, size_m, pad_m)
    city.yards[name] = yard
    city.shapes[name] = _placed(fence, frame)
    city.frames[name] = frame
    city.places[name] = Place(node, ((yard.entry.x_m, y + 20.0), (yard.entry.x_m, yard.entry.y_m)))


def _placed(shape: BaseGeometry, frame: Pose) -> Any:
    turned = rotate(shape, math.degrees(frame.theta_rad), origin=(0.0, 0.0))
    return translate(turned, frame.x_m, frame.y_m)


def add_spot(city: City, name: str, block: tuple[int, int], *points: Point) -> None:
    """Put a spot behind the southern street of a block; `points` lead to it, seen from the gate."""
    node = gate(city, block)
    x, y = city.streets.at[node]
    city.places[name] = Place(node, tuple((x + dx, y + dy) for dx, dy in points))


def add_route(city: City, name: str, corners: list[tuple[int, int]]) -> None:
    """Make a closed route through grid nodes; it is joined in the middle of its first street."""
    ring = city.streets.way_via([grid_node(*c) for c in corners])
    start = f"start-{name}"
    city.streets.split(ring[0], ring[1], start)
    city.routes[name] = Route((start, *ring[1:], start))
    line = city.streets.line(city.routes[name].nodes)
    city.shapes[name] = LineString(line)


# Outlines in their own frames: one with a building in it, two halves beside a service lane, and an irregular one.
G1_FENCE = Polygon(
    [(-95, -65), (95, -65), (95, 57), (87, 65), (-95, 65)], holes=[[(22, -14), (58, -14), (58, 12), (22, 12)]]
)
G2_FENCE = MultiPolygon([box(-101, -48, 2, 48), box(14, -48, 101, 48)])
G3_FENCE = Polygon([(-86, -60), (86, -60), (90, 10), (84, 60), (-20, 64), (-86, 60)])
SITE_FENCE = Polygon([(-82, -56), (82, -56), (82, 56), (-70, 56), (-82, 44)])
LOT = box(-56, -42, 56, 42)

CLASSES = ("C1", "C2")
APPROVALS = [
    Approval("G01", "ground", "青石训练场", ("SCH01", "SCH02"), (2,), CLASSES, "示交训场〔2025〕1号"),
    Approval("G02", "ground", "柳湾训练场", ("SCH01",), (2,), CLASSES, "示交训场〔2025〕2号"),
    Approval("G03", "ground", "东坡训练场", ("SCH02",), (2,), CLASSES, "示交训场〔2025〕3号"),
    Approval("R01", "route", "柳湾训练路线", ("SCH01",), (3,), CLASSES, "示交考路〔2025〕1号", 56),
    Approval("R02", "route", "青石训练路线", ("SCH01", "SCH02"), (3,), CLASSES, "示交考路〔2025〕2号", 60),
    Approval("E01", "site", "南郊考场", (), (), (), "示考场〔2025〕1号"),
]

R01_CORNERS = [(-4, 0), (-1, 0), (-1, 2), (-2, 2), (-2, 3), (-4, 3), (-4, 1), (-5, 1), (-5, 0), (-4, 0)]
R02_CORNERS = [(0, -3), (3, -3), (3, -2), (4, -2), (4, -1), (1, -1), (1, -2), (0, -2), (0, -3)]
BLOCK_CORNERS = [(4, 0), (5, 0), (5, 1), (4, 1), (4, 0)]  # nobody approved this one


def build_city(rng: np.random.Generator) -> City:
    """Return the whole city, the same for the same generator."""
    streets = build_streets(rng)
    city = City(streets, approvals=APPROVALS)
    keep = {frozenset(p) for c in (R01_CORNERS, R02_CORNERS, BLOCK_CORNERS) for p in _steps(streets, c)}
    thin_out(streets, keep, 0.16, rng)
    for zone_id, corners in (("R01", R01_CORNERS), ("R02", R02_CORNERS), ("block", BLOCK_CORNERS)):
        add_route(city, zone_id, corners)
    add_yard(city, "G01", (1, -2), (190.0, 130.0), (-86.0, -54.0), 4.0, G1_FENCE)
    add_yard(city, "G02", (-4, 2), (202.0, 96.0), (-92.0, -42.0), -5.0, G2_FENCE)
    add_yard(city, "G03", (2, 3), (172.0, 120.0), (-76.0, -48.0), 7.0, G3_FENCE)
    add_yard(city, "E01", (-3, -4), (164.0, 112.0), (-72.0, -46.0), -3.0, SITE_FENCE)
    add_yard(city, "lot", (-5, -2), (112.0, 84.0), (-46.0, -40.0), 11.0, LOT)
    add_spot(city, "school-1", (-3, 1), (4.0, 20.0), (6.0, 42.0))
    add_spot(city, "school-2", (3, 1), (4.0, 20.0), (8.0, 45.0))
    add_spot(city, "canteen", (-1, -3), (3.0, 18.0), (14.0, 34.0))
    add_spot(city, "mall", (0, 2), (-3.0, 18.0), (-20.0, 38.0))
    add_spot(city, "clinic", (-4, -3), (3.0, 16.0), (10.0, 28.0))
    add_spot(city, "shop", (4, 3), (2.0, 14.0), (8.0, 24.0))
    add_spot(city, "garage", (1, 4), (2.0, 14.0), (-9.0, 26.0))
    add_spot(city, "pump", (2, -5), (60.0, 12.0), (110.0, 24.0))
    add_spot(city, "depot-yard", (-1, -5), (4.0, 20.0), (4.0, 50.0))
    add_spot(city, "kerb-g02", (-4, 2), (-60.0, 22.0), (-112.0, 50.0), (-108.0, 90.0))
    _lane_through_g03(city)
    return city


def _steps(streets: Streets, corners: list[tuple[int, int]]) -> list[tuple[Node, Node]]:
    nodes = streets.way_via([grid_node(*c) for c in corners])
    return list(itertools.pairwise(nodes))


def _lane_through_g03(city: City) -> None:
    """A right of way runs along the inside of G03's western fence, between two streets."""
    frame = city.frames["G03"]
    low, high = frame.ahead(-79.0, -70.0), frame.ahead(-79.0, 75.0)
    north = gate(city, (2, 4))
    city.streets.add("lane-low", round(low.x_m, 1), round(low.y_m, 1))
    city.streets.add("lane-high", round(high.x_m, 1), round(high.y_m, 1))
    chain = [gate(city, (2, 3)), "lane-low", "lane-high", north]
    for a, b in itertools.pairwise(chain):
        city.streets.link(a, b, LANE_MPS)
        city.streets.private.add(frozenset((a, b)))


def degrees_of(shape: BaseGeometry, plane: Plane | None = None) -> BaseGeometry:
    """Return a shape of the plane in WGS-84 degrees, rounded to a centimetre."""
    where = plane or Plane()

    def to_degrees(xy: F8) -> F8:
        lon, lat = where.degrees(xy[:, 0], xy[:, 1])
        return np.asarray(np.round(np.column_stack([lon, lat]), 7), dtype=np.float64)

    return transform(shape, to_degrees)
