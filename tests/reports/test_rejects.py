"""`rejects.parquet`: every refused row, and nothing of a passage."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feeds.ledger import Reject
from reports.rejects import write_rejects_parquet
from tests.reports.matters import HOSTILE


def written(folder: Path, rejects: list[Reject]) -> list[dict[str, Any]]:
    write_rejects_parquet(folder / "rejects.parquet", rejects)
    rows: list[dict[str, Any]] = pq.read_table(folder / "rejects.parquet").to_pylist()
    return rows


def test_what_a_feed_refused_is_written_with_file_row_reason_field_and_text(tmp_path: Path) -> None:
    assert written(tmp_path, [Reject("sessions.csv", 7, "bad-time", "start", "26 o'clock")]) == [
        {"file": "sessions.csv", "row": 7, "reason": "bad-time", "field": "start", "found": "26 o'clock"}
    ]


def test_the_text_found_is_cut_at_80_characters(tmp_path: Path) -> None:
    (row,) = written(tmp_path, [Reject("a.csv", 1, "bad", "lon", "京" * 81)])
    assert row["found"] == "京" * 80


@pytest.mark.parametrize("file", ["passages.ndjson", "passages.ndjson.gz", "bundle/passages.ndjson", "PASSAGES.NDJSON"])
def test_of_a_passage_the_text_found_is_never_written(tmp_path: Path, file: str) -> None:
    (row,) = written(tmp_path, [Reject(file, 3, "bad-time", "shot_time", "沪B99999")])
    assert row == {"file": file, "row": 3, "reason": "bad-time", "field": "shot_time", "found": ""}


def test_rows_are_ordered_by_file_and_row_whatever_order_they_came_in(tmp_path: Path) -> None:
    rejects = [Reject(file, row, "bad", field, "x") for file in "ba" for row in (10, 9) for field in ("lon", "lat")]
    keys = [(r["file"], r["row"], r["field"]) for r in written(tmp_path, rejects)]
    assert keys == sorted(keys)
    first = (tmp_path / "rejects.parquet").read_bytes()
    written(tmp_path, random.Random(5).sample(rejects, len(rejects)))
    assert (tmp_path / "rejects.parquet").read_bytes() == first


def test_no_reject_is_a_file_with_the_same_columns(tmp_path: Path) -> None:
    assert written(tmp_path, []) == []
    empty = pq.read_schema(tmp_path / "rejects.parquet")
    written(tmp_path, [Reject("a", 1, "b", "c", "d")])
    assert pq.read_schema(tmp_path / "rejects.parquet").equals(empty)
    assert empty.names == ["file", "row", "reason", "field", "found"]
    assert empty.field("row").type == pa.int64()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_kept_but_for_what_cannot_be_written(tmp_path: Path, text: str) -> None:
    (row,) = written(tmp_path, [Reject(text, 1, "bad", text, text)])
    harmless = "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in text)
    assert row["found"] == row["file"] == row["field"] == harmless
