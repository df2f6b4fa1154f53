"""The files of the store: where each lies by its digest, and how it gets there, whole or not at all.

    blobs/ab/SHA256                                       a register or a track file; ab: first two digits of SHA256
    lake/day=2026-03-18/bucket=03/SHA256.parquet          telemetry
    passages/day=2026-03-18/SHA256.parquet                passages in scope

A file is never changed. It is written in `aside/`, flushed to the disk, and renamed. Its row in the database comes
after it, in a transaction that may fail: a file that no row names is swept when it is a day old (`store.check`).
Putting it in place once more makes it young again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from store.engine import Store

BLOBS, LAKE, PASSAGES = "blobs", "lake", "passages"
KINDS = (BLOBS, LAKE, PASSAGES)
ASIDE = "aside"
LOCK = "files.lock"
CHUNK = 1 << 20


def blob_name(sha256: str) -> str:
    """Return where a blob lies, from the store's folder.

    >>> blob_name("ab" + "0" * 62) == "blobs/ab/ab" + "0" * 62
    True
    """
    return f"{BLOBS}/{sha256[:2]}/{sha256}"


def partition_name(service_date: date, bucket: int, sha256: str) -> str:
    """Return where a partition of the telemetry lies, from the store's folder: `Partition.path`.

    >>> partition_name(date(2026, 3, 18), 3, "ab")
    'lake/day=2026-03-18/bucket=03/ab.parquet'
    """
    return f"{LAKE}/day={service_date.isoformat()}/bucket={bucket:02d}/{sha256}.parquet"


def passages_name(service_date: date, sha256: str) -> str:
    """Return where the passages of a night lie, from the store's folder: `PassageSet.path`.

    >>> passages_name(date(2026, 3, 18), "ab")
    'passages/day=2026-03-18/ab.parquet'
    """
    return f"{PASSAGES}/day={service_date.isoformat()}/{sha256}.parquet"


def blob_path(store: Store, sha256: str) -> Path:
    """Return the file of a blob."""
    return store.folder / blob_name(sha256)


def partition_path(store: Store, service_date: date, bucket: int, sha256: str) -> Path:
    """Return the file of a partition of the telemetry."""
    return store.folder / partition_name(service_date, bucket, sha256)


def passages_path(store: Store, service_date: date, sha256: str) -> Path:
    """Return the file of a night's passages."""
    return store.folder / passages_name(service_date, sha256)


def sha256_of(path: Path) -> str:
    """Return the digest of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def write_aside(store: Store) -> Iterator[Path]:
    """Give the path of an empty file (mode 0600) to be written and then handed to a `put_...`; else it goes."""
    aside = _made(store.folder / ASIDE)
    handle, name = tempfile.mkstemp(dir=aside)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def put_blob(store: Store, content: Path | bytes) -> str:
    """Keep a file's bytes, once; return their digest. The file is read in pieces and may be of any size."""
    with _source(content) as source:
        digest = hashlib.sha256()
        size = _copy(source, None, digest)
        if _kept(store, blob_name(digest.hexdigest()), size):
            return digest.hexdigest()
        source.seek(0)
        with write_aside(store) as aside:
            # Hashed once more: the name must be that of what was written, whatever became of the file meanwhile.
            digest = hashlib.sha256()
            with aside.open("wb") as target:
                _copy(source, target, digest)
            _put(store, aside, blob_name(digest.hexdigest()))
    return digest.hexdigest()


def put_partition(store: Store, service_date: date, bucket: int, aside: Path) -> tuple[str, str]:
    """Put a written Parquet file in its place in the lake; return its path from the store's folder, and its digest."""
    sha256 = sha256_of(aside)
    name = partition_name(service_date, bucket, sha256)
    _put(store, aside, name)
    return name, sha256


def put_passages(store: Store, service_date: date, aside: Path) -> tuple[str, str]:
    """Put a written Parquet file of passages in its place; return its path from the store's folder, and its digest."""
    sha256 = sha256_of(aside)
    name = passages_name(service_date, sha256)
    _put(store, aside, name)
    return name, sha256


def flush(path: Path) -> None:
    """Have a file, or a folder's list of names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_in_place(aside: Path, target: Path) -> None:
    """Rename a written file, once it is on the disk; its folders are made with mode 0700."""
    aside.chmod(0o600)
    flush(aside)
    folder = _made(target.parent)
    aside.replace(target)
    flush(folder)


def remove_if_old(store: Store, path: Path, before_ms: int) -> bool:
    """Remove a file that was put in place before a time; return whether it went."""
    with _held(store):
        try:
            if path.lstat().st_mtime_ns // 1_000_000 >= before_ms:
                return False
        except FileNotFoundError:
            return False
        path.unlink()
        return True


def _put(store: Store, aside: Path, name: str) -> None:
    if not _kept(store, name, aside.stat().st_size):
        put_in_place(aside, store.folder / name)


def _kept(store: Store, name: str, size: int) -> bool:
    """Whether the content is here already. It is made young, so that no sweep takes it before its row is there."""
    path = store.folder / name
    with _held(store):
        try:
            if path.stat().st_size != size:
                return False
            os.utime(path)
        except FileNotFoundError:
            return False
        return True


@contextmanager
def _held(store: Store) -> Iterator[None]:
    """Hold the lock that keeps a sweep from taking a file while it is being counted on."""
    handle = os.open(store.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _source(content: Path | bytes) -> Iterator[BinaryIO]:
    with BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
        yield source


def _copy(source: BinaryIO, target: BinaryIO | None, digest: hashlib._Hash) -> int:
    size = 0
    while piece := source.read(CHUNK):
        digest.update(piece)
        size += len(piece)
        if target is not None:
            target.write(piece)
    return size


def _made(folder: Path) -> Path:
    """Make a folder and those above it, each private and each noted in the one above."""
    if not folder.is_dir():
        _made(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        flush(folder.parent)
    return folder
