"""A store with rows in every table and the files that they name."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store.engine import Store
from store.files import put_blob, put_partition, put_passages, write_aside
from store.tables.base import Base

DAY = date(2026, 3, 18)
BLOBS = (b"vehicle_id,plate\n", "路线\n".encode() * 100_000)
AWKWARD: dict[type, list[Any]] = {
    int: [1, 2**31 - 1],
    float: [0.1 + 0.2, -1e-300],
    bool: [True, False],
    str: ["川A1234学", 'it\'s "x"; \\ \n\t—'],
    bytes: [b"\x00\xff\x01", b""],
    date: [DAY, date(1980, 1, 1)],
}


def fill(store: Store) -> None:
    """Fill a migrated, empty store."""
    files = _files(store)
    with store.writing() as session:
        for table in Base.metadata.sorted_tables:
            rows = files.get(table.name) or _SPECIAL.get(table.name) or [{}, {}]
            for i, row in enumerate(rows):
                values = {c.name: _value(c, i) for c in table.columns if c.name != "id"} | row
                session.execute(insert(table).values(**values))


def _value(column: Any, i: int) -> Any:
    if column.nullable and i % 2:
        return None
    value = AWKWARD[column.type.python_type][i % 2]
    length = getattr(column.type, "length", None)
    return value[:length] if length else value


_SPECIAL: dict[str, list[dict[str, Any]]] = {
    "cases": [{"case_id": "C1", "n_events": 3}, {"case_id": "C2", "n_events": 1}],
    "case_events": [
        *({"case_id": "C1", "seq": seq, "actor": "li"} for seq in (1, 2, 3)),
        {"case_id": "C2", "seq": 1, "actor": "li"},
    ],
    "findings": [
        {"finding_id": "F1", "superseded_ms": 5},
        {"finding_id": "F1", "superseded_ms": None},
        {"finding_id": "F2", "superseded_ms": 5},
    ],
    "register_versions": [
        {"service_date": DAY, "register": "zones", "superseded_ms": 5},
        {"service_date": DAY, "register": "zones", "superseded_ms": None},
        {"service_date": DAY, "register": "staff", "superseded_ms": None},
    ],
    "access_log": [{"seq": 1, "at_ms": 2**53}, {"seq": 2}],
}


def _files(store: Store) -> dict[str, list[dict[str, Any]]]:
    digests = [put_blob(store, content) for content in BLOBS]
    with write_aside(store) as aside:
        pq.write_table(pa.table({"vehicle_id": ["V1"] * 3}), aside)
        part, part_digest = put_partition(store, DAY, 3, aside)
    with write_aside(store) as aside:
        pq.write_table(pa.table({"passage_id": ["P1", "P2"]}), aside)
        passages, passages_digest = put_passages(store, DAY, aside)
    live = {"superseded_ms": None, "erased_ms": None}
    gone = {"sha256": "0" * 64, "superseded_ms": 5}
    return {
        "blobs": [
            *({"sha256": d, "size": len(c), "erased_ms": None} for d, c in zip(digests, BLOBS, strict=True)),
            {"sha256": "e" * 64, "size": 7, "erased_ms": 9},
        ],
        "night_files": [
            {"service_date": DAY, "name": name, "sha256": digest, "superseded_ms": None}
            for name, digest in zip(("vehicles.csv", "tracks/a/b.csv"), digests, strict=True)
        ],
        "partitions": [
            {"service_date": DAY, "bucket": 3, "path": part, "sha256": part_digest, "n_rows": 3} | live,
            {"service_date": DAY, "bucket": 3, "path": f"lake/day={DAY}/bucket=03/{'0' * 64}.parquet"}
            | {"erased_ms": None} | gone,
        ],
        "passage_sets": [
            {"service_date": DAY, "path": passages, "sha256": passages_digest, "n_passages": 2} | live,
            {"service_date": DAY, "path": "passages/gone.parquet", "erased_ms": 9} | gone,
        ],
    }  # fmt: skip


def rows_of(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in an order that no database's collation changes."""
    with store.reading() as session:
        return {t.name: _rows(session, t) for t in Base.metadata.sorted_tables}


def _rows(session: Session, table: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in session.execute(select(table))), key=repr)
