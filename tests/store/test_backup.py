"""A backup holds everything as of one moment, goes into either database, and is refused where it is damaged."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect, text

from store import backup as backups
from store.backup import backup, restore
from store.check import check
from store.engine import Store, StoreRefused
from store.files import KINDS, put_blob
from store.manifest import MANIFEST, read_manifest
from store.named_files import lying_files
from store.schema import BASE, migrate, require_current, revisions, tables_at
from store.tables.results import Notice
from tests.store.filled import fill, rows_of
from tests.store.test_migrations import ADD, DROP, steps
from tests.stores import DIALECTS


def made(store: Store, tmp_path: Path) -> Path:
    fill(store)
    backup(store, tmp_path / "backup")
    return tmp_path / "backup"


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: (folder / file.name).read_bytes() for file in lying_files(folder, KINDS)}


def is_empty(store: Store) -> bool:
    return files_of(store.folder) == {} and all(rows == [] for rows in rows_of(store).values())


# ---------------------------------------------------------------- there and back


@pytest.mark.parametrize("source", DIALECTS)
@pytest.mark.parametrize("target", DIALECTS)
def test_every_row_and_file_comes_back_in_either_database(
    tmp_path: Path, request: pytest.FixtureRequest, source: str, target: str
) -> None:
    fixtures = {"sqlite": "sqlite_store", "postgresql": "pg_store"}
    first: Store = request.getfixturevalue(fixtures[source])
    folder = made(first, tmp_path)
    if source == target:
        rows, files = rows_of(first), files_of(first.folder)
        migrate(first, BASE)
        for name in files:
            (first.folder / name).unlink()
        second = first
    else:
        rows, files = rows_of(first), files_of(first.folder)
        second = request.getfixturevalue(fixtures[target])
    restored = restore(folder, second)
    assert restored.troubles == []
    assert rows_of(second) == rows
    assert files_of(second.folder) == files
    assert restored.manifest.tables["findings"] == 3
    with second.writing() as session:
        notice = {"event_id": "new", "kind": "k", "payload": "{}", "created_ms": 1}
        session.execute(insert(Notice).values(**notice))
        assert session.scalar(text("SELECT max(id) FROM outbox")) == 3


def test_it_is_for_us_alone(store: Store, tmp_path: Path) -> None:
    folder = made(store, tmp_path)
    for path in [folder, *folder.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_the_same_store_gives_the_same_tables(store: Store, tmp_path: Path) -> None:
    first = made(store, tmp_path)
    assert backup(store, tmp_path / "again") == read_manifest(first)


def test_an_empty_folder_will_do(sqlite_store: Store, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir(mode=0o755)
    assert made(sqlite_store, tmp_path).stat().st_mode & 0o777 == 0o700


def test_files_are_copied_where_they_cannot_be_linked(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(backups.os, "link", no_links)
    folder = made(sqlite_store, tmp_path)
    assert files_of(folder) == files_of(sqlite_store.folder)
    for file in lying_files(folder, KINDS):
        assert (folder / file.name).stat().st_ino != (sqlite_store.folder / file.name).stat().st_ino


def test_it_is_of_one_moment_though_others_write(store: Store, tmp_path: Path) -> None:
    """A writer adds a row to two tables at once; whatever moment the backup has, it has as many in both."""
    stop = threading.Event()
    written = [0]

    def write() -> None:
        while not stop.is_set():
            written[0] += 1
            with store.writing() as session:
                session.execute(text(f"INSERT INTO leases VALUES ('n{written[0]}', 'us', 1, 0, 1)"))
                session.execute(
                    text(f"INSERT INTO users (name, created_ms, created_by) VALUES ('n{written[0]}', 1, 'us')")
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        counts = [backup(store, tmp_path / f"backup{n}").tables for n in range(3)]
    finally:
        stop.set()
        writer.join()
    assert all(count["leases"] == count["users"] for count in counts)
    assert written[0] > 3


def test_an_older_backup_is_migrated(store: Store, sqlite_store: Store, tmp_path: Path) -> None:
    folder = made(store, tmp_path)
    restored = restore(folder, sqlite_store, steps(tmp_path, ADD, DROP))
    assert [trouble.code for trouble in restored.troubles] == ["schema"]  # this program does not know the newer one
    with sqlite_store.reading() as session:
        assert session.scalars(text("SELECT weight FROM findings")).all() == [0.5] * 3


def test_a_store_that_is_behind_is_backed_up_as_it_is(store: Store, sqlite_store: Store, tmp_path: Path) -> None:
    """The other way round as in life: a program that knows one step more makes the backup."""
    later = steps(tmp_path, f"{ADD}\n    op.create_table('more', sa.Column('id', sa.Integer, primary_key=True))", DROP)
    fill(store)
    rows = rows_of(store)
    manifest = backup(store, tmp_path / "backup", later)
    assert (manifest.schema, "more" in manifest.tables) == (revisions()[-1], False)
    migrate(store, versions=later)
    manifest = backup(store, tmp_path / "later", later)
    assert (manifest.schema, manifest.tables["more"]) == ("9999", 0)
    assert restore(tmp_path / "backup", sqlite_store).troubles == []
    assert rows_of(sqlite_store) == rows


# ---------------------------------------------------------------- what cannot be backed up


def test_another_folder_is_not_touched(sqlite_store: Store, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for target in ("full", "file"):
        with pytest.raises(StoreRefused, match="new or empty"):
            backup(sqlite_store, tmp_path / target)
    with pytest.raises(StoreRefused, match="lies in the store itself"):
        backup(sqlite_store, sqlite_store.folder / "backup")
    assert (tmp_path / "full" / "mine").read_text() == (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize(
    ("damage", "said"),
    [(Path.unlink, "is not in the store"), (lambda path: path.write_bytes(b"x"), "is damaged in the store")],
)
def test_a_store_that_is_not_whole_gives_no_backup(
    sqlite_store: Store, tmp_path: Path, damage: Callable[[Path], object], said: str, is_there: bool
) -> None:
    fill(sqlite_store)
    target = tmp_path / "backup"
    if is_there:
        target.mkdir()
    (path,) = (sqlite_store.folder / "lake").rglob("*.parquet")
    damage(path)
    with pytest.raises(StoreRefused, match=f"{path.name}: {said}"):
        backup(sqlite_store, target)
    assert target.exists() == is_there
    assert not is_there or list(target.iterdir()) == []


def test_a_store_without_tables_gives_no_backup(store: Store, tmp_path: Path) -> None:
    migrate(store, BASE)
    with pytest.raises(StoreRefused, match="no tables yet"):
        backup(store, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


# ---------------------------------------------------------------- damaged backups


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [flipped, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("kind", ["tables/findings.parquet", "blobs", "lake", "passages"])
def test_a_damaged_file_is_named_and_nothing_is_restored(
    sqlite_store: Store, pg_store: Store, tmp_path: Path, kind: str, damage: Callable[[Path], object]
) -> None:
    folder = made(sqlite_store, tmp_path)
    path = folder / kind
    if path.is_dir():
        path = min(p for p in path.rglob("*") if p.is_file())
    damage(path)
    with pytest.raises(StoreRefused, match=f"the backup is damaged, 1 of .*{path.name}"):
        restore(folder, pg_store)
    assert is_empty(pg_store)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda text: text.replace('"findings": 3', '"findings": 2'), "does not fit its own SHA-256"),
        (lambda text: text[:-20], "cannot be read"),
        (lambda _: "[]", "is not the manifest of a backup"),
        (lambda _: '{"kind": "another"}', "is not the manifest of a backup"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "newer trajaudit"),
        (None, "is not a backup"),
    ],
)
def test_a_damaged_manifest_is_refused(
    sqlite_store: Store, tmp_path: Path, edit: Callable[[str], str] | None, said: str
) -> None:
    folder = made(sqlite_store, tmp_path)
    path = folder / MANIFEST
    if edit is None:
        path.unlink()
    else:
        path.write_text(edit(path.read_text()))
    with pytest.raises(StoreRefused, match=said):
        restore(folder, sqlite_store)


def test_a_manifest_that_leads_elsewhere_is_refused(sqlite_store: Store, pg_store: Store, tmp_path: Path) -> None:
    folder = made(sqlite_store, tmp_path)
    manifest = read_manifest(folder)
    for name in ("../outside", "/etc/passwd", "blobs/../../outside", "other/file"):
        files = {**manifest.files, name: "0" * 64}
        (folder / MANIFEST).write_text(backups.Manifest(*manifest_values(manifest)[:-1], files).text())
        with pytest.raises(StoreRefused, match="names what no backup has"):
            restore(folder, pg_store)


def manifest_values(manifest: backups.Manifest) -> list:
    return [getattr(manifest, name) for name in manifest.__slots__]


def test_a_newer_programs_backup_is_refused(sqlite_store: Store, tmp_path: Path) -> None:
    folder = made(sqlite_store, tmp_path)
    values = manifest_values(read_manifest(folder))
    (folder / MANIFEST).write_text(backups.Manifest("9998", *values[1:]).text())
    with pytest.raises(StoreRefused, match=r"has schema 9998: a newer trajaudit"):
        restore(folder, sqlite_store)


def test_only_an_empty_store_is_restored_into(store: Store, sqlite_store: Store, tmp_path: Path) -> None:
    folder = made(sqlite_store, tmp_path)
    with store.writing() as session:
        session.execute(text("INSERT INTO leases VALUES ('nightly', 'us', 1, 0, 1)"))
    with pytest.raises(StoreRefused, match="not empty: rows in leases"):
        restore(folder, store)
    with store.writing() as session:
        session.execute(text("DELETE FROM leases"))
    put_blob(store, b"mine")
    with pytest.raises(StoreRefused, match="is not empty, such as blobs/"):
        restore(folder, store)


def test_rows_that_the_other_database_does_not_take_are_refused_whole(
    sqlite_store: Store, pg_store: Store, tmp_path: Path
) -> None:
    """SQLite does not mind the length of texts, nor a NUL in them; PostgreSQL does."""
    fill(sqlite_store)
    with sqlite_store.writing() as session:
        session.execute(text("INSERT INTO leases VALUES (:name, 'us', 1, 0, 1)"), {"name": "x" * 65})
    folder = tmp_path / "backup"
    backup(sqlite_store, folder)
    with pytest.raises(StoreRefused, match=r"leases\.parquet: postgresql does not take its rows: value too long"):
        restore(folder, pg_store)
    assert is_empty(pg_store)


def test_a_restore_that_is_cut_short_leaves_the_store_empty(
    store: Store, sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(sqlite_store, tmp_path)
    migrate(store, BASE)
    real, calls = backups.put_in_place, []

    def full_disk(aside: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        real(aside, target)

    monkeypatch.setattr(backups, "put_in_place", full_disk)
    with pytest.raises(StoreRefused, match="No space left"):
        restore(folder, store)
    assert files_of(store.folder) == {}
    with store.engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    monkeypatch.undo()
    assert restore(folder, store).troubles == []


def test_troubles_of_the_store_come_back_with_it(sqlite_store: Store, pg_store: Store, tmp_path: Path) -> None:
    fill(sqlite_store)
    with sqlite_store.writing() as session:
        session.execute(text("DELETE FROM case_events WHERE case_id = 'C1' AND seq = 2"))
    backup(sqlite_store, tmp_path / "backup")
    restored = restore(tmp_path / "backup", pg_store)
    assert restored.troubles == check(sqlite_store)
    assert [trouble.code for trouble in restored.troubles] == ["event-gap"]
    require_current(pg_store)


def test_older_tables_are_known_by_the_steps(tmp_path: Path) -> None:
    later = steps(tmp_path, "op.create_table('more', sa.Column('id', sa.Integer, primary_key=True))", "pass")
    assert tables_at("9999", later) == tables_at(revisions()[-1], later) | {"more"}


def test_a_manifest_says_what_there_is(store: Store, tmp_path: Path) -> None:
    folder = made(store, tmp_path)
    told = json.loads((folder / MANIFEST).read_text())
    assert told["schema"] == revisions()[-1]
    assert told["made_ms"] == store.clock()
    assert told["tables"] == {name: len(rows) for name, rows in rows_of(store).items()}
    lying = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(told["files"]) == lying - {MANIFEST}
