"""Opening the store: its database (SQLite in WAL mode, or PostgreSQL) and the folder of files beside it.

A transaction either reads (`Store.reading`) or may write (`Store.writing`). In SQLite a writing one takes the write
lock when it begins, so that it never fails half-way because another got there first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

SQLITE, POSTGRESQL = "sqlite", "postgresql"
DATABASE_FILE = "trajaudit.db"
BUSY_MS = 30_000
"""For how long a writing transaction waits for another one, in either database."""
_WRITES = "trajaudit_writes"


class StoreRefused(Exception):
    """The store cannot be used as asked; the message says what was found, what was expected and what to do."""


def now_ms() -> int:
    """Return the time, in ms UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Store:
    """An open store. `folder` holds `blobs/`, `lake/` and `passages/`, and the database where that is SQLite."""

    folder: Path
    engine: Engine
    clock: Callable[[], int] = field(default=now_ms)

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one state of the database; nothing is written. Rows read in it stay readable."""
        with self.engine.connect() as bare, Session(self._snapshot(bare)) as session:
            yield session
            session.expunge_all()
            session.rollback()

    def _snapshot(self, connection: Connection) -> Connection:
        """Have all statements see one state: SQLite does so anyway."""
        if self.dialect == SQLITE:
            return connection
        return connection.execution_options(isolation_level="REPEATABLE READ")

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose changes are there together when the block ends, or not at all."""
        with self.engine.connect().execution_options(**{_WRITES: True}) as connection, Session(connection) as session:
            try:
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_store(folder: Path, url: str | None = None, clock: Callable[[], int] = now_ms) -> Store:
    """Open a store, its folder made with mode 0700 where it is not there. The schema is looked at by `store.schema`.

    `url`: the database as SQLAlchemy names it, such as `postgresql+psycopg://user@host/name`; None: SQLite in the
    folder. Raises `StoreRefused` for another kind of database, or a folder that cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreRefused(f"{folder}: the store's folder cannot be made: {error.strerror}") from error
    engine = _engine(url or f"sqlite:///{(folder / DATABASE_FILE).absolute()}")
    (_tune_sqlite if engine.dialect.name == SQLITE else _tune_postgresql)(engine)
    return Store(folder, engine, clock)


def _engine(url: str) -> Engine:
    try:
        made = make_url(url)
        if made.get_backend_name() not in (SQLITE, POSTGRESQL):
            expected = "expected sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
            raise StoreRefused(f"database {made.get_backend_name()!r} is not supported: {expected}")
        return create_engine(made, pool_pre_ping=True)
    except ArgumentError:
        # The text itself may hold a password: it is not repeated.
        raise StoreRefused("the database's address cannot be read: expected postgresql+psycopg://...") from None
    except ModuleNotFoundError as error:
        hint = "install trajaudit[postgres]"
        raise StoreRefused(f"the driver {error.name} of this database is not installed: {hint}") from error


def _tune_sqlite(engine: Engine) -> None:
    """Take transactions into our own hands: the driver would begin them late and commit before some statements."""

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _tune_postgresql(engine: Engine) -> None:
    """Have who writes wait for another no longer than in SQLite: PostgreSQL would have him wait for ever."""

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        if connection.get_execution_options().get(_WRITES, False):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {BUSY_MS}")
