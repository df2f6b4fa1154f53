"""GA/T 1400 devices that registered with us: since when, and when they were last heard of."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.tables.api import ViidDevice

LAPSES_MS = 300_000
"""A device that was silent for so long has to register again."""
SEEN_EVERY_MS = 30_000
"""How exactly it is written down when a device was heard of."""


def register(session: Session, device_id: str, at_ms: int) -> None:
    """Have a device registered."""
    told = {"registered_ms": at_ms, "seen_ms": at_ms, "ended_ms": None}
    try:
        with session.begin_nested():
            session.merge(ViidDevice(device_id=device_id, **told))
    except IntegrityError:  # it came twice at once, where there was no row yet
        session.execute(update(ViidDevice).where(ViidDevice.device_id == device_id).values(told))


def unregister(session: Session, device_id: str, at_ms: int) -> None:
    """Have it no longer registered."""
    session.execute(update(ViidDevice).where(ViidDevice.device_id == device_id).values(ended_ms=at_ms))


def heard_ms(session: Session, device_id: str, at_ms: int) -> int | None:
    """Return when a registered device was last heard of; None where it is not registered, or no longer."""
    row = session.get(ViidDevice, device_id)
    if row is None or row.ended_ms is not None or row.seen_ms is None or at_ms - row.seen_ms > LAPSES_MS:
        return None
    return row.seen_ms


def heard(session: Session, device_id: str, at_ms: int) -> None:
    """Write down that a registered device was heard of."""
    session.execute(
        update(ViidDevice)
        .where(ViidDevice.device_id == device_id, ViidDevice.ended_ms.is_(None), ViidDevice.seen_ms < at_ms)
        .values(seen_ms=at_ms)
    )
