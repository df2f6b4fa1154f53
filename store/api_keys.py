"""Keys of accounts, for programs: given by an administrator, shown once, kept as their SHA-256, dead when revoked."""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from cases.roles import Actor
from store.accounts import AccountRefused, actor_of, log_of_account, must_manage
from store.tables.api import ApiKey

KEY_PREFIX = "tak_"
_DAY_MS = 86_400_000
_LONGEST_LABEL = 64


class GivenKey(NamedTuple):
    """A key as it is shown this once."""

    id: int
    key: str
    expires_ms: int | None


def new_key() -> str:
    """Return a key with 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def key_digest(key: str) -> str:
    """Return what is kept of a key: with 256 random bits a plain SHA-256 cannot be tried out."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def give_key(session: Session, by: Actor, name: str, label: str, days: int | None, at_ms: int) -> GivenKey:
    """Make a key of an account, for so many days (None: until it is revoked)."""
    must_manage(session, by, at_ms)
    actor_of(session, name, at_ms)  # there, and not disabled
    if not (label.strip() and label.isprintable() and len(label) <= _LONGEST_LABEL):
        raise AccountRefused(f"a key's label says where it is used: expected 1 to {_LONGEST_LABEL} characters")
    key = new_key()
    expires_ms = None if days is None else at_ms + days * _DAY_MS
    row = ApiKey(
        name=name,
        sha256=key_digest(key),
        label=label,
        created_ms=at_ms,
        created_by=by.name,
        expires_ms=expires_ms,
        revoked_ms=None,
    )
    session.add(row)
    session.flush()
    log_of_account(session, by, "give-key", name, at_ms, f"key {row.id}: {label}")
    return GivenKey(row.id, key, expires_ms)


def keys_of(session: Session, name: str) -> list[ApiKey]:
    """Return all keys that an account has or had, the oldest first."""
    return list(session.scalars(select(ApiKey).where(ApiKey.name == name).order_by(ApiKey.id)))


def revoke_key(session: Session, by: Actor, key_id: int, at_ms: int, reason: str = "") -> str:
    """End a key at once; return whose it was."""
    must_manage(session, by, at_ms)
    row = session.get(ApiKey, key_id, with_for_update=True)
    if row is None:
        raise AccountRefused(f"there is no key {key_id}: `trajaudit user keys NAME` shows an account's keys")
    if row.revoked_ms is not None:
        raise AccountRefused(f"key {key_id} is revoked already")
    row.revoked_ms = at_ms
    session.flush()
    log_of_account(session, by, "revoke-key", row.name, at_ms, f"key {key_id}" + (f": {reason}" if reason else ""))
    return row.name


def actor_of_key(session: Session, key: str, at_ms: int) -> Actor | None:
    """Return the account whose key it is; None for a key that is not, or no longer."""
    row = session.scalar(select(ApiKey).where(ApiKey.sha256 == key_digest(key), ApiKey.revoked_ms.is_(None)))
    if row is None or (row.expires_ms is not None and row.expires_ms <= at_ms):
        return None
    try:
        return actor_of(session, row.name, at_ms)
    except AccountRefused:
        return None
