"""`trajaudit whatif`: what an edit of a value, a zone or hours would do; nothing is changed by asking."""

from __future__ import annotations

import gzip
import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import mapping, shape

from audit.registry import load_rules
from feeds.faults import UnusableInput
from runs.whatif import Trial, try_out, with_settings
from tests.browser import Open
from tests.runs.conftest import CITY, DATE, Answer, audit, copy_city, edit, files_of, trajaudit

DAY = date.fromisoformat(DATE)
UNUSABLE = 2
OFFICE = (
    '[[value]]\nrule = "signal-gap"\nparameter = "silence_min"\nsince = 2026-01-01\nvalue = {}\nunit = "min"\n'
    'source = "circular 7"\n'
)
LONGER = ("G02,1-7,08:00,17:30", "G02,1-7,08:00,19:00")


def whatif(*options: str | Path, bundle: Path = CITY) -> Answer:
    return trajaudit("whatif", bundle, "--date", DATE, *options)


def told(*options: str | Path) -> dict[str, Any]:
    answer = whatif(*options, "--json")
    assert answer.code == 0, answer.err
    return answer.json()


def statuses(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(m["status"], m["rule"], m["vehicle_id"]) for m in found["findings"]}


def replaced(name: str, folder: Path, old: str, new: str) -> Path:
    """A file of the sample city with something replaced, somewhere else and under another name."""
    file = folder / f"trial-{name}"
    file.write_bytes((CITY / name).read_bytes())
    edit(file, old, new)
    return file


def hours(folder: Path) -> Path:
    return replaced("schedules.csv", folder, *LONGER)


# ---------------------------------------------------------------- values
def test_a_longer_silence_closes_the_gap_and_its_value_is_named() -> None:
    found = told("--set", "signal-gap.silence_min=45")
    assert statuses(found) == {("gone", "signal-gap", "V0011")}
    (cause,) = found["findings"][0]["causes"]
    assert (cause["code"], cause["what"]) == ("value", "signal-gap.silence_min")
    assert (cause["before"], cause["after"]) == ("15 min (2000-01-01)", f"45 min ({DATE})")
    assert found["on_other_evidence"] == []


def test_the_answer_is_one_sentence_first() -> None:
    answer = whatif("--set", "signal-gap.silence_min=45 min", "--lang", "en")
    assert answer.out.splitlines()[0] == "Findings that this edit would close: 1, open: 0, change: 0."
    assert whatif("--set", "signal-gap.silence_min=45", "--quiet").out == ""


def test_a_trial_value_is_dated_to_the_day_and_marked_in_its_source() -> None:
    (rule,) = [r for r in with_settings(load_rules(), ["signal-gap.silence_min=20min"], DAY) if r.name == "signal-gap"]
    values = rule.card.parameters["silence_min"]
    assert (values[-1].since, values[-1].value, values[-1].unit) == (DAY, 20, "min")
    assert values[-1].source == "trial, not in force: --set signal-gap.silence_min=20min"
    assert values[:-1] == next(r for r in load_rules() if r.name == "signal-gap").card.parameters["silence_min"]


def test_a_trial_value_stands_above_the_offices_own_of_the_same_day(tmp_path: Path) -> None:
    office = tmp_path / "office.toml"
    office.write_text(OFFICE.format(60).replace("2026-01-01", DATE), encoding="utf-8")
    found = told("--office-now", office, "--set", "signal-gap.silence_min=15")
    assert statuses(found) == {("new", "signal-gap", "V0011")}


@pytest.mark.parametrize("option", ["--office", "--office-now"])
def test_the_values_of_an_office_are_tried_or_hold_on_both_sides(tmp_path: Path, option: str) -> None:
    office = tmp_path / "office.toml"
    office.write_text(OFFICE.format(45), encoding="utf-8")
    found = told(option, office, "--set", "off-route.margin_m=15")
    assert statuses(found) == ({("gone", "signal-gap", "V0011")} if option == "--office" else set())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("sgnal-gap.silence_min=20", 'no such rule; found "sgnal-gap", expected one of feed-datum, '),
        ("sgnal-gap.silence_min=20", 'Did you mean "signal-gap"?'),
        ("signal-gap.silense_min=20", "rule signal-gap has no such parameter"),
        ("signal-gap.silense_min=20", "expected silence_min (min), "),
        ("signal-gap.silense_min=20", 'Did you mean "silence_min"?'),
        ("signal-gap.silence_min=20s", 'is in another unit; found "s", expected min'),
        ("signal-gap.silence_min=2.0.0", 'is no number; found "2.0.0"'),
        ("signal-gap.silence_min=long", "expected RULE.PARAMETER=VALUE such as signal-gap.silence_min=20"),
        ("silence_min=20", "expected RULE.PARAMETER=VALUE"),
        ("signal-gap.silence_min", "expected RULE.PARAMETER=VALUE"),
        ("signal-gap.silence_min=nan", "expected RULE.PARAMETER=VALUE"),
    ],
)
def test_a_wrong_setting_is_told_with_what_would_be_right(setting: str, said: str) -> None:
    with pytest.raises(UnusableInput) as refused:
        with_settings(load_rules(), [setting], DAY)
    assert said in str(refused.value)


def test_all_wrong_settings_are_told_at_once_before_anything_is_audited() -> None:
    answer = whatif("--set", "a.b=1", "--set", "signal-gap.c=1", "--set", "x", "--quiet")
    assert (answer.code, answer.out) == (UNUSABLE, "")
    assert len(answer.err.splitlines()) == 3
    twice = whatif("--set", "signal-gap.silence_min=1", "--set", "signal-gap.silence_min=2")
    assert "sets a value twice" in twice.err


