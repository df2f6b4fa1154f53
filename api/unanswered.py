"""What could not be answered, and how much of each school's cars was seen: missing data is neither guilt nor peace."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.asking import Day, Instant, Item, KeyFilter, Moment, columns_of, item_of, known_ms
from api.bounds import bounds_of
from api.forms import TABLE
from api.guard import needs
from api.listing import USUAL, Asked, first_of, page_documented
from api.paging import Cursor, Limit
from api.platform import platform_of
from api.tables import Table
from audit.coverage import SchoolCoverage
from audit.finding import NotAssessed as Unanswered
from audit.reasons import REASONS
from cases.roles import Actor, Permission
from runs.night_numbers import coverage_of, coverage_told, vehicle_days
from store.pages import not_assessed_page, not_assessed_place, pinned
from store.results import not_assessed_of
from store.tables.results import NotAssessedRow, VehicleDay
from trajectories.clock import LocalTime

READ = (Permission.READ_FINDINGS,)
Reader = Annotated[Actor, needs(*READ)]


class NotAssessed(Item):
    """A rule that could not be answered for a car (null: of a feed) and a time, and why."""

    service_date: dt.date
    vehicle_id: str | None
    rule: str
    start: Instant
    end: Instant
    reason: str = Field(description="A code.")
    reason_zh: str
    reason_en: str

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "service_date": "2026-03-18", "vehicle_id": "V0013", "rule": "signal-gap",
                    "start": "2026-03-18T15:39:58+08:00", "end": "2026-03-18T16:06:01+08:00", "reason": "feed-outage",
                    "reason_zh": "数据源整体中断", "reason_en": "the whole feed was down",
                }
            ]
        }
    )  # fmt: skip


class Coverage(Item):
    """How much of a school's coach cars was seen on a day (`school_id` null: cars of no school)."""

    school_id: str | None
    cars: int
    cars_without_fixes: int
    seen_h: float
    silent_h: float
    outage_h: float
    declared_h: float
    declared_seen_h: float
    not_assessed: dict[str, dict[str, int]] = Field(description="Rule to reason to how often.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "school_id": "SCH01", "cars": 9, "cars_without_fixes": 0, "seen_h": 72.4, "silent_h": 0.3,
                    "outage_h": 1.7, "declared_h": 31.0, "declared_seen_h": 30.2,
                    "not_assessed": {"signal-gap": {"feed-outage": 1}},
                }
            ]
        }
    )  # fmt: skip


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["findings"])

    @routes.get("/not-assessed", response_class=Response, responses=page_documented(NotAssessed, TABLE))
    def not_assessed(
        request: Request, actor: Reader, date: Day, rule: KeyFilter = None, vehicle: KeyFilter = None,
        as_known: Moment = None, cursor: Cursor = None, limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """What could not be answered on a service day, in the order of `not_assessed.csv`."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        row, bounds = NotAssessedRow, bounds_of(actor, READ)
        where = [row.service_date == date, *(c == v for c, v in ((row.rule, rule), (row.vehicle_id, vehicle)) if v)]
        if not bounds.is_city:
            own = [VehicleDay.service_date == date, bounds.rows(VehicleDay.district)]
            where.append(row.vehicle_id.in_(select(VehicleDay.vehicle_id).where(*own)))
        known, *after = asked.place(cursor) or [known_ms(as_known)]
        with asked.platform.store.reading() as session:
            found = not_assessed_page(session, where, known, after or None, limit + 1)
            pin = pinned(session, known, found)
        rows, more = first_of(found, limit)
        local = asked.platform.local
        items = [item_of(NotAssessed, unanswered_told(r, local)) for r in rows]
        goes_on = [pin, *not_assessed_place(rows[-1])] if more else None
        return asked.page(Table(columns_of(NotAssessed, local), items), goes_on)

    @routes.get("/coverage", response_class=Response, responses=page_documented(Coverage, TABLE))
    def coverage(request: Request, actor: Reader, date: Day) -> Response:
        """What was seen of each school's cars, as the night was last audited."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        with asked.platform.store.reading() as session:
            schools = _schools(asked, session, date)
        items = [item_of(Coverage, coverage_told(school, sums)) for school, sums in schools.items()]
        return asked.page(Table(columns_of(Coverage, asked.platform.local), items))

    return routes


def unanswered_told(row: NotAssessedRow | Unanswered, local: LocalTime) -> dict[str, Any]:
    """Return an unanswered question as its model has it."""
    zh, en = REASONS.get(row.reason, (row.reason, row.reason))  # a reason of an earlier version of the program
    told = {name: getattr(row, name) for name in ("service_date", "vehicle_id", "rule", "reason")}
    return {
        **told, "start": local.iso(row.start_ms), "end": local.iso(row.end_ms), "reason_zh": zh, "reason_en": en
    }  # fmt: skip


def _schools(asked: Asked, session: Session, date: dt.date) -> dict[str, SchoolCoverage]:
    """Return the coverage by school, of the cars that lie within an account's bounds."""
    days = vehicle_days(session, date, bounds_of(asked.actor, READ).cover)
    return coverage_of(days, not_assessed_of(session, date))
