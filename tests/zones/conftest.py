"""Small places and tracks in metres around one point, for the tests of this floor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from shapely import LineString, MultiPolygon, Polygon, get_coordinates, set_coordinates
from shapely.geometry.base import BaseGeometry

from geo.plane import LocalPlane
from trajectories.fleet import LAG_UNKNOWN, Fleet
from zones.zone import Zone, ZoneKind

PLANE = LocalPlane(121.0, 31.0)


def in_degrees(metres: BaseGeometry) -> BaseGeometry:
    """A geometry drawn in metres of the plane, as the register holds it."""
    lon_deg, lat_deg = PLANE.to_degrees(*get_coordinates(metres).T)
    return set_coordinates(metres.__class__(metres), np.column_stack([lon_deg, lat_deg]))


@pytest.fixture(scope="session")
def plane() -> LocalPlane:
    return PLANE


@pytest.fixture(scope="session")
def ground() -> Callable[..., Zone]:
    def make(
        metres: Polygon | MultiPolygon, zone_id: str = "G1", kind: ZoneKind = ZoneKind.GROUND, **more: object
    ) -> Zone:
        return Zone(zone_id, kind, zone_id, in_degrees(metres), **more)

    return make


@pytest.fixture(scope="session")
def route() -> Callable[..., Zone]:
    def make(metres: LineString, width_m: float | None = 60.0, zone_id: str = "R1", **more: object) -> Zone:
        return Zone(zone_id, ZoneKind.ROUTE, zone_id, in_degrees(metres), width_m=width_m, **more)

    return make


@pytest.fixture(scope="session")
def fleet_of() -> Callable[..., Fleet]:
    def make(t_s_by_vehicle: Sequence[npt.ArrayLike]) -> Fleet:
        """A fleet of which only the times matter; positions come in metres beside it."""
        times = [np.asarray(t, dtype=np.float64) for t in t_s_by_vehicle]
        n = sum(t.size for t in times)
        return Fleet(
            vehicle_ids=tuple(f"V{k}" for k in range(len(times))),
            offsets=np.cumsum([0, *(t.size for t in times)], dtype=np.int64),
            t_ms=np.concatenate([np.empty(0), *times]).astype(np.int64) * 1000,
            **{name: np.zeros(n) for name in ("lon_deg", "lat_deg")},
            **{name: np.zeros(n, dtype=np.float32) for name in ("speed_mps", "heading_deg", "accuracy_m")},
            lag_ms=np.full(n, LAG_UNKNOWN, dtype=np.int32),
            **{name: np.zeros(n, dtype=np.uint32) for name in ("flags", "source")},
        )

    return make
