"""Requests to a server of the tests, one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.api.conftest import Server
from tests.api.looping import run

PROBLEM = "application/problem+json"


def call(
    server: Server,
    name: str | None,
    method: str,
    path: str,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> httpx.Response:
    """Return the answer to a request of an account; every refusal must be a problem."""

    async def ask() -> httpx.Response:
        async with server.client(name) as client:
            return await client.request(method, path, json=json, content=content, headers=headers)

    answer = run(ask)
    if answer.status_code >= 400:
        told = answer.json()
        assert answer.headers["content-type"] == PROBLEM, (method, path)
        assert (told["status"], told["instance"]) == (answer.status_code, answer.headers["x-request-id"])
        assert told["type"].startswith("urn:trajaudit:problem:")
    return answer


def get(server: Server, name: str | None, path: str, **headers: str) -> httpx.Response:
    return call(server, name, "GET", path, headers={key.replace("_", "-"): value for key, value in headers.items()})


def post(server: Server, name: str | None, path: str, json: Any = None, **headers: str) -> httpx.Response:
    told = {key.replace("_", "-"): value for key, value in headers.items()}
    return call(server, name, "POST", path, json=json, headers=told)


def kind_of(answer: httpx.Response) -> str:
    """Return the last part of a problem's type."""
    return str(answer.json()["type"]).rpartition(":")[2]
