"""A night's files as they count now: what an ingest brings, what it supersedes, what an audit would rest on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from audit.evidence import digest
from store.access_log import alone
from store.ordering import by_code_points
from store.registers import Items, as_known, record_registers
from store.tables.nights import Blob, Ingest, Night, NightFile, PassageSet

TRACKS = "tracks/"
AT_ONCE = 500
"""Databases take only so many parameters in one statement."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that came in under its name in the bundle; its bytes are in the store already."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class PassageFile:
    """Passages in scope that were written to `path`; `counts` is what the door counted, as JSON-ready values."""

    path: str
    sha256: str
    n_passages: int
    n_read: int
    sources: Mapping[str, str]
    counts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """All that one ingest brings of a night.

    `files`: every file of the night as it counts from now on; `base`: as they counted when that was worked out.
    """

    service_date: date
    timezone: str
    source: str
    actor: str
    base: Mapping[str, Arrival]
    files: Mapping[str, Arrival]
    registers: Items
    passages: PassageFile | None


class NightMoved(Exception):
    """Another delivery of the night came in while this one was judged: judge it again, on top of that."""


def feed_of(name: str) -> str | None:
    """Return the feed to which a file of a bundle belongs; None for a register.

    >>> feed_of("tracks/amap/TV1.1.json.gz"), feed_of("zones.geojson")
    ('amap', None)
    """
    return name.split("/")[1] if name.startswith(TRACKS) else None


def current_files(session: Session, service_date: date, known_ms: int | None = None) -> dict[str, Arrival]:
    """Return the files of a night by name, as known at a time (None: now), in the order of names."""
    rows = session.execute(
        select(NightFile.name, NightFile.sha256, Blob.size)
        .join(Blob, Blob.sha256 == NightFile.sha256)
        .where(NightFile.service_date == service_date, *as_known(NightFile, known_ms))
        .order_by(by_code_points(session, NightFile.name))
    )
    return {name: Arrival(sha256, size) for name, sha256, size in rows}


def current_passages(session: Session, service_date: date, known_ms: int | None = None) -> PassageSet | None:
    """Return the passages of a night that count, as known at a time (None: now)."""
    return session.scalar(
        select(PassageSet).where(PassageSet.service_date == service_date, *as_known(PassageSet, known_ms))
    )


def record_delivery(session: Session, delivery: Delivery, at_ms: int) -> list[str]:
    """Record an ingest; return the names of files that are new, other or gone (none: nothing was written).

    A file that is no longer in `delivery.files`, or has other bytes, is superseded, never removed. Raises `NightMoved`
    where another delivery came between.
    """
    alone(session)  # what erases old files waits, too: it sees which ones this night needs
    day = delivery.service_date
    held = current_files(session, day)
    if held != dict(delivery.base):
        raise NightMoved(f"{day}: another delivery of this night came in meanwhile")
    changed = sorted(n for n in {*held, *delivery.files} if held.get(n) != delivery.files.get(n))
    told = _record_passages(session, delivery, at_ms)
    if not changed and not told:
        return []
    _supersede_files(session, day, [n for n in changed if n in held], at_ms)
    for name in (n for n in changed if n in delivery.files):
        arrival = delivery.files[name]
        blob = session.get(Blob, arrival.sha256)
        if blob is None:
            session.add(Blob(sha256=arrival.sha256, size=arrival.size, recorded_ms=at_ms))
            session.flush()
        elif blob.erased_ms is not None:  # the same bytes, erased with older nights, now belong to this one
            blob.erased_ms = None
        row = NightFile(service_date=day, name=name, feed=feed_of(name), sha256=arrival.sha256, recorded_ms=at_ms)
        session.add(row)
    record_registers(session, day, delivery.registers, at_ms)
    night = session.get(Night, day)
    if night is None:
        session.add(Night(service_date=day, timezone=delivery.timezone, first_ms=at_ms, changed_ms=at_ms))
    else:
        night.timezone, night.changed_ms = delivery.timezone, at_ms
    content = digest([changed, [delivery.files[n].sha256 for n in changed if n in delivery.files], told])
    n_files = len(changed) + len(told)
    session.add(
        Ingest(
            service_date=day, content=content, source=delivery.source, actor=delivery.actor, n_files=n_files,
            recorded_ms=at_ms,
        )
    )  # fmt: skip
    return [*changed, *told]


def _supersede_files(session: Session, service_date: date, names: Sequence[str], at_ms: int) -> None:
    for i in range(0, len(names), AT_ONCE):
        session.execute(
            update(NightFile)
            .where(
                NightFile.service_date == service_date,
                NightFile.name.in_(names[i : i + AT_ONCE]),
                NightFile.superseded_ms.is_(None),
            )
            .values(superseded_ms=at_ms)
        )


def _record_passages(session: Session, delivery: Delivery, at_ms: int) -> list[str]:
    """Record the passages; return the names of the files they came from, none where nothing changed."""
    new, held = delivery.passages, current_passages(session, delivery.service_date)
    if new is None or (held is not None and held.sha256 == new.sha256 and json.loads(held.sources) == new.sources):
        return []
    if held is not None:
        held.superseded_ms = at_ms
        session.flush()
    session.add(
        PassageSet(
            service_date=delivery.service_date,
            sha256=new.sha256,
            path=new.path,
            n_passages=new.n_passages,
            n_read=new.n_read,
            sources=json.dumps(dict(new.sources), sort_keys=True, ensure_ascii=False),
            counts=json.dumps(dict(new.counts), sort_keys=True, ensure_ascii=False),
            recorded_ms=at_ms,
        )
    )
    return sorted(new.sources)


def any_erased(session: Session, service_date: date) -> bool:
    """Whether the bytes of any file of a night were erased: it cannot be audited any more."""
    found = (
        select(Blob.sha256)
        .join(NightFile, NightFile.sha256 == Blob.sha256)
        .where(NightFile.service_date == service_date, NightFile.superseded_ms.is_(None), Blob.erased_ms.is_not(None))
    )
    return session.scalar(found.limit(1)) is not None


def answers_erased(session: Session, service_date: date) -> bool:
    """Whether what an audit of a night said was erased: it is not asked again, though its files may be there."""
    found = select(Night.service_date).where(
        Night.service_date == service_date, Night.audited_ms.is_not(None), Night.rules.is_(None)
    )
    return session.scalar(found) is not None


def history_dates(session: Session, service_date: date, n_days: int) -> list[date]:
    """Return the nights in the store among the `n_days` before a service day, latest first."""
    first = service_date - timedelta(days=n_days)
    found = session.scalars(
        select(Night.service_date)
        .where(Night.service_date >= first, Night.service_date < service_date)
        .order_by(Night.service_date.desc())
    )
    return list(found)


def inputs_digest(session: Session, service_date: date, history_days: int, rules: Mapping[str, str]) -> str:
    """Return the digest of all that an audit of the night would rest on now.

    Its own files, the track files of the nights that are compared, the passages, and the values of the rules.
    """
    own = {name: a.sha256 for name, a in current_files(session, service_date).items()}
    before = {
        day.isoformat(): {n: a.sha256 for n, a in current_files(session, day).items() if feed_of(n) is not None}
        for day in history_dates(session, service_date, history_days)
    }
    passages = current_passages(session, service_date)
    return digest([own, before, None if passages is None else passages.sha256, dict(rules)])
