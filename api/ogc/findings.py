"""The collection `findings`: what stands and has a place, within the bounds of `/v1/findings`, people by labels always.

What has no place (hours, crews) is at `/v1/findings` alone: the standard's schema knows no feature without a geometry,
and a `bbox` would have to bring them all along. `datetime` meets what lasts from a finding's start to its end. The
evidence is at `/v1/findings/{finding_id}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import shapely
from fastapi import APIRouter, Query, Request
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api import conditional
from api.asking import DayFilter, KeyFilter, KeyInPath
from api.bounds import bounds_of
from api.finding_models import finding_told
from api.findings import READ, Reader, shown
from api.forms import Form
from api.listing import first_of
from api.looks import look_at_many, look_at_one
from api.ogc import answers as a
from api.ogc.crs import Area
from api.ogc.models import Feature, FeatureCollection
from api.ogc.times import Interval
from api.paging import Cursor
from api.problems import not_found
from audit.finding import Finding as Said
from audit.finding import Severity
from cases.roles import Actor
from store.pages import finding_page, finding_place
from store.registers import as_known
from store.results import to_finding
from store.tables.results import FindingRow
from trajectories.clock import LocalTime

NAME = "findings"
USUAL, MOST = 100, 1000
MOST_COUNTED = 100_000
"""Of more findings it is not counted how many touch a `bbox`."""
Limit = Annotated[int, Query(ge=1, description="How many at most."), a.limit_schema(USUAL, MOST)]
_TEXT: dict[str, Any] = {"type": "string"}
QUERYABLES: dict[str, dict[str, Any]] = {
    "service_date": {"type": "string", "format": "date"},
    "severity": {"type": "string", "enum": [str(severity) for severity in Severity]},
    **dict.fromkeys(("rule", "vehicle_id", "school_id", "district", "zone_id"), _TEXT),
}


def add_routes(routes: APIRouter) -> None:
    """Add the routes."""

    @routes.get("/collections/findings/items", response_class=a.GeoJson, responses=a.documented(FeatureCollection, 403))
    def findings(
        request: Request, actor: Reader, service_date: DayFilter = None, rule: KeyFilter = None,
        severity: Severity | None = None, vehicle_id: KeyFilter = None, school_id: KeyFilter = None,
        district: KeyFilter = None, zone_id: KeyFilter = None, bbox: a.BboxIn = None, bbox_crs: a.BboxCrsIn = None,
        datetime: a.DatetimeIn = None, crs: a.CrsIn = None, cursor: Cursor = None, limit: Limit = USUAL,
        _form: a.JsonForm = "json",
    ) -> Response:  # fmt: skip
        """Findings by start, vehicle, rule and id; a finding is a reason to check. All pages show one state."""
        about = a.FeatureRequest.of(request, actor, NAME, crs, bbox, bbox_crs, datetime)
        equal = {
            "service_date": service_date, "rule": rule, "severity": severity, "vehicle_id": vehicle_id,
            "school_id": school_id, "district": district, "zone_id": zone_id,
        }  # fmt: skip
        told = "".join(f" {name} {value}" for name, value in equal.items() if value is not None)
        look_at_many(about.asked.platform, actor, "night", f"{datetime or 'all'}{told}")
        return _page(about, _where(actor, about.when, equal), cursor, min(limit, MOST))

    @routes.get(
        "/collections/findings/items/{feature_id:path}", response_class=a.GeoJson,
        responses=a.documented(Feature, 403, 404),
    )  # fmt: skip
    def finding(
        request: Request, actor: Reader, feature_id: KeyInPath, crs: a.CrsIn = None, _form: a.JsonForm = "json"
    ) -> Response:
        """One finding as it stands."""
        about = a.FeatureRequest.of(request, actor, NAME, crs)
        row = FindingRow
        with about.asked.platform.store.reading() as session:
            held = session.scalar(
                select(row).where(row.finding_id == feature_id, *as_known(row, None), row.geometry.is_not(None))
            )
        look_at_one(about.asked.platform, actor, "finding", feature_id, held)
        if held is None:
            raise not_found()
        seen = shown(about.asked, [to_finding(held)], "")
        whole = a.link(f"{a.server(request)}/v1/findings/{held.finding_id}", "related", Form.GEOJSON, "evidence")
        return about.one(_feature(seen.findings[0], about.asked.platform.local), [whole])


def _where(actor: Actor, when: Interval, equal: dict[str, Any]) -> list[ColumnElement[bool]]:
    row = FindingRow
    where = [getattr(row, name) == value for name, value in equal.items() if value is not None]
    if when.first_ms is not None:
        where.append(row.end_ms >= when.first_ms)
    if when.last_ms is not None:
        where.append(row.start_ms <= when.last_ms)
    return [*where, *placed_within(actor)]


def placed_within(actor: Actor) -> list[ColumnElement[bool]]:
    """Return the conditions under which an account is shown findings here: that of `/v1/findings`, and a place."""
    return [bounds_of(actor, READ).rows(FindingRow.district), FindingRow.geometry.is_not(None)]


def _page(about: a.FeatureRequest, where: list[ColumnElement[bool]], cursor: str | None, limit: int) -> Response:
    place = about.asked.place(cursor)
    area, store = about.area, about.asked.platform.store
    known, n_matched, *after = place or [store.clock(), None]
    with store.reading() as session:
        if place is None:
            n_matched = _n_matched(session, where, known, area)
        keep = None if area is None else lambda row: bool(area.touches(_shapes([row.geometry]))[0])
        rows, more = first_of(finding_page(session, where, known, after or None, limit + 1, keep), limit)
    seen = shown(about.asked, [to_finding(row) for row in rows], "")
    assert seen.cache == conditional.PRIVATE  # nobody is told by key
    goes_on = [known, n_matched, *finding_place(rows[-1])] if more else None
    features = [_feature(found, about.asked.platform.local) for found in seen.findings]
    return about.page(a.Page(features, n_matched, goes_on))


def _n_matched(session: Session, where: list[ColumnElement[bool]], known: int, area: Area | None) -> int | None:
    conditions = [*where, *as_known(FindingRow, known)]
    n = session.scalar(select(func.count()).select_from(FindingRow).where(*conditions)) or 0
    if area is None or n == 0:
        return n
    if n > MOST_COUNTED:
        return None
    shapes = session.scalars(select(FindingRow.geometry).where(*conditions)).all()
    return int(area.touches(_shapes(shapes)).sum())


def _shapes(geometries: Sequence[bytes | None]) -> Any:
    return shapely.from_wkb(np.array(geometries, object))


def _feature(found: Said, local: LocalTime) -> a.Found:
    """Return a finding as a feature with flat properties."""
    told = finding_told(found, local)
    geometry, summary = told.pop("geometry"), told.pop("summary")
    told.pop("evidence")
    told |= {"summary_zh": summary["zh"], "summary_en": summary["en"]}
    return a.Found(found.finding_id, told, None if geometry is None else shapely.geometry.shape(geometry))


def times(session: Session, actor: Actor, local: LocalTime) -> list[str | None]:
    """Return from when to when the findings last that an account is shown."""
    row = FindingRow
    asked = select(func.min(row.start_ms), func.max(row.end_ms)).where(*placed_within(actor), *as_known(row, None))
    return [None if at is None else local.iso(at) for at in session.execute(asked).one()]
