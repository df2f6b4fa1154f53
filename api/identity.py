"""Who asks: an account's API key, a browser's session, or a token of the platform's identity provider.

What cannot be told is refused with 401, and always in the same words: whether an account exists is nobody's business.
"""

from __future__ import annotations

import hashlib
import secrets

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.platform import platform_of
from api.problems import Refuse
from cases.roles import Actor
from store.accounts import AccountRefused, actor_of
from store.tables.api import ApiKey

KEY_PREFIX = "tak_"
_BEARER = "bearer "


def new_key() -> str:
    """Return a key with 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def key_digest(key: str) -> str:
    """Return what is kept of a key: with 256 random bits a plain SHA-256 cannot be tried out."""
    return hashlib.sha256(key.encode()).hexdigest()


def actor_of_request(request: Request) -> Actor:
    """Return who asks; raises `Refuse` (401) where that cannot be told."""
    cached: Actor | None = request.scope.get("trajaudit.actor")
    if cached is not None:
        return cached
    token = _bearer(request)
    if token is None or not token.startswith(KEY_PREFIX):
        raise unknown()
    store = platform_of(request).store
    with store.reading() as session:
        actor = _by_key(session, token, store.clock())
    if actor is None:
        raise unknown()
    request.scope["trajaudit.actor"] = actor
    return actor


def unknown() -> Refuse:
    """Return the one answer to whoever is not known."""
    return Refuse(401, "unknown", headers={"WWW-Authenticate": 'Bearer realm="trajaudit"'})


def _bearer(request: Request) -> str | None:
    told = request.headers.get("authorization", "")
    return told[len(_BEARER) :].strip() if told[: len(_BEARER)].lower() == _BEARER else None


def _by_key(session: Session, key: str, now_ms: int) -> Actor | None:
    row = session.scalar(select(ApiKey).where(ApiKey.sha256 == key_digest(key), ApiKey.revoked_ms.is_(None)))
    if row is None or (row.expires_ms is not None and row.expires_ms <= now_ms):
        return None
    try:
        return actor_of(session, row.name, now_ms)
    except AccountRefused:
        return None
