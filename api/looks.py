"""Looks at people, vehicles and findings over HTTP: written down before anything is shown, denied ones, too.

`X-Reason` (or the query parameter `reason`) says why. What a caller may not know of is "not found", like what is not
there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Header, Query

from api.platform import Platform
from api.problems import FieldFault, Refuse, not_found
from cases.roles import Actor, Permission, Place, Placed, has_permission_at
from runs.who import NEEDED, NotAllowed, look
from store.access_log import LOOK, Entry, append, is_reason
from store.accounts import role_in

LONGEST = 500
Person = tuple[str, str]
"""`person` or `trainee`, and the key."""


def _reason(
    x_reason: Annotated[
        str | None, Header(max_length=3 * LONGEST, description="Why you look; UTF-8, or percent-encoded.")
    ] = None,
    reason: Annotated[
        str | None, Query(max_length=LONGEST, description="The same, where no header can be set.")
    ] = None,
) -> str:
    """Return why somebody looks; empty where he does not say."""
    told = reason or _decoded(x_reason or "")
    if len(told) > LONGEST:
        message = f"has more than {LONGEST} characters"
        raise Refuse(400, "bad-request", errors=[FieldFault(where="header.x-reason", message=message)])
    return "".join(c if c.isprintable() else " " for c in told).strip()


Reason = Annotated[str, Depends(_reason)]


def _decoded(header: str) -> str:
    """Return a header's text: headers are bytes, which are read as UTF-8 here.

    >>> _decoded("C7"), _decoded("%E6%8A%95%E8%AF%89"), _decoded("投诉".encode().decode("latin-1"))
    ('C7', '投诉', '投诉')
    """
    return unquote(header.encode("latin-1", "replace").decode("utf-8", "replace"))


def need_reason(reason: str) -> None:
    """Raise `Refuse` (400) where nobody says why he looks."""
    if not is_reason(reason):
        message = "say why you look, here or in the query parameter `reason`"
        raise Refuse(400, "reason-needed", errors=[FieldFault(where="header.x-reason", message=message)])


def look_at_many(platform: Platform, actor: Actor, kind: str, what: str, reason: str = "") -> None:
    """Write down a look at a list."""
    try:
        look(platform.store, actor, kind, what[:200], reason)
    except NotAllowed:
        raise Refuse(403, "not-allowed") from None


def look_at_one(platform: Platform, actor: Actor, kind: str, key: str, place: Placed | None, reason: str = "") -> None:
    """Write down a look at one thing (`place` None: there is none); raises `Refuse` (404) where it may not be shown."""
    if place is None and has_permission_at(actor, NEEDED[kind], Place()):
        raise not_found()
    try:
        look(platform.store, actor, kind, key, reason, place=Place() if place is None else place)
    except NotAllowed:
        raise not_found() from None


def look_at_people(
    platform: Platform, actor: Actor, people: Iterable[tuple[Person, Placed]], reason: str
) -> frozenset[Person]:
    """Write down a look at everybody whom an account may look at there, and return them: nobody without a reason."""
    if not is_reason(reason):
        return frozenset()
    allowed = {p: place for p, place in people if has_permission_at(actor, Permission.LOOK_AT_PERSON, place)}
    now = platform.store.clock()
    entries = [
        Entry(now, actor.name, role_in(actor, Permission.LOOK_AT_PERSON, place), LOOK, kind, key, reason)
        for (kind, key), place in sorted(allowed.items(), key=lambda item: item[0])
    ]
    if entries:
        with platform.store.writing() as session:
            append(session, entries)
    return frozenset(allowed)
