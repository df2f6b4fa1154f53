"""The shapes of zones: built from positions, and looked through so that a fault names the place of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from shapely import LineString, MultiLineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from feeds.zone_rows import ShapeFault
from geo.columns import F8
from geo.datum import Datum, in_china, to_wgs84
from zones.zone import ZoneKind

JOIN_DEG = 1e-7
"""How far the pieces of one route may lie apart and still be one line: about a centimetre, a file's last digit."""

_REASON = re.compile(r"(.*?)\[(\S+) (\S+?)(?: \S+)?\]\Z", re.DOTALL)
# GEOS calls them by these names (operation/valid/TopologyValidationError.cpp).
_HINTS = {
    "Self-intersection": "Draw the boundary so that it does not cross itself; separate parts go in a MultiPolygon.",
    "Ring Self-intersection": "The boundary touches itself there; draw a hole, or two parts.",
    "Hole lies outside shell": "Take the hole away, or make it a part of its own.",
    "Nested shells": "One part lies within another; draw the inner one as a hole, or take it away.",
    "Interior is disconnected": "The holes cut the ground in two; draw two parts.",
}


def positions(raw: object) -> F8:
    """Positions as written, [[lon, lat, ...], ...], as an (n, 2) column pair; a height is dropped.

    Raises `ShapeFault` for anything that is not a list of positions of finite numbers.
    """
    if not isinstance(raw, list | tuple):
        raise ShapeFault("its coordinates are not a list of positions")
    out = np.empty((len(raw), 2))
    for i, position in enumerate(raw):
        if not isinstance(position, list | tuple) or len(position) < 2:
            raise ShapeFault(f"position {i + 1} is not [lon, lat]", _place(out, i - 1))
        for axis in (0, 1):
            number = position[axis]
            if not isinstance(number, int | float) or isinstance(number, bool) or not abs(number) < 1e300:
                raise ShapeFault(f"position {i + 1} is not two finite numbers", _place(out, i - 1))
            out[i, axis] = number
    return out


def _place(points: F8, i: int) -> tuple[float, float] | None:
    return (float(points[i, 0]), float(points[i, 1])) if 0 <= i < len(points) else None


def line(raw: object) -> LineString:
    """A line from positions as written."""
    points = positions(raw)
    if len(points) < 2:
        raise ShapeFault(f"too few points: {len(points)}, a line needs two", _place(points, 0))
    return LineString(points)


def polygon(raw: object) -> Polygon:
    """A polygon from its rings as written: the outer one, then the holes."""
    if not isinstance(raw, list | tuple) or not raw:
        raise ShapeFault("it is empty: it has no ring")
    rings = [_ring(positions(ring), "the outer ring" if at == 0 else f"hole {at}") for at, ring in enumerate(raw)]
    return Polygon(rings[0], rings[1:])


def _ring(points: F8, name: str) -> F8:
    if len(points) == 0:
        raise ShapeFault(f"{name} is empty")
    if not np.array_equal(points[0], points[-1]):
        hint = "Repeat the first position at the end of the ring."
        message = f"{name} is not closed: it ends elsewhere than it begins"
        raise ShapeFault(message, _place(points, len(points) - 1), hint)
    if len(points) < 4:
        raise ShapeFault(f"too few points: {name} has {len(points)}, a ring needs four", _place(points, 0))
    return points


def gathered(parts: Sequence[Polygon | LineString]) -> BaseGeometry:
    """One shape of one part, or several parts of one kind."""
    if not parts:
        raise ShapeFault("it is empty")
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, Polygon) for part in parts):
        return MultiPolygon(parts)
    if all(isinstance(part, LineString) for part in parts):
        return MultiLineString(parts)
    raise ShapeFault("it mixes polygons and lines", hint="Give each its own zone_id.")


def usable(shape: BaseGeometry, kind: ZoneKind, datum: Datum) -> Polygon | MultiPolygon | LineString:
    """The shape of a zone of this kind in WGS-84; raises `ShapeFault` where it has any fault.

    Positions are looked through as the file has them, before conversion, so that they can be found there.
    """
    flat = shapely.force_2d(shape)
    if flat.is_empty:
        raise ShapeFault("it is empty")
    _check_range(shapely.get_coordinates(flat))
    typed = _one_line(flat) if kind is ZoneKind.ROUTE else _area(flat, kind)
    _check_valid(typed)
    if datum is Datum.WGS84:
        return typed
    moved: Polygon | MultiPolygon | LineString = shapely.transform(typed, lambda points: converted(points, datum))
    _check_valid(moved)
    return moved


