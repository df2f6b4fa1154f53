"""Baidu's answers to `track/gettrack`: times in s, speeds in km/h, and when the point reached the provider.

`create_time` is text in China's local time; create_time - loc_time is the delay of the upload.
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
from feeds.track_rows import FieldNames, PointColumns, flagged, numbers_of, times_of
from feeds.track_times import T_BAD, parse_iso_list
from trajectories.clock import LocalTime
from trajectories.fleet import I4, I8, LAG_UNKNOWN, U4, Flag

PROVIDER_TIME = LocalTime("Asia/Shanghai")
LATE_MS = 600_000
"""A point that reached the provider more than 10 minutes after it was measured is labelled late."""

RETRY_LATER = frozenset({1, 401, 402})
RETRY_TOMORROW = frozenset({302})
ABOUT_THE_TERMINAL = frozenset({"3003"})
"""Codes that say nothing of other terminals."""


def answer(document: Any) -> list[PointRun]:
    """Return the points of a page as one run; raises `ProviderError` or `NotAnAnswer`.

    >>> answer({"status": 0, "message": "成功", "total": 0, "size": 0, "points": []})
    [PointRun(key='', declared=0, points=[])]
    """
    if not isinstance(document, dict) or "status" not in document:
        raise NotAnAnswer("no object with a status")
    code = whole_number(document["status"])
    if code != 0:
        raise ProviderError(str(document["status"])[:20], str(document.get("message") or "")[:80], advice(code))
    points = document.get("points")
    if points is None:
        points = []
    if not isinstance(points, list):
        raise NotAnAnswer("points are not a list")
    size = whole_number(document.get("size"))
    total = whole_number(document.get("total"))
    if size is not None and size > len(points):  # the page itself lost points
        total = max(total or 0, size)
    return [PointRun("", total, points)]


def advice(code: int | None) -> str:
    """Say whether asking again helps.

    >>> advice(302), advice(3003)
    ('retryable tomorrow', 'not retryable')
    """
    if code in RETRY_TOMORROW:
        return "retryable tomorrow"
    return "retryable" if code in RETRY_LATER else "not retryable"


def columns(points: list[dict[str, Any]]) -> PointColumns:
    """Return the columns of a list of points."""
    t_ms = times_of(numbers_of(field_of(points, "loc_time")), 1000)
    lag_ms = _lag_ms(t_ms, field_of(points, "create_time"))
    flags = flagged(lag_ms > LATE_MS, Flag.LATE)
    marked: U4 | None = supplemented(points)
    return PointColumns(
        t_ms,
        numbers_of(field_of(points, "longitude")),
        numbers_of(field_of(points, "latitude")),
        numbers_of(field_of(points, "speed")),
        numbers_of(field_of(points, "direction")),
        numbers_of(field_of(points, "radius")),
        lag_ms,
        flags if marked is None else flags | marked,
    )


def _lag_ms(t_ms: I8, create_times: list[Any]) -> I4:
    """Return the delays, clipped to what int32 holds besides `LAG_UNKNOWN`."""
    created_ms = parse_iso_list(create_times, PROVIDER_TIME)
    known = (created_ms != T_BAD) & (t_ms != T_BAD)
    lag_ms = np.where(known, created_ms, 0) - np.where(known, t_ms, 0)
    limit = -LAG_UNKNOWN - 1
    return np.where(known, np.clip(lag_ms, -limit, limit), LAG_UNKNOWN).astype(np.int32)


BAIDU = Dialect(answer, columns, FieldNames("", "loc_time", "longitude", "latitude"))
