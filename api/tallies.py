"""What is counted under names for a while: in a process's memory, or in a file that all processes of a server share.

A tally is a short list of plain values. Nothing here lasts: the file lies in the server's own folder, which is gone
when the server ends.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Tally = list[Any]
Change = Callable[[Tally | None], tuple[Tally | None, T]]
"""Takes the tally of a name (None: there is none) and returns what it is from now on, with an answer."""
FILE = "tallies.db"
MOST_KEYS = 20_000
"""Names of a kind remembered at once; beyond that the longest unused are forgotten."""
TRIM_EACH = 500
_TRIM = (
    "DELETE FROM tallies WHERE kind = ? AND rowid NOT IN"
    " (SELECT rowid FROM tallies WHERE kind = ? ORDER BY rowid DESC LIMIT ?)"
)
_WAIT_S = 5.0
_log = logging.getLogger("trajaudit.limits")


class Tallies(Protocol):
    """Tallies by kind and name."""

    def change(self, kind: str, name: str, how: Change[T]) -> T:
        """Change a tally, with nobody between what is read and what is written; return the answer."""


class OwnTallies:
    """In this process's memory."""

    def __init__(self) -> None:
        """Begin without any."""
        self._held: dict[str, dict[str, Tally]] = {}
        self._lock = Lock()

    def change(self, kind: str, name: str, how: Change[T]) -> T:
        """Change a tally."""
        with self._lock:
            held = self._held.setdefault(kind, {})
            told, answer = how(held.pop(name, None))  # put in again at the end: the first ones are the longest unused
            if told is not None:
                while len(held) >= MOST_KEYS:
                    del held[next(iter(held))]
                held[name] = told
            return answer


class SharedTallies:
    """In a file of this server. Where it cannot be written, the disk being full, each process counts by itself."""

    def __init__(self, folder: Path) -> None:
        """Open the file in a folder, made if it is missing."""
        self._lock, self._own, self._n_new, self._is_out = Lock(), OwnTallies(), 0, False
        self._file = sqlite3.connect(folder / FILE, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=OFF")  # after a power cut there is no server that counted
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS tallies (kind TEXT, name TEXT, told TEXT, PRIMARY KEY (kind, name))"
        )

    def change(self, kind: str, name: str, how: Change[T]) -> T:
        """Change a tally; other processes wait meanwhile."""
        try:
            with self._lock:
                answer = self._changed(kind, name, how)
        except sqlite3.Error as error:
            if not self._is_out:
                _log.warning("limits are counted by each process for itself: %s", type(error).__name__)
            self._is_out = True
            return self._own.change(kind, name, how)
        self._is_out = False
        return answer

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _changed(self, kind: str, name: str, how: Change[T]) -> T:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            asked = "SELECT told FROM tallies WHERE kind = ? AND name = ?"
            row = self._file.execute(asked, (kind, name)).fetchone()
            told, answer = how(None if row is None else json.loads(row[0]))
            if told is not None:
                # A row that is replaced gets the largest number: the smallest ones are the longest unused.
                self._file.execute("REPLACE INTO tallies VALUES (?, ?, ?)", (kind, name, json.dumps(told)))
                if row is None:
                    self._trim(kind)
            elif row is not None:
                self._file.execute("DELETE FROM tallies WHERE kind = ? AND name = ?", (kind, name))
            self._file.execute("COMMIT")
        except BaseException:
            self._file.rollback()
            raise
        return answer

    def _trim(self, kind: str) -> None:
        """Forget what is too much, from time to time."""
        self._n_new += 1
        if self._n_new % TRIM_EACH == 0:
            self._file.execute(_TRIM, (kind, kind, MOST_KEYS))
