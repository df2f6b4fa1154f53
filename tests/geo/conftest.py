"""What the tests of this floor share: the published vectors, the cities, and shapes of a small city."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely import MultiPolygon, Polygon
from shapely.geometry import Point

from geo.plane import LocalPlane

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("TRAJAUDIT_REAL_DATA", ROOT.parent / "shared" / "data"))


def _read(name: str) -> Any:
    path = DATA / "coordinates" / name
    if not path.is_file():
        pytest.fail(
            f"{name} was looked for in {path.parent} and is not there: put the shared data beside the repository "
            "or name its folder in TRAJAUDIT_REAL_DATA",
            pytrace=False,
        )
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    return _read("vectors.json")


@pytest.fixture(scope="session")
def cities() -> dict[str, np.ndarray]:
    """The distinct cities: system -> f8[332, 2]."""
    rows = {city["attrs"]["name"] + str(city["coords"]["WGS84"]): city["coords"] for city in _read("cities.json")}
    assert len(rows) == 332
    return {system: np.array([c[system] for c in rows.values()]) for system in ("WGS84", "GCJ02", "BD09", "BD09MC")}


@pytest.fixture(scope="session")
def plane() -> LocalPlane:
    return LocalPlane(120.15, 30.27)


@pytest.fixture(scope="session")
def shapes_m() -> list[Polygon | MultiPolygon]:
    """In metres: a square, a yard with holes, islands within holes, a star, a ragged hundred-sided one, slivers."""
    rng = np.random.default_rng(7)
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    radius = 600 + 150 * rng.random(120)
    star = [(1500 + r * np.sin(a), -900 + r * np.cos(a)) for a, r in zip(angle[::6], [500.0, 120.0] * 10, strict=True)]
    ring = Point(-900, 900).buffer(400, quad_segs=9)
    hollow = ring.difference(Point(-900, 900).buffer(250, quad_segs=5))
    return [
        Polygon([(0, 0), (100, 0), (100, 100), (0, 100)]),
        Polygon(
            [(-300, -300), (-50, -310), (-40, -20), (-310, -40)],
            holes=[
                [(-250, -250), (-200, -250), (-200, -200)],
                [(-150, -150), (-100, -150), (-100, -100), (-150, -100)],
            ],
        ),
        MultiPolygon([*_parts(hollow), *_parts(Point(-900, 900).buffer(120, quad_segs=4))]),
        Polygon(star),
        Polygon([(r * np.cos(a) + 300, r * np.sin(a) + 1900) for a, r in zip(angle, radius, strict=True)]),
        Polygon([(-2000, -2000), (2000, -1990), (2000, -1989), (-2000, -1999.5)]),
        Polygon([(50, 50), (150, 50), (150, 150), (50, 150)]),
    ]


def _parts(shape: Polygon | MultiPolygon) -> list[Polygon]:
    return list(shape.geoms) if isinstance(shape, MultiPolygon) else [shape]
