"""Exit codes, and what stays in OUT: input that cannot be audited ends with 2 and says why; a fault of ours with 1."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from runs.guard import PACKAGES
from tests.feeds.bundle_maker import CONFIG, FILES, collection, ground, make_bundle, route, site, with_row, write
from tests.runs.conftest import ROOT, Answer, audit, files_of, run_record, trajaudit


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundle")


def assert_refused(answer: Answer) -> None:
    assert answer.code == 2, answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err


def test_a_bundle_with_nothing_to_find_ends_with_0(bundle: Path, tmp_path: Path) -> None:
    write(bundle, "sessions.csv", FILES["sessions.csv"].splitlines(keepends=True)[0])
    answer = audit(bundle, tmp_path / "out")
    assert answer.code == 0, answer.err
    assert json.loads((tmp_path / "out" / "findings.geojson").read_text(encoding="utf-8"))["features"] == []
    assert (tmp_path / "out" / "maps" / "index.html").is_file()


def test_all_faults_of_a_bundle_are_told_at_once_with_file_row_and_field(tmp_path: Path) -> None:
    broken = collection(ground(parts=["two"]), route(width_m=-3), site(valid_from="soon"))
    changes = {
        "bundle.toml": CONFIG.replace('datum = "wgs84"\n\n', 'datum = "mars"\n\n'),
        "zones.geojson": broken,
        "staff.csv": None,
        **with_row("vehicles.csv", "V3,鲁A1003学,16,training,S1,,C1,terminal,T1"),
    }
    bundle = make_bundle(tmp_path / "bundle", changes)
    answer = audit(bundle, tmp_path / "out")
    assert_refused(answer)
    assert not (tmp_path / "out").exists()
    for told in (
        "bundle.toml, field datum",
        '"mars"',
        "zones.geojson, row 1, field parts",
        "zones.geojson, row 2, field width_m",
        "zones.geojson, row 3, field valid_from",
        "staff.csv",
        "vehicles.csv, row 4, field terminal_id",
    ):
        assert told in answer.err, answer.err


def test_a_day_on_which_no_zone_is_in_force_is_refused(bundle: Path, tmp_path: Path) -> None:
    answer = audit(bundle, tmp_path / "out", date="2001-02-03")
    assert_refused(answer)
    assert "no zone is in force on 2001-02-03" in answer.err
    assert "valid_from" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    answer = audit(tmp_path / "nowhere", tmp_path / "out")
    assert_refused(answer)
    assert "nowhere" in answer.err


def test_an_earlier_run_stays_untouched_when_the_next_bundle_is_unusable(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "out"
    assert audit(bundle, out, "--quiet").code == 0
    before = files_of(out.parent)
    write(bundle, "zones.geojson", collection(ground(geometry={"type": "Polygon", "coordinates": []})))
    assert_refused(audit(bundle, out))
    assert files_of(out.parent) == before


def test_an_earlier_run_is_replaced_as_a_whole_by_the_next(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "out"
    assert audit(bundle, out, "--quiet").code == 0
    (first, geojson) = (run_record(out)["run_id"], (out / "findings.geojson").read_bytes())
    assert audit(bundle, out, "--quiet").code == 0
    assert run_record(out)["run_id"] != first
    assert (out / "findings.geojson").read_bytes() == geojson
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_a_folder_with_other_things_is_left_alone(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work", encoding="utf-8")
    answer = audit(bundle, out)
    assert_refused(answer)
    assert "thesis.txt" in answer.err
    assert files_of(out) == {"thesis.txt": b"years of work"}


def test_a_fault_of_the_program_ends_with_1_and_a_traceback(bundle: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    (tree / "audit" / "rules" / "off_route.toml").unlink()
    answer = trajaudit("audit", bundle, "--date", "2026-03-18", "--out", tmp_path / "out", cwd=tree)
    assert answer.code == 1
    assert "Traceback" in answer.err
    assert "CardError: off_route" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_bundle_in_gb18030_is_read_and_the_run_says_so(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    path = bundle / "schools.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    answer = audit(bundle, tmp_path / "out")
    assert answer.code == 0, answer.err
    assert [w for w in run_record(tmp_path / "out")["warnings"] if "schools.csv" in w and "GB18030" in w]
    assert "GB18030" in answer.out
    assert "第一驾校" in (tmp_path / "out" / "maps" / "index.html").read_text(encoding="utf-8")


def test_a_track_file_of_bytes_that_are_no_text_is_refused_by_name(bundle: Path, tmp_path: Path) -> None:
    write(bundle, "tracks/terminal/T1.csv", b"\xff\xfe\x00")
    answer = audit(bundle, tmp_path / "out")
    assert_refused(answer)
    assert "tracks/terminal/T1.csv" in answer.err
    assert not (tmp_path / "out").exists()
