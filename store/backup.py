"""A backup of a store: every row and every file as of one moment, in one form for both databases.

    TARGET/manifest.json            schema, rows by table, SHA-256 of every file; written last
    TARGET/tables/TABLE.parquet     the rows
    TARGET/blobs/ lake/ passages/   the files as in the store, hard-linked where the file system allows it

Restoring reads every byte before it writes one. What SQLite gave, PostgreSQL takes, and the other way round.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, MetaData, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from store.check import Trouble, check
from store.dump import NotThatTable, count_on, dump_table, load_table
from store.engine import POSTGRESQL, Store, StoreRefused
from store.files import KINDS, flush, put_in_place, sha256_of, write_aside
from store.manifest import MANIFEST, Manifest, read_manifest, table_file, verify
from store.named_files import is_regular, lying_files, named_files
from store.schema import (
    VERSIONS,
    Folders,
    SchemaState,
    migrate_within,
    reached,
    refusal,
    revisions,
    state_of,
    tables_at,
)
from store.tables import base


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and what a deep check says of it: a backup of a store with troubles has them, too."""

    manifest: Manifest
    troubles: list[Trouble]


def backup(store: Store, target: Path, versions: Folders = VERSIONS) -> Manifest:
    """Write a backup into a folder that is not there yet, or empty; return what its manifest says.

    A store that is behind is backed up as it is: this is what one does before it is migrated.

    Raises `StoreRefused` for another folder, and where a file of the store is missing or damaged. What was written
    goes where it could not be finished.
    """
    with _target(store, target), reached(store):
        schema, tables, named = _dump(store, target, versions)
        files = {table_file(table): _flushed(target / table_file(table)) for table in tables}
        for name, (sha256, is_needed) in named.items():
            if is_needed or is_regular(store, name):
                _take(store, target, name, sha256)
                files[name] = sha256
        for folder in [path for path in target.rglob("*") if path.is_dir()]:
            flush(folder)
        manifest = Manifest(schema, store.clock(), store.dialect, tables, files)
        _write_manifest(target, manifest)
    return manifest


def refuse_target(store: Store, target: Path) -> bool:
    """Raises `StoreRefused` for a folder in which no backup can be; return whether it is a new one."""
    if target.resolve().is_relative_to(store.folder.resolve()):
        raise StoreRefused(f"{target}: lies in the store itself: name a folder elsewhere, best on another disk")
    try:
        is_new = not target.exists()
        if not is_new and (not target.is_dir() or any(target.iterdir())):
            raise StoreRefused(f"{target}: is there already: a backup needs a folder that is new or empty")
    except OSError as error:
        raise StoreRefused(f"{target}: cannot be read: {error.strerror}") from error
    return is_new


@contextmanager
def _target(store: Store, target: Path) -> Iterator[None]:
    """Make the folder of a backup, and empty it again where the backup fails."""
    is_new = refuse_target(store, target)
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.chmod(0o700)
    except OSError as error:
        raise StoreRefused(f"{target}: cannot be written: {error.strerror}") from error
    try:
        yield
    except BaseException as error:
        _clear(target, is_new)
        if isinstance(error, OSError):
            raise StoreRefused(f"{target}: the backup was given up: {error}") from error
        raise


def _clear(target: Path, is_new: bool) -> None:
    for path in target.iterdir():
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
    if is_new:
        target.rmdir()


def _dump(store: Store, target: Path, versions: Folders) -> tuple[str, dict[str, int], dict[str, tuple[str, bool]]]:
    """Write all rows as one moment has them; return the schema, how many by table, and the files that they name."""
    (target / "tables").mkdir(mode=0o700)
    with store.engine.connect() as connection:
        if store.dialect == POSTGRESQL:
            # SQLite's transactions see one moment anyway.
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        schema = _known(state_of(connection, versions))
        there = MetaData()
        there.reflect(connection, only=sorted(tables_at(schema, versions)))
        tables = {}
        for table in there.sorted_tables:
            path = target / table_file(table.name)
            path.touch(0o600)
            tables[table.name] = dump_table(connection, table, path)
        named: dict[str, tuple[str, bool]] = {}
        with Session(connection) as session:
            for file in named_files(session):
                is_needed = file.is_needed or named.get(file.name, ("", False))[1]
                named[file.name] = (file.sha256, is_needed)
        connection.rollback()
    return schema, tables, named


def _known(state: SchemaState) -> str:
    if state.current is None or state.state == "unknown":
        raise StoreRefused(refusal(state))
    return state.current


