"""Numbers for Prometheus: who gets them, what is counted, and that no label says anything of anybody."""

from __future__ import annotations

import re

import httpx
import pytest

from api.app import create_app
from api.platform import Platform
from runs.settings import Settings
from tests.api.calls import get
from tests.api.conftest import Server
from tests.api.looping import run


def asked(server: Server, address: str, **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(server.app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://audit.test") as client:
            return await client.get("/metrics", headers={k.replace("_", "-"): v for k, v in headers.items()})

    return run(ask)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_reads_them(reading_server: Server, address: str) -> None:
    answer = asked(reading_server, address)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "trajaudit_ready 1.0" in answer.text
    assert 'trajaudit_nightly_state{state="' in answer.text


@pytest.mark.parametrize("address", ["10.1.2.3", "192.0.2.1", "testclient", "::ffff:10.1.2.3"])
def test_others_do_not_learn_that_there_are_any(reading_server: Server, address: str) -> None:
    answer = asked(reading_server, address)
    assert answer.status_code == 404
    assert answer.json()["type"].endswith(":not-found")


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "x_real_ip", "via", "x_forwarded_proto"])
def test_what_came_through_a_proxy_is_no_request_of_this_machine(reading_server: Server, header: str) -> None:
    assert asked(reading_server, "127.0.0.1", **{header: "127.0.0.1"}).status_code == 404


def test_networks_of_the_settings_are_let_in(reading_server: Server) -> None:
    settings = Settings(store=reading_server.settings.store, server={"metrics_allow": ["10.0.0.0/8"]})  # type: ignore[arg-type]
    other = Server(create_app(Platform(reading_server.store, settings, b"s" * 32)), reading_server.store, settings, {})
    assert asked(other, "10.9.9.9").status_code == 200
    assert asked(other, "127.0.0.1").status_code == 404


def test_routes_are_counted_by_template_and_nothing_that_was_sent_is_a_label(server: Server) -> None:
    get(server, "auditor", "/v1/vehicles/V0001?date=2026-03-18")
    get(server, "auditor", "/v1/vehicles/P0777?date=2026-03-18")
    get(server, None, "/nowhere/%E8%B1%ABZ1020")
    told = asked(server, "127.0.0.1").text
    assert 'route="/v1/vehicles/{vehicle_id}",status="200"} 1.0' in told
    assert 'route="-",status="404"} 1.0' in told
    assert not re.search("V0001|P0777|nowhere|豫|auditor|2026", told)
    labels = set(re.findall(r'(\w+)="', told))
    assert labels <= {"method", "route", "status", "le", "state", "code", "version"}


def test_a_method_that_is_none_is_no_label_of_its_own(server: Server) -> None:
    async def ask() -> None:
        async with server.client(None) as client:
            await client.request("BREW-1", "/healthz")

    run(ask)
    told = asked(server, "127.0.0.1").text
    assert "BREW" not in told
    assert 'method="other"' in told
