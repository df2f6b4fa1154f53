"""Passages in scope as a Parquet file: what the door let in, never what it was read from."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from checkpoints.passage import Candidate, Face, Passage, Reading, Seat

_CANDIDATE = pa.struct([("person_id", pa.string()), ("score", pa.float64())])
_FACE = pa.struct(
    [
        ("seat", pa.string()),
        ("quality", pa.float64()),
        ("candidates", pa.list_(_CANDIDATE)),
        ("declared_score", pa.float64()),
    ]
)
_READING = pa.struct([("vehicle_id", pa.string()), ("log_likelihood", pa.float64())])
SCHEMA = pa.schema(
    [
        ("passage_id", pa.string()),
        ("camera_id", pa.string()),
        ("shot_ms", pa.int64()),
        ("vehicle_id", pa.string()),
        ("others", pa.list_(_READING)),
        ("plate_score", pa.float64()),
        ("heading_deg", pa.float64()),
        ("faces", pa.list_(_FACE)),
        ("file", pa.string()),
        ("row", pa.int64()),
    ]
)


def passages_parquet(passages: Sequence[Passage]) -> bytes:
    """Return passages as a Parquet file, in their order; the same passages give the same bytes."""
    rows = [_row(p) for p in passages]
    columns = [pa.array([row[f.name] for row in rows], f.type) for f in SCHEMA]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), out, compression="zstd")
    return out.getvalue()


def read_passages_parquet(data: bytes) -> tuple[Passage, ...]:
    """Return the passages of such a file."""
    return tuple(_passage(row) for row in pq.read_table(io.BytesIO(data), schema=SCHEMA).to_pylist())


def without_faces(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return passages with nobody in them."""
    return tuple(Passage(**{**_fields(p), "faces": ()}) for p in passages)


def _fields(p: Passage) -> dict[str, Any]:
    return {f.name: getattr(p, f.name) for f in SCHEMA}


def _row(p: Passage) -> dict[str, Any]:
    faces = [
        {
            "seat": str(face.seat),
            "quality": face.quality,
            "candidates": [c._asdict() for c in face.candidates],
            "declared_score": face.declared_score,
        }
        for face in p.faces
    ]
    return {**_fields(p), "others": [o._asdict() for o in p.others], "faces": faces}


def _passage(row: dict[str, Any]) -> Passage:
    faces = tuple(
        Face(Seat(f["seat"]), f["quality"], tuple(Candidate(**c) for c in f["candidates"]), f["declared_score"])
        for f in row["faces"]
    )
    return Passage(**{**row, "others": tuple(Reading(**o) for o in row["others"]), "faces": faces})
