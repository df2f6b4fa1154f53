"""The server says whether it lives and whether it can work, and every error is a problem."""

from __future__ import annotations

from tests.api.conftest import Server
from tests.api.looping import run


def get(server: Server, path: str, name: str | None = None):  # type: ignore[no-untyped-def]
    async def ask():  # type: ignore[no-untyped-def]
        async with server.client(name) as client:
            return await client.get(path)

    return run(ask)


def test_a_server_with_its_database_is_ready(reading_server: Server) -> None:
    assert get(reading_server, "/healthz").json() == {"status": "ok"}
    assert get(reading_server, "/readyz").json() == {"status": "ready"}


def test_a_parameter_that_is_not_known_is_refused_and_named(reading_server: Server) -> None:
    answer = get(reading_server, "/healthz?nigth=1")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["where"] == "query.nigth"


def test_what_is_not_there_is_a_problem_with_the_requests_id(reading_server: Server) -> None:
    answer = get(reading_server, "/nowhere")
    assert answer.status_code == 404
    assert answer.json()["instance"] == answer.headers["x-request-id"]
