"""The server's log: one line of JSON on stderr for each request, and for what the server itself has to say.

A line has the request's id, the route's template, status, milliseconds, and who asked; never a path or a query as it
was sent, a body, a plate, a person. Of a fault it has the kind and the places in our code: messages may quote input.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from fastapi import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.identity import asker_known
from api.metrics import Metrics
from runs.persist import is_passing

ROOT = Path(__file__).resolve().parent.parent
RUN = "trajaudit.run_id"
UNKNOWN_ROUTE = "-"
AGAIN_S = 5
"""Seconds after which to come back where the database is away."""
_MOST_FRAMES = 12


class _Lines:
    """Writes each line at once, to whatever stderr is then."""

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    info = error = warning = msg


LOG = structlog.wrap_logger(
    _Lines(),
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
)


class JsonLines(logging.Formatter):
    """What libraries log, as such lines, without the messages of their exceptions."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a line."""
        told: dict[str, Any] = {"event": record.getMessage(), "logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            told |= fault_of(record.exc_info[1])
            told["event"] = told["event"].splitlines()[0]
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return json.dumps({**told, "level": record.levelname.lower(), "timestamp": at}, ensure_ascii=False)


LOG_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "api.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "json"}},
    "loggers": {
        "uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
"""For uvicorn: no access log of its own, which would hold queries."""


def fault_of(error: BaseException) -> dict[str, Any]:
    """Return the kind of a fault and where in our code it came up, innermost last."""
    frames = [
        f"{Path(f.filename).relative_to(ROOT)}:{f.lineno} {f.name}"
        for f in traceback.extract_tb(error.__traceback__)
        if Path(f.filename).is_relative_to(ROOT) and ".venv" not in f.filename
    ]
    return {"error": f"{type(error).__module__}.{type(error).__name__}", "at": frames[-_MOST_FRAMES:]}


def note_run(request: Request, run_id: str) -> None:
    """Have the request's line name a run."""
    request.scope[RUN] = run_id


def _answer(request: Request, error: BaseException) -> Response:
    """Return what a caller is told of something that nobody caught."""
    if is_passing(error):
        headers = {"Retry-After": str(AGAIN_S)}
        return problems.answer(request, 503, "not-ready", "The database does not answer.", headers=headers)
    return problems.answer(request, 500, "fault")


class RequestLog:
    """Counts and logs each request; a fault that nobody caught is answered here, inside of what every answer gets."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Stand before an application."""
        self.app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        fault: dict[str, Any] = {}

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the caller gets an answer and the log a line
            fault = fault_of(error)
            if status == 0:
                await _answer(Request(scope), error)(scope, receive, noted)
        finally:
            self._tell(scope, status, time.perf_counter() - began, fault)

    def _tell(self, scope: Scope, status: int, lasted_s: float, fault: dict[str, Any]) -> None:
        route = route_of(scope)
        self._metrics.count(scope["method"], route, status, lasted_s)
        asker = asker_known(scope)
        told = {
            "request_id": scope.get("trajaudit.request_id", ""),
            "actor": None if asker is None else asker.actor.name,
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(lasted_s * 1000, 1),
            **({"run_id": scope[RUN]} if RUN in scope else {}),
            **fault,
        }
        (LOG.error if fault else LOG.info)("request", **told)


def route_of(scope: Scope) -> str:
    """Return the template of a request's route, which holds nothing of what was sent."""
    return str(getattr(scope.get("route"), "path", UNKNOWN_ROUTE))
