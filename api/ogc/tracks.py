"""The collection `tracks`: one line for each vehicle-day, for whoever may look at vehicles, with a reason.

Its positions are longitude, latitude and a measure, seconds since 1970 UTC, which `measures` announces (as JSON-FG
does; GDAL reads LineString M). They are the fixes that the audit takes at their word. Each vehicle that an answer
shows is a look at it, written down before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Annotated, Any

import numpy as np
import pyarrow.compute as pc
import shapely
from fastapi import APIRouter, Query, Request
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api import conditional
from api.asking import DayFilter, KeyFilter, KeyInPath
from api.bounds import bounds_of
from api.guard import needs
from api.listing import first_of
from api.looks import Reason, look_at_one, need_reason
from api.ogc import answers as a
from api.ogc.crs import Area, Crs, moved
from api.ogc.models import Feature, FeatureCollection
from api.ogc.times import Interval
from api.paging import Cursor
from api.platform import Platform
from api.problems import not_found
from cases.roles import Actor, Permission, Place
from reports.plain import storable
from store.access_log import LOOK, Entry, append
from store.accounts import role_in
from store.lake import read_tracks
from store.pages import vehicle_day_page
from store.tables.results import VehicleDay
from trajectories.clock import LocalTime
from trajectories.fleet import UNUSABLE, Flag

NAME = "tracks"
USUAL, MOST = 10, 20
MOST_READ = 100
"""Vehicle-days that one answer looks through for a `bbox`; the page after goes on, even behind an empty one."""
LOOKING = (Permission.LOOK_AT_VEHICLE,)
Looker = Annotated[Actor, needs(*LOOKING)]
Limit = Annotated[int, Query(ge=1, description="How many at most."), a.limit_schema(USUAL, MOST)]
QUERYABLES: dict[str, dict[str, Any]] = {
    "service_date": {"type": "string", "format": "date"},
    "vehicle_id": {"type": "string"},
    "school_id": {"type": "string"},
}
_MEASURES = {"enabled": True, "unit": "s", "description": "seconds since 1970-01-01T00:00:00Z"}
_LEFT_OUT = UNUSABLE | Flag.OTHER_DAY


def add_routes(routes: APIRouter) -> None:
    """Add the routes."""

    @routes.get("/collections/tracks/items", response_class=a.GeoJson, responses=a.documented(FeatureCollection, 403))
    def tracks(
        request: Request, actor: Looker, reason: Reason, service_date: DayFilter = None, vehicle_id: KeyFilter = None,
        school_id: KeyFilter = None, bbox: a.BboxIn = None, bbox_crs: a.BboxCrsIn = None,
        datetime: a.DatetimeIn = None, crs: a.CrsIn = None, cursor: Cursor = None, limit: Limit = USUAL,
        _form: a.JsonForm = "json",
    ) -> Response:  # fmt: skip
        """Tracks by service day and vehicle. With `bbox` a page may hold fewer than there are: `next` goes on."""
        about = a.FeatureRequest.of(request, actor, NAME, crs, bbox, bbox_crs, datetime)
        need_reason(reason)
        equal = {"service_date": service_date, "vehicle_id": vehicle_id, "school_id": school_id}
        where = _where(actor, about.when, about.asked.platform.local, equal)
        page, seen = _page(about, where, cursor, min(limit, MOST))
        _look(about.asked.platform, actor, seen, reason)
        return about.page(page, cache=conditional.NEVER)

    @routes.get(
        "/collections/tracks/items/{feature_id:path}", response_class=a.GeoJson,
        responses=a.documented(Feature, 403, 404),
    )  # fmt: skip
    def track(
        request: Request, actor: Looker, reason: Reason, feature_id: KeyInPath, crs: a.CrsIn = None,
        _form: a.JsonForm = "json",
    ) -> Response:  # fmt: skip
        """One vehicle's day; its id is the service day, a point, and the vehicle."""
        about = a.FeatureRequest.of(request, actor, NAME, crs)
        need_reason(reason)
        key = _key(feature_id)
        platform = about.asked.platform
        with platform.store.reading() as session:
            held = None if key is None else session.get(VehicleDay, key)
            held = None if held is None or not held.is_assessable else held
            lines = [] if held is None else _lines(platform, session, [held], about.crs)
        vehicle_id = feature_id if key is None else key[1]
        look_at_one(platform, actor, "vehicle", vehicle_id, None if held is None else _place(held), reason)
        if not lines:
            raise not_found()
        return about.one(lines[0][0], cache=conditional.NEVER)


def _key(feature_id: str) -> tuple[dt.date, str] | None:
    """Return the service day and the vehicle of a feature's id."""
    day, _, vehicle_id = feature_id.partition(".")
    try:
        return (dt.date.fromisoformat(day), vehicle_id) if len(day) == 10 else None
    except ValueError:
        return None


def _place(row: VehicleDay) -> Place:
    return Place(row.district, row.school_id)


