"""`/docs`: the API's documentation in a browser, from our own server alone (Swagger UI, vendored by the Makefile)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import HTMLResponse, Response

from api import conditional
from api.guard import public
from api.problems import not_found, responses
from api.security import nonce_of
from maps.assets import vendored

_FOLDER = "swagger-ui-dist"
_KINDS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_PAGE = """<!DOCTYPE html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>trajaudit · API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script nonce="{nonce}" src="docs/swagger-ui-bundle.js"></script>
<script nonce="{nonce}">
window.docs = SwaggerUIBundle({{
  url: "openapi.json", dom_id: "#docs", deepLinking: true, docExpansion: "none", filter: true,
  defaultModelsExpandDepth: -1, validatorUrl: null, persistAuthorization: false,
  requestInterceptor: (request) => {{
    const at = new URL(request.url, location.href);
    if (at.origin !== location.origin) throw new Error("only this server is asked");
    return request;
  }}
}});
</script>
</body>
</html>
"""
Name = Annotated[str, Path(pattern=r"^[a-z.-]{1,40}$")]


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs", dependencies=[public()], response_class=HTMLResponse)
    def docs(request: Request) -> Response:
        """The documentation."""
        nonce = nonce_of(request)
        return HTMLResponse(_PAGE.format(nonce=nonce), headers=_headers(nonce))

    @routes.get("/docs/{name}", dependencies=[public()], response_class=Response, responses=responses(404))
    def asset(request: Request, name: Name) -> Response:
        """A file of the page, held against the manifest of what is vendored."""
        if name not in _KINDS:
            raise not_found()
        body = vendored(f"{_FOLDER}/{name}")
        headers = {"Cache-Control": "public, no-cache", "ETag": conditional.etag_of(body)}
        if conditional.is_unchanged(request, headers["ETag"]):
            return conditional.not_modified(headers["ETag"], headers)
        return Response(body, headers=headers, media_type=_KINDS[name])

    return routes


def _headers(nonce: str) -> dict[str, str]:
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src data:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy, "Cache-Control": conditional.NEVER}
