"""Cameras come in WGS-84 whatever the datum; one at fault is left out, told of, and known to be missing."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer

from checkpoints.camera import Camera
from feeds.bundle import read_bundle, survey_bundle
from feeds.cameras import read_cameras
from feeds.damaged import DamageLog
from feeds.faults import Fault
from feeds.ledger import Ledger
from geo.datum import Datum, from_wgs84
from tests.feeds.bundle_maker import collection, make_bundle, write

LON_DEG, LAT_DEG = 117.001, 36.651
TOLERANCE_DEG = 1e-10
"""A hundredth of a millimetre; the conversion there and back is right to a micrometre."""


def camera(coordinates: Any = (LON_DEG, LAT_DEG), **properties: Any) -> dict[str, Any]:
    """One GeoJSON feature of a camera; a property of `...` is left out."""
    named = {"camera_id": "C1"} | properties
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": list(coordinates)},
        "properties": {key: value for key, value in named.items() if value is not ...},
    }


class Read:
    """A file of cameras as read, with all that was told."""

    def __init__(self, folder: Path, *features: Any, datum: Datum = Datum.WGS84, text: str | None = None) -> None:
        write(folder, "cameras.geojson", collection(*features) if text is None else text)
        self.ledger, self.faults, self.row_faults, self.log = Ledger(), list[Fault](), list[Fault](), DamageLog()
        self.cameras = read_cameras(folder, datum, self.ledger, self.faults, self.row_faults, self.log)
        self.rejected = [(reject.row, reject.reason, reject.field) for reject in self.ledger.rejects]
        self.account = self.ledger.rows().get("cameras.geojson")
        self.damaged = self.log.result()


def test_all_versions_of_a_camera_are_read_with_their_dates(tmp_path: Path) -> None:
    read = Read(
        tmp_path,
        camera(valid_from="2025-01-01", valid_to="2026-03-17"),
        camera((117.1, 36.7, 40.0), valid_from="2026-03-18", valid_to=None),
        camera(camera_id=7),
    )
    assert read.cameras == (
        Camera("C1", LON_DEG, LAT_DEG, date(2025, 1, 1), date(2026, 3, 17)),
        Camera("C1", 117.1, 36.7, date(2026, 3, 18), None),
        Camera("7", LON_DEG, LAT_DEG),
    )
    assert read.account == {"read": 3, "kept": 3, "flagged": {}, "rejected": {}}
    assert not read.faults
    assert not read.ledger.warnings


@pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])
def test_the_datum_of_the_bundle_is_converted(tmp_path: Path, datum: Datum) -> None:
    lon, lat = from_wgs84([LON_DEG], [LAT_DEG], datum)
    (found,) = Read(tmp_path, camera((lon[0], lat[0])), datum=datum).cameras
    assert np.allclose((found.lon_deg, found.lat_deg), (LON_DEG, LAT_DEG), rtol=0, atol=TOLERANCE_DEG)


def test_a_crs_in_the_file_wins_over_the_datum(tmp_path: Path) -> None:
    x, y = Transformer.from_crs(4326, 4548, always_xy=True).transform(LON_DEG, LAT_DEG)  # PROJ is the oracle
    root = json.loads(collection(camera((x, y)))) | {"crs": {"type": "name", "properties": {"name": "EPSG:4548"}}}
    (found,) = Read(tmp_path, datum=Datum.BD09, text=json.dumps(root)).cameras
    assert np.allclose((found.lon_deg, found.lat_deg), (LON_DEG, LAT_DEG), rtol=0, atol=TOLERANCE_DEG)


def test_a_crs_without_a_known_way_is_a_fault_of_the_file(tmp_path: Path) -> None:
    root = json.loads(collection(camera())) | {"crs": {"type": "name", "properties": {"name": "EPSG:999999"}}}
    read = Read(tmp_path, text=json.dumps(root))
    assert [(fault.file, fault.field, fault.code) for fault in read.faults] == [
        ("cameras.geojson", "crs", "unknown-crs")
    ]


@pytest.mark.parametrize(
    ("feature", "reason", "field"),
    [
        (camera(camera_id=None), "missing-value", "camera_id"),
        (camera(camera_id=["C1"]), "bad-value", "camera_id"),
        (camera(camera_id="C" * 200), "bad-value", "camera_id"),
        (camera(camera_id=..., camera="C1"), "missing-value", "camera_id"),
        (camera(valid_from="18 March"), "bad-date", "valid_from"),
        (camera(valid_to=20260318), "bad-date", "valid_to"),
        (camera(valid_from="2026-03-18", valid_to="2026-03-17"), "end-before-start", "valid_to"),
        (camera(valid_too="2026-03-17"), "unknown-key", "valid_too"),
        (camera(("117", "36")), "invalid-geometry", "geometry"),
        (camera((36.651, 117.001)), "invalid-geometry", "geometry"),
        (camera((43.8, 87.6)), "invalid-geometry", "geometry"),
        (camera((float("nan"), 36.6)), "invalid-geometry", "geometry"),
        (camera((10**400, 36.6)), "invalid-geometry", "geometry"),
        (camera(()), "invalid-geometry", "geometry"),
        ({"type": "Feature", "geometry": None, "properties": {"camera_id": "C1"}}, "invalid-geometry", "geometry"),
        ({"type": "Feature", "geometry": {"type": "Point"}, "properties": None}, "missing-value", "camera_id"),
        ([], "bad-row", ""),
    ],
)
def test_a_feature_at_fault_is_left_out_and_told(tmp_path: Path, feature: Any, reason: str, field: str) -> None:
    read = Read(tmp_path, camera(camera_id="C2"), feature)
    assert [found.camera_id for found in read.cameras] == ["C2"]
    assert read.rejected == [(2, reason, field)]
    assert read.account == {"read": 2, "kept": 1, "flagged": {}, "rejected": {reason: 1}}
    assert not read.faults
    assert {fault.row for fault in read.row_faults} == {2}
    assert read.damaged.camera("C1")


def test_a_camera_whose_id_can_be_read_damages_only_itself(tmp_path: Path) -> None:
    damaged = Read(tmp_path, camera(valid_from="soon"), camera(camera_id="C2")).damaged
    assert (damaged.camera("C1"), damaged.camera("C2")) == (True, False)


def test_positions_in_the_wrong_order_are_told_as_such(tmp_path: Path) -> None:
    (fault,) = Read(tmp_path, camera((36.651, 117.001))).row_faults
    assert "Longitude comes first" in str(fault)


def test_two_versions_at_one_time_are_both_refused(tmp_path: Path) -> None:
    read = Read(
        tmp_path, camera(valid_to="2026-03-18"), camera((117.1, 36.7), valid_from="2026-03-18"), camera(camera_id="C2")
    )
    assert [found.camera_id for found in read.cameras] == ["C2"]
    assert read.rejected == [(1, "duplicate-key", "camera_id"), (2, "duplicate-key", "camera_id")]
    assert read.account == {"read": 3, "kept": 1, "flagged": {}, "rejected": {"duplicate-key": 2}}
    assert (read.damaged.camera("C1"), read.damaged.camera("C2")) == (True, False)


def test_a_camera_said_twice_is_one_camera(tmp_path: Path) -> None:
    read = Read(tmp_path, camera(), camera())
    assert len(read.cameras) == 1
    assert read.rejected == [(2, "duplicate-key", "camera_id")]
    assert not read.damaged.camera("C1")


def test_properties_that_nobody_reads_are_noted_once(tmp_path: Path) -> None:
    assert list(Read(tmp_path, camera(maker="x"), camera(camera_id="C2", maker="y")).ledger.warnings) == [
        "cameras.geojson: properties not read: maker"
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "Feature"}', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_a_file_that_is_no_collection_makes_the_bundle_unusable(tmp_path: Path, text: str) -> None:
    survey = survey_bundle(make_bundle(tmp_path, {"cameras.geojson": text}), Ledger())
    assert {fault.file for fault in survey.faults} == {"cameras.geojson"}


def test_the_file_is_optional_and_may_be_gzipped(tmp_path: Path) -> None:
    assert read_bundle(make_bundle(tmp_path / "none"), Ledger()).cameras == ()
    packed = gzip.compress(collection(camera()).encode())
    bundle = read_bundle(make_bundle(tmp_path / "gz", {"cameras.geojson.gz": packed}), Ledger())
    assert bundle.cameras == (Camera("C1", LON_DEG, LAT_DEG),)


def test_a_bundle_remembers_its_lost_cameras(tmp_path: Path) -> None:
    changes: dict[str, str | bytes | None] = {"cameras.geojson": collection(camera(valid_to="x"))}
    survey = survey_bundle(make_bundle(tmp_path, changes), Ledger())
    assert not survey.faults
    assert [(fault.file, fault.row, fault.field) for fault in survey.row_faults] == [("cameras.geojson", 1, "valid_to")]
    assert survey.bundle.damaged.camera("C1")
