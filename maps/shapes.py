"""Zones, places and local time in the shape that the pages' scripts read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from shapely import LineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from geo.plane import LocalPlane
from trajectories.clock import ServiceDay
from zones.zone import Zone

DECIMALS = 6  # of a degree: 0.1 m
_HALF_HOUR_MS = 1_800_000
_AROUND_MS = 2 * 86_400_000


@lru_cache(maxsize=8)
def offsets(day: ServiceDay) -> list[list[int]]:
    """Return [[from_ms, offset_ms], ...]: how far local clocks are ahead of UTC from when on, days around included.

    Pages show local time by this table alone, never by the browser's zone.

    >>> from datetime import date
    >>> from trajectories.clock import LocalTime
    >>> [entry[1] for entry in offsets(LocalTime("Asia/Shanghai").service_day(date(2026, 3, 18)))]
    [28800000]
    >>> [entry[1] for entry in offsets(LocalTime("America/Chicago").service_day(date(2026, 3, 7)))]
    [-21600000, -18000000]
    """
    table: list[list[int]] = []
    for t_ms in range(day.start_ms - _AROUND_MS, day.end_ms + _AROUND_MS, _HALF_HOUR_MS):
        ahead = day.local.moment(t_ms).utcoffset()
        offset_ms = round(ahead.total_seconds() * 1000) if ahead else 0
        if not table or table[-1][1] != offset_ms:
            table.append([t_ms, offset_ms])
    return table


def zone_shapes(
    zones: Sequence[Zone], hours: Mapping[str, str], schools: Mapping[str, str], texts_all: str
) -> list[dict[str, Any]]:
    """Return zones with their outlines; a route comes with its line and its corridor at the approved width."""
    return [
        {
            "id": zone.zone_id,
            "kind": zone.kind.value,
            "name": zone.name,
            "areas": _outlines(zone),
            "line": _flat(zone.geometry) if isinstance(zone.geometry, LineString) else None,
            "width": zone.width_m,
            "hours": hours.get(zone.zone_id),
            "approval": zone.approval_no,
            "schools": _listed([schools.get(s, s) for s in sorted(zone.school_ids or ())], zone.school_ids, texts_all),
            "parts": _listed([str(part) for part in sorted(zone.parts or ())], zone.parts, texts_all),
            "classes": _listed(sorted(zone.vehicle_classes or ()), zone.vehicle_classes, texts_all),
            "from": zone.valid_from.isoformat() if zone.valid_from else None,
            "to": zone.valid_to.isoformat() if zone.valid_to else None,
        }
        for zone in zones
    ]


def _listed(names: list[str], source: frozenset[Any] | None, texts_all: str) -> str:
    return texts_all if source is None else ", ".join(names) or "-"


def _area(zone: Zone) -> Polygon | MultiPolygon:
    """The polygon itself, or the corridor: everything within half the width of the line, in metres of its own plane."""
    if not isinstance(zone.geometry, LineString):
        return zone.geometry
    if zone.geometry.is_empty or not zone.width_m:
        return Polygon()
    west, south, east, north = zone.geometry.bounds
    plane = LocalPlane.around((west, east), (south, north))
    metres = shapely.transform(zone.geometry, lambda xy: np.column_stack(plane.to_metres(xy[:, 0], xy[:, 1])))
    corridor = metres.buffer(zone.width_m / 2)
    return shapely.transform(corridor, lambda xy: np.column_stack(plane.to_degrees(xy[:, 0], xy[:, 1])))


@lru_cache(maxsize=2_048)
def _outlines(zone: Zone) -> list[list[list[float]]]:
    """A zone's area as lists of rings; the maps of one night all draw the same zones."""
    return _areas(_area(zone))


def _areas(area: BaseGeometry) -> list[list[list[float]]]:
    """Polygons as lists of rings, each a flat list lon, lat, lon, lat ...; the first ring is the outer one."""
    return [
        [_flat(ring) for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(area)
        if not part.is_empty
    ]


def _flat(line: BaseGeometry) -> list[float]:
    coordinates: list[float] = np.round(shapely.get_coordinates(line), DECIMALS).ravel().tolist()
    return coordinates


def place(geometry: BaseGeometry | None) -> dict[str, Any] | None:
    """Return a point on a geometry, its bounds, and its lines made coarse enough for an overview.

    >>> place(LineString([(120.0, 30.0), (120.2, 30.0)]))
    {'at': [120.1, 30.0], 'lines': [[120.0, 30.0, 120.2, 30.0]]}
    >>> place(None), place(LineString())
    (None, None)
    """
    if geometry is None or geometry.is_empty:
        return None
    geometry = shapely.force_2d(geometry)
    parts = shapely.get_parts(geometry)
    longest = parts[int(np.argmax(shapely.length(parts)))]
    at = (
        longest.interpolate(0.5, normalized=True)
        if longest.geom_type == "LineString"
        else geometry.representative_point()
    )
    west, south, east, north = geometry.bounds
    coarse = shapely.get_parts(geometry.simplify(max(east - west, north - south) / 150, preserve_topology=False))
    lines = [_flat(shapely.get_exterior_ring(p) if p.geom_type == "Polygon" else p) for p in coarse if not p.is_empty]
    return {"at": [round(at.x, DECIMALS), round(at.y, DECIMALS)], "lines": lines}
