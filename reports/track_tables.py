"""One vehicle's service day as tables for analysts: its fixes with everything known of each, spans, stops, trainings,
and the places in force.

All tables have a column `geometry`: WKB in longitude, latitude (WGS-84). No column is about a person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from audit.day import VehicleDay
from reports.plain import optional, storable
from trajectories.clock import LocalTime
from trajectories.fleet import F8, I8, LAG_UNKNOWN, U4, Flag, Track
from trajectories.spans import Activity, SpanKind
from zones.zone import Zone

Trace = Callable[[U4], list[tuple[str, int, int, int]]]
"""For sorted source numbers, file by file: file, first and last row (from 1), how many (see `SourceFiles.trace`)."""
Rows = list[dict[str, Any]]

UTC_MS = pa.timestamp("ms", tz="UTC")
FLAG_COLUMNS = {flag: f"flag_{str(flag.name).lower()}" for flag in Flag}
KIND_NAMES = {kind: kind.name.lower() for kind in SpanKind}
ACTIVITY_NAMES = {activity: activity.name.lower().replace("_", "-") for activity in Activity}
_OFFSET_CHANGES_AT_MS = 900_000  # every change of a local offset lies at a full quarter of an hour UTC
_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("lon", "<f8"), ("lat", "<f8")])  # WKB: ISO 19125-1, 8.2

FIXES = pa.schema(
    [
        ("vehicle_id", pa.string()), ("time", UTC_MS), ("time_local", pa.string()), ("lon_deg", pa.float64()),
        ("lat_deg", pa.float64()), ("speed_mps", pa.float32()), ("heading_deg", pa.float32()),
        ("accuracy_m", pa.float32()), ("lag_ms", pa.int32()), ("usable", pa.bool_()),
        *((name, pa.bool_()) for name in FLAG_COLUMNS.values()),
        ("span", pa.int32()), ("span_kind", pa.string()), ("piece", pa.int32()), ("stop", pa.int32()),
        ("training", pa.int32()), ("activity", pa.string()), ("training_p", pa.float64()),
        ("zones", pa.list_(pa.string())), ("file", pa.string()), ("row", pa.int32()), ("geometry", pa.binary()),
    ]
)  # fmt: skip
_WHEN = [("start", UTC_MS), ("end", UTC_MS), ("start_local", pa.string()), ("end_local", pa.string())]
SPANS = pa.schema(
    [
        ("vehicle_id", pa.string()), ("span", pa.int32()), ("kind", pa.string()), ("piece", pa.int32()), *_WHEN,
        ("duration_s", pa.float64()), ("n_fixes", pa.int32()), ("n_usable", pa.int32()), ("length_m", pa.float64()),
        ("geometry", pa.binary()),
    ]
)  # fmt: skip
STOPS = pa.schema(
    [
        ("vehicle_id", pa.string()), ("stop", pa.int32()), ("span", pa.int32()), *_WHEN, ("duration_s", pa.float64()),
        ("n_fixes", pa.int32()), ("n_usable", pa.int32()), ("zones", pa.list_(pa.string())), ("geometry", pa.binary()),
    ]
)  # fmt: skip
TRAININGS = pa.schema(
    [
        ("vehicle_id", pa.string()), ("training", pa.int32()), ("activity", pa.string()), ("p", pa.float64()), *_WHEN,
        ("duration_s", pa.float64()), ("path_m", pa.float64()), ("zone_id", pa.string()), ("geometry", pa.binary()),
    ]
)  # fmt: skip
ZONES = pa.schema(
    [
        ("zone_id", pa.string()), ("kind", pa.string()), ("name", pa.string()), ("school_ids", pa.list_(pa.string())),
        ("parts", pa.list_(pa.int32())), ("vehicle_classes", pa.list_(pa.string())), ("width_m", pa.float64()),
        ("valid_from", pa.date32()), ("valid_to", pa.date32()), ("approval_no", pa.string()), ("geometry", pa.binary()),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrackTables:
    """A vehicle's service day.

    `fixes`: one row a fix, in time order; `span`, `stop` and `training` count from 1 and point into the other tables.
    `piece` counts the parts between silences. `spans`: moving, standing and gap; a gap has no fix, and its geometry is
    the two points at which the vehicle was last and first heard, never a line between them. `stops`: the standing
    spans. `trainings`: as the audit finds them; two may overlap, and a fix then points to the likelier one.
    `zones`: all places in force that day, as approved; in the fixes and stops, those they lie in, without any margin.
    """

    vehicle_id: str
    service_date: date
    local: LocalTime
    fixes: pa.Table
    spans: pa.Table
    stops: pa.Table
    trainings: pa.Table
    zones: pa.Table


def track_tables(day: VehicleDay, trace: Trace) -> TrackTables:
    """Return the tables of a vehicle that has at least one fix that day (else ValueError)."""
    if day.track is None:
        raise ValueError(f"{day.vehicle.vehicle_id!r} has no fix on {day.day.date}: there is nothing to put in tables")
    drawn = _Drawn(day, day.track)
    return TrackTables(
        day.vehicle.vehicle_id,
        day.day.date,
        day.day.local,
        _fixes(drawn, trace),
        pa.Table.from_pylist(_spans(drawn), SPANS),
        pa.Table.from_pylist(_stops(drawn), STOPS),
        pa.Table.from_pylist(_trainings(drawn), TRAININGS),
        zone_table(day.places.zones),
    )


class _Drawn:
    """A vehicle's day with what several tables need; rows count from the track's first fix."""

    def __init__(self, day: VehicleDay, track: Track) -> None:
        self.day, self.track = day, track
        self.vehicle_id = storable(day.vehicle.vehicle_id)
        spans = day.spans
        self.kind = spans.kind
        self.start, self.stop = spans.start - track.start, spans.stop - track.start
        self.start_ms, self.end_ms = spans.start_ms, spans.end_ms
        is_gap = self.kind == SpanKind.GAP
        self.piece_of_span = 1 + np.cumsum(is_gap)
        self.stop_of_span = np.where(self.kind == SpanKind.STANDING, np.cumsum(self.kind == SpanKind.STANDING), 0)
        self.usable = np.flatnonzero(day.columns.ok)
        self.zone_ids = np.array([storable(z.zone_id) for z in day.places.zones], dtype=object)

    def span_of_fix(self) -> I8:
        """Return each fix's span, from 0."""
        sizes = self.stop - self.start
        return np.repeat(np.arange(len(sizes)), sizes)

    def usable_in(self, start: int, stop: int) -> I8:
        """Return the usable rows of a half-open row range."""
        lo, hi = np.searchsorted(self.usable, [start, stop])
        return self.usable[lo:hi]

    def lonlat(self, rows: I8) -> F8:
        """Return positions, shape (n, 2)."""
        return np.column_stack([self.track.lon_deg[rows], self.track.lat_deg[rows]])

    def path_rows(self, s: int) -> I8:
        """Return the usable rows of a span's path: its own, and the first of the span it lasts until."""
        until = self.stop[s]
        if s + 1 < len(self.kind) and self.kind[s + 1] != SpanKind.GAP:
            following = self.usable_in(self.start[s + 1], self.stop[s + 1])
            until = following[0] + 1 if len(following) else until
        return self.usable_in(self.start[s], until)

    def length_m(self, rows: I8) -> float:
        """Return the length of the path over some rows."""
        c = self.day.columns
        return float(np.hypot(np.diff(c.east_m[rows]), np.diff(c.north_m[rows])).sum())

    def middle(self, rows: I8) -> F8 | None:
        """Return the position (1, 2) where a vehicle stood: the median of its usable fixes, None without any."""
        return np.median(self.lonlat(rows), axis=0)[None] if len(rows) else None

    def ends_of_gap(self, s: int) -> I8:
        """Return the last usable row before a gap and the first after it."""
        i = np.searchsorted(self.usable, self.start[s])
        return self.usable[max(i - 1, 0) : i + 1]

    def when(self, start_ms: int, end_ms: int) -> dict[str, Any]:
        """Return the columns that say from when to when."""
        local = self.day.day.local
        return {
            "start": start_ms,
            "end": end_ms,
            "start_local": local.iso(start_ms),
            "end_local": local.iso(end_ms),
            "duration_s": (end_ms - start_ms) / 1000,
        }

    def zones_at(self, lonlat: F8) -> pa.Array:
        """Return for each position (n, 2) the zone_ids of the places it lies in, as approved."""
        rows, zones = self.day.places.match_true(*self.day.places.plane.to_metres(lonlat[:, 0], lonlat[:, 1]))
        order = np.lexsort((zones, rows))
        offsets = np.searchsorted(rows[order], np.arange(len(lonlat) + 1))
        ids = pa.array(self.zone_ids[zones[order]], pa.string())
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), ids)


