"""The sample city audited by the command: the findings its labels say, and every file the contract names."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from audit.reasons import REASONS
from tests.runs.conftest import CITY, DATE, ROOT, Run, audit, features, findings, run_record
from tests.runs.labels import false_alarms, missed

PROPERTIES = {
    "finding_id", "content_digest", "service_date", "rule", "rule_version", "severity", "vehicle_id", "plate",
    "school_id", "district", "zone_id", "session_id", "person_id", "trainee_id", "feed", "start", "end", "duration_s",
    "confidence", "confidence_basis", "summary", "evidence",
}  # fmt: skip


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return json.loads((ROOT / "sample_data" / "city.truth.json").read_text(encoding="utf-8"))


# ---------------------------------------------------------------- what was found


def test_every_label_is_met(sample_run: Run, truth: dict[str, Any]) -> None:
    assert len(truth["truth"]) == 15
    assert missed(truth, findings(sample_run.out)) == []


def test_nobody_else_is_accused(sample_run: Run, truth: dict[str, Any]) -> None:
    assert false_alarms(truth, findings(sample_run.out)) == []


def test_the_measure_notices_a_missing_a_shifted_and_an_invented_finding(truth: dict[str, Any]) -> None:
    perfect = [{"feed": None, "trainee_id": label.get("trainee"), **label} for label in truth["truth"]]
    assert (missed(truth, perfect), false_alarms(truth, perfect)) == ([], [])
    assert len(missed(truth, [f for f in perfect if f["rule"] != "wrong-zone"])) == 1
    stray = {**perfect[0], "vehicle_id": "V0013"}
    assert len(false_alarms(truth, [*perfect, stray])) == 1
    at = next(i for i, f in enumerate(perfect) if f["rule"] == "undeclared-training")
    later = {**perfect[at], "start": "2026-03-18T11:00:00+08:00", "end": "2026-03-18T11:30:00+08:00"}
    moved = [*perfect[:at], later, *perfect[at + 1 :]]
    assert (len(missed(truth, moved)), len(false_alarms(truth, moved))) == (1, 1)


def test_no_innocent_look_alike_is_accused(sample_run: Run, truth: dict[str, Any]) -> None:
    guilty = {t["vehicle_id"] for t in truth["truth"]} | {"V0013", "V0014", "V0015"}
    assert {f["vehicle_id"] for f in findings(sample_run.out)} <= guilty | {None}


def test_a_feed_of_another_datum_answers_not_assessable_for_its_cars(sample_run: Run) -> None:
    rows = table(sample_run.out / "not_assessed.csv")
    assert {"V0013", "V0014", "V0015"} <= {row["vehicle_id"] for row in rows if row["reason"] == "feed-datum"}


# ---------------------------------------------------------------- the files


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_out_holds_every_file_of_the_contract_and_nothing_else(sample_run: Run) -> None:
    assert {path.name for path in sample_run.out.iterdir()} == {
        "findings.geojson", "findings.parquet", "findings.csv", "rejects.parquet", "not_assessed.csv", "run.json",
        "maps",
    }  # fmt: skip
    assert (sample_run.out / "maps" / "index.html").is_file()


def test_out_is_for_its_owners_eyes_only(sample_run: Run) -> None:
    assert sample_run.out.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in sample_run.out.rglob("*")} == {0o600, 0o700}
    assert [p for p in sample_run.out.parent.iterdir() if p != sample_run.out] == []


def test_findings_have_the_properties_of_the_contract_and_its_order(sample_run: Run) -> None:
    collection = json.loads((sample_run.out / "findings.geojson").read_text(encoding="utf-8"))
    assert (collection["type"], collection["schema"]) == ("FeatureCollection", 1)
    found = findings(sample_run.out)
    assert [set(f) ^ PROPERTIES for f in found] == [set()] * len(found)
    places = [(f["start"], f["vehicle_id"] is None, f["vehicle_id"] or "", f["rule"], f["finding_id"]) for f in found]
    assert places == sorted(places)
    assert len({f["finding_id"] for f in found}) == len(found)
    assert {f["service_date"] for f in found} == {DATE}


def test_every_finding_rests_on_files_and_rows_and_says_what_was_excluded(sample_run: Run) -> None:
    for feature in features(sample_run.out):
        found = feature["properties"]
        evidence = found["evidence"]
        assert all(v["since"] and v["source"] and v["unit"] for v in evidence["parameters"].values())
        for name, sha256 in evidence["registers"].items():
            assert (CITY / name).is_file()
            assert len(sha256) == 64
        for rows in evidence["inputs"]:
            assert (CITY / rows["file"]).is_file()
            assert 1 <= rows["rows"][0] <= rows["rows"][1]
        if found["rule"] not in {"feed-datum", "over-hours"}:
            assert evidence["inputs"], found["rule"]
            assert evidence["excluded"], found["rule"]
            assert feature["geometry"] is not None, found["rule"]
        assert found["summary"]["zh"]
        assert found["summary"]["en"]


def test_the_three_forms_of_the_findings_say_the_same(sample_run: Run) -> None:
    ids = [f["finding_id"] for f in findings(sample_run.out)]
    rows = pq.read_table(sample_run.out / "findings.parquet").to_pylist()
    assert [row["finding_id"] for row in rows] == ids
    assert [row["finding_id"] for row in table(sample_run.out / "findings.csv")] == ids
    summaries = [f["summary"] for f in findings(sample_run.out)]
    assert [{"zh": row["summary_zh"], "en": row["summary_en"]} for row in rows] == summaries


def test_what_could_not_be_told_is_told_in_both_languages(sample_run: Run) -> None:
    rows = table(sample_run.out / "not_assessed.csv")
    assert rows
    for row in rows:
        assert (row["reason_zh"], row["reason_en"]) == REASONS[row["reason"]]
        assert row["service_date"] == DATE
        assert row["start"] <= row["end"]
    counted = Counter((row["rule"], row["reason"]) for row in rows)
    record = run_record(sample_run.out)["not_assessed"]
    assert counted == {(rule, reason): n for rule, counts in record.items() for reason, n in counts.items()}


def test_the_account_has_every_member_and_balances(sample_run: Run) -> None:
    record = run_record(sample_run.out)
    assert set(record) == {
        "schema", "run_id", "service_date", "bundle_sha256", "versions", "rows", "passages", "findings", "not_assessed",
        "coverage", "seconds", "peak_rss_mb", "warnings",
    }  # fmt: skip
    assert {"program", "rules", "geos", "numpy"} <= set(record["versions"])
    assert record["findings"] == Counter(f["rule"] for f in findings(sample_run.out))
    assert all(a["read"] == a["kept"] + sum(a["rejected"].values()) for a in record["rows"].values())
    assert {"bundle", "open", "datum", "audit", "night", "again", "maps", "reports"} <= set(record["seconds"])
    assert record["peak_rss_mb"] > 50
    assert record["run_id"].startswith(DATE)


# ---------------------------------------------------------------- again


@pytest.fixture(scope="module")
def threaded_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("again") / "a" / "b" / "out"
    return Run(out, audit(CITY, out, "--jobs", "2", "--lang", "en"))


def test_a_second_run_in_threads_and_another_language_finds_the_same_to_the_byte(
    sample_run: Run, threaded_run: Run
) -> None:
    assert threaded_run.answer.code == 0, threaded_run.answer.err
    for name in ("findings.geojson", "findings.parquet", "findings.csv", "not_assessed.csv", "rejects.parquet"):
        assert (threaded_run.out / name).read_bytes() == (sample_run.out / name).read_bytes(), name
    first, second = run_record(sample_run.out), run_record(threaded_run.out)
    changing = {"run_id", "seconds", "peak_rss_mb"}
    assert {k: v for k, v in first.items() if k not in changing} == {
        k: v for k, v in second.items() if k not in changing
    }


def test_the_language_is_that_of_summary_progress_and_maps(sample_run: Run, threaded_run: Run) -> None:
    assert "疑点(待核实)" in sample_run.answer.out
    assert "核查" in sample_run.answer.err
    assert "疑似场外训练" in sample_run.answer.out
    assert "Findings to check" in threaded_run.answer.out
    assert "Auditing" in threaded_run.answer.err
    for run, tag in ((sample_run, "zh-CN"), (threaded_run, "en")):
        pages = sorted((run.out / "maps").glob("*.html"))
        assert len(pages) > 10
        assert [p.name for p in pages if f'lang="{tag}"' not in p.read_text(encoding="utf-8")[:2000]] == []


def test_people_appear_on_maps_by_role_and_a_number_of_the_run_only(sample_run: Run, threaded_run: Run) -> None:
    staff = [row["person_id"] for row in table(CITY / "staff.csv")]
    trainees = [row["trainee_id"] for row in table(CITY / "sessions.csv")]
    for run in (sample_run, threaded_run):
        for page in (run.out / "maps").glob("*.html"):
            text = page.read_text(encoding="utf-8")
            assert [person for person in (*staff, *trainees) if person in text] == [], page.name
