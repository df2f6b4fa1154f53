"""Heads of the access log, written down at a second place: a file on another medium, one line of JSON a head.

Each line holds the digest of the line before, so that the file is a chain itself. Whoever changes the log and its
chain would have to change this file, too.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from store.engine import StoreRefused

FIRST_LINE = "0" * 64
_KINDS = {"at_ms": int, "digest": str, "previous": str, "run_id": str, "seq": int}
_YEAR_9999_MS = 253_370_764_800_000
_SHA256 = re.compile("[0-9a-f]{64}")


class HeadsRefused(StoreRefused):
    """The file of heads cannot be used; the message names the line."""


class Head(NamedTuple):
    """The log's last entry as it was at a time, and the run that wrote it down."""

    seq: int
    digest: str
    at_ms: int
    run_id: str

    @property
    def when(self) -> str:
        """Return the time it was written down, ISO 8601 in UTC."""
        return datetime.fromtimestamp(self.at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_heads(path: Path) -> list[Head]:
    """Return the heads in the order in which they were written; raises `HeadsRefused` naming a damaged line."""
    try:
        return _parsed(path, path.read_bytes())[0]
    except OSError as error:
        raise HeadsRefused(f"{path}: the heads of the access log cannot be read: {error.strerror}") from error


def write_head(path: Path, seq: int, digest: str, at_ms: int, run_id: str) -> bool:
    """Add a head, on the disk when this returns; return False, and write nothing, where it is there already.

    The folder must be there: a medium that is not mounted must not go unnoticed. Raises `HeadsRefused` where it is
    not, or where the file is damaged.
    """
    with _opened(path) as file:
        heads, last = _parsed(path, _all_of(file))
        if any(h.seq == seq and h.digest == digest for h in heads):
            return False
        told = {"at_ms": at_ms, "digest": digest, "previous": last, "run_id": run_id, "seq": seq}
        line = _line(told)
        if os.write(file, line) != len(line):
            raise HeadsRefused(f"{path}: the disk is full: line {len(heads) + 1} was not written whole")
        os.fsync(file)
    return True


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode() + b"\n"


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open the file for adding, held against others; a new one is known to its folder when the block ends."""
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        hint = "is the medium there, and may it be written to?"
        raise HeadsRefused(f"{path}: the access log's head cannot be written: {error.strerror}: {hint}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        os.close(file)


def _all_of(file: int) -> bytes:
    with os.fdopen(os.dup(file), "rb") as stream:
        stream.seek(0)
        return stream.read()


def _parsed(path: Path, raw: bytes) -> tuple[list[Head], str]:
    """Return the heads, and the digest of the last line."""
    heads, last = [], FIRST_LINE
    for number, line in enumerate(raw.splitlines(keepends=True), 1):
        told = _told(line)
        if told is None:
            raise HeadsRefused(f"{path}, line {number}: is damaged: expected one head as it was written")
        if told["previous"] != last:
            raise HeadsRefused(f"{path}, line {number}: does not follow the line before: one was changed or removed")
        heads.append(Head(told["seq"], told["digest"], told["at_ms"], told["run_id"]))
        last = hashlib.sha256(line).hexdigest()
    return heads, last


def _told(line: bytes) -> dict[str, Any] | None:
    """Return what a line says; None where it is not as `write_head` writes it, to the byte."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    if not isinstance(told, dict) or {name: type(value) for name, value in told.items()} != _KINDS:
        return None
    whole = _line(told) == line and _SHA256.fullmatch(told["digest"]) and 0 <= told["at_ms"] < _YEAR_9999_MS
    return told if whole else None
