"""The provider's quota, kept by us: so many queries a second, so many a day, whatever was restarted meanwhile."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock

from feeds.faults import Fault, UnusableInput
from feeds.pull_timing import Timing

BEIJING_OFFSET = timedelta(hours=8)
"""Both providers count days of China's time, which knows no summer time."""
_LINE = re.compile(r"(\d{4}-\d\d-\d\d) (\d{1,12}) (open|closed)\n?")


class QuotaSpent(Exception):
    """No further query today."""


class Quota:
    """The queries of one key. May be used by several threads, and by several processes with the same count file.

    The file is one line: the day in China, the queries of that day, and `closed` once the provider itself said that
    the day's quota is used up.
    """

    def __init__(self, per_second: float, per_day: int | None, count_file: Path, timing: Timing) -> None:
        """Check the count file; raises `UnusableInput` where it is something else or cannot be written."""
        self.queries = 0
        self._interval_s = 1.0 / per_second
        self._per_day = per_day
        self._file = count_file
        self._timing = timing
        self._lock = Lock()
        self._next_s = 0.0
        with self._count():
            pass

    def take(self) -> None:
        """Wait for the next query's turn and count it; raises `QuotaSpent` where the day has none left."""
        with self._lock:
            with self._count() as count:
                if not count.is_open or (self._per_day is not None and count.queries >= self._per_day):
                    raise QuotaSpent
                count.queries += 1
            self.queries += 1
            now_s = self._timing.tick_s()
            turn_s = max(self._next_s, now_s)
            self._next_s = turn_s + self._interval_s
        self._timing.wait(turn_s - now_s)

    def close(self) -> None:
        """Note that the provider gives no more today."""
        with self._lock, self._count() as count:
            count.is_open = False

    @contextmanager
    def _count(self) -> Iterator[_Count]:
        """Give today's count, locked, and write it back where it was changed."""
        try:
            handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(f"cannot be written: {error.strerror}", "Name another count_file.") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            text = os.read(handle, 64).decode("ascii", "replace")
            count = self._read(text)
            yield count
            line = f"{count.day.isoformat()} {count.queries:012d} {'open' if count.is_open else 'closed'}\n"
            if line != text:
                os.pwrite(handle, line.ljust(len(text)).encode(), 0)
                os.ftruncate(handle, len(line))
        finally:
            os.close(handle)

    def _read(self, text: str) -> _Count:
        today = (datetime.fromtimestamp(self._timing.now_s(), UTC) + BEIJING_OFFSET).date()
        if not text:
            return _Count(today)
        found = _LINE.fullmatch(text)
        try:
            day = date.fromisoformat(found[1]) if found else None
        except ValueError:
            day = None
        if found is None or day is None:
            raise self._unusable("is not a count of queries", "Name another count_file, or remove this one.")
        return _Count(day, int(found[2]), found[3] == "open") if day == today else _Count(today)

    def _unusable(self, message: str, hint: str) -> UnusableInput:
        return UnusableInput([Fault(self._file.name, message, expected="a day and a number", hint=hint)])


class _Count:
    def __init__(self, day: date, queries: int = 0, is_open: bool = True) -> None:
        self.day, self.queries, self.is_open = day, queries, is_open
