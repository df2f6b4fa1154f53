"""Erasing face records from a bundle: what goes, what stays, and what is told of it."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import pytest

from feeds.erase import erase_faces_before, erase_person, erasures
from tests.feeds.viid_makers import ID_NUMBER, face, vehicle

ON = date(2026, 4, 1)


def record(passage_id: str, shot: str, *people: str) -> dict[str, object]:
    candidates = [{"person_id": p, "score": 0.8} for p in people]
    seen = {"seat": "front_passenger", "quality": 0.7, "candidates": candidates}
    return {"passage_id": passage_id, "camera_id": "C1", "shot_time": shot, "plate": "鲁A1001学", "faces": [seen]}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    lines = [
        json.dumps(record("K1", "2026-03-17T10:00:00+08:00", "P1", "P2"), ensure_ascii=False),
        json.dumps(record("K2", "2026-03-18T10:00:00+08:00", "P2"), ensure_ascii=False),
        "",
        '{"torn": "P1',
        '{"torn": "P2',
    ]
    (tmp_path / "passages.ndjson").write_text("\n".join(lines) + "\n", "utf-8")
    (tmp_path / "lookalikes.csv").write_text("person_id_a,person_id_b,score\nP1,P3,0.8\nP2,P3,0.7\n", "utf-8")
    (tmp_path / "passages").mkdir()
    push = {"MotorVehicleListObject": {"MotorVehicleObject": [vehicle()]}, "FaceListObject": {"FaceObject": [face()]}}
    (tmp_path / "passages" / "push.json").write_text(json.dumps(push), "utf-8")
    return tmp_path


def everything(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def test_a_person_is_gone_from_every_file_and_the_others_stay(bundle: Path) -> None:
    erasure = erase_person(bundle, "P1", ON)
    assert b'"P1"' not in everything(bundle)
    assert b"P1," not in everything(bundle)
    told = [json.loads(x) for x in (bundle / "passages.ndjson").read_text("utf-8").splitlines()[:2]]
    assert [[c["person_id"] for c in t["faces"][0]["candidates"]] for t in told] == [["P2"], ["P2"]]
    assert {(f.file, f.erased) for f in erasure.files} == {("passages.ndjson", 2), ("lookalikes.csv", 1)}


def test_a_line_that_cannot_be_read_and_names_the_person_goes_and_any_other_stays_as_it_is(bundle: Path) -> None:
    before = (bundle / "passages.ndjson").read_bytes().splitlines()
    erase_person(bundle, "P1", ON)
    after = (bundle / "passages.ndjson").read_bytes().splitlines()
    assert after == [after[0], before[1], b"", b'{"torn": "P2']


def test_faces_before_a_date_go_and_their_passages_stay(bundle: Path) -> None:
    erasure = erase_faces_before(bundle, date(2026, 3, 18), ON)
    told = [json.loads(x) for x in (bundle / "passages.ndjson").read_text("utf-8").splitlines()[:2]]
    assert [len(t["faces"]) for t in told] == [0, 1]
    assert [f.erased for f in erasure.files] == [1]


def test_faces_of_payloads_go_by_the_time_they_appeared(bundle: Path) -> None:
    erase_faces_before(bundle, date(2026, 3, 19), ON)
    text = (bundle / "passages" / "push.json").read_text("utf-8")
    assert ID_NUMBER not in text
    assert "鲁A1001学" in text


def test_what_was_erased_is_told_without_the_person(bundle: Path) -> None:
    erase_person(bundle, "P1", ON)
    erase_faces_before(bundle, date(2026, 3, 18), ON)
    assert [(e.what, e.on, e.before) for e in erasures(bundle)] == [
        ("person", ON, None),
        ("faces-before", ON, date(2026, 3, 18)),
    ]
    first, second = (e.files[0] for e in erasures(bundle))
    assert first.file == second.file == "passages.ndjson"
    assert first.sha256_after == second.sha256_before
    assert "P1" not in (bundle / "erased.json").read_text("utf-8")


def test_a_gzipped_file_stays_gzipped(bundle: Path) -> None:
    path = bundle / "passages.ndjson"
    (bundle / "passages.ndjson.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    erase_person(bundle, "P1", ON)
    assert b"P1" not in gzip.decompress((bundle / "passages.ndjson.gz").read_bytes())


def test_nothing_to_erase_changes_no_file_but_is_told(bundle: Path) -> None:
    before = (bundle / "passages.ndjson").read_bytes()
    assert erase_person(bundle, "P9", ON).files == ()
    assert (bundle / "passages.ndjson").read_bytes() == before
    assert erasures(bundle)[0].files == ()


def test_a_note_of_erasures_that_is_not_ours_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "erased.json").write_text("[]", "utf-8")
    assert erasures(tmp_path) == ()


def test_a_file_in_gb18030_is_erased_in_its_encoding_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "passages.ndjson"
    line = json.dumps(record("K1", "2026-03-17T10:00:00+08:00", "P1", "P2"), ensure_ascii=False)
    path.write_bytes((line + "\n").encode("gb18030"))
    path.chmod(0o600)
    assert erase_person(tmp_path, "P1", ON).files[0].erased == 1
    told = json.loads(path.read_bytes().decode("gb18030"))
    assert told["plate"] == "鲁A1001学"
    assert [c["person_id"] for c in told["faces"][0]["candidates"]] == ["P2"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_behind_a_link_the_file_itself_is_erased(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.ndjson"
    real.write_text(json.dumps(record("K1", "2026-03-17T10:00:00+08:00", "P1")) + "\n", "utf-8")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "passages.ndjson").symlink_to(real)
    erase_person(tmp_path / "bundle", "P1", ON)
    assert "P1" not in real.read_text("utf-8")
    assert (tmp_path / "bundle" / "passages.ndjson").is_symlink()
