"""A flat metric plane around a city, and distances over the ellipsoid, for whole columns.

The plane is the transverse Mercator projection of WGS-84 on the meridian of its centre, scale 1 there (Gauss-Krueger,
L. Krueger 1912), as power series in the complex isometric coordinate (Snyder, Map Projections, USGS PP 1395, p. 60).
It keeps angles; lengths at x km east or west of the centre come out larger by (x / R)^2 / 2: 2e-5 at 40 km, 4.4e-5
at 60 km. The series hold to a millimetre within `REACH_M` of the centre, there and back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit

from geo.columns import F8, shaped
from geo.errors import PlaneError

SEMI_MAJOR_M = 6378137.0  # WGS-84 (NIMA TR8350.2)
FLATTENING = 1.0 / 298.257223563
MEAN_RADIUS_M = 6371008.8  # IUGG mean radius of WGS-84
REACH_M = 300_000.0
STEEPEST_LAT_DEG = 65.0

_E2 = FLATTENING * (2.0 - FLATTENING)
_TERMS = 12
_RAD = math.pi / 180.0


@dataclass(frozen=True, slots=True)
class LocalPlane:
    """A plane in metres, east and north of (lon0_deg, lat0_deg).

    Beyond `REACH_M` in either direction positions are only roughly placed (never near): a fix at (0, 0) stays far.
    The plane depends on its centre alone; take it from the approved places, not from a batch of fixes, wherever
    batches must give the same answer however they are cut.

    >>> plane = LocalPlane(120.15, 30.27)
    >>> east_m, north_m = plane.to_metres([120.15, 120.16, float("nan")], [30.27, 30.27, 30.27])
    >>> east_m.round(3).tolist()
    [0.0, 962.24, nan]
    """

    lon0_deg: float
    lat0_deg: float

    def __post_init__(self) -> None:
        """Refuse a centre that is no place, or too near a pole for the series."""
        if not (abs(self.lon0_deg) <= 180.0 and abs(self.lat0_deg) <= STEEPEST_LAT_DEG):
            raise PlaneError(
                f"no plane around lon {self.lon0_deg}, lat {self.lat0_deg}: expected lon within 180 and lat within "
                f"{STEEPEST_LAT_DEG:g} degrees; are the two swapped?"
            )

    @classmethod
    def around(cls, lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike) -> LocalPlane:
        """The plane at the median of the rows with both coordinates finite: one fix at (0, 0) does not move it."""
        (lon, lat), _ = shaped(lon_deg=lon_deg, lat_deg=lat_deg)
        finite = np.isfinite(lon) & np.isfinite(lat)
        if not finite.any():
            raise PlaneError(f"no plane around {lon.size} rows without a finite position; give at least one place")
        return cls(float(np.median(lon[finite])), float(np.median(lat[finite])))

    def to_metres(self, lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike) -> tuple[F8, F8]:
        """East and north of the centre in metres, in the shape given; a row with a NaN gives NaN twice."""
        (lon, lat), shape = shaped(lon_deg=lon_deg, lat_deg=lat_deg)
        series = _series(self.lat0_deg)
        east, north = np.empty_like(lon), np.empty_like(lat)
        _to_metres(lon, lat, self.lon0_deg, self.lat0_deg, series[0], series[1], east, north)
        return east.reshape(shape), north.reshape(shape)

    def to_degrees(self, east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> tuple[F8, F8]:
        """Longitude and latitude of points of the plane, in the shape given; the inverse of `to_metres`."""
        (east, north), shape = shaped(east_m=east_m, north_m=north_m)
        series = _series(self.lat0_deg)
        lon, lat = np.empty_like(east), np.empty_like(north)
        _to_degrees(east, north, self.lon0_deg, self.lat0_deg, series[2], series[3], lon, lat)
        return lon.reshape(shape), lat.reshape(shape)


def distance_m(
    lon1_deg: npt.ArrayLike, lat1_deg: npt.ArrayLike, lon2_deg: npt.ArrayLike, lat2_deg: npt.ArrayLike
) -> F8:
    """Metres over the WGS-84 ellipsoid, right to 1e-5 of the distance except near the antipode.

    Lambert's formula (haversine on reduced latitudes, corrected once for the flattening). NaN in gives NaN.

    >>> float(distance_m(120.0, 30.0, 120.0, 30.0)), round(float(distance_m(120.0, 30.0, 120.01, 30.0)), 2)
    (0.0, 964.86)
    """
    columns, shape = shaped(lon1_deg=lon1_deg, lat1_deg=lat1_deg, lon2_deg=lon2_deg, lat2_deg=lat2_deg)
    out = np.empty(columns[0].size)
    _lambert_m(columns[0], columns[1], columns[2], columns[3], out)
    return out.reshape(shape)


def great_circle_m(
    lon1_deg: npt.ArrayLike,
    lat1_deg: npt.ArrayLike,
    lon2_deg: npt.ArrayLike,
    lat2_deg: npt.ArrayLike,
    radius_m: float = MEAN_RADIUS_M,
) -> F8:
    """Metres over a sphere (haversine): up to 0.6 % from the ellipsoid. For comparing with what others computed."""
    columns, shape = shaped(lon1_deg=lon1_deg, lat1_deg=lat1_deg, lon2_deg=lon2_deg, lat2_deg=lat2_deg)
    lon1, lat1, lon2, lat2 = (np.radians(c) for c in columns)
    h = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    arc: F8 = 2.0 * radius_m * np.arcsin(np.sqrt(np.minimum(h, 1.0)))
    return arc.reshape(shape)


# ---------------------------------------------------------------- power series around one latitude
def _product(a: F8, b: F8) -> F8:
    product: F8 = np.convolve(a, b)[:_TERMS]
    return product


def _power(a: F8, exponent: float) -> F8:
    """a(t) ** exponent, by the recurrence of J. C. P. Miller (Knuth, TAOCP 2, 4.7)."""
    out = np.zeros(_TERMS)
    out[0] = a[0] ** exponent
    for n in range(1, _TERMS):
        k = np.arange(1, n + 1)
        out[n] = np.sum((exponent * k - (n - k)) * a[k] * out[n - k]) / (n * a[0])
    return out


def _integral(a: F8) -> F8:
    return np.concatenate(([0.0], a[:-1] / np.arange(1, _TERMS)))


def _composed(outer: F8, inner: F8) -> F8:
    out = np.zeros(_TERMS)
    for coefficient in outer[::-1]:
        out = _product(out, inner)
        out[0] += coefficient
    return out


def _reverted(a: F8) -> F8:
    """The series x(y) with a(x(y)) = y; each round settles one more coefficient."""
    rest = a.copy()
    rest[1] = 0.0
    identity = np.eye(_TERMS)[1]
    out: F8 = identity / a[1]
    for _ in range(_TERMS):
        out = (identity - _composed(rest, out)) / a[1]
    return out


@lru_cache(maxsize=256)
def _series(lat0_deg: float) -> tuple[F8, F8, F8, F8]:
    """Coefficients around a latitude: isometric latitude of latitude, plane of isometric, and the two inverses."""
    lat0 = lat0_deg * _RAD
    factorial = np.array([float(math.factorial(k)) for k in range(_TERMS)])
    quarter_turns = np.arange(_TERMS) * (math.pi / 2)
    sin_lat, cos_lat = np.sin(lat0 + quarter_turns) / factorial, np.cos(lat0 + quarter_turns) / factorial
    w = -_E2 * _product(sin_lat, sin_lat)
    w[0] += 1.0
    meridian = _integral(SEMI_MAJOR_M * (1.0 - _E2) * _power(w, -1.5))
    isometric = _integral((1.0 - _E2) * _product(_power(w, -1.0), _power(cos_lat, -1.0)))
    latitude = _reverted(isometric)
    plane = _composed(meridian, latitude)
    out = isometric, plane, _reverted(plane), latitude
    for series in out:
        series.flags.writeable = False
    return out


# ---------------------------------------------------------------- kernels
@njit(cache=True, nogil=True)
def _to_metres(
    lon: F8, lat: F8, lon0: float, lat0: float, isometric: F8, plane: F8, out_east: F8, out_north: F8
) -> None:
    east_scale, north_scale = plane[1], plane[1] * isometric[1]  # metres a radian at the centre
    for i in range(lon.size):
        turn = lon[i] - lon0
        if turn > 180.0:
            turn -= 360.0
        elif turn < -180.0:
            turn += 360.0
        rise = (lat[i] - lat0) * _RAD
        east, north = east_scale * turn * _RAD, north_scale * rise
        if math.isnan(east) or math.isnan(north):
            east = north = math.nan
        elif abs(east) < 1.2 * REACH_M and abs(north) < 1.2 * REACH_M:
            q = 0.0
            for k in range(_TERMS - 1, -1, -1):
                q = q * rise + isometric[k]
            w = complex(q, turn * _RAD)
            z = complex(0.0, 0.0)
            for k in range(_TERMS - 1, -1, -1):
                z = z * w + plane[k]
            east, north = z.imag, z.real
        out_east[i], out_north[i] = east, north


@njit(cache=True, nogil=True)
def _to_degrees(
    east: F8, north: F8, lon0: float, lat0: float, isometric_of_plane: F8, latitude: F8, out_lon: F8, out_lat: F8
) -> None:
    for i in range(east.size):
        e, n = east[i], north[i]
        turn, rise = e * isometric_of_plane[1], n * isometric_of_plane[1] * latitude[1]
        if math.isnan(e) or math.isnan(n):
            turn = rise = math.nan
        elif abs(e) < 1.2 * REACH_M and abs(n) < 1.2 * REACH_M:
            z = complex(n, e)
            w = complex(0.0, 0.0)
            for k in range(_TERMS - 1, -1, -1):
                w = w * z + isometric_of_plane[k]
            turn, rise = w.imag, 0.0
            for k in range(_TERMS - 1, -1, -1):
                rise = rise * w.real + latitude[k]
        out_lon[i], out_lat[i] = lon0 + turn / _RAD, lat0 + rise / _RAD


@njit(cache=True, nogil=True)
def _lambert_m(lon1: F8, lat1: F8, lon2: F8, lat2: F8, out: F8) -> None:
    for i in range(lon1.size):
        b1 = math.atan((1.0 - FLATTENING) * math.tan(lat1[i] * _RAD))
        b2 = math.atan((1.0 - FLATTENING) * math.tan(lat2[i] * _RAD))
        p, q = (b1 + b2) / 2.0, (b2 - b1) / 2.0
        sin_p2, sin_q2 = math.sin(p) ** 2, math.sin(q) ** 2
        half = math.sin((lon2[i] - lon1[i]) * _RAD / 2.0)
        h = min(sin_q2 + math.cos(b1) * math.cos(b2) * half * half, 1.0)
        if h == 0.0:
            out[i] = 0.0
            continue
        sigma = 2.0 * math.asin(math.sqrt(h))
        flat = (sigma + math.sin(sigma)) * (1.0 - sin_p2) * sin_q2 / h
        if h < 1.0:
            flat += (sigma - math.sin(sigma)) * sin_p2 * (1.0 - sin_q2) / (1.0 - h)
        out[i] = SEMI_MAJOR_M * (sigma - FLATTENING / 2.0 * flat)
