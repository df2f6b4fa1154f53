"""The files that the rows of the store name, beside those that lie there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.engine import Store
from store.files import ASIDE, BLOBS, KINDS, LAKE, PASSAGES, blob_name, partition_name, passages_name
from store.tables.nights import Blob, Partition, PassageSet


@dataclass(frozen=True, slots=True)
class Named:
    """A file that a row names. `size`, `n_rows`: None where the row does not say.

    `place`: where a file of this content belongs, by which its path can be told from a wrong one. `is_needed`: it must
    be there; one that was superseded may have gone.
    """

    kind: str
    name: str
    place: str
    sha256: str
    size: int | None
    n_rows: int | None
    is_needed: bool


@dataclass(frozen=True, slots=True)
class Lying:
    """A file that lies in the store, and when it was put there."""

    name: str
    size: int
    put_ms: int


def named_files(session: Session) -> Iterator[Named]:
    """Give what every row names that was not erased; one file may come more than once.

    Asks for no more columns than it needs, so that a store whose schema is behind can be backed up, too.
    """
    p, q = Partition, PassageSet
    for sha256, size in session.execute(select(Blob.sha256, Blob.size).where(Blob.erased_ms.is_(None))):
        yield Named(BLOBS, blob_name(sha256), blob_name(sha256), sha256, size, None, is_needed=True)
    parts = select(p.service_date, p.bucket, p.path, p.sha256, p.n_rows, p.superseded_ms).where(p.erased_ms.is_(None))
    for day, bucket, path, sha256, n_rows, superseded_ms in session.execute(parts):
        yield Named(LAKE, path, partition_name(day, bucket, sha256), sha256, None, n_rows, superseded_ms is None)
    sets = select(q.service_date, q.path, q.sha256, q.faces_erased_ms, q.n_passages, q.superseded_ms)
    for day, path, came_as, faces_ms, n_rows, superseded_ms in session.execute(sets.where(q.erased_ms.is_(None))):
        sha256 = came_as if faces_ms is None else Path(path).stem
        yield Named(PASSAGES, path, passages_name(day, sha256), sha256, None, n_rows, superseded_ms is None)


def lying_files(folder: Path, kinds: tuple[str, ...] = (*KINDS, ASIDE)) -> Iterator[Lying]:
    """Give every file of these folders, with its name from the store's folder."""
    for kind in kinds:
        for path in sorted((folder / kind).rglob("*")):
            try:
                held = path.lstat()
            except FileNotFoundError:
                continue  # put in place, or erased, in between
            if not path.is_dir() or path.is_symlink():
                yield Lying(path.relative_to(folder).as_posix(), held.st_size, held.st_mtime_ns // 1_000_000)


def is_regular(store: Store, name: str) -> bool:
    """Whether a name is that of a plain file in the store, not of a link to somewhere else."""
    path = store.folder / name
    return path.is_file() and not path.is_symlink()
