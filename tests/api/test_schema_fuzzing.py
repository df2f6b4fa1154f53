"""Requests made up from the OpenAPI document, right ones and wrong ones: never a fault, never an undeclared answer.

At least 1,000 in all here; 20,000 with `make slow`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from api.openapi import document
from api.openapi_links import WAYS
from tests.api.asks import things
from tests.api.calls import get
from tests.api.conftest import DAY, Server
from tests.api.fuzzing import STREAM, fuzz, labels, odd, open_server
from tests.api.fuzzing_chains import chains
from tests.api.looping import run


@pytest.fixture
def server(city_store: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that does not count requests."""
    with open_server(city_store, tmp_path / "store") as made:
        yield made


@pytest.mark.parametrize("name", ["auditor", "platform"])
def test_requests_made_up_from_the_document_are_answered_as_declared(server: Server, name: str) -> None:
    made = fuzz(server, name, 400)
    assert made.faults == {}
    assert made.asked.keys() == labels(server) - set(STREAM)
    assert made.statuses.total() > 300
    assert made.statuses[200] > 40


def test_cases_that_are_read_acted_upon_and_read_again_answer_as_declared(server: Server) -> None:
    """In whatever order, mostly rightly; what is read is never older than what was told before."""
    made, program = chains(server, "auditor", 20, under="/v1/cases")
    assert made.faults == {}
    assert program.trouble == {}
    assert made.statuses.total() > 150
    assert program.acted.total() > 10
    assert program.read_again > 5


def test_odd_values_of_parameters_are_answered_as_declared(server: Server) -> None:
    n, wrong = run(odd, server, "auditor", 7)
    assert wrong == {}
    assert n > 400


def test_every_link_leads_from_an_answer_to_another(server: Server) -> None:
    """Those of lists and single things, followed as a program would: with what was answered."""
    paths = document(server.app)["paths"]
    there = things(server)
    followed = 0
    for way in WAYS:
        if not way.of.startswith("GET") or not way.to.startswith("GET"):
            continue
        path, to = way.of.removeprefix("GET "), way.to.removeprefix("GET ")
        assert way.name in paths[path]["get"]["responses"]["200"]["links"]
        name = "admin" if "/users" in path else "auditor"
        answer = get(server, name, path.format(**there) + dated(paths, path), x_reason="C7").json()
        told = {key: expressed(how, answer) for key, how in way.parameters.items()}
        query = urlencode({key: value for key, value in told.items() if f"{{{key}}}" not in to})
        followed_to = f"{to.format(**told)}?{query}"
        names_nothing = "None" in told.values()  # a finding about a feed has no car
        wanted = 404 if names_nothing else 200
        assert get(server, name, followed_to, x_reason="C7").status_code == wanted, (way, followed_to)
        followed += not names_nothing
    assert followed > 12


def dated(paths: Any, path: str) -> str:
    """The query that a list of a night needs."""
    takes = {p["name"] for p in paths[path]["get"].get("parameters", ()) if p["in"] == "query"}
    return f"?date={DAY}" if "date" in takes else ""


def expressed(how: str, answer: Any) -> str:
    """What a runtime expression of OpenAPI is of an answer."""
    if how == "$request.query.date":
        return str(DAY)
    for part in how.removeprefix("$response.body#/").split("/"):
        answer = answer[int(part) if part.isdigit() else part]
    return str(answer)
