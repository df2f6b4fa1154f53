"""Sessions of browsers: random tokens of which the SHA-256 is kept. They end idle, after a day's work, or at once."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from store.tables.api import Login

SEEN_EVERY_MS = 60_000
"""A session's last use is written down at most so often."""


def start(session: Session, name: str, at_ms: int, longest_ms: int) -> str:
    """Begin a session and return its token; sessions that ran out are forgotten."""
    session.execute(delete(Login).where(Login.expires_ms <= at_ms))
    token = secrets.token_urlsafe(32)
    row = Login(
        sha256=_digest(token),
        name=name,
        created_ms=at_ms,
        seen_ms=at_ms,
        expires_ms=at_ms + longest_ms,
        ended_ms=None,
    )
    session.add(row)
    session.flush()
    return token


def find(session: Session, token: str, at_ms: int, idle_ms: int) -> Login | None:
    """Return the session of a token; None where there is none, or it has ended."""
    row = session.get(Login, _digest(token))
    if row is None or row.ended_ms is not None or at_ms >= row.expires_ms or at_ms - row.seen_ms >= idle_ms:
        return None
    return row


def seen(session: Session, token: str, at_ms: int) -> None:
    """Write down that a session was used."""
    of_it = (Login.sha256 == _digest(token)) & Login.ended_ms.is_(None) & (Login.seen_ms < at_ms)
    session.execute(update(Login).where(of_it).values(seen_ms=at_ms))


def end(session: Session, token: str, at_ms: int) -> None:
    """End a session; nothing happens where it has ended, or there is none."""
    session.execute(
        update(Login).where(Login.sha256 == _digest(token), Login.ended_ms.is_(None)).values(ended_ms=at_ms)
    )


def end_all(session: Session, name: str, at_ms: int) -> None:
    """End all sessions of an account."""
    session.execute(update(Login).where(Login.name == name, Login.ended_ms.is_(None)).values(ended_ms=at_ms))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
