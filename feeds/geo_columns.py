"""The point column of a GeoParquet file (OGC GeoParquet 1.1) as longitudes and latitudes, without a geometry object."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from feeds.crs_names import is_undefined
from feeds.track_arrow import numbers, one_chunk, valid
from trajectories.fleet import F8

WKB, POINT = "WKB", "point"
POINT_BYTES, COORDINATE_BYTES = 21, 8
POINT_TYPES, SRID_FLAG = (1, 1001, 2001, 3001), 0x20000000
"""A point, with height, measure or both, as ISO numbers them; others set the upper bits for these."""


@dataclass(frozen=True, slots=True)
class PointColumn:
    """The primary geometry column. `crs` is what the file states (PROJJSON text), None where it states none."""

    name: str
    crs: str | None
    crs_name: str


class NotPoints(ValueError):
    """A primary geometry column that can hold no points we read; the message says why."""


def point_column(schema: Any) -> PointColumn | None:
    """Return the primary geometry column that the `geo` metadata of a schema names, None where there is none.

    An absent CRS is a default that many writers leave without a thought, so it states nothing, as a null does. Raises
    `NotPoints` for an encoding or a column type that we do not read.
    """
    columns, name = _geo(schema)
    if name is None:
        return None
    entry = columns.get(name)
    entry = entry if isinstance(entry, dict) else {}
    kind = _storage(schema.field(name).type)
    encoding = entry.get("encoding", WKB)
    fits = (encoding == WKB and _is_binary(kind)) or (encoding == POINT and _is_point_struct(kind))
    if not fits:
        raise NotPoints(f"a geometry column of encoding {str(encoding)[:20]} and type {str(kind)[:60]} is not read")
    crs = entry.get("crs")
    crs_name = str(crs.get("name", "")) if isinstance(crs, dict) else ""
    if not isinstance(crs, dict) or is_undefined(crs_name) or crs.get("type") == "EngineeringCRS":
        return PointColumn(name, None, "")
    return PointColumn(name, json.dumps(crs), crs_name)


def _geo(schema: Any) -> tuple[dict[str, Any], str | None]:
    """Return the `columns` of the `geo` metadata, and the name of the primary column where it is in the schema."""
    try:
        geo = json.loads((schema.metadata or {}).get(b"geo", b"null"))
    except (ValueError, RecursionError):
        return {}, None
    columns = geo.get("columns") if isinstance(geo, dict) else None
    name = geo.get("primary_column") if isinstance(geo, dict) else None
    if not isinstance(columns, dict) or not isinstance(name, str) or schema.names.count(name) != 1:
        return {}, None
    return columns, name


def _storage(kind: Any) -> Any:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _is_binary(kind: Any) -> bool:
    types = pa.types
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def _is_point_struct(kind: Any) -> bool:
    if not pa.types.is_struct(kind):
        return False
    names = [kind.field(k).name for k in range(kind.num_fields)]
    return "x" in names and "y" in names and all(pa.types.is_floating(kind.field(n).type) for n in ("x", "y"))


def positions(column: Any) -> tuple[F8, F8]:
    """Return x and y of a point column (n,); null, empty and what is no point are NaN.

    >>> import struct
    >>> point, line = struct.pack("<BIdd", 1, 1, 113.5, 34.5), struct.pack("<BII", 1, 2, 0)
    >>> positions(pa.array([point, line, None]))
    (array([113.5,   nan,   nan]), array([34.5,  nan,  nan]))
    """
    array = one_chunk(column)
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_struct(array.type):
        x, y = (numbers(pc.struct_field(array, name)).astype(np.float64, copy=False) for name in ("x", "y"))
        return x, y
    return _from_wkb(array)


def _from_wkb(array: Any) -> tuple[F8, F8]:
    n = len(array)
    x, y = np.full(n, np.nan), np.full(n, np.nan)
    array = pc.cast(array, pa.large_binary())
    _, offsets, data = array.buffers()
    if not n or data is None:
        return x, y
    edges = np.frombuffer(offsets, np.int64, count=n + 1, offset=8 * array.offset)
    lengths = np.diff(edges)
    is_there = valid(array) if array.null_count else np.ones(n, np.bool_)
    rows = np.flatnonzero(is_there & np.isin(lengths, POINT_BYTES + COORDINATE_BYTES * np.arange(3)))
    body = np.frombuffer(data, np.uint8)
    if len(rows) == n and (lengths == lengths[0]).all():
        head = body[edges[0] : edges[-1]].reshape(n, -1)
    else:
        head = body[edges[rows][:, None] + np.arange(POINT_BYTES)]
    for order, mark in (("<", 1), (">", 0)):
        mine = head[:, 0] == mark
        kind = _as(head[mine, 1:5], f"{order}u4").astype(np.int64)
        good = np.isin(kind & 0x0FFFFFFF, POINT_TYPES) & ((kind & SRID_FLAG) == 0)
        at = rows[mine][good]
        x[at] = _as(head[mine][good, 5:13], f"{order}f8")
        y[at] = _as(head[mine][good, 13:21], f"{order}f8")
    return x, y


def _as(columns: npt.NDArray[np.uint8], kind: str) -> npt.NDArray[Any]:
    return np.ascontiguousarray(columns).view(kind)[:, 0]


def wkb_text(column: Any, i: int) -> str:
    """Return one geometry as text for people: its hex, or the numbers of a struct."""
    value = column[i].as_py()
    return value.hex() if isinstance(value, bytes) else "" if value is None else str(value)
