"""Feeds of Parquet files, read by the row groups that hold the terminals asked for; columns as in CSV feeds.

A GeoParquet file has a column of points in place of lon and lat; a CRS that it states wins over the feed's datum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from feeds.crs_names import CrsFault
from feeds.faults import Fault, UnusableInput
from feeds.geo_columns import NotPoints, PointColumn, point_column, positions, wkb_text
from feeds.ledger import Reject
from feeds.text import GZIP_MAGIC, UnreadableFile, read_bytes
from feeds.track_arrow import codes, is_number, is_text, numbers, one_chunk, text_at, valid, values_of
from feeds.track_crs import Way, positions_to_wgs84
from feeds.track_csv import LISTED, OPTIONAL, REQUIRED
from feeds.track_reader import FeedContext, TrackFeed
from feeds.track_rows import FieldNames, RawRows, Unit, book, flag_disorder, flagged, judge
from feeds.track_table import Mask, concat, constant, empty_table
from feeds.track_times import T_BAD, local_to_utc_ms, parse_iso
from geo.datum import Datum
from trajectories.fleet import I4, I8, Flag

LEFTOVERS = 2
"""Row groups of a sorted file that are kept because only some of their terminals were read yet."""

UNSORTED_SHARE = 1.5
"""Sorted by terminal, t terminals stand at t + g - 1 places in g row groups at most. A file with this many times more
places is kept whole once it is read."""

MS_PER_TICK = {"s": 1000}
TICKS_PER_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}


@dataclass(frozen=True, slots=True)
class ParquetTracks:
    """One file: its footer, where its row numbers begin, and who stands in which row group."""

    path: Path
    relative: str
    metadata: Any
    columns: tuple[str, ...]
    dictionary: tuple[str, ...]
    first_source: int
    first_rows: tuple[int, ...]
    terminals: tuple[frozenset[str], ...]
    unsorted: bool
    geometry: PointColumn | None = None
    way: Way | None = None

    def open(self) -> Any:
        """Return the file opened for reading."""
        return pq.ParquetFile(_source(self.path), metadata=self.metadata, read_dictionary=list(self.dictionary))


class ParquetFeed(TrackFeed):
    """A feed of Parquet files; raises `UnusableInput` with the faults of all its files."""

    def __init__(self, context: FeedContext) -> None:
        """Read the footers, and the terminal column to know who stands where."""
        super().__init__(context)
        self._files: list[ParquetTracks] = []
        self._leftovers: dict[tuple[str, int], Any] = {}
        faults: list[Fault] = []
        for path in context.paths():
            try:
                self._open(path)
            except UnusableInput as unusable:
                faults += unusable.faults
        if faults:
            raise UnusableInput(faults)
        if self._files and all(file.way is not None for file in self._files):
            # What the files say is what is compared with the approved places (rule feed-datum).
            self.context = replace(context, config=replace(context.config, datum=Datum.WGS84))

    def _open(self, path: Path) -> None:
        relative = self.context.relative(path)
        if not path.name.removesuffix(".gz").endswith(".parquet"):
            self.context.ledger.warn(f"{relative}: not read; expected a .parquet file")
            return
        try:
            with pq.ParquetFile(_source(path)) as file:
                schema, metadata = file.schema_arrow, file.metadata
            geometry = _geometry(schema, relative)
            _check_schema(schema, relative, geometry)
            self._note_columns(schema, relative, geometry)
            way = self._way(geometry, relative)
            self._files.append(replace(self._index(path, relative, schema, metadata, geometry), way=way))
        except UnreadableFile as error:
            raise UnusableInput([error.fault(relative)]) from error
        except (pa.ArrowException, OSError) as error:
            raise UnusableInput([_unreadable(relative, error)]) from error

    def _way(self, geometry: PointColumn | None, relative: str) -> Way | None:
        """Return how a file's positions become WGS-84 ones, None where it states no CRS."""
        if geometry is None or geometry.crs is None:
            return None
        try:
            return positions_to_wgs84(geometry.crs, self.context, relative, geometry.crs_name)
        except CrsFault as fault:
            hint = "Save it in WGS-84, or without a CRS and with its datum in bundle.toml."
            raise UnusableInput(
                [
                    Fault(
                        relative,
                        str(fault),
                        field=geometry.name,
                        found=geometry.crs_name,
                        hint=hint,
                        code="unknown-crs",
                    )
                ]
            ) from fault

    def _note_columns(self, schema: Any, relative: str, geometry: PointColumn | None) -> None:
        extra = [name for name in schema.names if name not in LISTED and (geometry is None or name != geometry.name)]
        if extra:
            self.context.ledger.warn(f"{relative}: columns ignored: {', '.join(extra)[:200]}")
        absent = [name for name in OPTIONAL if name not in schema.names]
        if absent:
            self.context.ledger.warn(f"{relative}: no column {', '.join(absent)}; taken as missing in every row")
        kind = schema.field("time").type
        if pa.types.is_timestamp(kind) and kind.tz is None:
            self.context.ledger.warn(f"{relative}: times without an offset, read as {self.context.local.name}")

    def _index(
        self, path: Path, relative: str, schema: Any, metadata: Any, geometry: PointColumn | None
    ) -> ParquetTracks:
        listed = LISTED if geometry is None else ("terminal_id", "time", geometry.name, *OPTIONAL)
        columns = tuple(name for name in listed if name in schema.names)
        dictionary = ("terminal_id",) if is_text(schema.field("terminal_id").type) else ()
        n_rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        first_rows = tuple(int(first) for first in np.cumsum([0, *n_rows])[:-1])
        groups: list[frozenset[str]] = []
        with pq.ParquetFile(_source(path), metadata=metadata, read_dictionary=list(dictionary)) as file:
            for i, first_row in enumerate(first_rows):
                groups.append(self._scan(file, i, first_row, relative))
        everyone = frozenset().union(*groups)
        n_places = sum(map(len, groups))
        return ParquetTracks(
            path,
            relative,
            metadata,
            columns,
            dictionary,
            self.context.sources.add(relative, metadata.num_rows),
            first_rows,
            tuple(groups),
            n_places > UNSORTED_SHARE * (len(everyone) + len(groups)),
            geometry,
        )

    def _scan(self, file: Any, group: int, first_row: int, relative: str) -> frozenset[str]:
        """Return who stands in a row group; enter its rows of nobody."""
        ids: dict[str, int] = {}
        column = file.read_row_group(group, columns=["terminal_id"], use_threads=False).column(0)
        ix = codes(column, lambda text: ids.setdefault(text, len(ids)))
        blank = np.flatnonzero(ix < 0)
        rejects = [(-1, Reject(relative, first_row + int(i) + 1, "no-terminal", "terminal_id", "")) for i in blank]
        self._refused.update([None] * len(rejects))
        book(self.context.ledger, self.context.account_name, Unit(empty_table(), rejects), np.ones(0, np.bool_))
        here = np.bincount(ix[ix >= 0] if len(blank) else ix, minlength=len(ids))
        return frozenset(terminal for terminal, k in ids.items() if here[k])

    def terminals(self) -> tuple[str, ...]:
        """Return the terminals of all files, sorted."""
        return tuple(sorted(frozenset().union(*(group for file in self._files for group in file.terminals))))

    def files(self) -> list[str]:
        """Return the files, relative to the bundle, sorted."""
        return [file.relative for file in self._files]

    def n_rows_estimate(self) -> int:
        """Return the number of rows."""
        return sum(file.metadata.num_rows for file in self._files)

    def units(self, terminals: Sequence[str]) -> list[Unit]:
        """Return the judged rows of these terminals, one unit a file; raises `UnusableInput` for damaged pages."""
        wanted = {terminal: ix for ix, terminal in enumerate(terminals)}
        return [unit for file in self._files for unit in self._read_file(file, wanted)]

    def _read_file(self, file: ParquetTracks, wanted: dict[str, int]) -> list[Unit]:
        groups = [i for i, here in enumerate(file.terminals) if not here.isdisjoint(wanted)]
        if not groups:
            return []
        parts: list[Unit] = []
        try:
            with file.open() as source:
                parts += [self._read_group(file, source, i, wanted) for i in groups]
        except (pa.ArrowException, OSError) as error:
            raise UnusableInput([_unreadable(file.relative, error)]) from error
        table = flag_disorder(concat([part.table for part in parts]))
        datum = None if file.way is None else Datum.WGS84
        return [Unit(table, [reject for part in parts for reject in part.rejects], datum)]

    def _read_group(self, file: ParquetTracks, source: Any, group: int, wanted: dict[str, int]) -> Unit:
        key = (file.relative, group)
        table = self._leftovers.pop(key, None)
        if table is None:
            table = source.read_row_group(group, columns=list(file.columns), use_threads=False)
        if any(terminal not in wanted and terminal not in self._entered for terminal in file.terminals[group]):
            self._leftovers[key] = table
            if not file.unsorted and len(self._leftovers) > LEFTOVERS:
                del self._leftovers[next(iter(self._leftovers))]
        return self._judge(file, group, table, wanted)

    def _judge(self, file: ParquetTracks, group: int, table: Any, wanted: dict[str, int]) -> Unit:
        columns = {name: one_chunk(table.column(name)) for name in table.column_names}
        terminal_ix = codes(columns["terminal_id"], lambda text: wanted.get(text, -1))
        chosen, rows = _rows(terminal_ix)
        t_ms, naive = _times(columns["time"], self.context.local)
        floats = _places(file, columns) | {name: numbers(columns[name]) for name in OPTIONAL if name in columns}
        terminal_ix, t_ms, naive = terminal_ix[chosen], t_ms[chosen], naive[chosen]
        floats = {name: column[chosen] for name, column in floats.items()}
        unknown = np.broadcast_to(np.float32("nan"), t_ms.shape)
        raw = RawRows(
            tuple(wanted),
            terminal_ix,
            t_ms,
            floats["lon"].astype(np.float64, copy=False),
            floats["lat"].astype(np.float64, copy=False),
            floats.get("speed_kmh", unknown),
            floats.get("heading_deg", unknown),
            file.first_rows[group] + 1 + (chosen.start if rows is None else 0),
            file.first_source,
            row=None if rows is None else rows + (file.first_rows[group] + 1),
            flags=_flags(naive),
        )
        offset = chosen.start if rows is None else 0

        def found(name: str, i: int) -> str:
            at = i + offset if rows is None else int(rows[i])
            is_point = file.geometry is not None and name == file.geometry.name
            return wkb_text(columns[name], at) if is_point else text_at(columns[name], at)

        names = FieldNames() if file.geometry is None else FieldNames(lon=file.geometry.name, lat=file.geometry.name)
        return judge(raw, file.relative, names, found)


