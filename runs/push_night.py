"""When what was pushed is taken in without a delivery: late pushes, and misreadings that a server's memory holds."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import select

from feeds.passage_door import PUSHED
from runs.ingest import Source, ingest
from runs.pushed import Undecided
from store.engine import Store
from store.pushed import forget, waiting_days
from store.tables.nights import Night
from trajectories.clock import LocalTime


@contextmanager
def only_pushed() -> Iterator[Path]:
    """Give an empty folder as a delivery: the night's files stay, what was pushed comes in by itself."""
    with tempfile.TemporaryDirectory(prefix="trajaudit-pushed-") as place:
        folder = Path(place) / PUSHED
        folder.mkdir()
        yield folder


def late_days(store: Store, before: date, taken: Collection[date] = ()) -> list[date]:
    """Return the nights in the store for which pushes wait that no delivery took in: service days before one."""
    with store.reading() as session:
        known = set(session.scalars(select(Night.service_date)))
        return [day for day in waiting_days(session) if day in known and day < before and day not in taken]


def forget_old(store: Store, local: LocalTime, days: int) -> None:
    """Erase the pushes of which no night came within so many days."""
    first = local.service_date(store.clock()) - timedelta(days=days)
    with store.reading() as session:
        is_due = any(day < first for day in waiting_days(session))
    if is_due:
        with store.writing() as session:
            forget(session, first)


def decide(store: Store, undecided: Undecided, local: LocalTime, history_days: int) -> list[date]:
    """Hold what may be misread against the tracks of the nights that came in meanwhile; return these nights.

    What is in scope is then in the store, and everything else is gone from the memory. The next nightly audits them.
    """
    today, done = local.service_date(store.clock()), []
    for day in undecided.days():
        with store.reading() as session:
            is_there = session.get(Night, day) is not None
        if is_there and day < today:
            held = undecided.of(day)
            with only_pushed() as folder:
                ingest(store, Source(folder, day, history_days, undecided=held))
            undecided.forget(day, held)
            done.append(day)
    return done