def _take(store: Store, target: Path, name: str, sha256: str) -> None:
    """Link a file of the store into the backup, or copy it, and read it there."""
    path = target / name
    for folder in reversed(path.relative_to(target).parents[:-1]):
        (target / folder).mkdir(mode=0o700, exist_ok=True)
    try:
        os.link(store.folder / name, path, follow_symlinks=False)
    except FileNotFoundError:
        raise _missing(name) from None
    except OSError:  # another disk, or one that has no links
        try:
            shutil.copyfile(store.folder / name, path)
        except FileNotFoundError:
            raise _missing(name) from None
        path.chmod(0o600)
        flush(path)
    if sha256_of(path) != sha256:
        hint = "put it back from an earlier backup; `trajaudit store check --deep` lists all such files"
        raise StoreRefused(f"{name}: is damaged in the store: other bytes than its row says; {hint}")


def _missing(name: str) -> StoreRefused:
    hint = "put it back from an earlier backup, or back up again if it was erased just now"
    return StoreRefused(f"{name}: is not in the store, though a row names it: {hint}")


def _flushed(path: Path) -> str:
    flush(path)
    return sha256_of(path)


def _write_manifest(target: Path, manifest: Manifest) -> None:
    aside = target / f"{MANIFEST}.new"
    aside.touch(0o600)
    aside.write_text(manifest.text(), "utf-8")
    put_in_place(aside, target / MANIFEST)
    flush(target.absolute().parent)


def restore(folder: Path, store: Store, versions: Folders = VERSIONS) -> Restored:
    """Put a backup into an empty store, and look it over; an older one is migrated.

    Raises `StoreRefused`, with nothing written, for a damaged backup, one of a newer program, and a store that is not
    empty.
    """
    manifest = read_manifest(folder)
    if manifest.schema not in revisions(versions):
        raise StoreRefused(f"{folder}: has schema {manifest.schema}: a newer trajaudit made it; install that one")
    _require_no_files(store)
    verify(folder, manifest)
    put: list[Path] = []
    try:
        with reached(store), store.writing() as session:
            connection = session.connection()
            _require_empty(connection, versions)
            migrate_within(connection, manifest.schema, versions)
            _load(connection, folder, manifest)
            migrate_within(connection, versions=versions)
            for table in base.Base.metadata.sorted_tables:
                count_on(connection, table)
            _put_files(store, folder, manifest, put)
    except BaseException as error:
        for path in put:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StoreRefused(f"{folder}: restoring was given up, and nothing was restored: {error}") from error
        raise
    return Restored(manifest, check(store, deep=True))


def _require_no_files(store: Store) -> None:
    lying = next(lying_files(store.folder, KINDS), None)
    if lying is not None:
        raise StoreRefused(f"{store.folder}: is not empty, such as {lying.name}: restore into a new folder")


def _require_empty(connection: Connection, versions: Folders) -> None:
    """Raises `StoreRefused` unless the database has no row of ours; nobody may add one meanwhile."""
    state = state_of(connection, versions)
    if state.state == "unknown":
        raise StoreRefused(f"the database is not empty: its schema is {state.current}; name a new one")
    there = MetaData()
    there.reflect(connection, only=lambda name, _: name in base.Base.metadata.tables)
    if connection.dialect.name == POSTGRESQL and there.tables:
        connection.execute(text(f"LOCK TABLE {', '.join(there.tables)} IN EXCLUSIVE MODE"))
    held = [t.name for t in there.sorted_tables if connection.execute(select(t).limit(1)).first() is not None]
    if held:
        raise StoreRefused(f"the database is not empty: rows in {', '.join(held)}; restore into a new one")


def _load(connection: Connection, folder: Path, manifest: Manifest) -> None:
    """Insert all rows. The tables are as the database has them: the backup may be older than this program."""
    tables = MetaData()
    tables.reflect(connection)
    for name, expected in manifest.tables.items():
        path = folder / table_file(name)
        if name not in tables.tables:
            raise StoreRefused(f"{path}: no such table in schema {manifest.schema}")
        try:
            n_rows = load_table(connection, tables.tables[name], path)
        except NotThatTable as error:
            raise StoreRefused(f"{path}: {error}") from error
        except DBAPIError as error:
            said = str(error.orig).partition("\n")[0]
            raise StoreRefused(f"{path}: {connection.dialect.name} does not take its rows: {said}") from error
        if n_rows != expected:
            raise StoreRefused(f"{path}: holds {n_rows} rows, expected {expected}")


def _put_files(store: Store, folder: Path, manifest: Manifest, put: list[Path]) -> None:
    """Copy the files into the store. They come before the rows are committed, so that no row is without its file."""
    for name, sha256 in manifest.files.items():
        if name.partition("/")[0] not in KINDS:
            continue
        with write_aside(store) as aside:
            shutil.copyfile(folder / name, aside)
            if sha256_of(aside) != sha256:
                raise StoreRefused(f"{folder / name}: was changed while it was restored; nothing was restored")
            put.append(store.folder / name)
            put_in_place(aside, store.folder / name)
