"""CSV tracks: several terminals to a file, times with and without an offset, lines that are no rows."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from feeds import track_csv
from feeds.faults import UnusableInput
from feeds.ledger import Ledger, Reject, SourceFiles
from feeds.track_feed import FeedConfig, open_track_feed
from feeds.track_reader import ROWS_REJECTED
from feeds.track_times import T_BAD, parse_iso
from geo.datum import Datum
from tests.feeds.track_builders import CHINA, CSV_HEADER, T0_MS, account, open_feed, write
from trajectories.clock import LocalTime
from trajectories.fleet import Flag

NOON = "2026-03-18T12:00:00+08:00"
PUBLISHED_DEG = 1e-6  # formats.md 3.4 vector 3, which has more digits than this


def test_a_file_of_several_terminals_is_read_whatever_its_quotes_line_ends_and_order(tmp_path: Path) -> None:
    body = f'"T2",{NOON},113.1,34.1,36,90\r\nT1,"{NOON}",113.2,34.2,,\r\n\r\n'
    body += "T2,2026-03-18T04:00:05Z,113.3,34.3,7.2,360\r\n"
    write(tmp_path, "any name.csv", CSV_HEADER.replace("\n", "\r\n") + body)
    feed, ledger, sources = open_feed(tmp_path, "csv")
    table = feed.read()
    assert feed.terminals() == table.terminal_ids == ("T1", "T2")
    assert feed.n_rows_estimate() == 3
    assert table.terminal_ix.tolist() == [1, 0, 1]
    assert table.t_ms.tolist() == [T0_MS, T0_MS, T0_MS + 5000]
    np.testing.assert_array_equal(table.speed_mps, np.array([10, np.nan, 2], np.float32))
    np.testing.assert_array_equal(table.heading_deg, [90, np.nan, 0])
    assert sources.locate(int(table.source[2])) == ("tracks/f/any name.csv", 3)
    assert account(ledger) == {"read": 3, "kept": 3, "flagged": {}, "rejected": {}}
    assert ledger.warnings == {}


def test_a_line_of_another_width_is_a_refused_row_and_the_rows_after_it_keep_their_numbers(tmp_path: Path) -> None:
    lines = [f"T1,{NOON},113.1,34.1,1,1", "T1,oops", f"T1,{NOON},113.1,34.1,1,1,extra", f"T1,{NOON},0,0,1,1"]
    write(tmp_path, "a.csv", CSV_HEADER + "\n".join(lines) + "\n")
    feed, ledger, _ = open_feed(tmp_path, "csv")
    assert len(feed.read()) == 1
    assert ledger.rejects == [
        Reject("tracks/f/a.csv", 2, "malformed-line", "", "T1,oops"),
        Reject("tracks/f/a.csv", 3, "malformed-line", "", f"T1,{NOON},113.1,34.1,1,1,extra"),
        Reject("tracks/f/a.csv", 4, "no-fix", "lon", "0"),
    ]
    assert account(ledger)["read"] == 4


@pytest.mark.parametrize(("terminal", "whose"), [("T1", "T1"), (" T1 ", "T1"), ("", None), ("T9", None)])
def test_lines_of_another_width_count_as_those_of_the_terminal_they_name(
    tmp_path: Path, terminal: str, whose: str | None
) -> None:
    lines = [f"T1,{NOON},113.1,34.1,1,1", *[f"{terminal},{NOON},113,1,34,1,1,1"] * 12]
    write(tmp_path, "a.csv", CSV_HEADER + "\n".join(lines) + "\n")
    feed, _, _ = open_feed(tmp_path, "csv")
    feed.read()
    assert feed.refused_terminals() == {whose: ROWS_REJECTED}


def test_a_stray_quotation_mark_does_not_swallow_the_lines_after_it(tmp_path: Path) -> None:
    good = f"T1,{NOON},113.1,34.1,1,1\n"
    write(tmp_path, "a.csv", CSV_HEADER + good + f'T1,{NOON},113.1,34.1,1,"1\n' + good * 3)
    feed, ledger, _ = open_feed(tmp_path, "csv")
    assert len(feed.read()) == 5
    assert account(ledger)["read"] == 5


@pytest.mark.parametrize(
    ("line", "reason", "field", "found"),
    [
        (f" ,{NOON},113.1,34.1,1,1", "no-terminal", "terminal_id", " "),
        ("T1,18/03/2026 12:00,113.1,34.1,1,1", "bad-time", "time", "18/03/2026 12:00"),
        ("T1,2026-02-29T12:00:00+08:00,113.1,34.1,1,1", "bad-time", "time", "2026-02-29T12:00:00+08:00"),
        ("T1,,113.1,34.1,1,1", "bad-time", "time", ""),
        (f"T1,{NOON},east,34.1,1,1", "bad-number", "lon", "east"),
        (f"T1,{NOON},113.1,,1,1", "bad-number", "lat", ""),
        (f"T1,{NOON},113.1,inf,1,1", "bad-number", "lat", "inf"),
        (f"T1,{NOON},34.1,113.1,1,1", "out-of-range", "lat", "113.1"),
        (f"T1,{NOON},180.5,34.1,1,1", "out-of-range", "lon", "180.5"),
        (f"T1,{NOON},=cmd|' /C calc'!A0,34.1,1,1", "bad-number", "lon", "=cmd|' /C calc'!A0"),
    ],
)
def test_a_row_is_refused_with_reason_field_and_offending_text(
    tmp_path: Path, line: str, reason: str, field: str, found: str
) -> None:
    write(tmp_path, "a.csv", CSV_HEADER + f"T1,{NOON},113.1,34.1,x,-5\n" + line + "\n")
    feed, ledger, _ = open_feed(tmp_path, "csv")
    assert len(feed.read()) == 1
    assert ledger.rejects == [Reject("tracks/f/a.csv", 2, reason, field, found)]


def test_a_time_without_an_offset_is_local_flagged_and_warned_of_once(tmp_path: Path) -> None:
    rows = [f"T1,2026-03-18 12:00:0{k},113.1,34.1,1,1" for k in range(3)]
    write(tmp_path, "a.csv", CSV_HEADER + "\n".join([*rows, f"T2,{NOON},113,34,1,1"]))
    feed, ledger, _ = open_feed(tmp_path, "csv")
    table = feed.read()
    assert table.t_ms.tolist() == [T0_MS, T0_MS + 1000, T0_MS + 2000, T0_MS]
    assert table.flags.tolist() == [int(Flag.NO_TIME_ZONE)] * 3 + [0]
    assert account(ledger)["flagged"] == {"no-time-zone": 3}
    assert list(ledger.warnings) == ["tracks/f/a.csv: times without an offset, read as Asia/Shanghai"]


def test_gzip_bom_gb18030_and_other_columns_are_read_and_noted(tmp_path: Path) -> None:
    text = CSV_HEADER.strip() + ",备注\n" + f"川A1234学,{NOON},113.1,34.1,1,1,好\n"
    write(tmp_path, "a.csv.gz", gzip.compress(text.encode()))
    write(tmp_path, "b.csv", text.encode("utf-8-sig"))
    write(tmp_path, "c.csv", text.encode("gb18030"))
    feed, ledger, _ = open_feed(tmp_path, "csv")
    assert feed.terminals() == ("川A1234学",)
    assert len(feed.read()) == 3
    assert list(ledger.warnings) == [
        "tracks/f/a.csv.gz: columns ignored: 备注",
        "tracks/f/b.csv: read as UTF-8 with a BOM, expected UTF-8",
        "tracks/f/b.csv: columns ignored: 备注",
        "tracks/f/c.csv: read as GB18030, expected UTF-8",
        "tracks/f/c.csv: columns ignored: 备注",
    ]


def test_the_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "terminal_id;time;lon;lat\n")
    write(tmp_path, "b.csv", "terminal_id,time,lon,lon,lat\n")
    write(tmp_path, "c.csv", b"")
    write(tmp_path, "d.csv.gz", gzip.compress(CSV_HEADER.encode())[:-5])
    write(tmp_path, "ok.csv", CSV_HEADER)
    with pytest.raises(UnusableInput) as caught:
        open_feed(tmp_path, "csv")
    told = [(Path(fault.file).name, fault.field) for fault in caught.value.faults]
    required = ["terminal_id", "time", "lon", "lat"]
    assert told == [
        *(("a.csv", f) for f in required),
        ("b.csv", "lon"),
        *(("c.csv", f) for f in required),
        ("d.csv.gz", None),
    ]


def test_positions_are_converted_once_however_often_they_are_read(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", CSV_HEADER + f"T1,{NOON},116.38404722455657,39.91334545536069,1,1\n")
    feed = open_feed(tmp_path, "csv", Datum.GCJ02)[0]
    for table in (feed.read(), feed.read(["T1"])):
        assert [table.lon_deg[0], table.lat_deg[0]] == pytest.approx([116.377817, 39.911954], abs=PUBLISHED_DEG)


@pytest.mark.parametrize("keep_bytes", [0, track_csv.KEEP_BYTES])
def test_batches_give_the_rows_and_the_account_of_reading_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep_bytes: int
) -> None:
    monkeypatch.setattr(track_csv, "KEEP_BYTES", keep_bytes)
    places = ["0,0" if k % 7 == 0 else "113,34" for k in range(90)]
    lines = [f"T{k % 5},2026-03-18T12:{k % 60:02d}:00+08:00,{place},1,1" for k, place in enumerate(places)]
    write(tmp_path, "a.csv", CSV_HEADER + "\n".join([*lines[:50], "short", f",{NOON},1,1,1,1"]))
    write(tmp_path, "b.csv", CSV_HEADER + "\n".join(lines[50:]))
    whole, ledger, _ = open_feed(tmp_path, "csv")
    everything = whole.read()
    parted, parted_ledger, _ = open_feed(tmp_path, "csv")
    parts = [parted.read(batch) for batch in (["T3"], ["T0", "T4"], ["T3", "T1"], ["T2"])]
    assert account(parted_ledger) == account(ledger)
    assert account(ledger)["read"] == 92
    assert set(parted_ledger.rejects) == set(ledger.rejects)
    sources = np.unique(np.concatenate([part.source for part in parts]))
    np.testing.assert_array_equal(sources, everything.source)


@pytest.mark.parametrize(
    ("text", "t_ms"),
    [
        ("2026-03-18T12:00:00.250+08:00", T0_MS + 250),
        ("2026-03-18T04:00:00,123456789Z", T0_MS + 123),
        ("2026-03-18t04:00:00z", T0_MS),
        ("2026-03-18 12:00:00+0800", T0_MS),
        ("2026-03-18T12:00+08", T0_MS),
        ("2026-03-17T22:30:00-05:30", T0_MS),
        (" 2026-03-18T12:00:00 ", T0_MS),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("2026-03-18T24:00:00+08:00", T_BAD),
        ("2026-03-18T12:60:00+08:00", T_BAD),
        ("2026-03-18T12:00:60+08:00", T_BAD),
        ("2026-13-18T12:00:00+08:00", T_BAD),
        ("2026-03-18T12:00:00+8:000", T_BAD),
        ("2026-03-18T12:00:00.+08:00", T_BAD),
        ("2026-03-18", T_BAD),
        ("二〇二六年三月十八日", T_BAD),
        ("", T_BAD),
    ],
)
def test_iso_times_are_read_or_refused(text: str, t_ms: int) -> None:
    assert parse_iso(pa.array([None, text, NOON]), CHINA)[0].tolist() == [T_BAD, t_ms, T0_MS]


def test_a_local_time_is_read_with_the_offset_of_its_own_hour() -> None:
    times = pa.array(["2026-03-29T01:59:59", "2026-03-29T03:00:00"])  # Berlin's clock skips from 02:00 to 03:00
    t_ms, _ = parse_iso(times, LocalTime("Europe/Berlin"))
    assert np.diff(t_ms).tolist() == [1000]


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    config = FeedConfig("../f", "jt1078", Datum.WGS84)
    with pytest.raises(UnusableInput) as caught:
        open_track_feed(tmp_path, config, CHINA, Ledger(), SourceFiles())
    assert [fault.field for fault in caught.value.faults] == ["feeds.../f.format", "feeds.../f"]
    assert caught.value.faults[0].expected == "amap, baidu, csv, gpx, jt808, mfjson, parquet"


@pytest.mark.parametrize("kind", ["amap", "baidu", "csv", "parquet"])
def test_a_feed_without_a_folder_is_silent_and_warned_of(tmp_path: Path, kind: str) -> None:
    feed, ledger, _ = open_feed(tmp_path, kind)
    assert feed.terminals() == ()
    assert len(feed.read()) == 0
    assert list(ledger.warnings) == ["tracks/f: the feed has no file"]
