"""The store's files: once by digest, whole or not at all, for nobody else to read."""

from __future__ import annotations

import hashlib
import os
from datetime import date
from pathlib import Path

import pytest

from store.check import DAY_MS
from store.engine import Store
from store.files import (
    ASIDE,
    blob_path,
    put_blob,
    put_partition,
    put_passages,
    remove_if_old,
    sha256_of,
    write_aside,
)


def age(path: Path, ms: int) -> None:
    os.utime(path, ns=(ms * 1_000_000, ms * 1_000_000))


def aside_of(store: Store) -> list[Path]:
    return list((store.folder / ASIDE).glob("*"))


def test_bytes_and_a_file_of_the_same_bytes_are_one_blob(sqlite_store: Store, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    source = tmp_path / "source"
    source.write_bytes(content)
    sha256 = put_blob(sqlite_store, source)
    assert sha256 == hashlib.sha256(content).hexdigest() == put_blob(sqlite_store, content)
    path = blob_path(sqlite_store, sha256)
    assert path.relative_to(sqlite_store.folder).as_posix() == f"blobs/{sha256[:2]}/{sha256}"
    assert path.read_bytes() == content
    assert len([p for p in (sqlite_store.folder / "blobs").rglob("*") if p.is_file()]) == 1
    assert aside_of(sqlite_store) == []


def test_files_and_folders_are_for_us_alone(sqlite_store: Store) -> None:
    path = blob_path(sqlite_store, put_blob(sqlite_store, b"x"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == path.parent.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_there_is_not_written_again_but_made_young(sqlite_store: Store) -> None:
    path = blob_path(sqlite_store, put_blob(sqlite_store, b"x"))
    inode = path.stat().st_ino
    age(path, 1_000)
    put_blob(sqlite_store, b"x")
    assert path.stat().st_ino == inode
    assert path.stat().st_mtime > 1_000
    assert not remove_if_old(sqlite_store, path, 1_000 + DAY_MS)


def test_what_was_cut_short_is_put_right(sqlite_store: Store) -> None:
    path = blob_path(sqlite_store, put_blob(sqlite_store, b"whole"))
    path.write_bytes(b"who")
    put_blob(sqlite_store, b"whole")
    assert path.read_bytes() == b"whole"


def test_an_empty_file_is_a_blob(sqlite_store: Store) -> None:
    assert blob_path(sqlite_store, put_blob(sqlite_store, b"")).read_bytes() == b""


def test_what_is_given_up_leaves_nothing(sqlite_store: Store) -> None:
    with pytest.raises(IsADirectoryError), write_aside(sqlite_store) as aside:
        put_blob(sqlite_store, aside.parent)
    assert aside_of(sqlite_store) == []


def test_telemetry_and_passages_have_their_places(sqlite_store: Store) -> None:
    for put, where in (
        (lambda aside: put_partition(sqlite_store, date(2026, 3, 18), 3, aside), "lake/day=2026-03-18/bucket=03/"),
        (lambda aside: put_passages(sqlite_store, date(2026, 3, 18), aside), "passages/day=2026-03-18/"),
    ):
        with write_aside(sqlite_store) as aside:
            aside.write_bytes(b"PAR1")
            name, sha256 = put(aside)
        assert name == f"{where}{sha256}.parquet"
        assert sha256_of(sqlite_store.folder / name) == sha256
    assert aside_of(sqlite_store) == []


def test_only_old_files_are_removed(sqlite_store: Store) -> None:
    path = blob_path(sqlite_store, put_blob(sqlite_store, b"x"))
    age(path, 5_000)
    assert not remove_if_old(sqlite_store, path, 5_000)
    assert remove_if_old(sqlite_store, path, 5_001)
    assert not path.exists()
    assert not remove_if_old(sqlite_store, path, 5_001)