def test_nothing_to_try_is_refused() -> None:
    answer = whatif()
    assert answer.code == UNUSABLE
    assert "nothing to try, expected --set RULE.PARAMETER=VALUE, --office, --zones or --schedules" in answer.err


# ---------------------------------------------------------------- files
def test_longer_hours_do_what_an_audit_of_a_city_with_them_does(tmp_path: Path, sample_run: Any) -> None:
    found = told("--schedules", hours(tmp_path))
    assert statuses(found) == {("gone", "out-of-hours", "V0005")}
    city = copy_city(tmp_path)
    edit(city / "schedules.csv", *LONGER)
    assert audit(city, tmp_path / "out", "--quiet").code == 0
    audited = trajaudit("compare", sample_run.out, tmp_path / "out", "--json").json()
    assert audited["findings"] == found["findings"]
    assert audited["on_other_evidence"] == found["on_other_evidence"]
    assert audited["not_assessed"] == found["not_assessed"]


def test_a_field_that_is_approved_closes_the_training_outside_every_place(tmp_path: Path) -> None:
    """A ground around the line of V0001's finding, which no school may use but all (null) of them."""
    zones = json.loads((CITY / "zones.geojson").read_text(encoding="utf-8"))
    run = tmp_path / "run"
    assert audit(CITY, run, "--quiet").code == 0
    line = next(
        f["geometry"]
        for f in json.loads((run / "findings.geojson").read_text(encoding="utf-8"))["features"]
        if f["properties"]["rule"] == "off-zone-training" and f["properties"]["vehicle_id"] == "V0001"
    )
    field = {"zone_id": "G77", "kind": "ground", "name": "试验场", "valid_from": "2026-01-01"}
    around = mapping(shape(line).convex_hull.buffer(0.001))
    zones["features"].append({"type": "Feature", "geometry": around, "properties": field})
    for name, data in (("new.json", json.dumps(zones).encode()), ("new.geojson.gz", None)):
        (tmp_path / name).write_bytes(gzip.compress(json.dumps(zones).encode()) if data is None else data)
        found = told("--zones", tmp_path / name)
        assert ("gone", "off-zone-training", "V0001") in statuses(found)


def test_asking_changes_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    city = copy_city(tmp_path)
    before, around = files_of(city), set(Path(tempfile.gettempdir()).glob("trajaudit-trial-*"))
    answer = whatif("--schedules", hours(tmp_path), "--set", "signal-gap.silence_min=45", bundle=city)
    assert answer.code == 0, answer.err
    assert files_of(city) == before
    assert set(Path(tempfile.gettempdir()).glob("trajaudit-trial-*")) == around
    assert {p.name for p in tmp_path.iterdir()} == {"city", "trial-schedules.csv"}


@pytest.mark.parametrize(
    ("option", "name", "old", "new", "said"),
    [
        ("--schedules", "schedules.csv", "G02,1-7,08:00", "G02,1-7,8 Uhr", "row 2, field start"),
        ("--schedules", "schedules.csv", "zone_id,", "zone,", "field zone_id: this column is missing"),
        ("--zones", "zones.geojson", '"ground"', '"playground"', "row 1, field kind"),
    ],
)
def test_a_fault_of_a_file_to_try_is_told_by_the_name_it_was_given(
    tmp_path: Path, option: str, name: str, old: str, new: str, said: str
) -> None:
    file = replaced(name, tmp_path, old, new)
    answer = whatif(option, file, "--quiet")
    assert answer.code == UNUSABLE, answer.err
    assert str(file) in answer.err
    assert said in answer.err


def test_a_file_that_is_missing_or_in_no_format_of_zones_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "zones.txt"
    text.write_text("G01", encoding="utf-8")
    answer = whatif("--zones", text, "--schedules", tmp_path / "none.csv")
    assert answer.code == UNUSABLE
    assert f"{text}: is in no format of zones" in answer.err
    assert f"{tmp_path / 'none.csv'}: is no file" in answer.err


def test_a_bundle_that_is_no_folder_is_refused_as_in_every_command(tmp_path: Path) -> None:
    answer = whatif("--schedules", hours(tmp_path), bundle=tmp_path / "none")
    assert answer.code == UNUSABLE
    assert "is not a folder" in answer.err
    assert "Traceback" not in answer.err


def test_the_map_shows_places_and_the_former_outline_of_one_that_moved(tmp_path: Path, open_page: Open) -> None:
    zones = replaced("zones.geojson", tmp_path, "113.5806612, 34.8096713", "113.5804612, 34.8096713")
    file = tmp_path / "trial.html"
    answer = whatif("--zones", zones, "--set", "signal-gap.silence_min=45", "--map", file, "--quiet", "--lang", "en")
    assert answer.code == 0, answer.err
    opened = open_page(file)
    opened.assert_quiet(file)
    assert opened.ask('trajaudit.data("compare").former.map(zone => zone.id)') == ["G02"]
    assert "Former outline" in opened.page.locator(".legend").inner_text()
    assert "as it is → with the edit" in opened.page.locator("h1").inner_text()


def test_the_same_day_under_the_same_values_is_the_same() -> None:
    found = try_out(Trial(CITY, DAY, ("signal-gap.silence_min=15",))).comparison
    assert found.is_empty
    assert {c.code for m in found.matters for c in m.causes} == {"value"}, "only its date and source are new"
