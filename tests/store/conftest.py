"""The sample city's night as a nightly leaves it, with all its files, once for all tests that erase of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from store.backup import backup, restore
from store.engine import DATABASE_FILE, SQLITE, Store
from tests.postgres import TEMPLATE, Server
from tests.stores import DIALECTS, START_MS, Place, closing, sqlite_place

DAY = date(2026, 3, 18)


def as_of(folder: Path, at_ms: int = START_MS) -> None:
    """Have all files of a store put there when its clock says: the files' own times are the machine's."""
    for path in folder.rglob("*"):
        os.utime(path, (at_ms / 1000, at_ms / 1000))


@pytest.fixture(scope="session")
def audited_night(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, root: Path) -> Path:
    """A folder with the store after the night, and a backup of it."""
    from runs.night_desk import Desk
    from runs.nightly import Order, nightly
    from runs.settings import Settings

    folder = tmp_path_factory.mktemp("audited")
    store = sqlite_place(folder / "store", sqlite_template).opened()
    done = nightly(Desk.open(store, Settings()), Order(DAY, root / "sample_data" / "city"))
    assert done.is_whole, done.nights[0].as_dict()
    backup(store, folder / "backup")
    store.close()  # the last connection empties the write-ahead log
    assert not (folder / "store" / f"{DATABASE_FILE}-wal").exists()
    as_of(folder / "store")
    return folder


@pytest.fixture(scope="session")
def pg_audited_night(audited_night: Path, pg_server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with that night."""
    name = pg_server.new_database(TEMPLATE)
    store = Place(tmp_path_factory.mktemp("pg-audited") / "store", pg_server.url(name)).opened()
    restore(audited_night / "backup", store)
    store.close()
    return name


@pytest.fixture(params=DIALECTS)
def night(request: pytest.FixtureRequest, tmp_path: Path, audited_night: Path) -> Iterator[Store]:
    """A copy of the night, in each of the databases."""
    folder = Path(shutil.copytree(audited_night / "store", tmp_path / "night"))
    if request.param == SQLITE:
        yield from closing(Place(folder, None))
        return
    (folder / DATABASE_FILE).unlink()
    server = request.getfixturevalue("pg_server")
    name = server.new_database(request.getfixturevalue("pg_audited_night"))
    yield from closing(Place(folder, server.url(name)))
    server.drop(name)


@pytest.fixture
def sqlite_night(tmp_path: Path, audited_night: Path) -> Iterator[Store]:
    """A copy of the night in SQLite."""
    yield from closing(Place(Path(shutil.copytree(audited_night / "store", tmp_path / "sqlite-night")), None))
