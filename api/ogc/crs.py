"""Coordinate reference systems by reference (OGC API - Features, Part 2): what is asked in, and told in.

Everything is kept in WGS-84 longitude, latitude (CRS84). EPSG:4326 and EPSG:4490 have latitude first, as their
authority says; CGCS2000 differs from WGS-84 by centimetres, and PROJ takes the two as one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer
from shapely.geometry import box, mapping, polygon
from shapely.geometry.base import BaseGeometry

from api.problems import FieldFault, Refuse

_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
_MERCATOR_LAT_DEG = 85.051128779807
"""Web Mercator ends here."""


class Crs(StrEnum):
    """A coordinate reference system, by its URI."""

    CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    WGS84 = f"{_EPSG}4326"
    CGCS2000 = f"{_EPSG}4490"
    MERCATOR = f"{_EPSG}3857"

    @property
    def authority(self) -> str:
        """Return the code that PROJ knows.

        >>> Crs.CGCS2000.authority, Crs.CRS84.authority
        ('EPSG:4490', 'OGC:CRS84')
        """
        return "OGC:CRS84" if self is Crs.CRS84 else f"EPSG:{self.rpartition('/')[2]}"

    @property
    def is_latitude_first(self) -> bool:
        """Whether its first axis is latitude."""
        return self in {Crs.WGS84, Crs.CGCS2000}

    @property
    def decimals(self) -> int:
        """Return with how many decimals it is told: below a millimetre."""
        return 4 if self is Crs.MERCATOR else 9


@dataclass(frozen=True, slots=True)
class Area:
    """What a `bbox` names, in CRS84."""

    shape: BaseGeometry

    def touches(self, shapes: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Return which geometries, shape (n,), it touches; those that are None, too (Part 1, fc-bbox-response C)."""
        found: npt.NDArray[np.bool_] = shapely.is_missing(shapes) | shapely.intersects(self.shape, shapes)
        return found


def crs_of(told: str | None, name: str) -> Crs:
    """Return what a parameter names; raises `Refuse` (400) for what is not offered."""
    try:
        return Crs.CRS84 if told is None else Crs(told)
    except ValueError:
        raise _refused(name, f"is not offered; expected one of {', '.join(Crs)}") from None


def area_of(told: str | None, crs: Crs) -> Area | None:
    """Return what a `bbox` of four numbers (or six, of which the heights do not count) names.

    Its west may be beyond its east, across 180 degrees. Raises `Refuse` (400).
    """
    if told is None:
        return None
    corners = _corners(told)
    if crs is Crs.MERCATOR:
        return Area(_touchable([_from_mercator(corners)]))
    west, south, east, north = (corners[i] for i in ((1, 0, 3, 2) if crs.is_latitude_first else (0, 1, 2, 3)))
    if not (abs(west) <= 180 and abs(east) <= 180 and -90 <= south <= north <= 90):
        raise _refused("bbox", "is not within 180 and 90 degrees, or its south is beyond its north")
    pieces = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    return Area(_touchable([(w, south, e, north) for w, e in pieces]))


def _corners(told: str) -> list[float]:
    try:
        numbers = [float(part) for part in told.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in {4, 6} or not all(map(math.isfinite, numbers)):
        raise _refused("bbox", "is not four numbers (or six, with heights), parted by commas")
    return numbers if len(numbers) == 4 else [*numbers[:2], *numbers[3:5]]


def _from_mercator(corners: list[float]) -> tuple[float, float, float, float]:
    west, south, east, north = corners
    half = math.pi * 6_378_137 + 0.01
    if not (-half <= west <= east <= half and south <= north and abs(south) <= half and abs(north) <= half):
        raise _refused("bbox", "is not within EPSG:3857, or its corners are the wrong way round")
    lon_deg, lat_deg = _back().transform([west, east], [south, north])
    return lon_deg[0], lat_deg[0], lon_deg[1], lat_deg[1]


def _touchable(boxes: list[tuple[float, float, float, float]]) -> BaseGeometry:
    """Return boxes as one shape; what has no width is a line or a point: a ring without an area touches nothing."""
    return shapely.union_all([box(*corners).envelope for corners in boxes])


def told_in(shape: BaseGeometry | None, crs: Crs) -> dict[str, Any] | None:
    """Return a geometry as GeoJSON in a reference system, polygons by the right-hand rule (as seen in CRS84)."""
    if shape is None or shape.is_empty:
        return None
    told: dict[str, Any] = mapping(shapely.transform(_oriented(shape), lambda points: moved(points, crs)))
    return told


def moved(lon_lat: npt.NDArray[np.float64], crs: Crs) -> npt.NDArray[np.float64]:
    """Return positions, shape (n, 2), longitude and latitude, in the axis order of a reference system."""
    if crs is Crs.CRS84:
        return lon_lat
    lat_deg = lon_lat[:, 1]
    if crs is Crs.MERCATOR:
        lat_deg = np.clip(lat_deg, -_MERCATOR_LAT_DEG, _MERCATOR_LAT_DEG)
    columns = _forth(crs).transform(lon_lat[:, 0], lat_deg)
    rounded: npt.NDArray[np.float64] = np.round(np.column_stack(columns), crs.decimals)
    return rounded


def _oriented(shape: BaseGeometry) -> BaseGeometry:
    if shape.geom_type == "Polygon":
        return polygon.orient(shape)
    if shape.geom_type == "MultiPolygon":
        return shapely.multipolygons([polygon.orient(part) for part in shape.geoms])
    return shape


@lru_cache(maxsize=len(Crs))
def _forth(crs: Crs) -> Transformer:
    return Transformer.from_crs(Crs.CRS84.authority, crs.authority)


@lru_cache(maxsize=1)
def _back() -> Transformer:
    return Transformer.from_crs(Crs.MERCATOR.authority, Crs.CRS84.authority)


def _refused(name: str, message: str) -> Refuse:
    return Refuse(400, "bad-request", errors=[FieldFault(where=f"query.{name}", message=message)])
