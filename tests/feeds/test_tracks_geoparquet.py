"""GeoParquet tracks: points in place of lon and lat, as GeoPandas writes them, in whatever CRS they are."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from feeds.faults import UnusableInput
from feeds.geo_columns import positions
from geo.datum import Datum, to_wgs84
from tests.feeds.track_builders import T0_MS, account, open_feed

N = 12
LON = [113.0 + k / 100 for k in range(N)]
LAT = [34.0 + k / 1000 for k in range(N)]


def frame(crs: str | None = "EPSG:4326", **more: Any) -> geopandas.GeoDataFrame:
    columns = {
        "terminal_id": [f"T{k // 4}" for k in range(N)],
        "time": pd.to_datetime([T0_MS + 5000 * k for k in range(N)], unit="ms", utc=True),
        "speed_kmh": [36.0] * N,
        "heading_deg": [90.0] * N,
        **more,
    }
    points = geopandas.GeoDataFrame(columns, geometry=geopandas.points_from_xy(LON, LAT), crs="EPSG:4326")
    return points.to_crs(crs) if crs is not None else points.set_crs(None, allow_override=True)


def place(bundle: Path, name: str = "day.parquet") -> Path:
    path = bundle / "tracks" / "f" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_feed_whose_files_all_state_a_crs_declares_that(tmp_path: Path) -> None:
    frame("EPSG:4326").to_parquet(place(tmp_path, "a.parquet"))
    assert open_feed(tmp_path, "parquet", Datum.GCJ02)[0].context.config.datum == Datum.WGS84
    frame(None).to_parquet(place(tmp_path, "b.parquet"))
    assert open_feed(tmp_path, "parquet", Datum.GCJ02)[0].context.config.datum == Datum.GCJ02


def read(bundle: Path, datum: Datum = Datum.WGS84) -> Any:
    feed, ledger, _ = open_feed(bundle, "parquet", datum)
    table = feed.read()
    account(ledger)
    return table, ledger


@pytest.mark.parametrize("encoding", ["WKB", "geoarrow"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "OGC:CRS84", None])
def test_points_stand_in_place_of_lon_and_lat(tmp_path: Path, encoding: Any, crs: str | None) -> None:
    frame(crs).to_parquet(place(tmp_path), geometry_encoding=encoding, row_group_size=5)
    table, ledger = read(tmp_path)
    assert (table.lon_deg.tolist(), table.lat_deg.tolist()) == (LON, LAT)
    assert table.t_ms.tolist() == [T0_MS + 5000 * k for k in range(N)]
    assert table.speed_mps.tolist() == [10.0] * N
    assert account(ledger) == {"read": N, "kept": N, "flagged": {}, "rejected": {}}
    assert ledger.warnings == {}


def test_a_stated_crs_wins_over_the_declared_datum_and_is_told(tmp_path: Path) -> None:
    frame("EPSG:4490").to_parquet(place(tmp_path))
    table, ledger = read(tmp_path, Datum.GCJ02)
    assert np.allclose(table.lon_deg, LON, atol=1e-9)
    said = "positions are taken as its own CRS says, not as the feed's datum gcj02"
    assert list(ledger.warnings) == [f"tracks/f/day.parquet: {said}: China Geodetic Coordinate System 2000"]


@pytest.mark.parametrize("stated", ["null", "absent"])
def test_without_a_stated_crs_the_declared_datum_holds(tmp_path: Path, stated: str) -> None:
    path = place(tmp_path)
    frame(None).to_parquet(path)
    if stated == "absent":
        table = pq.read_table(path)
        geo = json.loads(table.schema.metadata[b"geo"])
        del geo["columns"]["geometry"]["crs"]
        pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    table, ledger = read(tmp_path, Datum.GCJ02)
    lon_deg, lat_deg = to_wgs84(LON, LAT, Datum.GCJ02)
    assert (table.lon_deg.tolist(), table.lat_deg.tolist()) == (lon_deg.tolist(), lat_deg.tolist())
    assert ledger.warnings == {}


def test_files_with_and_without_a_crs_in_one_feed_are_each_taken_as_they_say(tmp_path: Path) -> None:
    frame("EPSG:4326").to_parquet(place(tmp_path, "a.parquet"))
    frame(None).to_parquet(place(tmp_path, "b.parquet"))
    table, _ = read(tmp_path, Datum.GCJ02)
    lon_deg, _ = to_wgs84(LON, LAT, Datum.GCJ02)
    assert sorted(table.lon_deg.tolist()) == sorted([*LON, *lon_deg.tolist()])


def test_positions_in_metres_come_back_as_geopandas_brings_them_back(tmp_path: Path) -> None:
    metres = frame("EPSG:4547")
    metres.to_parquet(place(tmp_path))
    table, _ = read(tmp_path)
    theirs = metres.to_crs("EPSG:4326").geometry
    assert np.allclose(table.lon_deg, theirs.x, rtol=0, atol=1e-9)
    assert np.allclose(table.lat_deg, theirs.y, rtol=0, atol=1e-9)


def test_a_crs_whose_way_to_wgs84_is_not_known_makes_the_file_unusable(tmp_path: Path) -> None:
    frame(None).set_crs("EPSG:2327", allow_override=True).to_parquet(place(tmp_path))  # Xian 1980
    with pytest.raises(UnusableInput) as caught:
        open_feed(tmp_path, "parquet")
    (fault,) = caught.value.faults
    assert (fault.file, fault.field, fault.code) == ("tracks/f/day.parquet", "geometry", "unknown-crs")


def test_lon_and_lat_columns_are_believed_where_they_are_there(tmp_path: Path) -> None:
    frame(lon=[1.0] * N, lat=[2.0] * N).to_parquet(place(tmp_path))
    table, ledger = read(tmp_path)
    assert set(table.lon_deg.tolist()) == {1.0}
    assert list(ledger.warnings) == ["tracks/f/day.parquet: columns ignored: geometry"]


def test_what_is_no_point_is_refused_by_its_row(tmp_path: Path) -> None:
    points = frame()
    points.loc[1, "geometry"] = shapely.LineString([(0, 0), (1, 1)])
    points.loc[3, "geometry"] = None
    points.loc[5, "geometry"] = shapely.Point()
    points.loc[7, "geometry"] = shapely.Point(34.0, 113.0)
    points.to_parquet(place(tmp_path))
    table, ledger = read(tmp_path)
    assert [(r.row, r.reason, r.field) for r in ledger.rejects] == [
        (2, "bad-number", "geometry"),
        (4, "bad-number", "geometry"),
        (6, "bad-number", "geometry"),
        (8, "out-of-range", "geometry"),
    ]
    assert len(table) == N - 4


def test_a_geometry_of_another_encoding_is_a_fault_and_one_without_metadata_none(tmp_path: Path) -> None:
    path = place(tmp_path)
    frame().to_parquet(path)
    table = pq.read_table(path)
    geo = json.loads(table.schema.metadata[b"geo"])
    geo["columns"]["geometry"]["encoding"] = "linestring"
    for metadata, code in (
        ({"geo": json.dumps(geo)}, "wrong-type"),
        ({}, "missing-column"),
        ({"geo": "{"}, "missing-column"),
    ):
        pq.write_table(table.replace_schema_metadata(metadata), path)
        with pytest.raises(UnusableInput) as caught:
            open_feed(tmp_path, "parquet")
        assert {fault.code for fault in caught.value.faults} == {code}


def test_every_well_known_binary_point_is_read_as_shapely_reads_it() -> None:
    shapes = [shapely.Point(113.5, 34.5), shapely.Point(113.5, 34.5, 80.0), shapely.Point(-1.25, 2.5)]
    kinds: list[Any] = [{"byte_order": order, "flavor": flavor} for order in (0, 1) for flavor in ("iso", "extended")]
    blobs = [shapely.to_wkb(shape, **kind) for kind in kinds for shape in shapes]
    x, y = positions(pa.array(blobs))
    read_back = shapely.from_wkb(blobs)
    assert (x.tolist(), y.tolist()) == (shapely.get_x(read_back).tolist(), shapely.get_y(read_back).tolist())
    for kind in (pa.large_binary(), pa.binary(21)):
        flat = [blob for blob in blobs if len(blob) == 21]
        assert positions(pa.array(flat, kind))[0].tolist() == shapely.get_x(shapely.from_wkb(flat)).tolist()


def test_a_reference_system_within_the_binary_is_not_misread_as_a_coordinate() -> None:
    blob = shapely.to_wkb(shapely.set_srid(shapely.Point(113.5, 34.5), 4326), include_srid=True, flavor="extended")
    assert np.isnan(positions(pa.array([blob]))[0]).all()


def test_damaged_points_never_crash(tmp_path: Path) -> None:
    rng = random.Random(21)
    good = struct.pack("<BIdd", 1, 1, 113.5, 34.5)
    blobs = []
    for _ in range(2000):
        blob = bytearray(good)
        at = rng.randrange(len(blob))
        blob[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        blobs.append(bytes(blob))
    x, y = positions(pa.array([*blobs, good]))
    assert (x[-1], y[-1]) == (113.5, 34.5)
    assert 100 < int(np.isnan(x).sum()) < 2000
    for blob, lon in zip(blobs, x, strict=False):
        if len(blob) not in (21, 29, 37) or blob[0] not in (0, 1):
            assert np.isnan(lon)
