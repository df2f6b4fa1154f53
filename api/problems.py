"""Every error as RFC 9457 `application/problem+json`: a stable type, a title, what to do; never a trace or a secret.

`instance` is the request's id, by which the server's log is searched. Headers of an error stay (`Allow`,
`WWW-Authenticate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from api.request_ids import HEADER as REQUEST_ID
from api.request_ids import request_id

MEDIA_TYPE = "application/problem+json"
TYPES = "urn:trajaudit:problem:"
TITLES = {
    400: "The request cannot be understood",
    401: "Who asks is not known",
    403: "This may not be done",
    404: "There is nothing here",
    405: "This method is not offered here",
    406: "This form is not offered",
    409: "It stands otherwise by now",
    412: "It has changed since it was read",
    413: "The body is too large",
    415: "This form is not taken",
    422: "What was sent is not as expected",
    423: "Locked for a time",
    428: "A condition is needed",
    429: "Too many requests",
    500: "A fault of the server",
    503: "Not ready",
}


_ANYWHERE = (400, 401, 429, 503)
"""What any route may answer."""


class FieldFault(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="Where it is: `query.limit`, `body.lon`, `row 3: time`.")
    message: str = Field(description="What was found and what was expected.")


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="A stable name of the kind of error.")
    title: str
    status: int
    detail: str | None = None
    instance: str | None = Field(None, description="The request's id.")
    errors: list[FieldFault] = Field(default_factory=list)


class Refuse(HTTPException):
    """Raise it to answer with a problem. `code`: the last part of its type, kebab-case."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str | None = None,
        errors: list[FieldFault] | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep what is told. `more`: members beyond those of every problem, JSON-ready."""
        super().__init__(status, detail, dict(headers or {}))
        self.code, self.told = code, detail
        self.errors, self.more = errors or [], dict(more or {})


def not_found() -> Refuse:
    """Return the one answer for what is not there and for what this account may not know of."""
    return Refuse(404, "not-found")


def answer(
    request: Request,
    status: int,
    code: str,
    detail: str | None = None,
    errors: list[FieldFault] | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """Return a problem as a response."""
    told = Problem(
        type=TYPES + code,
        title=TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        instance=request_id(request),
        errors=errors or [],
    )
    body = {**(more or {}), **told.model_dump(exclude_none=True)}
    return JSONResponse(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors of a route for its OpenAPI document."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {s: {"description": TITLES[s], "content": {MEDIA_TYPE: schema}} for s in sorted({*statuses, *_ANYWHERE})}


def install(app: FastAPI) -> None:
    """Have every error of an application told as a problem."""

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        code = error.code if isinstance(error, Refuse) else _CODES.get(error.status_code, "error")
        errors = error.errors if isinstance(error, Refuse) else []
        detail = error.told if isinstance(error, Refuse) else None
        more = error.more if isinstance(error, Refuse) else {}
        return answer(request, error.status_code, code, detail, errors, error.headers, more)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [FieldFault(where=".".join(map(str, e["loc"])), message=str(e["msg"])) for e in error.errors()]
        in_address = any(e["loc"] and e["loc"][0] in {"query", "path", "header"} for e in error.errors())
        status, code = (400, "bad-request") if in_address else (422, "bad-body")
        return answer(request, status, code, None, faults)

    @app.exception_handler(Exception)
    async def _fault(request: Request, _error: Exception) -> Response:
        # It is answered outside of all middleware: the id's header is not added there.
        return answer(request, 500, "fault", headers={REQUEST_ID: request_id(request)})


_CODES = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "media-type", 406: "not-acceptable"}
