"""The same request sent twice is done once (Idempotency-Key, draft-ietf-httpapi-idempotency-key-header-07).

Give a router `route_class=IdempotentRoute` and `dependencies=[IDEMPOTENT]`: every POST of it that comes with a key is
written down before the work, and its answer after it; for a day the same account gets that answer again. Without a key
nothing changes. What was refused was not done, so it may be tried again under its key. A request that broke off, the
server with it perhaps, leaves a row without an answer: whoever comes back within `BROKEN_OFF_MS` is told to wait, later
it is done anew; what may not be done twice by chance needs `If-Match` or a lease besides.

An answer that holds a secret must not be kept: keep such routes out of such a router.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.guard import rule_of
from api.identity import actor_of_request
from api.platform import platform_of
from api.problems import FieldFault, Refuse
from cases.roles import Actor, has_permission
from store.engine import Store
from store.tables.api import Idempotent

HEADER = "idempotency-key"
KEPT_MS = 24 * 3_600_000
BROKEN_OFF_MS = 5 * 60_000
LARGEST = 1 << 20
"""Bytes of the largest answer that is kept."""
REPLAYED = "idempotent-replayed"
_KEY = re.compile(r'"([\x21\x23-\x7e]{1,190})"|([\x21\x23-\x7e]{1,190})')
_KEPT_HEADERS = ("content-type", "location", "etag", "cache-control", "retry-after")
_TOLD_APART = ("content-type", "if-match")
"""Headers that make a request another one."""


def _declared(
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=192,
            description="A value of your own, new for each request: sent again with the same one, it is done once.",
            examples=['"8e03978e-40d5-43e8-bc93-6894a57f9324"'],
        ),
    ] = None,
) -> None:
    """Have the header in the OpenAPI document."""
    del idempotency_key


IDEMPOTENT = Depends(_declared)


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is ours to do: its row, as it was written before the work."""

    actor: str
    key: str
    created_ms: int


class IdempotentRoute(APIRoute):
    """A route whose POST is done once for each key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with the key looked at before it."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if request.method != "POST" or HEADER not in request.headers:
                return await inner(request)
            body = await request.body()
            claimed = await run_in_threadpool(self._claimed, request, body)
            if isinstance(claimed, Response):
                return claimed
            return await _done(platform_of(request).store, claimed, inner, request)

        return handler

    def _claimed(self, request: Request, body: bytes) -> Claim | Response:
        """Return the claim on the work, or the answer that was given; raises `Refuse` where it is neither's time."""
        key, actor = key_of(request), actor_of_request(request)
        self._must_be_allowed(actor)
        return claim(platform_of(request).store, actor.name, key, digest_of(request, body))

    def _must_be_allowed(self, actor: Actor) -> None:
        """Nobody gets an answer again that he may not ask for any more."""
        rule = rule_of(self)
        if rule is not None and rule.permission is not None:
            wanted = (rule.permission, *rule.others)
            if not any(has_permission(actor, permission) for permission in wanted):
                raise Refuse(403, "not-allowed", f"This takes the permission {' or '.join(wanted)}.")


def key_of(request: Request) -> str:
    """Return the key of a request, with or without the quotes of a structured header; raises `Refuse` (400)."""
    told = request.headers.getlist(HEADER)
    found = _KEY.fullmatch(told[0].strip()) if len(told) == 1 else None
    if found is None:
        message = "expected one text of 1 to 190 ASCII characters, such as a UUID, in quotes"
        raise Refuse(400, "bad-request", errors=[FieldFault(where="header.Idempotency-Key", message=message)])
    return found[1] or found[2]


def digest_of(request: Request, body: bytes) -> str:
    """Return the SHA-256 of all that makes a request this one."""
    parts = [request.method, request.url.path, request.url.query, *(request.headers.get(n, "") for n in _TOLD_APART)]
    return hashlib.sha256(json.dumps(parts).encode() + b"\n" + body).hexdigest()


def claim(store: Store, actor: str, key: str, sha256: str) -> Claim | Response:
    """Write down that a request is about to be done, or return the answer that it got.

    Raises `Refuse`: 422 where the key was used for another request, 409 where the same one is under way.
    """
    try:
        with store.writing() as session:
            return _claim(session, actor, key, sha256, store.clock())
    except IntegrityError:  # two at once, where there was no row yet
        raise _under_way(BROKEN_OFF_MS) from None


def _claim(session: Session, actor: str, key: str, sha256: str, now_ms: int) -> Claim | Response:
    session.execute(delete(Idempotent).where(Idempotent.created_ms <= now_ms - KEPT_MS))
    row = session.get(Idempotent, (actor, key), with_for_update=True)
    if row is None:
        session.add(Idempotent(actor=actor, key=key, request_sha256=sha256, created_ms=now_ms))
        session.flush()
    elif row.request_sha256 != sha256:
        message = "was used for another request: take a new key for a new request"
        raise Refuse(422, "key-used", errors=[FieldFault(where="header.Idempotency-Key", message=message)])
    elif row.status is not None:
        return _again(row)
    elif now_ms - row.created_ms < BROKEN_OFF_MS:
        raise _under_way(row.created_ms + BROKEN_OFF_MS - now_ms)
    else:
        row.created_ms = now_ms
    return Claim(actor, key, now_ms)


def _again(row: Idempotent) -> Response:
    headers = {**json.loads(row.headers or "{}"), REPLAYED: "true"}
    return Response(row.body or b"", row.status or 200, headers)


def _under_way(left_ms: int) -> Refuse:
    detail = "A request with this key is under way, or it broke off: ask again later, with the same key."
    return Refuse(409, "under-way", detail, headers={"Retry-After": str(max(1, min(left_ms // 1000, 5)))})


async def _done(
    store: Store, claimed: Claim, inner: Callable[[Request], Coroutine[Any, Any, Response]], request: Request
) -> Response:
    """Do the work and keep its answer. What was refused leaves no row; what broke off, one without an answer."""
    try:
        response = await inner(request)
    except (HTTPException, RequestValidationError):
        await run_in_threadpool(forget, store, claimed)
        raise
    body = getattr(response, "body", None)
    if response.status_code >= 400 or not isinstance(body, bytes) or len(body) > LARGEST:
        await run_in_threadpool(forget, store, claimed)
    else:
        await run_in_threadpool(keep, store, claimed, response.status_code, _headers(response), body)
    return response


def _headers(response: Response) -> dict[str, str]:
    return {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}


def keep(store: Store, claimed: Claim, status: int, headers: dict[str, str], body: bytes) -> None:
    """Keep an answer, unless the request was taken over meanwhile."""
    told = json.dumps(headers, sort_keys=True)
    with store.writing() as session:
        session.execute(update(Idempotent).where(*_own(claimed)).values(status=status, headers=told, body=body))


def forget(store: Store, claimed: Claim) -> None:
    """Let a request be done anew."""
    with store.writing() as session:
        session.execute(delete(Idempotent).where(*_own(claimed)))


def _own(claimed: Claim) -> tuple[Any, ...]:
    row = Idempotent
    return (
        row.actor == claimed.actor,
        row.key == claimed.key,
        row.created_ms == claimed.created_ms,
        row.status.is_(None),
    )
