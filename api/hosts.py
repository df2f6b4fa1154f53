"""The names that a server goes by: a request for another one, such as a name bent to our address, is not answered.

Starlette's own middleware answers in plain text, and refuses what asks for health by address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import answer

EXEMPT = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked for by address, by what watches the server."""
_PORT = re.compile(r":\d*$")


def name_of(host: str) -> str:
    """Return the name in a Host header, without the port and a root's dot.

    >>> [name_of(told) for told in ("Audit.example:8000", "audit.example.", "[::1]:8000", "")]
    ['audit.example', 'audit.example', '[::1]', '']
    """
    return _PORT.sub("", host.strip().lower()).removesuffix(".")


class KnownHosts:
    """Refuses (400) what is asked of a name that is not ours; without names everything goes through."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        """Stand before an application. `names`: as in a browser's address bar, without a port."""
        self.app = app
        self.names = frozenset(map(name_of, names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http" or not self.names or scope["path"] in EXEMPT:
            await self.app(scope, receive, send)
            return
        told = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(told) == 1 and name_of(told[0]) in self.names:
            await self.app(scope, receive, send)
            return
        refused = answer(Request(scope), 400, "unknown-host", "The server does not go by this name (server.hosts).")
        await refused(scope, receive, send)
