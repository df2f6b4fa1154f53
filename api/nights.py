"""Nights and runs: what came in, what was audited, what is missing. For who reads findings, and who runs the nightly.

Numbers are the whole city's, so they are told to whoever sees the whole city, or runs it; what an account with some
districts sees is counted in `/v1/coverage` and `/v1/findings`.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.asking import DayFilter, DayInPath, Instant, Item, KeyInPath, MaybeInstant, columns_of, iso, item_of
from api.bounds import bounds_of
from api.forms import TABLE, Form
from api.guard import needs
from api.listing import USUAL, Asked, first_of, one_documented, page_documented
from api.paging import Cursor, Limit
from api.platform import platform_of
from api.problems import not_found
from api.tables import Table
from cases.roles import Actor, Permission
from store.tables.nights import Night as NightRow
from store.tables.results import Run as RunRow

WATCHING = (Permission.READ_FINDINGS, Permission.RUN_NIGHTLY)
Watcher = Annotated[Actor, needs(*WATCHING)]
_ONE = (Form.JSON,)


class Night(Item):
    """A service day of which something came in."""

    service_date: dt.date
    timezone: str
    state: str = Field(description="waiting (never audited), erased, or that of the last run: done, degraded ...")
    first: Instant = Field(description="When the first delivery came in.", json_schema_extra={"format": "date-time"})
    changed: Instant = Field(description="When the last delivery came in.", json_schema_extra={"format": "date-time"})
    audited: MaybeInstant
    is_behind: bool = Field(description="Whether something came in since it was audited.")
    run_id: str | None
    trouble: dict[str, Any] | None = Field(description="What is missing or went wrong, by where; null: not told you.")
    counts: dict[str, Any] | None = Field(description="The last run's `run.json`; null: none, or not told you.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "service_date": "2026-03-18", "timezone": "Asia/Shanghai", "state": "degraded",
                    "first": "2026-03-19T05:30:00+08:00", "changed": "2026-03-19T05:30:00+08:00",
                    "audited": "2026-03-19T05:34:10+08:00", "is_behind": False, "run_id": "2026-03-18-a40aa43e",
                    "trouble": {"feed:amap": ["timeout"]}, "counts": {"findings": {"off-route": 1}},
                }
            ]
        }
    )  # fmt: skip


class Run(Item):
    """One night audited, or tried."""

    run_id: str
    kind: str
    service_date: dt.date
    state: str = Field(description="running, done, degraded, failed or interrupted.")
    started: Instant
    ended: MaybeInstant
    versions: dict[str, str] | None
    trouble: dict[str, Any] | None = Field(description="What is missing or went wrong, by where; null: not told you.")
    counts: dict[str, Any] | None = Field(description="What was audited and what changed; null: not told you.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "run_id": "2026-03-18-a40aa43e", "kind": "nightly", "service_date": "2026-03-18", "state": "done",
                    "started": "2026-03-19T05:30:00+08:00", "ended": "2026-03-19T05:34:10+08:00",
                    "versions": {"program": "0.1.0"}, "trouble": {}, "counts": {"changes": {"new": 15}},
                }
            ]
        }
    )  # fmt: skip


NAMES_CARS = frozenset({"coverage", "warnings"})
"""Members of `run.json` that may name a car."""


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["nights"])
    _night_routes(routes)
    _run_routes(routes)
    return routes


def _night_routes(routes: APIRouter) -> None:
    @routes.get("/nights", response_class=Response, responses=page_documented(Night, TABLE))
    def nights(request: Request, actor: Watcher, cursor: Cursor = None, limit: Limit = USUAL) -> Response:
        """All nights, the latest first."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        wanted = select(NightRow).order_by(NightRow.service_date.desc()).limit(limit + 1)
        place = asked.place(cursor)
        if place is not None:
            wanted = wanted.where(NightRow.service_date < dt.date.fromisoformat(place[0]))
        with asked.platform.store.reading() as session:
            rows, more = first_of(session.scalars(wanted).all(), limit)
            items = [item_of(Night, _night(asked, session, row)) for row in rows]
        goes_on = [rows[-1].service_date.isoformat()] if more else None
        return asked.page(Table(columns_of(Night, asked.platform.local), items), goes_on)

    @routes.get("/nights/{date}", response_class=Response, responses=one_documented(Night, _ONE))
    def night(request: Request, actor: Watcher, date: DayInPath) -> Response:
        """One night."""
        asked = Asked.of(request, platform_of(request), actor, _ONE)
        with asked.platform.store.reading() as session:
            row = session.get(NightRow, date)
            if row is None:
                raise not_found()
            return asked.one(item_of(Night, _night(asked, session, row)))


