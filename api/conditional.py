"""Conditional requests (RFC 9110, section 13): what did not change is not sent again, and is not overwritten unseen.

Every ETag of ours is strong: it stands for the bytes that would be sent, in that form, to that account.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Header, Request
from starlette.responses import Response

from api.problems import FieldFault, Refuse

PRIVATE = "private, no-cache"
"""`Cache-Control` of what may be kept and must be asked for again; it differs from account to account."""
NEVER = "private, no-store"
"""`Cache-Control` of what must not lie in any cache: tracks, passages, people by name."""

IfMatch = Annotated[str | None, Header(max_length=2000, description="The ETag of the version that was read.")]
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def etag_of(body: bytes) -> str:
    """Return the ETag of a body.

    >>> etag_of(b"{}")
    '"44136fa355b3678a1146ad16f7e8649e"'
    """
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def etag_of_version(*parts: object) -> str:
    """Return the ETag of what is told by these parts alone: whoever is asked again with them sends the same bytes.

    >>> etag_of_version("V1", 7) == etag_of_version("V1", 7), etag_of_version("V1", 7) == etag_of_version("V17")
    (True, False)
    """
    return etag_of(repr(parts).encode("utf-8", "surrogatepass"))


def is_unchanged(request: Request, etag: str) -> bool:
    """Whether the caller holds this version already (`If-None-Match`)."""
    told = request.headers.get("if-none-match")
    return told is not None and _names(told, etag, weak=True)


def not_modified(etag: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return 304 with the headers that the whole answer would have had."""
    return Response(status_code=304, headers={**(headers or {}), "ETag": etag})


def require_match(request: Request, etag: str) -> None:
    """Raise `Refuse` unless `If-Match` names the version that stands: 428 without one, 412 for another."""
    told = request.headers.get("if-match")
    fault = "If-Match with the ETag of the version that you read is needed"
    if told is None:
        raise Refuse(428, "precondition-required", errors=[FieldFault(where="header.If-Match", message=fault)])
    if not _names(told, etag, weak=False):
        message = "names another version than the one that stands: read it again"
        raise Refuse(
            412, "stale", errors=[FieldFault(where="header.If-Match", message=message)], headers={"ETag": etag}
        )


def _names(told: str, etag: str, *, weak: bool) -> bool:
    """Whether a list of ETags names one; `weak`: marks of weakness do not count (RFC 9110, 8.8.3.2)."""
    if told.strip() == "*":
        return True
    own = etag[1:-1]
    return any(tag == own and (weak or not mark) for mark, tag in _TAG.findall(told))


def documented() -> dict[int | str, dict[str, Any]]:
    """Return 304 for the OpenAPI document of a route with an ETag."""
    return {304: {"description": "It is as you have it (If-None-Match)."}}
