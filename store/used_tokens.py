"""Tokens of an identity provider that were used once, for what may not be repeated."""

from __future__ import annotations

import hashlib

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from store.engine import Store
from store.tables.api import UsedToken


def use_once(store: Store, issuer: str, number: str, expires_ms: int) -> bool:
    """Write down that a token is used; False where it was before, on any worker. Expired ones are forgotten."""
    at_ms = store.clock()
    told = hashlib.sha256(f"{issuer}\n{number}".encode("utf-8", "surrogatepass")).hexdigest()
    with store.writing() as session:
        session.execute(delete(UsedToken).where(UsedToken.expires_ms <= at_ms))
        try:
            with session.begin_nested():
                session.add(UsedToken(jti=told, expires_ms=expires_ms))
        except IntegrityError:
            return False
    return True
