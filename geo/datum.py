"""WGS-84, GCJ-02 and BD-09, both ways, for whole columns; the inverses are iterated, not guessed.

GCJ-02 is WGS-84 shifted by up to 700 m by a published formula; BD-09 shifts GCJ-02 once more. Neither has an inverse
in closed form. The usual one step (2p - f(p)) is wrong by up to 4.9 m within China; here the fixed point is iterated
until it moves by less than `CONVERGED_DEG`, which leaves some micrometres (a step shrinks the error 40 times or more).
CGCS2000 agrees with WGS-84 to within a metre and gets no shift.

**Where it applies.** One test, on the *input* of a conversion whatever its datum: a point outside the closed box
72.004..137.8347 E, 0.8293..55.8271 N is given back unchanged (tested on the output, points at the edge would flip). The
box is wider than the country on purpose: the product audits one mainland city, and a national outline would put a
false step of half a kilometre into a border town. Hong Kong, Macao and Taiwan lie in the box although providers
do not shift there: feeds from there are configured as wgs84.

Formula and constants: googollee/eviltransform, wandergis/coordtransform, hujiulong/gcoord (all MIT) agree on them,
except that a is Krasovsky's 6378245 (some use 6378137: a centimetre off) and that the waves of BD-09 run with
pi * 3000 / 180 (some use pi: up to 40 m off).
"""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from numba import njit

from geo.columns import F8, Bool, shaped
from geo.errors import DatumError

BOX_LON_DEG = (72.004, 137.8347)
BOX_LAT_DEG = (0.8293, 55.8271)
CONVERGED_DEG = 1e-9
MOST_ROUNDS = 12

_A = 6378245.0  # Krasovsky 1940, metres
_EE = 0.00669342162296594323
_X_PI = math.pi * 3000.0 / 180.0
_BD_LON_DEG, _BD_LAT_DEG = 0.0065, 0.006
_RAD = math.pi / 180.0
_LON_ANGLE = math.pi / 60.0  # the waves over x = lon - 105 run at 2, 5, 20, 60, 120 and 360 times this angle
_SIN35, _COS35 = math.sin(35.0 * _RAD), math.cos(35.0 * _RAD)


