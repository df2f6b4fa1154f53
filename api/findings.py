"""Findings as they stand, or stood, within an account's bounds: the rows of `findings.geojson`, people by labels.

A finding is a reason to check. Whoever may look at people and says why sees them by their keys, and is on record with
each of them; a list is one look at its nights.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from shapely import MultiPolygon, box, from_wkb
from sqlalchemy import ColumnElement, select
from starlette.responses import Response

from api import conditional
from api.asking import DayFilter, KeyFilter, KeyInPath, Moment, known_ms
from api.bounds import bounds_of
from api.finding_models import Finding, Version, finding_table, finding_told, version_table, version_told
from api.forms import FEATURE, PLACED
from api.guard import needs
from api.listing import USUAL, Asked, first_of, one_documented, page_documented
from api.looks import Person, Reason, look_at_many, look_at_one, look_at_people
from api.masking import Labels, masked
from api.paging import Cursor, Limit
from api.platform import platform_of
from api.problems import FieldFault, Refuse, not_found
from audit.finding import Finding as Found
from audit.finding import Severity
from cases.roles import Actor, Permission
from runs.case_views import people_of
from store.pages import finding_page, finding_place, pinned
from store.registers import as_known as known_then
from store.results import to_finding
from store.tables.results import FindingRow

READ = (Permission.READ_FINDINGS,)
Reader = Annotated[Actor, needs(*READ)]
Box = Annotated[
    str | None,
    Query(max_length=200, description="west,south,east,north in degrees (WGS-84); findings whose geometry touches it."),
]


@dataclass(frozen=True, slots=True)
class Shown:
    """Findings as an account is shown them. `named`: who is shown by key."""

    findings: Sequence[Found]
    named: frozenset[Person]

    @property
    def cache(self) -> str:
        """Return what caches may do with it."""
        return conditional.NEVER if self.named else conditional.PRIVATE


def shown(asked: Asked, found: Sequence[Found], reason: str) -> Shown:
    """Return findings as an account is shown them, looks at people written down."""
    people = [(person, f) for f in found for person in people_of(f)]
    named = look_at_people(asked.platform, asked.actor, people, reason)
    answer = repr((asked.query, [(f.finding_id, f.content_digest) for f in found]))
    labels = Labels(asked.platform.secret, answer, [person for person, _ in people])
    return Shown([masked(f, labels, named) for f in found], named)


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["findings"])
    _list_route(routes)
    _one_routes(routes)
    return routes


def _list_route(routes: APIRouter) -> None:
    @routes.get("/findings", response_class=Response, responses=page_documented(Finding, PLACED))
    def findings(
        request: Request, actor: Reader, reason: Reason, date: DayFilter = None, date_from: DayFilter = None,
        date_to: DayFilter = None, rule: KeyFilter = None, school: KeyFilter = None, vehicle: KeyFilter = None,
        severity: Severity | None = None, bbox: Box = None, as_known: Moment = None, cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """Findings by start, vehicle (those without last), rule and id; `date_from` and `date_to` are inclusive.

        All pages show one state: that of the first page, or of `as_known`.
        """
        asked = Asked.of(request, platform_of(request), actor, PLACED)
        row, city = FindingRow, bounds_of(actor, READ)
        days = _days(date, date_from, date_to)
        equal = {row.rule: rule, row.school_id: school, row.vehicle_id: vehicle, row.severity: severity}
        where = [*days, *(c == v for c, v in equal.items() if v is not None), city.rows(row.district)]
        keep = None if bbox is None else _touching(bbox)
        known, *after = asked.place(cursor) or [known_ms(as_known)]
        look_at_many(asked.platform, actor, "night", _nights(date, date_from, date_to, vehicle), reason)
        with asked.platform.store.reading() as session:
            found = finding_page(session, where, known, after or None, limit + 1, keep)
            pin = pinned(session, known, found)
        rows, more = first_of(found, limit)
        seen = shown(asked, [to_finding(r) for r in rows], reason)
        goes_on = [pin, *finding_place(rows[-1])] if more else None
        version = [(r.finding_id, r.content_digest) for r in rows]
        table = finding_table(seen.findings, asked.platform.local)
        return asked.page(table, goes_on, version=version, cache=seen.cache)


def _days(date: dt.date | None, first: dt.date | None, last: dt.date | None) -> list[ColumnElement[bool]]:
    if date is not None and (first is not None or last is not None):
        message = "is one day: leave it out, or date_from and date_to"
        raise Refuse(400, "bad-request", errors=[FieldFault(where="query.date", message=message)])
    column, first, last = FindingRow.service_date, date or first, date or last
    told = [None if first is None else column >= first, None if last is None else column <= last]
    return [condition for condition in told if condition is not None]


def _nights(date: dt.date | None, first: dt.date | None, last: dt.date | None, vehicle: str | None) -> str:
    """Return what a list is a look at, as the access log names it."""
    told = f"{date}" if date else "all" if not first and not last else f"{first or ''}..{last or ''}"
    return told if vehicle is None else f"{told} vehicle {vehicle}"


def _touching(told: str) -> Callable[[FindingRow], bool]:
    """Return which findings lie within a box; west may be beyond east, across 180 degrees."""
    try:
        west, south, east, north = (float(part) for part in told.split(","))
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
            raise ValueError(told)
    except ValueError:
        message = "is not west,south,east,north in degrees, south up to north"
        raise Refuse(400, "bad-request", errors=[FieldFault(where="query.bbox", message=message)]) from None
    pieces = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    area: Any = MultiPolygon([box(w, south, e, north) for w, e in pieces])
    if area.is_empty or not area.is_valid or area.area == 0:
        area = box(west, south, east, north).envelope
    return lambda row: row.geometry is not None and bool(from_wkb(row.geometry).intersects(area))


def _one_routes(routes: APIRouter) -> None:
    @routes.get("/findings/{finding_id}", response_class=Response, responses=one_documented(Finding, FEATURE))
    def finding(
        request: Request, actor: Reader, reason: Reason, finding_id: KeyInPath, as_known: Moment = None
    ) -> Response:
        """One finding with its whole evidence, as it stands or stood."""
        asked = Asked.of(request, platform_of(request), actor, FEATURE)
        row = FindingRow
        with asked.platform.store.reading() as session:
            wanted = [row.finding_id == finding_id, *known_then(row, known_ms(as_known))]
            held = session.scalar(select(row).where(*wanted).order_by(row.id.desc()).limit(1))
        look_at_one(asked.platform, actor, "finding", finding_id, held, reason)
        if held is None:
            raise not_found()
        seen = shown(asked, [to_finding(held)], reason)
        table = finding_table(seen.findings, asked.platform.local)
        return asked.one(finding_told(seen.findings[0], asked.platform.local), table, cache=seen.cache)

    @routes.get(
        "/findings/{finding_id}/versions", response_class=Response, responses=page_documented(Version, PLACED, 404)
    )
    def versions(
        request: Request, actor: Reader, reason: Reason, finding_id: KeyInPath, cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """What a finding said from when to when, the earliest first."""
        asked = Asked.of(request, platform_of(request), actor, PLACED)
        row, place = FindingRow, asked.place(cursor) or [0]
        own = [row.finding_id == finding_id, bounds_of(actor, READ).rows(row.district)]
        with asked.platform.store.reading() as session:
            wanted = select(row).where(*own, row.id > place[0]).order_by(row.id).limit(limit + 1)
            rows, more = first_of(session.scalars(wanted).all(), limit)
        look_at_one(asked.platform, actor, "finding", finding_id, rows[0] if rows else None, reason)
        seen = shown(asked, [to_finding(r) for r in rows], reason)
        items = [version_told(f, r, asked.platform.local) for f, r in zip(seen.findings, rows, strict=True)]
        return asked.page(version_table(items, asked.platform.local), [rows[-1].id] if more else None, cache=seen.cache)
