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
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from api.identity import actor_of_request
from api.problems import Refuse
from cases.roles import Actor, Permission, has_permission

RULE = "__trajaudit_rule__"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call a route: whoever holds the permission somewhere; None: anybody. `own`: any account, for itself."""

    permission: Permission | None
    own: bool = False

    @property
    def is_public(self) -> bool:
        """Whether nobody has to say who he is."""
        return self.permission is None and not self.own


class Unguarded(RuntimeError):
    """A route without a rule: the server does not start."""


def needs(permission: Permission) -> Any:
    """Return a dependency that gives the actor, if he holds a permission somewhere."""

    def allowed(request: Request) -> Actor:
        actor = actor_of_request(request)
        if not has_permission(actor, permission):
            raise Refuse(403, "not-allowed", f"This takes the permission {permission}.")
        return actor

    setattr(allowed, RULE, Rule(permission))
    return Depends(allowed)


def any_account() -> Any:
    """Return a dependency that gives the actor, whatever he may do: for what concerns his own account."""

    def known(request: Request) -> Actor:
        return actor_of_request(request)

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


def check_guards(app: FastAPI) -> None:
    """Raise `Unguarded` naming every route without a rule."""
    bare = []
    for route in app.routes:
        if isinstance(route, APIRoute):
            if rule_of(route) is None:
                bare.append(f"{sorted(route.methods or ())} {route.path}")
        elif isinstance(route, Route | Mount) and not getattr(route, RULE, None):
            bare.append(route.path)
    if bare:
        raise Unguarded(f"routes without a rule of who may call them: {', '.join(bare)}")


AnyAccount = Annotated[Actor, any_account()]
