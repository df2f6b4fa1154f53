"""Bytes and text as they come: gzipped or not, UTF-8 with or without a BOM, GB18030. For every file of a bundle."""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path

from feeds.faults import Fault

GZIP_MAGIC = b"\x1f\x8b"


class UnreadableFile(ValueError):
    """A file whose bytes or text cannot be had; `message` says why, `hint` what to do."""

    def __init__(self, message: str, hint: str = "Send the file again.") -> None:
        """Keep both texts."""
        self.message = message
        self.hint = hint
        super().__init__(message)

    def fault(self, file: str) -> Fault:
        """Return the fault that names `file`."""
        return Fault(file, self.message, hint=self.hint, code="unreadable-file")


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, unpacked when they are gzip, whatever the file is called.

    Raises `UnreadableFile` for a file that cannot be opened and for a truncated or broken gzip stream.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            f"cannot be opened: {error.strerror or error}", "Check that it is a readable file."
        ) from error
    return gunzip(data) if data.startswith(GZIP_MAGIC) else data


def gunzip(data: bytes) -> bytes:
    """Unpack gzip bytes (several members too).

    >>> gunzip(gzip.compress(b"fix") + gzip.compress(b"es"))
    b'fixes'
    >>> gunzip(gzip.compress(b"fixes")[:-9])
    Traceback (most recent call last):
    feeds.text.UnreadableFile: gzip data end too early
    """
    try:
        return gzip.decompress(data)
    except EOFError as error:
        raise UnreadableFile("gzip data end too early") from error
    except (OSError, zlib.error) as error:
        raise UnreadableFile(f"broken gzip data: {error}") from error


def decode(data: bytes) -> tuple[str, str | None]:
    """Return the text and a note for the ledger: None for plain UTF-8, else "utf-8-sig" or "gb18030".

    Raises `UnreadableFile` for bytes that are neither.

    >>> decode("川A1234学".encode("gb18030"))
    ('川A1234学', 'gb18030')
    >>> decode(b""), decode(codecs.BOM_UTF8 + b"a")
    (('', None), ('a', 'utf-8-sig'))
    """
    if data.startswith(codecs.BOM_UTF8):
        data, note = data[len(codecs.BOM_UTF8) :], "utf-8-sig"
    else:
        note = None
    try:
        return data.decode("utf-8"), note
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("gb18030"), "gb18030"
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            f"neither UTF-8 nor GB18030 text (byte {error.start + 1})", "Save the file as UTF-8."
        ) from error


def encoding_warning(file: str, note: str) -> str:
    """Return the warning for a file that is not plain UTF-8.

    >>> encoding_warning("staff.csv", "gb18030")
    'staff.csv: read as GB18030, expected UTF-8'
    """
    found = "UTF-8 with a BOM" if note == "utf-8-sig" else note.upper()
    return f"{file}: read as {found}, expected UTF-8"


def clean_text(text: str) -> str:
    """Return text that any writer can encode: lone surrogates (JSON allows them) become question marks.

    >>> clean_text("a\\ud800b")
    'a?b'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def find_file(folder: Path, name: str) -> Path | None:
    """Return `folder/name`, else `folder/name.gz`, else None."""
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    return None
