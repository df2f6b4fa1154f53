"""The coordinate reference system a GIS file brings along, and the way from it to WGS-84."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from feeds.crs_names import CrsFault
from geo.columns import F8

MODERN_SEMI_MAJOR_M = 6378137.0
"""Earth-centred datums (WGS-84, CGCS2000, ETRS89 ...) agree within a metre; all have this semi-major axis."""

MOST_ERROR_M = 2.0


def way_to_wgs84(name: str) -> Callable[[BaseGeometry], BaseGeometry]:
    """How a shape of the named CRS becomes one of WGS-84; raises `CrsFault` (see `points_to_wgs84`)."""
    move = points_to_wgs84(name)

    def way(shape: BaseGeometry) -> BaseGeometry:
        moved: BaseGeometry = shapely.transform(shapely.force_2d(shape), move)
        return moved

    return way


def points_to_wgs84(name: str) -> Callable[[F8], F8]:
    """How points (n, 2) of the named CRS (EPSG code, WKT or PROJJSON, x before y) become ones of WGS-84.

    Raises `CrsFault` for an unknown one, and for a datum such as Beijing 1954 or Xian 1980 whose shift of some
    100 m is not public: taken as WGS-84, it would put every zone beside its place.
    """
    try:
        crs = CRS.from_user_input(name)
        step = Transformer.from_crs(crs, CRS.from_epsg(4326), always_xy=True)
    except ProjError as trouble:
        raise CrsFault(f"its CRS is not known: {str(trouble)[:80]}") from trouble
    ellipsoid = crs.ellipsoid
    modern = ellipsoid is not None and ellipsoid.semi_major_metre == MODERN_SEMI_MAJOR_M
    if not modern and not 0 <= step.accuracy <= MOST_ERROR_M:
        raise CrsFault(f"the way from its CRS ({crs.name}) to WGS-84 is not known exactly; save it as CGCS2000")

    def move(points: F8) -> F8:
        return np.column_stack(step.transform(points[:, 0], points[:, 1]))

    return move
