"""Lists page by page, by a signed cursor over the order they are in; never by an offset, which shifts meanwhile."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Annotated, Any

from fastapi import Query

from api.problems import FieldFault, Refuse

MOST = 1000
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=2000, pattern=r"^[A-Za-z0-9_.-]+$", description="From `next` of the page before.")
]
_SIGNATURE_BYTES = 16


def cursor_for(secret: bytes, place: list[Any], query: str) -> str:
    """Return a cursor that goes on behind `place`, the sort key of the last item; it fits the same query only."""
    body = json.dumps([place, _digest(query)], separators=(",", ":"), ensure_ascii=False).encode()
    return f"{_text(body)}.{_text(_signed(secret, body))}"


def place_of(secret: bytes, cursor: str, query: str) -> list[Any]:
    """Return the place behind which a list goes on; raises `Refuse` (400) for a cursor of another list or maker."""
    try:
        body, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in cursor.split("."))
    except (ValueError, binascii.Error):
        raise _refused() from None
    if not hmac.compare_digest(signature, _signed(secret, body)):
        raise _refused()  # before it is read: what somebody else made may be anything
    place: list[Any]
    place, asked = json.loads(body)
    if asked != _digest(query):
        raise _refused()
    return place


def _refused() -> Refuse:
    message = "is no cursor of this list: take `next` of the page before, with the same filters"
    return Refuse(400, "bad-cursor", errors=[FieldFault(where="query.cursor", message=message)])


def _signed(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, b"cursor" + body, "sha256")[:_SIGNATURE_BYTES]


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:16]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
