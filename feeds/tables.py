"""The CSV registers of a bundle as rows of checked fields: what is wrong with a row is told field by field."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from feeds.bundle_files import open_text
from feeds.faults import Fault
from feeds.hints import did_you_mean, listed
from feeds.ledger import Ledger
from trajectories.clock import LocalTime, to_ms

MOST_LINES_OF_A_RECORD = 20
"""A quoted field may hold line ends, but not swallow the file from a forgotten quote on."""

MINUTES_OF_DAY = 1440
YEARS = (1970, 2199)
"""What a time may lie in; anything else is a slip, and at the ends of the calendar arithmetic breaks."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-5][0-9])(?::00)?\Z")
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}\S*)\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?")
_DAYS = re.compile(r"([1-7])(?:-([1-7]))?\Z")
# A resident's identity number: region, birth date, serial, check. The contract bars it from every register.
_IDENTITY = re.compile(r"[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]")
WITHHELD = "(identity number withheld)"

E = TypeVar("E", bound=StrEnum)


@dataclass(slots=True)
class Table:
    """A register's file: which column is where, and what its rows have in common."""

    file: str
    index: dict[str, int]
    width: int
    local: LocalTime
    has_naive_times: bool = False


@dataclass(slots=True)
class Row:
    """One row of a register. A field at fault is noted in `faults` and a harmless value given back in its place."""

    table: Table
    number: int
    cells: list[str]
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, code: str, column: str, found: str, message: str, expected: str | None = None) -> None:
        """Note what is wrong; an identity number is never repeated."""
        shown = _IDENTITY.sub(WITHHELD, found)
        self.faults.append(Fault(self.table.file, message, self.number, column or None, shown, expected, code=code))

    def raw(self, column: str) -> str:
        """The stripped text of a field, "" where it is blank or the file has no such column."""
        at = self.table.index.get(column)
        return "" if at is None or at >= len(self.cells) else self.cells[at]

    def optional(self, column: str) -> str | None:
        """The text of a field, None where it is blank."""
        return self.raw(column) or None

    def text(self, column: str) -> str:
        """The text of a field that must not be blank."""
        value = self.raw(column)
        if not value:
            self.refuse("missing-value", column, "", "is blank", "a value")
        return value

    def person(self, column: str) -> str:
        """A person's key in a register, which must not be an identity number."""
        value = self.text(column)
        if _IDENTITY.fullmatch(value):
            self.refuse("bad-value", column, value, "is an identity number", "a register's key or a pseudonym")
        return value

    def choice(self, column: str, kind: type[E]) -> E:
        """One of a fixed set of words."""
        value = self.text(column)
        try:
            return kind(value)
        except ValueError:
            if value:
                self.refuse("bad-value", column, value, "is not in the list", "one of " + listed(kind))
            return next(iter(kind))

    def match(self, column: str, pattern: re.Pattern[str], expected: str) -> str:
        """A text of a known shape that must not be blank."""
        value = self.text(column)
        if value and not pattern.fullmatch(value):
            self.refuse("bad-value", column, value, "has not the right form", expected)
        return value

    def integer(self, column: str, lowest: int, highest: int) -> int:
        """A whole number within bounds, both included."""
        value = self.text(column)
        expected = f"a whole number from {lowest} to {highest}"
        if value and not (value.isascii() and value.isdigit() and len(value) <= 9):
            self.refuse("bad-number", column, value, "is not a whole number", expected)
        elif value and not lowest <= int(value) <= highest:
            self.refuse("bad-value", column, value, "is out of range", expected)
        elif value:
            return int(value)
        return lowest

    def decimal(self, column: str, lowest: float, highest: float) -> float:
        """A finite number within bounds, both included."""
        value = self.text(column)
        expected = f"a number from {lowest:g} to {highest:g}"
        if value and not _NUMBER.fullmatch(value):
            self.refuse("bad-number", column, value, "is not a number", expected)
        elif value and not lowest <= float(value) <= highest:
            self.refuse("bad-value", column, value, "is out of range", expected)
        elif value:
            return float(value)
        return lowest

    def day(self, column: str) -> date | None:
        """A local date, None where it is blank."""
        value = self.raw(column)
        if not value:
            return None
        try:
            if _DAY.match(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        self.refuse("bad-date", column, value, "is not a date", "a date such as 2026-03-18")
        return None

    def dates(self) -> tuple[date | None, date | None]:
        """`valid_from` and `valid_to`; None is open."""
        first, last = self.day("valid_from"), self.day("valid_to")
        if first is not None and last is not None and last < first:
            self.refuse(
                "end-before-start", "valid_to", self.raw("valid_to"), "is before valid_from", f"{first} or later"
            )
        return first, last

    def clock(self, column: str) -> int | None:
        """HH:MM local as minutes from midnight (24:00 is 1440), None where it is blank."""
        value = self.raw(column)
        if not value:
            return None
        parts = _CLOCK.match(value)
        minutes = int(parts[1]) * 60 + int(parts[2]) if parts else MINUTES_OF_DAY + 1
        if minutes > MINUTES_OF_DAY:
            self.refuse("bad-time", column, value, "is not a time of day", "HH:MM from 00:00 to 24:00")
        return minutes

    def weekdays(self, column: str) -> frozenset[int]:
        """ISO weekdays: `1-5`, `1,3,7`, `6-7,1`; a blank is every day."""
        days: set[int] = set()
        for part in self.raw(column).split(",") if self.raw(column) else ["1-7"]:
            span = _DAYS.match(part.strip())
            first, last = (int(span[1]), int(span[2] or span[1])) if span else (1, 0)
            if last < first:
                expected = "ISO weekdays such as 1-5 or 1,3,7 (1 = Monday)"
                self.refuse("bad-value", column, self.raw(column), "are not weekdays", expected)
                break
            days.update(range(first, last + 1))
        return frozenset(days)

    def moment(self, column: str) -> int:
        """An ISO 8601 time as ms UTC; without an offset it is local, and the table remembers that there was one."""
        value = self.text(column)
        when = iso_moment(value)
        if when is None:
            if value:
                expected = "ISO 8601 with an offset, such as 2026-03-18T08:00:00+08:00"
                self.refuse("bad-time", column, value, "is not a time", expected)
            return 0
        if when.tzinfo is None:
            self.table.has_naive_times = True
            when = when.replace(tzinfo=self.table.local.zone)
        return to_ms(when)

    def period(self) -> tuple[int, int]:
        """`start` and `end` as ms UTC, the end after the start."""
        start_ms, end_ms = self.moment("start"), self.moment("end")
        if not any(fault.field in {"start", "end"} for fault in self.faults) and end_ms <= start_ms:
            self.refuse(
                "end-before-start", "end", self.raw("end"), "is not after start", f"later than {self.raw('start')}"
            )
        return start_ms, end_ms


def iso_moment(value: str) -> datetime | None:
    """An ISO 8601 time, with or without an offset; None for anything else, and for one out of `YEARS`.

    >>> iso_moment("2026-03-18T24:00:00"), iso_moment("18 March"), iso_moment("9999-12-31T00:00")
    (datetime.datetime(2026, 3, 19, 0, 0), None, None)
    """
    parts = _MOMENT.match(value)
    if parts is None:
        return None
    day, clock = parts[1], parts[2]
    midnight = clock.startswith("24:00") and not clock[5:8].strip(":0")  # ISO 8601: the end of that day
    try:
        when = datetime.fromisoformat(f"{day}T{'00' + clock[2:] if midnight else clock}")
    except ValueError:
        return None
    if not YEARS[0] <= when.year <= YEARS[1]:
        return None
    return when + timedelta(days=1) if midnight else when


def split_records(text: str) -> Iterator[list[str] | str]:
    r"""The records of a CSV text, blank ones left out; a line whose quoting is broken comes as the line itself.

    Only that line is lost: reading goes on with the next one.

    >>> list(split_records('a,"b,c"\r\n\r\n,,\r\n1,"2\r\n3,4'))
    [['a', 'b,c'], '1,"2', ['3', '4']]
    """
    lines = list(io.StringIO(text, newline=""))
    at = 0
    while at < len(lines):
        line, used = lines[at], 1
        if '"' not in line:
            cells = [cell.strip() for cell in line.split(",")]
        else:
            reader = csv.reader(lines[at : at + MOST_LINES_OF_A_RECORD], strict=True)
            try:
                cells = [cell.strip() for cell in next(reader)]
            except csv.Error:
                yield line.strip()
                at += 1
                continue
            used = reader.line_num
        if any(cells):
            yield cells
        at += used


def open_table(
    folder: Path,
    file: str,
    columns: tuple[tuple[str, ...], tuple[str, ...]],
    local: LocalTime,
    ledger: Ledger,
    faults: list[Fault],
) -> tuple[Table, Iterator[Row]] | None:
    """Open a register: its table and its rows in order, or None with the faults added.

    `columns` are those that must be there and those that may. Any other column is ignored and noted once. A row
    with a wrong number of fields comes with its fault (code `bad-row`) already noted.
    """
    text = open_text(folder, file, ledger, faults)
    if text is None:
        return None
    records = split_records(text)
    header = next(records, None)
    if header is None or isinstance(header, str):
        expected = ",".join(columns[0])
        faults.append(Fault(file, "has no header", found=header, expected=expected, code="missing-column"))
        return None
    index = _header(file, header, columns, ledger, faults)
    if index is None:
        return None
    table = Table(file, index, len(header), local)
    return table, _rows(table, records)


def _header(
    file: str, header: list[str], columns: tuple[tuple[str, ...], tuple[str, ...]], ledger: Ledger, faults: list[Fault]
) -> dict[str, int] | None:
    needed, known = columns[0], columns[0] + columns[1]
    others = [name for name in header if name and name not in known]
    before = len(faults)
    for name in needed:
        if name not in header:
            meant = [other for other in others if did_you_mean(other, [name])]
            hint = f'Did you mean this by "{meant[0]}"?' if meant else _separator_hint(header)
            faults.append(
                Fault(file, "this column is missing", None, name, listed(header), None, hint, "missing-column")
            )
    faults.extend(
        Fault(file, "this column is there more than once", None, name, code="duplicate-column")
        for name in known
        if header.count(name) > 1
    )
    if others:
        absent = [column for column in columns[1] if column not in header]
        hints = [f" {hint}" for name in others if (hint := did_you_mean(name, absent))]
        ledger.warn(f"{file}: columns not read: {listed(others, 20)}{''.join(hints)}")
    if len(faults) > before:
        return None
    return {name: header.index(name) for name in known if name in header}


def _separator_hint(header: list[str]) -> str | None:
    return "Fields are separated by commas." if len(header) == 1 and (";" in header[0] or "\t" in header[0]) else None


def _rows(table: Table, records: Iterator[list[str] | str]) -> Iterator[Row]:
    for number, record in enumerate(records, 1):
        if isinstance(record, str):
            row = Row(table, number, [])
            row.refuse("bad-row", "", record, "has a quote that is not closed", "quotes in pairs")
        elif len(record) != table.width:
            row = Row(table, number, [])
            message, expected = f"has {len(record)} fields", f"{table.width}; a list with commas goes in quotes"
            row.refuse("bad-row", "", ",".join(record), message, expected)
        else:
            row = Row(table, number, record)
        yield row
