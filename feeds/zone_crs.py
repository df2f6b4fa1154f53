"""The coordinate reference system a GIS file brings along, and the way from it to WGS-84."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from geo.columns import F8

MODERN_SEMI_MAJOR_M = 6378137.0
"""Earth-centred datums (WGS-84, CGCS2000, ETRS89 ...) agree within a metre; all have this semi-major axis."""

MOST_ERROR_M = 2.0


class CrsFault(ValueError):
    """A CRS that gives no positions to rely on; the message says why and what to do."""


def is_undefined(name: str | None) -> bool:
    """Whether a GIS file says that it knows its CRS as little as one without any.

    >>> is_undefined(None), is_undefined('LOCAL_CS["Undefined Cartesian SRS"]'), is_undefined("EPSG:4490")
    (True, True, False)
    """
    return not name or "undefined" in name[:60].lower() or name.upper().startswith(("LOCAL_CS", "ENGCRS", "LOCAL "))


def way_to_wgs84(name: str) -> Callable[[BaseGeometry], BaseGeometry]:
    """How a shape of the named CRS (EPSG code or WKT, x before y) becomes one of WGS-84.

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

    def way(shape: BaseGeometry) -> BaseGeometry:
        moved: BaseGeometry = shapely.transform(shapely.force_2d(shape), move)
        return moved

    return way
