"""Positions that were sent and cannot be used: they accuse nobody, neither of silence nor of standing still."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs.conftest import Run, audit, copy_city, edit, findings, run_record, trajaudit

Change = Callable[[list[str]], list[str]]


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    text = gzip.decompress(path.read_bytes()).decode("utf-8")
    path.write_bytes(gzip.compress(change(text).encode("utf-8"), mtime=0))


def lines(change: Change) -> Callable[[str], str]:
    """A change of a table's lines, each as its cells, the header left as it is."""

    def changed(text: str) -> str:
        head, *rest = text.splitlines()
        return "\n".join([head, *(",".join(change(line.split(","))) for line in rest)]) + "\n"

    return changed


def matters(out: Path) -> dict[str, set[str]]:
    """Rules by car."""
    found: dict[str, set[str]] = {}
    for f in findings(out):
        found.setdefault(f["vehicle_id"], set()).add(f["rule"])
    return found


def unanswered(out: Path, vehicle_id: str) -> dict[str, set[str]]:
    """Reasons by rule, of one car."""
    with (out / "not_assessed.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["vehicle_id"] == vehicle_id]
    return {rule: {r["reason"] for r in rows if r["rule"] == rule} for rule in {r["rule"] for r in rows}}


def test_fixes_too_coarse_to_place_a_car_are_no_standing_still(tmp_path: Path, sample_run: Run) -> None:
    city, out = copy_city(tmp_path), tmp_path / "out"
    rewrite(city / "tracks/baidu/TV0006.1.json.gz", lambda text: re.sub(r'"radius":\d+', '"radius":600', text))
    assert audit(city, out).code == 0
    assert "ghost-session" not in matters(out).get("V0006", set())
    assert unanswered(out, "V0006")["ghost-session"] == {"no-position"}
    assert {v: r for v, r in matters(out).items() if v != "V0006"} == {
        v: r for v, r in matters(sample_run.out).items() if v != "V0006"
    }


REFUSED: dict[str, Change] = {
    "out-of-range": lambda c: [*c[:2], c[3], c[2], *c[4:]],
    "bad-number": lambda c: [*c[:2], "x", *c[3:]],
    "bad-time": lambda c: [c[0], "18/03/2026", *c[2:]],
    "no-fix": lambda c: [*c[:2], "0", "0", *c[4:]],
    "malformed-line": lambda c: [*c, "1", "2"],
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_car_whose_rows_were_all_refused_is_not_accused_of_silence(
    tmp_path: Path, sample_run: Run, reason: str
) -> None:
    city, out = copy_city(tmp_path), tmp_path / "out"
    rewrite(city / "tracks/terminal/TV0011.csv.gz", lines(REFUSED[reason]))
    assert audit(city, out).code == 0
    assert run_record(out)["rows"]["tracks/terminal"]["rejected"][reason] > 1000
    assert "signal-gap" not in matters(out).get("V0011", set())
    assert unanswered(out, "V0011")["signal-gap"] == {"rows-rejected"}
    assert matters(out).keys() - {"V0011"} == matters(sample_run.out).keys() - {"V0011"}


def test_a_car_without_a_position_for_part_of_a_lesson_is_not_accused_of_silence(tmp_path: Path) -> None:
    city, out = copy_city(tmp_path), tmp_path / "out"
    in_lesson = re.compile(r"2026-03-18T08:[2-5]\d")
    inside = lines(lambda c: [*c[:2], "0", "0", *c[4:]] if in_lesson.match(c[1]) else c)
    rewrite(city / "tracks/terminal/TV0010.csv.gz", inside)
    assert audit(city, out).code == 0
    assert run_record(out)["rows"]["tracks/terminal"]["rejected"]["no-fix"] > 100
    assert "signal-gap" not in matters(out).get("V0010", set())
    assert unanswered(out, "V0010")["signal-gap"] == {"rows-rejected"}


def test_lines_with_decimal_commas_are_no_silence_of_the_car_they_name(tmp_path: Path) -> None:
    city, out = copy_city(tmp_path), tmp_path / "out"
    in_lesson = re.compile(r"2026-03-18T08:[2-5]\d")
    comma = lines(lambda c: [*c[:2], *c[2].split("."), *c[3:]] if in_lesson.match(c[1]) else c)
    rewrite(city / "tracks/terminal/TV0010.csv.gz", comma)
    assert audit(city, out).code == 0
    assert run_record(out)["rows"]["tracks/terminal"]["rejected"]["malformed-line"] > 100
    assert "signal-gap" not in matters(out).get("V0010", set())
    assert unanswered(out, "V0010")["signal-gap"] == {"rows-rejected"}


def test_a_few_refused_rows_hide_no_silence(tmp_path: Path, sample_run: Run) -> None:
    city, out = copy_city(tmp_path), tmp_path / "out"
    seen = iter(range(10_000))
    rewrite(city / "tracks/terminal/TV0011.csv.gz", lines(lambda c: [*c[:2], "x", *c[3:]] if next(seen) < 11 else c))
    assert audit(city, out).code == 0
    assert matters(out)["V0011"] == matters(sample_run.out)["V0011"] == {"signal-gap"}


def test_a_car_whose_register_row_was_refused_is_named_for_every_rule(tmp_path: Path, sample_run: Run) -> None:
    city, out = copy_city(tmp_path), tmp_path / "out"
    edit(city / "vehicles.csv", "V0001,豫Z1020学,16,training", "V0001,豫Z1020学,16,Training")
    assert audit(city, out).code == 0
    assert "V0001" in matters(sample_run.out)
    assert "V0001" not in matters(out)
    told = unanswered(out, "V0001")
    assert {r for reasons in told.values() for r in reasons} == {"register-damaged"}
    assert len(told) == 11, "every rule on cars"


def test_a_register_without_a_car_is_warned_of(tmp_path: Path) -> None:
    city, out = copy_city(tmp_path), tmp_path / "out"
    head = (city / "vehicles.csv").read_text("utf-8").splitlines()[0]
    (city / "vehicles.csv").write_text(head + "\n", "utf-8")
    assert audit(city, out).code == 0
    assert any("no vehicle is registered on 2026-03-18" in w for w in run_record(out)["warnings"])


@pytest.mark.parametrize("day", ["0001-01-01", "1979-12-31", "2200-01-01", "9999-12-31"])
def test_a_year_that_no_track_was_made_in_is_refused(tmp_path: Path, day: str) -> None:
    answer = trajaudit("audit", copy_city(tmp_path), "--date", day, "--out", tmp_path / "out")
    assert answer.code == 2
    assert "1980" in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "out").exists()