# ---------------------------------------------------------------- the fixes
def _fixes(drawn: _Drawn, trace: Trace) -> pa.Table:
    track, span = drawn.track, drawn.span_of_fix()
    n = len(track)
    lag_ms = track.fleet.lag_ms[track.start : track.stop]
    file, row = _sources(track.source, trace)
    columns: dict[str, pa.Array] = {
        "vehicle_id": pa.repeat(pa.scalar(drawn.vehicle_id), n),
        "time": pa.array(track.t_ms, UTC_MS),
        "time_local": pa.array(local_texts(track.t_ms, drawn.day.day.local), pa.string()),
        "lon_deg": pa.array(track.lon_deg),
        "lat_deg": pa.array(track.lat_deg),
        "speed_mps": _known(track.speed_mps),
        "heading_deg": _known(track.heading_deg),
        "accuracy_m": _known(track.accuracy_m),
        "lag_ms": pa.array(lag_ms, mask=lag_ms == LAG_UNKNOWN),
        "usable": pa.array(drawn.day.columns.ok),
        **{name: pa.array((track.flags & np.uint32(flag)) != 0) for flag, name in FLAG_COLUMNS.items()},
        "span": pa.array(span + 1, pa.int32()),
        "span_kind": _named(drawn.kind[span], KIND_NAMES),
        "piece": pa.array(drawn.piece_of_span[span], pa.int32()),
        "stop": _counted(drawn.stop_of_span[span]),
        **_training_columns(drawn, n),
        "zones": drawn.zones_at(drawn.lonlat(np.arange(n))),
        "file": file,
        "row": row,
        "geometry": wkb_points(track.lon_deg, track.lat_deg),
    }
    return pa.table(columns, FIXES)


