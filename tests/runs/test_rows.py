"""Rows read are rows kept and rows rejected, in every file and feed, whatever lies in it."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.feeds.bundle_maker import CONFIG, FILES, make_bundle, with_row
from tests.runs.conftest import CITY, Run, audit, run_record

HEADER = "terminal_id,time,lon,lat,speed_kmh,heading_deg\n"
AMAP = '\n[feeds.amap]\nformat = "amap"\ndatum = "gcj02"\n'


def fix(terminal: str, clock: str, lon: str = "117.001", lat: str = "36.601") -> str:
    return f"{terminal},2026-03-18T{clock}+08:00,{lon},{lat},10,90\n"


def lines_of(path: Path) -> int:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return len(text.splitlines()) - 1


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A bundle in which rows go every way there is."""
    folder = tmp_path_factory.mktemp("mixed")
    points = [{"location": "117.001,36.601", "locatetime": 1773792000000 + 5000 * i, "speed": 9} for i in range(3)]
    page = {"errcode": 10000, "data": {"tracks": [{"trid": 1, "counts": 3, "points": points}], "counts": 1}}
    changes: dict[str, str | bytes | None] = {
        "bundle.toml": CONFIG + AMAP,
        "tracks/terminal/T1.csv": HEADER
        + fix("T1", "08:00:00")
        + fix("T1", "08:00:05", lon="417.0")
        + fix("T1", "08:00:10", lat="north")
        + fix("T1", "yesterday")
        + fix("T1", "08:00:20")
        + fix("T1", "08:00:15")
        + fix("T1", "03:00:00"),
        "tracks/terminal/T77.csv": HEADER + fix("T77", "08:00:00") + fix("T77", "08:00:05") + fix("T77", "08:00:02"),
        "tracks/terminal/T78.csv": HEADER + fix("T78", "08:00:00", lon="0", lat="0"),
        "tracks/amap/T99.1.json": json.dumps(page),
        **with_row("sessions.csv", "L3,V1,P1,T1,2,G1,2026-03-18T12:00:00+08:00,yesterday"),
        **with_row("vehicles.csv", "V4,鲁A1004学,16,training,S1,,C1,terminal"),
    }
    bundle = make_bundle(folder / "bundle", changes)
    run = Run(folder / "out", audit(bundle, folder / "out"))
    assert run.answer.code == 0, run.answer.err
    return run


@pytest.fixture(scope="module")
def rejects(mixed: Run) -> list[dict[str, Any]]:
    return pq.read_table(mixed.out / "rejects.parquet").to_pylist()


def test_read_is_kept_and_rejected_for_every_file_and_feed(mixed: Run) -> None:
    rows = run_record(mixed.out)["rows"]
    assert {"tracks/terminal", "tracks/amap", "sessions.csv", "vehicles.csv", "zones.geojson"} <= set(rows)
    for name, account in rows.items():
        assert account["read"] == account["kept"] + sum(account["rejected"].values()), name
        assert all(0 < n <= account["kept"] for n in account["flagged"].values()), name


def test_every_row_that_lies_in_the_feed_was_read(mixed: Run) -> None:
    rows = run_record(mixed.out)["rows"]
    assert (rows["tracks/terminal"]["read"], rows["tracks/amap"]["read"]) == (7 + 3 + 1, 3)
    assert rows["sessions.csv"]["read"] == FILES["sessions.csv"].count("\n")
    assert rows["vehicles.csv"]["read"] == FILES["vehicles.csv"].count("\n")


def test_rows_of_terminals_that_no_registered_car_carries_are_rejected_by_file_and_row(
    mixed: Run, rejects: list[dict[str, Any]]
) -> None:
    strangers = {(r["file"], r["row"]): r for r in rejects if r["reason"] == "unknown-terminal"}
    assert set(strangers) == {
        *(("tracks/terminal/T77.csv", row) for row in (1, 2, 3)),
        *(("tracks/amap/T99.1.json", row) for row in (1, 2, 3)),
    }
    assert {r["found"] for r in strangers.values()} == {"T77", "T99"}
    assert {r["field"] for r in strangers.values()} == {"terminal_id"}
    assert [w for w in run_record(mixed.out)["warnings"] if "T77" in w]


def test_a_flag_counts_kept_rows_only(mixed: Run) -> None:
    account = run_record(mixed.out)["rows"]["tracks/terminal"]
    assert account["kept"] == 4
    assert account["flagged"] == {"disorder": 2, "other-day": 1}  # not the one of T77, whose rows are rejected


def test_rejects_name_the_reason_the_field_and_what_was_found(rejects: list[dict[str, Any]]) -> None:
    told = {(r["file"], r["row"]): (r["reason"], r["field"], r["found"]) for r in rejects}
    assert told["tracks/terminal/T1.csv", 2] == ("out-of-range", "lon", "417.0")
    assert told["tracks/terminal/T1.csv", 3] == ("bad-number", "lat", "north")
    assert told["tracks/terminal/T1.csv", 4][:2] == ("bad-time", "time")
    assert told["tracks/terminal/T78.csv", 1][0] == "no-fix"
    assert told["sessions.csv", 3][:2] == ("bad-time", "end")
    assert told["vehicles.csv", 4][0] == "bad-row"


def test_the_account_and_the_rejects_say_the_same(mixed: Run, rejects: list[dict[str, Any]]) -> None:
    by_name = Counter(("/".join(r["file"].split("/")[:2]), r["reason"]) for r in rejects)
    rows = run_record(mixed.out)["rows"]
    assert by_name == {(name, reason): n for name, a in rows.items() for reason, n in a["rejected"].items()}


def test_every_row_of_the_sample_is_accounted_for(sample_run: Run) -> None:
    rows = run_record(sample_run.out)["rows"]
    for name in ("vehicles.csv", "sessions.csv", "staff.csv", "schools.csv", "schedules.csv", "permits.csv"):
        assert rows[name]["read"] == lines_of(CITY / name), name
    for feed in ("terminal", "depot"):
        assert rows[f"tracks/{feed}"]["read"] == sum(lines_of(p) for p in (CITY / "tracks" / feed).iterdir()), feed
    assert rows["tracks/terminal"]["flagged"]["other-day"] == lines_of(
        CITY / "tracks/terminal/TV0009.2026-03-17.csv.gz"
    )
