"""`trajaudit validate`: every fault of a bundle at once, without auditing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.feeds.bundle_maker import CONFIG, FILES, collection, ground, make_bundle, route, site, with_row
from tests.runs.conftest import CITY, Answer, trajaudit

TRACK_ROW = "T1,2026-03-18T08:00:05+08:00,417.0,36.6,10,90"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    changes = {
        "bundle.toml": CONFIG.replace("schema = 1", "schema = 7"),
        "zones.geojson": collection(ground(kind="garden"), route(width_m=None), site()),
        "exams.csv": None,
        "tracks/terminal/T1.csv": FILES["tracks/terminal/T1.csv"] + TRACK_ROW + "\n",
        **with_row("sessions.csv", "L3,V1,P1,T1,2,G1,2026-03-18T12:00:00+08:00,yesterday"),
        **with_row("schools.csv", "S3,第三驾校,nowhere"),
    }
    return make_bundle(tmp_path_factory.mktemp("broken") / "bundle", changes)


@pytest.fixture(scope="module")
def answer(broken: Path) -> Answer:
    return trajaudit("validate", broken)


def test_every_fault_is_told_with_file_row_and_field(answer: Answer) -> None:
    assert answer.code == 2
    assert "Traceback" not in answer.err
    for told in (
        "bundle.toml, field schema",
        "zones.geojson, row 1, field kind",
        "zones.geojson, row 2, field width_m",
        "exams.csv",
        "sessions.csv, row 3, field end",
        "schools.csv, row 3, field district",
        "tracks/terminal/T1.csv, row 2, field lon",
    ):
        assert told in answer.err, answer.err


def test_what_stops_an_audit_and_what_is_left_out_stand_apart(answer: Answer) -> None:
    stops, _, left_out = answer.err.partition("拒收的行")
    assert stops.startswith("数据包无法核查 (4):")
    assert "sessions.csv" not in stops
    assert "sessions.csv" in left_out
    assert "tracks/terminal/T1.csv" in left_out
    assert "未发现错误" not in answer.out


def test_the_rows_of_every_file_are_counted(answer: Answer) -> None:
    assert "sessions.csv\t3\t2\t1" in answer.out
    assert "tracks/terminal\t2\t1\t1" in answer.out


def test_as_json_the_same_faults(broken: Path, answer: Answer) -> None:
    report = trajaudit("validate", broken, "--json")
    assert report.code == 2
    told = report.json()
    assert told["usable"] is False
    assert [fault for fault in told["faults"] if fault not in answer.err] == []
    assert {"file": "tracks/terminal/T1.csv", "row": 2, "reason": "out-of-range", "field": "lon"} in told["rejects"]


def test_a_rejected_row_alone_leaves_the_bundle_usable_and_still_ends_with_2(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", with_row("schools.csv", "S3,第三驾校,nowhere"))
    report = trajaudit("validate", bundle, "--json")
    assert report.code == 2
    assert report.json()["usable"] is True


def test_the_sample_city_has_no_fault() -> None:
    answer = trajaudit("validate", CITY)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.rstrip().endswith("未发现错误。")
    assert trajaudit("validate", CITY, "--quiet").out == ""


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    answer = trajaudit("validate", tmp_path / "nowhere")
    assert answer.code == 2
    assert "nowhere: is not a folder" in answer.err
