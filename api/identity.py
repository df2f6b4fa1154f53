"""Who asks: an account's API key, a browser's session, or a token of the platform's identity provider.

What cannot be told is refused with 401, and always in the same words: whether an account exists is nobody's business.
Everything is looked up at each request: what was revoked or disabled is dead at once, on every worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import Request
from sqlalchemy.orm import Session

from api.limits import Window, client_address
from api.platform import Platform, platform_of
from api.problems import Refuse
from api.sessions import SAFE_METHODS, is_own_request, session_token
from cases.roles import Actor
from store import logins
from store.accounts import AccountRefused, actor_of
from store.api_keys import KEY_PREFIX, actor_of_key
from store.tables.api import Credential
from store.used_tokens import use_once

_BEARER = "bearer "
_ASKER = "trajaudit.asker"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and how he said so. `session`: his session's token. `must_change`: his password is not his own yet."""

    actor: Actor
    way: Literal["key", "session", "token"]
    session: str | None = field(default=None, repr=False)
    must_change: bool = False


def actor_of_request(request: Request) -> Actor:
    """Return who asks; raises `Refuse`: 401 where that cannot be told, 403 where he must change his password first."""
    asker = asker_of_request(request)
    if asker.must_change:
        raise Refuse(403, "password-must-change", "An administrator gave this password: change it first.")
    return asker.actor


def asker_of_request(request: Request) -> Asker:
    """Return who asks, and how; raises `Refuse`: 401, 403 for a session's request without its CSRF token, 429."""
    cached: Asker | None = request.scope.get(_ASKER)
    if cached is not None:
        return cached
    platform = platform_of(request)
    limited(platform.limits.address, address_of(request))
    asker = _found(request, platform)
    if asker is None:
        raise unknown()
    limited(platform.limits.account, asker.actor.name)
    request.scope[_ASKER] = asker
    return asker


def asker_known(scope: Mapping[str, Any]) -> Asker | None:
    """Return who was found to ask, where somebody looked."""
    found: Asker | None = scope.get(_ASKER)
    return found


def unknown() -> Refuse:
    """Return the one answer to whoever is not known."""
    return Refuse(401, "unknown", headers={"WWW-Authenticate": 'Bearer realm="trajaudit"'})


def address_of(request: Request) -> str:
    """Return the client's address, as limits count it."""
    return client_address(None if request.client is None else request.client.host)


def limited(window: Window, key: str) -> None:
    """Count a request; raises `Refuse` (429) where it is one too many."""
    wait_s = window.wait_s(key)
    if wait_s:
        raise Refuse(429, "too-many-requests", headers={"Retry-After": str(wait_s)})


def _found(request: Request, platform: Platform) -> Asker | None:
    """Return who asks: a bearer's word counts, and nothing beside it; without one, the session."""
    told = [value for value in request.headers.getlist("authorization") if value[: len(_BEARER)].lower() == _BEARER]
    if len(told) > 1:
        return None
    if not told:
        token = session_token(request)
        return None if token is None else _by_session(request, platform, token)
    bearer = told[0][len(_BEARER) :].strip()
    if not bearer.startswith(KEY_PREFIX):
        return _by_token(request, platform, bearer)
    with platform.store.reading() as session:
        actor = actor_of_key(session, bearer, platform.store.clock())
    return None if actor is None else Asker(actor, "key")


def _by_session(request: Request, platform: Platform, token: str) -> Asker | None:
    store = platform.store
    at_ms = store.clock()
    with store.reading() as session:
        login = logins.find(session, token, at_ms, platform.settings.login.idle_minutes * 60_000)
        actor = None if login is None else _standing(session, login.name, at_ms)
        held = None if actor is None else session.get(Credential, actor.name)
    if login is None or actor is None or held is None:
        return None
    if not is_own_request(request, token):
        raise Refuse(403, "csrf", "A session's request that changes something needs the header X-CSRF-Token.")
    if at_ms - login.seen_ms >= logins.SEEN_EVERY_MS:
        with store.writing() as session:
            logins.seen(session, token, at_ms)
    return Asker(actor, "session", token, held.must_change)


def _by_token(request: Request, platform: Platform, token: str) -> Asker | None:
    """Return whom a provider's token names. For what changes something a token counts once."""
    store = platform.store
    told = platform.tokens.told(token, store.clock())
    if told is None:
        return None
    with store.reading() as session:
        actor = _standing(session, told.account, store.clock())
    if actor is None:
        return None
    if request.method not in SAFE_METHODS and (
        told.number is None or not use_once(store, platform.tokens.issuer, told.number, told.expires_ms)
    ):
        return None
    return Asker(actor, "token")


def _standing(session: Session, name: str, at_ms: int) -> Actor | None:
    """Return an account that may act."""
    try:
        return actor_of(session, name, at_ms)
    except AccountRefused:
        return None