class Datum(StrEnum):
    """What the numbers of a position refer to."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    BD09 = "bd09"

    @classmethod
    def parse(cls, text: str) -> Datum:
        """The datum by its name or alias (cgcs2000, bd09ll), in any case.

        >>> Datum.parse("CGCS2000"), Datum.parse("bd09ll")
        (<Datum.WGS84: 'wgs84'>, <Datum.BD09: 'bd09'>)
        """
        name = text.strip().lower()
        try:
            return cls(_ALIASES.get(name, name))
        except ValueError:
            raise DatumError(
                f"unknown datum {text[:80]!r}: expected wgs84, gcj02 or bd09 "
                "(or the aliases cgcs2000 for wgs84 and bd09ll for bd09); ask the provider which one it sends"
            ) from None


_ALIASES = {"cgcs2000": "wgs84", "bd09ll": "bd09"}
_CODES = {Datum.WGS84: 0, Datum.GCJ02: 1, Datum.BD09: 2}


def in_china(lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike) -> Bool:
    """Whether a point, in the datum it comes in, lies in the closed box within which datums are converted.

    >>> in_china([116.4, 183.0, float("nan")], [39.9, 45.0, 39.9]).tolist()
    [True, False, False]
    """
    (lon, lat), shape = shaped(lon_deg=lon_deg, lat_deg=lat_deg)
    inside: Bool = (lon >= BOX_LON_DEG[0]) & (lon <= BOX_LON_DEG[1]) & (lat >= BOX_LAT_DEG[0]) & (lat <= BOX_LAT_DEG[1])
    return inside.reshape(shape)


def convert(lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike, source: Datum, target: Datum) -> tuple[F8, F8]:
    """Positions of `source` as positions of `target`, degrees, in the shape given; the input is never touched.

    A row with a NaN gives NaN twice; a point outside the box (see `in_china`) comes back unchanged. There and back is
    right to some micrometres, save within 1.5 km of the edge of the box, where the shifted point may fall outside.

    >>> lon, lat = convert([116.404, float("nan")], [39.915, 39.9], Datum.WGS84, Datum.GCJ02)
    >>> lon.round(9).tolist(), lat.round(9).tolist()
    ([116.410244499, nan], [39.916404282, nan])
    >>> convert([], [], Datum.BD09, Datum.WGS84)
    (array([], dtype=float64), array([], dtype=float64))
    """
    (lon, lat), shape = shaped(lon_deg=lon_deg, lat_deg=lat_deg)
    out_lon, out_lat = np.empty_like(lon), np.empty_like(lat)
    _convert_columns(lon, lat, _CODES[source], _CODES[target], out_lon, out_lat)
    return out_lon.reshape(shape), out_lat.reshape(shape)


def to_wgs84(lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike, datum: Datum) -> tuple[F8, F8]:
    """Positions of `datum` as WGS-84; see `convert`."""
    return convert(lon_deg, lat_deg, datum, Datum.WGS84)


def from_wgs84(lon_deg: npt.ArrayLike, lat_deg: npt.ArrayLike, datum: Datum) -> tuple[F8, F8]:
    """WGS-84 positions as positions of `datum`; see `convert`."""
    return convert(lon_deg, lat_deg, Datum.WGS84, datum)


@njit(cache=True, nogil=True)
def _convert_columns(lon: F8, lat: F8, source: int, target: int, out_lon: F8, out_lat: F8) -> None:
    """One pass over the rows: to GCJ-02 where needed, and on from there (codes as in `_CODES`)."""
    for i in range(lon.size):
        x, y = lon[i], lat[i]
        if math.isnan(x) or math.isnan(y):
            x = y = math.nan
        elif source != target and BOX_LON_DEG[0] <= x <= BOX_LON_DEG[1] and BOX_LAT_DEG[0] <= y <= BOX_LAT_DEG[1]:
            if source == 0:
                x, y = _wgs84_to_gcj02(x, y)
            elif source == 2:
                x, y = _bd09_to_gcj02(x, y)
            if target == 0:
                x, y = _gcj02_to_wgs84(x, y)
            elif target == 2:
                x, y = _gcj02_to_bd09(x, y)
        out_lon[i], out_lat[i] = x, y


@njit(cache=True, nogil=True)
def _waves(s1: float, c1: float) -> tuple[float, float, float, float, float]:
    """sin of 2, 5, 20, 60 and 120 times an angle from its sine and cosine, which spares five calls of sin."""
    s2, c2 = 2.0 * s1 * c1, 1.0 - 2.0 * s1 * s1
    s4, c4 = 2.0 * s2 * c2, 1.0 - 2.0 * s2 * s2
    s5, c5 = s4 * c1 + c4 * s1, c4 * c1 - s4 * s1
    s10, c10 = 2.0 * s5 * c5, 1.0 - 2.0 * s5 * s5
    s20, c20 = 2.0 * s10 * c10, 1.0 - 2.0 * s10 * s10
    s40, c40 = 2.0 * s20 * c20, 1.0 - 2.0 * s20 * s20
    s60, c60 = s40 * c20 + c40 * s20, c40 * c20 - s40 * s20
    return s2, s5, s20, s60, 2.0 * s60 * c60


@njit(cache=True, nogil=True)
def _gcj02_shift_deg(lon: float, lat: float, su: float, cu: float, sv: float, cv: float) -> tuple[float, float]:
    """The shift of GCJ-02 at a WGS-84 point; su, cu of (lon - 105) pi/60 and sv, cv of (lat - 35) pi/180.

    Multiplying the angles costs some 1e-14 m against calling sin for each wave.
    """
    x, y = lon - 105.0, lat - 35.0
    s2, s5, s20, s60, s120 = _waves(su, cu)
    both = 20.0 * (3.0 * s120 - 4.0 * s120 * s120 * s120) + 20.0 * s120
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += (both + 20.0 * s60 + 40.0 * s20 + 150.0 * s5 + 300.0 * s2) * (2.0 / 3.0)
    t2, t5, t20, t60, _ = _waves(3.0 * sv - 4.0 * sv * sv * sv, 4.0 * cv * cv * cv - 3.0 * cv)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += (both + 20.0 * t60 + 40.0 * t20 + 160.0 * t5 + 320.0 * t2) * (2.0 / 3.0)
    sin_lat, cos_lat = sv * _COS35 + cv * _SIN35, cv * _COS35 - sv * _SIN35
    m = 1.0 - _EE * sin_lat * sin_lat
    root = math.sqrt(m)
    return east * root / (_A * cos_lat * _RAD), north * m * root / (_A * (1.0 - _EE) * _RAD)


@njit(cache=True, nogil=True)
def _wgs84_to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    u, v = (lon - 105.0) * _LON_ANGLE, (lat - 35.0) * _RAD
    shift_lon, shift_lat = _gcj02_shift_deg(lon, lat, math.sin(u), math.cos(u), math.sin(v), math.cos(v))
    return lon + shift_lon, lat + shift_lat


@njit(cache=True, nogil=True)
def _turned(sine: float, cosine: float, d: float) -> tuple[float, float]:
    """Sine and cosine of an angle turned on by a small d (below 0.03): the series ends beyond the last bit."""
    d2 = d * d
    sin_d = d * (1.0 - d2 * (1.0 - d2 / 20.0) / 6.0)
    cos_d = 1.0 - d2 * (1.0 - d2 * (1.0 - d2 / 30.0) / 12.0) / 2.0
    return sine * cos_d + cosine * sin_d, cosine * cos_d - sine * sin_d


@njit(cache=True, nogil=True)
def _gcj02_to_wgs84(lon: float, lat: float) -> tuple[float, float]:
    """The point p with p + shift(p) = input. Sine and cosine are taken once, at the input, and turned from there."""
    u, v = (lon - 105.0) * _LON_ANGLE, (lat - 35.0) * _RAD
    su, cu, sv, cv = math.sin(u), math.cos(u), math.sin(v), math.cos(v)
    shift_lon, shift_lat = _gcj02_shift_deg(lon, lat, su, cu, sv, cv)
    for _ in range(MOST_ROUNDS):
        su1, cu1 = _turned(su, cu, -shift_lon * _LON_ANGLE)
        sv1, cv1 = _turned(sv, cv, -shift_lat * _RAD)
        next_lon, next_lat = _gcj02_shift_deg(lon - shift_lon, lat - shift_lat, su1, cu1, sv1, cv1)
        moved = max(abs(next_lon - shift_lon), abs(next_lat - shift_lat))
        shift_lon, shift_lat = next_lon, next_lat
        if moved < CONVERGED_DEG:
            break
    return lon - shift_lon, lat - shift_lat


@njit(cache=True, nogil=True)
def _swung(lon: float, lat: float, stretch_deg: float, swing_rad: float) -> tuple[float, float]:
    """The step of BD-09 in polar form: the radius longer by `stretch_deg`, the angle wider by `swing_rad`."""
    radius = math.sqrt(lon * lon + lat * lat)
    scale = 1.0 + stretch_deg / radius
    sin_swing = swing_rad * (1.0 - swing_rad * swing_rad / 6.0)
    cos_swing = 1.0 - swing_rad * swing_rad / 2.0
    return scale * (lon * cos_swing - lat * sin_swing), scale * (lat * cos_swing + lon * sin_swing)


@njit(cache=True, nogil=True)
def _gcj02_to_bd09(lon: float, lat: float) -> tuple[float, float]:
    x, y = _swung(lon, lat, 2e-5 * math.sin(lat * _X_PI), 3e-6 * math.cos(lon * _X_PI))
    return x + _BD_LON_DEG, y + _BD_LAT_DEG


@njit(cache=True, nogil=True)
def _bd09_to_gcj02_one_step(lon: float, lat: float) -> tuple[float, float]:
    """The inverse as it is usually published; up to 0.2 m off, and our first guess."""
    x, y = lon - _BD_LON_DEG, lat - _BD_LAT_DEG
    return _swung(x, y, -2e-5 * math.sin(y * _X_PI), -3e-6 * math.cos(x * _X_PI))


@njit(cache=True, nogil=True)
def _bd09_to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """The point p with gcj02_to_bd09(p) = input, from the one-step guess; sine and cosine taken once."""
    x0, y0 = lon - _BD_LON_DEG, lat - _BD_LAT_DEG
    sx, cx, sy, cy = math.sin(x0 * _X_PI), math.cos(x0 * _X_PI), math.sin(y0 * _X_PI), math.cos(y0 * _X_PI)
    x, y = _swung(x0, y0, -2e-5 * sy, -3e-6 * cx)
    for _ in range(MOST_ROUNDS):
        _, cos_lon = _turned(sx, cx, (x - x0) * _X_PI)
        sin_lat, _ = _turned(sy, cy, (y - y0) * _X_PI)
        bd_x, bd_y = _swung(x, y, 2e-5 * sin_lat, 3e-6 * cos_lon)
        off_x, off_y = bd_x - x0, bd_y - y0
        x, y = x - off_x, y - off_y
        if max(abs(off_x), abs(off_y)) < CONVERGED_DEG:
            break
    return x, y
