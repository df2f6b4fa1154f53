"""The sample city's tracks in other formats: whatever the fixes are written in, the findings are the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

import geopandas
import numpy as np
import pandas as pd
import pytest

from feeds.bundle_config import read_config
from feeds.ledger import Ledger, SourceFiles
from feeds.track_feed import open_track_feed
from feeds.track_reader import FeedConfig
from feeds.track_table import TrackTable, concat
from geo.datum import Datum
from runs.audited import Audited, audit_bundle
from runs.progress import Silent
from tests.feeds.jt808_encoder import FIXED, frame, position
from tests.runs.conftest import CITY, DATE, copy_city

NO_SPEED_KMH, NO_DIRECTION = 6553.5, 0xFFFF
"""What the widest number of a field stands for: no car drives so, and no course is such."""

Rows = pd.DataFrame
Writer = Callable[[Path, str, Rows, Datum], None]


def rows_of(table: TrackTable, k: int) -> Rows:
    """One terminal's rows, positions as the provider sent them, in the order they were sent."""
    mine = table.where(table.terminal_ix == k)
    columns = {
        "t_ms": mine.t_ms,
        "lon": mine.lon_deg,
        "lat": mine.lat_deg,
        "speed": np.round(mine.speed_mps.astype(float) * 3.6, 1),
        "heading": np.round(mine.heading_deg.astype(float)),
    }
    return pd.DataFrame(columns)


def iso(t_ms: int) -> str:
    assert t_ms % 1000 == 0
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=t_ms)).strftime("%Y-%m-%dT%H:%M:%SZ")


def text(value: float) -> str:
    return "" if np.isnan(value) else repr(float(value))


def as_csv(folder: Path, terminal: str, rows: Rows, _datum: Datum) -> None:
    lines = [
        f"{terminal},{iso(r.t_ms)},{r.lon!r},{r.lat!r},{text(r.speed)},{text(r.heading)}" for r in rows.itertuples()
    ]
    (folder / f"{terminal}.csv").write_text(
        "\n".join(["terminal_id,time,lon,lat,speed_kmh,heading_deg", *lines, ""]), encoding="utf-8"
    )


def as_gpx(folder: Path, terminal: str, rows: Rows, _datum: Datum) -> None:
    points = [
        f"<trkpt lat={quoteattr(repr(r.lat))} lon={quoteattr(repr(r.lon))}><time>{iso(r.t_ms)}</time>"
        + (f"<course>{r.heading!r}</course>" if not np.isnan(r.heading) else "")
        + (f"<speed>{r.speed / 3.6!r}</speed>" if not np.isnan(r.speed) else "")
        + "</trkpt>"
        for r in rows.itertuples()
    ]
    head = '<gpx version="1.0" creator="test" xmlns="http://www.topografix.com/GPX/1/0">'
    (folder / f"{terminal}.gpx").write_text(
        f"{head}<trk><trkseg>{''.join(points)}</trkseg></trk></gpx>", encoding="utf-8"
    )


def as_jt808(folder: Path, terminal: str, rows: Rows, _datum: Datum) -> None:
    phone = re.sub(r"\D", "", terminal) or "1"
    frames = [
        frame(
            0x0200,
            position(
                r.t_ms,
                r.lon,
                r.lat,
                NO_SPEED_KMH if np.isnan(r.speed) else r.speed,
                NO_DIRECTION if np.isnan(r.heading) else int(r.heading),
                status=FIXED,
            ),
            phone,
            k & 0xFFFF,
        )
        for k, r in enumerate(rows.itertuples())
    ]
    (folder / f"{terminal}.bin").write_bytes(b"".join(frames))


