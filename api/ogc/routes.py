"""The routes of `/ogc`: landing page, conformance, API definition, collections and features."""

from __future__ import annotations

from html import escape
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from api.forms import Form
from api.guard import public
from api.ogc import answers as a
from api.ogc import collections, findings, oas30, tracks, zones
from api.ogc.models import Conformance, Landing

PREFIX = "/ogc"
_PART_1, _PART_2 = (f"http://www.opengis.net/spec/ogcapi-features-{part}/1.0/conf/" for part in (1, 2))
CLASSES = (f"{_PART_1}core", f"{_PART_1}oas30", f"{_PART_1}geojson", f"{_PART_2}crs")
DESCRIPTION = (
    "驾驶培训核查结果的地图服务。Findings about driver training for geographic information systems;"
    " a finding is a reason to check."
)
_HTML = "text/html"
LandingForm = Annotated[Literal["json", "html"] | None, Query(alias="f", description="The form, whatever Accept says.")]


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=PREFIX, tags=["ogc"])
    _entrance(routes)
    collections.add_routes(routes)
    for of in (zones, findings, tracks):
        of.add_routes(routes)
    return routes


def _entrance(routes: APIRouter) -> None:
    def landing(request: Request, form: LandingForm = None) -> Response:
        """Where to go from here; for people as HTML."""
        is_html = form == "html" or (form is None and _prefers_html(request))
        told = _landing(request, is_html)
        return _page(told) if is_html else a.plain(request, told)

    answers = {**a.documented(Landing)}
    answers[200] = {**answers[200], "content": {_HTML: {"schema": {"type": "string"}}}}
    options: Any = {"response_class": a.Json, "dependencies": [public()], "responses": answers}
    routes.get("", **options)(landing)
    routes.get("/", include_in_schema=False, **options)(landing)

    @routes.get("/conformance", response_class=a.Json, dependencies=[public()], responses=a.documented(Conformance))
    def conformance(request: Request, _form: a.JsonForm = "json") -> Response:
        """The classes of OGC API - Features that are kept."""
        return a.plain(request, {"conformsTo": list(CLASSES)})

    @routes.get("/api", response_class=oas30.OpenApi30, dependencies=[public()], responses=oas30.ANSWERS)
    def definition(request: Request, _form: a.JsonForm = "json") -> Response:
        """This part of the API as OpenAPI 3.0; all of it is at `/openapi.json`, as 3.1."""
        return a.plain(request, oas30.definition(request, PREFIX), oas30.MEDIA_TYPE)


def _landing(request: Request, is_html: bool) -> dict[str, Any]:
    here = a.root(request)
    forms = [a.link(f"{here}?f=json", "self", a.JSON), a.link(f"{here}?f=html", "alternate", _HTML)]
    if is_html:
        forms = [a.link(f"{here}?f=html", "self", _HTML), a.link(f"{here}?f=json", "alternate", a.JSON)]
    links = [
        *forms,
        a.link(f"{here}/api", "service-desc", oas30.MEDIA_TYPE, "OpenAPI 3.0"),
        a.link(f"{a.server(request)}/docs", "service-doc", _HTML, "API"),
        a.link(f"{here}/conformance", "conformance", a.JSON),
        a.link(f"{here}/collections", "data", a.JSON),
    ]
    return {"title": "trajaudit", "description": DESCRIPTION, "links": links}


def _prefers_html(request: Request) -> bool:
    """Whether a browser asks: it names HTML, and not JSON."""
    accepted = request.headers.get("accept", "").lower()
    return _HTML in accepted and a.JSON not in accepted and str(Form.GEOJSON) not in accepted


def _page(told: dict[str, Any]) -> Response:
    rows = "".join(
        f'<li><a rel="{escape(at["rel"])}" href="{escape(at["href"])}">{escape(at.get("title") or at["rel"])}</a></li>'
        for at in told["links"]
    )
    text = (
        '<!DOCTYPE html><html lang="zh"><head><meta charset="utf-8"><title>trajaudit</title></head>'
        f"<body><h1>{escape(told['title'])}</h1><p>{escape(told['description'])}</p><ul>{rows}</ul></body></html>"
    )
    return HTMLResponse(text, headers={"Vary": "Accept"})
