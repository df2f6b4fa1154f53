"""`findings.parquet`: the rows of the GeoJSON, as GeoParquet that others read."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from shapely.geometry import MultiLineString, Point, Polygon, shape

from audit.finding import Finding
from reports.csv_files import findings_csv
from reports.geojson import findings_geojson
from reports.parquet import write_findings_parquet
from reports.plain import ReportFault
from tests.reports.matters import DAY, HOSTILE, NOON_MS, SHANGHAI, feed_finding, finding, hostile


@pytest.fixture
def many() -> list[Finding]:
    shapes: list[Any] = [
        Point(121.4, 31.2),
        Polygon([(121, 31), (121, 31.1), (121.1, 31.1), (121.1, 31)]),
        MultiLineString([[(121, 31), (121.00000004, 31.5)], [(122, 30), (122, 30.5)]]),
        None,
    ]
    drawn = [finding(f"g{i}", geometry=g, start_ms=NOON_MS - i * 1500) for i, g in enumerate(shapes)]
    texts = [hostile(text, f"h{i:02d}") for i, text in enumerate(HOSTILE)]
    return [*drawn, *texts, feed_finding(), finding()]


def from_geojson(findings: list[Finding]) -> list[dict[str, Any]]:
    """The features as flat rows, in the types that Parquet has for them."""
    rows = []
    for feature in json.loads(findings_geojson(findings, SHANGHAI))["features"]:
        row = feature["properties"]
        summary = row.pop("summary")
        row["summary_zh"], row["summary_en"] = summary["zh"], summary["en"]
        row["service_date"] = date.fromisoformat(row["service_date"])
        row["start"], row["end"] = datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"])
        row["geometry"] = None if feature["geometry"] is None else shape(feature["geometry"])
        rows.append(row)
    return rows


def from_parquet(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    for row in rows:
        row["evidence"] = json.loads(row["evidence"])
        row["geometry"] = None if row["geometry"] is None else shapely.from_wkb(row["geometry"])
    return rows


def test_parquet_and_geojson_hold_the_same_rows_in_the_same_order(tmp_path: Path, many: list[Finding]) -> None:
    write_findings_parquet(tmp_path / "f.parquet", many, SHANGHAI)
    assert from_parquet(tmp_path / "f.parquet") == from_geojson(many)


def test_the_order_in_which_findings_come_changes_no_byte(tmp_path: Path, many: list[Finding]) -> None:
    write_findings_parquet(tmp_path / "a.parquet", many, SHANGHAI)
    write_findings_parquet(tmp_path / "b.parquet", random.Random(1).sample(many, len(many)), SHANGHAI)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_numbers_that_come_from_numpy_columns_are_written_like_any_other(tmp_path: Path) -> None:
    moved = finding(start_ms=np.int64(NOON_MS), end_ms=np.int64(NOON_MS + 1), confidence=np.float32(0.5))
    same = finding(end_ms=NOON_MS + 1, confidence=0.5)
    write_findings_parquet(tmp_path / "a.parquet", [moved], SHANGHAI)
    write_findings_parquet(tmp_path / "b.parquet", [same], SHANGHAI)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert findings_geojson([moved], SHANGHAI) == findings_geojson([same], SHANGHAI)
    assert findings_csv([moved], SHANGHAI) == findings_csv([same], SHANGHAI)


def test_geopandas_reads_it_as_wgs_84_with_local_times(tmp_path: Path, many: list[Finding]) -> None:
    write_findings_parquet(tmp_path / "f.parquet", many, SHANGHAI)
    frame = geopandas.read_parquet(tmp_path / "f.parquet")
    assert frame.crs.equals("OGC:CRS84")
    assert len(frame) == len(many)
    row = frame.set_index("finding_id").loc["f1"]
    assert row["start"].isoformat() == "2026-03-18T12:00:00+08:00"
    assert row["start"].to_pydatetime() == datetime(2026, 3, 18, 4, tzinfo=UTC)
    assert row["service_date"] == DAY
    assert frame.geometry.isna().sum() == 2


def test_no_finding_is_a_file_with_all_columns_that_geopandas_reads(tmp_path: Path, many: list[Finding]) -> None:
    write_findings_parquet(tmp_path / "none.parquet", [], SHANGHAI)
    write_findings_parquet(tmp_path / "many.parquet", many, SHANGHAI)
    frame = geopandas.read_parquet(tmp_path / "none.parquet")
    assert (len(frame), frame.crs.equals("OGC:CRS84")) == (0, True)
    assert pq.read_schema(tmp_path / "none.parquet").equals(pq.read_schema(tmp_path / "many.parquet"))


def test_a_night_with_feed_findings_only_has_the_column_types_of_any_other(tmp_path: Path, many: list[Finding]) -> None:
    write_findings_parquet(tmp_path / "feed.parquet", [feed_finding()], SHANGHAI)
    write_findings_parquet(tmp_path / "many.parquet", many, SHANGHAI)
    assert pq.read_schema(tmp_path / "feed.parquet").equals(pq.read_schema(tmp_path / "many.parquet"))
    assert len(geopandas.read_parquet(tmp_path / "feed.parquet")) == 1


def test_the_geo_metadata_is_what_geoparquet_1_1_asks_for(tmp_path: Path) -> None:
    file = tmp_path / "f.parquet"
    write_findings_parquet(
        file, [finding("a", geometry=Point(121, 31)), finding("b", geometry=Point(122, 30))], SHANGHAI
    )
    assert json.loads(pq.read_schema(file).metadata[b"geo"]) == {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {
            "geometry": {
                "encoding": "WKB",
                "geometry_types": ["Point"],
                "orientation": "counterclockwise",
                "bbox": [121.0, 30.0, 122.0, 31.0],
            }
        },
    }


def test_what_must_not_be_published_writes_no_file(tmp_path: Path) -> None:
    with pytest.raises(ReportFault, match="f1"):
        write_findings_parquet(tmp_path / "f.parquet", [finding(evidence={"m": float("nan")})], SHANGHAI)
    assert not list(tmp_path.iterdir())
