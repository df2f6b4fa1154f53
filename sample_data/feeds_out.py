"""Fixes as the providers answer: Amap and Baidu pages, CSV; each in its datum, gzipped without a time stamp."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from geo.datum import Datum, from_wgs84
from sample_data.gps import Fixes
from sample_data.labels import SERVICE_DATE, iso
from sample_data.paths import F8
from sample_data.streets import Plane

EPOCH_S = int(SERVICE_DATE.timestamp())
AMAP_PAGE = 999  # most points of one trsearch answer
BAIDU_PAGE = 5000  # most points of one gettrack answer
NOT_UPLOADED_ACCURACY, NOT_UPLOADED_DIRECTION = 550.0, 511.0


def write_gz(path: FilePath, text: str) -> None:
    """Write a gzipped text whose bytes depend on nothing but the text (and the machine's zlib)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def positions(fixes: Fixes, datum: Datum) -> tuple[F8, F8]:
    """Return longitudes and latitudes in a datum, six decimals as the providers give them."""
    lon, lat = Plane().degrees(fixes.x_m, fixes.y_m)
    lon, lat = from_wgs84(lon, lat, datum)
    return np.round(lon, 6), np.round(lat, 6)


def _compact(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def write_amap(folder: FilePath, terminal_id: str, fixes: Fixes, rng: np.random.Generator) -> None:
    """Write trsearch answers: gcj02, milliseconds; where accuracy and course were not uploaded, 550.0 and 511.0."""
    lon, lat = positions(fixes, Datum.GCJ02)
    accuracy = rng.integers(3, 10, len(fixes)).astype(np.float64)
    direction = fixes.heading_deg.astype(np.float64)
    bare = rng.random(len(fixes)) < 0.012
    accuracy[bare], direction[bare] = NOT_UPLOADED_ACCURACY, NOT_UPLOADED_DIRECTION
    points = [
        {
            "location": f"{lon[k]:.6f},{lat[k]:.6f}",
            "locatetime": (EPOCH_S + int(fixes.t_s[k])) * 1000,
            "speed": float(fixes.speed_kmh[k]),
            "direction": float(direction[k]),
            "accuracy": float(accuracy[k]),
            "height": 0.0,
        }
        for k in range(len(fixes))
    ]
    ends = [{key: points[k][key] for key in ("location", "locatetime")} for k in (0, -1)]
    way = int(np.hypot(np.diff(fixes.x_m), np.diff(fixes.y_m)).sum())
    for page, start in enumerate(range(0, len(points), AMAP_PAGE), 1):
        track = {
            "trid": 20, "counts": len(points), "distance": way, "time": int(fixes.t_s[-1] - fixes.t_s[0]) * 1000,
            "degradedParams": {}, "startPoint": ends[0], "endPoint": ends[1],
            "points": points[start : start + AMAP_PAGE],
        }  # fmt: skip
        answer = {"errcode": 10000, "errmsg": "OK", "errdetail": None, "data": {"counts": 1, "tracks": [track]}}
        write_gz(folder / f"{terminal_id}.{page}.json.gz", _compact(answer))


def write_baidu(folder: FilePath, terminal_id: str, fixes: Fixes, rng: np.random.Generator) -> None:
    """Write gettrack answers: bd09ll, seconds; create_time is local and some seconds late, sometimes minutes."""
    lon, lat = positions(fixes, Datum.BD09)
    lag = rng.integers(1, 5, len(fixes))
    late = rng.random(len(fixes)) < 0.004
    lag[late] += rng.integers(20, 240, int(late.sum()))
    radius = rng.integers(3, 10, len(fixes))
    points = [
        {
            "longitude": float(lon[k]),
            "latitude": float(lat[k]),
            "loc_time": EPOCH_S + int(fixes.t_s[k]),
            "speed": float(fixes.speed_kmh[k]),
            "direction": int(fixes.heading_deg[k]),
            "height": 0,
            "radius": int(radius[k]),
            "create_time": _local(EPOCH_S + int(fixes.t_s[k] + lag[k])),
        }
        for k in range(len(fixes))
    ]
    for page, start in enumerate(range(0, len(points), BAIDU_PAGE), 1):
        some = points[start : start + BAIDU_PAGE]
        answer = {"status": 0, "message": "成功", "total": len(points), "size": len(some), "points": some}
        write_gz(folder / f"{terminal_id}.{page}.json.gz", _compact(answer))


def _local(epoch_s: int) -> str:
    return (datetime.fromtimestamp(epoch_s, UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")


def csv_writer(datum: Datum) -> Callable[..., None]:
    """Return a writer of CSV tracks whose positions truly are in a datum, whatever the bundle says."""

    def write(folder: FilePath, terminal_id: str, fixes: Fixes, _rng: np.random.Generator, part: str = "") -> None:
        lon, lat = positions(fixes, datum)
        rows = [
            f"{terminal_id},{iso(int(fixes.t_s[k]))},{lon[k]:.6f},{lat[k]:.6f},"
            f"{fixes.speed_kmh[k]:.1f},{fixes.heading_deg[k]}"
            for k in range(len(fixes))
        ]
        text = "\n".join(["terminal_id,time,lon,lat,speed_kmh,heading_deg", *rows, ""])
        write_gz(folder / f"{terminal_id}{part}.csv.gz", text)

    return write


WRITERS: dict[str, Callable[..., None]] = {
    "amap": write_amap,
    "baidu": write_baidu,
    "terminal": csv_writer(Datum.WGS84),
    "depot": csv_writer(Datum.GCJ02),  # declared wgs84: the fault that `feed-datum` has to see
}
