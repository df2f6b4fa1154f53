"""The HTTP entrance as an ASGI application: the routes, who may call them, and what is the same for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from api import problems
from api.guard import check_guards
from api.hosts import KnownHosts
from api.logs import RequestLog
from api.metrics import Metrics
from api.patience import Patience
from api.platform import Platform
from api.request_ids import RequestIds
from api.routers import ROUTERS
from api.security import SecurityHeaders
from api.strict import known_parameters_only
from runs.versions import program_version

MOST_BODY_BYTES = 32 << 20


def create_app(platform: Platform) -> FastAPI:
    """Return the application; raises `Unguarded` where a route has no rule of who may call it."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        platform.jobs.stop()
        platform.maps.close()
        platform.store.close()

    app = FastAPI(
        title="trajaudit",
        version=program_version(),
        description="Findings about driver training, for supervision platforms. A finding is a reason to check.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(known_parameters_only)],
    )
    app.state.platform = platform
    app.state.metrics = Metrics()
    problems.install(app)
    for router in _routers():
        app.include_router(router)
    # The last one stands outermost: whatever an answer comes from, it has its id and its headers, and the log its line.
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MOST_BODY_BYTES)
    app.add_middleware(Patience, seconds=platform.settings.server.body_timeout_s)
    app.add_middleware(KnownHosts, names=platform.settings.server.hosts)
    app.add_middleware(RequestLog, metrics=app.state.metrics)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestIds)
    check_guards(app)
    return app


def _routers() -> list[APIRouter]:
    return [make() for make in ROUTERS]
