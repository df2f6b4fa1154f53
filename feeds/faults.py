"""Faults of a bundle that make it unusable, told so that the sender can mend them. All of a bundle's faults at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FOUND_CHARS = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: where (file, row from 1 without the header, field), what was found and expected, what to do."""

    file: str
    message: str
    row: int | None = None
    field: str | None = None
    found: str | None = None
    expected: str | None = None
    hint: str | None = None
    code: str = "invalid"

    def __str__(self) -> str:
        """Return one line.

        >>> print(Fault("sessions.csv", "not a time", 7, "start", "26 o'clock", "ISO 8601 with an offset"))
        sessions.csv, row 7, field start: not a time; found "26 o'clock", expected ISO 8601 with an offset
        """
        where = self.file
        if self.row is not None:
            where += f", row {self.row}"
        if self.field is not None:
            where += f", field {self.field}"
        text = f"{where}: {self.message}"
        if self.found is not None:
            text += f'; found "{self.found[:FOUND_CHARS]}"'
        if self.expected is not None:
            text += f", expected {self.expected}"
        if self.hint is not None:
            text += f". {self.hint}"
        return text


class UnusableInput(Exception):
    """The bundle cannot be audited; `faults` names every reason found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keep the faults; the message has one line for each."""
        self.faults = tuple(faults)
        super().__init__("\n".join(str(f) for f in self.faults))
