"""Erasing what is past its period: first one transaction, in which the rows go and a tombstone comes, then the files.

Killed before the transaction ends, nothing was erased. Killed after it, files are left that no row counts on: each run
removes those of runs before it. What is erased is what `preview` shows, looked at once more within the transaction.

What is gone from the store may be in backups: they are not touched.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import CursorResult, delete, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from store import access_log, lease
from store.check import DAY_MS
from store.engine import SQLITE, Store, StoreRefused, now_ms
from store.files import BLOBS, KINDS, LAKE, PASSAGES, passages_name, put_passages, remove_if_old, write_aside
from store.named_files import lying_files, named_files
from store.passages import passages_parquet, read_passages_parquet, without_faces
from store.registers import REGISTERS
from store.retention_plan import CANDIDATES, FINDINGS, LOG, TRACKS, Periods, Plan, preview
from store.retention_plan import PASSAGES as PASSAGES_KIND
from store.retention_rows import findings_due, in_parts, register_contents_due
from store.signing import ERASE, SUBJECT_KIND, add_tombstone, digest_of
from store.tables.base import Base
from store.tables.nights import Blob, Night, Partition, PassageSet
from store.tables.results import Run

__all__ = ["By", "Done", "Periods", "Plan", "PlanChanged", "preview", "run"]

FORMAT = 1
NOTHING = "-"
_LEASE_MS = 600_000
_PATIENCE_S = 10.0
_SKEW_MS = 60_000
POINTS = ("retention-files-written", "retention-before-commit", "retention-committed", "retention-files-removed")
"""Moments between which a run may be killed, in order."""


class PlanChanged(StoreRefused):
    """What is past its period is no longer what was shown: look at it again."""


@dataclass(frozen=True, slots=True)
class By:
    """Who erases, in which role, and the key that signs for it."""

    actor: str
    role: str
    key: Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a run. `tombstone`: its number, None where nothing was due; `damaged`: files with faces that
    cannot be read, and therefore not be erased by halves; `removed`: files; `is_scrubbed`: whether the erased bytes are
    gone from the database's own files, too.
    """

    plan: Plan
    tombstone: int | None
    damaged: tuple[str, ...]
    removed: int
    is_scrubbed: bool


def run(store: Store, plan: Plan, by: By, reached: Callable[[str], None] = lambda _: None) -> Done:
    """Erase what a preview showed, and nothing else; raises `PlanChanged` where that is no longer what is due.

    Raises `LeaseTaken` while a nightly runs. `reached` is told each of `POINTS`.
    """
    began_ms = now_ms()  # of the machine, as the files' own times
    with _alone(store) as held:
        faceless, damaged = _without_faces(store, plan)
        reached(POINTS[0])
        with store.writing() as session:
            lease.check(session, held)
            done, number = _erase(session, store, plan, by, faceless, frozenset(damaged))
            reached(POINTS[1])
        reached(POINTS[2])
        removed = remove_erased(store, began_ms)
        reached(POINTS[3])
    return Done(done, number, tuple(sorted(damaged.values())), removed, scrub(store, rebuild=number is not None))


@contextmanager
def _alone(store: Store) -> Iterator[lease.Held]:
    """Hold the nightly's lease: it must not take in a file while that is being erased."""
    held = lease.take(store, lease.NIGHTLY, _LEASE_MS)
    try:
        with lease.renewed(store, held, _LEASE_MS):
            yield held
    finally:
        lease.release(store, held)


