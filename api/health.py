"""Whether the server lives, and whether it can work: for whoever watches over it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from api import problems
from api.guard import public
from api.identity import actor_of_request
from api.platform import Platform, platform_of
from api.problems import Refuse, responses
from cases.roles import Permission, has_permission
from runs.server_state import ServerState, server_state

OPERATING = (Permission.RUN_NIGHTLY, Permission.BACKUP)
"""Any of these is an operator's."""


class LastNightly(BaseModel):
    """The nightly that ended last."""

    run_id: str
    service_date: str
    state: str
    age_s: float


class Details(BaseModel):
    """What an operator is told besides."""

    free_mb: int | None = Field(description="Free on the store's disk.")
    last_nightly: LastNightly | None
    lease_age_s: float | None = Field(description="For how long a nightly has been running; null: none runs.")
    notices_unplanned: int | None
    deliveries: dict[str, int] = Field(description="Deliveries of notices by state; `dead`: given up.")


class Health(BaseModel):
    """The state of the server, or of what it stands on. `details`: for operators."""

    status: str
    details: Details | None = None


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["operation"])

    @routes.get("/healthz", dependencies=[public()], responses=responses(), response_model_exclude_none=True)
    def healthz() -> Health:
        """Whether the process answers at all."""
        return Health(status="ok")

    @routes.get("/readyz", dependencies=[public()], response_model=Health, responses=responses(503))
    def readyz(request: Request) -> JSONResponse:
        """Whether database, schema, folders and disk let the server work; to operators, how they stand."""
        platform = platform_of(request)
        found = server_state(platform.store, platform.settings)
        more: dict[str, Any] = {"details": details_of(found)} if "database-away" not in found.trouble else {}
        if not (more and is_operator(request)):
            more = {}
        if found.trouble:
            return problems.answer(request, 503, found.trouble[0], more=more)
        return JSONResponse({"status": "ready", **more})

    return routes


def is_operator(request: Request) -> bool:
    """Whether somebody asks who operates the server; whoever cannot be told is not."""
    if "authorization" not in request.headers and not request.cookies:
        return False
    try:
        actor = actor_of_request(request)
    except Refuse:
        return False
    return any(has_permission(actor, p) for p in OPERATING)


def details_of(found: ServerState) -> dict[str, Any]:
    """Return a state as an operator is told it."""
    last = found.last_run
    told = Details(
        free_mb=None if found.free_bytes is None else found.free_bytes >> 20,
        last_nightly=None
        if last is None
        else LastNightly(
            run_id=last.run_id, service_date=last.service_date.isoformat(), state=last.state, age_s=round(last.age_s, 1)
        ),
        lease_age_s=found.lease_age_s,
        notices_unplanned=found.unplanned,
        deliveries=found.deliveries,
    )
    return told.model_dump(mode="json")


def state_of(platform: Platform) -> ServerState:
    """Return how the store of a server is."""
    return server_state(platform.store, platform.settings)
