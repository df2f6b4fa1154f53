"""BD09MC, Baidu's metre grid (its map tiles), and BD-09 degrees, both ways, by Baidu's own tables.

Six bands of latitude with a polynomial each; coefficients from hujiulong/gcoord, src/crs/BD09MC.ts (MIT). The two
tables are not exact inverses of each other: there and back differs by up to 0.2 m within China.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from geo.columns import F8, shaped

_LAT_BANDS_DEG = np.array([75.0, 60.0, 45.0, 30.0, 15.0, 0.0])
_NORTH_BANDS_M = np.array([12890594.86, 8362377.87, 5591021.0, 3481989.83, 1678043.12, 0.0])

# A band: offset and slope of x, seven coefficients of y, the scale of y.
# fmt: off
_LL2MC = np.array(
    [
        [-0.0015702102444, 111320.7020616939, 1704480524535203.0, -1.033898737604234e+16, 2.611266785660388e+16,
         -3.51496691766537e+16, 2.659570071840392e+16, -1.072501245418824e+16, 1800819912950474.0, 82.5],
        [0.0008277824516172526, 111320.7020463578, 647795574.6671607, -4082003173.641316, 10774905663.51142,
         -15171875531.51559, 12053065338.62167, -5124939663.577472, 913311935.9512032, 67.5],
        [0.00337398766765, 111320.7020202162, 4481351.045890365, -23393751.19931662, 79682215.47186455,
         -115964993.2797253, 97236711.15602145, -43661946.33752821, 8477230.501135234, 52.5],
        [0.00220636496208, 111320.7020209128, 51751.86112841131, 3796837.749470245, 992013.7397791013,
         -1221952.21711287, 1340652.697009075, -620943.6990984312, 144416.9293806241, 37.5],
        [-0.0003441963504368392, 111320.7020576856, 278.2353980772752, 2485758.690035394, 6070.750963243378,
         54821.18345352118, 9540.606633304236, -2710.55326746645, 1405.483844121726, 22.5],
        [-0.0003218135878613132, 111320.7020701615, 0.00369383431289, 823725.6402795718, 0.46104986909093,
         2351.343141331292, 1.58060784298199, 8.77738589078284, 0.37238884252424, 7.45],
    ]
)
_MC2LL = np.array(
    [
        [1.410526172116255e-08, 8.98305509648872e-06, -1.9939833816331, 200.9824383106796, -187.2403703815547,
         91.6087516669843, -23.38765649603339, 2.57121317296198, -0.03801003308653, 17337981.2],
        [-7.435856389565537e-09, 8.983055097726239e-06, -0.78625201886289, 96.32687599759846, -1.85204757529826,
         -59.36935905485877, 47.40033549296737, -16.50741931063887, 2.28786674699375, 10260144.86],
        [-3.030883460898826e-08, 8.98305509983578e-06, 0.30071316287616, 59.74293618442277, 7.357984074871,
         -25.38371002664745, 13.45380521110908, -3.29883767235584, 0.32710905363475, 6856817.37],
        [-1.981981304930552e-08, 8.983055099779535e-06, 0.03278182852591, 40.31678527705744, 0.65659298677277,
         -4.44255534477492, 0.85341911805263, 0.12923347998204, -0.04625736007561, 4482777.06],
        [3.09191371068437e-09, 8.983055096812155e-06, 6.995724062e-05, 23.10934304144901, -0.00023663490511,
         -0.6321817810242, -0.00663494467273, 0.03430082397953, -0.00466043876332, 2555164.4],
        [2.890871144776878e-09, 8.983055095805407e-06, -3.068298e-08, 7.47137025468032, -3.53937994e-06,
         -0.02145144861037, -1.234426596e-05, 0.00010322952773, -3.23890364e-06, 826088.5],
    ]
)
# fmt: on


def to_bd09mc(bd09_lon_deg: npt.ArrayLike, bd09_lat_deg: npt.ArrayLike) -> tuple[F8, F8]:
    """BD-09 degrees as x, y metres of BD09MC, in the shape given; NaN in gives NaN.

    >>> [round(float(c), 3) for c in to_bd09mc(123.0, 45.0)]
    [13692446.351, 5591020.962]
    """
    (lon, lat), shape = shaped(bd09_lon_deg=bd09_lon_deg, bd09_lat_deg=bd09_lat_deg)
    # A band begins above its latitude; the equator itself belongs to the last.
    x, y = _by_band(lon, lat, _LL2MC[_first(np.abs(lat)[:, None] > _LAT_BANDS_DEG)])
    return x.reshape(shape), y.reshape(shape)


def from_bd09mc(x_m: npt.ArrayLike, y_m: npt.ArrayLike) -> tuple[F8, F8]:
    """Metres of BD09MC as BD-09 degrees, in the shape given; NaN in gives NaN."""
    (x, y), shape = shaped(x_m=x_m, y_m=y_m)
    lon, lat = _by_band(x, y, _MC2LL[_first(np.abs(y)[:, None] >= _NORTH_BANDS_M)])
    return lon.reshape(shape), lat.reshape(shape)


def _first(holds: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """The first band that holds in each row; the last where none does."""
    band: npt.NDArray[np.intp] = np.where(holds.any(axis=1), holds.argmax(axis=1), holds.shape[1] - 1)
    return band


def _by_band(x: F8, y: F8, table: F8) -> tuple[F8, F8]:
    scaled = np.abs(y) / table[:, 9]
    height = np.zeros_like(y)
    for k in range(8, 1, -1):
        height = height * scaled + table[:, k]
    return np.copysign(table[:, 0] + table[:, 1] * np.abs(x), x), np.where(y < 0.0, -height, height)
