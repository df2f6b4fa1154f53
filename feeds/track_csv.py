"""Feeds of CSV files: terminal_id, time, lon, lat, speed_kmh, heading_deg, several terminals to a file if need be."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from feeds.faults import Fault, UnusableInput
from feeds.ledger import Reject
from feeds.text import UnreadableFile, decode, encoding_warning, read_bytes
from feeds.track_arrow import clean_id, codes, numbers, text_at
from feeds.track_reader import FeedContext, TrackFeed
from feeds.track_rows import FieldNames, RawRows, Unit, book, flag_disorder, flagged, judge, pick
from feeds.track_times import parse_iso
from trajectories.fleet import Flag

REQUIRED = ("terminal_id", "time", "lon", "lat")
OPTIONAL = ("speed_kmh", "heading_deg")
LISTED = (*REQUIRED, *OPTIONAL)
KEEP_BYTES = 256_000_000
"""Files are parsed once, at opening, and kept up to this much text; the rest is parsed again when it is read."""

BLOCK_BYTES = 16_000_000
LARGEST_BLOCK_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """The listed columns of a file as text, the file's row number of each row, and the lines of another width.

    `terminal_at` is the place of the terminal's column in a line.
    """

    columns: dict[str, Any]
    row: Any
    malformed: list[tuple[int, str]]
    terminal_at: int


@dataclass(slots=True)
class CsvFile:
    """One file: where its rows begin, whose they are, and the judged rows if they are kept."""

    path: Path
    relative: str
    first_source: int
    n_rows: int
    terminals: tuple[str, ...]
    unit: Unit | None


class CsvFeed(TrackFeed):
    """A feed of CSV files; raises `UnusableInput` with the faults of all its files."""

    def __init__(self, context: FeedContext) -> None:
        """Parse every file once."""
        super().__init__(context)
        self._files: list[CsvFile] = []
        self._kept_bytes = 0
        faults: list[Fault] = []
        for path in context.paths():
            try:
                self._open(path)
            except UnusableInput as unusable:
                faults += unusable.faults
        if faults:
            raise UnusableInput(faults)

    def _open(self, path: Path) -> None:
        relative = self.context.relative(path)
        if not path.name.removesuffix(".gz").endswith(".csv"):
            self.context.ledger.warn(f"{relative}: not read; expected a .csv file")
            return
        text = self._text(path, relative)
        grid = self._grid(text, relative, first_time=True)
        n_rows = len(grid.row) + len(grid.malformed)
        first_source = self.context.sources.add(relative, n_rows)
        unit = self._judge(grid, relative, first_source)
        terminals = unit.table.terminal_ids
        self._enter_placeless(unit, grid, relative)
        keep = self._kept_bytes + len(text) <= KEEP_BYTES
        self._kept_bytes += len(text) if keep else 0
        self._files.append(CsvFile(path, relative, first_source, n_rows, terminals, unit if keep else None))

    def _enter_placeless(self, unit: Unit, grid: Grid, relative: str) -> None:
        """Enter the rows that belong to no terminal: lines of another width, and blank terminals."""
        rejects = [reject for ix, reject in unit.rejects if ix < 0]
        self._refused.update([None] * len(rejects))
        rejects += [Reject(relative, row, "malformed-line", "", line) for row, line in grid.malformed]
        known = frozenset(unit.table.terminal_ids)
        self._refused.update(_likely_terminal(line, grid, known) for _, line in grid.malformed)
        rejects.sort(key=lambda reject: reject.row)
        nothing = unit.table.where(np.zeros(len(unit.table), np.bool_)) if len(unit.table) else unit.table
        placeless = Unit(nothing, [(-1, reject) for reject in rejects])
        book(self.context.ledger, self.context.account_name, placeless, np.ones(0, np.bool_))

    def terminals(self) -> tuple[str, ...]:
        """Return the terminals of all files, sorted."""
        return tuple(sorted({terminal for file in self._files for terminal in file.terminals}))

    def files(self) -> list[str]:
        """Return the files, relative to the bundle, sorted."""
        return [file.relative for file in self._files]

    def n_rows_estimate(self) -> int:
        """Return the number of rows."""
        return sum(file.n_rows for file in self._files)

    def units(self, terminals: Sequence[str]) -> list[Unit]:
        """Return the judged rows of these terminals, one unit a file."""
        wanted = set(terminals)
        return [pick(self._unit(file), terminals) for file in self._files if wanted.intersection(file.terminals)]

    def _unit(self, file: CsvFile) -> Unit:
        if file.unit is not None:
            return file.unit
        grid = self._grid(self._text(file.path, file.relative), file.relative, first_time=False)
        return self._judge(grid, file.relative, file.first_source)

    def _text(self, path: Path, relative: str) -> bytes:
        """Return a file as UTF-8 bytes."""
        try:
            data = read_bytes(path)
            text, note = decode(data)
        except UnreadableFile as error:
            raise UnusableInput([error.fault(relative)]) from error
        if note is None:
            return data
        self.context.ledger.warn(encoding_warning(relative, note))
        return text.encode()

    def _grid(self, data: bytes, relative: str, *, first_time: bool) -> Grid:
        data = data.lstrip(b"\r\n")
        ends = [at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0]
        end = min(ends, default=len(data))
        header = next(csv.reader([data[:end].decode()]), [])
        names = [name.strip() for name in header]
        _check_header(names, relative)
        if first_time:
            self._note_columns(names, relative)
        try:
            return _split(data[end:], names)
        except pa.ArrowInvalid as error:
            fault = Fault(relative, f"cannot be read as CSV: {error}", hint="Export the file again as CSV.")
            raise UnusableInput([fault]) from error

    def _note_columns(self, names: Sequence[str], relative: str) -> None:
        extra = [name or "(no name)" for name in names if name not in LISTED]
        if extra:
            self.context.ledger.warn(f"{relative}: columns ignored: {', '.join(extra)[:200]}")
        absent = [name for name in OPTIONAL if name not in names]
        if absent:
            self.context.ledger.warn(f"{relative}: no column {', '.join(absent)}; taken as missing in every row")

    def _judge(self, grid: Grid, relative: str, first_source: int) -> Unit:
        columns = grid.columns
        ids: dict[str, int] = {}
        terminal_ix = codes(columns["terminal_id"], lambda text: ids.setdefault(text, len(ids)))
        t_ms, naive = parse_iso(columns["time"], self.context.local)
        if naive.any():
            self.context.ledger.warn(f"{relative}: times without an offset, read as {self.context.local.name}")
        unknown = np.broadcast_to(np.float64("nan"), t_ms.shape)
        raw = RawRows(
            tuple(ids),
            terminal_ix,
            t_ms,
            numbers(columns["lon"]).astype(np.float64, copy=False),
            numbers(columns["lat"]).astype(np.float64, copy=False),
            numbers(columns["speed_kmh"]) if "speed_kmh" in columns else unknown,
            numbers(columns["heading_deg"]) if "heading_deg" in columns else unknown,
            1,
            first_source,
            row=grid.row,
            flags=flagged(naive, Flag.NO_TIME_ZONE),
        )
        unit = judge(raw, relative, FieldNames(), lambda name, i: text_at(columns[name], i))
        return Unit(flag_disorder(unit.table), unit.rejects)


def _likely_terminal(line: str, grid: Grid, known: frozenset[str]) -> str | None:
    """Return the terminal of a line of another width, such as one with decimal commas; None where it names none."""
    cells = line.split(",")
    cell = clean_id(cells[grid.terminal_at]) if grid.terminal_at < len(cells) else ""
    return cell if cell in known else None


def _check_header(names: Sequence[str], relative: str) -> None:
    shown = ",".join(names)
    faults = [
        Fault(
            relative,
            "a required column is missing",
            field=name,
            found=shown,
            expected=f"the columns {', '.join(LISTED)}",
            hint="Add the column, or mend its name in the first line.",
            code="missing-column",
        )
        for name in REQUIRED
        if name not in names
    ]
    faults += [
        Fault(
            relative, "a column stands twice", field=name, found=shown, hint="Leave one of them.", code="double-column"
        )
        for name in LISTED
        if names.count(name) > 1
    ]
    if faults:
        raise UnusableInput(faults)


def _split(body: bytes, names: Sequence[str]) -> Grid:
    """Split the lines; a stray quotation mark must not swallow the lines after it."""
    if b'"' not in body:
        return _parse(body, names, quoted=False)
    readings: list[Grid] = []
    error: pa.ArrowInvalid | None = None
    for quoted in (True, False):
        try:
            readings.append(_parse(body, names, quoted=quoted))
        except pa.ArrowInvalid as invalid:
            error = invalid
        else:
            if not readings[0].malformed and len(readings[0].row) == _n_lines(body):
                break
    if not readings and error is not None:
        raise error
    return max(readings, key=lambda grid: len(grid.row))


def _n_lines(body: bytes) -> int:
    return sum(1 for line in body.splitlines() if line)


def _parse(body: bytes, names: Sequence[str], *, quoted: bool) -> Grid:
    malformed: list[tuple[int, str]] = []
    terminal_at = names.index("terminal_id")
    if not body.strip(b"\r\n"):
        nothing = {name: pa.nulls(0, pa.large_string()) for name in names if name in LISTED}
        return Grid(nothing, np.zeros(0, int), [], terminal_at)
    unique = [name if name in LISTED else f"{k} {name}" for k, name in enumerate(names)]
    table = pacsv.read_csv(
        pa.BufferReader(body),
        read_options=pacsv.ReadOptions(
            column_names=unique, use_threads=False, block_size=_block_bytes(body, quoted=quoted)
        ),
        parse_options=pacsv.ParseOptions(
            quote_char='"' if quoted else False,
            newlines_in_values=quoted,
            invalid_row_handler=_collector(malformed),
        ),
        convert_options=pacsv.ConvertOptions(
            include_columns=[name for name in unique if name in LISTED],
            column_types=dict.fromkeys(unique, pa.large_string()),
            check_utf8=False,  # decoded already
        ),
    )
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    if not quoted and b'"' in body:
        columns = {name: pc.utf8_trim(column, '"') for name, column in columns.items()}
    skipped = np.array([row for row, _ in malformed], np.int64)
    good = np.ones(table.num_rows + len(skipped) + 1, np.bool_)
    good[skipped] = good[0] = False
    return Grid(columns, np.flatnonzero(good), malformed, terminal_at)


def _block_bytes(body: bytes, *, quoted: bool) -> int:
    """Return a block that holds any row; a quoted value may run on to the end of the file."""
    if quoted or len(body) <= BLOCK_BYTES:
        return min(len(body) + 1, LARGEST_BLOCK_BYTES)
    return BLOCK_BYTES


def _collector(malformed: list[tuple[int, str]]) -> Callable[[Any], str]:
    def skip(row: Any) -> str:
        malformed.append((row.number, row.text))
        return "skip"

    return skip
