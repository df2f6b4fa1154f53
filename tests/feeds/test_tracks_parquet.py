"""Parquet tracks: whatever types the columns have, and only the row groups that are needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feeds.faults import UnusableInput
from feeds.ledger import Reject
from feeds.track_reader import ROWS_REJECTED
from geo.datum import Datum
from tests.feeds.track_builders import T0_MS, account, open_feed, write
from trajectories.fleet import Flag

N = 12


def columns(**changes: Any) -> dict[str, Any]:
    """Three terminals, four rows each, ordered; ... leaves a column out."""
    given = {
        "terminal_id": pa.array([f"T{k // 4}" for k in range(N)]),
        "time": pa.array([T0_MS + 5000 * k for k in range(N)]).cast(pa.timestamp("ms", "UTC")),
        "lon": pa.array([113.0 + k / 100 for k in range(N)]),
        "lat": pa.array([34.0] * N),
        "speed_kmh": pa.array([36.0] * N),
        "heading_deg": pa.array([90.0] * N),
    }
    return {name: column for name, column in {**given, **changes}.items() if column is not ...}


def save(bundle: Path, name: str = "day.parquet", *, group: int = 4, **changes: Any) -> None:
    path = bundle / "tracks" / "f" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns(**changes)), path, row_group_size=group)


ORDINARY = columns()
PLAIN_TIME = ORDINARY["time"]
WALL = pa.array([T0_MS + 8 * 3_600_000 + 5000 * k for k in range(N)])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"terminal_id": ORDINARY["terminal_id"].dictionary_encode()},
        {"terminal_id": ORDINARY["terminal_id"].cast(pa.large_string())},
        {"time": PLAIN_TIME.cast(pa.timestamp("s", "Asia/Shanghai"))},
        {"time": PLAIN_TIME.cast(pa.timestamp("us", "UTC"))},
        {"time": PLAIN_TIME.cast(pa.timestamp("ns", "UTC"))},
        {"time": pa.array([f"2026-03-18T12:00:{5 * k:02d}+08:00" for k in range(N)])},
        {"lat": pa.array([34] * N), "speed_kmh": pa.array([36] * N, pa.int16())},
        {"heading_deg": pa.array([90] * N, pa.float32()), "speed_kmh": pa.array(["36.0"] * N)},
        {"lat": pa.array([34] * N).cast(pa.decimal128(28, 6))},
    ],
)
def test_every_sensible_type_of_column_gives_the_same_rows(tmp_path: Path, changes: dict[str, Any]) -> None:
    save(tmp_path, **changes)
    feed, ledger, sources = open_feed(tmp_path, "parquet")
    table = feed.read()
    assert feed.terminals() == table.terminal_ids == ("T0", "T1", "T2")
    assert table.terminal_ix.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert table.t_ms.tolist() == [T0_MS + 5000 * k for k in range(N)]
    np.testing.assert_array_equal(table.lon_deg, [113.0 + k / 100 for k in range(N)])
    np.testing.assert_array_equal(table.lat_deg, [34.0] * N)
    np.testing.assert_array_equal(table.speed_mps, np.full(N, 10, np.float32))
    np.testing.assert_array_equal(table.heading_deg, np.full(N, 90, np.float32))
    assert not table.flags.any()
    assert sources.locate(int(table.source[-1])) == ("tracks/f/day.parquet", N)
    assert account(ledger) == {"read": N, "kept": N, "flagged": {}, "rejected": {}}
    assert ledger.warnings == {}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_without_a_zone_are_local(tmp_path: Path, unit: str) -> None:
    save(tmp_path, time=WALL.cast(pa.timestamp("ms")).cast(pa.timestamp(unit)))
    feed, ledger, _ = open_feed(tmp_path, "parquet")
    table = feed.read()
    assert table.t_ms.tolist() == [T0_MS + 5000 * k for k in range(N)]
    assert account(ledger)["flagged"] == {"no-time-zone": N}
    assert list(ledger.warnings) == ["tracks/f/day.parquet: times without an offset, read as Asia/Shanghai"]


def test_whole_number_terminals_are_text(tmp_path: Path) -> None:
    save(tmp_path, terminal_id=pa.array([13_800_000_000 + k // 4 for k in range(N)]))
    feed = open_feed(tmp_path, "parquet")[0]
    assert feed.terminals() == ("13800000000", "13800000001", "13800000002")
    assert len(feed.read(["13800000001"])) == 4


def test_nulls_are_refused_where_they_matter_and_missing_where_not(tmp_path: Path) -> None:
    def with_null(name: str, at: int) -> Any:
        column = columns()[name]
        return pa.concat_arrays([column[:at], pa.nulls(1, column.type), column[at + 1 :]])

    names = ("terminal_id", "time", "lon", "lat", "speed_kmh", "heading_deg")
    save(tmp_path, **{name: with_null(name, at) for at, name in enumerate(names)})
    feed, ledger, _ = open_feed(tmp_path, "parquet")
    table = feed.read()
    assert set(ledger.rejects) == {
        Reject("tracks/f/day.parquet", 1, "no-terminal", "terminal_id", ""),
        Reject("tracks/f/day.parquet", 2, "bad-time", "time", ""),
        Reject("tracks/f/day.parquet", 3, "bad-number", "lon", ""),
        Reject("tracks/f/day.parquet", 4, "bad-number", "lat", ""),
    }
    assert np.flatnonzero(np.isnan(table.speed_mps)).tolist() == [0]
    assert np.flatnonzero(np.isnan(table.heading_deg)).tolist() == [1]
    assert account(ledger)["read"] == N


@pytest.mark.parametrize("group", [1, 4, 5, 100])
@pytest.mark.parametrize("shuffled", [False, True])
def test_batches_give_the_rows_and_the_account_of_reading_all_at_once(
    tmp_path: Path, group: int, shuffled: bool
) -> None:
    order = np.random.default_rng(7).permutation(N) if shuffled else np.arange(N)
    lon = columns()["lon"].to_pylist()
    lon[5] = 500.0
    given = columns(lon=pa.array(lon))
    save(tmp_path, group=group, **{name: column.take(pa.array(order)) for name, column in given.items()})
    whole, ledger, _ = open_feed(tmp_path, "parquet", Datum.GCJ02)
    everything = whole.read()
    parted, parted_ledger, _ = open_feed(tmp_path, "parquet", Datum.GCJ02)
    parts = [parted.read([terminal]) for terminal in ("T1", "T0", "T2", "T1")]
    assert account(parted_ledger) == account(ledger)
    assert account(ledger)["rejected"] == {"out-of-range": 1}
    assert set(parted_ledger.rejects) == set(ledger.rejects)
    rows = np.concatenate([part.source for part in parts[:3]])
    positions = np.concatenate([part.lon_deg for part in parts[:3]])
    np.testing.assert_array_equal(np.sort(rows), everything.source)
    np.testing.assert_array_equal(positions[np.argsort(rows)], everything.lon_deg)
    np.testing.assert_array_equal(parts[3].source, parts[0].source)
    out_of_order = int(np.count_nonzero(everything.flags & Flag.DISORDER))
    assert bool(out_of_order) == shuffled
    assert account(ledger)["flagged"].get("disorder", 0) == out_of_order


def test_only_the_row_groups_that_hold_a_terminal_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, group=4)
    feed = open_feed(tmp_path, "parquet")[0]
    read: list[int] = []
    plain = pq.ParquetFile.read_row_group

    def noting(file: Any, i: int, **options: Any) -> Any:
        read.append(i)
        return plain(file, i, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noting)
    feed.read(["T1"])
    assert read == [1]


def test_a_file_in_no_order_of_terminals_is_read_once_however_many_batches_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, group=3, terminal_id=pa.array([f"T{k % 3}" for k in range(N)]))
    feed = open_feed(tmp_path, "parquet")[0]
    read: list[int] = []
    plain = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda file, i, **options: read.append(i) or plain(file, i, **options)
    )
    assert [len(feed.read([terminal])) for terminal in feed.terminals()] == [4, 4, 4]
    assert sorted(read) == [0, 1, 2, 3]


def test_the_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    save(tmp_path, "a.parquet", lon=..., time=pa.array(range(N)))
    save(tmp_path, "b.parquet", lat=pa.array([[1]] * N))
    write(tmp_path, "c.parquet", b"PAR1 not at all")
    save(tmp_path, "d.parquet")
    with pytest.raises(UnusableInput) as caught:
        open_feed(tmp_path, "parquet")
    told = [(Path(fault.file).name, fault.field) for fault in caught.value.faults]
    assert told == [("a.parquet", "time"), ("a.parquet", "lon"), ("b.parquet", "lat"), ("c.parquet", None)]


def test_other_columns_are_noted_and_absent_speeds_are_missing(tmp_path: Path) -> None:
    save(tmp_path, speed_kmh=..., note=pa.array(["<b>"] * N))
    feed, ledger, _ = open_feed(tmp_path, "parquet")
    assert np.isnan(feed.read().speed_mps).all()
    assert list(ledger.warnings) == [
        "tracks/f/day.parquet: columns ignored: note",
        "tracks/f/day.parquet: no column speed_kmh; taken as missing in every row",
    ]


def test_an_empty_file_is_an_empty_feed(tmp_path: Path) -> None:
    path = tmp_path / "tracks" / "f"
    path.mkdir(parents=True)
    pq.write_table(pa.table(columns()).slice(0, 0), path / "day.parquet")
    feed = open_feed(tmp_path, "parquet")[0]
    assert feed.terminals() == ()
    assert len(feed.read()) == 0


def test_reading_parquet_imports_no_pandas(tmp_path: Path, root: Path) -> None:
    save(tmp_path, time=WALL.cast(pa.timestamp("ms")).cast(pa.timestamp("us")), speed_kmh=pa.array(["x"] * N))
    program = (
        "import sys; from pathlib import Path; from tests.feeds.track_builders import open_feed;"
        f"assert len(open_feed(Path({str(tmp_path)!r}), 'parquet')[0].read()) == {N};"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_rows_of_nobody_may_have_been_any_cars(tmp_path: Path) -> None:
    save(tmp_path, terminal_id=pa.nulls(N, pa.string()))
    save(tmp_path, "named.parquet")
    feed, _, _ = open_feed(tmp_path, "parquet")
    assert len(feed.read()) == N
    assert feed.refused_terminals() == {None: ROWS_REJECTED}
