"""Who may call what: every route carries its rule, and a route without one does not start.

`needs(PERMISSION)` is a dependency that gives the `Actor`; it refuses whoever holds the permission nowhere. Whether he
holds it for the thing asked for is the route's to ask (`has_permission_at`, `may_see`): it answers "not found" for what
he may not know of. `public()` is for what anybody may have: health, the login, the landing pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute, Mount, Route

from api.identity import actor_of_request, asker_of_request
from api.problems import Refuse
from cases.roles import Actor, Permission, has_permission

RULE = "__trajaudit_rule__"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call a route: whoever holds the permission somewhere; None: anybody. `own`: any account, for itself.

    `others`: permissions each of which will do as well. `device`: a device that registered (`api.viid`), no account.
    """

    permission: Permission | None
    own: bool = False
    others: tuple[Permission, ...] = ()
    device: bool = False

    @property
    def is_public(self) -> bool:
        """Whether nobody has to say who he is."""
        return self.permission is None and not self.own and not self.device


class Unguarded(RuntimeError):
    """A route without a rule: the server does not start."""


def needs(permission: Permission, *others: Permission) -> Any:
    """Return a dependency that gives the actor, if he holds one of some permissions somewhere."""

    def allowed(request: Request) -> Actor:
        actor = actor_of_request(request)
        if not any(has_permission(actor, p) for p in (permission, *others)):
            raise Refuse(403, "not-allowed", f"This takes the permission {' or '.join((permission, *others))}.")
        return actor

    setattr(allowed, RULE, Rule(permission, others=others))
    return Depends(allowed)


def any_account(even_unchanged: bool = False) -> Any:
    """Return a dependency that gives the actor, whatever he may do: for what concerns his own account.

    `even_unchanged`: also while he still has the password that an administrator gave him.
    """

    def known(request: Request) -> Actor:
        return asker_of_request(request).actor if even_unchanged else actor_of_request(request)

    setattr(known, RULE, Rule(None, own=True))
    return Depends(known)


def public() -> Any:
    """Return a dependency that asks for nobody."""

    def anybody() -> None:
        return None

    setattr(anybody, RULE, Rule(None))
    return Depends(anybody)


def rule_of(route: APIRoute) -> Rule | None:
    """Return the rule of a route, None where it carries none (or two)."""
    found = [rule for call in _calls(route.dependant) if (rule := getattr(call, RULE, None)) is not None]
    return found[0] if len(set(found)) == 1 else None


def _calls(dependant: Any) -> Iterator[Callable[..., Any]]:
    if dependant.call is not None:
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)


def all_routes(app: FastAPI) -> Iterator[BaseRoute]:
    """Yield every route, those of included routers too: in `app.routes` each such router is one entry."""
    return (found.original_route for found in iter_route_contexts(app.routes))


def check_guards(app: FastAPI) -> None:
    """Raise `Unguarded` naming every route without a rule."""
    bare = []
    for route in all_routes(app):
        if isinstance(route, APIRoute):
            if rule_of(route) is None:
                bare.append(f"{sorted(route.methods or ())} {route.path}")
        elif isinstance(route, Route | Mount) and not getattr(route, RULE, None):
            bare.append(route.path)
    if bare:
        raise Unguarded(f"routes without a rule of who may call them: {', '.join(bare)}")


AnyAccount = Annotated[Actor, any_account()]