def _where(actor: Actor, when: Interval, local: LocalTime, equal: dict[str, Any]) -> list[ColumnElement[bool]]:
    row, (first, last) = VehicleDay, when.days(local)
    where = [getattr(row, name) == value for name, value in equal.items() if value is not None]
    where += [] if first is None else [row.service_date >= first]
    where += [] if last is None else [row.service_date <= last]
    return [*where, *standing_within(actor)]


def standing_within(actor: Actor) -> list[ColumnElement[bool]]:
    """Return the conditions under which an account is shown vehicle-days: those with fixes, within its bounds."""
    return [VehicleDay.is_assessable.is_(True), bounds_of(actor, LOOKING).rows(VehicleDay.district)]


def _page(
    about: a.FeatureRequest, where: list[ColumnElement[bool]], cursor: str | None, limit: int
) -> tuple[a.Page, list[VehicleDay]]:
    """Return a page, and the vehicle-days that it shows."""
    place, platform = about.asked.place(cursor), about.asked.platform
    n_matched, *after = place or [None]
    found: list[a.Found] = []
    seen: list[VehicleDay] = []
    n_read, more = 0, True
    with platform.store.reading() as session:
        if place is None and about.area is None:
            n_matched = session.scalar(select(func.count()).select_from(VehicleDay).where(*where)) or 0
        while more and len(found) < limit and n_read < MOST_READ:
            rows, more = first_of(vehicle_day_page(session, where, after or None, limit - len(found) + 1),
                                  limit - len(found))  # fmt: skip
            for feature, line in _lines(platform, session, rows, about.crs):
                if about.area is None or _touches(about.area, line):
                    found.append(feature)
            n_read += len(rows)
            after = [rows[-1].service_date.isoformat(), rows[-1].vehicle_id] if rows else after
            shown = {feature.key for feature in found}
            seen += [row for row in rows if _feature_id(row) in shown]
    return a.Page(found, n_matched, [n_matched, *after] if more else None), seen


def _touches(area: Area, line: Any) -> bool:
    return bool(area.touches(np.array([line], object))[0])


def _feature_id(row: VehicleDay) -> str:
    return f"{row.service_date.isoformat()}.{row.vehicle_id}"


def _lines(
    platform: Platform, session: Session, rows: Sequence[VehicleDay], crs: Crs
) -> list[tuple[a.Found, shapely.LineString | None]]:
    """Return vehicle-days as features, each with its line in CRS84; None where fewer than two fixes are left."""
    out = []
    for day, of_day in groupby(rows, key=lambda row: row.service_date):
        held = list(of_day)
        fixes = read_tracks(platform.store, session, day, [row.vehicle_id for row in held])
        fixes = fixes.filter(pc.equal(pc.bit_wise_and(fixes["flags"], int(_LEFT_OUT)), 0))
        owners = fixes["vehicle_id"].to_numpy()
        columns = {name: fixes[name].to_numpy() for name in ("lon_deg", "lat_deg", "t_ms")}
        for row in held:
            first, last = (int(np.searchsorted(owners, row.vehicle_id, side)) for side in ("left", "right"))
            lon_lat = np.column_stack([columns["lon_deg"][first:last], columns["lat_deg"][first:last]])
            out.append(_line(row, lon_lat, columns["t_ms"][first:last], crs, platform.local))
    return out


def _line(row: VehicleDay, lon_lat: Any, t_ms: Any, crs: Crs, local: LocalTime) -> tuple[a.Found, Any]:
    is_line = len(t_ms) >= 2
    properties = {
        "vehicle_id": storable(row.vehicle_id),
        "service_date": row.service_date.isoformat(),
        "school_id": row.school_id,
        "district": row.district,
        "use": row.use,
        "n_fixes": len(t_ms),
        "start": local.iso(int(t_ms[0])) if len(t_ms) else None,
        "end": local.iso(int(t_ms[-1])) if len(t_ms) else None,
    }
    told = None
    if is_line:
        positions = np.column_stack([moved(np.round(lon_lat, 7), crs), t_ms / 1000]).tolist()
        told = {"type": "LineString", "coordinates": positions, "measures": _MEASURES}
    found = a.Found(_feature_id(row), properties, told=told)
    return found, shapely.LineString(lon_lat) if is_line else None


def _look(platform: Platform, actor: Actor, seen: Iterable[VehicleDay], reason: str) -> None:
    """Write down a look at each vehicle; an answer that shows none is on record as a look at nothing."""
    places: dict[str, Place | None] = {row.vehicle_id: _place(row) for row in seen}
    places = places or {"none": None}
    now = platform.store.clock()
    entries = [
        Entry(now, actor.name, role_in(actor, *LOOKING, place), LOOK, "vehicle", key[:200], reason)
        for key, place in places.items()
    ]
    with platform.store.writing() as session:
        append(session, entries)


def times(session: Session, actor: Actor, local: LocalTime) -> list[str | None]:
    """Return from when to when the service days last of which an account is shown tracks."""
    asked = select(func.min(VehicleDay.service_date), func.max(VehicleDay.service_date))
    first, last = session.execute(asked.where(*standing_within(actor))).one()
    if first is None:
        return [None, None]
    return [local.iso(local.service_day(first).start_ms), local.iso(local.service_day(last).end_ms)]
