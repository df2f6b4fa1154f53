"""Feeds with a file for each terminal, the terminal's id being the file's name: `TERMINAL.gpx`, `TERMINAL.bin` ..."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from feeds.ledger import Reject
from feeds.text import UnreadableFile, clean_text, decode, encoding_warning, read_bytes
from feeds.track_reader import FeedContext, TrackFeed
from feeds.track_rows import FieldNames, PointColumns, Unit, flag_disorder, judge
from feeds.track_table import empty_table
from geo.datum import Datum
from trajectories.fleet import I8

GZIP_RATIO = 9
UNREADABLE = "unreadable-file"


class NotTheFormat(ValueError):
    """A file that is not what its name says; the message says why."""


@dataclass(frozen=True, slots=True)
class TerminalFile:
    """One file of a terminal."""

    path: Path
    relative: str
    terminal: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that holds no point: its number in the file (from 1), a reason code, the field and what was found."""

    row: int
    reason: str
    field: str
    found: str


@dataclass(frozen=True, slots=True)
class FileRows:
    """What a file holds: `n_rows` rows, of which `refused` are no points; the others are `points`, in order.

    `row` (n,) numbers the points where rows lie between them; `found(field, i)` gives the text of point i. `datum` is
    what the file itself says of its positions, None for the feed's. `cut_short` says why rows may be missing.
    """

    n_rows: int
    points: PointColumns
    names: FieldNames
    found: Callable[[str, int], str]
    row: I8 | None = None
    refused: list[Refused] = field(default_factory=list)
    datum: Datum | None = None
    cut_short: str | None = None


class FileFeed(TrackFeed):
    """A feed whose files hold one terminal each; a file is read when its terminal is.

    A file that cannot be read is one reject, and its terminal counts as broken: missing data is no innocence.
    """

    suffixes: tuple[str, ...] = ()
    bytes_per_row = 100

    def __init__(self, context: FeedContext) -> None:
        """List the files; none is opened yet."""
        super().__init__(context)
        self._files: dict[str, list[TerminalFile]] = {}
        self._n_bytes = 0
        self._first_source: dict[str, int] = {}
        self._broken: dict[str, str] = {}
        for path in context.paths():
            self._list(path)

    def _list(self, path: Path) -> None:
        relative, stem = self.context.relative(path), path.name.removesuffix(".gz")
        suffix = next((suffix for suffix in self.suffixes if stem.endswith(suffix)), None)
        terminal = "" if suffix is None else stem.removesuffix(suffix).strip()
        if not terminal:
            expected = " or ".join(f"TERMINAL{suffix}" for suffix in self.suffixes)
            self.context.ledger.warn(f"{relative}: not read; expected a file named {expected}")
            return
        self._files.setdefault(terminal, []).append(TerminalFile(path, relative, terminal))
        self._n_bytes += path.stat().st_size * (GZIP_RATIO if path.suffix == ".gz" else 1)

    @abstractmethod
    def parse(self, data: bytes, file: TerminalFile) -> FileRows:
        """Return what a file holds; raises `NotTheFormat` or `UnreadableFile`."""

    def terminals(self) -> tuple[str, ...]:
        """Return the terminals that have a file, sorted."""
        return tuple(sorted(self._files))

    def files(self) -> list[str]:
        """Return the files, relative to the bundle, sorted."""
        return sorted(file.relative for files in self._files.values() for file in files)

    def n_rows_estimate(self) -> int:
        """Return a guess from the sizes of the files."""
        return self._n_bytes // self.bytes_per_row

    def broken_terminals(self, day: date | None = None) -> dict[str, str]:  # noqa: ARG002 -- only pages have days
        """Return the terminals read so far of which a file could not be read to its end."""
        return dict(sorted(self._broken.items()))

    def units(self, terminals: Sequence[str]) -> list[Unit]:
        """Return the judged files of these terminals, one unit a file."""
        wanted = tuple(terminals)
        return [self._unit(file, ix, wanted) for ix, name in enumerate(wanted) for file in self._files.get(name, ())]

    def _unit(self, file: TerminalFile, terminal_ix: int, terminals: tuple[str, ...]) -> Unit:
        try:
            rows = self.parse(read_bytes(file.path), file)
        except (NotTheFormat, UnreadableFile) as error:
            self._break(file, str(error))
            reject = Reject(file.relative, 0, UNREADABLE, "", clean_text(str(error)))
            return Unit(empty_table(terminals), [(terminal_ix, reject)])
        if rows.cut_short is not None:
            self._break(file, rows.cut_short)
        first = self._first_source.get(file.relative)
        if first is None:
            first = self._first_source[file.relative] = self.context.sources.add(file.relative, rows.n_rows)
        raw = rows.points.raw(terminals, terminal_ix, 1, first, rows.row)
        unit = judge(raw, file.relative, rows.names, rows.found)
        refused = [
            (terminal_ix, Reject(file.relative, r.row, r.reason, r.field, clean_text(r.found))) for r in rows.refused
        ]
        rejects = sorted(unit.rejects + refused, key=lambda entry: entry[1].row)
        return Unit(flag_disorder(unit.table), rejects, rows.datum)

    def _break(self, file: TerminalFile, why: str) -> None:
        self.context.ledger.warn(clean_text(f"{file.relative}: {why}"))
        self._broken.setdefault(file.terminal, UNREADABLE)

    def text(self, data: bytes, file: TerminalFile) -> str:
        """Return a file's text; an encoding other than plain UTF-8 is noted. Raises `UnreadableFile`."""
        text, note = decode(data)
        if note is not None:
            self.context.ledger.warn(encoding_warning(file.relative, note))
        return text
