"""`findings.geojson`: what stands in it, in which order, and that it is the same bytes every time."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import GeometryCollection, LinearRing, LineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from reports.geojson import findings_geojson
from reports.plain import ReportFault
from tests.reports.matters import HOSTILE, HOUR_MS, NOON_MS, SHANGHAI, feed_finding, finding, hostile

CONTRACT = [
    "finding_id", "content_digest", "service_date", "rule", "rule_version", "severity", "vehicle_id", "plate",
    "school_id", "district", "zone_id", "session_id", "person_id", "trainee_id", "feed", "start", "end", "duration_s",
    "confidence", "confidence_basis", "summary", "evidence",
]  # fmt: skip

SQUARE = [(121.0, 31.0), (121.0, 31.1), (121.1, 31.1), (121.1, 31.0), (121.0, 31.0)]  # clockwise
HOLE = [(121.02, 31.02), (121.04, 31.02), (121.04, 31.04), (121.02, 31.04), (121.02, 31.02)]  # counterclockwise

with np.errstate(invalid="ignore"):  # GEOS complains already when such a line is made
    NOWHERE = LineString([(float("nan"), 31), (121, 31)])


def read(*findings: Any) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    parsed: dict[str, Any] = json.loads(findings_geojson(findings, SHANGHAI), parse_constant=refuse)
    return parsed


def properties(*findings: Any) -> list[dict[str, Any]]:
    return [feature["properties"] for feature in read(*findings)["features"]]


def written_geometry(shape: BaseGeometry | None) -> Any:
    return read(finding(geometry=shape))["features"][0]["geometry"]


def test_a_feature_has_the_properties_of_the_contract_in_its_order() -> None:
    collection = read(finding())
    assert list(collection) == ["type", "schema", "features"]
    assert (collection["type"], collection["schema"]) == ("FeatureCollection", 1)
    (feature,) = collection["features"]
    assert (list(feature), feature["type"]) == (["type", "geometry", "properties"], "Feature")
    assert list(feature["properties"]) == CONTRACT


def test_the_values_of_a_finding_stand_in_it_as_the_contract_writes_them() -> None:
    (written,) = properties(finding())
    assert written["service_date"] == "2026-03-18"
    assert (written["start"], written["end"]) == ("2026-03-18T12:00:00+08:00", "2026-03-18T13:00:00+08:00")
    assert written["duration_s"] == 3600
    assert (written["severity"], written["confidence"]) == ("major", 0.9731)
    assert list(written["summary"].items()) == [
        ("zh", "教练车在批准区域外训练 60 分钟"),
        ("en", "trained 60 minutes outside every approved place"),
    ]
    assert written["evidence"] == {"inputs": {"a": "1", "b": "2"}, "margins": {"edge_m": 41.25}, "rows": [[10, 420]]}


def test_what_a_finding_does_not_have_is_null_and_present() -> None:
    (written,) = properties(feed_finding(confidence_basis=None))
    nulls = {name for name, value in written.items() if value is None}
    assert nulls == {
        "vehicle_id", "plate", "school_id", "district", "zone_id", "session_id", "person_id", "trainee_id",
        "confidence", "confidence_basis",
    }  # fmt: skip
    assert written_geometry(None) is None


def test_no_finding_is_a_collection_without_features() -> None:
    assert read() == {"type": "FeatureCollection", "schema": 1, "features": []}


def test_the_order_is_start_then_vehicle_with_nulls_last_then_rule_then_id() -> None:
    in_order = [
        finding("z", start_ms=NOON_MS - 1),
        finding("y", vehicle_id=""),
        finding("c", vehicle_id="V001", rule="off-route"),
        finding("a", vehicle_id="V001", rule="off-zone-training"),
        finding("b", vehicle_id="V001", rule="off-zone-training"),
        finding("x", vehicle_id="V002", rule="off-route"),
        feed_finding("w"),
        finding("0", start_ms=NOON_MS + 1),
    ]
    expected = findings_geojson(in_order, SHANGHAI)
    assert [p["finding_id"] for p in json_properties(expected)] == [f.finding_id for f in in_order]
    for seed in range(20):
        shuffled = random.Random(seed).sample(in_order, len(in_order))
        assert findings_geojson(shuffled, SHANGHAI) == expected


def json_properties(text: bytes) -> list[dict[str, Any]]:
    return [feature["properties"] for feature in json.loads(text)["features"]]


def test_the_order_in_which_evidence_was_gathered_changes_no_byte() -> None:
    one = finding(evidence={"a": {"x": 1, "y": 2}, "b": (1, 2)})
    other = finding(evidence={"b": [1, 2], "a": {"y": np.int64(2), "x": 1}})
    assert findings_geojson([one], SHANGHAI) == findings_geojson([other], SHANGHAI)


def test_another_process_with_other_hash_seeds_writes_the_same_bytes(root: Path) -> None:
    program = (
        "import sys; from tests.reports.matters import *; from reports.geojson import findings_geojson;"
        "sys.stdout.buffer.write(findings_geojson([finding(), feed_finding(), hostile(HOSTILE[11])], SHANGHAI))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], cwd=root, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(json.loads(runs[0].stdout)["features"]) == 3


def test_the_file_is_utf_8_with_one_feature_a_line_and_ends_with_a_newline() -> None:
    text = findings_geojson([finding("a"), finding("b")], SHANGHAI).decode("utf-8")
    assert text.endswith("]}\n")
    assert "教练车" in text
    assert len(text.splitlines()) == 4


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_as_it_was_but_for_what_cannot_be_written(text: str) -> None:
    (written,) = properties(hostile(text))
    harmless = "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in text)
    assert written["vehicle_id"] == written["plate"] == written["summary"]["zh"] == harmless
    assert written["evidence"] == {harmless: [harmless, {"deep": harmless}]}


@given(st.text(st.characters(codec=None), max_size=40))
def test_any_text_gives_a_file_that_is_utf_8_and_json(text: str) -> None:
    (written,) = properties(hostile(text))
    assert len(written["plate"]) == len(text)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), np.float32("nan")])
@pytest.mark.parametrize("where", ["confidence", "evidence"])
def test_a_number_that_json_cannot_hold_is_a_fault_that_names_the_finding(where: str, number: float) -> None:
    value = {"margins": [{"edge_m": number}]} if where == "evidence" else number
    named = r"finding f7, evidence\.margins\[0\]\.edge_m" if where == "evidence" else "finding f7, confidence"
    with pytest.raises(ReportFault, match=named):
        findings_geojson([finding("f7", **{where: value})], SHANGHAI)


@pytest.mark.parametrize(
    ("evidence", "named"),
    [
        ({"zones": {"a", "b"}}, "evidence.zones: a set"),
        ({"day": finding().service_date}, "evidence.day: a date"),
        ({"by_row": {1: "x"}}, "evidence.by_row: the key 1 is a int"),
        ({"\ud800": 1, "\x00": 2}, "two keys"),
    ],
)
def test_evidence_that_is_not_json_is_a_fault_that_names_the_place(evidence: Any, named: str) -> None:
    with pytest.raises(ReportFault, match=named):
        findings_geojson([finding(evidence=evidence)], SHANGHAI)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"end_ms": NOON_MS - 1}, "ends 1 ms before it starts"),
        ({"confidence": 1.001}, "confidence 1.001 is not between 0 and 1"),
        ({"confidence": -0.2}, "confidence -0.2"),
        ({"geometry": Point(31.2, 121.4)}, "not longitude, latitude"),
        ({"geometry": NOWHERE}, "not longitude, latitude"),
    ],
)
def test_a_finding_that_cannot_be_true_is_a_fault(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ReportFault, match=named):
        findings_geojson([finding(**changes)], SHANGHAI)


def test_an_id_used_twice_is_a_fault() -> None:
    with pytest.raises(ReportFault, match="finding_id used for more than one finding: f1"):
        findings_geojson([finding(), finding(start_ms=NOON_MS - HOUR_MS)], SHANGHAI)


def test_zero_is_written_without_a_sign_and_float32_without_the_digits_of_its_float64() -> None:
    text = findings_geojson(
        [finding(confidence=-0.0, evidence={"a": -0.0, "b": np.float32(0.1)}, geometry=Point(-0.0, -1e-9))], SHANGHAI
    ).decode()
    assert "-0.0" not in text
    assert '"evidence":{"a":0.0,"b":0.1}' in text


def test_coordinates_have_seven_decimals_and_no_more() -> None:
    assert written_geometry(LineString([(121.47360001, 31.23), (121.474123456789, 31.23120004999)])) == {
        "type": "LineString",
        "coordinates": [[121.4736, 31.23], [121.4741235, 31.2312]],
    }


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_a_rounded_coordinate_is_the_nearest_and_shows_at_most_seven_decimals(lon_deg: float, lat_deg: float) -> None:
    text = findings_geojson([finding(geometry=Point(lon_deg, lat_deg))], SHANGHAI).decode()
    written = json.loads(text, parse_float=str)["features"][0]["geometry"]["coordinates"]
    for shown, given_deg in zip(written, (lon_deg, lat_deg), strict=True):
        assert abs(float(shown) - given_deg) <= 0.5e-7 + 1e-13
        assert float(shown) == round(float(shown), 7)
        assert "e" in shown or len(shown.partition(".")[2]) <= 7


def test_rings_follow_the_right_hand_rule() -> None:
    written = written_geometry(MultiPolygon([Polygon(SQUARE, [HOLE])]))
    outer, hole = written["coordinates"][0]
    assert LinearRing(outer).is_ccw
    assert not LinearRing(hole).is_ccw
    (polygon, _) = written_geometry(GeometryCollection([Polygon(SQUARE), Point(121, 31)]))["geometries"]
    assert LinearRing(polygon["coordinates"][0]).is_ccw


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (LineString(), None),
        (Point(121, 31, 15), {"type": "Point", "coordinates": [121, 31]}),
        (LinearRing(SQUARE), {"type": "LineString", "coordinates": [list(p) for p in SQUARE]}),
    ],
)
def test_what_geojson_does_not_know_becomes_what_it_knows(shape: BaseGeometry, expected: Any) -> None:
    assert written_geometry(shape) == expected


def test_gdal_reads_the_file_and_finds_the_same_lines() -> None:
    line = LineString([(121.4736, 31.23), (121.4741235, 31.2312)])
    frame = geopandas.read_file(io.BytesIO(findings_geojson([finding(geometry=line), feed_finding()], SHANGHAI)))
    assert frame.crs.to_epsg() == 4326
    assert list(frame["finding_id"]) == ["f1", "feed"]
    assert shapely.equals_exact(frame.geometry.iloc[0], line, tolerance=0)
    assert frame.geometry.iloc[1] is None
