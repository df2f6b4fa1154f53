"""The sample night's store in the database that a run of the tests is on: SQLite, or PostgreSQL.

TRAJAUDIT_TEST_DATABASE=postgresql has the tests of the API run on PostgreSQL (`test_on_postgresql.py` does that). A
folder then says which database is its own; a copy of the folder gets a copy of the database when it is first opened.
"""

from __future__ import annotations

import os
from pathlib import Path

from runs.settings import Settings
from store.backup import backup, restore
from store.engine import Store, open_store
from tests.postgres import TEMPLATE
from tests.postgres import Server as PostgreSQL
from tests.stores import Clock

VARIABLE = "TRAJAUDIT_TEST_DATABASE"
ON_POSTGRESQL = os.environ.get(VARIABLE) == "postgresql"
_OF, _COPY_OF = "database-of-the-tests", "database-to-copy"
ELSEWHERE = {
    "test_on_postgresql.py": "this one",
    "test_schema_fuzzing.py": "thousands of requests, whose answers are not looked at more closely",
    "test_schema_fuzzing_slow.py": "the same",
    "test_serve.py": "of processes and their settings",
    "test_jobs_shared.py": "of processes, with a store made beside them",
    "test_workers.py": "on both databases by itself",
    "test_database_away.py": "on both databases by itself",
    "test_same_answers.py": "on both databases by itself",
    "test_at_the_same_moment.py": "on both databases by itself",
}
"""Modules that are not run again, and why."""
_SERVERS: list[PostgreSQL] = []


def use(server: PostgreSQL) -> None:
    """Have stores made in a server."""
    _SERVERS[:] = [server]


def moved(store: Store, folder: Path) -> Path:
    """Put a store into PostgreSQL, by a backup; return its folder."""
    (server,) = _SERVERS
    backup(store, folder / "backup")
    name = server.new_database(TEMPLATE)
    there = open_store(folder / "store", server.url(name), store.clock)
    assert restore(folder / "backup", there).troubles == []
    there.close()
    (folder / "store" / _COPY_OF).write_text(name, "utf-8")
    return folder / "store"


def url_of(folder: Path) -> str | None:
    """Return the address of a folder's database; None: SQLite, in the folder."""
    if not ON_POSTGRESQL:
        return None
    own, copied = folder / _OF, folder / _COPY_OF
    if not own.is_file():
        (server,) = _SERVERS
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = server.new_database(copied.read_text("utf-8") if copied.is_file() else TEMPLATE)
        own.write_text(server.url(name), "utf-8")  # for other processes, too
    return own.read_text("utf-8")


def opened(folder: Path) -> Store:
    """Open the store of a folder."""
    return open_store(folder, url_of(folder), Clock())


def template(folder: Path) -> Store:
    """Open the store that a folder's copies are made from, to look into it."""
    if not ON_POSTGRESQL:
        return opened(folder)
    (server,) = _SERVERS
    return open_store(folder, server.url((folder / _COPY_OF).read_text("utf-8")), Clock())


def to_be_copied(folder: Path) -> None:
    """Have each copy of a folder get a copy of its database."""
    if ON_POSTGRESQL:
        url = (folder / _OF).read_text("utf-8")
        (folder / _COPY_OF).write_text(url.partition("?")[0].rpartition("/")[2], "utf-8")
        (folder / _OF).unlink()


def settings_on(settings: Settings) -> Settings:
    """Return settings with the database of their store's folder."""
    url = url_of(settings.store.folder)
    if url is None:
        return settings
    told = settings.store.model_dump() | {"database_url": url}
    return settings.model_copy(update={"store": type(settings.store).model_validate(told)})
