"""Stores for tests: open, migrated and empty, in SQLite and in PostgreSQL, with a clock that stands still."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from store.engine import DATABASE_FILE, POSTGRESQL, SQLITE, Store, open_store
from store.schema import migrate
from tests.postgres import TEMPLATE, Server

DIALECTS = (SQLITE, POSTGRESQL)
START_MS = 1_773_882_000_000
"""2026-03-19 09:00 in Shanghai: the morning after the sample city's night."""


@dataclass
class Clock:
    """A clock that stands until it is set: `store.clock.ms += 1000`."""

    ms: int = START_MS

    def __call__(self) -> int:
        return self.ms


class Place(NamedTuple):
    """Where a migrated, empty store is: what the command line is told. `url` is None for SQLite in the folder."""

    folder: Path
    url: str | None

    @property
    def dialect(self) -> str:
        return SQLITE if self.url is None else POSTGRESQL

    @property
    def environment(self) -> dict[str, str]:
        """The same as settings of the environment."""
        told = {"TRAJAUDIT_STORE__FOLDER": str(self.folder)}
        return told if self.url is None else told | {"TRAJAUDIT_STORE__DATABASE_URL": self.url}

    def opened(self, clock: Clock | None = None) -> Store:
        return open_store(self.folder, self.url, clock or Clock())


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file."""
    folder = tmp_path_factory.mktemp("template")
    store = open_store(folder)
    migrate(store)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return folder / DATABASE_FILE


def sqlite_place(folder: Path, template: Path) -> Place:
    folder.mkdir(mode=0o700)
    shutil.copyfile(template, folder / DATABASE_FILE)
    return Place(folder, None)


def pg_place(folder: Path, server: Server) -> Place:
    return Place(folder, server.url(server.new_database(TEMPLATE)))


def closing(place: Place) -> Iterator[Store]:
    store = place.opened()
    try:
        yield store
    finally:
        store.close()


@pytest.fixture(params=DIALECTS)
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where the test's store is: (folder, url). With `indirect=True` a test may ask for one of the databases."""
    if request.param == SQLITE:
        yield sqlite_place(tmp_path / "store", request.getfixturevalue("sqlite_template"))
        return
    server = request.getfixturevalue("pg_server")
    place = pg_place(tmp_path / "store", server)
    yield place
    server.drop(str(place.url).partition("?")[0].rpartition("/")[2])


@pytest.fixture
def store(store_settings: Place) -> Iterator[Store]:
    """A store in each of the databases."""
    yield from closing(store_settings)


@pytest.fixture
def sqlite_store(tmp_path: Path, sqlite_template: Path) -> Iterator[Store]:
    """A store in SQLite."""
    yield from closing(sqlite_place(tmp_path / "sqlite-store", sqlite_template))


@pytest.fixture
def pg_store(tmp_path: Path, pg_server: Server) -> Iterator[Store]:
    """A store in PostgreSQL."""
    place = pg_place(tmp_path / "pg-store", pg_server)
    yield from closing(place)
    pg_server.drop(str(place.url).partition("?")[0].rpartition("/")[2])
