"""Text files line by line, gzipped or not, whatever their size: memory holds one line at a time."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from feeds.bundle_files import decode_chinese
from feeds.text import GZIP_MAGIC, UnreadableFile

HEAD_BYTES = 1 << 20
"""So much of a file tells its encoding."""
MOST_LINE_BYTES = 1 << 20
TOO_LONG = None
"""Stands for a line of more than `MOST_LINE_BYTES`; it was passed over unread."""


def open_stream(path: Path) -> BinaryIO | gzip.GzipFile:
    """Open a file for reading, unpacked on the way when it is gzip, whatever it is called. Raises `OSError`."""
    stream = path.open("rb")
    if stream.peek(2)[:2] != GZIP_MAGIC:
        return stream
    stream.close()
    return gzip.open(path)


def lines_of(path: Path) -> Iterator[bytes | None]:
    """Yield a file's lines without their ends, `TOO_LONG` for such a one.

    Raises `UnreadableFile` where the file cannot be opened, or its gzip data break off; what came before is good.
    """
    try:
        with open_stream(path) as stream:
            while line := stream.readline(MOST_LINE_BYTES + 1):
                if len(line) > MOST_LINE_BYTES and not line.endswith(b"\n"):
                    _pass_over(stream)
                    yield TOO_LONG
                else:
                    yield line.rstrip(b"\r\n")
    except EOFError as error:
        raise UnreadableFile("gzip data end too early") from error
    except (OSError, zlib.error) as error:
        raise UnreadableFile(f"cannot be read: {error}") from error


def _pass_over(stream: BinaryIO | gzip.GzipFile) -> None:
    while (piece := stream.readline(MOST_LINE_BYTES)) and not piece.endswith(b"\n"):
        pass


def encoding_of(path: Path) -> tuple[str, str | None]:
    """Return the encoding that the head of a file shows, and the note for the ledger (as `feeds.text.decode`).

    Where neither UTF-8 nor GB18030 fits every line, it is the one that fits more of them.
    """
    try:
        with open_stream(path) as stream:
            head = stream.read(HEAD_BYTES)
    except (EOFError, OSError, zlib.error):
        return "utf-8", None  # who reads the lines will hear of it
    return encoding_of_head(head)


def encoding_of_head(head: bytes) -> tuple[str, str | None]:
    """Return the encoding of a text by its beginning, whose last line may be cut.

    >>> encoding_of_head("鲁A1001学".encode("gb18030") + b"\\n"), encoding_of_head(b"a"), encoding_of_head(b"")
    (('gb18030', 'gb18030'), ('utf-8', None), ('utf-8', None))
    >>> encoding_of_head("鲁\\n".encode() + b"\\xff\\n" + "学\\n".encode())
    ('utf-8', None)
    """
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8", "utf-8-sig"
    whole = head[: head.rfind(b"\n") + 1] or head
    lines = [line for line in whole.split(b"\n") if not line.isascii()]
    utf8 = [line for line in lines if text_of(line, "utf-8") is not None]
    chinese = [line for line in lines if text_of(line, "gb18030") is not None]
    if len(chinese) > len(utf8):
        return "gb18030", "gb18030"
    _, note = decode_chinese(b"\n".join(utf8))
    return ("gb18030", note) if note == "gb18030" else ("utf-8", None)


def text_of(line: bytes, encoding: str) -> str | None:
    """Return a line's text, None where it is not of that encoding."""
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None
