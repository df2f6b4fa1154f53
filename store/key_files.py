"""Files that hold a key of the store: mode 0600, made whole or not at all, never part of a backup."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from store.engine import StoreRefused
from store.files import flush


class KeyRefused(StoreRefused):
    """The key cannot be used; the message says what was found, what was expected and what to do."""


def make_key_file(path: Path, content: bytes) -> None:
    """Make a key file, whole or not at all; of two at once one stays."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 0600
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            return
        flush(path.parent)
    finally:
        aside.unlink()