# ---------------------------------------------------------------- faces
def _without_faces(store: Store, plan: Plan) -> tuple[dict[int, str], dict[int, str]]:
    """Write the files that take the place of those with faces; return their paths, and those of the damaged ones."""
    written, damaged = dict[int, str](), dict[int, str]()
    with store.reading() as session:
        rows = [r for key in plan.share(CANDIDATES).keys.get("passage_sets", ()) if (r := session.get(PassageSet, key))]
    for row in rows:
        try:
            passages = read_passages_parquet((store.folder / row.path).read_bytes())
        except FileNotFoundError:
            written[row.id] = row.path  # gone already, faces and all: one that was superseded may have
            continue
        except (OSError, ValueError, TypeError, pa.ArrowException):
            damaged[row.id] = row.path
            continue
        with write_aside(store) as aside:
            aside.write_bytes(passages_parquet(without_faces(passages)))
            written[row.id], _ = put_passages(store, row.service_date, aside)
    return written, damaged


# ---------------------------------------------------------------- one transaction
def _erase(
    session: Session, store: Store, plan: Plan, by: By, faceless: Mapping[int, str], damaged: frozenset[int]
) -> tuple[Plan, int | None]:
    access_log.alone(session)
    if preview(store, session, plan.periods, plan.now_ms, plan.local) != plan:
        raise PlanChanged("what is past its period has changed since it was shown: look at the preview again")
    if damaged:
        plan = preview(store, session, plan.periods, plan.now_ms, plan.local, damaged)
    at_ms = store.clock()
    if plan.is_empty:
        _note(session, by, at_ms, NOTHING, NOTHING)
        return plan, None
    if store.dialect == SQLITE:
        session.execute(text("PRAGMA secure_delete=ON"))
    _mark(session, plan, faceless, at_ms)
    _erase_findings(session, plan)
    tombstone = add_tombstone(session, by.key, by.actor, at_ms, _told(plan))
    _note(session, by, at_ms, str(tombstone.id), digest_of(tombstone))
    if plan.cut is not None:
        # After our own entry: so nothing but what was looked at is older.
        first = plan.periods.first_kept(LOG, plan.now_ms, plan.local)
        assert first is not None, "what is cut is past a period"
        done = access_log.cut(session, plan.local.service_day(first).start_ms)
        assert done == plan.cut, "the log is held by us"
    return plan, tombstone.id


def _told(plan: Plan) -> dict[str, Any]:
    """Return what a tombstone says beside who and when."""
    told = {share.kind: share.told() for share in plan.shares if not share.is_empty or share.kept}
    cut = {} if plan.cut is None else {access_log.TOMBSTONE: plan.cut._asdict()}
    return {"format": FORMAT, "periods": asdict(plan.periods), "erased": told, **cut}


def _note(session: Session, by: By, at_ms: int, number: str, reason: str) -> None:
    access_log.append(session, [access_log.Entry(at_ms, by.actor, by.role, ERASE, SUBJECT_KIND, number, reason)])


def _mark(session: Session, plan: Plan, faceless: Mapping[int, str], at_ms: int) -> None:
    """Mark the rows of which the content goes."""
    for key in plan.share(CANDIDATES).keys.get("passage_sets", ()):
        values = {"faces_erased_ms": at_ms, "path": faceless[key]}
        session.execute(update(PassageSet).where(PassageSet.id == key).values(**values))
    tracks = plan.share(TRACKS).keys
    marked: tuple[tuple[Any, Any, tuple[Any, ...]], ...] = (
        (PassageSet, PassageSet.id, plan.share(PASSAGES_KIND).keys.get("passage_sets", ())),
        (Blob, Blob.sha256, tracks.get("blobs", ())),
        (Partition, Partition.id, tracks.get("partitions", ())),
    )
    for table, column, keys in marked:
        for part in in_parts(keys):
            session.execute(update(table).where(column.in_(part)).values(erased_ms=at_ms))


