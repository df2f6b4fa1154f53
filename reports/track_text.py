"""A vehicle's day as moving features: OGC Moving Features JSON, and GPX for whatever shows a track.

Both say where the vehicle was, so fixes that do not tell (`usable` is false) are left out, and the path is cut at
silences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reports.plain import json_text
from reports.track_tables import FLAG_COLUMNS, TrackTables
from trajectories.fleet import F8

DECIMALS = 7  # 1e-7 degrees: a centimetre
CRS84 = {"type": "Name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
ISO8601 = {"type": "Name", "properties": {"name": "urn:ogc:data:time:iso8601"}}
_DEGREE = "http://www.opengis.net/def/uom/UCUM/deg"
MEASURES = {
    "speed_mps": "MTS", "heading_deg": _DEGREE, "accuracy_m": "MTR", "lag_ms": "C26", "span": None, "stop": None,
    "training": None, "training_p": None, "row": None,
}  # fmt: skip
"""Column to its unit: a code of UN/CEFACT Recommendation 20, or a URL (19-045r3, 7.2.2.1)."""
TEXTS = ("time_local", "span_kind", "activity", "file")

_GPX = "http://www.topografix.com/GPX/1/1"
_GPX_HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="trajaudit" xmlns="{_GPX}"\
 xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v2">
"""
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Fixes that a file does not hold: unusable ones, and those alone between two silences."""

    unusable: int = 0
    alone: int = 0


@dataclass(frozen=True, slots=True)
class _Path:
    """The usable fixes, and the half-open row ranges of the pieces between silences."""

    fixes: pa.Table
    pieces: list[tuple[int, int]]
    unusable: int

    @classmethod
    def of(cls, tables: TrackTables) -> _Path:
        fixes = tables.fixes.filter(tables.fixes["usable"])
        piece = fixes["piece"].to_numpy()
        edges = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(piece)]
        return cls(fixes, [(a, b) for a, b in pairwise(edges) if a < b], tables.fixes.num_rows - len(fixes))

    def times(self) -> npt.NDArray[np.str_]:
        """UTC, RFC 3339."""
        t_ms = self.fixes["time"].cast(pa.int64()).to_numpy()
        return np.char.add(np.datetime_as_string(t_ms.astype("datetime64[ms]"), unit="ms"), "Z")

    def lonlat(self) -> F8:
        """Positions, shape (n, 2)."""
        columns = [self.fixes[name].to_numpy() for name in ("lon_deg", "lat_deg")]
        return np.round(np.column_stack(columns), DECIMALS) + 0.0

    def flags(self) -> list[str | None]:
        """Names of each fix's flags, comma-joined; None without any."""
        out = np.full(len(self.fixes), "", dtype=object)
        for flag, column in FLAG_COLUMNS.items():
            held = self.fixes[column].to_numpy()
            out[held] += f",{flag.name}".lower().replace("_", "-")
        return [text[1:] or None for text in out]


# ---------------------------------------------------------------- Moving Features JSON
def write_mf_json(path: Path, tables: TrackTables) -> LeftOut:
    """Write OGC Moving Features JSON (19-045r3, MF-JSON Prism): a feature with a MovingPoint for each piece.

    What is known of each fix stands in `temporalProperties` at the same instants, null where nothing was sent. A piece
    of a single fix is left out: the standard's schema asks for two instants.
    """
    track = _Path.of(tables)
    kept = [(a, b) for a, b in track.pieces if b - a > 1]
    members = {"crs": CRS84, "trs": ISO8601, "type": "FeatureCollection"}
    features = list(_features(tables, track, kept))
    path.write_text(json_text({**members, "features": features}) + "\n", encoding="utf-8", newline="\n")
    return LeftOut(track.unusable, len(track.pieces) - len(kept))


