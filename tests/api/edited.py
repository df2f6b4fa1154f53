"""The sample city's bundle with some files written otherwise, and the night audited again with it."""

from __future__ import annotations

import shutil
from pathlib import Path

from runs.night_desk import Desk
from runs.nightly import Order, nightly
from tests.api.conftest import CITY, DAY, Server
from tests.stores import Clock

HOUR_MS = 3_600_000


def clock_of(server: Server) -> Clock:
    clock = server.store.clock
    assert isinstance(clock, Clock)
    return clock


def edited(folder: Path, *edits: tuple[str, str, str]) -> Path:
    """Copy the bundle; `edits`: file, text in it, what stands in its place."""
    shutil.copytree(CITY, folder)
    for name, old, new in edits:
        text = (folder / name).read_text("utf-8")
        assert old in text, (name, old)
        (folder / name).write_text(text.replace(old, new), "utf-8")
    return folder


def audited_again(server: Server, bundle: Path) -> str:
    """Have the night audited again an hour later; return how the audit before is known: ISO time."""
    clock = clock_of(server)
    before = Desk.open(server.store, server.settings).local.iso(clock.ms + 1000)
    clock.ms += HOUR_MS
    (night,) = nightly(Desk.open(server.store, server.settings), Order(DAY, bundle)).nights
    assert night.state == "done", night
    return before
