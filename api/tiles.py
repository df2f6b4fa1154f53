"""Background tiles, fetched by the server from the sources that the settings name: the browser asks us alone.

Whoever provides the tiles learns that somebody looks at that place, and no more: no account, no address, no page.
"""

from __future__ import annotations

import threading
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.guard import AnyAccount
from api.platform import Platform, platform_of
from api.problems import Refuse, responses
from feeds.faults import UnusableInput

MOST_ZOOM = 22
KEPT = "private, max-age=86400"
_KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_LOCK = threading.Lock()
Source = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Zoom = Annotated[int, Path(ge=0, le=MOST_ZOOM)]
Number = Annotated[int, Path(ge=0, lt=1 << MOST_ZOOM)]


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["maps"])

    @routes.get("/tiles/{source}/{z}/{x}/{y}", response_class=Response, responses=responses(404, 503))
    def tile(request: Request, source: Source, z: Zoom, x: Number, y: Number, _actor: AnyAccount) -> Response:
        """A tile of a background, WGS-84."""
        platform = platform_of(request)
        url = platform.settings.maps.tiles.get(source)
        if url is None or x >= 1 << z or y >= 1 << z:
            raise Refuse(404, "no-tiles")
        body = _fetched(platform, url.replace("{z}", str(z)).replace("{x}", str(x)).replace("{y}", str(y)))
        kind = kind_of(body)
        if kind is None:
            raise Refuse(503, "no-picture")
        return Response(body, media_type=kind, headers={"Cache-Control": KEPT})

    return routes


def kind_of(body: bytes) -> str | None:
    """Return the media type of a picture by its first bytes, whatever its sender calls it; None for anything else.

    >>> kind_of(b"<svg onload='alert(1)'>"), kind_of(bytes([255, 216, 255, 224]))
    (None, 'image/jpeg')
    """
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _KINDS.items() if body.startswith(start)), None)


def _fetched(platform: Platform, url: str) -> bytes:
    try:
        from runs.outbound import Exchange, Guard, NotReached, OutboundRefused  # noqa: PLC0415 -- only where it is set
    except UnusableInput as error:
        raise Refuse(503, "no-client") from error
    settings = platform.settings
    with _LOCK:
        if platform.tiles is None:
            guard = Guard.of(settings.outbound)
            platform.tiles = Exchange(guard, settings.outbound, max_answer_kb=settings.maps.tile_kb)
        exchange: Exchange = platform.tiles
    try:
        answer = exchange.get(url)
    except OutboundRefused as error:
        raise Refuse(503, "not-allowed-out") from error
    except NotReached as error:
        raise Refuse(503, "tiles-away") from error
    if answer.status != 200:
        raise Refuse(404 if answer.status == 404 else 503, "tiles-away")
    return answer.body
