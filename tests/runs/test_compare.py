"""`trajaudit compare`: what became of the findings from one run to another, and why."""

from __future__ import annotations

import json
import shutil
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Open
from tests.feeds.bundle_maker import make_bundle
from tests.runs.conftest import Run, audit, copy_city, edit, findings, trajaudit

SAME, UNUSABLE, DIFFERS = 0, 2, 3
FIX = "09:30:28+08:00,113.580300"  # a fix of V0011's session, before it fell silent


@pytest.fixture(scope="module")
def edited_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The sample city with longer hours of G02, and with one fix of V0011 moved by 10 cm."""
    folder = tmp_path_factory.mktemp("edited")
    city, out = copy_city(folder), folder / "out"
    edit(city / "schedules.csv", "G02,1-7,08:00,17:30", "G02,1-7,08:00,19:00")
    edit(city / "tracks/terminal/TV0011.csv.gz", FIX, FIX[:-1] + "1")
    run = Run(out, audit(city, out, "--quiet"))
    assert run.answer.code == SAME, run.answer.err
    return run


def copied(run: Run, folder: Path) -> Path:
    return Path(shutil.copytree(run.out, folder))


def rewrite(out: Path, change: Any) -> None:
    """Change `findings.geojson` as parsed JSON."""
    file = out / "findings.geojson"
    told = json.loads(file.read_text(encoding="utf-8"))
    change(told)
    file.write_text(json.dumps(told), encoding="utf-8")


def codes(matter: dict[str, Any]) -> set[tuple[str, str]]:
    return {(c["code"], c["what"]) for c in matter["causes"]}


def test_a_run_compared_with_itself_says_the_same(sample_run: Run) -> None:
    answer = trajaudit("compare", sample_run.out, sample_run.out, "--exit-code")
    assert (answer.code, answer.out.strip(), answer.err) == (SAME, "两次结果一致。", "")
    told = trajaudit("compare", sample_run.out, sample_run.out, "--json").json()
    assert told["same"] is True
    assert told["findings"] == told["on_other_evidence"] == told["not_assessed"]["new"] == []
    assert told["counts"] == {"new": 0, "gone": 0, "changed": 0, "unchanged": len(findings(sample_run.out))}


def test_longer_hours_close_a_finding_and_the_register_is_named(sample_run: Run, edited_run: Run) -> None:
    told = trajaudit("compare", sample_run.out, edited_run.out, "--json").json()
    (gone,) = [m for m in told["findings"] if m["status"] == "gone"]
    assert (gone["rule"], gone["vehicle_id"], gone["finding_id"]["after"]) == ("out-of-hours", "V0005", None)
    assert ("register", "schedules.csv") in codes(gone)
    assert told["rules"]["out-of-hours"] == {"new": 0, "gone": 1, "changed": 0, "unchanged": 0}


def test_a_moved_fix_is_named_with_file_and_rows(sample_run: Run, edited_run: Run) -> None:
    told = trajaudit("compare", sample_run.out, edited_run.out, "--json").json()
    gap = next(f for f in findings(sample_run.out) if f["rule"] == "signal-gap")
    listed = [m for m in told["findings"] if m["finding_id"]["before"] == gap["finding_id"]]
    listed += [m for m in told["on_other_evidence"] if m["finding_id"] == gap["finding_id"]]
    (rows,) = [c for c in listed[0]["causes"] if c["code"] == "rows"]
    assert rows["what"] == "tracks/terminal/TV0011.csv.gz"
    assert rows["before"].startswith(gap["evidence"]["inputs"][0]["sha256"][:12])
    untouched = next(f["finding_id"] for f in findings(sample_run.out) if f["vehicle_id"] == "V0006")
    others = [m for m in told["on_other_evidence"] if m["finding_id"] == untouched]
    assert others
    assert all(c["code"] != "rows" for m in others for c in m["causes"])


def test_the_other_way_round_what_was_gone_is_new(sample_run: Run, edited_run: Run) -> None:
    there, back = (
        trajaudit("compare", a, b, "--json").json()
        for a, b in ((sample_run.out, edited_run.out), (edited_run.out, sample_run.out))
    )
    mirrored = {"new": "gone", "gone": "new"}
    assert Counter(m["status"] for m in back["findings"]) == Counter(
        mirrored.get(m["status"], m["status"]) for m in there["findings"]
    )


def test_the_exit_code_tells_of_differences_only_where_it_is_asked_to(sample_run: Run, edited_run: Run) -> None:
    pair = ("compare", sample_run.out, edited_run.out, "--quiet")
    assert trajaudit(*pair).code == SAME
    asked = trajaudit(*pair, "--exit-code")
    assert (asked.code, asked.out) == (DIFFERS, "")


def test_a_terminal_that_is_none_gets_plain_lines_in_either_language(sample_run: Run, edited_run: Run) -> None:
    pair = ("compare", sample_run.out, edited_run.out)
    zh, en = trajaudit(*pair).out, trajaudit(*pair, "--lang", "en").out
    assert "消失\t非批准时段训练\tV0005\t17:30–18:15\t–\t登记资料不同: schedules.csv" in zh
    assert "gone\tTraining outside the approved hours\tV0005\t17:30–18:15\t–\tanother register: schedules.csv" in en
    assert "unchanged findings rest on other evidence:" in en


def test_a_later_start_a_graver_severity_and_another_measure_are_told(sample_run: Run, tmp_path: Path) -> None:
    other = copied(sample_run, tmp_path / "other")

    def change(told: dict[str, Any]) -> None:
        gap = next(f["properties"] for f in told["features"] if f["properties"]["rule"] == "signal-gap")
        gap |= {"severity": "major", "start": gap["start"].replace("09:34:11", "09:34:12"), "content_digest": "e" * 64}
        gap["evidence"]["margins"]["minutes_over"] = 20.5

    rewrite(other, change)
    told = trajaudit("compare", sample_run.out, other, "--json").json()
    (matter,) = told["findings"]
    changes = {c["field"]: (c["before"], c["after"]) for c in matter["changes"]}
    assert changes["start"] == ("2026-03-18T09:34:11+08:00", "2026-03-18T09:34:12+08:00")
    assert changes["severity"] == ("minor", "major")
    assert changes["margins.minutes_over"][1] == 20.5
    assert codes(matter) == {("unknown", "")}
    text = trajaudit("compare", sample_run.out, other, "--lang", "en").out
    assert "start 09:34:11 → 09:34:12; severity minor → major" in text


def test_nothing_of_a_person_and_no_plate_is_printed(sample_run: Run, tmp_path: Path) -> None:
    other = copied(sample_run, tmp_path / "other")

    def change(told: dict[str, Any]) -> None:
        for f in told["features"]:
            f["properties"] |= {"person_id": "P-SECRET", "plate": "豫SECRET学", "content_digest": "e" * 64}

    rewrite(other, change)
    for options in (("--json",), ("--lang", "en")):
        answer = trajaudit("compare", sample_run.out, other, *options)
        assert answer.code == SAME
        assert "SECRET" not in answer.out
    assert "plate: another" in answer.out


def test_a_finding_that_turned_into_not_assessable_is_said_to_have(sample_run: Run, tmp_path: Path) -> None:
    other = copied(sample_run, tmp_path / "other")

    def without_the_gap(told: dict[str, Any]) -> None:
        told["features"] = [f for f in told["features"] if f["properties"]["rule"] != "signal-gap"]

    rewrite(other, without_the_gap)
    row = "2026-03-18,V0011,signal-gap,2026-03-18T04:00:00+08:00,2026-03-19T04:00:00+08:00,no-fixes,无,none\r\n"
    with (other / "not_assessed.csv").open("a", encoding="utf-8", newline="") as file:
        file.write(row)
    (gone,) = trajaudit("compare", sample_run.out, other, "--json").json()["findings"]
    assert (gone["status"], gone["not_assessable"]["reason"]) == ("gone", "no-fixes")
    text = trajaudit("compare", sample_run.out, other, "--lang", "en").out
    assert "not assessable now: the car has no fix that day" in text
    assert "The terminal fell silent\tthe car has no fix that day\t1\t0" in text


# ---------------------------------------------------------------- the map
def test_the_map_is_one_private_file_that_loads_nothing(
    sample_run: Run, edited_run: Run, tmp_path: Path, open_page: Open
) -> None:
    file = tmp_path / "differences.html"
    answer = trajaudit("compare", sample_run.out, edited_run.out, "--map", file, "--lang", "en", "--quiet")
    assert (answer.code, answer.err) == (SAME, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["differences.html"]
    opened = open_page(file)
    opened.assert_quiet(file)
    assert "Training outside the approved hours" in opened.page.locator("#findings").inner_text()
    assert "another register: schedules.csv" in opened.page.locator("#findings").inner_text()


def test_a_map_that_cannot_be_written_is_refused_and_nothing_is_left(sample_run: Run, tmp_path: Path) -> None:
    for file in (tmp_path / "no" / "such.html", tmp_path):
        answer = trajaudit("compare", sample_run.out, sample_run.out, "--map", file)
        assert answer.code == UNUSABLE
        assert f"{file}: cannot be written" in answer.err
    assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.parent.glob(".trajaudit-*")) == []


# ---------------------------------------------------------------- unusable input
def test_another_service_day_is_refused(sample_run: Run, tmp_path: Path) -> None:
    other = copied(sample_run, tmp_path / "other")
    record = (other / "run.json").read_text(encoding="utf-8")
    (other / "run.json").write_text(record.replace('"service_date": "2026-03-18"', '"service_date": "2026-03-17"'))
    answer = trajaudit("compare", sample_run.out, other)
    assert answer.code == UNUSABLE
    assert "field service_date: is of another service_date than" in answer.err
    assert 'found "2026-03-17", expected 2026-03-18' in answer.err


def test_both_folders_are_told_where_neither_holds_a_run(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    answer = trajaudit("compare", bundle, tmp_path / "nothing")
    assert answer.code == UNUSABLE
    assert answer.err.count("holds no run of trajaudit") == 2
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("start", "noon", "ISO 8601 with an offset"),
        ("start", "2026-03-18T09:34:11", "ISO 8601 with an offset"),
        ("start", "9999-12-31T23:59:59+00:00", "ISO 8601 with an offset"),
        ("severity", "grave", "one of notice, minor, major, critical"),
        ("vehicle_id", 7, "a text or null"),
        ("confidence", 1.5, "a number from 0 to 1, or null"),
        ("rule", None, "a rule's name"),
        ("summary", "text", "zh and en"),
        ("evidence", {"inputs": [1]}, "the evidence that `trajaudit audit` wrote"),
        ("evidence", {"parameters": {"a": 1}}, "the evidence that `trajaudit audit` wrote"),
        ("evidence", {"zone": []}, "the evidence that `trajaudit audit` wrote"),
    ],
)
def test_a_spoilt_feature_is_named_with_its_number_and_field(
    sample_run: Run, tmp_path: Path, name: str, value: Any, expected: str
) -> None:
    other = copied(sample_run, tmp_path / "other")
    rewrite(other, lambda told: told["features"][2]["properties"].update({name: value}))
    answer = trajaudit("compare", sample_run.out, other)
    assert answer.code == UNUSABLE, answer.err
    assert f"findings.geojson, row 3, field {name}: is not what a run writes" in answer.err
    assert expected in answer.err


def spoil_geometry(told: dict[str, Any]) -> None:
    told["features"][2]["geometry"] = {"type": "LineString", "coordinates": "here"}


def repeat_finding(told: dict[str, Any]) -> None:
    told["features"].append(told["features"][0])


@pytest.mark.parametrize(
    ("change", "said"), [(spoil_geometry, "field geometry"), (repeat_finding, "a finding_id stands there twice")]
)
def test_a_spoilt_collection_is_refused(sample_run: Run, tmp_path: Path, change: Any, said: str) -> None:
    other = copied(sample_run, tmp_path / "other")
    rewrite(other, change)
    answer = trajaudit("compare", other, sample_run.out)
    assert answer.code == UNUSABLE, answer.err
    assert said in answer.err


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("not_assessed.csv", "vehicle_id", "car", "not_assessed.csv: has other columns"),
        ("not_assessed.csv", "T04:00:00+08:00", "T04:00", "not_assessed.csv, row 1, field start"),
        ("not_assessed.csv", None, None, "not_assessed.csv: cannot be read"),
        ("findings.parquet", None, None, "findings.parquet, field start: does not tell the time zone"),
        ("run.json", '"rows": {', '"other": {', "run.json, field rows: missing or of the wrong kind"),
    ],
)
def test_a_spoilt_or_missing_file_is_named(
    sample_run: Run, tmp_path: Path, file: str, old: str | None, new: str | None, said: str
) -> None:
    other = copied(sample_run, tmp_path / "other")
    if old is None or new is None:
        (other / file).unlink()
    else:
        text = (other / file).read_text(encoding="utf-8")
        assert old in text
        (other / file).write_text(text.replace(old, new), encoding="utf-8")
    answer = trajaudit("compare", sample_run.out, other)
    assert answer.code == UNUSABLE, answer.err
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_hostile_text_in_a_result_forges_no_line_of_the_terminal(sample_run: Run, tmp_path: Path) -> None:
    other = copied(sample_run, tmp_path / "other")

    def change(told: dict[str, Any]) -> None:
        gap = next(f["properties"] for f in told["features"] if f["properties"]["rule"] == "signal-gap")
        gap |= {"zone_id": "G9\x1b[2J\nnothing differs", "content_digest": "e" * 64}
        gap["evidence"]["registers"]["a\x1b[31m\nb\ud800"] = "c" * 64

    rewrite(other, change)
    answer = trajaudit("compare", sample_run.out, other, "--lang", "en")
    assert answer.code == SAME, answer.err
    assert "\x1b" not in answer.out
    assert "nothing differs" not in answer.out.splitlines()
    as_json = trajaudit("compare", sample_run.out, other, "--json")
    assert as_json.code == SAME, as_json.err
    assert "\x1b" not in as_json.out
