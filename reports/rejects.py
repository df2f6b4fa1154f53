"""`rejects.parquet`: every refused row, so that its sender can find and mend it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from reports.plain import storable

FOUND_CHARS = 80
PASSAGES = "passages.ndjson"

SCHEMA = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("found", pa.string(), nullable=False),
    ]
)


class Rejected(Protocol):
    """One refused row as whoever read it tells it: file, row, a reason code, the field and the offending text."""

    @property
    def file(self) -> str: ...  # noqa: D102 -- the class says what each is
    @property
    def row(self) -> int: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def field(self) -> str: ...  # noqa: D102
    @property
    def found(self) -> str: ...  # noqa: D102


def write_rejects_parquet(path: Path, rejects: Sequence[Rejected]) -> None:
    """Write the refused rows ordered by file, row, field, reason, found; `found` is cut at 80 characters.

    Of passages `found` is always empty, whatever was handed over: nothing of a person or plate out of scope stays.
    Raises OSError where the file cannot be written.
    """
    rows = sorted((storable(r.file), r.row, storable(r.field), storable(r.reason), _found(r)) for r in rejects)
    file, row, field, reason, found = zip(*rows, strict=True) if rows else ((),) * 5
    columns = {"file": file, "row": row, "reason": reason, "field": field, "found": found}
    pq.write_table(pa.table(columns, SCHEMA), path, compression="zstd")


def _found(reject: Rejected) -> str:
    name = reject.file.replace("\\", "/").rsplit("/", 1)[-1]
    return "" if name.lower().startswith(PASSAGES) else storable(reject.found[:FOUND_CHARS])
