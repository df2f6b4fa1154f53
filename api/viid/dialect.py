"""How GA/T 1400 answers: a status for each item, in Chinese, times as 14 digits; refusals in the same form."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from api.platform import platform_of
from runs.persist import is_passing

MEDIA_TYPE = "application/VIID+JSON"


class Code(IntEnum):
    """StatusCode."""

    OK = 0
    OTHER = 1
    BUSY = 2
    INVALID_OPERATION = 4
    JSON_FORMAT = 7
    JSON_CONTENT = 8


TEXTS = {
    Code.OK: "正常",
    Code.OTHER: "未知错误",
    Code.BUSY: "设备忙",
    Code.INVALID_OPERATION: "无效操作",
    Code.JSON_FORMAT: "JSON格式不正确",
    Code.JSON_CONTENT: "JSON内容不正确",
}
_OF_HTTP = {413: Code.JSON_CONTENT, 422: Code.JSON_CONTENT, 404: Code.INVALID_OPERATION, 405: Code.INVALID_OPERATION}


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one item, by its id. `more` is added to the code's text; it quotes no value."""

    code: Code
    item_id: str = ""
    more: str = ""


class ViidRefused(Exception):
    """Raise it to refuse a request as a whole."""

    def __init__(self, http: int, code: Code, more: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Keep what is said."""
        self.http, self.said, self.headers = http, Said(code, "", more), dict(headers or {})
        super().__init__(code.name)


def time_text(request: Request) -> str:
    """Return the time, as the dialect writes it."""
    platform = platform_of(request)
    return platform.local.moment(platform.store.clock()).strftime("%Y%m%d%H%M%S")


def status(request: Request, said: Said) -> dict[str, Any]:
    """Return a `ResponseStatusObject`."""
    text = TEXTS[said.code]
    return {
        "RequestURL": request.url.path,
        "StatusCode": int(said.code),
        "StatusString": f"{text}:{said.more}" if said.more else text,
        "Id": said.item_id,
        "LocalTime": time_text(request),
    }


def answer(told: Mapping[str, Any], http: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer."""
    return Response(json.dumps(told, ensure_ascii=False), http, dict(headers or {}), MEDIA_TYPE)


def one(request: Request, said: Said, http: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with one status."""
    return answer({"ResponseStatusObject": status(request, said)}, http, headers)


def each(request: Request, said: Sequence[Said]) -> Response:
    """Answer with a status for each item."""
    return answer({"ResponseStatusListObject": {"ResponseStatusObject": [status(request, item) for item in said]}})


class ViidRoute(APIRoute):
    """A route that refuses in the dialect."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with its refusals told in the dialect."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except ViidRefused as refused:
                return one(request, refused.said, refused.http, refused.headers)
            except HTTPException as error:
                code = _OF_HTTP.get(error.status_code, Code.OTHER)
                return one(request, Said(code), error.status_code, error.headers)
            except SQLAlchemyError as error:
                if not is_passing(error):
                    raise
                return one(request, Said(Code.BUSY), 503, {"Retry-After": "5"})

        return handle
