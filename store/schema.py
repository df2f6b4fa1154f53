"""The schema of a store: where it stands, and the steps forward and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from os import pathsep
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from store.engine import POSTGRESQL, SQLITE, Store, StoreRefused
from store.tables import base

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
VERSIONS = (MIGRATIONS / "versions",)
BASE, HEAD = "base", "head"
_LOCK_KEY = 0x7472616A  # "traj": one number for all programs that migrate a PostgreSQL database
_HINTS = {
    SQLITE: "is its folder writable, and the disk not full? If it is damaged, restore a backup",
    POSTGRESQL: "is it running, and does its address stand right in the settings?",
}
Folders = tuple[Path, ...]
"""Where the steps lie: `VERSIONS`, and one more in tests."""
State = Literal["empty", "current", "behind", "unknown"]


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Where a store's schema stands. `current`: its revision, None before the first step.

    `state`: empty (not one table of ours), current, behind, or unknown (a revision that this program does not know: it
    is older than the store; or tables of ours without any revision).
    """

    current: str | None
    head: str
    state: State


@contextmanager
def reached(store: Store) -> Iterator[None]:
    """Tell of a database that cannot be reached or read; raises `StoreRefused`."""
    try:
        yield
    except DBAPIError as error:
        # The first line of the driver: it names host and database, never the password.
        said = str(error.orig).partition("\n")[0]
        raise StoreRefused(f"the database ({store.dialect}) cannot be used: {said}; {_HINTS[store.dialect]}") from error


def schema_state(store: Store, versions: Folders = VERSIONS) -> SchemaState:
    """Return where the schema stands; raises `StoreRefused` where the database cannot be reached."""
    with reached(store), store.reading() as session:
        return state_of(session.connection(), versions)


def state_of(connection: Connection, versions: Folders = VERSIONS) -> SchemaState:
    """Return where the schema stands, as a transaction sees it."""
    known = revisions(versions)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        has_ours = not set(inspect(connection).get_table_names()).isdisjoint(base.Base.metadata.tables)
        return SchemaState(None, known[-1], "unknown" if has_ours else "empty")
    if current not in known:
        return SchemaState(current, known[-1], "unknown")
    return SchemaState(current, known[-1], "current" if current == known[-1] else "behind")


@lru_cache(maxsize=4)
def revisions(versions: Folders = VERSIONS) -> tuple[str, ...]:
    """Return all revisions, from the first to the newest."""
    found = [script.revision for script in ScriptDirectory.from_config(config_of(versions)).walk_revisions()]
    return tuple(found[::-1])


def tables_at(revision: str, versions: Folders = VERSIONS) -> frozenset[str]:
    """Return the names of our tables at a revision: the steps up to it make them in a passing database."""
    if revision == revisions(VERSIONS)[-1]:
        return frozenset(base.Base.metadata.tables)
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        migrate_within(connection, revision, versions)
        names = set(inspect(connection).get_table_names())
    engine.dispose()
    return frozenset(names - {"alembic_version"})


def migrate(store: Store, target: str = HEAD, versions: Folders = VERSIONS) -> tuple[SchemaState, SchemaState]:
    """Step forward or back to a revision, `head` or `base`, in one transaction; return the states before and after.

    Another that migrates the same store is waited for. Raises `StoreRefused` for a revision that is not known.
    """
    with reached(store), store.writing() as session:
        connection = session.connection()
        before = migrate_within(connection, target, versions)
        return before, state_of(connection, versions)


def migrate_within(connection: Connection, target: str = HEAD, versions: Folders = VERSIONS) -> SchemaState:
    """Step to a revision within a writing transaction; return the state before."""
    if connection.dialect.name == POSTGRESQL:
        # In SQLite the transaction itself is the lock.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    known, before = revisions(versions), state_of(connection, versions)
    if before.state == "unknown":
        raise StoreRefused(refusal(before))
    wanted = {HEAD: known[-1], BASE: None}.get(target, target)
    if wanted is not None and wanted not in known:
        raise StoreRefused(f"revision {target!r} is not known: expected {HEAD}, {BASE} or one of {', '.join(known)}")
    config = config_of(versions)
    config.attributes["connection"] = connection
    places = {None: -1} | {revision: place for place, revision in enumerate(known)}
    if places[wanted] > places[before.current]:
        command.upgrade(config, wanted or BASE)
    elif places[wanted] < places[before.current]:
        command.downgrade(config, wanted or BASE)
    assert MigrationContext.configure(connection).get_current_revision() == wanted
    return before


def require_current(store: Store) -> None:
    """Raises `StoreRefused`, with what to do, unless the schema is the one this program works with."""
    state = schema_state(store)
    if state.state != "current":
        raise StoreRefused(refusal(state))


def refusal(state: SchemaState) -> str:
    """Return what to say of a schema that is not the one this program works with."""
    expected = f"expected {state.head}"
    if state.state == "empty":
        return f"the store has no tables yet, {expected}: run `trajaudit store migrate`"
    if state.state == "behind":
        hint = "run `trajaudit store backup`, then `trajaudit store migrate`"
        return f"the store's schema is {state.current}, {expected}: {hint}"
    if state.current is None:
        hint = "name another one, or restore a backup into an empty one"
        return f"the database has tables of these names, but they say no revision, {expected}: {hint}"
    hint = "a newer trajaudit made it; install that one"
    return f"the store's schema is {state.current}, which this trajaudit does not know, {expected}: {hint}"


def config_of(versions: Folders = VERSIONS) -> Config:
    """Return what Alembic is told; the connection is added by who has one."""
    config = Config()
    settings = {
        "script_location": str(MIGRATIONS),
        "path_separator": "os",
        "version_locations": pathsep.join(map(str, versions)),
        "timezone": "UTC",
    }
    for name, value in settings.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config