def converted(points: F8, datum: Datum) -> F8:
    """Positions of a datum, (n, 2), as WGS-84."""
    return np.column_stack(to_wgs84(points[:, 0], points[:, 1], datum))


def _check_range(points: F8) -> None:
    lon, lat = points[:, 0], points[:, 1]
    bad = ~(np.isfinite(points).all(axis=1) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    if bad.any():
        at = int(bad.argmax())
        x, y = abs(lon[at]), abs(lat[at])
        hint = "These look like metres of a projection; save the file in degrees." if max(x, y) > 360 else None
        if x <= 90 < y <= 180:
            hint = "Longitude comes first, then latitude; these seem to be swapped."
        message = "a position is out of range: longitude within 180, latitude within 90"
        raise ShapeFault(message, _place(points, at), hint)
    # Swapped within range: in the box of China only once turned round. The other way it would be the Arctic Ocean.
    if in_china(lat, lon).all() and not in_china(lon, lat).any():
        hint = "Longitude comes first, then latitude."
        raise ShapeFault("longitude and latitude seem to be swapped", _place(points, 0), hint)


def _area(shape: BaseGeometry, kind: ZoneKind) -> Polygon | MultiPolygon:
    if isinstance(shape, MultiPolygon) and len(shape.geoms) == 1:  # as a GeoPackage stores every polygon
        only: Polygon = shape.geoms[0]
        return only
    if isinstance(shape, Polygon | MultiPolygon):
        return shape
    raise ShapeFault(f"a {kind} needs a Polygon or MultiPolygon, and this is a {shape.geom_type}", _first(shape))


def _first(shape: BaseGeometry) -> tuple[float, float] | None:
    return _place(shapely.get_coordinates(shape), 0)


def _one_line(shape: BaseGeometry) -> LineString:
    if isinstance(shape, LineString) and shape.geom_type == "LineString":
        return shape
    if not isinstance(shape, MultiLineString):
        raise ShapeFault(f"a route needs a LineString, and this is a {shape.geom_type}", _first(shape))
    parts = [shapely.get_coordinates(part) for part in shape.geoms if not part.is_empty]
    joined = parts[0]
    for part in parts[1:]:
        if np.abs(joined[-1] - part[0]).max() > JOIN_DEG:
            break
        joined = np.vstack([joined, part[1:]])
    else:
        return LineString(joined)
    merged = shapely.line_merge(shape, directed=True)  # pieces in another order, each in the route's direction
    if isinstance(merged, LineString) and not merged.is_empty:
        return merged
    hint = "Join the pieces into one line in the order and direction in which it is driven."
    raise ShapeFault("a route is one line, and these pieces do not join", _place(joined, len(joined) - 1), hint)


def _check_valid(shape: BaseGeometry) -> None:
    if not shape.is_valid:
        reason = str(shapely.is_valid_reason(shape))
        parts = _REASON.match(reason)
        what = parts[1] if parts else reason
        place = (float(parts[2]), float(parts[3])) if parts else _first(shape)
        raise ShapeFault(what.lower(), place, _HINTS.get(what))
    if isinstance(shape, LineString) and not shape.length > 0:
        raise ShapeFault("its length is zero", _first(shape))
    if isinstance(shape, Polygon | MultiPolygon) and not shape.area > 0:
        raise ShapeFault("its area is zero", _first(shape))


def from_geojson(raw: object) -> BaseGeometry:
    """The shape of a GeoJSON geometry object (RFC 7946 section 3.1); raises `ShapeFault`."""
    if raw is None:
        raise ShapeFault("it has no geometry")
    if not isinstance(raw, dict):
        raise ShapeFault("its geometry is not a JSON object")
    kind, coordinates = raw.get("type"), raw.get("coordinates")
    if kind == "Polygon":
        return polygon(coordinates)
    if kind == "LineString":
        return line(coordinates)
    if kind == "MultiPolygon":
        return MultiPolygon([polygon(part) for part in _parts(coordinates)])
    if kind == "MultiLineString":
        return MultiLineString([line(part) for part in _parts(coordinates)])
    raise ShapeFault(f"a zone is a Polygon, MultiPolygon or LineString, and this is {str(kind)[:40]!r}")


def _parts(coordinates: object) -> Iterable[object]:
    if not isinstance(coordinates, list) or not coordinates:
        raise ShapeFault("it is empty: it has no part")
    return coordinates
