"""Requests for features, and how they are answered: links, pages, ETags, `Content-Crs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from fastapi import Query, Request
from pydantic import WithJsonSchema
from shapely.geometry.base import BaseGeometry
from starlette.responses import Response

from api import conditional
from api.asking import written
from api.forms import Form
from api.listing import Asked
from api.ogc.crs import Area, Crs, area_of, crs_of, told_in
from api.ogc.times import ALWAYS, Interval, interval_of
from api.paging import cursor_for
from api.platform import platform_of
from api.problems import responses
from cases.roles import Actor
from reports.plain import json_text

JSON = "application/json"
_VARY = {"Vary": "Accept, Authorization, Cookie"}
_URI: dict[str, Any] = {"type": "string", "format": "uri", "enum": [str(crs) for crs in Crs]}
_NUMBERS = {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}

JsonForm = Annotated[Literal["json"], Query(alias="f", description="The form; JSON is what there is.")]
CrsIn = Annotated[
    str | None, Query(alias="crs", max_length=200, description="In which coordinates are told."), WithJsonSchema(_URI)
]
BboxCrsIn = Annotated[
    str | None,
    Query(alias="bbox-crs", max_length=200, description="In which the corners of `bbox` are."),
    WithJsonSchema(_URI),
]
BboxIn = Annotated[
    str | None,
    Query(max_length=300, description="Lower and upper corner; what has no place is told, too."),
    WithJsonSchema(_NUMBERS),
]
DatetimeIn = Annotated[
    str | None,
    Query(max_length=100, description="An instant or an interval, .. for an open end; a date: that service day."),
    WithJsonSchema({"type": "string"}),
]


class GeoJson(Response):
    """A response of features."""

    media_type = str(Form.GEOJSON)


class Json(Response):
    """Any other response."""

    media_type = JSON


def limit_schema(usual: int, most: int) -> WithJsonSchema:
    """Return the schema of a collection's `limit`: what is beyond the most is taken for it (fc-limit-response C)."""
    return WithJsonSchema({"type": "integer", "minimum": 1, "maximum": most, "default": usual})


@dataclass(frozen=True, slots=True)
class Found:
    """A feature. `shape`: in CRS84; `told`: a geometry that is GeoJSON in the right system already."""

    key: str
    properties: dict[str, Any]
    shape: BaseGeometry | None = None
    told: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a collection. `goes_on`: the place of its last feature, None on the last page."""

    features: Sequence[Found]
    n_matched: int | None
    goes_on: list[Any] | None


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """A request for features of a collection."""

    asked: Asked
    collection: str
    crs: Crs
    area: Area | None = None
    when: Interval = ALWAYS

    @classmethod
    def of(
        cls, request: Request, actor: Actor, collection: str, crs: str | None, bbox: str | None = None,
        bbox_crs: str | None = None, when: str | None = None,
    ) -> FeatureRequest:  # fmt: skip
        """Take a request; raises `Refuse` (400)."""
        platform = platform_of(request)
        asked = Asked(request, platform, actor, Form.GEOJSON)
        area = area_of(bbox, crs_of(bbox_crs, "bbox-crs"))
        return cls(asked, collection, crs_of(crs, "crs"), area, interval_of(when, platform.local))

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of every answer with coordinates."""
        return {**_VARY, "Content-Crs": f"<{self.crs}>"}

    @property
    def _address(self) -> str:
        return f"{root(self.asked.request)}/collections/{self.collection}"

    def page(self, page: Page, cache: str = conditional.PRIVATE) -> Response:
        """Return a page as an answer, with a weak ETag: its time stamp is another each time."""
        links = [link(here(self.asked.request), "self", Form.GEOJSON), link(self._address, "collection", JSON)]
        headers = {**self.headers, "Cache-Control": cache}
        if page.goes_on is not None:
            cursor = cursor_for(self.asked.platform.secret, page.goes_on, self.asked.query)
            onward = here(self.asked.request, cursor)
            links.append(link(onward, "next", Form.GEOJSON))
            headers["Link"] = f'<{onward}>; rel="next"; type="{Form.GEOJSON}"'
        told: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": [self._feature(found) for found in page.features],
            "links": links,
            "numberMatched": page.n_matched,
            "numberReturned": len(page.features),
        }
        if page.n_matched is None:
            del told["numberMatched"]
        text = json_text(told)
        if cache != conditional.NEVER:
            headers["ETag"] = f"W/{conditional.etag_of(text.encode())}"
            if conditional.is_unchanged(self.asked.request, headers["ETag"].removeprefix("W/")):
                return conditional.not_modified(headers["ETag"], headers)
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return GeoJson(f'{text[:-1]},"timeStamp":"{stamp}"}}', headers=headers)

    def one(self, found: Found, more: Sequence[dict[str, Any]] = (), cache: str = conditional.PRIVATE) -> Response:
        """Return one feature as an answer. `more`: links beside the usual ones."""
        here_ = here(self.asked.request)
        links = [link(here_, "self", Form.GEOJSON), link(self._address, "collection", JSON), *more]
        body = json_text({**self._feature(found), "links": links}).encode()
        headers = {**self.headers, "Cache-Control": cache}
        if cache != conditional.NEVER:
            headers["ETag"] = conditional.etag_of(body)
            if conditional.is_unchanged(self.asked.request, headers["ETag"]):
                return conditional.not_modified(headers["ETag"], headers)
        return GeoJson(body, headers=headers)

    def _feature(self, found: Found) -> dict[str, Any]:
        geometry = found.told if found.told is not None else told_in(found.shape, self.crs)
        return {
            "type": "Feature",
            "id": written(found.key),
            "geometry": geometry,
            "properties": written(found.properties),
        }


def plain(request: Request, told: Any, media_type: str = JSON, cache: str = conditional.PRIVATE) -> Response:
    """Return anything but features as an answer, with its ETag."""
    body = json_text(told).encode()
    headers = {**_VARY, "Cache-Control": cache, "ETag": conditional.etag_of(body)}
    if conditional.is_unchanged(request, headers["ETag"]):
        return conditional.not_modified(headers["ETag"], headers)
    return Response(body, headers=headers, media_type=media_type)


def server(request: Request) -> str:
    """Return the address of the server, as the caller reached it."""
    return str(request.base_url).rstrip("/")


def root(request: Request) -> str:
    """Return the address of the landing page."""
    return f"{server(request)}/ogc"


def here(request: Request, cursor: str | None = None) -> str:
    """Return the address that was asked, or that of the page behind a cursor."""
    asked = request.query_params.multi_items()
    if cursor is not None:
        asked = [*((name, value) for name, value in asked if name != "cursor"), ("cursor", cursor)]
    path = quote(request.url.path.removeprefix(request.scope.get("root_path", "")))
    return f"{server(request)}{path}" + (f"?{urlencode(asked)}" if asked else "")


def link(href: str, rel: str, kind: str, title: str | None = None) -> dict[str, str]:
    """Return a link."""
    told = {"href": href, "rel": rel, "type": str(kind)}
    return told if title is None else {**told, "title": title}


def documented(model: Any, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a route for the OpenAPI documents."""
    return {
        **responses(*statuses),
        **conditional.documented(),
        200: {"description": "As asked for.", "model": model},
    }
