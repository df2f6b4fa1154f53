"""Whether a store is whole: its database in itself, its files beside the rows that name them, its versions and events.

Reads only. What is found is told as codes, so that whoever shows it can say it in any language.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import case, func, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from store.engine import SQLITE, Store, StoreRefused
from store.files import ASIDE, KINDS, remove_if_old, sha256_of
from store.named_files import Lying, Named, is_regular, lying_files, named_files
from store.schema import reached, schema_state
from store.tables.casework import CaseEvent, CaseRow
from store.tables.nights import Blob, NightFile, Partition, PassageSet
from store.tables.registers import RegisterVersion
from store.tables.results import FindingRow

DAY_MS = 86_400_000
NEW_FILE, ORPHAN = "new-file", "orphan"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be. `subject`: a file, a row's key, or empty.

    Codes: schema, database, foreign-key; no-blob, misplaced, missing-file, wrong-size, wrong-digest, unreadable,
    wrong-rows; orphan, new-file; event-gap, lone-events, versions.
    """

    code: str
    subject: str
    found: str
    expected: str

    @property
    def is_fault(self) -> bool:
        """Whether anything is wrong: a file that no row names yet is what an ingest at work leaves for a moment."""
        return self.code != NEW_FILE


def check(store: Store, deep: bool = False) -> list[Trouble]:
    """Return what is wrong with a store, nothing where it is whole.

    `deep`: every file is read, for its digest and its number of rows. Raises `StoreRefused` where the database cannot
    be reached.
    """
    state = schema_state(store)
    if state.state != "current":
        return [Trouble("schema", "", f"{state.current or '-'} ({state.state})", state.head)]
    with reached(store):
        # First the files: one that came with a row between the two is then not taken for one without.
        lying = list(lying_files(store.folder))
        with store.reading() as session:
            troubles = list(_database(session, store))
            if troubles:
                return troubles  # what such a database answers is not to be relied on
            troubles = list(_rows(session))
            named = list(named_files(session))
    troubles += _orphans(lying, named, store.clock() - DAY_MS)
    troubles += _files(store, named, deep)
    return troubles


def sweep(store: Store) -> list[str]:
    """Remove the files of more than a day that no row names; return their names.

    Raises `StoreRefused` where no file at all is named: then it is another store's folder, most likely.
    """
    with reached(store):
        lying = list(lying_files(store.folder))
        with store.reading() as session:
            named = list(named_files(session))
    names, before_ms = {file.name for file in named}, store.clock() - DAY_MS
    if any(file.name in names for file in lying) < any(file.name.partition("/")[0] in KINDS for file in lying):
        hint = "do the folder and the database belong together? Remove the files by hand if they do"
        raise StoreRefused(f"{store.folder}: the database names none of the files here: {hint}")
    found = [t.subject for t in _orphans(lying, named, before_ms) if t.code == ORPHAN]
    return [name for name in found if remove_if_old(store, store.folder / name, before_ms)]


def _database(session: Session, store: Store) -> Iterator[Trouble]:
    if store.dialect != SQLITE:
        return
    try:
        told = [str(said) for said in session.scalars(text("PRAGMA integrity_check"))]
    except DatabaseError as error:
        told = [str(error.orig)]  # too damaged for that, even
    yield from (Trouble("database", "", said, "ok") for said in told if said != "ok")
    for table, row, parent, _ in session.execute(text("PRAGMA foreign_key_check")):
        yield Trouble("foreign-key", f"{table} {row}", "", str(parent))


def _rows(session: Session) -> Iterator[Trouble]:
    yield from _events(session)
    yield from _lone_events(session)
    for table, key, least in _CURRENT:
        yield from _versions(session, table, key, least)
    unknown = select(NightFile.sha256).where(NightFile.sha256.not_in(select(Blob.sha256))).distinct()
    for sha256 in session.scalars(unknown):
        yield Trouble("no-blob", f"night_files {sha256}", "0", "1")


