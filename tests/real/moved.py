"""Real vehicles taken to a Chinese city, where a wrong datum moves them, and sent in one datum but declared in another.

The set is moved rigidly in local metres, zones likewise, so that nothing changes but where on earth it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from geo.datum import Datum, from_wgs84
from geo.plane import LocalPlane
from tests.real.bundles import City

JINAN_DEG = (117.0, 36.65)


def taken_to(city: City, lon_deg: float, lat_deg: float) -> City:
    """The same city around another middle: tracks and zones in the metres of one plane, read in those of another."""
    here = LocalPlane(float(city.tracks.lon.median()), float(city.tracks.lat.median()))
    there = LocalPlane(lon_deg, lat_deg)
    lon, lat = there.to_degrees(*here.to_metres(city.tracks.lon.to_numpy(), city.tracks.lat.to_numpy()))
    zones = [zone | {"geometry": _carried(zone["geometry"], here, there)} for zone in city.zones]
    return replace(city, tracks=city.tracks.assign(lon=lon, lat=lat), zones=zones)


def sent_as(city: City, truly: Datum, declared: Datum) -> City:
    """The same city whose feed sends its positions in one datum and is declared in another."""
    lon, lat = from_wgs84(city.tracks.lon.to_numpy(), city.tracks.lat.to_numpy(), truly)
    return replace(city, tracks=city.tracks.assign(lon=lon, lat=lat), declared=str(declared))


def _carried(geometry: dict[str, Any], here: LocalPlane, there: LocalPlane) -> dict[str, Any]:
    points = np.array(geometry["coordinates"] if geometry["type"] == "LineString" else geometry["coordinates"][0])
    lon, lat = there.to_degrees(*here.to_metres(points[:, 0], points[:, 1]))
    moved = np.column_stack([lon, lat]).tolist()
    return geometry | {"coordinates": moved if geometry["type"] == "LineString" else [moved]}
