"""Webhooks: who is told what. Each change is in the access log; the secret is in a file or the environment."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cases.roles import Actor, Permission
from store.access_log import Entry, append
from store.accounts import role_in
from store.deliveries import DEAD, REMOVED, WAITING, webhook_channel
from store.engine import StoreRefused
from store.tables.access import Webhook
from store.tables.api import Delivery

SUBJECT_KIND = "webhook"
VEHICLE = "vehicle"
CLEARANCES = ("none", VEHICLE)
"""What a receiver may be told beside ids and states. Of persons there is no clearance."""


class ReceiverRefused(StoreRefused):
    """A webhook that cannot be; the message says what was found, what was expected and what to do."""


def webhooks(session: Session) -> list[Webhook]:
    """Return the webhooks that are in use, in the order in which they came."""
    return list(session.scalars(select(Webhook).where(Webhook.disabled_ms.is_(None)).order_by(Webhook.id)))


def kinds_of(webhook: Webhook) -> tuple[str, ...]:
    """Return the kinds that a webhook wants."""
    return tuple(json.loads(webhook.events))


def webhook_of(session: Session, number: int) -> Webhook:
    """Return a webhook that is in use; raises `ReceiverRefused`."""
    found = session.get(Webhook, number)
    if found is None or found.disabled_ms is not None:
        raise ReceiverRefused(f"there is no webhook {number}: trajaudit notices webhooks lists them")
    return found


def add_webhook(
    session: Session, by: Actor, url: str, kinds: Sequence[str], secret_ref: str, clearance: str, at_ms: int
) -> int:
    """Write a webhook down; return its number. It is told what happens from now on."""
    made = Webhook(
        url=url, events=json.dumps(sorted(set(kinds))), secret_ref=secret_ref,
        clearance=None if clearance == CLEARANCES[0] else clearance, created_ms=at_ms, created_by=by.name,
    )  # fmt: skip
    session.add(made)
    session.flush()
    _log(session, by, "add-webhook", made.id, at_ms, f"{', '.join(kinds)}; {clearance}")
    return int(made.id)


def remove_webhook(session: Session, by: Actor, number: int, at_ms: int) -> int:
    """Tell a webhook nothing more; return how many notices were on their way to it, which are given up."""
    webhook_of(session, number).disabled_ms = at_ms
    of_it = (Delivery.channel == webhook_channel(number), Delivery.state == WAITING)
    session.flush()
    n = len(list(session.scalars(select(Delivery.id).where(*of_it))))
    session.execute(update(Delivery).where(*of_it).values(state=DEAD, last_error=REMOVED))
    _log(session, by, "remove-webhook", number, at_ms, "")
    return n


def _log(session: Session, by: Actor, action: str, number: int, at_ms: int, reason: str) -> None:
    role = role_in(by, Permission.MANAGE_USERS)
    append(session, [Entry(at_ms, by.name, role, action, SUBJECT_KIND, str(number), reason)])
