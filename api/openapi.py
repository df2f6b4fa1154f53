"""The whole API as OpenAPI 3.1, `/openapi.json`: every route, who may call it, examples."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.responses import Response

from api import conditional
from api.guard import all_routes, public, rule_of
from api.openapi_links import add_links
from api.problems import Problem, responses
from reports.plain import json_text

VERSION = "3.1.0"
SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of an account, or a token of the platform's identity provider.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "trajaudit",
        "description": "A browser's session; what changes something also needs X-CSRF-Token.",
    },
}
_KEPT = "trajaudit_openapi"


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["operation"])

    @routes.get("/openapi.json", dependencies=[public()], response_class=Response, responses=_ANSWERS)
    def openapi(request: Request) -> Response:
        """This document."""
        body = json_text(document(request.app)).encode()
        headers = {"Cache-Control": "public, no-cache", "ETag": conditional.etag_of(body)}
        if conditional.is_unchanged(request, headers["ETag"]):
            return conditional.not_modified(headers["ETag"], headers)
        return Response(body, headers=headers, media_type="application/json")

    return routes


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}},
    304: {"description": "It is as you have it (If-None-Match)."},
}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of an application; made once."""
    kept: dict[str, Any] | None = getattr(app.state, _KEPT, None)
    if kept is None:
        kept = _made(app)
        setattr(app.state, _KEPT, kept)
    return kept


def _made(app: FastAPI) -> dict[str, Any]:
    told = get_openapi(
        title=app.title, version=app.version, description=app.description, openapi_version=VERSION, routes=app.routes
    )
    components = told.setdefault("components", {})
    components["securitySchemes"] = SCHEMES
    components.setdefault("schemas", {}).update(_problem_schemas())
    rules = {
        (route.path_format, method.lower()): rule
        for route in all_routes(app)
        if isinstance(route, APIRoute) and (rule := rule_of(route)) is not None
        for method in route.methods or ()
    }
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            rule = rules.get((path, method))
            _own_errors(operation)
            operation["security"] = [] if rule is None or rule.is_public else [{name: []} for name in SCHEMES]
            if path.startswith("/ogc"):
                _spell_out(operation)
    add_links(told["paths"])
    return told


def _problem_schemas() -> dict[str, Any]:
    """Return the schemas of errors, to which routes refer by name."""
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    inner = schema.pop("$defs", {})
    return {"Problem": schema, **inner}


def _own_errors(operation: dict[str, Any]) -> None:
    """Take out what FastAPI says of its own: our errors are problems, and a reference stands alone.

    400 may come of every route: `api.strict` refuses parameters that it does not know.
    """
    answers = operation["responses"]
    answers.setdefault("400", responses()[400])
    own = answers.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if own.get("$ref", "").endswith("/HTTPValidationError"):
        del answers["422"]
        if "requestBody" in operation:
            answers |= {str(status): told for status, told in responses(422).items() if status == 422}
    for told in answers.values():
        for content in told.get("content", {}).values():
            if "$ref" in content.get("schema", {}):
                content["schema"].pop("type", None)


def _spell_out(operation: dict[str, Any]) -> None:
    """Say how parameters are written, in the words that OGC API - Features asks for."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            parameter |= {"style": "form", "explode": False}
