"""Amap's answers to `terminal/trsearch`: positions "lng,lat" in a string, times in ms, speeds in km/h.

Points uploaded without an accuracy or a direction come back with accuracy 550.0 and direction 511.0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from feeds.track_pages import (
    Dialect,
    NotAnAnswer,
    PointRun,
    ProviderError,
    field_of,
    supplemented,
    whole_number,
)
from feeds.track_rows import FieldNames, PointColumns, numbers_of, times_of
from trajectories.fleet import F8

OK = 10000
NO_ACCURACY_M = 550.0
NO_DIRECTION = 511.0
RETRY_LATER = frozenset({10004, 10010, 10014, 10015, 10016, 10017, 20003})
RETRY_TOMORROW = frozenset({10003})
ABOUT_THE_TERMINAL = frozenset({"20010", "20051"})
"""Codes that say nothing of other terminals."""


def answer(document: Any) -> list[PointRun]:
    """Return the tracks of a page; raises `ProviderError` or `NotAnAnswer`.

    >>> answer({"errcode": 10000, "errmsg": "OK", "data": None})
    []
    """
    if not isinstance(document, dict) or "errcode" not in document:
        raise NotAnAnswer("no object with an errcode")
    code = whole_number(document["errcode"])
    if code != OK:
        raise ProviderError(str(document["errcode"])[:20], _message(document), advice(code))
    data = document.get("data")
    if data is None:
        return []
    tracks = data.get("tracks") if isinstance(data, dict) else False
    if tracks is None:
        return []
    if not isinstance(tracks, list):
        raise NotAnAnswer("data.tracks is not a list")
    return [_run(track) for track in tracks if track is not None]


def _message(document: dict[str, Any]) -> str:
    parts = (document.get("errmsg"), document.get("errdetail"))
    return " ".join(str(part)[:80] for part in parts if part)


def advice(code: int | None) -> str:
    """Say whether asking again helps.

    >>> advice(10014), advice(20050)
    ('retryable', 'not retryable')
    """
    if code in RETRY_TOMORROW:
        return "retryable tomorrow"
    return "retryable" if code in RETRY_LATER else "not retryable"


def _run(track: Any) -> PointRun:
    if not isinstance(track, dict):
        raise NotAnAnswer("a track is not an object")
    points = track.get("points")
    if points is None:
        points = []
    if not isinstance(points, list):
        raise NotAnAnswer("a track's points are not a list")
    return PointRun(str(track.get("trid")), whole_number(track.get("counts")), points)


def columns(points: list[dict[str, Any]]) -> PointColumns:
    """Return the columns of a list of points."""
    lon_deg, lat_deg = _positions(field_of(points, "location"))
    heading_deg = numbers_of(field_of(points, "direction"))
    accuracy_m = numbers_of(field_of(points, "accuracy"))
    return PointColumns(
        times_of(numbers_of(field_of(points, "locatetime")), 1),
        lon_deg,
        lat_deg,
        numbers_of(field_of(points, "speed")),
        np.where(heading_deg == NO_DIRECTION, np.nan, heading_deg),
        np.where(accuracy_m == NO_ACCURACY_M, np.nan, accuracy_m),
        flags=supplemented(points),
    )


def _positions(locations: list[Any]) -> tuple[F8, F8]:
    try:
        pairs = [location.split(",") for location in locations]
        both = np.array([[float(lon), float(lat)] for lon, lat in pairs], np.float64).reshape(-1, 2)
    except (AttributeError, ValueError):
        both = np.array([_position(location) for location in locations], np.float64).reshape(-1, 2)
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])


def _position(location: Any) -> tuple[float, float]:
    parts = location.split(",") if isinstance(location, str) else location
    if not isinstance(parts, list) or len(parts) != 2:
        return np.nan, np.nan
    lon, lat = numbers_of(parts)
    return float(lon), float(lat)


AMAP = Dialect(answer, columns, FieldNames("", "locatetime", "location", "location"))
