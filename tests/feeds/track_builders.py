"""Bundles with one track feed, written as a provider would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from feeds.ledger import Ledger, SourceFiles
from feeds.track_feed import FeedConfig, TrackFeed, open_track_feed
from geo.datum import Datum
from trajectories.clock import LocalTime

T0_MS = 1_773_806_400_000  # 2026-03-18T12:00:00+08:00
CHINA = LocalTime("Asia/Shanghai")
CSV_HEADER = "terminal_id,time,lon,lat,speed_kmh,heading_deg\n"


def write(bundle: Path, name: str, data: bytes | str | dict[str, Any]) -> None:
    path = bundle / "tracks" / "f" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(data, dict):
        data = json.dumps(data, ensure_ascii=False)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def open_feed(bundle: Path, kind: str, datum: Datum = Datum.WGS84) -> tuple[TrackFeed, Ledger, SourceFiles]:
    ledger, sources = Ledger(), SourceFiles()
    return open_track_feed(bundle, FeedConfig("f", kind, datum), CHINA, ledger, sources), ledger, sources


def account(ledger: Ledger) -> dict[str, Any]:
    """The feed's account, as `run.json` has it (which fails where it does not add up)."""
    return dict(ledger.rows()["tracks/f"])


def amap_point(k: int = 0, **changes: Any) -> dict[str, Any]:
    point = {
        "location": f"113.{k:06d},34.5",
        "locatetime": T0_MS + 5000 * k,
        "speed": 36.0,
        "direction": 90.0,
        "accuracy": 5.0,
        "height": 0.0,
    }
    return {name: value for name, value in {**point, **changes}.items() if value is not ...}


def amap_page(points: list[Any], counts: int | None = None, **changes: Any) -> dict[str, Any]:
    track = {"trid": 20, "counts": len(points) if counts is None else counts, "degradedParams": {}, "points": points}
    data = {"counts": 1, "tracks": [track]}
    return {"errcode": 10000, "errmsg": "OK", "errdetail": None, "data": data, **changes}


def baidu_point(k: int = 0, **changes: Any) -> dict[str, Any]:
    point = {
        "loc_time": T0_MS // 1000 + 5 * k,
        "longitude": 113.5,
        "latitude": 34.5,
        "speed": 36.0,
        "direction": 90,
        "radius": 5,
        "height": 0,
    }
    return {**point, **changes}


def baidu_page(points: list[Any], total: int | None = None, **changes: Any) -> dict[str, Any]:
    n = len(points)
    return {
        "status": 0,
        "message": "成功",
        "total": n if total is None else total,
        "size": n,
        "points": points,
        **changes,
    }
