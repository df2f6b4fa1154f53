"""The check finds each kind of damage, and nothing in a store that is whole."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from store.check import DAY_MS, NEW_FILE, ORPHAN, Trouble, check, sweep
from store.engine import DATABASE_FILE, Store, StoreRefused, open_store
from store.files import ASIDE, blob_path, put_blob, sha256_of, write_aside
from store.schema import BASE, migrate, revisions
from tests.store.filled import BLOBS, DAY, fill
from tests.stores import START_MS, Clock


@pytest.fixture
def filled(store: Store) -> Store:
    fill(store)
    return store


def run(store: Store, *statements: str) -> None:
    with store.writing() as session:
        for statement in statements:
            session.execute(text(statement))


def only(store: Store, kind: str) -> Path:
    """The one file of the lake, or of the passages."""
    (path,) = (store.folder / kind).rglob("*.parquet")
    return path


def blob(store: Store) -> Path:
    return blob_path(store, put_blob(store, BLOBS[0]))


def codes(store: Store, deep: bool = False) -> list[tuple[str, str]]:
    return [(trouble.code, trouble.subject) for trouble in check(store, deep)]


def _gap(found: str) -> Trouble:
    return Trouble("event-gap", "C1", found, "3 (1-3)")


@pytest.mark.parametrize("deep", [False, True])
def test_a_store_that_is_whole(filled: Store, deep: bool) -> None:
    assert check(filled, deep) == []


def test_an_empty_store_is_whole(store: Store) -> None:
    assert check(store, deep=True) == []


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM case_events WHERE case_id = 'C1' AND seq = 2", _gap("2 (1-3)")),
        ("DELETE FROM case_events WHERE case_id = 'C1' AND seq = 3", _gap("2 (1-2)")),
        ("DELETE FROM case_events WHERE case_id = 'C1'", _gap("0 (None-None)")),
        ("UPDATE case_events SET seq = 4 WHERE case_id = 'C1' AND seq = 1", _gap("3 (2-4)")),
        ("UPDATE case_events SET seq = 0 WHERE case_id = 'C2'", Trouble("event-gap", "C2", "1 (0-0)", "1 (1-1)")),
        ("DELETE FROM cases WHERE case_id = 'C2'", Trouble("lone-events", "C2", "0", "1")),
        (
            "UPDATE register_versions SET superseded_ms = NULL",
            Trouble("versions", "register_versions 2026-03-18 zones", "2", "1"),
        ),
        (
            "UPDATE register_versions SET superseded_ms = 7 WHERE register = 'staff'",
            Trouble("versions", "register_versions 2026-03-18 staff", "0", "1"),
        ),
        (
            "UPDATE night_files SET name = 'vehicles.csv'",
            Trouble("versions", "night_files 2026-03-18 vehicles.csv", "2", "1"),
        ),
        ("DELETE FROM blobs WHERE size = 17", Trouble("no-blob", "night_files " + "{blob}", "0", "1")),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit(filled: Store, statement: str, expected: Trouble) -> None:
    run(filled, statement)
    path = blob(filled)
    found = [trouble for trouble in check(filled) if trouble.code not in {"orphan", "new-file"}]
    subject = expected.subject.replace("{blob}", path.name)
    assert found == [Trouble(expected.code, subject, expected.found, expected.expected)]
    assert found[0].is_fault


def test_two_current_versions_of_a_finding(filled: Store) -> None:
    run(filled, "DROP INDEX uq_findings_current", "UPDATE findings SET superseded_ms = NULL")
    assert check(filled) == [Trouble("versions", "findings F1", "2", "1")]


# ---------------------------------------------------------------- files


def test_a_file_that_is_missing(filled: Store) -> None:
    paths = [blob(filled), only(filled, "lake"), only(filled, "passages")]
    for path in paths:
        path.unlink()
    assert codes(filled) == [("missing-file", path.relative_to(filled.folder).as_posix()) for path in paths]


def test_a_link_is_not_taken_for_a_file(filled: Store, tmp_path: Path) -> None:
    path = blob(filled)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert codes(filled, deep=True) == [("missing-file", path.relative_to(filled.folder).as_posix())]


def test_a_superseded_file_may_have_gone_but_not_be_damaged(filled: Store) -> None:
    run(filled, "UPDATE partitions SET superseded_ms = 9")
    path = only(filled, "lake")
    path.write_bytes(b"damaged")
    assert codes(filled, deep=True) == [("wrong-digest", path.relative_to(filled.folder).as_posix())]
    path.unlink()
    assert check(filled, deep=True) == []


def test_a_blob_of_another_size(filled: Store) -> None:
    path = blob(filled)
    path.write_bytes(b"short")
    name = path.relative_to(filled.folder).as_posix()
    assert check(filled) == [Trouble("wrong-size", name, "5", str(len(BLOBS[0])))]


@pytest.mark.parametrize("kind", ["blobs", "lake", "passages"])
def test_other_bytes_are_found_only_by_reading(filled: Store, kind: str) -> None:
    path = blob(filled) if kind == "blobs" else only(filled, kind)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert check(filled) == []
    assert codes(filled, deep=True) == [("wrong-digest", path.relative_to(filled.folder).as_posix())]


@pytest.mark.parametrize(
    ("kind", "table", "column"), [("lake", "partitions", "n_rows"), ("passages", "passage_sets", "n_passages")]
)
def test_another_number_of_rows(filled: Store, kind: str, table: str, column: str) -> None:
    run(filled, f"UPDATE {table} SET {column} = 17")
    (found,) = check(filled, deep=True)
    assert (found.code, found.expected) == ("wrong-rows", "17")
    assert check(filled) == []


def test_a_file_that_is_not_parquet(filled: Store) -> None:
    path = only(filled, "lake")
    path.write_bytes(b"PAR1 not at all")
    sha256 = sha256_of(path)
    moved = path.with_name(f"{sha256}.parquet")
    path.rename(moved)
    name = moved.relative_to(filled.folder).as_posix()
    run(filled, f"UPDATE partitions SET path = '{name}', sha256 = '{sha256}' WHERE superseded_ms IS NULL")
    assert codes(filled, deep=True) == [("unreadable", name)]


def test_a_path_that_leads_elsewhere(filled: Store) -> None:
    run(filled, "UPDATE partitions SET path = '../elsewhere' WHERE superseded_ms IS NULL")
    assert ("misplaced", "../elsewhere") in codes(filled, deep=True)


def test_a_folder_with_signs_of_patterns(tmp_path: Path) -> None:
    store = open_store(tmp_path / "[a]*?{b}")
    migrate(store)
    fill(store)
    assert check(store, deep=True) == []
    store.close()


# ---------------------------------------------------------------- files that no row names


def orphans(store: Store, ms: int) -> list[str]:
    """A blob, a partition and a file that was being written, left behind at a time."""
    with write_aside(store) as aside:
        pq.write_table(pa.table({"a": [1]}), aside)
        left = store.folder / ASIDE / "left"
        aside.rename(left)
    lone = store.folder / f"lake/day={DAY}/bucket=07"
    lone.mkdir(parents=True)
    (lone / "x.parquet").write_bytes(b"x")
    paths = [left, blob_path(store, put_blob(store, b"nobody's")), lone / "x.parquet"]
    for path in paths:
        os.utime(path, ns=(ms * 1_000_000, ms * 1_000_000))
    return sorted(path.relative_to(store.folder).as_posix() for path in paths)


def test_files_without_a_row_are_swept_when_they_are_old(filled: Store) -> None:
    names = orphans(filled, START_MS - DAY_MS)
    assert sorted(codes(filled)) == [("new-file", name) for name in names]
    assert not any(trouble.is_fault for trouble in check(filled))
    assert sweep(filled) == []
    filled.clock.ms += 1
    assert sorted(codes(filled)) == [("orphan", name) for name in names]
    assert all(trouble.is_fault for trouble in check(filled))
    assert sorted(sweep(filled)) == names
    assert check(filled, deep=True) == []
    assert sweep(filled) == []


def test_a_file_of_what_was_erased_is_without_a_row(filled: Store) -> None:
    path = only(filled, "lake")
    os.utime(path, ns=(0, 0))
    run(filled, "UPDATE partitions SET erased_ms = 9")
    assert codes(filled) == [("orphan", path.relative_to(filled.folder).as_posix())]
    sweep(filled)
    assert not path.exists()


def test_what_is_counted_on_again_is_not_swept(filled: Store) -> None:
    path = blob_path(filled, put_blob(filled, b"nobody's"))
    os.utime(path, ns=(0, 0))
    put_blob(filled, b"nobody's")
    assert sweep(filled) == []
    assert path.exists()


def test_another_stores_files_are_not_swept(filled: Store, tmp_path: Path) -> None:
    """A database that names no file of a full folder is the wrong one, most likely."""
    for path in filled.folder.rglob("*"):
        os.utime(path, ns=(0, 0))
    other = open_store(filled.folder, f"sqlite:///{tmp_path / 'other.db'}", Clock())
    migrate(other)
    with pytest.raises(StoreRefused, match="names none of the files"):
        sweep(other)
    other.close()
    assert check(filled, deep=True) == []


# ---------------------------------------------------------------- database


def test_another_schema_is_the_only_trouble_told(store: Store) -> None:
    migrate(store, BASE)
    assert check(store) == [Trouble("schema", "", "- (empty)", revisions()[-1])]


def test_a_damaged_database(sqlite_store: Store) -> None:
    fill(sqlite_store)
    with sqlite_store.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_cases_state'"
        ).scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    sqlite_store.close()
    with (sqlite_store.folder / DATABASE_FILE).open("r+b") as file:
        file.seek((page - 1) * size + 8)
        file.write(os.urandom(size - 8))
    found = check(sqlite_store)
    assert {trouble.code for trouble in found} == {"database"}


def test_a_row_that_refers_to_nothing(sqlite_store: Store) -> None:
    run(sqlite_store, "CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES grants (id))")
    with sqlite_store.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("INSERT INTO child VALUES (1, 77)")
    assert check(sqlite_store) == [Trouble("foreign-key", "child 1", "", "grants")]


def test_every_code_is_explained() -> None:
    from runs.store_care import MEANINGS

    code = Path(check.__code__.co_filename).read_text("utf-8")
    assert {*re.findall(r'Trouble\(\s*"([a-z-]+)"', code), NEW_FILE, ORPHAN} == set(MEANINGS)