def _features(tables: TrackTables, track: _Path, pieces: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    times, lonlat, values = track.times(), track.lonlat(), _values(track)
    number = track.fixes["piece"].to_pylist()
    vehicle_id = track.fixes["vehicle_id"][0].as_py() if len(track.fixes) else ""
    for a, b in pieces:
        at, where = times[a:b].tolist(), lonlat[a:b].tolist()
        known = {name: {**member, "values": column[a:b]} for name, member, column in values}
        yield {
            "type": "Feature",
            "id": f"{vehicle_id}_{number[a]}",
            "properties": {
                "trajectory_id": f"{vehicle_id}_{number[a]}",
                "vehicle_id": vehicle_id,
                "service_date": tables.service_date.isoformat(),
                "timezone": tables.local.name,
                "piece": number[a],
            },
            "bbox": [*lonlat[a:b].min(axis=0).tolist(), *lonlat[a:b].max(axis=0).tolist()],
            "time": [at[0], at[-1]],
            "geometry": {"type": "LineString", "coordinates": where},
            "temporalGeometry": {
                "type": "MovingPoint", "datetimes": at, "coordinates": where, "interpolation": "Linear"
            },
            "temporalProperties": [{"datetimes": at, **known}],
        }  # fmt: skip


def _values(track: _Path) -> list[tuple[str, dict[str, Any], list[Any]]]:
    """Return the properties of the fixes: name, what it is, values."""
    out: list[tuple[str, dict[str, Any], list[Any]]] = []
    for name, unit in MEASURES.items():
        member = {"type": "Measure", "interpolation": "Linear" if name == "speed_mps" else "Discrete"}
        column = track.fixes[name].to_pylist()
        if pa.types.is_floating(track.fixes.schema.field(name).type):
            column = [None if v is None else round(v, DECIMALS) for v in column]
        out.append((name, member | ({"form": unit} if unit else {}), column))
    texts = {"flags": track.flags(), "zones": [",".join(z) or None for z in track.fixes["zones"].to_pylist()]}
    texts |= {name: track.fixes[name].to_pylist() for name in TEXTS}
    out += [(name, {"type": "Text", "interpolation": "Discrete"}, column) for name, column in texts.items()]
    return out


# ---------------------------------------------------------------- GPX
def write_gpx(path: Path, tables: TrackTables) -> LeftOut:
    """Write GPX 1.1: one track, a segment for each piece between silences; speed and course as Garmin's extension."""
    track = _Path.of(tables)
    points = _points(track)
    name = f"{tables.vehicle_id} {tables.service_date.isoformat()}"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(_GPX_HEAD)
        file.write(f"<metadata>{_element('name', name)}</metadata>\n<trk>{_element('name', name)}\n")
        for a, b in track.pieces:
            file.write("<trkseg>\n" + "\n".join(points[a:b]) + "\n</trkseg>\n")
        file.write("</trk>\n</gpx>\n")
    return LeftOut(track.unusable)


def _points(track: _Path) -> list[str]:
    """Return each fix as a `trkpt`: the elements in the order that the schema of GPX 1.1 asks for."""
    f = track.fixes
    sent = zip(f["speed_mps"].to_pylist(), f["heading_deg"].to_pylist(), strict=True)
    known = zip(track.flags(), f["file"].to_pylist(), f["row"].to_pylist(), f["span_kind"].to_pylist(), strict=True)
    rows = zip(track.times().tolist(), track.lonlat().tolist(), known, sent, strict=True)
    return [
        f'<trkpt lat="{lat:.{DECIMALS}f}" lon="{lon:.{DECIMALS}f}"><time>{time}</time>'
        + (_element("cmt", flags) if flags else "")
        + _element("src", f"{file}, row {row}")
        + _element("type", kind)
        + _extension(speed, course)
        + "</trkpt>"
        for time, (lon, lat), (flags, file, row, kind), (speed, course) in rows
    ]


def _extension(speed_mps: float | None, course_deg: float | None) -> str:
    inner = "" if speed_mps is None else f"<gpxtpx:speed>{speed_mps:.3f}</gpxtpx:speed>"
    inner += "" if course_deg is None else f"<gpxtpx:course>{course_deg:.1f}</gpxtpx:course>"
    if not inner:
        return ""
    return f"<extensions><gpxtpx:TrackPointExtension>{inner}</gpxtpx:TrackPointExtension></extensions>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(_NOT_XML.sub(chr(0xFFFD), text))}</{name}>"
