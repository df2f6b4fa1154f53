"""Validating tells everything at once and never stumbles."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from feeds.bundle import read_bundle
from feeds.faults import UnusableInput
from feeds.ledger import Ledger
from feeds.validate import validate_bundle
from tests.feeds.bundle_maker import CONFIG, FILES, collection, ground, make_bundle, site, with_row
from tests.feeds.passage_makers import line, ndjson


def test_a_good_bundle_has_nothing_to_tell(tmp_path: Path) -> None:
    report = validate_bundle(make_bundle(tmp_path))
    assert report.is_usable
    assert (report.faults, report.rejects, report.row_faults, report.warnings) == ((), (), (), ())
    assert report.rows["sessions.csv"] == {"read": 2, "kept": 2, "flagged": {}, "rejected": {}}
    assert report.rows["zones.geojson"]["kept"] == 3
    assert report.rows["tracks/terminal"]["read"] == 1


def test_all_missing_files_are_told_at_once(tmp_path: Path) -> None:
    report = validate_bundle(tmp_path)
    expected = {"bundle.toml", "schools.csv", "vehicles.csv", "staff.csv", "schedules.csv", "sessions.csv", "exams.csv"}
    assert {fault.file for fault in report.faults} == expected | {"zones.geojson"}
    assert len(report.faults) == 8
    with pytest.raises(UnusableInput) as trouble:
        read_bundle(tmp_path, Ledger())
    assert trouble.value.faults == report.faults


def test_a_folder_that_is_none_is_one_fault(tmp_path: Path) -> None:
    (fault,) = validate_bundle(tmp_path / "nowhere").faults
    assert str(tmp_path / "nowhere") in str(fault)


def test_faults_of_all_files_come_together_and_name_file_row_and_field(tmp_path: Path) -> None:
    bow_tie = {"type": "Polygon", "coordinates": [[[117, 36], [118, 37], [118, 36], [117, 37], [117, 36]]]}
    changes: dict[str, str | bytes | None] = {
        "bundle.toml": CONFIG.replace("Asia/Shanghai", "Asia/Peking").replace('"csv"', '"cvs"'),
        "zones.geojson": collection(ground(geometry=bow_tie), ground(zone_id="G2", kind="yard"), site()),
        "staff.csv": FILES["staff.csv"].replace("person_id", "person"),
        "exams.csv": None,
    }
    report = validate_bundle(make_bundle(tmp_path, changes | with_row("schools.csv", "S3,x,y")))
    assert [(fault.file, fault.row, fault.field) for fault in report.faults] == [
        ("bundle.toml", None, "timezone"),
        ("bundle.toml", None, "feeds.terminal.format"),
        ("staff.csv", None, "person_id"),
        ("exams.csv", None, None),
        ("zones.geojson", 1, "geometry"),
        ("zones.geojson", 2, "kind"),
    ]
    assert not report.is_usable
    assert [(reject.file, reject.row) for reject in report.rejects] == [("schools.csv", 3)]


def test_every_bad_field_of_a_rejected_row_is_told_and_the_row_counts_once(tmp_path: Path) -> None:
    report = validate_bundle(make_bundle(tmp_path, with_row("sessions.csv", "L3,V1,,T1,x,G1,soon,later")))
    assert [(fault.row, fault.field) for fault in report.row_faults] == [
        (3, "instructor_id"),
        (3, "part"),
        (3, "start"),
        (3, "end"),
    ]
    assert len(report.rejects) == 1
    assert report.is_usable


def test_tracks_are_looked_through_too(tmp_path: Path) -> None:
    report = validate_bundle(make_bundle(tmp_path, {"tracks/terminal/T2.csv": "what,is,this\n1,2,3\n"}))
    assert {fault.file for fault in report.faults} == {"tracks/terminal/T2.csv"}


def test_cameras_look_alikes_and_passages_are_looked_through_too(tmp_path: Path) -> None:
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [117.0, 36.6]}}
    changes: dict[str, str | bytes | None] = {
        "cameras.geojson": collection(point | {"properties": {"camera_id": "C1"}}, point | {"properties": {}}),
        "lookalikes.csv": "person_id_a,person_id_b,score\nP1,P2,high\n",
        "passages.ndjson": ndjson(line(), line(passage_id="K2", camera_id="C9"), line(plate="鲁B84710"), "{"),
    }
    report = validate_bundle(make_bundle(tmp_path, changes))
    assert report.is_usable
    assert [(reject.file, reject.row, reject.field) for reject in report.rejects] == [
        ("cameras.geojson", 2, "camera_id"),
        ("lookalikes.csv", 1, "score"),
        ("passages.ndjson", 2, "camera_id"),
        ("passages.ndjson", 4, ""),
    ]
    assert report.rows["passages.ndjson"] == {
        "read": 4, "kept": 1, "flagged": {}, "rejected": {"not-json": 1, "out-of-scope": 1, "unknown-camera": 1},
    }  # fmt: skip


def test_passages_plain_and_gzipped_are_a_fault(tmp_path: Path) -> None:
    changes: dict[str, str | bytes | None] = {"passages.ndjson": b"", "passages.ndjson.gz": gzip.compress(b"")}
    (fault,) = validate_bundle(make_bundle(tmp_path, changes)).faults
    assert (fault.file, fault.code) == ("passages.ndjson", "two-files")


def test_bytes_changed_at_random_never_make_it_stumble(tmp_path: Path) -> None:
    draw = random.Random(20260318)
    make_bundle(tmp_path)
    names = [name for name in [*FILES, "zones.geojson"] if "/" not in name]
    for _ in range(60):
        path = tmp_path / draw.choice(names)
        good = path.read_bytes()
        bad = bytearray(good)
        for _ in range(draw.randint(1, 6)):
            bad[draw.randrange(len(bad))] = draw.choice(b'\x00\xff",\n{[0-9\xc2')
        path.write_bytes(bytes(bad))
        report = validate_bundle(tmp_path)  # its ledger raises where an account does not add up
        assert all(fault.file and fault.message for fault in report.faults)
        path.write_bytes(good)
