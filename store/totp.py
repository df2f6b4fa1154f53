"""One-time codes by time (RFC 6238): six digits, SHA-1, 30 seconds, as every authenticator has them."""

from __future__ import annotations

import base64
import hmac
import secrets
from urllib.parse import quote, urlencode

STEP_MS = 30_000
WINDOW = 1
"""Steps before and after that count, too: clocks differ, and people type slowly."""
_DIGITS, _SECRET_BYTES = 6, 20


def new_secret() -> bytes:
    """Return a secret of 160 random bits, as RFC 4226 recommends."""
    return secrets.token_bytes(_SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a step.

    >>> code_at(b"12345678901234567890", 59_000 // STEP_MS)
    '287082'
    """
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}d}"


def step_of(secret: bytes, code: str, now_ms: int, last_step: int | None) -> int | None:
    """Return the step that a code belongs to; None where it belongs to none near now, or to one up to `last_step`."""
    now = now_ms // STEP_MS
    near = range(max(now - WINDOW, 0), now + WINDOW + 1)
    # All are compared, so that the time it takes does not tell which one it was.
    fitting = [step for step in near if hmac.compare_digest(code_at(secret, step).encode(), code.encode())]
    return next((step for step in fitting if last_step is None or step > last_step), None)


def otpauth_uri(secret: bytes, name: str, issuer: str) -> str:
    """Return what an authenticator reads from a QR code."""
    told = {"secret": base64.b32encode(secret).decode().rstrip("="), "issuer": issuer}
    return f"otpauth://totp/{quote(issuer, safe='')}:{quote(name, safe='')}?{urlencode(told, quote_via=quote)}"