def as_mfjson(folder: Path, terminal: str, rows: Rows, _datum: Datum) -> None:
    times = [iso(t_ms) for t_ms in rows.t_ms]
    moving = {"type": "MovingPoint", "datetimes": times, "coordinates": rows[["lon", "lat"]].to_numpy().tolist()}
    measures = {
        "speed": {"form": "KMH", "values": [None if np.isnan(v) else v for v in rows.speed]},
        "heading": {"form": "DD", "values": [None if np.isnan(v) else v for v in rows.heading]},
    }
    document = {"type": "Feature", "temporalGeometry": moving, "temporalProperties": [{"datetimes": times, **measures}]}
    (folder / f"{terminal}.json").write_text(json.dumps(document), encoding="utf-8")


def as_parquet(folder: Path, terminal: str, rows: Rows, datum: Datum) -> None:
    columns = {
        "terminal_id": terminal,
        "time": pd.to_datetime(rows.t_ms, unit="ms", utc=True),
        "speed_kmh": rows.speed,
        "heading_deg": rows.heading,
    }
    points = geopandas.points_from_xy(rows.lon, rows.lat)
    crs = "EPSG:4326" if datum == Datum.WGS84 else None
    geopandas.GeoDataFrame(columns, geometry=points, crs=crs).to_parquet(folder / f"{terminal}.parquet")


WRITERS: dict[str, Writer] = {
    "csv": as_csv,
    "gpx": as_gpx,
    "jt808": as_jt808,
    "mfjson": as_mfjson,
    "parquet": as_parquet,
}


def audited_in(format_: str, folder: Path) -> Audited:
    """The sample city with all its tracks in one format, audited."""
    city = copy_city(folder)
    config = read_config(CITY, Ledger(), [])
    for feed in config.feeds:
        source = open_track_feed(CITY, feed, config.local, Ledger(), SourceFiles())
        terminals = source.terminals()
        table = concat([unit.table for unit in source.units(terminals)])
        target = city / "tracks" / feed.name
        for old in target.iterdir():
            old.unlink()
        for k, terminal in enumerate(table.terminal_ids):
            WRITERS[format_](target, terminal, rows_of(table, k), feed.datum)
    toml = city / "bundle.toml"
    toml.write_text(
        re.sub(r'^format = ".*"$', f'format = "{format_}"', toml.read_text(encoding="utf-8"), flags=re.MULTILINE),
        encoding="utf-8",
    )
    assert {feed.format for feed in read_config(city, Ledger(), []).feeds} == {format_}
    return audit_bundle(city, date.fromisoformat(DATE), Silent())


def matters(audited: Audited) -> list[tuple[str, str, str | None]]:
    return sorted((f.finding_id, f.rule, f.vehicle_id) for f in audited.findings)


@pytest.fixture(scope="module")
def from_csv(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    return audited_in("csv", tmp_path_factory.mktemp("csv"))


@pytest.mark.parametrize("format_", ["gpx", "jt808", "mfjson", "parquet"])
def test_the_same_fixes_in_another_format_give_the_same_findings(
    tmp_path: Path, from_csv: Audited, format_: str
) -> None:
    other = audited_in(format_, tmp_path)
    assert len(from_csv.findings) >= 10
    assert matters(other) == matters(from_csv)
    rows, csv_rows = (
        {name: (account["read"], account["kept"]) for name, account in run.ledger.rows().items() if "tracks/" in name}
        for run in (other, from_csv)
    )
    assert rows == csv_rows
    assert {f.name: f.format for f in other.bundle.config.feeds} == {name[7:]: format_ for name in rows}


def test_every_format_of_the_contract_has_a_reader_that_is_opened(tmp_path: Path) -> None:
    from feeds import bundle_config, track_feed

    assert set(bundle_config.FORMATS) == set(track_feed.FORMATS)
    (tmp_path / "tracks" / "f").mkdir(parents=True)
    local = read_config(CITY, Ledger(), []).local
    for format_ in bundle_config.FORMATS:
        feed = open_track_feed(tmp_path, FeedConfig("f", format_, Datum.WGS84), local, Ledger(), SourceFiles())
        assert feed.terminals() == ()
