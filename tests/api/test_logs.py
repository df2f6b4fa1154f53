"""The server's log: a line of JSON for each request, which tells nobody's business; and the headers of every answer."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from api.logs import JsonLines
from runs import server_state as module
from tests.api.calls import get, post
from tests.api.conftest import Server
from tests.api.looping import run


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]


def test_a_line_has_id_actor_route_status_and_time_and_nothing_that_was_sent(
    reading_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    get(
        reading_server, "auditor", "/v1/vehicles/V0001?date=2026-03-18&as_known=2026-03-20T00:00:00Z",
        x_request_id="caller-0001", x_reason="Why-I-look",
    )  # fmt: skip
    post(reading_server, None, "/v1/login", {"name": "NAME-X", "password": "PASS-X"})
    first, second = lines(capsys)
    assert {k: first[k] for k in ("request_id", "actor", "method", "route", "status", "event", "level")} == {
        "request_id": "caller-0001", "actor": "auditor", "method": "GET", "route": "/v1/vehicles/{vehicle_id}",
        "status": 200, "event": "request", "level": "info",
    }  # fmt: skip
    assert first["ms"] >= 0
    assert set(first) == {"request_id", "actor", "method", "route", "status", "ms", "event", "level", "timestamp"}
    assert (second["actor"], second["status"]) == (None, 401)
    told = json.dumps([first, second])
    assert not any(secret in told for secret in ("V0001", "2026-03-20", "Why-I-look", "NAME-X", "PASS-X"))


def test_a_fault_is_a_line_with_its_place_and_an_answer_like_any_other(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("the plate 豫Z1020学 is in this message")

    monkeypatch.setattr("api.health.server_state", broken)
    answer = get(server, None, "/readyz")
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    (line,) = lines(capsys)
    assert (line["level"], line["error"], line["status"]) == ("error", "builtins.ValueError", 500)
    assert any(place.startswith("api/health.py:") for place in line["at"])
    assert "豫" not in json.dumps(line, ensure_ascii=False)


def test_what_libraries_log_is_such_a_line_without_the_exceptions_message() -> None:
    try:
        raise ValueError("secret")
    except ValueError as error:
        kind = (type(error), error, error.__traceback__)
    record = logging.LogRecord("uvicorn.error", logging.ERROR, __file__, 1, "It broke\nhere", (), kind)
    told = json.loads(JsonLines().format(record))
    assert told["event"] == "It broke"
    assert told["error"] == "builtins.ValueError"
    assert "secret" not in json.dumps(told)


# ---------------------------------------------------------------- headers
@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/v1/me", "/", "/healthz?x=1"])
def test_every_answer_has_the_headers(reading_server: Server, path: str) -> None:
    headers = get(reading_server, None, path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "no-store" in headers["cache-control"]
    assert "strict-transport-security" not in headers
    assert "unsafe" not in headers["content-security-policy"]


def test_over_tls_the_browser_is_told_to_stay_there(reading_server: Server) -> None:
    async def ask() -> str:
        async with reading_server.client(None) as client:
            return (await client.get("https://audit.test/healthz")).headers["strict-transport-security"]

    assert run(ask) == "max-age=31536000"


def test_what_a_route_says_itself_stays(reading_server: Server) -> None:
    answer = get(reading_server, "auditor", "/v1/findings?date=2026-03-18")
    assert answer.headers["cache-control"] == "private, no-cache"


# ---------------------------------------------------------------- readiness
def test_the_public_is_told_that_it_is_ready_and_operators_how_it_stands(reading_server: Server) -> None:
    assert get(reading_server, None, "/readyz").json() == {"status": "ready"}
    assert get(reading_server, "auditor", "/readyz").json() == {"status": "ready"}
    told = get(reading_server, "admin", "/readyz").json()["details"]
    assert told["last_nightly"]["service_date"] == "2026-03-18"
    assert told["free_mb"] > 0
    assert told["lease_age_s"] is None
    assert told["deliveries"] == {"waiting": 0, "sent": 0, "dead": 0}


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = module.shutil.disk_usage
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage(path)._replace(free=1))
    answer = get(server, "admin", "/readyz")
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":disk-full")
    assert answer.json()["details"]["free_mb"] == 0
    assert "details" not in get(server, None, "/readyz").json()
    monkeypatch.undo()
    monkeypatch.setattr(module.os, "access", lambda place, mode: Path(place).name != "lake")
    assert get(server, None, "/readyz").json()["type"].endswith(":store-not-writable")
