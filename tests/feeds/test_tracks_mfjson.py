"""Moving Features JSON tracks: both encodings, what MovingPandas writes, and documents that are none."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
from movingpandas.io import gdf_to_mf_json

from geo.datum import Datum, to_wgs84
from tests.feeds.test_tracks_mutated import damage, mutate
from tests.feeds.track_builders import T0_MS, account, open_feed, write
from trajectories.fleet import Flag

N = 12
TIMES = [f"2026-03-18T04:00:{5 * k:02d}Z" for k in range(N)]
PLACES = [[113.0 + k / 1000, 34.5, 80.0] for k in range(N)]
SPEED = {"type": "Measure", "form": "KMH", "values": [36.0] * N, "interpolation": "Linear"}
HEADING = {"type": "Measure", "form": "DD", "values": [90] * N}
CRS84 = {"type": "Name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}


def prism(**changes: Any) -> dict[str, Any]:
    moving = {"type": "MovingPoint", "datetimes": TIMES, "coordinates": PLACES, "interpolation": "Linear", **changes}
    groups = [{"datetimes": TIMES, "speed": SPEED, "heading": HEADING}]
    return {"type": "Feature", "crs": CRS84, "temporalGeometry": moving, "temporalProperties": groups, "properties": {}}


def trajectory() -> dict[str, Any]:
    shape = {"type": "LineString", "coordinates": PLACES}
    return {"type": "Feature", "geometry": shape, "properties": {"name": "day", "datetimes": TIMES}}


def read(bundle: Path, document: Any, datum: Datum = Datum.WGS84, name: str = "T1.json") -> Any:
    """Read one file: (table, rejects as (row, reason, found), feed, ledger)."""
    write(bundle, name, document)
    feed, ledger, _ = open_feed(bundle, "mfjson", datum)
    table = feed.read()
    account(ledger)
    return table, [(r.row, r.reason, r.found) for r in ledger.rejects], feed, ledger


@pytest.mark.parametrize("name", ["T1.json", "T1.mfjson"])
def test_a_prism_gives_positions_speeds_and_headings(tmp_path: Path, name: str) -> None:
    table, rejects, feed, ledger = read(tmp_path, prism(), name=name)
    assert (rejects, ledger.warnings, feed.terminals()) == ([], {}, ("T1",))
    assert table.t_ms.tolist() == [T0_MS + 5000 * k for k in range(N)]
    assert table.lon_deg.tolist() == [place[0] for place in PLACES]
    assert table.speed_mps.tolist() == [10.0] * N
    assert table.heading_deg.tolist() == [90.0] * N


@pytest.mark.parametrize(
    "document",
    [
        trajectory(),
        {"type": "FeatureCollection", "features": [trajectory()]},
        {"type": "MovingPoint", "datetimes": TIMES, "coordinates": PLACES},
        {"type": "MovingPoint", "sequences": [{"datetimes": TIMES, "coordinates": PLACES, "lower_inc": True}]},
        {
            "type": "Feature",
            "temporalGeometry": {
                "type": "MovingGeometryCollection",
                "prisms": [
                    {"type": "MovingPoint", "datetimes": TIMES[:4], "coordinates": PLACES[:4]},
                    {"type": "MovingPoint", "datetimes": TIMES[4:], "coordinates": PLACES[4:]},
                ],
            },
        },
        prism(datetimes=[T0_MS + 5000 * k for k in range(N)]),
    ],
)
def test_every_way_to_write_a_moving_point_gives_the_same_positions(tmp_path: Path, document: dict[str, Any]) -> None:
    table, rejects, _, _ = read(tmp_path, document)
    assert rejects == []
    assert table.t_ms.tolist() == [T0_MS + 5000 * k for k in range(N)]
    assert table.lon_deg.tolist() == [place[0] for place in PLACES]


def test_what_movingpandas_writes_is_read_as_it_was(tmp_path: Path) -> None:
    t_ms = [T0_MS + 5000 * k for k in range(N)]
    frame = geopandas.GeoDataFrame(
        {"id": "T1", "t": pd.to_datetime(t_ms, unit="ms", utc=True), "speed": np.arange(N) / 2.0},
        geometry=geopandas.points_from_xy([p[0] for p in PLACES], [p[1] for p in PLACES]),
        crs="EPSG:4326",
    )
    document = gdf_to_mf_json(
        frame, "id", "t", ["speed"], {"speed": {"form": "MTS"}}, datetime_encoder=lambda t: t.isoformat()
    )
    table, rejects, _, _ = read(tmp_path, document)
    assert rejects == []
    assert table.t_ms.tolist() == t_ms
    assert table.lon_deg.tolist() == [place[0] for place in PLACES]
    assert np.allclose(table.speed_mps, np.arange(N) / 2.0)


def test_a_property_measured_at_other_times_is_not_interpolated(tmp_path: Path) -> None:
    document = prism()
    document["temporalProperties"] = [{"datetimes": TIMES[1::2], "speed": {**SPEED, "values": [18.0] * (N // 2)}}]
    table, _, _, _ = read(tmp_path, document)
    assert np.isnan(table.speed_mps).tolist() == [k % 2 == 0 for k in range(N)]
    assert table.speed_mps[1::2].tolist() == [5.0] * (N // 2)


def test_a_speed_of_unknown_unit_is_missing_and_told(tmp_path: Path) -> None:
    document = prism()
    document["temporalProperties"][0]["speed"] = {"values": [36.0] * N}
    table, rejects, _, ledger = read(tmp_path, document)
    assert (np.isnan(table.speed_mps).all(), rejects) == (True, [])
    assert list(ledger.warnings) == ["tracks/f/T1.json: speed has a unit we do not know (none); taken as missing"]


def test_a_crs_of_its_own_wins_over_the_declared_datum_and_the_default_says_nothing(tmp_path: Path) -> None:
    plain, _, _, ledger = read(tmp_path, prism(), Datum.GCJ02)
    lon_deg, lat_deg = to_wgs84([place[0] for place in PLACES], [34.5] * N, Datum.GCJ02)
    assert (plain.lon_deg.tolist(), plain.lat_deg.tolist()) == (lon_deg.tolist(), lat_deg.tolist())
    assert ledger.warnings == {}
    document = prism()
    document["crs"] = {"type": "Name", "properties": {"name": "EPSG:4490"}}
    own, _, _, ledger = read(tmp_path, document, Datum.GCJ02)
    assert np.allclose(own.lon_deg, [place[0] for place in PLACES], atol=1e-9)
    assert list(ledger.warnings) == [
        "tracks/f/T1.json: positions are taken as its own CRS says, not as the feed's datum gcj02: EPSG:4490"
    ]


def test_positions_in_metres_of_a_projected_crs_are_read(tmp_path: Path) -> None:
    # EPSG:4547, CGCS2000 / 3-degree Gauss-Kruger CM 114E: x 500000 lies on the meridian of 114 degrees
    document = prism(coordinates=[[500000.0, 3_800_000.0 + 10 * k] for k in range(N)])
    document["crs"] = {"type": "Name", "properties": {"name": "EPSG:4547"}}
    table, rejects, _, _ = read(tmp_path, document)
    assert rejects == []
    assert np.allclose(table.lon_deg, 114.0, atol=1e-9)
    assert ((table.lat_deg > 34.3) & (table.lat_deg < 34.4)).all()


@pytest.mark.parametrize("crs", ["EPSG:2327", "EPSG:999999"])
def test_a_crs_whose_way_to_wgs84_is_not_known_refuses_the_file_alone(tmp_path: Path, crs: str) -> None:
    write(tmp_path, "T2.json", prism())
    document = prism()
    document["crs"] = {"type": "Name", "properties": {"name": crs}}
    table, rejects, feed, _ = read(tmp_path, document)
    assert [(row, reason) for row, reason, _ in rejects] == [(0, "unreadable-file")]
    assert feed.broken_terminals() == {"T1": "unreadable-file"}
    assert len(table) == N


def test_rows_that_cannot_be_a_position_are_refused_by_their_number(tmp_path: Path) -> None:
    places: list[Any] = [[113.0, 34.5], [113.1], "x", [113.3, 134.0], [None, 34.5], [113.5, 34.5]]
    times: list[Any] = [*TIMES[:5], "noon", TIMES[6]]
    document = prism(coordinates=places, datetimes=times)
    collection = {"type": "FeatureCollection", "features": [document, {"type": "Feature"}, 7, trajectory()]}
    table, rejects, _, _ = read(tmp_path, collection)
    assert rejects == [
        (2, "bad-number", "[113.1]"),
        (3, "bad-number", "x"),
        (4, "out-of-range", "[113.3, 134.0]"),
        (5, "bad-number", "[null, 34.5]"),
        (6, "bad-time", "noon"),
        (7, "bad-number", "null"),
        (8, "not-a-moving-point", "Feature"),
        (9, "not-a-moving-point", "not an object"),
    ]
    assert len(table) == 1 + N


def test_times_without_an_offset_are_local_and_say_so(tmp_path: Path) -> None:
    table, _, _, ledger = read(tmp_path, prism(datetimes=[f"2026-03-18T12:00:{5 * k:02d}" for k in range(N)]))
    assert table.t_ms[0] == T0_MS
    assert (table.flags == Flag.NO_TIME_ZONE).all()
    assert "tracks/f/T1.json: times without an offset, read as Asia/Shanghai" in ledger.warnings


@pytest.mark.parametrize("document", ["", "[]", "{", "[" * 100_000, "1" * 5000, '{"type": "FeatureCollection"}'])
def test_what_is_no_moving_features_json_is_one_reject_and_a_broken_terminal(tmp_path: Path, document: str) -> None:
    _, rejects, feed, _ = read(tmp_path, document)
    assert [(row, reason) for row, reason, _ in rejects] == [(0, "unreadable-file")]
    assert feed.broken_terminals() == {"T1": "unreadable-file"}


def test_damaged_documents_never_crash_and_always_add_up(tmp_path: Path) -> None:
    rng = random.Random(19045)
    kept = 0
    for _ in range(300):
        document: Any = rng.choice([prism(), trajectory(), {"type": "FeatureCollection", "features": [prism()] * 2}])
        for _spot in range(rng.randrange(1, 4)):
            document = mutate(document, rng) or {}
        data = json.dumps(document).encode()
        table, rejects, _, ledger = read(tmp_path, damage(data, rng) if rng.random() < 0.3 else data)
        assert account(ledger)["read"] == len(table) + len(rejects)
        for _, _, found in rejects:
            found.encode()
        kept += len(table)
    assert 300 < kept < 300 * 2 * N
