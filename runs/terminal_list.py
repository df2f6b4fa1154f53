"""Which terminals a listener accepts: those that a bundle's registers give to its feed, or those of a list."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from feeds.bundle import survey_bundle
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger
from feeds.text import UnreadableFile, decode, read_bytes
from trajectories.clock import LocalTime, to_ms
from zones.register import Terminal

FORMAT = "jt808"
NAME_BYTES = 200
CODE_BYTES = 255  # what the length before it can say in an authentication of 2019
COLUMNS = ("terminal_id", "auth_code")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One terminal: the id its file is named by, the code it must show (None: any), and whether it is accepted now."""

    terminal_id: str
    auth_code: str | None
    is_in_force: Callable[[], bool]


def _always() -> bool:
    return True


class TerminalList:
    """The accepted terminals, found by the phone number in their frames: zeros before it do not count.

    >>> TerminalList([Accepted("013800138000", None, lambda: True)]).find("13800138000").terminal_id
    '013800138000'
    """

    def __init__(self, accepted: Iterable[Accepted]) -> None:
        """Keep the terminals."""
        self._by_phone: dict[str, list[Accepted]] = {}
        for terminal in accepted:
            self._by_phone.setdefault(terminal.terminal_id.lstrip("0").lower() or "0", []).append(terminal)

    def __len__(self) -> int:
        """Return how many different terminals there are."""
        return len(self._by_phone)

    def find(self, phone: str) -> Accepted | None:
        """Return the terminal that sends under a number now, None for an unknown one."""
        return next((terminal for terminal in self._by_phone.get(phone, ()) if terminal.is_in_force()), None)


def terminals_of_bundle(out: Path) -> TerminalList:
    """Return the terminals that the registers of BUNDLE give to the feed NAME, `out` being BUNDLE/tracks/NAME.

    Raises `UnusableInput` where `out` is no `jt808` feed's folder of a bundle, or the bundle has faults.
    """
    bundle, feed = out.parent.parent, out.name
    if out.parent.name != "tracks" or not (bundle / "bundle.toml").is_file():
        hint = "Name the folder of a feed in a bundle, or give a list of terminals."
        raise UnusableInput([Fault(str(out), "is not BUNDLE/tracks/NAME", hint=hint, code="not-a-feed")])
    survey = survey_bundle(bundle, Ledger())
    if survey.faults:
        raise UnusableInput(survey.faults)
    format_ = next((config.format for config in survey.bundle.config.feeds if config.name == feed), None)
    if format_ != FORMAT:
        field, hint = f"feeds.{feed}.format", "What a listener writes is read by feeds of this format alone."
        fault = Fault("bundle.toml", "is not a feed of frames", None, field, format_, FORMAT, hint, "not-a-feed")
        raise UnusableInput([fault])
    found = [terminal for terminal in survey.bundle.terminals if terminal.provider == feed]
    _check_names([(str(out), None, terminal.terminal_id) for terminal in found])
    local = survey.bundle.config.local
    return TerminalList(
        Accepted(terminal.terminal_id, None, partial(_holds_now, terminal, local)) for terminal in found
    )


def _holds_now(terminal: Terminal, local: LocalTime) -> bool:
    return terminal.holds_on(local.service_date(to_ms(datetime.now(UTC))))


def terminals_of_file(path: Path) -> TerminalList:
    """Return the terminals of a CSV file: terminal_id and, if wanted, auth_code. Raises `UnusableInput`."""
    file = str(path)
    try:
        text, _ = decode(read_bytes(path))
    except UnreadableFile as trouble:
        raise UnusableInput([trouble.fault(file)]) from trouble
    lines = csv.DictReader(text.splitlines())
    if COLUMNS[0] not in (lines.fieldnames or ()):
        found, expected = ",".join(lines.fieldnames or ()), ",".join(COLUMNS)
        fault = Fault(file, "a required column is missing", None, COLUMNS[0], found, expected, code="missing-column")
        raise UnusableInput([fault])
    rows = [{name: (line.get(name) or "").strip() for name in COLUMNS} for line in lines]
    _check_names([(file, number, row["terminal_id"]) for number, row in enumerate(rows, 1)])
    too_long = [number for number, row in enumerate(rows, 1) if len(row["auth_code"].encode("gb18030")) > CODE_BYTES]
    if too_long:
        expected = f"{CODE_BYTES} bytes at most"
        raise UnusableInput(
            [Fault(file, "is too long", row, COLUMNS[1], expected=expected, code="bad-value") for row in too_long]
        )
    return TerminalList(Accepted(row["terminal_id"], row["auth_code"] or None, _always) for row in rows)


def _check_names(ids: Iterable[tuple[str, int | None, str]]) -> None:
    """Raises `UnusableInput` for ids that no file can be named by."""
    faults = [
        Fault(file, "a file cannot be named so", row, COLUMNS[0], terminal_id, "a plain name", code="bad-value")
        for file, row, terminal_id in ids
        if not terminal_id
        or terminal_id.startswith(".")
        or set(terminal_id) & set("/\\\0\r\n")
        or len(terminal_id.encode()) > NAME_BYTES
    ]
    if faults:
        raise UnusableInput(faults)
