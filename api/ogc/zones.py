"""The collection `zones`: each approved place as the latest night tells it, of those nights on which it was in force.

`datetime` chooses among the nights; without it all of them count. So for one service day these are the places of
`/v1/zones` on that day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import shapely
from fastapi import APIRouter, Query, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.asking import KeyFilter, KeyInPath
from api.ogc import answers as a
from api.ogc.crs import Area
from api.ogc.models import Feature, FeatureCollection
from api.ogc.times import Interval
from api.paging import Cursor
from api.problems import not_found
from api.register_lists import Registers, RegistryReader
from api.registry import approved_within, zone_told
from cases.roles import Actor
from reports.plain import plain
from store.registers import as_known
from store.tables.registers import RegisterVersion, ZoneRow
from trajectories.clock import LocalTime
from zones.zone import ZoneKind

NAME = "zones"
USUAL, MOST = 100, 1000
Limit = Annotated[int, Query(ge=1, description="How many at most."), a.limit_schema(USUAL, MOST)]
Kind = Annotated[ZoneKind | None, Query(description="ground, route or site.")]
QUERYABLES: dict[str, dict[str, Any]] = {
    "zone_id": {"type": "string"},
    "kind": {"type": "string", "enum": [str(kind) for kind in ZoneKind]},
}


@dataclass(frozen=True, slots=True)
class Told:
    """A place, and the night whose register tells it."""

    row: ZoneRow
    night: dt.date


def add_routes(routes: APIRouter) -> None:
    """Add the routes."""

    @routes.get("/collections/zones/items", response_class=a.GeoJson, responses=a.documented(FeatureCollection, 403))
    def zones(
        request: Request, actor: RegistryReader, zone_id: KeyFilter = None, kind: Kind = None, bbox: a.BboxIn = None,
        bbox_crs: a.BboxCrsIn = None, datetime: a.DatetimeIn = None, crs: a.CrsIn = None, cursor: Cursor = None,
        limit: Limit = USUAL, _form: a.JsonForm = "json",
    ) -> Response:  # fmt: skip
        """Approved places; `datetime`: the service days on which they are in force."""
        about = a.FeatureRequest.of(request, actor, NAME, crs, bbox, bbox_crs, datetime)
        known, after = about.asked.place(cursor) or [about.asked.platform.store.clock(), None]
        with about.asked.platform.store.reading() as session:
            found = in_force(session, actor, about.when, about.asked.platform.local, known)
        wanted = {"zone_id": zone_id, "kind": kind}
        found = [t for t in found if all(v is None or getattr(t.row, n) == v for n, v in wanted.items())]
        found = _touched(found, about.area)
        rest = [t for t in found if after is None or t.row.zone_id > after]
        shown, most = rest[: min(limit, MOST)], min(limit, MOST)
        goes_on = [known, shown[-1].row.zone_id] if len(rest) > most else None
        return about.page(a.Page([_feature(t) for t in shown], len(found), goes_on))

    @routes.get(
        "/collections/zones/items/{feature_id:path}", response_class=a.GeoJson,
        responses=a.documented(Feature, 403, 404),
    )  # fmt: skip
    def zone(
        request: Request, actor: RegistryReader, feature_id: KeyInPath, crs: a.CrsIn = None, _form: a.JsonForm = "json"
    ) -> Response:
        """One approved place, as the latest night tells it."""
        about = a.FeatureRequest.of(request, actor, NAME, crs)
        with about.asked.platform.store.reading() as session:
            found = in_force(session, actor, Interval(), about.asked.platform.local, None, feature_id)
        if not found:
            raise not_found()
        return about.one(_feature(found[0]))


def _feature(told: Told) -> a.Found:
    properties = {name: value for name, value in zone_told(told.row).items() if name != "geometry"}
    days = {name: _iso(properties[name]) for name in ("recorded_at", "valid_from", "valid_to")}
    properties = {**properties, **days, "service_date": told.night.isoformat()}
    return a.Found(told.row.zone_id, plain(properties, NAME), shapely.from_wkb(told.row.geometry))


def _iso(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()


def _touched(found: Sequence[Told], area: Area | None) -> list[Told]:
    if area is None or not found:
        return list(found)
    shapes = shapely.from_wkb(np.array([t.row.geometry for t in found], object))
    return [t for t, touches in zip(found, area.touches(shapes), strict=True) if touches]


def in_force(
    session: Session, actor: Actor, when: Interval, local: LocalTime, known: int | None, zone_id: str | None = None
) -> list[Told]:
    """Return the places in force on some night of an interval, which an account is shown, by zone_id."""
    latest: dict[str, tuple[dt.date, Any]] = {}
    for nights, row in _versions(session, when, local, known, zone_id):
        on = next((n for n in nights if _holds(row, n)), None)
        if on is not None and (row.zone_id not in latest or latest[row.zone_id][0] < on):
            latest[row.zone_id] = (on, row)
    by_content: dict[str, dict[int, dt.date]] = {}
    for on, row in latest.values():
        by_content.setdefault(row.content, {})[row.ordinal] = on
    shown: dict[dt.date, Callable[[ZoneRow], bool] | None] = {}
    found = []
    for content, ordinals in by_content.items():
        for zone in session.scalars(select(ZoneRow).where(ZoneRow.content == content)):
            if zone.ordinal in ordinals:
                on = ordinals[zone.ordinal]
                if on not in shown:
                    shown[on] = approved_within(actor, Registers(session, on, known))
                keep = shown[on]
                if keep is None or keep(zone):
                    found.append(Told(zone, on))
    return sorted(found, key=lambda t: t.row.zone_id)


def _versions(
    session: Session, when: Interval, local: LocalTime, known: int | None, zone_id: str | None
) -> Iterator[tuple[list[dt.date], Any]]:
    """Yield every row of every content that counts on those nights, with these nights, the latest first."""
    version, (first, last) = RegisterVersion, when.days(local)
    asked = select(version.content, version.service_date).where(version.register == NAME, *as_known(version, known))
    asked = asked if first is None else asked.where(version.service_date >= first)
    asked = asked if last is None else asked.where(version.service_date <= last)
    nights: dict[str, list[dt.date]] = {}
    for content, night in session.execute(asked.order_by(version.service_date.desc())):
        nights.setdefault(content, []).append(night)
    columns = (ZoneRow.content, ZoneRow.ordinal, ZoneRow.zone_id, ZoneRow.valid_from, ZoneRow.valid_to)
    for content, on in nights.items():
        rows = select(*columns).where(ZoneRow.content == content)
        rows = rows if zone_id is None else rows.where(ZoneRow.zone_id == zone_id)
        for row in session.execute(rows):
            yield on, row


def _holds(row: Any, night: dt.date) -> bool:
    return (row.valid_from is None or row.valid_from <= night) and (row.valid_to is None or night <= row.valid_to)
