"""`trajaudit reproduce`: the same finding again from the same bundle, or what differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.feeds.bundle_maker import make_bundle
from tests.runs.conftest import CITY, Run, copy_city, edit, findings, trajaudit

SAME, DIFFERS, UNUSABLE = 0, 3, 2
GROUND_CORNER = "[113.5806612, 34.8096713]"  # of G02, where V0011 and others train


def finding_of(run: Run, rule: str, vehicle_id: str | None) -> str:
    return next(f["finding_id"] for f in findings(run.out) if (f["rule"], f["vehicle_id"]) == (rule, vehicle_id))


def test_every_finding_of_the_sample_is_reproduced(sample_run: Run) -> None:
    answer = trajaudit("reproduce", "all", "--out", sample_run.out, "--bundle", CITY, "--json")
    assert answer.code == SAME, answer.out
    ids = [f["finding_id"] for f in findings(sample_run.out)]
    assert answer.json() == [{"finding_id": i, "same": True, "differences": []} for i in ids]


@pytest.mark.parametrize(("rule", "vehicle_id"), [("replayed-track", "V0012"), ("over-hours", "V0010")])
def test_one_finding_alone_is_reproduced_though_it_rests_on_other_cars_or_days(
    sample_run: Run, rule: str, vehicle_id: str
) -> None:
    wanted = finding_of(sample_run, rule, vehicle_id)
    answer = trajaudit("reproduce", wanted, "--out", sample_run.out, "--bundle", CITY)
    assert answer.code == SAME, answer.out
    assert f"{wanted}: 一致" in answer.out
    assert "1 / 1" in answer.out


def test_a_changed_row_of_the_track_is_named_and_other_cars_findings_stay_the_same(
    sample_run: Run, tmp_path: Path
) -> None:
    city = copy_city(tmp_path)
    gap = finding_of(sample_run, "signal-gap", "V0011")
    edit(city / "tracks/terminal/TV0011.csv.gz", "09:30:28+08:00,113.580300", "09:30:28+08:00,113.580301")
    answer = trajaudit("reproduce", "all", "--out", sample_run.out, "--bundle", city, "--json", "--lang", "en")
    assert answer.code == DIFFERS
    told = {row["finding_id"]: row["differences"] for row in answer.json()}
    assert any(line.startswith("evidence.inputs[0].sha256: ") for line in told[gap]), told[gap]
    assert any(line.startswith("bundle_sha256: ") for line in told[gap])
    assert not any("content_digest" in line for line in told[gap])
    assert told[finding_of(sample_run, "undeclared-training", "V0006")] == []
    assert [i for i, lines in told.items() if lines] == [
        f["finding_id"]
        for f in findings(sample_run.out)
        if any(rows["file"] == "tracks/terminal/TV0011.csv.gz" for rows in f["evidence"]["inputs"])
    ]


def test_a_moved_zone_is_named_and_its_findings_differ(sample_run: Run, tmp_path: Path) -> None:
    city = copy_city(tmp_path)
    edit(city / "zones.geojson", GROUND_CORNER, "[113.5806712, 34.8096713]")
    gap = finding_of(sample_run, "signal-gap", "V0011")
    answer = trajaudit("reproduce", gap, "--out", sample_run.out, "--bundle", city, "--quiet")
    assert answer.code == DIFFERS
    assert answer.err == ""
    assert f"{gap}: 不一致" in answer.out
    assert "evidence.registers.zones.geojson: 原为" in answer.out
    assert "evidence.zone.geometry_sha256: 原为" in answer.out


def test_a_finding_that_is_gone_is_said_to_be_gone(sample_run: Run, tmp_path: Path) -> None:
    office = tmp_path / "office.toml"
    office.write_text(
        '[[value]]\nrule = "signal-gap"\nparameter = "silence_min"\nsince = 2026-01-01\nvalue = 45\nunit = "min"\n'
        'source = "test"\n',
        encoding="utf-8",
    )
    gap = finding_of(sample_run, "signal-gap", "V0011")
    answer = trajaudit("reproduce", gap, "--out", sample_run.out, "--bundle", CITY, "--office", office, "--lang", "en")
    assert answer.code == DIFFERS
    assert "the finding is gone" in answer.out
    assert "0 / 1 same" in answer.out


def test_an_unknown_finding_is_refused_with_some_that_exist(sample_run: Run) -> None:
    answer = trajaudit("reproduce", "F0", "--out", sample_run.out, "--bundle", CITY)
    assert answer.code == UNUSABLE
    assert 'no such finding; found "F0"' in answer.err
    assert min(f["finding_id"] for f in findings(sample_run.out)) in answer.err


@pytest.mark.parametrize("run_json", [None, "{}", "[]", "no json", '{"service_date": "someday", "bundle_sha256": "x"}'])
def test_a_folder_that_holds_no_run_is_refused(tmp_path: Path, run_json: str | None) -> None:
    (tmp_path / "findings.geojson").write_text(json.dumps({"features": []}), encoding="utf-8")
    if run_json is not None:
        (tmp_path / "run.json").write_text(run_json, encoding="utf-8")
    answer = trajaudit("reproduce", "all", "--out", tmp_path, "--bundle", make_bundle(tmp_path / "bundle"))
    assert answer.code == UNUSABLE, answer.err
    assert "holds no run of trajaudit" in answer.err
    assert "Traceback" not in answer.err
