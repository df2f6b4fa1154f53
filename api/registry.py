"""Schools, approved places, their hours, and cameras of a night, as they were known at a time.

A place that is approved for every school is shown to everybody who reads registers; one for some schools to whoever
reads one of them. Cameras lie in no district: they are the whole city's.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field
from shapely import from_wkb
from shapely.geometry import mapping
from sqlalchemy import select
from starlette.responses import Response

from api.asking import Day, DayFilter, Item, KeyInPath, Moment, columns_of, item_of
from api.bounds import Bounds, bounds_of
from api.forms import FEATURE, PLACED, TABLE
from api.listing import USUAL, Asked, one_documented, page_documented
from api.paging import Cursor, Limit
from api.platform import Platform, platform_of
from api.problems import not_found
from api.register_lists import REGISTRY, Registers, RegistryReader, fields_of, read_rows, told_rows
from api.tables import Table
from cases.roles import Actor
from store.tables.nights import Night
from store.tables.registers import ExceptionRow, SchoolRow, ZoneRow


class School(Item):
    """A driving school."""

    school_id: str
    name: str
    district: str = Field(description="GB/T 2260.")

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"school_id": "SCH01", "name": "柳湾驾校", "district": "419901"}]}
    )


class Zone(Item):
    """An approved place; null lists mean all, empty ones none."""

    zone_id: str
    kind: str = Field(description="ground, route or site.")
    name: str
    school_ids: list[str] | None
    parts: list[int] | None
    vehicle_classes: list[str] | None
    width_m: float | None = Field(description="Of a route: the full corridor.")
    approval_no: str | None
    recorded_at: dt.date | None
    valid_from: dt.date | None
    valid_to: dt.date | None
    geometry: dict[str, Any] = Field(description="GeoJSON, WGS-84.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "zone_id": "G02", "kind": "ground", "name": "柳湾训练场", "school_ids": ["SCH01"], "parts": [2],
                    "vehicle_classes": ["C1", "C2"], "width_m": None, "approval_no": "示交训场〔2025〕2号",
                    "recorded_at": None, "valid_from": "2025-01-01", "valid_to": None,
                    "geometry": {
                        "type": "Polygon",
                        "coordinates": [[[113.58, 34.8], [113.59, 34.8], [113.59, 34.81], [113.58, 34.8]]],
                    },
                }
            ]
        }
    )  # fmt: skip


class Window(Item):
    """Approved hours of a place; an end at or before the start is on the next day."""

    zone_id: str
    weekdays: list[int] = Field(description="ISO weekdays on which the window begins.")
    start: str
    end: str
    valid_from: dt.date | None
    valid_to: dt.date | None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "zone_id": "G01", "weekdays": [1, 2, 3, 4, 5, 6, 7], "start": "08:00", "end": "00:30",
                    "valid_from": "2025-01-01", "valid_to": None,
                }
            ]
        }
    )  # fmt: skip


class HoursException(Item):
    """Other hours on one day; `zone_id` null: everywhere; null times: the whole service day."""

    day: dt.date
    zone_id: str | None
    is_open: bool
    start: str | None
    end: str | None
    reason: str

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "day": "2026-03-18", "zone_id": "G03", "is_open": True, "start": "08:00", "end": "19:30",
                    "reason": "雨天停训后补训",
                }
            ]
        }
    )  # fmt: skip


class Camera(Item):
    """A checkpoint's camera."""

    camera_id: str
    lon_deg: float
    lat_deg: float
    valid_from: dt.date | None
    valid_to: dt.date | None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"camera_id": "K17", "lon_deg": 113.6, "lat_deg": 34.79, "valid_from": None, "valid_to": None}]
        }
    )


Zones = Annotated[str | None, Query(min_length=1, max_length=200, description="Of this place alone.")]


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["registers"])
    _school_routes(routes)
    _zone_routes(routes)
    _hour_routes(routes)
    _camera_routes(routes)
    return routes


@contextmanager
def _night(platform: Platform, day: dt.date, as_known: dt.datetime | None) -> Iterator[Registers]:
    with platform.store.reading() as session:
        yield Registers.at(session, day, as_known)