def _night(asked: Asked, session: Session, row: NightRow) -> dict[str, Any]:
    local, run = asked.platform.local, None if row.run_id is None else session.get(RunRow, row.run_id)
    is_city = bounds_of(asked.actor, WATCHING).is_city
    state = "waiting" if row.audited_ms is None else "done" if run is None else run.state
    return {
        "service_date": row.service_date,
        "timezone": row.timezone,
        "state": "erased" if row.audited_ms is not None and row.rules is None else state,
        "first": local.iso(row.first_ms),
        "changed": local.iso(row.changed_ms),
        "audited": iso(local, row.audited_ms),
        "is_behind": row.audited_ms is None or row.audited_ms < row.changed_ms,
        "run_id": row.run_id,
        "trouble": _trouble(run) if is_city else None,
        "counts": account_told(row.counts, asked.actor) if is_city and row.counts else None,
    }


def account_told(text: str, actor: Actor) -> dict[str, Any]:
    """Return a `run.json`, for whoever does not read the city's findings without the members that may name a car."""
    told: dict[str, Any] = json.loads(text)
    if bounds_of(actor, (Permission.READ_FINDINGS,)).is_city:
        return told
    return {name: part for name, part in told.items() if name not in NAMES_CARS}


def _trouble(run: RunRow | None) -> dict[str, Any]:
    """Return what is missing or went wrong; feeds without anybody delayed are not told."""
    told: dict[str, Any] = (_told(run.trouble) if run is not None else None) or {}
    return {name: value for name, value in told.items() if value}


def _told(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _run_routes(routes: APIRouter) -> None:
    @routes.get("/runs", response_class=Response, responses=page_documented(Run, TABLE))
    def runs(
        request: Request, actor: Watcher, date: DayFilter = None,
        state: Annotated[str | None, Query(pattern="^[a-z-]{1,40}$")] = None, cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """All runs, the latest first."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        wanted = select(RunRow).order_by(RunRow.started_ms.desc(), RunRow.run_id.desc()).limit(limit + 1)
        wanted = wanted if date is None else wanted.where(RunRow.service_date == date)
        wanted = wanted if state is None else wanted.where(RunRow.state == state)
        place = asked.place(cursor)
        if place is not None:
            started, run_id = place
            earlier = (RunRow.started_ms == started) & (RunRow.run_id < run_id)
            wanted = wanted.where((RunRow.started_ms < started) | earlier)
        with asked.platform.store.reading() as session:
            rows, more = first_of(session.scalars(wanted).all(), limit)
        items = [item_of(Run, _run(asked, row)) for row in rows]
        goes_on = [rows[-1].started_ms, rows[-1].run_id] if more else None
        return asked.page(Table(columns_of(Run, asked.platform.local), items), goes_on)

    @routes.get("/runs/{run_id}", response_class=Response, responses=one_documented(Run, _ONE))
    def run(request: Request, actor: Watcher, run_id: KeyInPath) -> Response:
        """One run."""
        asked = Asked.of(request, platform_of(request), actor, _ONE)
        with asked.platform.store.reading() as session:
            row = session.get(RunRow, run_id)
        if row is None:
            raise not_found()
        return asked.one(item_of(Run, _run(asked, row)))


def _run(asked: Asked, row: RunRow) -> dict[str, Any]:
    local, is_city = asked.platform.local, bounds_of(asked.actor, WATCHING).is_city
    return {
        "run_id": row.run_id,
        "kind": row.kind,
        "service_date": row.service_date,
        "state": row.state,
        "started": local.iso(row.started_ms),
        "ended": iso(local, row.ended_ms),
        "versions": _told(row.versions),
        "trouble": _trouble(row) if is_city else None,
        "counts": _told(row.counts) if is_city else None,
    }
