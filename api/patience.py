"""For how long a body is waited for: a client that sends nothing more is told so, and its connection is free again."""

from __future__ import annotations

from contextlib import suppress

import anyio
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems


class _Slow(Exception):
    """Nothing more of a body came in time."""


class Patience:
    """Waits so many seconds for the next piece of a body, then answers 408."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        """Stand before an application."""
        self.app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_whole = began = is_slow = False

        async def in_time() -> Message:
            nonlocal is_whole, is_slow
            if is_whole:  # what is waited for now is that the client goes away
                return await receive()
            try:
                with anyio.fail_after(self._seconds):
                    message = await receive()
            except TimeoutError:
                is_slow = True
                raise _Slow from None
            is_whole = not message.get("more_body", False)
            return message

        async def noted(message: Message) -> None:
            nonlocal began
            if is_slow and not began:
                return  # whatever a route makes of a body that broke off: the caller is told why
            began = True
            await send(message)

        with suppress(_Slow):
            await self.app(scope, in_time, noted)
        if is_slow and not began:
            slow = problems.answer(Request(scope), 408, "too-slow", headers={"Connection": "close"})
            await slow(scope, receive, send)
