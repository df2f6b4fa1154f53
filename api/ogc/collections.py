"""Which collections there are, what is in them, and who may know of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.findings import READ
from api.guard import needs
from api.ogc import answers as a
from api.ogc import findings, tracks, zones
from api.ogc.crs import Crs
from api.ogc.models import Collection, Collections, Queryables
from api.ogc.times import Interval
from api.platform import Platform, platform_of
from api.register_lists import REGISTRY
from cases.roles import Actor, Permission, has_permission
from store.registers import as_known
from store.tables.results import FindingRow
from trajectories.clock import LocalTime

QUERYABLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
SCHEMA_JSON = "application/schema+json"
MOST_MEASURED = 20_000
"""Of more findings it is not told where they lie."""
_DAYLESS: list[str | None] = [None, None]


class SchemaJson(Response):
    """A response that is a JSON Schema."""

    media_type = SCHEMA_JSON


@dataclass(frozen=True, slots=True)
class Kind:
    """One collection. `bounds`: what of it an account is shown lies where, (west, south, east, north)."""

    name: str
    title: str
    description: str
    needed: tuple[Permission, ...]
    queryables: dict[str, dict[str, Any]]
    bounds: Callable[[Session, Actor, LocalTime], list[float] | None]
    times: Callable[[Session, Actor, LocalTime], list[str | None]]


def _zone_shapes(session: Session, actor: Actor, local: LocalTime) -> list[float] | None:
    return _around([t.row.geometry for t in zones.in_force(session, actor, Interval(), local, None)])


def _zone_times(_session: Session, _actor: Actor, _local: LocalTime) -> list[str | None]:
    return _DAYLESS


def _finding_shapes(session: Session, actor: Actor, _local: LocalTime) -> list[float] | None:
    where = [*findings.placed_within(actor), *as_known(FindingRow, None)]
    found = session.scalars(select(FindingRow.geometry).where(*where).limit(MOST_MEASURED + 1)).all()
    return None if len(found) > MOST_MEASURED else _around([g for g in found if g is not None])


def _nowhere(_session: Session, _actor: Actor, _local: LocalTime) -> list[float] | None:
    return None


def _around(geometries: list[bytes]) -> list[float] | None:
    if not geometries:
        return None
    corners: list[float] = shapely.total_bounds(shapely.from_wkb(np.array(geometries, object))).tolist()
    return corners


KINDS = (
    Kind(
        zones.NAME, "批准的训练场地与路线",
        "Approved places, each as the last night tells it on which it was in force.",
        REGISTRY, zones.QUERYABLES, _zone_shapes, _zone_times,
    ),
    Kind(
        findings.NAME, "待核查的发现",
        "Findings that have a place, each a reason to check; those without one are at /v1/findings.",
        READ, findings.QUERYABLES, _finding_shapes, findings.times,
    ),
    Kind(
        tracks.NAME, "车辆轨迹",
        "Vehicle-days as lines with a measure in seconds; each look takes a reason (X-Reason).",
        tracks.LOOKING, tracks.QUERYABLES, _nowhere, tracks.times,
    ),
)  # fmt: skip
"""All collections, in the order in which they are told."""
ANY = tuple(dict.fromkeys(permission for kind in KINDS for permission in kind.needed))


def add_routes(routes: APIRouter) -> None:
    """Add the routes: one for each collection, so that the OpenAPI document names each."""

    any_of_them = needs(*ANY)

    def collections(request: Request, actor: Actor = any_of_them, _form: a.JsonForm = "json") -> Response:
        """The collections that this account may read."""
        shown = [k for k in KINDS if any(has_permission(actor, p) for p in k.needed)]
        told = {
            "links": [a.link(a.here(request), "self", a.JSON), a.link(a.root(request), "root", a.JSON)],
            "collections": [_told(request, actor, kind) for kind in shown],
        }
        return a.plain(request, told)

    routes.get("/collections", response_class=a.Json, responses=a.documented(Collections, 403))(collections)
    for kind in KINDS:
        _add_one(routes, kind)


def _add_one(routes: APIRouter, kind: Kind) -> None:
    allowed = needs(*kind.needed)

    def collection(request: Request, actor: Actor = allowed, _form: a.JsonForm = "json") -> Response:
        """What is in the collection, where and when, and in which coordinates it is told."""
        return a.plain(request, _told(request, actor, kind))

    def queryables(request: Request, _actor: Actor = allowed, _form: a.JsonForm = "json") -> Response:
        """By which properties its features are asked for."""
        told = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"{a.root(request)}/collections/{kind.name}/queryables",
            "type": "object",
            "title": kind.name,
            "properties": kind.queryables,
            "additionalProperties": False,
        }
        return a.plain(request, told, SCHEMA_JSON)

    collection.__name__, queryables.__name__ = f"collection_{kind.name}", f"queryables_{kind.name}"
    path = f"/collections/{kind.name}"
    routes.get(path, response_class=a.Json, responses=a.documented(Collection, 403))(collection)
    routes.get(f"{path}/queryables", response_class=SchemaJson, responses=a.documented(Queryables, 403))(queryables)


def _told(request: Request, actor: Actor, kind: Kind) -> dict[str, Any]:
    here = f"{a.root(request)}/collections/{kind.name}"
    return {
        "id": kind.name,
        "title": kind.title,
        "description": kind.description,
        "extent": _extent(platform_of(request), actor, kind),
        "itemType": "feature",
        "crs": [str(crs) for crs in Crs],
        "storageCrs": str(Crs.CRS84),
        "links": [
            a.link(here, "self", a.JSON),
            a.link(f"{here}/items", "items", str(a.GeoJson.media_type), kind.title),
            a.link(f"{here}/queryables", QUERYABLES_REL, SCHEMA_JSON),
        ],
    }


def _extent(platform: Platform, actor: Actor, kind: Kind) -> dict[str, Any]:
    with platform.store.reading() as session:
        corners = kind.bounds(session, actor, platform.local)
        when = kind.times(session, actor, platform.local)
    trs = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
    told: dict[str, Any] = {"temporal": {"interval": [when], "trs": trs}}
    return told if corners is None else {"spatial": {"bbox": [corners], "crs": str(Crs.CRS84)}, **told}
