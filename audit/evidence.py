"""Evidence: canonical text, digests, identity. Identity is not content: a late fix changes the digest, not the id."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from shapely import LineString, MultiLineString, Point
from shapely.geometry.base import BaseGeometry

from audit.finding import Observation, RowSpan
from trajectories.fleet import Track

Trace = Callable[[Any], list[tuple[str, int, int, int]]]
"""Sorted running row numbers to (file, first row, last row, number of them), one entry a file."""

DECIMALS = 6
_LINE_VERTICES = 2000


def canonical(value: Any) -> Any:
    """Return a JSON-ready value without platform noise: floats rounded, keys sorted, numpy scalars plain.

    >>> canonical({"b": np.float32(0.5), "a": float("nan")})
    {'a': None, 'b': 0.5}
    """
    if isinstance(value, Mapping):
        return {str(k): canonical(value[k]) for k in sorted(value, key=str)}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple, np.ndarray)):
        return [canonical(v) for v in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return round(number, DECIMALS) + 0.0 if math.isfinite(number) else None
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None else str(value)


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    text = json.dumps(canonical(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def finding_id(service_date: date, rule: str, holder: str | None, seen: Observation, ordinal: int) -> str:
    """Return the id of a matter: a hash of day, rule, vehicle or feed, person, trainee, session or else the ordinal.

    `ordinal` counts the stretches of one car and rule on the day from 0; with a session or a trainee it is added only
    from the second stretch of that session on.
    """
    named = [seen.person_id, seen.trainee_id, seen.session_id]
    key: list[str | int | None] = [service_date.isoformat(), rule, holder, *named]
    if ordinal or not any(named):
        key.append(ordinal)
    return "F" + digest(key)[:20]


def track_line(track: Track | None, rows: Sequence[tuple[int, int]], ok: Any, gap_ms: int) -> BaseGeometry | None:
    """Return the part of a track (row ranges from its first fix) as lines, cut at silences; None without fixes."""
    if track is None:
        return None
    parts = []
    for start, stop in rows:
        keep = start + np.flatnonzero(ok[start:stop])
        cuts = np.flatnonzero(np.diff(track.t_ms[keep]) > gap_ms) + 1
        parts += [p for p in np.split(keep, cuts) if len(p)]
    lines = [_line(track, p) for p in parts if len(p) > 1]
    if not lines:
        return _point(track, parts[0][0]) if parts else None
    return lines[0] if len(lines) == 1 else MultiLineString(lines)


def _point(track: Track, row: int) -> Point:
    return Point(round(float(track.lon_deg[row]), 7), round(float(track.lat_deg[row]), 7))


def _line(track: Track, rows: Any) -> LineString:
    step = max(1, -(-len(rows) // _LINE_VERTICES))
    thin = np.append(rows[:-1:step], rows[-1])
    return LineString(np.round(np.column_stack([track.lon_deg[thin], track.lat_deg[thin]]), 7))


def row_inputs(
    track: Track | None, rows: Sequence[RowSpan], trace: Trace, sha256: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return which files and rows a finding rests on: file, its digest, first and last row, number of fixes."""
    out: list[dict[str, Any]] = []
    if track is None:
        return out
    for span in rows:
        out += [
            {"file": file, "sha256": sha256.get(file), "rows": [first, last], "fixes": n, "shows": span.note}
            for file, first, last, n in trace(np.sort(track.source[span.start : span.stop]))
        ]
    return out
