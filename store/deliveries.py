"""The outbox on its way: one delivery for each notice and each receiver that wants it, in order, until sent or dead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from store.tables.api import Delivery
from store.tables.results import Notice

WAITING, SENT, DEAD = "waiting", "sent", "dead"
STATES = (WAITING, SENT, DEAD)
ALL = "*"
REMOVED = "the receiver was removed"
ERROR_MAX = 300
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Channel:
    """A receiver as the outbox sees it: its name, which kinds it wants, and, for a webhook, its number."""

    name: str
    kinds: tuple[str, ...]
    webhook_id: int | None = None

    def wants(self, kind: str) -> bool:
        """Whether it is told of a kind.

        >>> Channel("webhook:1", ("case.*",)).wants("case.open"), Channel("webhook:1", ("case.*",)).wants("digest")
        (True, False)
        """
        return any(k in {ALL, kind} or (k.endswith(".*") and kind.startswith(k[:-1])) for k in self.kinds)


def webhook_channel(number: int) -> str:
    """Return the channel of a webhook."""
    return f"webhook:{number}"


# ---------------------------------------------------------------- planning
def unplanned(session: Session, limit: int | None = None) -> list[Notice]:
    """Return the notices that have no deliveries yet, the oldest first."""
    return list(session.scalars(select(Notice).where(Notice.planned_ms.is_(None)).order_by(Notice.id).limit(limit)))


def plan(session: Session, channels: Sequence[Channel], at_ms: int, notices: Iterable[Notice]) -> int:
    """Give each notice a delivery for each channel that wants it, once; return how many deliveries came."""
    n = 0
    for notice in notices:
        if notice.planned_ms is not None:
            continue
        for channel in channels:
            if channel.wants(notice.kind):
                session.add(_delivery(notice, channel, at_ms))
                n += 1
        notice.planned_ms = at_ms
    session.flush()
    return n


def _delivery(notice: Notice, channel: Channel, at_ms: int) -> Delivery:
    return Delivery(
        notice_id=notice.id, webhook_id=channel.webhook_id, channel=channel.name,
        order_key=notice.case_id or f"{notice.kind.partition('.')[0]}:{notice.service_date or ''}",
        state=WAITING, attempts=0, next_ms=at_ms,
    )  # fmt: skip


def tidy(session: Session, channels: Sequence[Channel]) -> int:
    """Give up what waits for receivers that are no more, and forget deliveries of erased notices."""
    session.execute(delete(Delivery).where(~exists().where(Notice.id == Delivery.notice_id)))
    gone = (Delivery.state == WAITING, Delivery.channel.not_in([c.name for c in channels]))
    n = session.scalar(select(func.count()).select_from(Delivery).where(*gone)) or 0
    session.execute(update(Delivery).where(*gone).values(state=DEAD, last_error=REMOVED))
    return n


# ---------------------------------------------------------------- sending
def due(session: Session, at_ms: int, channels: Iterable[str], limit: int) -> list[tuple[Delivery, Notice]]:
    """Return what may be sent now, what has waited longest first: of each order the earliest that is not over."""
    asked = _heads().where(Delivery.next_ms <= at_ms, Delivery.channel.in_(list(channels)))
    found = session.execute(asked.order_by(Delivery.next_ms, Delivery.notice_id).limit(limit))
    return [(delivery, notice) for delivery, notice in found]


def _heads() -> Select[Delivery, Notice]:
    earlier = aliased(Delivery)
    held_up = exists().where(
        earlier.channel == Delivery.channel,
        earlier.order_key == Delivery.order_key,
        earlier.state == WAITING,
        earlier.notice_id < Delivery.notice_id,
    )
    joined = select(Delivery, Notice).join(Notice, Notice.id == Delivery.notice_id)
    return joined.where(Delivery.state == WAITING, ~held_up)


def next_due_ms(session: Session, channels: Iterable[str]) -> int | None:
    """Return when the next delivery may be tried; None where nothing waits."""
    heads = _heads().where(Delivery.channel.in_(list(channels)))
    return session.scalar(heads.with_only_columns(func.min(Delivery.next_ms)))


def sent(session: Session, delivery_id: int, at_ms: int, status: int | None) -> None:
    """Mark a delivery as sent."""
    row = session.get_one(Delivery, delivery_id)
    row.state, row.sent_ms, row.attempts = SENT, at_ms, row.attempts + 1
    row.last_status, row.last_error = status, None
    notice = session.get(Notice, row.notice_id)
    if notice is not None and notice.sent_ms is None:
        notice.sent_ms = at_ms


def failed(session: Session, delivery_id: int, at_ms: int, next_ms: int | None, status: int | None, error: str) -> None:
    """Mark a try that failed; `next_ms` None: it is given up, and keeps the time in its place."""
    row = session.get_one(Delivery, delivery_id)
    row.attempts += 1
    row.last_status, row.last_error = status, error[:ERROR_MAX]
    row.state, row.next_ms = (DEAD, at_ms) if next_ms is None else (WAITING, next_ms)


# ---------------------------------------------------------------- looking, and once more
def listed(session: Session, state: str | None, last: int) -> list[tuple[Delivery, Notice]]:
    """Return the last deliveries with their notices, the newest first."""
    asked = select(Delivery, Notice).join(Notice, Notice.id == Delivery.notice_id)
    if state is not None:
        asked = asked.where(Delivery.state == state)
    return [(d, n) for d, n in session.execute(asked.order_by(Delivery.id.desc()).limit(last))]


def counts(session: Session) -> dict[str, int]:
    """Return how many deliveries there are in each state."""
    found = dict(iter(session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))))
    return {state: found.get(state, 0) for state in STATES}


def retry(session: Session, at_ms: int, delivery_id: int | None = None) -> int:
    """Let a dead delivery, or all of them, be tried anew from now on; return how many."""
    conditions: list[Any] = [Delivery.state == DEAD]
    if delivery_id is not None:
        conditions.append(Delivery.id == delivery_id)
    ids = list(session.scalars(select(Delivery.id).where(*conditions)))
    for i in range(0, len(ids), _AT_ONCE):
        some = Delivery.id.in_(ids[i : i + _AT_ONCE])
        session.execute(update(Delivery).where(some).values(state=WAITING, attempts=0, next_ms=at_ms))
    return len(ids)


def last_sent_ms(session: Session, except_kinds: Sequence[str]) -> int | None:
    """Return when something last got out, apart from some kinds."""
    asked = select(func.max(Delivery.sent_ms)).join(Notice, Notice.id == Delivery.notice_id)
    return session.scalar(asked.where(Notice.kind.not_in(list(except_kinds))))


def dead_since(session: Session, channels: Iterable[str], since_ms: int) -> dict[str, int]:
    """Return how many deliveries were given up since then, by channel."""
    of_these = (Delivery.state == DEAD, Delivery.channel.in_(list(channels)), Delivery.next_ms >= since_ms)
    asked = select(Delivery.channel, func.count()).where(*of_these)
    found = session.execute(asked.group_by(Delivery.channel).order_by(Delivery.channel))
    return dict(iter(found))
