"""Headers that keep a browser from doing more with an answer than it was made for; the same for every answer.

A page may run the scripts that carry the nonce of its answer, take styles and pictures from us, and send forms to us.
Nothing of us may be put into another site's page.
"""

from __future__ import annotations

import secrets

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NONCE = "trajaudit.nonce"
PAGE_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data: blob:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Of what is no page: where a browser shows it all the same, it can do nothing."""
ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS = "max-age=31536000"
NO_STORE = "no-store"
"""`Cache-Control` where a route says nothing: nobody keeps it."""


def nonce_of(request: Request) -> str:
    """Return the nonce of a request's answer; scripts that carry it run."""
    return _nonce(request.scope)


def _nonce(scope: Scope) -> str:
    made: str = scope.setdefault(_NONCE, secrets.token_urlsafe(18))
    return made


class SecurityHeaders:
    """Puts the headers on every answer; what a route set itself stays."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, its answer with the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        _nonce(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                held = {name.lower() for name, _ in message["headers"]}
                more = _headers(scope, dict(message["headers"]).get(b"content-type", b""))
                message["headers"] = [*message["headers"], *((n, v) for n, v in more if n not in held)]
            await send(message)

        await self.app(scope, receive, with_headers)


def _headers(scope: Scope, content_type: bytes) -> list[tuple[bytes, bytes]]:
    is_page = content_type.lower().startswith(b"text/html")
    told = {**ALWAYS, "cache-control": NO_STORE}
    told["content-security-policy"] = PAGE_POLICY.format(nonce=_nonce(scope)) if is_page else POLICY
    if scope.get("scheme") == "https":
        told["strict-transport-security"] = HSTS
    return [(name.encode(), value.encode()) for name, value in told.items()]