def _school_routes(routes: APIRouter) -> None:
    @routes.get("/schools", response_class=Response, responses=page_documented(School, TABLE))
    def schools(
        request: Request, actor: RegistryReader, date: DayFilter = None, as_known: Moment = None,
        cursor: Cursor = None, limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """Driving schools; without `date` those of the last night there is."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        with _night(asked.platform, date or _last_night(asked.platform), as_known) as registers:
            where = [bounds_of(actor, REGISTRY).rows(SchoolRow.district)]
            page = read_rows(asked, registers, "schools", cursor, limit, where)
        return told_rows(asked, School, page, lambda row: fields_of(row, School))


def _last_night(platform: Platform) -> dt.date:
    with platform.store.reading() as session:
        found = session.scalar(select(Night.service_date).order_by(Night.service_date.desc()).limit(1))
    return found or dt.date.min


def _zone_routes(routes: APIRouter) -> None:
    @routes.get("/zones", response_class=Response, responses=page_documented(Zone, PLACED))
    def zones(
        request: Request, actor: RegistryReader, date: Day, as_known: Moment = None, cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """The places approved on a day."""
        asked = Asked.of(request, platform_of(request), actor, PLACED)
        with _night(asked.platform, date, as_known) as registers:
            keep = approved_within(actor, registers)
            page = read_rows(asked, registers, "zones", cursor, limit, keep=keep)
        return told_rows(asked, Zone, page, zone_told, zone_place)

    @routes.get("/zones/{zone_id}", response_class=Response, responses=one_documented(Zone, FEATURE))
    def zone(
        request: Request, actor: RegistryReader, zone_id: KeyInPath, date: Day, as_known: Moment = None
    ) -> Response:
        """One place as it was approved on a day: a GeoJSON Feature."""
        asked = Asked.of(request, platform_of(request), actor, FEATURE)
        with _night(asked.platform, date, as_known) as registers:
            where, keep = [ZoneRow.zone_id == zone_id], approved_within(actor, registers)
            rows = read_rows(asked, registers, "zones", None, 1, where, keep).rows
        if not rows:
            raise not_found()
        columns = columns_of(Zone, asked.platform.local)
        return asked.one(item_of(Zone, zone_told(rows[0])), Table(columns, [], zone_place))


def zone_told(row: ZoneRow) -> dict[str, Any]:
    """Return a place as its model has it."""
    lists = {name: _list(getattr(row, name)) for name in ("school_ids", "parts", "vehicle_classes")}
    return {**fields_of(row, Zone), **lists, "geometry": mapping(from_wkb(row.geometry))}


def zone_place(item: Any) -> Any:
    """Return where a place is."""
    return item["geometry"]


def _list(text: str | None) -> list[Any] | None:
    return None if text is None else list(json.loads(text))


def approved_within(actor: Actor, registers: Registers) -> Callable[[ZoneRow], bool] | None:
    """Return which places an account is shown; None: all."""
    bounds: Bounds = bounds_of(actor, REGISTRY)
    if bounds.is_city:
        return None
    schools = set(registers.session.scalars(bounds.schools(registers.content("schools"))))

    def within(row: ZoneRow) -> bool:
        named = _list(row.school_ids)
        return bool(schools) if named is None else not schools.isdisjoint(named)

    return within


def _hour_routes(routes: APIRouter) -> None:
    @routes.get("/schedules", response_class=Response, responses=page_documented(Window, TABLE))
    def schedules(
        request: Request, actor: RegistryReader, date: Day, as_known: Moment = None, cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """Approved hours of places, in force on a day."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        with _night(asked.platform, date, as_known) as registers:
            page = read_rows(asked, registers, "schedules", cursor, limit, keep=_of_zones(actor, registers))
        return told_rows(asked, Window, page, _window)

    @routes.get("/schedule-exceptions", response_class=Response, responses=page_documented(HoursException, TABLE))
    def exceptions(
        request: Request, actor: RegistryReader, date: Day, as_known: Moment = None, cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """Other hours on that day."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        with _night(asked.platform, date, as_known) as registers:
            where, keep = [ExceptionRow.day == date], _of_zones(actor, registers)
            page = read_rows(asked, registers, "hours_exceptions", cursor, limit, where, keep)
        return told_rows(asked, HoursException, page, _exception)


def _of_zones(actor: Actor, registers: Registers) -> Callable[[Any], bool] | None:
    """Return which hours an account is shown: those of the places that it is shown, and those of all places."""
    within = approved_within(actor, registers)
    if within is None:
        return None
    zones = registers.session.scalars(select(ZoneRow).where(ZoneRow.content == registers.content("zones")))
    shown = {zone.zone_id for zone in zones if within(zone)}
    return lambda row: row.zone_id is None or row.zone_id in shown


def _window(row: Any) -> dict[str, Any]:
    days = [int(day) for day in row.weekdays.split(",") if day]
    told = {"zone_id": row.zone_id, "weekdays": days, "valid_from": row.valid_from, "valid_to": row.valid_to}
    return {**told, "start": clock_text(row.start_min), "end": clock_text(row.end_min)}


def _exception(row: Any) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in ("day", "zone_id", "is_open", "reason")}
    return {**told, "start": clock_text(row.start_min), "end": clock_text(row.end_min)}


def clock_text(minutes: int | None) -> str | None:
    """Return minutes after midnight as a clock shows them.

    >>> clock_text(30), clock_text(1440), clock_text(None)
    ('00:30', '24:00', None)
    """
    return None if minutes is None else f"{minutes // 60:02d}:{minutes % 60:02d}"


def _camera_routes(routes: APIRouter) -> None:
    @routes.get("/cameras", response_class=Response, responses=page_documented(Camera, PLACED))
    def cameras(
        request: Request, actor: RegistryReader, date: Day, as_known: Moment = None, cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """Checkpoint cameras on a day, for whoever sees the whole city."""
        asked = Asked.of(request, platform_of(request), actor, PLACED)
        is_city = bounds_of(actor, REGISTRY).is_city
        with _night(asked.platform, date, as_known) as registers:
            page = read_rows(asked, registers, "cameras", cursor, limit, keep=None if is_city else lambda _: False)
        return told_rows(asked, Camera, page, lambda row: fields_of(row, Camera), point)


def point(item: Any) -> dict[str, Any]:
    """Return the position of an item with `lon_deg` and `lat_deg`."""
    return {"type": "Point", "coordinates": [item["lon_deg"], item["lat_deg"]]}
