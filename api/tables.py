"""Rows in every form: written once as JSON-ready items, and turned from there into GeoJSON, NDJSON, CSV and Arrow.

So all forms hold the same rows. Every writer yields bytes piece by piece: an answer is never held twice in memory.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

import pyarrow as pa
import shapely
from shapely.geometry import shape

from api.forms import Form
from reports.csv_files import unarmed
from reports.plain import json_text
from trajectories.clock import to_ms

Item = Mapping[str, Any]
GEOMETRY = "geometry"
AT_ONCE = 500
"""Rows that are written before a piece is handed on."""
_GEOARROW = {
    b"ARROW:extension:name": b"geoarrow.wkb",
    b"ARROW:extension:metadata": b'{"crs":"OGC:CRS84","crs_type":"authority_code"}',
}


def _same(item: Item) -> Item:
    return item


@dataclass(frozen=True, slots=True)
class Table:
    """Items to be written. `columns`: of the flat forms, without geometry.

    `place`: an item's GeoJSON geometry (None: rows without a place); `flat`: an item as its columns say it;
    `head`: what stands before the features.
    """

    columns: pa.Schema
    items: Iterator[Item] | Sequence[Item]
    place: Callable[[Item], Mapping[str, Any] | None] | None = None
    flat: Callable[[Item], Item] = _same

    def written(self, form: Form, next_cursor: str | None, next_link: str | None) -> Iterator[bytes]:
        """Yield the rows in a form; `next_cursor`, `next_link`: where the list goes on."""
        if form is Form.JSON:
            return self._json(next_cursor)
        if form is Form.GEOJSON:
            return self._geojson(next_link)
        if form is Form.NDJSON:
            return _grouped(json_text(item) + "\n" for item in self.items)
        return self._csv() if form is Form.CSV else self._arrow()

    def _json(self, next_cursor: str | None) -> Iterator[bytes]:
        yield b'{"items":['
        yield from _joined((json_text(item) for item in self.items), ",")
        yield b'],"next":' + json_text(next_cursor).encode() + b"}"

    def _geojson(self, next_link: str | None) -> Iterator[bytes]:
        yield b'{"type":"FeatureCollection","schema":1,"features":[\n'
        yield from _joined((json_text(self.feature(item)) for item in self.items), ",\n")
        links = [] if next_link is None else [{"rel": "next", "href": next_link, "type": str(Form.GEOJSON)}]
        yield b'\n],"links":' + json_text(links).encode() + b"}\n"

    def feature(self, item: Item) -> dict[str, Any]:
        """Return an item as a GeoJSON Feature."""
        place = None if self.place is None else self.place(item)
        return {
            "type": "Feature",
            GEOMETRY: place,
            "properties": {name: value for name, value in item.items() if name != GEOMETRY},
        }

    def _csv(self) -> Iterator[bytes]:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        yield b"\xef\xbb\xbf"
        writer.writerow(self.columns.names)
        for part in _parts(self.items):
            for item in part:
                told = self.flat(item)
                writer.writerow([_cell(told[name]) for name in self.columns.names])
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
        yield text.getvalue().encode()

    def _arrow(self) -> Iterator[bytes]:
        schema = self.columns
        if self.place is not None:
            schema = schema.append(pa.field(GEOMETRY, pa.binary(), metadata=_GEOARROW))
        out = io.BytesIO()
        with pa.ipc.new_stream(pa.PythonFile(out, "w"), schema) as writer:
            for part in _parts(self.items):
                writer.write_batch(pa.RecordBatch.from_pylist([self._row(item) for item in part], schema))
                yield _taken(out)
        yield _taken(out)

    def _row(self, item: Item) -> dict[str, Any]:
        told = self.flat(item)
        row = {f.name: _value(told[f.name], f.type) for f in self.columns}
        if self.place is not None:
            place = self.place(item)
            row[GEOMETRY] = None if place is None else shapely.to_wkb(shape(place), byte_order=1)
        return row


def _cell(value: Any) -> str | float | None:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    if isinstance(value, str):
        return unarmed(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list) and all(isinstance(v, str | int) for v in value):
        return unarmed(",".join(map(str, value)))
    return unarmed(json_text(value)) if isinstance(value, list | dict) else value


def _value(value: Any, kind: pa.DataType) -> Any:
    """Return a JSON-ready value as a column of some type takes it."""
    if value is None:
        return None
    if pa.types.is_timestamp(kind):
        return to_ms(datetime.fromisoformat(value))
    if pa.types.is_date(kind):
        return date.fromisoformat(value)
    return json_text(value) if pa.types.is_string(kind) and not isinstance(value, str) else value


def _parts(items: Iterator[Item] | Sequence[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while part := list(islice(rest, AT_ONCE)):
        yield part


def _grouped(lines: Iterator[str]) -> Iterator[bytes]:
    while part := list(islice(lines, AT_ONCE)):
        yield "".join(part).encode()


def _joined(texts: Iterator[str], between: str) -> Iterator[bytes]:
    before = ""
    while part := list(islice(texts, AT_ONCE)):
        yield (before + between.join(part)).encode()
        before = between


def _taken(out: io.BytesIO) -> bytes:
    data = out.getvalue()
    out.seek(0)
    out.truncate()
    return data
