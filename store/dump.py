"""The rows of a table as a Parquet file, in one form whatever database they are in, and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Table, insert, select, text

from store.engine import POSTGRESQL

BATCH = 2_000
"""Rows in memory at once: some hold the whole evidence of a finding."""
_TYPES = {
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    str: pa.string(),
    bytes: pa.binary(),
    date: pa.date32(),
}


class NotThatTable(ValueError):
    """A file that does not hold rows of the table; the message says what differs."""


def dump_table(connection: Connection, table: Table, path: Path) -> int:
    """Write the rows of a table in the order of its key; return how many."""
    schema = pa.schema([pa.field(c.name, _TYPES[c.type.python_type], c.nullable) for c in table.columns])
    asked = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    n_rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in connection.execute(asked).partitions():
            columns = zip(*rows, strict=True)
            arrays = [pa.array(values, f.type) for values, f in zip(columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            n_rows += len(rows)
    return n_rows


def load_table(connection: Connection, table: Table, path: Path) -> int:
    """Insert the rows of a file; return how many. Raises `NotThatTable`."""
    n_rows = 0
    for rows in _rows(table, path):
        connection.execute(insert(table), rows)
        n_rows += len(rows)
    return n_rows


def _rows(table: Table, path: Path) -> Iterator[list[dict[str, Any]]]:
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise NotThatTable(f"is not Parquet: {error}") from error
    with file:
        found, expected = set(file.schema_arrow.names), {c.name for c in table.columns}
        if found != expected:
            raise NotThatTable(f"has columns {sorted(found)}, expected {sorted(expected)}")
        for batch in file.iter_batches(BATCH):
            yield batch.to_pylist()


def count_on(connection: Connection, table: Table) -> None:
    """Have PostgreSQL number new rows after the highest that was loaded; SQLite looks for itself."""
    column = table.autoincrement_column
    if connection.dialect.name != POSTGRESQL or column is None:
        return
    # Names of our own tables, from our own models.
    highest = f"SELECT max({column.name}) FROM {table.name}"  # noqa: S608
    sequence = connection.scalar(
        text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
    )
    last = connection.scalar(text(highest))
    if sequence is not None and last is not None:
        connection.execute(text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})
