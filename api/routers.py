"""All routers of the application, in order; a new one is added here."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from api import (
    access_log,
    cases,
    docs,
    findings,
    health,
    jobs,
    lessons,
    login,
    maps,
    me,
    metrics,
    night_jobs,
    nights,
    openapi,
    positions,
    registry,
    reports,
    spot_checks,
    start,
    tiles,
    tracks,
    unanswered,
    users,
    vehicles,
)
from api.ogc import routes as ogc
from api.viid import routes as viid

ROUTERS: tuple[Callable[[], APIRouter], ...] = (
    health.router,
    login.router,
    me.router,
    cases.router,
    spot_checks.router,
    night_jobs.router,
    jobs.router,
    users.router,
    access_log.router,
    nights.router,
    vehicles.router,
    tracks.router,
    registry.router,
    lessons.router,
    findings.router,
    unanswered.router,
    reports.router,
    positions.router,
    viid.router,
    ogc.router,
    openapi.router,
    docs.router,
    tiles.router,
    start.router,
    metrics.router,
    maps.router,
)