def _known(column: npt.NDArray[np.float32]) -> pa.Array:
    return pa.array(column, mask=np.isnan(column))


def _counted(numbers: I8) -> pa.Array:
    return pa.array(numbers, pa.int32(), mask=numbers == 0)


def _named(codes: npt.NDArray[np.integer[Any]], names: dict[Any, str], mask: Any = None) -> pa.Array:
    table = np.empty(max(names) + 1, dtype=object)
    for code, name in names.items():
        table[code] = name
    return pa.array(table[codes], pa.string(), mask=mask)


def _training_columns(drawn: _Drawn, n: int) -> dict[str, pa.Array]:
    """Where two trainings overlap, a fix belongs to the likelier one."""
    number, activity, p = np.zeros(n, np.int64), np.zeros(n, np.uint8), np.zeros(n)
    found = list(enumerate(drawn.day.trainings, 1))
    for i, t in sorted(found, key=lambda pair: pair[1].p):
        number[t.start : t.stop], activity[t.start : t.stop], p[t.start : t.stop] = i, t.activity, t.p
    return {
        "training": _counted(number),
        "activity": _named(activity, ACTIVITY_NAMES, number == 0),
        "training_p": pa.array(p, mask=number == 0),
    }


def _sources(source: U4, trace: Trace) -> tuple[pa.Array, pa.Array]:
    """Return the file and the row (from 1) of each fix."""
    order = np.argsort(source, kind="stable")
    file, row = np.empty(len(source), dtype=object), np.empty(len(source), np.int32)
    done = 0
    for name, first, _, count in trace(source[order]):
        rows = order[done : done + count]
        file[rows] = storable(name)
        row[rows] = (source[rows] - source[rows[0]]).astype(np.int32) + first
        done += count
    return pa.array(file, pa.string()), pa.array(row)


