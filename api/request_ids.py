"""One id for each request: in the answer, in every line of the log, in every problem."""

from __future__ import annotations

import re
import secrets

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-request-id"
_SAFE = re.compile(rb"[A-Za-z0-9._-]{8,64}")


def request_id(request: Request) -> str:
    """Return the id of a request."""
    found: str = request.scope.get("trajaudit.request_id", "")
    return found


class RequestIds:
    """Gives each request its id: the caller's own where that is harmless."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through with its id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(HEADER.encode(), b"")
        given = told.decode() if _SAFE.fullmatch(told) else secrets.token_hex(8)
        scope["trajaudit.request_id"] = given

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER.encode(), given.encode())]
            await send(message)

        await self.app(scope, receive, with_id)