def _events(session: Session) -> Iterator[Trouble]:
    """Find the cases whose events are not 1 to `n_events`: as their key is unique, three numbers tell."""
    counted, first, last = func.count(CaseEvent.seq), func.min(CaseEvent.seq), func.max(CaseEvent.seq)
    found = session.execute(
        select(CaseRow.case_id, CaseRow.n_events, counted, first, last)
        .join(CaseEvent, CaseEvent.case_id == CaseRow.case_id, isouter=True)
        .group_by(CaseRow.case_id, CaseRow.n_events)
        .having((counted != CaseRow.n_events) | (first != 1) | (last != CaseRow.n_events))
        .order_by(CaseRow.case_id)
    )
    for case_id, expected, number, lowest, highest in found:
        yield Trouble("event-gap", case_id, f"{number} ({lowest}-{highest})", f"{expected} (1-{expected})")


def _lone_events(session: Session) -> Iterator[Trouble]:
    lone = select(CaseEvent.case_id).where(CaseEvent.case_id.not_in(select(CaseRow.case_id))).distinct()
    for case_id in session.scalars(lone):
        yield Trouble("lone-events", case_id, "0", "1")


_CURRENT: tuple[tuple[Any, tuple[Any, ...], int], ...] = (
    (FindingRow, (FindingRow.finding_id,), 0),
    (RegisterVersion, (RegisterVersion.service_date, RegisterVersion.register), 1),
    (NightFile, (NightFile.service_date, NightFile.name), 0),
    (PassageSet, (PassageSet.service_date,), 0),
    (Partition, (Partition.service_date, Partition.bucket), 0),
)
"""Tables with versions: what each is a version of, and how many at least are current. At most it is one."""


def _versions(session: Session, table: Any, key: tuple[Any, ...], least: int) -> Iterator[Trouble]:
    current = func.sum(case((table.superseded_ms.is_(None), 1), else_=0))
    wrong = select(*key, current).group_by(*key).having((current > 1) | (current < least)).order_by(*key)
    for *names, number in session.execute(wrong):
        yield Trouble("versions", " ".join([table.__tablename__, *map(str, names)]), str(number), "1")


def _orphans(lying: Iterable[Lying], named: Iterable[Named], before_ms: int) -> Iterator[Trouble]:
    names = {file.name for file in named}
    for file in lying:
        if file.name.startswith(f"{ASIDE}/") or file.name not in names:
            code = ORPHAN if file.put_ms < before_ms else NEW_FILE
            yield Trouble(code, file.name, str(file.size), "")


def _files(store: Store, named: Iterable[Named], deep: bool) -> Iterator[Trouble]:
    # Of those that name one file, one that needs it comes last and counts.
    for file in {f.name: f for f in sorted(named, key=lambda f: f.is_needed)}.values():
        found = _file(store, file)
        if found is None and deep and is_regular(store, file.name):
            found = _content(store, file)
        if found is not None:
            yield found


def _file(store: Store, file: Named) -> Trouble | None:
    """Return what can be told of a file without reading it."""
    if file.name != file.place:
        return Trouble("misplaced", file.name, file.name, file.place)
    if not is_regular(store, file.name):
        return Trouble("missing-file", file.name, "", file.sha256) if file.is_needed else None
    size = (store.folder / file.name).stat().st_size
    if file.size is not None and size != file.size:
        return Trouble("wrong-size", file.name, str(size), str(file.size))
    return None


def _content(store: Store, file: Named) -> Trouble | None:
    """Return what only reading tells."""
    path = store.folder / file.name
    try:
        sha256 = sha256_of(path)
        if sha256 != file.sha256:
            return Trouble("wrong-digest", file.name, sha256, file.sha256)
        if file.n_rows is None:
            return None
        with path.open("rb") as opened:
            n_rows = pq.ParquetFile(opened).metadata.num_rows
    except (OSError, pa.ArrowException) as error:
        return Trouble("unreadable", file.name, str(error).partition("\n")[0], "")
    return None if n_rows == file.n_rows else Trouble("wrong-rows", file.name, str(n_rows), str(file.n_rows))
