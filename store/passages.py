"""Passages in scope as a Parquet file: what the door let in, never what it was read from."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
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
    rows = [passage_row(p) for p in passages]
    columns = [pa.array([row[f.name] for row in rows], f.type) for f in SCHEMA]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), out, compression="zstd")
    return out.getvalue()


def read_passages_parquet(data: bytes) -> tuple[Passage, ...]:
    """Return the passages of such a file."""
    return tuple(passage_of(row) for row in pq.read_table(io.BytesIO(data), schema=SCHEMA).to_pylist())


def vehicle_passages(path: Path, vehicle_id: str) -> tuple[Passage, ...]:
    """Return the passages of such a file that name a car as read, or whose likeliest reading it is."""
    own = pc.field("vehicle_id") == vehicle_id
    rows = pq.read_table(path, schema=SCHEMA, filters=own | pc.field("vehicle_id").is_null()).to_pylist()
    found = (passage_of(row) for row in rows)
    return tuple(p for p in found if vehicle_id in {p.vehicle_id, *(o.vehicle_id for o in p.others[:1])})


def without_faces(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return passages with nobody in them."""
    return tuple(Passage(**{**_fields(p), "faces": ()}) for p in passages)


def _fields(p: Passage) -> dict[str, Any]:
    return {f.name: getattr(p, f.name) for f in SCHEMA}


def passage_row(p: Passage) -> dict[str, Any]:
    """Return a passage as plain values, JSON-ready."""
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


def passage_of(row: dict[str, Any]) -> Passage:
    """Return the passage of such values."""
    faces = tuple(
        Face(Seat(f["seat"]), f["quality"], tuple(Candidate(**c) for c in f["candidates"]), f["declared_score"])
        for f in row["faces"]
    )
    return Passage(**{**row, "others": tuple(Reading(**o) for o in row["others"]), "faces": faces})
