"""Both OpenAPI documents tell the routes there are; the documentation's page asks nobody but this server."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import sync_playwright
from schemathesis import openapi

from api.guard import all_routes, rule_of
from tests.api.calls import get
from tests.api.conftest import Server
from tests.api.live import listening
from tests.browser import QUIET

ONLY_31 = {"const", "examples", "prefixItems", "$defs", "patternProperties", "propertyNames", "contentMediaType"}


def document(server: Server, path: str) -> Any:
    answer = get(server, None, path)
    assert answer.status_code == 200
    return answer.json()


def test_the_document_tells_every_route_and_who_may_call_it(reading_server: Server) -> None:
    told = document(reading_server, "/openapi.json")
    assert told["openapi"].startswith("3.1")
    for route in all_routes(reading_server.app):
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                operation = told["paths"][route.path_format][method.lower()]
                rule = rule_of(route)
                assert rule is not None
                assert bool(operation["security"]) != rule.is_public, route.path


def test_every_reference_of_both_documents_leads_somewhere(reading_server: Server) -> None:
    for path in ("/openapi.json", "/ogc/api"):
        told = document(reading_server, path)
        names = set(re.findall(r'"#/components/schemas/([^"]+)"', get(reading_server, None, path).text))
        assert names <= set(told["components"]["schemas"])
        assert "HTTPValidationError" not in told["components"]["schemas"]
        openapi.from_dict(told)


def schemas(told: Any) -> Any:
    """Yield every object in a document but the examples."""
    if isinstance(told, list):
        for part in told:
            yield from schemas(part)
    elif isinstance(told, dict):
        yield told
        for name, part in told.items():
            if name not in {"example", "default", "properties"}:
                yield from schemas(part)
            elif name == "properties":
                for inner in part.values():
                    yield from schemas(inner)


def test_the_ogc_document_is_openapi_3_0(reading_server: Server) -> None:
    told = document(reading_server, "/ogc/api")
    assert told["openapi"] == "3.0.3"
    assert told["servers"] == [{"url": "http://audit.test/ogc"}]
    for part in schemas(told):
        assert not ONLY_31 & set(part), part
        assert part.get("type") != "null"
        assert not isinstance(part.get("type"), list)
        assert "$ref" not in part or len(part) == 1


@pytest.mark.parametrize("collection", ["zones", "findings", "tracks"])
def test_the_ogc_document_defines_parameters_as_the_standard_does(reading_server: Server, collection: str) -> None:
    told = document(reading_server, "/ogc/api")["paths"][f"/collections/{collection}/items"]["get"]
    parameters = {p["name"]: p for p in told["parameters"]}
    for name, schema in {
        "bbox": {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}},
        "datetime": {"type": "string"},
        "limit": {"type": "integer", "minimum": 1},
    }.items():
        found = parameters[name]
        assert (found["in"], found.get("required", False), found["style"], found["explode"]) == (
            "query",
            False,
            "form",
            False,
        )
        assert schema.items() <= found["schema"].items()
    assert {"bbox-crs", "crs", "cursor", "f"} <= set(parameters)
    assert "application/geo+json" in told["responses"]["200"]["content"]


@dataclass
class Looked:
    """What a page asked for and complained of, and what it showed."""

    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    status: str = ""


def look(address: str, program: str) -> Looked:
    """Open the documentation and try one request; the browser reaches this server and resolves no name."""
    out = Looked()
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[*QUIET[:-1], rules])
        page = started.new_page()
        page.on("request", lambda request: out.asked.append(request.url))
        page.on("console", lambda message: out.complaints.append(message.text))
        page.on("pageerror", lambda error: out.complaints.append(str(error)))
        page.goto(f"{address}/docs")
        page.locator("#operations-tag-ogc").click()
        page.locator("#operations-ogc-conformance_ogc_conformance_get button").first.click()
        page.get_by_text("Try it out").first.click()
        page.get_by_role("button", name="Execute").first.click()
        out.status = page.locator(".live-responses-table tbody .response-col_status").first.inner_text()
        started.close()
    return out


def test_the_page_of_documentation_asks_this_server_alone(reading_server: Server) -> None:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program is not None
    # In a thread of its own: Playwright keeps an event loop running in the thread that it is used in.
    with listening(reading_server) as at, ThreadPoolExecutor(1) as thread:
        seen = thread.submit(look, at, program).result(60)
    assert seen.complaints == []
    assert seen.status.startswith("200")
    assert all(url.startswith((f"{at}/", "data:")) for url in seen.asked)
    paths = {url.removeprefix(at).partition("?")[0] for url in seen.asked}
    assert paths >= {"/docs", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/openapi.json", "/ogc/conformance"}


def test_the_page_runs_its_own_scripts_only_and_other_files_are_not_given(reading_server: Server) -> None:
    first, again = (get(reading_server, None, "/docs") for _ in range(2))
    nonces = [
        re.search(r"script-src 'nonce-([^']+)';", a.headers["content-security-policy"])[1] for a in (first, again)
    ]  # type: ignore[index]
    assert nonces[0] != nonces[1]
    assert first.text.count(f'nonce="{nonces[0]}"') == first.text.count("<script") == 2
    assert "unsafe" not in first.headers["content-security-policy"]
    for name in ("LICENSE", "manifest.json", "%2e%2e", "index.html"):
        assert get(reading_server, None, f"/docs/{name}").status_code in {400, 404}
