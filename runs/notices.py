"""The outbox is delivered: what is due goes to each receiver, in order for each case, until it is taken or given up.

At least once: a delivery is marked after the receiver has said 2xx. A sender that is killed in between sends again,
with the same `webhook-id`, by which the receiver knows it. A lease lets one sender work.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from feeds.faults import UnusableInput
from runs.notices_apprise import Messenger, read_messengers, send
from runs.notices_made import make_alarms, make_digest
from runs.notices_payload import TEST, Subject, body_of, data_of, link_of, subject_of
from runs.notices_sign import signed, signers
from runs.notices_text import message
from runs.outbound import Answer, Exchange, Guard, NotReached, OutboundRefused, Resolver, looked_up
from runs.settings import NoticeSettings, Settings
from store import deliveries, lease
from store.deliveries import Channel
from store.engine import Store, StoreRefused
from store.receivers import kinds_of, webhook_of, webhooks
from store.tables.access import Webhook
from store.tables.api import Delivery
from store.tables.results import Notice
from trajectories.clock import LocalTime

LOG = logging.getLogger("trajaudit.notices")
LEASE = "notices"
AT_ONCE = 50
IN_A_ROW = 3
"""After so many failures one after the other, a receiver is left alone for a while: others wait behind it."""
LONGEST_PAUSE_MS = 600_000
OFF, TAKEN, DONE = "off", "taken", "done"
_random = secrets.SystemRandom()


@dataclass(slots=True)
class Delivered:
    """What a sender did. `state`: done; off, where nothing may go out; taken, where another one is at it."""

    state: str = DONE
    planned: int = 0
    sent: int = 0
    failed: int = 0
    dead: int = 0
    left: dict[str, int] = field(default_factory=dict)


class Failed(Exception):
    """A try failed; the message goes on record, so it holds no address."""

    def __init__(self, told: str, status: int | None = None, after_s: float | None = None) -> None:
        """Keep what is known."""
        self.status, self.after_s = status, after_s
        super().__init__(told)


def deliver_due(store: Store, settings: Settings, resolve: Resolver = looked_up) -> Delivered:
    """Send what is due, once through; nothing where `outbound.enabled` is not set, or another sender is at work.

    Raises `UnusableInput` for a file of messengers that cannot be used.
    """
    if not settings.outbound.enabled:
        LOG.warning("outbound.enabled is not set: no notice is sent")
        return Delivered(OFF)
    with Sender(store, settings, resolve) as sender:
        return sender.run()


def wait_s(attempts: int, settings: NoticeSettings, spread: Callable[[], float] = _random.random) -> float:
    """Return the seconds until the next try: growing evenly from the first wait to the longest, 20 % more or less.

    >>> [round(wait_s(n, NoticeSettings(), lambda: 0.5)) for n in (1, 2, 6, 11)]
    [5, 12, 329, 21600]
    """
    steps = max(settings.attempts - 2, 1)
    grown = (settings.longest_wait_s / settings.first_wait_s) ** (min(attempts - 1, steps) / steps)
    return float(settings.first_wait_s * grown * (0.8 + 0.4 * spread()))


class Sender:
    """One sender, for one run or many. Close it."""

    def __init__(self, store: Store, settings: Settings, resolve: Resolver = looked_up) -> None:
        """Read who the messengers are; raises `UnusableInput`."""
        self._store, self._settings = store, settings
        self._guard = Guard.of(settings.outbound, resolve)
        self._exchange = Exchange(self._guard, settings.outbound)
        self._messengers = {m.channel.name: m for m in read_messengers(settings.notices.apprise, settings.notices.lang)}
        self._in_a_row: dict[str, int] = {}
        self._paused: dict[str, int] = {}
        self._is_over: Callable[[], bool] = lambda: False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        self._exchange.close()

    def run(self, is_over: Callable[[], bool] = lambda: False) -> Delivered:
        """Plan what is new and send what is due. `is_over`: asked between two sendings."""
        self._is_over = is_over
        try:
            with self._held() as held:
                done = Delivered()
                done.planned = self._planned(held)
                self._send_due(held, done)
                if self._alarmed(held):
                    self._send_due(held, done)
                with self._store.reading() as session:
                    done.left = deliveries.counts(session)
                return done
        except (lease.LeaseTaken, lease.LeaseLost) as error:
            LOG.info("%s", error)
            return Delivered(TAKEN)

    def next_due_ms(self) -> int | None:
        """Return when there is something to send next, as far as is known."""
        with self._store.reading() as session:
            return deliveries.next_due_ms(session, [c.name for c in self._channels(session)])

    @contextmanager
    def _held(self) -> Iterator[lease.Held]:
        ttl_ms = self._settings.notices.lease_minutes * 60_000
        held = lease.take(self._store, LEASE, ttl_ms)
        try:
            with lease.renewed(self._store, held, ttl_ms):
                yield held
        finally:
            with suppress(DBAPIError):
                lease.release(self._store, held)

    @contextmanager
    def _writing(self, held: lease.Held) -> Iterator[Session]:
        with self._store.writing() as session:
            lease.check(session, held)
            yield session

    # ------------------------------------------------------------ what is to be sent
    def _channels(self, session: Session) -> list[Channel]:
        hooks = [Channel(deliveries.webhook_channel(w.id), kinds_of(w), w.id) for w in webhooks(session)]
        return hooks + [m.channel for m in self._messengers.values()]

    def _planned(self, held: lease.Held) -> int:
        with self._writing(held) as session:
            channels, now_ms = self._channels(session), self._store.clock()
            deliveries.tidy(session, channels)
            if self._messengers:
                make_digest(session, now_ms)
            return deliveries.plan(session, channels, now_ms, deliveries.unplanned(session))

    def _alarmed(self, held: lease.Held) -> int:
        local, now_ms = LocalTime(self._settings.nightly.timezone), self._store.clock()
        with self._writing(held) as session:
            hours = self._settings.notices.silent_hours
            return make_alarms(session, self._channels(session), now_ms, local.moment(now_ms).date(), hours)

    # ------------------------------------------------------------ sending
    def _send_due(self, held: lease.Held, done: Delivered) -> None:
        while batch := self._due():
            for delivery, notice in batch:
                if self._is_over():
                    return
                if not self._is_paused(delivery.channel):
                    self._send_one(held, delivery, notice, done)

    def _due(self) -> list[tuple[Delivery, Notice]]:
        now_ms = self._store.clock()
        with self._store.reading() as session:
            names = [c.name for c in self._channels(session) if not self._is_paused(c.name)]
            return deliveries.due(session, now_ms, names, AT_ONCE)

    def _is_paused(self, channel: str) -> bool:
        return self._paused.get(channel, 0) > self._store.clock()

    def _send_one(self, held: lease.Held, delivery: Delivery, notice: Notice, done: Delivered) -> None:
        try:
            status = self._sent(delivery, notice)
        except Failed as error:
            self._write_failure(held, delivery, error, done)
            return
        self._in_a_row[delivery.channel] = 0
        with self._writing(held) as session:
            deliveries.sent(session, delivery.id, self._store.clock(), status)
        done.sent += 1

    def _write_failure(self, held: lease.Held, delivery: Delivery, error: Failed, done: Delivered) -> None:
        notices, now_ms = self._settings.notices, self._store.clock()
        is_last = delivery.attempts + 1 >= notices.attempts
        after_s = max(wait_s(delivery.attempts + 1, notices), min(error.after_s or 0, notices.longest_wait_s))
        next_ms = now_ms + round(after_s * 1000)
        with self._writing(held) as session:
            deliveries.failed(session, delivery.id, now_ms, None if is_last else next_ms, error.status, str(error))
        done.failed, done.dead = done.failed + 1, done.dead + is_last
        LOG.warning("%s to %s: try %d: %s", notice_name(delivery), delivery.channel, delivery.attempts + 1, error)
        self._in_a_row[delivery.channel] = self._in_a_row.get(delivery.channel, 0) + 1
        if self._in_a_row[delivery.channel] >= IN_A_ROW:
            self._paused[delivery.channel] = min(next_ms, now_ms + LONGEST_PAUSE_MS)

    def _sent(self, delivery: Delivery, notice: Notice) -> int | None:
        """Send; return the receiver's status, if it has one. Raises `Failed`."""
        try:
            if delivery.webhook_id is None:
                self._send_message(self._messengers[delivery.channel], notice)
                return None
            with self._store.reading() as session:
                hook, subject = webhook_of(session, delivery.webhook_id), subject_of(session, notice)
            return self._post(hook, notice, subject).status
        except (NotReached, OutboundRefused, UnusableInput, StoreRefused, ValueError) as error:
            raise Failed(str(error)) from error

    def _send_message(self, messenger: Messenger, notice: Notice) -> None:
        link = link_of(None, self._settings.notices.desk_url)
        title, body = message(notice.kind, data_of(notice), link, messenger.lang)
        send(messenger, self._guard, title, body)

    def _post(self, hook: Webhook, notice: Notice, subject: Subject) -> Answer:
        body = body_of(notice, subject, hook.clearance, self._settings.notices.desk_url)
        headers = signed(signers(hook.secret_ref), notice.event_id, self._store.clock(), body)
        answer = self._exchange.post(hook.url, body.encode(), headers)
        if not 200 <= answer.status < 300:
            raise Failed(f"HTTP {answer.status}", answer.status, _retry_after_s(answer))
        return answer

    def check(self, number: int) -> int:
        """Send a notice of kind `test` to a webhook; return its status. Raises `Failed`, and `ReceiverRefused`."""
        with self._store.reading() as session:
            hook = webhook_of(session, number)
        made = Notice(event_id="T" + secrets.token_hex(10), kind=TEST, payload="{}", created_ms=self._store.clock())
        try:
            return self._post(hook, made, Subject()).status
        except (NotReached, OutboundRefused, UnusableInput) as error:
            raise Failed(str(error)) from error


def notice_name(delivery: Delivery) -> str:
    """Return how the log calls a delivery."""
    return f"delivery {delivery.id}"


def _retry_after_s(answer: Answer) -> float | None:
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isascii() and told.isdigit() and len(told) < 7 else None
