"""Reading one CSV register: rows are kept, or rejected with a reason and a note of what they may have hidden."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Generic, TypeVar

from feeds.bundle_files import is_there
from feeds.damaged import DamageLog
from feeds.faults import Fault
from feeds.ledger import Ledger, Reject
from feeds.tables import WITHHELD, Row, open_table
from trajectories.clock import LocalTime

T = TypeVar("T", bound=Hashable)
Dates = tuple[date | None, date | None]


@dataclass(frozen=True, slots=True)
class Spec(Generic[T]):
    """What a register's file looks like, and how one row becomes one value.

    `key` names what must not come twice (`dates`: not twice at the same time); `about` are the columns that say whom a
    row is about, `either` that one of them suffices; `anybody` is the key that stands for all.
    """

    file: str
    columns: tuple[str, ...]
    parse: Callable[[Row], T]
    may_have: tuple[str, ...] = ()
    required: bool = True
    about: tuple[str, ...] = ()
    either: bool = False
    anybody: str | None = None
    key: Callable[[T], Hashable] | None = None
    dates: Callable[[T], Dates] | None = None


@dataclass(frozen=True, slots=True)
class Register(Generic[T]):
    """The kept rows of one file with their row numbers."""

    file: str
    items: tuple[T, ...] = ()
    rows: tuple[int, ...] = ()


@dataclass(slots=True)
class Desk:
    """Where the registers of one bundle are read: what is common to all of them, and what is found on the way."""

    folder: Path
    local: LocalTime
    ledger: Ledger
    damage: DamageLog
    faults: list[Fault]
    row_faults: list[Fault]

    def read(self, spec: Spec[T]) -> Register[T]:
        """Read one register; an absent optional one is empty."""
        if not spec.required and not is_there(self.folder, spec.file):
            return Register(spec.file)
        columns = (spec.columns, spec.may_have)
        opened = open_table(self.folder, spec.file, columns, self.local, self.ledger, self.faults)
        if opened is None:
            return Register(spec.file)
        table, rows = opened
        if spec.either and not any(column in table.index for column in spec.about):
            expected = " or ".join(spec.about)
            self.faults.append(Fault(spec.file, "a column is missing", expected=expected, code="missing-column"))
            return Register(spec.file)
        kept = self._keep(spec, rows)
        if table.has_naive_times:
            self.ledger.warn(f"{spec.file}: times without an offset were taken as {self.local.name}")
        return Register(spec.file, tuple(item for item, _ in kept), tuple(row for _, row in kept))

    def _keep(self, spec: Spec[T], rows: Iterable[Row]) -> list[tuple[T, int]]:
        account = self.ledger.account(spec.file)
        kept: list[tuple[T, int]] = []
        seen: dict[T, int] = {}
        by_key: dict[Hashable, list[tuple[T, int]]] = {}
        for row in rows:
            account.read += 1
            item = None if row.faults else spec.parse(row)
            if item is None or row.faults:
                self._reject(spec, row)
            elif item in seen:  # word for word the same: nothing is hidden by leaving it out
                self._reject_repeat(spec, row, seen[item], hides=False)
            elif (twin := _twin(spec, item, by_key)) is not None:
                self._reject_repeat(spec, row, twin[1], hides=True)
                self._damage_item(spec, twin[0])
            else:
                account.kept += 1
                kept.append((item, row.number))
                seen[item] = row.number
                if spec.key is not None:
                    by_key.setdefault(spec.key(item), []).append((item, row.number))
        return kept

    def _reject(self, spec: Spec[T], row: Row, *, hides: bool = True) -> None:
        first = row.faults[0]
        found = first.found or ""
        self.ledger.reject(spec.file, Reject(spec.file, row.number, first.code, first.field or "", found))
        self.row_faults.extend(row.faults)
        if not hides:
            return
        named = [(column, row.raw(column)) for column in spec.about]
        if spec.either and any(key for _, key in named):
            named = [(column, key) for column, key in named if key]
        for column, key in named:
            barred = any(fault.field == column and WITHHELD in (fault.found or "") for fault in row.faults)
            self.damage.add(spec.file, column, None if not key or barred or key == spec.anybody else key)

    def _reject_repeat(self, spec: Spec[T], row: Row, other_row: int, *, hides: bool) -> None:
        column = spec.columns[0]
        message = f"row {other_row} has this key and says otherwise" if hides else f"says the same as row {other_row}"
        row.refuse("duplicate-key", column, row.raw(column), message, "each key once" if hides else "each row once")
        self._reject(spec, row, hides=hides)

    def _damage_item(self, spec: Spec[T], item: T) -> None:
        """The row that came first may as well be the wrong one."""
        for column in spec.about:
            key = getattr(item, column)
            if key is not None or not spec.either:
                self.damage.add(spec.file, column, key)


def _twin(spec: Spec[T], item: T, by_key: dict[Hashable, list[tuple[T, int]]]) -> tuple[T, int] | None:
    """An earlier row with the same key that holds at the same time."""
    if spec.key is None:
        return None
    for other, row in by_key.get(spec.key(item), []):
        if spec.dates is None or overlap(spec.dates(item), spec.dates(other)):
            return other, row
    return None


def overlap(one: Dates, other: Dates) -> bool:
    """Whether two inclusive date ranges share a day; None is open.

    >>> one, other = date(2026, 3, 1), date(2026, 3, 2)
    >>> overlap((None, one), (one, None)), overlap((None, one), (other, None))
    (True, False)
    """
    return (one[0] or date.min) <= (other[1] or date.max) and (other[0] or date.min) <= (one[1] or date.max)