def _rows(terminal_ix: I4) -> tuple[Any, I8 | None]:
    """Return how to choose the rows wanted (not below 0): a slice and None where they lie together, else rows twice."""
    n = len(terminal_ix)
    if n == 0 or terminal_ix.min() >= 0:
        return slice(0, n), None
    rows = np.flatnonzero(terminal_ix >= 0)
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1), None
    return rows, rows


def _source(path: Path) -> Any:
    with path.open("rb") as file:
        packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    return pa.BufferReader(read_bytes(path)) if packed else str(path)


def _unreadable(relative: str, error: Exception) -> Fault:
    return Fault(relative, f"cannot be read as Parquet: {error}", hint="Send the file again.", code="unreadable-file")


def _geometry(schema: Any, relative: str) -> PointColumn | None:
    """Return the point column that stands in place of lon and lat; None where these are there, or no such column."""
    if "lon" in schema.names and "lat" in schema.names:
        return None
    try:
        return point_column(schema)
    except NotPoints as trouble:
        expected = "points as WKB or as a struct of x and y"
        raise UnusableInput([Fault(relative, str(trouble), expected=expected, code="wrong-type")]) from trouble


def _places(file: ParquetTracks, columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns lon and lat: in the feed's datum, or WGS-84 where the file states a CRS."""
    if file.geometry is None:
        return {name: numbers(columns[name]) for name in ("lon", "lat")}
    x, y = positions(columns[file.geometry.name])
    lon, lat = (x, y) if file.way is None else file.way(x, y)
    return {"lon": lon, "lat": lat}


def _check_schema(schema: Any, relative: str, geometry: PointColumn | None) -> None:
    shown = ", ".join(f"{field.name} {field.type}" for field in schema)
    faults = []
    for name in LISTED:
        if geometry is not None and name in ("lon", "lat"):
            continue
        count = schema.names.count(name)
        if count == 0 and name in REQUIRED:
            what, code, expected = "a required column is missing", "missing-column", f"the columns {', '.join(LISTED)}"
        elif count > 1:
            what, code, expected = "a column stands twice", "double-column", "each column once"
        elif count == 1 and not _fits(name, schema.field(name).type):
            what, code, expected = "a column has the wrong type", "wrong-type", EXPECTED_TYPES.get(name, "a number")
        else:
            continue
        faults.append(Fault(relative, what, field=name, found=shown, expected=expected, code=code))
    if faults:
        raise UnusableInput(faults)


EXPECTED_TYPES = {"terminal_id": "text or a whole number", "time": "a timestamp (or ISO 8601 text)"}


def _fits(name: str, kind: Any) -> bool:
    if name == "terminal_id":
        inner = kind.value_type if pa.types.is_dictionary(kind) else kind
        return is_text(inner) or pa.types.is_integer(inner)
    if name == "time":
        return pa.types.is_timestamp(kind) or is_text(kind)
    return is_number(kind) or is_text(kind)


def _times(array: Any, local: Any) -> tuple[I8, Mask]:
    """Return ms UTC, and which times had no offset."""
    if is_text(array.type):
        return parse_iso(array, local)
    ticks = values_of(array, np.int64)
    unit = array.type.unit
    if unit in MS_PER_TICK:
        t_ms = np.where(np.abs(ticks) < 10**13, ticks, 0) * MS_PER_TICK[unit]
    else:
        t_ms = ticks if TICKS_PER_MS[unit] == 1 else ticks // TICKS_PER_MS[unit]
    if array.null_count:
        t_ms = np.where(valid(array), t_ms, T_BAD)
    if array.type.tz is not None:
        return t_ms, np.broadcast_to(np.False_, t_ms.shape)
    return local_to_utc_ms(t_ms, local), np.broadcast_to(np.True_, t_ms.shape)


def _flags(naive: Mask) -> Any:
    if naive.strides == (0,):
        return constant(Flag.NO_TIME_ZONE if len(naive) and naive[0] else 0, len(naive), "flags")
    return flagged(naive, Flag.NO_TIME_ZONE)
