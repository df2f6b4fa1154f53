"""Nightlies as the tests order them: in this process, or told to a child as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from runs.night_desk import Desk
from runs.nightly import Nightly, Order, nightly
from runs.open_store import opened
from runs.settings import LogSettings, NightlySettings, OutboundSettings, Settings, StoreSettings
from store import access_log
from store.access_log import Tip
from store.check import NEW_FILE, ORPHAN, Trouble, check
from store.engine import POSTGRESQL, SQLITE, Store, now_ms
from store.fingerprint import parts
from store.tables.base import Base
from store.tables.results import Run
from tests.stores import Place

ROOT = Path(__file__).resolve().parents[2]
CITY = ROOT / "sample_data" / "city"
DAY = date(2026, 3, 18)
SQLITE_AND_SLOWLY_THE_OTHER = [SQLITE, pytest.param(POSTGRESQL, marks=pytest.mark.slow)]
"""For tests that the quick run does in one of the databases."""
LEASE_MS = 60_000
"""The shortest for which a lease can be set to hold."""


@dataclass(frozen=True)
class Told:
    """One nightly, as it can be told to another process. `again`: as of the command; `ahead_ms`: of its clock.

    At the point `kill_at` it kills itself, at `stop_at` it stops itself. At `pause_at` it makes the file `signals`.here
    and waits for `signals`.go. `barrier`: a file that it waits for before it begins. `max_pages`: of the SQLite file;
    `max_bytes`: of any file that it writes. `disk_kb`: sizes of a disk of its own for the store, tried one after the
    other until the night is done.
    """

    folder: str
    url: str | None
    bundle: str = str(CITY)
    day: str = DAY.isoformat()
    history_days: int = 3
    heads: str | None = None
    sources: str | None = None
    wait_s: int = 20
    again: bool = False
    ahead_ms: int = 0
    kill_at: str | None = None
    stop_at: str | None = None
    pause_at: str | None = None
    signals: str = ""
    barrier: str | None = None
    max_pages: int | None = None
    max_bytes: int | None = None
    disk_kb: tuple[int, ...] = ()

    @classmethod
    def at(cls, place: Place, **more: Any) -> Told:
        return cls(str(place.folder), place.url, **more)

    def but(self, **changes: Any) -> Told:
        return replace(self, **changes)

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def settings(self) -> Settings:
        return Settings(
            store=StoreSettings(folder=Path(self.folder), database_url=self.url),
            nightly=NightlySettings(
                history_days=self.history_days,
                lease_minutes=1,
                database_wait_s=self.wait_s,
                sources=None if self.sources is None else Path(self.sources),
            ),
            outbound=OutboundSettings(enabled=self.sources is not None, allow=("127.0.0.1",)),
            log=LogSettings(heads=None if self.heads is None else Path(self.heads)),
        )

    @property
    def order(self) -> Order:
        return Order(date.fromisoformat(self.day), Path(self.bundle), again=self.again)


def run(told: Told) -> Nightly:
    """Run a nightly in this process."""
    store = with_clock(opened(told.settings), told.ahead_ms)
    try:
        return nightly(Desk.open(store, told.settings), told.order)
    finally:
        store.close()


def with_clock(store: Store, ahead_ms: int) -> Store:
    return replace(store, clock=lambda: now_ms() + ahead_ms) if ahead_ms else store


def looked_at(place: Place, look: Callable[[Store], Any]) -> Any:
    store = place.opened()
    try:
        return look(store)
    finally:
        store.close()


def parts_of(place: Place, *, history: bool = True) -> dict[str, str]:
    """The fingerprint of a store in its parts: what differs is seen at once."""

    def look(store: Store) -> dict[str, str]:
        with store.reading() as session:
            return parts(session, history=history)

    return looked_at(place, look)


def faults_of(place: Place) -> list[Trouble]:
    """What the deep check finds, but files that no row names: a killed run may leave those."""
    return looked_at(place, lambda store: [t for t in check(store, deep=True) if t.code not in {NEW_FILE, ORPHAN}])


def orphans_of(place: Place) -> list[str]:
    return looked_at(place, lambda store: [t.subject for t in check(store) if t.code in {NEW_FILE, ORPHAN}])


def runs_of(place: Place) -> list[str]:
    """In which states its runs are, the first one first."""

    def look(store: Store) -> list[str]:
        with store.reading() as session:
            return list(session.scalars(select(Run.state).order_by(Run.started_ms)))

    return looked_at(place, look)


def head_of(place: Place) -> Tip:
    """The head of the access log."""

    def look(store: Store) -> Tip:
        with store.reading() as session:
            return access_log.head(session)

    return looked_at(place, look)


def counts_of(place: Place) -> dict[str, int]:
    """How many rows each table has."""

    def look(store: Store) -> dict[str, int]:
        with store.reading() as session:
            tables = Base.metadata.sorted_tables
            return {t.name: session.scalar(select(func.count()).select_from(t)) for t in tables}

    return looked_at(place, look)


def rows_of(place: Place) -> dict[str, list[str]]:
    """Every row of every table as text, whatever their order."""

    def look(store: Store) -> dict[str, list[str]]:
        with store.reading() as session:
            return {t.name: sorted(map(repr, session.execute(select(t)))) for t in Base.metadata.sorted_tables}

    return looked_at(place, look)
