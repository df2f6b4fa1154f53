"""Logging in with a password, and out again.

Each attempt counts under its name and from its address before the password is looked at. The answer to a wrong one is
the same whatever is wrong; that a name is locked is told, and is so for names of nobody, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr
from sqlalchemy.orm import Session

from api.bodies import Body
from api.guard import any_account, public
from api.identity import Asker, address_of, asker_of_request, limited, unknown
from api.platform import Platform, platform_of
from api.problems import Refuse, responses
from api.sessions import csrf_token, give_cookie, session_token, take_cookie
from cases.roles import SYSTEM_NAME, Actor
from store import logins
from store.access_log import Entry, append
from store.credentials import log_of_self
from store.failed_logins import name_digest
from store.proving import Claim, Locked, NotProven, prove
from store.tables.api import Credential

T = TypeVar("T")
Password = Annotated[SecretStr, Field(min_length=1, max_length=1024)]
Code = Annotated[
    SecretStr | None, Field(max_length=6, description="Six digits of the second factor, where there is one.")
]


class Credentials(Body):
    """What one logs in with."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
    password: Password
    totp: Code = None


class Held(BaseModel):
    """A role. `districts` null: the whole city."""

    role: str
    districts: list[str] | None
    school_id: str | None


class Me(BaseModel):
    """An account. `csrf_token`: what a session's unsafe requests bring along in X-CSRF-Token."""

    name: str
    roles: list[Held]
    way: Literal["key", "session", "token"]
    must_change_password: bool
    has_totp: bool
    csrf_token: str | None


def no_store(response: Response) -> None:
    """Have nobody keep the answer."""
    response.headers["Cache-Control"] = "no-store"


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["account"], dependencies=[Depends(no_store)])

    @routes.post("/login", dependencies=[public()], responses=responses(422, 423))
    def login(request: Request, response: Response, body: Credentials) -> Me:
        """Begin a session: a cookie, and the CSRF token for what changes something."""
        return log_in(request, response, body)

    @routes.post("/logout", status_code=204, responses=responses(403))
    def logout(
        request: Request, response: Response, _actor: Annotated[Actor, any_account(even_unchanged=True)]
    ) -> None:
        """End this session."""
        log_out(request, response)

    return routes


def me_of(platform: Platform, asker: Asker) -> Me:
    """Return an account as it is told to itself."""
    with platform.store.reading() as session:
        held = session.get(Credential, asker.actor.name)
    grants = sorted(asker.actor.grants, key=lambda g: (g.role, sorted(g.districts or ())))
    return Me(
        name=asker.actor.name,
        roles=[
            Held(role=g.role, districts=None if g.districts is None else sorted(g.districts), school_id=g.school_id)
            for g in grants
        ],
        way=asker.way,
        must_change_password=asker.must_change,
        has_totp=held is not None and held.totp_sealed is not None,
        csrf_token=None if asker.session is None else csrf_token(asker.session),
    )


def proven(
    request: Request, claim: Claim, then: Callable[[Session, Actor, Credential], T], wrong: Callable[[], Refuse]
) -> T:
    """Do something as whoever proves who he is; raises `wrong()` where he does not, `Refuse` (423, 429) if locked."""
    platform, address = platform_of(request), address_of(request)
    limits, store = platform.limits, platform.store
    limited(limits.logins_address, address)
    limited(limits.logins_account, name_digest(claim.name))
    attempt = limits.locks.begin(address, claim.name)
    if attempt.held_until_ms is not None:
        wait_ms = attempt.held_until_ms - limits.locks.now_ms()
        raise Refuse(429, "address-locked", _LATER, headers=_retry_after(wait_ms))
    try:
        done = prove(store, claim, limits.rule, platform.settings.login.sealing_key_file, then)
    except Locked as error:
        raise Refuse(423, "locked", _LATER, headers=_retry_after(error.until_ms - store.clock())) from None
    except NotProven:
        if attempt.locks:
            _log_address(platform, address)
        raise wrong() from None
    limits.locks.forget(address, claim.name)
    return done


_LATER = "Too many attempts have failed: try again later."


def log_in(request: Request, response: Response, body: Credentials) -> Me:
    """Begin a session; raises `Refuse`: 401 for what is not right, 423 and 429 for too many attempts."""
    platform = platform_of(request)
    code = None if body.totp is None else body.totp.get_secret_value()
    before = session_token(request)

    def begin(session: Session, actor: Actor, held: Credential) -> Asker:
        at_ms = platform.store.clock()
        if before is not None:
            logins.end(session, before, at_ms)
        token = logins.start(session, actor.name, at_ms, platform.settings.login.absolute_hours * 3_600_000)
        log_of_self(session, actor, "login", at_ms, f"from {address_of(request)}")
        return Asker(actor, "session", token, held.must_change)

    asker = proven(request, Claim(body.name, body.password.get_secret_value(), code), begin, unknown)
    assert asker.session is not None, "a login begins a session"
    give_cookie(request, response, asker.session)
    return me_of(platform, asker)


def log_out(request: Request, response: Response) -> None:
    """End the session of a request; raises `Refuse` (403) where it has none."""
    asker, store = asker_of_request(request), platform_of(request).store
    if asker.session is None:
        raise Refuse(403, "session-needed", "There is no session to end.")
    with store.writing() as session:
        logins.end(session, asker.session, store.clock())
        log_of_self(session, asker.actor, "logout", store.clock())
    take_cookie(request, response)


def _log_address(platform: Platform, address: str) -> None:
    """Write down that an address is locked."""
    store = platform.store
    entry = Entry(store.clock(), SYSTEM_NAME, SYSTEM_NAME, "lock-address", "address", address, "too many failed logins")
    with store.writing() as session:
        append(session, [entry])


def _retry_after(wait_ms: int) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(wait_ms / 1000)))}
