"""Files of frames that only grow, and are on the disk before anybody is told that they are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class TerminalFiles:
    """`TERMINAL.bin` in a folder, each kept open once a frame of its terminal came; one writer a terminal at a time."""

    folder: Path
    _open: dict[str, int] = field(default_factory=dict)

    def append(self, terminal_id: str, data: bytes) -> None:
        """Write frames at the end of a terminal's file and wait for the disk; raises `OSError` where that fails.

        What a failing disk took of them stays there as a broken frame; the next frame is read all the same.
        """
        descriptor = self._open.get(terminal_id)
        if descriptor is None:
            descriptor = self._open[terminal_id] = self._create(terminal_id)
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fdatasync(descriptor)

    def _create(self, terminal_id: str) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.folder / f"{terminal_id}.bin", flags, 0o600)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)  # the file's name must be on the disk as well
        finally:
            os.close(folder)
        return descriptor

    def close(self) -> None:
        """Close all files."""
        while self._open:
            os.close(self._open.popitem()[1])
