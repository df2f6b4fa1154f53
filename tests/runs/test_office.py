"""The office's own values: they change a verdict from their date on, and a faulty file is refused as a whole."""

from __future__ import annotations

from pathlib import Path

from tests.runs.conftest import CITY, DATE, Run, audit, findings, trajaudit


def value(rule: str, parameter: str, since: str, number: str, unit: str = "min", source: str = '"circular 7"') -> str:
    return (
        f'[[value]]\nrule = "{rule}"\nparameter = "{parameter}"\nsince = {since}\nvalue = {number}\nunit = "{unit}"\n'
        f"source = {source}\n"
    )


def test_a_value_changes_a_verdict_from_its_date_on_and_not_before(sample_run: Run, tmp_path: Path) -> None:
    before = {f["rule"]: f for f in findings(sample_run.out)}
    assert {"signal-gap", "over-hours"} <= set(before)
    office = tmp_path / "office.toml"
    office.write_text(
        "\ufeff"  # as an editor on Windows writes it
        + value("signal-gap", "silence_min", DATE, "45")
        + value("over-hours", "limit_min", "2026-03-19", "600"),
        encoding="utf-8",
    )
    answer = audit(CITY, tmp_path / "out", "--office", office, "--quiet")
    assert answer.code == 0, answer.err
    after = {f["rule"]: f for f in findings(tmp_path / "out")}
    assert set(before) - set(after) == {"signal-gap"}
    assert after["over-hours"]["evidence"]["parameters"]["limit_min"]["since"] < "2026-03-19"


def test_the_value_in_force_is_shown_with_its_date_and_source(tmp_path: Path) -> None:
    office = tmp_path / "office.toml"
    office.write_text(value("signal-gap", "silence_min", "2026-07-01", "20"), encoding="utf-8")
    ask = ("rules", "signal-gap", "--office", office, "--json", "--date")
    (then,) = trajaudit(*ask, "2026-06-30").json()
    (now,) = trajaudit(*ask, "2026-07-01").json()
    assert then["parameters"]["silence_min"]["value"] != 20
    assert now["parameters"]["silence_min"] == {
        "value": 20.0, "unit": "min", "since": "2026-07-01", "source": "circular 7",
    }  # fmt: skip


def test_every_fault_of_the_file_is_told_at_once(tmp_path: Path) -> None:
    office = tmp_path / "office.toml"
    office.write_text(
        'author = "me"\n'
        + value("signal-gap", "silence_min", '"July"', "20")
        + value("signal-gap", "silence_min", "2026-07-01T08:00:00", "nan", source="3")
        + value("signal-gap", "silence_min", "2026-07-01", "true")
        + 'colour = "red"\n',
        encoding="utf-8",
    )
    answer = trajaudit("rules", "--office", office)
    assert answer.code == 2
    for told in (
        "field author",
        'row 1, field since: of the wrong kind; found "July", expected a date such as 2026-07-01',
        "row 2, field since",
        "row 2, field value",
        "row 2, field source",
        "row 3, field value",
        "row 3, field colour: is no key of a value",
    ):
        assert f"office.toml, {told}" in answer.err, answer.err
    assert len(answer.err.splitlines()) == 7


def test_unknown_rules_parameters_units_and_doubled_dates_are_told_at_once(tmp_path: Path) -> None:
    office = tmp_path / "office.toml"
    office.write_text(
        value("signal-gapp", "silence_min", "2026-07-01", "20")
        + value("signal-gap", "silence", "2026-07-01", "20")
        + value("over-hours", "limit_min", "2026-07-01", "4", unit="h"),
        encoding="utf-8",
    )
    answer = audit(CITY, tmp_path / "out", "--office", office)
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert "no rule signal-gapp; there are: " in answer.err
    assert "rule signal-gap has no parameter silence; it has: " in answer.err
    assert "units differ: h, min" in answer.err
    assert not (tmp_path / "out").exists()
    twice = value("signal-gap", "silence_min", "2026-07-01", "20")
    office.write_text(twice + twice, encoding="utf-8")
    answer = trajaudit("rules", "--office", office)
    assert (answer.code, "a second value of the same date" in answer.err) == (2, True)


def test_a_file_that_is_no_toml_or_of_another_shape_is_refused(tmp_path: Path) -> None:
    office = tmp_path / "office.toml"
    for text in ("value = [[[", "value = 3", '[value]\nrule = "signal-gap"', "value = [1, 2]"):
        office.write_text(text, encoding="utf-8")
        answer = trajaudit("rules", "--office", office)
        assert answer.code == 2, text
        assert answer.err.startswith("office.toml"), answer.err
    answer = trajaudit("rules", "--office", tmp_path / "none.toml")
    assert answer.code == 2
    assert "none.toml: cannot be read" in answer.err
