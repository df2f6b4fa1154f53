"""Feeds of OGC Moving Features JSON (OGC 19-045r3), one file a terminal: `TERMINAL.json` or `TERMINAL.mfjson`.

Both encodings are read: Prism (`temporalGeometry`, a MovingPoint or a collection of them) and Trajectory (a LineString
with `properties.datetimes`), in a Feature or a FeatureCollection. A row is a position, counted through the file. Speeds
and headings come from `temporalProperties` where they have a value at the very time of a position; nothing is
interpolated. Times are ISO 8601 text or ms since 1970. A CRS that is more than the default wins over the feed's datum.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any

import numpy as np

from feeds.crs_names import CrsFault, stated_crs
from feeds.track_crs import positions_to_wgs84
from feeds.track_files import FileFeed, FileRows, NotTheFormat, Refused, TerminalFile
from feeds.track_rows import KMH_PER_MPS, FieldNames, PointColumns, flagged, numbers_of, times_of
from feeds.track_table import Mask
from feeds.track_times import T_BAD, parse_iso_list_naive
from geo.datum import Datum
from trajectories.clock import LocalTime
from trajectories.fleet import F8, I8, Flag

NAMES = FieldNames("", "datetimes", "coordinates", "coordinates")
KMH_OF = {"KMH": 1.0, "KM/H": 1.0, "MTS": KMH_PER_MPS, "M/S": KMH_PER_MPS, "KNT": 1.852}
"""Units of a speed, as UN/CEFACT and UCUM name them."""
DEGREES = ("DD", "DEG", "")
DEEPEST = 8
"""Collections within one another."""


@dataclass(frozen=True, slots=True)
class Run:
    """The positions of one moving point as they stand in the file."""

    times: list[Any]
    places: list[Any]
    properties: list[Any]
    crs: str | None


class MfJsonFeed(FileFeed):
    """A feed of `TERMINAL.json` or `TERMINAL.mfjson`."""

    suffixes = (".mfjson", ".json")
    bytes_per_row = 90

    def parse(self, data: bytes, file: TerminalFile) -> FileRows:
        """Return the positions of a document."""
        runs = _runs(_document(self.text(data, file)))
        points, naive, found, row, refused = self._columns(runs, file)
        if naive.any():
            self.context.ledger.warn(f"{file.relative}: times without an offset, read as {self.context.local.name}")
        crs = _one_crs(runs)
        if crs is not None:
            try:
                way = positions_to_wgs84(crs, self.context, file.relative)
            except CrsFault as fault:
                raise NotTheFormat(str(fault)) from fault
            lon_deg, lat_deg = way(points.lon_deg, points.lat_deg)
            points = replace(points, lon_deg=lon_deg, lat_deg=lat_deg)
        datum = None if crs is None else Datum.WGS84
        return FileRows(len(row) + len(refused), points, NAMES, found, row, refused, datum)

    def _columns(
        self, runs: Sequence[Run | str], file: TerminalFile
    ) -> tuple[PointColumns, Mask, Callable[[str, int], str], I8, list[Refused]]:
        """Return the columns of all runs, which times had no offset, the texts, row numbers and what is no run."""
        pairs: list[tuple[Any, Any]] = []
        parts: list[tuple[I8, Mask, F8, F8]] = []
        rows: list[range] = []
        refused: list[Refused] = []
        first = 1
        for run in runs:
            if isinstance(run, str):
                refused.append(Refused(first, "not-a-moving-point", "type", run))
                first += 1
                continue
            own = list(zip_longest(run.times, run.places))
            t_ms, naive = _times([time for time, _ in own], self.context.local)
            parts.append((t_ms, naive, *self._speed_heading(run, t_ms, file)))
            rows.append(range(first, first + len(own)))
            pairs += own
            first += len(own)
        lon_deg, lat_deg = _positions([place for _, place in pairs])
        empty = (np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros(0), np.zeros(0))
        t_ms, naive, speed, heading = (np.concatenate(column) for column in zip(empty, *parts, strict=True))
        flags = flagged(naive, Flag.NO_TIME_ZONE)
        points = PointColumns(t_ms, lon_deg, lat_deg, speed, heading, flags=flags)

        def found(name: str, i: int) -> str:
            value = pairs[i][0 if name == NAMES.time else 1]
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

        return points, naive, found, np.fromiter(chain(*rows), np.int64), refused

    def _speed_heading(self, run: Run, t_ms: I8, file: TerminalFile) -> tuple[F8, F8]:
        """Return speeds in km/h and headings in degrees at the times of a run, NaN where none is told."""
        columns = {"speed": np.full(len(t_ms), np.nan), "heading": np.full(len(t_ms), np.nan)}
        for group in run.properties:
            if not isinstance(group, dict) or not isinstance(group.get("datetimes"), list):
                continue
            their_ms, _ = _times(group["datetimes"], self.context.local)
            for name, column in columns.items():
                values = group.get(name)
                if not isinstance(values, dict) or not isinstance(values.get("values"), list):
                    continue
                unit = str(values.get("form") or values.get("uom") or "").strip().upper()
                factor = KMH_OF.get(unit) if name == "speed" else 1.0 if unit in DEGREES else None
                if factor is None:
                    text = f"{name} has a unit we do not know ({unit[:20] or 'none'}); taken as missing"
                    self.context.ledger.warn(f"{file.relative}: {text}")
                    continue
                _fill(column, t_ms, their_ms, numbers_of(values["values"]) * factor)
        return columns["speed"], columns["heading"]


def _fill(column: F8, t_ms: I8, their_ms: I8, values: F8) -> None:
    """Put values at the times they were measured at."""
    n = min(len(their_ms), len(values))
    order = np.argsort(their_ms[:n], kind="stable")
    their_ms, values = their_ms[:n][order], values[:n][order]
    if not n:
        return
    at = np.minimum(np.searchsorted(their_ms, t_ms), n - 1)
    same = (their_ms[at] == t_ms) & (t_ms != T_BAD)
    column[same] = values[at[same]]


def _document(text: str) -> dict[str, Any]:
    try:
        root = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotTheFormat(f"not JSON: {str(error)[:80]}" if text.strip() else "an empty file") from error
    if not isinstance(root, dict):
        raise NotTheFormat("not Moving Features JSON: no object")
    return root


def _runs(root: dict[str, Any]) -> list[Run | str]:
    """Return the moving points of a document, and the type of what is none."""
    features = root.get("features") if root.get("type") == "FeatureCollection" else [root]
    if not isinstance(features, list):
        raise NotTheFormat("not Moving Features JSON: its features are not a list")
    crs = stated_crs(root)
    return [run for feature in features for run in _of_feature(feature, crs)]


def _one_crs(runs: Sequence[Run | str]) -> str | None:
    stated = {run.crs for run in runs if isinstance(run, Run)}
    if len(stated) > 1:
        raise NotTheFormat(f"states several CRSs: {', '.join(sorted(str(name) for name in stated))[:60]}")
    return next(iter(stated), None)


def _of_feature(feature: object, crs: str | None) -> Iterator[Run | str]:
    if not isinstance(feature, dict):
        yield "not an object"
        return
    crs = stated_crs(feature) or crs
    properties = feature.get("temporalProperties")
    properties = properties if isinstance(properties, list) else []
    moving = feature.get("temporalGeometry")
    still, told = feature.get("geometry"), feature.get("properties")
    if moving is None and isinstance(told, dict) and "datetimes" in told and isinstance(still, dict):
        moving = {**still, "datetimes": told["datetimes"]}
    elif moving is None:
        moving = feature  # a geometry by itself
    yield from _of_geometry(moving, properties, crs, 0)


def _of_geometry(moving: object, properties: list[Any], crs: str | None, depth: int) -> Iterator[Run | str]:
    if not isinstance(moving, dict) or depth > DEEPEST:
        yield "not an object" if depth <= DEEPEST else "collections within one another"
        return
    crs = stated_crs(moving) or crs
    for member in ("prisms", "sequences"):
        if isinstance(moving.get(member), list):
            for part in moving[member]:
                kind = {"type": moving.get("type")} if member == "sequences" else {}
                yield from _of_geometry(
                    {**kind, **part} if isinstance(part, dict) else part, properties, crs, depth + 1
                )
            return
    times, places = moving.get("datetimes"), moving.get("coordinates")
    if moving.get("type") not in ("MovingPoint", "LineString") or not isinstance(places, list):
        yield str(moving.get("type"))[:40]
    else:
        yield Run(times if isinstance(times, list) else [], places, properties, crs)


def _times(times: list[Any], local: LocalTime) -> tuple[I8, Mask]:
    """Return ms UTC of texts or ms since 1970, and which had no offset."""
    t_ms, naive = parse_iso_list_naive(times, local)
    if all(isinstance(time, str) for time in times):
        return t_ms, naive
    is_text = np.array([isinstance(time, str) for time in times], np.bool_)
    numbers = times_of(numbers_of([None if isinstance(time, str) else time for time in times]), 1)
    return np.where(is_text, t_ms, numbers), naive


def _positions(places: list[Any]) -> tuple[F8, F8]:
    pairs = [place[:2] if isinstance(place, list) and len(place) > 1 else (None, None) for place in places]
    return numbers_of([lon for lon, _ in pairs]), numbers_of([lat for _, lat in pairs])
