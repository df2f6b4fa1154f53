"""Telemetry: every fix of a service day as Parquet, spread over buckets of vehicles, asked for with DuckDB.

The same fixes added in the same order give the same files, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import dataset
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.engine import Store
from store.files import put_partition, write_aside
from store.registers import as_known
from store.tables.nights import Partition

SCHEMA = pa.schema(
    [
        ("vehicle_id", pa.string()),
        ("t_ms", pa.int64()),
        ("lon_deg", pa.float64()),
        ("lat_deg", pa.float64()),
        ("speed_mps", pa.float32()),
        ("heading_deg", pa.float32()),
        ("accuracy_m", pa.float32()),
        ("lag_ms", pa.int32()),
        ("flags", pa.uint32()),
        ("file", pa.string()),
        ("row", pa.int64()),
    ]
)
"""WGS-84; `flags` as cleaning set them (`trajectories.fleet.Flag`); `file` and `row`: where the fix was read."""


GROUP_ROWS, MOST_ROWS = 50_000, 1_000_000
"""Rows of a bucket wait until they are so many, and are written as one group."""


def bucket_of(vehicle_id: str, buckets: int) -> int:
    """Return the bucket of a vehicle: the same on every machine.

    >>> bucket_of("V0001", 16), bucket_of("V0001", 1)
    (10, 0)
    """
    return int(hashlib.sha256(vehicle_id.encode()).hexdigest()[:8], 16) % buckets


@dataclass(frozen=True, slots=True)
class Written:
    """One file of a night's telemetry, in its place already."""

    bucket: int
    path: str
    sha256: str
    n_rows: int


class LakeWriter:
    """Writes the fixes of a night bucket by bucket as they come; use it as a context. Memory stays flat.

    What is not put in place (`finish`) is gone when the block ends.
    """

    def __init__(self, store: Store, service_date: date, buckets: int) -> None:
        """Write nothing yet."""
        self._store, self._day, self._buckets = store, service_date, buckets
        self._open: dict[int, _Bucket] = {}
        self._asides = ExitStack()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of what was not put in place."""
        for bucket in self._open.values():
            bucket.writer.close()
        self._asides.close()

    def add(
        self, vehicle_ids: Sequence[str], offsets: npt.NDArray[np.int64], columns: dict[str, Any], files: Sequence[str],
        file_ix: npt.NDArray[np.int32],
    ) -> None:  # fmt: skip
        """Add tracks: `columns` has shape (n,) each for the names of `SCHEMA` but the texts; `files[file_ix[i]]`."""
        owner = np.repeat(np.arange(len(vehicle_ids), dtype=np.int32), np.diff(offsets))
        texts = {
            "vehicle_id": pa.DictionaryArray.from_arrays(pa.array(owner), pa.array(list(vehicle_ids), pa.string())),
            "file": pa.DictionaryArray.from_arrays(pa.array(file_ix), pa.array(list(files), pa.string())),
        }
        named = {**columns, **texts}
        table = pa.table({f.name: pa.array(named[f.name]) for f in SCHEMA}).cast(SCHEMA)
        bucket = np.array([bucket_of(v, self._buckets) for v in vehicle_ids], np.int32)[owner]
        for b in np.unique(bucket).tolist():
            self._bucket(b).add(table.take(pa.array(np.flatnonzero(bucket == b))))

    def _bucket(self, number: int) -> _Bucket:
        if number not in self._open:
            aside = self._asides.enter_context(write_aside(self._store))
            self._open[number] = _Bucket(aside, pq.ParquetWriter(aside, SCHEMA, compression="zstd"))
        return self._open[number]

    def finish(self) -> list[Written]:
        """Put every bucket in its place; return what was written."""
        out = []
        for number in sorted(self._open):
            bucket = self._open.pop(number)
            bucket.flush()
            bucket.writer.close()
            path, sha256 = put_partition(self._store, self._day, number, bucket.aside)
            out.append(Written(number, path, sha256, bucket.n_rows))
        return out


@dataclass(slots=True)
class _Bucket:
    """One file being written, and rows that wait for more of them."""

    aside: Path
    writer: Any
    n_rows: int = 0
    waiting: list[pa.Table] = field(default_factory=list)

    def add(self, rows: pa.Table) -> None:
        self.waiting.append(rows)
        self.n_rows += len(rows)
        if sum(map(len, self.waiting)) >= GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        if self.waiting:
            self.writer.write_table(pa.concat_tables(self.waiting).combine_chunks(), row_group_size=MOST_ROWS)
            self.waiting.clear()


def record_partitions(session: Session, service_date: date, written: Sequence[Written], at_ms: int) -> None:
    """Have these files be the telemetry of a night; those that were are superseded."""
    held = {p.path: p for p in _current(session, service_date)}
    new = {w.path: w for w in written}
    for path, row in held.items():
        if path not in new:
            row.superseded_ms = at_ms
    for path, w in new.items():
        if path not in held:
            session.add(
                Partition(
                    service_date=service_date, bucket=w.bucket, path=path, sha256=w.sha256, n_rows=w.n_rows,
                    recorded_ms=at_ms,
                )
            )  # fmt: skip


def _current(session: Session, service_date: date, known_ms: int | None = None) -> Sequence[Partition]:
    found = session.scalars(
        select(Partition)
        .where(Partition.service_date == service_date, *as_known(Partition, known_ms))
        .order_by(Partition.bucket)
    )
    return [p for p in found if p.erased_ms is None]


def read_track(
    store: Store, session: Session, service_date: date, vehicle_id: str, known_ms: int | None = None
) -> pa.Table:
    """Return the fixes of one vehicle on one service day by time, in the columns of `SCHEMA`; none: no rows.

    As known at a time (None: now), so far as that was not erased since.
    """
    import duckdb  # noqa: PLC0415 -- slow to import, and hardly any command asks

    files = [str(store.folder / p.path) for p in _current(session, service_date, known_ms)]
    if not files:
        return SCHEMA.empty_table()
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as db:  # it would fetch them
        # As a data set: DuckDB reads *, ? and [ in a file's path as a pattern.
        db.register("fixes", dataset.dataset(files, SCHEMA))
        told: pa.Table = db.sql(
            "SELECT * FROM fixes WHERE vehicle_id = $vehicle ORDER BY t_ms, file, row", params={"vehicle": vehicle_id}
        ).to_arrow_table()
    return told.cast(SCHEMA)


def read_tracks(store: Store, session: Session, service_date: date, vehicle_ids: Sequence[str]) -> pa.Table:
    """Return the fixes of some vehicles on one service day, by vehicle and time: place, time and flags alone."""
    files = [str(store.folder / p.path) for p in _current(session, service_date)]
    wanted = ["vehicle_id", "t_ms", "lon_deg", "lat_deg", "flags", "file", "row"]
    if not files:
        return SCHEMA.empty_table().select(wanted)
    of_them = dataset.field("vehicle_id").isin(list(vehicle_ids))
    told: pa.Table = dataset.dataset(files, SCHEMA).to_table(columns=wanted, filter=of_them)
    return told.sort_by([(name, "ascending") for name in ("vehicle_id", "t_ms", "file", "row")])