def _erase_findings(session: Session, plan: Plan) -> None:
    """Erase answers, cases and registers; a night without its answers is marked, so that it is not asked again."""
    share = plan.share(FINDINGS)
    if share.before is None or share.is_empty:
        return
    contents = register_contents_due(session, share.before)
    done = {
        name: _deleted(session, delete(table).where(condition))
        for name, (table, condition) in findings_due(share.before).items()
    }
    done["registers"] = sum(
        _deleted(session, delete(REGISTERS[name].table).where(REGISTERS[name].table.content.in_(part)))
        for name, held in contents.items()
        for part in in_parts(held)
    )
    assert {name: n for name, n in done.items() if n} == share.rows, "what was looked at is what goes"
    for part in in_parts(share.nights):
        session.execute(update(Night).where(Night.service_date.in_(part)).values(rules=None, counts=None))
        # What went wrong, and what was warned of, quotes the night's registers.
        session.execute(update(Run).where(Run.service_date.in_(part)).values(trouble=None, counts=None))


def _deleted(session: Session, statement: Any) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount


# ---------------------------------------------------------------- files
def remove_erased(store: Store, began_ms: int) -> int:
    """Remove the files of which the rows say that they are erased; return how many went.

    One that was put there once more after its row was written may be part of a delivery that is being taken in, whose
    row is about to say so: it stays for a day. `began_ms`: the machine's time before the rows were marked.
    """
    with store.reading() as session:
        found = list(_erased_files(store, session))
    return sum(
        remove_if_old(store, store.folder / name, max(recorded_ms + _SKEW_MS, began_ms - DAY_MS))
        for name, recorded_ms in found
    )


def _erased_files(store: Store, session: Session) -> Iterator[tuple[str, int]]:
    """Give the names of erased files that lie there all the same, with when their rows were written."""
    p, q = Partition, PassageSet
    needed = {file.name for file in named_files(session) if file.kind != BLOBS}
    parts = session.execute(select(p.path, p.recorded_ms).where(p.erased_ms.is_not(None)))
    gone = dict(iter(parts))
    sets = select(q.service_date, q.sha256, q.path, q.recorded_ms, q.erased_ms)
    for day, sha256, path, recorded_ms, erased_ms in session.execute(
        sets.where(q.erased_ms.is_not(None) | q.faces_erased_ms.is_not(None))
    ):
        # With faces it lay under the digest by which it came.
        gone[passages_name(day, sha256)] = recorded_ms
        if erased_ms is not None:
            gone[path] = recorded_ms
    lying = {kind: [file.name for file in lying_files(store.folder, (kind,))] for kind in KINDS}
    yield from ((n, gone[n]) for kind in (LAKE, PASSAGES) for n in lying[kind] if n in gone and n not in needed)
    for part in in_parts(lying[BLOBS]):
        names = {Path(name).name: name for name in part}
        asked = select(Blob.sha256, Blob.recorded_ms).where(Blob.sha256.in_(names), Blob.erased_ms.is_not(None))
        yield from ((names[sha256], recorded_ms) for sha256, recorded_ms in session.execute(asked))


# ---------------------------------------------------------------- the database's own files
def scrub(store: Store, *, rebuild: bool) -> bool:
    """Have erased rows gone from the database's files; return whether they are: somebody who reads may hold it up.

    SQLite: the file is written anew (`rebuild`), and the write-ahead log emptied. PostgreSQL: VACUUM, which frees the
    space of erased rows; it is overwritten as the database needs it.
    """
    try:
        return _scrub_sqlite(store, rebuild) if store.dialect == SQLITE else _vacuum(store, rebuild)
    except (DBAPIError, sqlite3.Error):
        return False


def _scrub_sqlite(store: Store, rebuild: bool) -> bool:
    store.engine.dispose()  # our own idle connections must not hold it up
    with store.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None, "the connection is open"
        if rebuild:
            driver.execute("VACUUM")
        until = time.monotonic() + _PATIENCE_S
        while True:
            is_busy, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not is_busy or time.monotonic() > until:
                return not is_busy
            time.sleep(0.1)


def _vacuum(store: Store, rebuild: bool) -> bool:
    if rebuild:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in Base.metadata.sorted_tables:
                connection.execute(text(f"VACUUM {table.name}"))  # names of our own tables
    return True
