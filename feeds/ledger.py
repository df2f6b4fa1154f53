"""The account of every row: read = kept + rejected; a flagged row is kept and counted under its flags as well."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from feeds.faults import FOUND_CHARS


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused row: file, row (counted from 1), a reason code, the field and the offending text."""

    file: str
    row: int
    reason: str
    field: str
    found: str


@dataclass(slots=True)
class Account:
    """The counts of one file or feed."""

    read: int = 0
    kept: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def balances(self) -> bool:
        """Whether read = kept + rejected."""
        return self.read == self.kept + self.rejected.total()

    def as_dict(self) -> dict[str, object]:
        """Return the form of `run.json`."""
        return {
            "read": self.read,
            "kept": self.kept,
            "flagged": dict(sorted(self.flagged.items())),
            "rejected": dict(sorted(self.rejected.items())),
        }


class Unbalanced(RuntimeError):
    """A program fault: an account where read is not kept + rejected."""


class Ledger:
    """Accounts by file or feed name, the rejected rows themselves, and warnings (each text once)."""

    def __init__(self) -> None:
        """Start empty."""
        self.accounts: dict[str, Account] = {}
        self.rejects: list[Reject] = []
        self.warnings: dict[str, None] = {}

    def account(self, name: str) -> Account:
        """Return the account of a file or feed, made on first use."""
        return self.accounts.setdefault(name, Account())

    def reject(self, name: str, reject: Reject) -> None:
        """Count one refused row under `name` and keep it (the offending text cut at 80 characters)."""
        self.account(name).rejected[reject.reason] += 1
        self.rejects.append(Reject(reject.file, reject.row, reject.reason, reject.field, reject.found[:FOUND_CHARS]))

    def warn(self, text: str) -> None:
        """Keep a warning; saying it again changes nothing."""
        self.warnings.setdefault(text)

    def rows(self) -> Mapping[str, dict[str, object]]:
        """Return the `rows` member of `run.json`; raises `Unbalanced` when an account does not add up."""
        for name, account in self.accounts.items():
            if not account.balances():
                raise Unbalanced(
                    f"{name}: read {account.read} is not kept {account.kept} + rejected {account.rejected.total()}"
                )
        return {name: self.accounts[name].as_dict() for name in sorted(self.accounts)}


class SourceFiles:
    """Running row numbers over the files of one feed: which file and row a fix came from.

    >>> files = SourceFiles()
    >>> first, second = files.add("a.json", 999), files.add("b.json", 10)
    >>> files.locate(0), files.locate(999)
    (('a.json', 1), ('b.json', 1))
    """

    def __init__(self) -> None:
        """Start with no file."""
        self.names: list[str] = []
        self._first: list[int] = []
        self._next = 0

    def add(self, name: str, n_rows: int) -> int:
        """Register a file of `n_rows` rows; return the running number of its first row."""
        first = self._next
        self.names.append(name)
        self._first.append(first)
        self._next += n_rows
        return first

    def locate(self, source: int) -> tuple[str, int]:
        """Return (file, row counted from 1) of a running row number."""
        i = bisect_right(self._first, source) - 1
        return self.names[i], source - self._first[i] + 1

    def split(self, sources: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Return for running row numbers the place of their file in `names`, and the row in it, counted from 1."""
        first = np.array(self._first, np.int64)
        file = np.searchsorted(first, sources, side="right") - 1
        return file.astype(np.int32), sources - first[file] + 1

    def trace(self, sources: npt.NDArray[np.uint32]) -> list[tuple[str, int, int, int]]:
        """Return for sorted running row numbers, file by file: file, first and last row (from 1), how many.

        >>> files = SourceFiles(); _ = files.add("a.json", 10), files.add("b.json", 10)
        >>> files.trace(np.array([3, 4, 12], np.uint32))
        [('a.json', 4, 5, 2), ('b.json', 3, 3, 1)]
        """
        out = []
        i = 0
        while i < len(sources):
            file = bisect_right(self._first, int(sources[i])) - 1
            end = self._first[file + 1] if file + 1 < len(self._first) else self._next
            j = int(np.searchsorted(sources, end))
            first = self._first[file]
            out.append((self.names[file], int(sources[i]) - first + 1, int(sources[j - 1]) - first + 1, j - i))
            i = j
        return out
