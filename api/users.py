"""Accounts over HTTP, for administrators: who there is, which roles each holds. `store.accounts` decides.

Which system user an account is on the command line is set on that machine alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.asking import KeyInPath
from api.bodies import Body
from api.conditional import NEVER
from api.guard import needs
from api.idempotency import IDEMPOTENT, IdempotentRoute
from api.platform import Platform, platform_of
from api.problems import Refuse, not_found, responses
from cases.roles import Actor, Permission, Role
from runs.access_views import account_line
from store import accounts
from store.accounts import NAME_MAX, SCHOOL_MAX, AccountRefused
from store.tables.access import User

Manager = Annotated[Actor, needs(Permission.MANAGE_USERS)]
Why = Annotated[str, Field(max_length=500, description="Why; it stands in the access log.")]
WhyAsked = Annotated[str, Query(max_length=500, pattern=r"^[^\x00]*$", description="Why; it stands in the access log.")]


class GrantLine(BaseModel):
    """A role within districts (null: the whole city); a school's account has its school."""

    role: Role
    districts: list[str] | None
    school_id: str | None


class Account(BaseModel):
    """An account; a disabled one holds no role."""

    name: str
    os_user: str | None
    created: str
    disabled: str | None
    grants: list[GrantLine]


class Accounts(BaseModel):
    """All accounts, by name."""

    items: list[Account]


class NewAccount(Body):
    """An account to be made, without any role yet."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX, pattern=r"^[^/]+$", examples=["wang"])]
    reason: Why = ""


class NewGrant(Body):
    """A role to be given, in these districts (left out: the whole city)."""

    role: Role
    districts: list[Annotated[str, Field(min_length=1, max_length=64)]] | None = None
    school_id: Annotated[str | None, Field(min_length=1, max_length=SCHOOL_MAX)] = None
    reason: Why = ""


class Disabling(Body):
    """Why an account may act no more."""

    reason: Why = ""


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1/users", tags=["accounts"], route_class=IdempotentRoute, dependencies=[IDEMPOTENT])
    _add_accounts(routes)
    _add_grants(routes)
    return routes


def _add_accounts(routes: APIRouter) -> None:
    @routes.get("", responses=responses(403))
    def users(request: Request, response: Response, actor: Manager) -> Accounts:
        """Return all accounts with their roles."""
        del actor
        response.headers["Cache-Control"] = NEVER
        return Accounts(items=list(_all(platform_of(request)).values()))

    @routes.get("/{name}", responses=responses(403, 404))
    def user(request: Request, response: Response, name: KeyInPath, actor: Manager) -> Account:
        """Return an account."""
        del actor
        response.headers["Cache-Control"] = NEVER
        return _one(platform_of(request), name)

    @routes.post("", status_code=201, responses=responses(403, 409, 422))
    def add(request: Request, response: Response, body: NewAccount, actor: Manager) -> Account:
        """Make an account without any role."""
        platform = platform_of(request)
        _changed(platform, lambda s, now: accounts.create_user(s, actor, body.name, None, now, body.reason))
        response.headers["Location"] = f"/v1/users/{quote(body.name, safe='')}"
        return _one(platform, body.name)

    @routes.post("/{name}/disable", responses=responses(403, 404, 409, 422))
    def disable(request: Request, name: KeyInPath, actor: Manager, body: Disabling | None = None) -> Account:
        """Let an account act no more; what it did stays its own."""
        platform, why = platform_of(request), "" if body is None else body.reason
        _must_be_there(platform, name)
        _changed(platform, lambda s, now: accounts.disable(s, actor, name, now, why))
        return _one(platform, name)


def _add_grants(routes: APIRouter) -> None:
    @routes.post("/{name}/grants", status_code=201, responses=responses(403, 404, 409, 422))
    def grant(request: Request, name: KeyInPath, body: NewGrant, actor: Manager) -> Account:
        """Give an account a role. Nobody gives one to himself."""
        platform = platform_of(request)
        _must_be_there(platform, name)
        more: dict[str, Any] = {"districts": body.districts, "school": body.school_id, "reason": body.reason}
        _changed(platform, lambda s, now: accounts.grant(s, actor, name, body.role, now, **more))
        return _one(platform, name)

    @routes.delete("/{name}/grants/{role}", responses=responses(403, 404, 409))
    def revoke(request: Request, name: KeyInPath, role: Role, actor: Manager, reason: WhyAsked = "") -> Account:
        """Take a role from an account, in all districts."""
        platform = platform_of(request)
        if all(held.role is not role for held in _one(platform, name).grants):
            raise not_found()
        _changed(platform, lambda s, now: accounts.revoke(s, actor, name, role, now, reason))
        return _one(platform, name)


def _changed(platform: Platform, change: Callable[[Session, int], Any]) -> None:
    """Make a change; raises `Refuse` (409) with why it cannot be."""
    try:
        with platform.store.writing() as session:
            change(session, platform.store.clock())
    except AccountRefused as error:
        raise Refuse(409, "account-refused", str(error)) from error


def _all(platform: Platform) -> dict[str, Account]:
    with platform.store.reading() as session:
        found = accounts.accounts(session, platform.store.clock())
    return {a.name: Account.model_validate(account_line(a, platform.local)) for a in found}


def _one(platform: Platform, name: str) -> Account:
    found = _all(platform).get(name)
    if found is None:
        raise not_found()
    return found


def _must_be_there(platform: Platform, name: str) -> None:
    with platform.store.reading() as session:
        if session.get(User, name) is None:
            raise not_found()
