"""Where pulled pages lie: in the feed's folder, whole or not at all, with a journal of what was asked for and when.

A page is `TERMINAL.YYYYMMDDWWPPPP.json`. While a service day is not wholly answered for a terminal, a page of window
99 lies beside: the provider's own error answer, or nothing (an empty file), so that an audit never takes what is not
here yet for silence.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from feeds.faults import Fault, UnusableInput
from feeds.pull_providers import Window
from feeds.track_pages import OPEN_WINDOW, Page, page_number, page_of
from trajectories.clock import ServiceDay

ASIDE = ".pull"
"""Beside the pages; readers of a feed look at files only."""
NAME_BYTES = 200  # of 255 that a file system allows; the rest is for the page
HOUR_MS = 3_600_000


def windows_of(day: ServiceDay, hours: int) -> tuple[Window, ...]:
    """Return a service day in windows of so many hours, the last one perhaps shorter."""
    starts = range(day.start_ms, day.end_ms, hours * HOUR_MS)
    return tuple(Window(i, at, min(at + hours * HOUR_MS, day.end_ms)) for i, at in enumerate(starts, 1))


def is_safe_name(terminal_id: str) -> bool:
    """Whether a terminal's name can be part of a file's name, and be read back from it.

    >>> [is_safe_name(name) for name in ("TV.7", "川A1234学", "../etc", "a/b", ".x", "a\\nb", " ", "x" * 201)]
    [True, True, False, False, False, False, False, False]
    """
    bad = not terminal_id.isprintable() or terminal_id.startswith(".") or set(terminal_id) & set('/\\:*?"<>|')
    if bad or terminal_id != terminal_id.strip() or len(terminal_id.encode("utf-8", "replace")) > NAME_BYTES:
        return False
    name = f"{terminal_id}.1.json"
    return page_of(name) == Page(terminal_id, 1, name)


@dataclass(frozen=True, slots=True)
class Asked:
    """One answered window: up to when it was asked for, when that was, and how many pages came."""

    until_ms: int
    at_ms: int
    pages: int


class TrackStore:
    """The folder of one feed, for one service day. May be used by several threads, by one process only (`held`)."""

    def __init__(self, bundle: Path, feed: str, day: ServiceDay) -> None:
        """Change nothing yet."""
        self.folder = bundle / "tracks" / feed
        self._aside = self.folder / ASIDE
        self._feed, self._day = feed, day
        self._journal_file = self._aside / f"{day.date.isoformat()}.ndjson"
        self._lock = Lock()
        self._journal: dict[tuple[str, int, int], Asked] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder; raises `UnusableInput` where another pull does or where it cannot be written."""
        try:
            self._aside.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._aside / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._fault(f"cannot be written: {error.strerror}", "Name a bundle that you may write to.") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise self._fault("another pull is writing here", "Wait for it, or stop it.") from None
        try:
            shutil.rmtree(self._aside / "new", ignore_errors=True)
            (self._aside / "new").mkdir()
            self._read_journal()
            yield
        finally:
            shutil.rmtree(self._aside / "new", ignore_errors=True)
            os.close(handle)

    def _fault(self, message: str, hint: str) -> UnusableInput:
        return UnusableInput([Fault(f"tracks/{self._feed}", message, hint=hint)])

    def asked(self, terminal: str, window: Window) -> Asked | None:
        """Return how a window was answered; None where it was not, or where its pages are not there."""
        found = self._journal.get((terminal, window.start_ms, window.end_ms))
        if found is None or not all(self._has(self._path(terminal, window.number, n + 1)) for n in range(found.pages)):
            return None
        return found

    def has_pages(self, terminal: str, window: Window) -> bool:
        """Whether any page of a window lies here."""
        return self._has(self._path(terminal, window.number, 1))

    def publish(self, terminal: str, window: Window, bodies: Sequence[bytes]) -> None:
        """Put pages in the place of those that the window had."""
        for page, body in enumerate(bodies, 1):
            self._write(self._path(terminal, window.number, page), body)
        self._drop(terminal, window.number, len(bodies) + 1)

    def record(self, terminal: str, window: Window, asked: Asked, points: int) -> None:
        """Note that a window is answered; call it after `publish`."""
        line = {
            "terminal_id": terminal,
            "start_ms": window.start_ms,
            "end_ms": window.end_ms,
            "until_ms": asked.until_ms,
            "at_ms": asked.at_ms,
            "pages": asked.pages,
            "points": points,
        }
        with self._lock, self._journal_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._journal[terminal, window.start_ms, window.end_ms] = asked

    def leave_open(self, terminal: str, envelope: bytes | None = None) -> None:
        """Say that not all of the day is answered, with the provider's error answer; without one an earlier stays."""
        path = self._path(terminal, OPEN_WINDOW, 0)
        if envelope is not None or not path.exists():
            self._write(path, envelope or b"")

    def close(self, terminal: str, windows: Sequence[Window]) -> None:
        """Say that the day is answered; pages of windows that are no longer used go."""
        numbers = {window.number for window in windows}
        for number in set(range(1, OPEN_WINDOW)) - numbers:
            self._drop(terminal, number, 1)
        self._path(terminal, OPEN_WINDOW, 0).unlink(missing_ok=True)

    def _drop(self, terminal: str, window: int, page: int) -> None:
        """Remove a window's pages from one on."""
        while (stale := self._path(terminal, window, page)).exists():
            stale.unlink()
            page += 1

    def _path(self, terminal: str, window: int, page: int) -> Path:
        return self.folder / f"{terminal}.{page_number(self._day.date, window, page)}.json"

    @staticmethod
    def _has(path: Path) -> bool:
        return path.is_file() and path.stat().st_size > 0

    def _write(self, path: Path, body: bytes) -> None:
        aside = self._aside / "new" / path.name
        with aside.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)

    def _read_journal(self) -> None:
        try:
            lines = self._journal_file.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return
        for entry in map(_entry, lines):
            if entry is not None:
                key = (entry["terminal_id"], entry["start_ms"], entry["end_ms"])
                self._journal[key] = Asked(entry["until_ms"], entry["at_ms"], entry["pages"])


_NUMBERS = ("start_ms", "end_ms", "until_ms", "at_ms", "pages")


def _entry(line: str) -> dict[str, Any] | None:
    """Return a line of the journal; None for one that a crash cut off: its window is asked for again."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("terminal_id"), str):
        return None
    return entry if all(type(entry.get(name)) is int for name in _NUMBERS) else None
