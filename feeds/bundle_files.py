"""A bundle's files as bytes and text: found with or without `.gz`, every trouble a fault that names the file."""

from __future__ import annotations

from pathlib import Path

from feeds.faults import Fault
from feeds.ledger import Ledger
from feeds.text import UnreadableFile, decode, encoding_warning, find_file, read_bytes


def is_there(folder: Path, name: str) -> bool:
    """Whether the bundle holds the file, plain or gzipped."""
    return (folder / name).exists() or (folder / f"{name}.gz").exists()


def open_bytes(folder: Path, name: str, faults: list[Fault]) -> bytes | None:
    """The unpacked bytes of a bundle's file; None, with a fault added, where it is missing or cannot be read."""
    if (folder / name).exists() and (folder / f"{name}.gz").exists():
        faults.append(
            Fault(name, "lies in the bundle both plain and gzipped", hint="Keep one of the two.", code="two-files")
        )
        return None
    path = find_file(folder, name)
    if path is None:
        faults.append(Fault(name, "is missing from the bundle", expected=f"{name} or {name}.gz", code="missing-file"))
        return None
    try:
        return read_bytes(path)
    except UnreadableFile as trouble:
        faults.append(trouble.fault(name))
        return None


def open_text(folder: Path, name: str, ledger: Ledger, faults: list[Fault]) -> str | None:
    """The text of a bundle's file; an encoding other than plain UTF-8 is noted among the warnings."""
    data = open_bytes(folder, name, faults)
    if data is None:
        return None
    try:
        text, note = decode_chinese(data)
    except UnreadableFile as trouble:
        faults.append(trouble.fault(name))
        return None
    if note is not None:
        ledger.warn(encoding_warning(name, note))
    return text


def decode_chinese(data: bytes) -> tuple[str, str | None]:
    """As `feeds.text.decode`, for text that is Chinese where it is not ASCII.

    A register whose only Chinese is in its plates may be valid UTF-8 by accident: the GB18030 bytes of the plates of
    Shandong and Henan and of the sign for coach cars spell Latin and Cyrillic letters. Chinese in UTF-8 always has
    characters beyond U+07FF, so text that has none, and is ideographs as GB18030, is GB18030.

    >>> decode_chinese("鲁A1001学,豫A1".encode("gb18030")), decode_chinese("鲁A1001学".encode())
    (('鲁A1001学,豫A1', 'gb18030'), ('鲁A1001学', None))
    """
    text, note = decode(data)
    if note is None and not text.isascii() and max(text) <= "\u07ff":
        try:
            chinese = data.decode("gb18030")
        except UnicodeDecodeError:
            return text, note
        if all(char.isascii() or "\u4e00" <= char <= "\u9fff" for char in chinese):
            return chinese, "gb18030"
    return text, note
