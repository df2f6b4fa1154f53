"""A browser's session: its cookie, and the token against requests that another site has it send.

The CSRF token is made from the session's own token, so that it belongs to that login and is kept nowhere.
"""

from __future__ import annotations

import base64
import hmac

from fastapi import Request, Response

CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_COOKIE = "trajaudit"
_LONGEST_TOKEN = 128


def is_https(request: Request) -> bool:
    """Whether the client speaks TLS, to us or to a proxy that uvicorn was told to trust."""
    return request.url.scheme == "https"


def cookie_name(request: Request) -> str:
    """Return the cookie's name: over TLS one that no other host or path can set (RFC 6265bis)."""
    return f"__Host-{_COOKIE}" if is_https(request) else _COOKIE


def session_token(request: Request) -> str | None:
    """Return the session's token that a browser sent."""
    token = request.cookies.get(cookie_name(request))
    return token if token and len(token) <= _LONGEST_TOKEN else None


def csrf_token(token: str) -> str:
    """Return what unsafe requests of a session must bring along."""
    return base64.urlsafe_b64encode(hmac.digest(token.encode(), b"csrf", "sha256")).decode().rstrip("=")


def is_own_request(request: Request, token: str) -> bool:
    """Whether a request of a session comes from our own pages, or changes nothing."""
    if request.method in SAFE_METHODS:
        return True
    return hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_token(token).encode())


def give_cookie(request: Request, response: Response, token: str) -> None:
    """Have the browser keep a session until it is closed."""
    secure = is_https(request)
    response.set_cookie(cookie_name(request), token, path="/", httponly=True, samesite="strict", secure=secure)


def take_cookie(request: Request, response: Response) -> None:
    """Have the browser forget a session."""
    secure = is_https(request)
    response.delete_cookie(cookie_name(request), path="/", httponly=True, samesite="strict", secure=secure)