def local_texts(t_ms: I8, local: LocalTime) -> npt.NDArray[np.str_]:
    """Return ISO 8601 local times with offset and milliseconds, shape (n,).

    >>> local_texts(np.array([1773806400000, 1773806400500]), LocalTime("Asia/Shanghai")).tolist()
    ['2026-03-18T12:00:00.000+08:00', '2026-03-18T12:00:00.500+08:00']
    """
    quarters, ix = np.unique(t_ms // _OFFSET_CHANGES_AT_MS, return_inverse=True)
    moments = [local.moment(int(q) * _OFFSET_CHANGES_AT_MS) for q in quarters]
    shift_ms = np.array([round((m.utcoffset() or m - m).total_seconds() * 1000) for m in moments], np.int64)
    suffix = np.array([m.isoformat()[19:] for m in moments], dtype=np.str_)
    clock = np.datetime_as_string((t_ms + shift_ms[ix]).astype("datetime64[ms]"), unit="ms")
    return np.char.add(clock, suffix[ix])


def wkb_points(lon_deg: F8, lat_deg: F8) -> pa.Array:
    """Return points as WKB, little-endian, without an object for each.

    >>> shapely.from_wkb(wkb_points(np.array([113.5]), np.array([34.25]))[0].as_py())
    <POINT (113.5 34.25)>
    """
    points = np.empty(len(lon_deg), dtype=_POINT)
    points["order"], points["type"], points["lon"], points["lat"] = 1, 1, lon_deg, lat_deg
    fixed = pa.Array.from_buffers(pa.binary(_POINT.itemsize), len(points), [None, pa.py_buffer(points.tobytes())])
    return fixed.cast(pa.binary())


# ---------------------------------------------------------------- spans, stops, trainings, places
def _spans(drawn: _Drawn) -> Rows:
    return [
        {
            "vehicle_id": drawn.vehicle_id,
            "span": s + 1,
            "kind": KIND_NAMES[SpanKind(int(drawn.kind[s]))],
            # A gap belongs to the piece that it ends.
            "piece": int(drawn.piece_of_span[s]) - int(drawn.kind[s] == SpanKind.GAP),
            **drawn.when(int(drawn.start_ms[s]), int(drawn.end_ms[s])),
            "n_fixes": int(drawn.stop[s] - drawn.start[s]),
            "n_usable": len(drawn.usable_in(drawn.start[s], drawn.stop[s])),
            "length_m": drawn.length_m(drawn.path_rows(s)) if drawn.kind[s] == SpanKind.MOVING else None,
            "geometry": _span_shape(drawn, s),
        }
        for s in range(len(drawn.kind))
    ]


def _span_shape(drawn: _Drawn, s: int) -> bytes | None:
    match SpanKind(int(drawn.kind[s])):
        case SpanKind.MOVING:
            return _line(drawn.lonlat(drawn.path_rows(s)))
        case SpanKind.STANDING:
            return _line(drawn.middle(drawn.usable_in(drawn.start[s], drawn.stop[s])))
        case SpanKind.GAP:
            ends = drawn.lonlat(drawn.ends_of_gap(s))
            return _wkb(shapely.MultiPoint(ends)) if len(ends) else None


def _line(lonlat: npt.NDArray[Any] | None) -> bytes | None:
    """Return a line; a point where there is one position, None where there is none."""
    if lonlat is None or not len(lonlat):
        return None
    return _wkb(shapely.LineString(lonlat) if len(lonlat) > 1 else shapely.Point(lonlat[0]))


def _wkb(shape: Any) -> bytes:
    return bytes(shapely.to_wkb(shape, byte_order=1))


def _stops(drawn: _Drawn) -> Rows:
    out: Rows = []
    for s in np.flatnonzero(drawn.kind == SpanKind.STANDING).tolist():
        rows = drawn.usable_in(drawn.start[s], drawn.stop[s])
        middle = drawn.middle(rows)
        out.append(
            {
                "vehicle_id": drawn.vehicle_id,
                "stop": len(out) + 1,
                "span": s + 1,
                **drawn.when(int(drawn.start_ms[s]), int(drawn.end_ms[s])),
                "n_fixes": int(drawn.stop[s] - drawn.start[s]),
                "n_usable": len(rows),
                "zones": [] if middle is None else drawn.zones_at(middle)[0].as_py(),
                "geometry": _line(middle),
            }
        )
    return out


def _trainings(drawn: _Drawn) -> Rows:
    return [
        {
            "vehicle_id": drawn.vehicle_id,
            "training": i,
            "activity": ACTIVITY_NAMES[t.activity],
            "p": t.p,
            **drawn.when(t.start_ms, t.end_ms),
            "path_m": t.path_m,
            "zone_id": None if t.zone_ix is None else drawn.zone_ids[t.zone_ix],
            "geometry": _line(drawn.lonlat(drawn.usable_in(t.start, t.stop))),
        }
        for i, t in enumerate(drawn.day.trainings, 1)
    ]


def zone_table(zones: Sequence[Zone]) -> pa.Table:
    """Return places as approved; a null list means all, an empty one none."""
    rows = [
        {
            "zone_id": storable(z.zone_id),
            "kind": z.kind.value,
            "name": storable(z.name),
            "school_ids": _listed(z.school_ids),
            "parts": None if z.parts is None else sorted(z.parts),
            "vehicle_classes": _listed(z.vehicle_classes),
            "width_m": z.width_m,
            "valid_from": z.valid_from,
            "valid_to": z.valid_to,
            "approval_no": optional(z.approval_no),
            "geometry": _wkb(z.geometry),
        }
        for z in zones
    ]
    return pa.Table.from_pylist(rows, ZONES)


def _listed(texts: frozenset[str] | None) -> list[str] | None:
    return None if texts is None else sorted(map(storable, texts))
