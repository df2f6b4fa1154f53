"""What was pushed and waits for its night: passages of registered plates, numbers of all others, positions.

A push is one batch, written whole. The ingest that takes batches in removes them in the transaction that records what
became of them, so none is lost and none counts twice.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from checkpoints.passage import Passage
from store.passages import passage_of, passage_row
from store.retention_rows import in_parts
from store.tables.api import PushedBatch, PushedPassage, PushedPosition


class Position(NamedTuple):
    """A position as it was pushed: degrees in its feed's datum."""

    terminal_id: str
    t_ms: int
    lon_deg: float
    lat_deg: float
    speed_kmh: float | None
    heading_deg: float | None


@dataclass(frozen=True, slots=True)
class PassageBatch:
    """One push of passages of one service day. `counts`: what the door said, JSON-ready."""

    batch_id: str
    service_date: date
    device_id: str
    passages: Sequence[Passage]
    counts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Staged:
    """What waits for a night. `counts`: what the door said of each batch; `position_batches`: by feed."""

    service_date: date
    batches: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    counts: tuple[Mapping[str, Any], ...] = ()
    positions: Mapping[str, tuple[Position, ...]] = field(default_factory=dict)
    position_batches: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self.batches and not self.position_batches


def staged(session: Session, service_date: date) -> Staged:
    """Return what waits for a night; passages in the order of their times."""
    b, p = PushedBatch, PushedPassage
    counts = session.execute(select(b.batch_id, b.counts).where(b.service_date == service_date).order_by(b.batch_id))
    by_batch = {batch_id: json.loads(told) for batch_id, told in counts}
    rows = session.scalars(select(p.passage).where(p.service_date == service_date))
    passages = sorted((passage_of(json.loads(row)) for row in rows), key=lambda q: (q.shot_ms, q.passage_id))
    q = PushedPosition
    positions: dict[str, list[Position]] = {}
    batches: dict[str, set[str]] = {}
    found = select(q.feed, q.batch_id, q.terminal_id, q.t_ms, q.lon_deg, q.lat_deg, q.speed_kmh, q.heading_deg).where(
        q.service_date == service_date
    )
    for feed, batch_id, *values in session.execute(found.order_by(q.feed, q.terminal_id, q.t_ms)):
        positions.setdefault(feed, []).append(Position._make(values))
        batches.setdefault(feed, set()).add(batch_id)
    return Staged(
        service_date,
        tuple(by_batch),
        tuple(passages),
        tuple(by_batch.values()),
        {feed: tuple(rows) for feed, rows in positions.items()},
        {feed: frozenset(ids) for feed, ids in batches.items()},
    )


def settle(session: Session, taken: Staged) -> None:
    """Remove what was taken in: exactly these batches, whatever came meanwhile."""
    for part in in_parts(taken.batches):
        session.execute(delete(PushedPassage).where(PushedPassage.batch_id.in_(part), _of(PushedPassage, taken)))
        session.execute(delete(PushedBatch).where(PushedBatch.batch_id.in_(part), _of(PushedBatch, taken)))
    q = PushedPosition
    for feed, batch_ids in taken.position_batches.items():
        for part in in_parts(sorted(batch_ids)):
            session.execute(delete(q).where(q.batch_id.in_(part), q.feed == feed, _of(q, taken)))


def _of(table: Any, taken: Staged) -> Any:
    return table.service_date == taken.service_date


def waiting_days(session: Session) -> list[date]:
    """Return the service days for which anything waits, in order."""
    passages = session.scalars(select(PushedBatch.service_date).distinct())
    return sorted({*passages, *session.scalars(select(PushedPosition.service_date).distinct())})


def known_passages(session: Session, service_date: date, passage_ids: Collection[str]) -> set[str]:
    """Return which of these passages wait already."""
    p = PushedPassage
    out: set[str] = set()
    for part in in_parts(sorted(passage_ids)):
        asked = select(p.passage_id).where(p.service_date == service_date, p.passage_id.in_(part))
        out.update(session.scalars(asked))
    return out


def stage_passages(session: Session, batch: PassageBatch, at_ms: int) -> None:
    """Have a push wait for its night."""
    session.add(
        PushedBatch(
            batch_id=batch.batch_id,
            service_date=batch.service_date,
            device_id=batch.device_id,
            counts=json.dumps(batch.counts, sort_keys=True),
            pushed_ms=at_ms,
        )
    )
    rows = [
        {
            "service_date": batch.service_date,
            "passage_id": passage.passage_id,
            "batch_id": batch.batch_id,
            "passage": json.dumps(passage_row(passage), ensure_ascii=False),
        }
        for passage in batch.passages
    ]
    if rows:
        session.execute(insert(PushedPassage), rows)


def known_positions(session: Session, keys: Collection[tuple[date, str, str, int]]) -> set[tuple[date, str, str, int]]:
    """Return which of these positions (service day, feed, terminal, time) wait already."""
    q = PushedPosition
    times: dict[tuple[date, str, str], list[int]] = {}
    for day, feed, terminal_id, t_ms in keys:
        times.setdefault((day, feed, terminal_id), []).append(t_ms)
    out: set[tuple[date, str, str, int]] = set()
    for (day, feed, terminal_id), asked in times.items():
        of = (q.service_date == day, q.feed == feed, q.terminal_id == terminal_id)
        for part in in_parts(asked):
            out.update(
                (day, feed, terminal_id, t) for t in session.scalars(select(q.t_ms).where(*of, q.t_ms.in_(part)))
            )
    return out


def stage_positions(session: Session, batch_id: str, rows: Sequence[tuple[date, str, Position]], at_ms: int) -> None:
    """Have positions wait for their night: service day, feed, position; none of them waits already."""
    if rows:
        told = [
            {"service_date": day, "feed": feed, "batch_id": batch_id, "pushed_ms": at_ms, **position._asdict()}
            for day, feed, position in rows
        ]
        session.execute(insert(PushedPosition), told)


def forget(session: Session, before: date) -> None:
    """Erase what waited in vain: no bundle came of its night."""
    for table in (PushedPassage, PushedBatch, PushedPosition):
        session.execute(delete(table).where(table.service_date < before))
