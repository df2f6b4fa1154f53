"""Telemetry: every fix of a service day as Parquet, spread over buckets of vehicles, asked for with DuckDB.

The same fixes give the same files, byte for byte, in whatever pieces they are added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import dataset
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.engine import Store
from store.files import put_partition, write_aside
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


@dataclass(slots=True)
class LakeWriter:
    """Collects the fixes of a night and writes them, bucket by bucket."""

    store: Store
    service_date: date
    buckets: int
    _parts: dict[int, list[pa.Table]] = field(default_factory=dict)

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
        table = pa.table({f.name: pa.array(named[f.name]) for f in SCHEMA})
        bucket = np.array([bucket_of(v, self.buckets) for v in vehicle_ids], np.int32)[owner]
        for b in np.unique(bucket).tolist():
            self._parts.setdefault(b, []).append(table.filter(pa.array(bucket == b)))

    def write(self) -> list[Written]:
        """Put every bucket in its place, sorted by vehicle and time; return what was written."""
        return [self._write(b) for b in sorted(self._parts)]

    def _write(self, bucket: int) -> Written:
        parts = [part.cast(SCHEMA) for part in self._parts.pop(bucket)]
        order = [("vehicle_id", "ascending"), ("t_ms", "ascending"), ("file", "ascending"), ("row", "ascending")]
        table = pa.concat_tables(parts)
        table = table.take(pc.sort_indices(table, sort_keys=order)).combine_chunks()
        with write_aside(self.store) as aside:
            pq.write_table(table, aside, compression="zstd", row_group_size=200_000)
            path, sha256 = put_partition(self.store, self.service_date, bucket, aside)
        return Written(bucket, path, sha256, len(table))


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


def _current(session: Session, service_date: date) -> Sequence[Partition]:
    found = session.scalars(
        select(Partition)
        .where(Partition.service_date == service_date, Partition.superseded_ms.is_(None))
        .order_by(Partition.bucket)
    )
    return [p for p in found if p.erased_ms is None]


def read_track(store: Store, session: Session, service_date: date, vehicle_id: str) -> pa.Table:
    """Return the fixes of one vehicle on one service day by time, in the columns of `SCHEMA`; none: no rows."""
    import duckdb  # noqa: PLC0415 -- slow to import, and hardly any command asks

    files = [str(store.folder / p.path) for p in _current(session, service_date)]
    if not files:
        return SCHEMA.empty_table()
    with duckdb.connect() as db:
        # As a data set: DuckDB reads *, ? and [ in a file's path as a pattern.
        db.register("fixes", dataset.dataset(files, SCHEMA))
        told: pa.Table = db.sql(
            "SELECT * FROM fixes WHERE vehicle_id = $vehicle ORDER BY t_ms, file, row", params={"vehicle": vehicle_id}
        ).to_arrow_table()
    return told.cast(SCHEMA)
