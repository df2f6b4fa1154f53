"""leads.csv: only when asked for, worded as a place to look; and findings whose face records were erased."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

from audit.crew_night import CREW_RULES
from audit.leads import WHY_NOT
from reports.leads_csv import COLUMNS
from tests.runs.conftest import CITY, Run, audit, features, trajaudit


def leads_of(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / "leads.csv").read_text("utf-8-sig"))))


def with_fewer_faces(folder: Path) -> Path:
    """The sample city, of V0009's lesson on R01 only what one camera saw of the officer."""
    shutil.copytree(CITY, folder / "city")
    path = folder / "city" / "passages.ndjson"
    kept, seen = [], None
    for line in path.read_text("utf-8").splitlines():
        record = json.loads(line)
        named = {c["person_id"] for f in record["faces"] for c in f["candidates"] if f["seat"] == "front_passenger"}
        if "P00071" in named:
            seen = seen or record["camera_id"]
            if record["camera_id"] != seen:
                record["faces"] = [f for f in record["faces"] if f["seat"] != "front_passenger"]
        kept.append(json.dumps(record, ensure_ascii=False))
    path.write_text("\n".join(kept) + "\n", "utf-8")
    return folder / "city"


def test_without_asking_there_are_none(sample_run: Run) -> None:
    assert not (sample_run.out / "leads.csv").exists()


def test_what_one_camera_saw_is_a_place_to_look_and_no_finding(tmp_path: Path) -> None:
    assert audit(with_fewer_faces(tmp_path), tmp_path / "out", "--leads").code == 0
    found = json.loads((tmp_path / "out" / "findings.geojson").read_text("utf-8"))["features"]
    assert "safety-officer-instructing" not in {f["properties"]["rule"] for f in found}
    rows = leads_of(tmp_path / "out")
    assert rows
    assert all(tuple(row) == COLUMNS for row in rows)
    for row in rows:
        assert row["person_id"] == "P00071"
        assert 0.5 < float(row["posterior"]) <= 1
        assert set(row["why_no_finding"].split(",")) <= set(WHY_NOT)
        assert "线索,不是疑点" in row["summary_zh"]
        assert "not a finding" in row["summary_en"]


def test_a_finding_whose_face_records_were_erased_says_so_and_the_others_are_the_same(
    tmp_path: Path, sample_run: Run
) -> None:
    shutil.copytree(CITY, tmp_path / "city")
    done = trajaudit("erase", tmp_path / "city", "--person", "P00071", "--lang", "en")
    assert done.code == 0
    assert "face records erased" in done.out
    again = trajaudit("reproduce", "all", "--out", sample_run.out, "--bundle", tmp_path / "city", "--json")
    assert again.code == 3
    rules = {f["properties"]["finding_id"]: f["properties"]["rule"] for f in features(sample_run.out)}
    different = [r for r in again.json() if r["differences"]]
    named = {rules[r["finding_id"]] for r in different}
    assert "safety-officer-instructing" in named
    assert named <= set(CREW_RULES), "the model of faces was learnt from what was erased, too"
    assert all("删除" in r["differences"][-1] for r in different)


def test_erasing_asks_for_one_of_its_two_options(tmp_path: Path) -> None:
    shutil.copytree(CITY, tmp_path / "city")
    assert trajaudit("erase", tmp_path / "city").code == 2
    both = trajaudit("erase", tmp_path / "city", "--person", "P1", "--faces-before", "2026-01-01")
    assert both.code == 2
