"""The coverage statement of a run, and two feeds that report one car."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.runs.conftest import CITY, DATE, Run, audit, copy_city, edit, findings, run_record

SHIFT_DEG = 0.00004  # of latitude: 4.4 m
LATE_S = 20


def rows_of(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def hours(rows: list[dict[str, str]]) -> float:
    """Hours of sessions; what overlaps in one car counts once."""
    total_s = 0.0
    until: dict[str, datetime] = {}
    for r in sorted(rows, key=lambda r: r["start"]):
        start, end = datetime.fromisoformat(r["start"]), datetime.fromisoformat(r["end"])
        start = max(start, until.get(r["vehicle_id"], start))
        until[r["vehicle_id"]] = max(end, start)
        total_s += max((end - start).total_seconds(), 0.0)
    return total_s / 3600


def test_every_coach_car_and_every_declared_hour_is_in_the_statement(sample_run: Run) -> None:
    schools = run_record(sample_run.out)["coverage"]["schools"]
    cars = [r for r in rows_of(CITY / "vehicles.csv") if r["use"] == "training"]
    declared = [r for r in rows_of(CITY / "sessions.csv") if r["start"].startswith(DATE)]
    assert {s: c["cars"] for s, c in schools.items()} == {
        s: sum(r["school_id"] == s for r in cars) for s in {r["school_id"] for r in cars}
    }
    assert sum(c["declared_h"] for c in schools.values()) == pytest.approx(hours(declared), abs=0.05)
    for school in schools.values():
        assert 0 <= school["declared_seen_h"] <= school["declared_h"]


def test_what_the_schools_could_not_be_assessed_for_is_in_the_account_of_the_run(sample_run: Run) -> None:
    record = run_record(sample_run.out)
    for rule, reasons in record["not_assessed"].items():
        for reason, n in reasons.items():
            by_school = [s["not_assessed"].get(rule, {}).get(reason, 0) for s in record["coverage"]["schools"].values()]
            assert sum(by_school) <= n
            if rule != "feed-datum":  # which is about a feed, not about a school's car
                assert sum(by_school) == n


def test_feeds_say_how_many_of_their_cars_were_heard_and_when_they_were_down(sample_run: Run) -> None:
    feeds = run_record(sample_run.out)["coverage"]["feeds"]
    assert all(f["cars_heard"] <= f["cars"] for f in feeds.values())
    assert not any(f["matched_to_roads"] for f in feeds.values())
    assert all(1.5 < f["passes_apart_m"] < 6 for f in feeds.values()), "receivers of 2 to 4 m"
    assert any(f["down"] for f in feeds.values())


def second_feed(folder: Path) -> tuple[Path, str]:
    """The sample city, one of whose csv cars a second provider reports, too: north of it, late, and one fix in four."""
    city = copy_city(folder)
    source = city / "tracks" / "terminal" / "TV0010.csv.gz"
    rows = rows_of(source)
    terminal = rows[0]["terminal_id"]
    mine = [r for r in rows if r["terminal_id"] == terminal][::4]
    vehicle = next(r for r in rows_of(city / "vehicles.csv") if r["terminal_id"] == terminal)["vehicle_id"]
    (city / "tracks" / "copy").mkdir()
    lines = ["terminal_id,time,lon,lat,speed_kmh,heading_deg"]
    for r in mine:
        at = datetime.fromisoformat(r["time"]) + timedelta(seconds=LATE_S)
        lines.append(f"C9,{at.isoformat()},{r['lon']},{float(r['lat']) + SHIFT_DEG:.7f},{r['speed_kmh']},")
    (city / "tracks" / "copy" / "C9.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = (city / "bundle.toml").read_text("utf-8")
    datum = config.split("[feeds.terminal]")[1].split("datum", 1)[1].split('"')[1]
    (city / "bundle.toml").write_text(f'{config}\n[feeds.copy]\nformat = "csv"\ndatum = "{datum}"\n', "utf-8")
    terminals = city / "terminals.csv"
    head = "vehicle_id,provider,terminal_id,valid_from,valid_to\n"
    known = terminals.read_text("utf-8") if terminals.exists() else head
    if not any(r["vehicle_id"] == vehicle for r in csv.DictReader(known.splitlines())):
        known += f"{vehicle},terminal,{terminal},,\n"
    terminals.write_text(f"{known}{vehicle},copy,C9,,\n", "utf-8")
    return city, vehicle


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, Path]:
    folder = tmp_path_factory.mktemp("twice")
    city, vehicle = second_feed(folder)
    answer = audit(city, folder / "out")
    assert answer.code == 0, answer.err
    return run_record(folder / "out"), vehicle, folder / "out"


def test_two_feeds_of_one_car_are_held_against_each_other(twice: tuple[dict[str, Any], str, Path]) -> None:
    (compared,) = twice[0]["coverage"]["side_by_side"]
    assert (compared["vehicle_id"], compared["feed"], compared["other_feed"]) == (twice[1], "terminal", "copy")
    assert compared["lag_ms"] == pytest.approx(1000 * LATE_S, abs=3000)
    assert 2 < compared["median_m"] < 10, "a shift of 4.4 m, and what is driven between two fixes"
    assert compared["other_per_min"] == pytest.approx(compared["per_min"] / 4, rel=0.1)


def test_the_second_feed_changes_no_verdict_and_all_its_rows_are_accounted_for(
    twice: tuple[dict[str, Any], str, Path], sample_run: Run
) -> None:
    def matters(out: Path) -> list[str]:
        return sorted(f["finding_id"] for f in findings(out))

    assert matters(twice[2]) == matters(sample_run.out)
    account = twice[0]["rows"]["tracks/copy"]
    assert account["read"] == account["kept"] > 100
    assert any("C9 is a second one" in w for w in twice[0]["warnings"])


def test_the_note_on_the_second_feed_stands_in_the_evidence_of_the_cars_findings(
    twice: tuple[dict[str, Any], str, Path],
) -> None:
    for f in findings(twice[2]):
        evidence = f["evidence"] if isinstance(f["evidence"], dict) else json.loads(f["evidence"])
        assert ("track" in evidence) == (f["vehicle_id"] == twice[1] and f["rule"] != "over-hours")


def test_a_row_of_the_second_feed_that_cannot_be_read_is_rejected_with_its_place(tmp_path: Path) -> None:
    city, _ = second_feed(tmp_path)
    path = city / "tracks" / "copy" / "C9.csv"
    line = path.read_text("utf-8").splitlines()[3]
    edit(path, line, line.replace("C9,20", "C9,x0"))
    answer = audit(city, tmp_path / "out")
    assert answer.code == 0, answer.err
    assert run_record(tmp_path / "out")["rows"]["tracks/copy"]["rejected"] == {"bad-time": 1}
