"""20,000 requests made up from the OpenAPI document, as accounts of every kind, and thousands more along its links.

Never a fault, never an undeclared answer. TRAJAUDIT_FUZZ_SEED makes up others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.api.conftest import Server
from tests.api.fuzzing import LEFT_OUT, STARTING, STREAM, Fuzzing, fuzz, labels, odd, open_server
from tests.api.fuzzing_chains import chains
from tests.api.looping import run

pytestmark = pytest.mark.slow
Sent: TypeAlias = Callable[[str | None], Fuzzing]
WANTED = {
    "auditor": (6_000, 600), "platform": (4_500, 600), "head": (3_500, 400), "admin": (3_500, 250),
    "school-1": (1_500, 30), "auditor-elsewhere": (1_500, 200), None: (1_500, 5),
}  # fmt: skip
"""Account to how many requests, and how many of them are to be answered with 200 at least."""
CASES, PLACES, USERS = "/v1/cases", "/v1/(findings|vehicles|sessions|nights)", "/v1/users"
CHAINED = [("auditor", "/", 100), ("auditor", CASES, 80), ("head", CASES, 80), ("auditor", PLACES, 80),
           ("admin", USERS, 80)]  # fmt: skip
"""Account, the operations by the beginning of their paths, and chains; each is of some ten requests."""
SLOW_S = 8
"""Seconds of computing that no answer takes: a small city's night is read in two."""
BY_PASSWORD = "it needs a password that somebody knows, or a browser's session; requests come with an API key"
NEVER_DONE = {
    **LEFT_OUT,
    "POST /v1/login": BY_PASSWORD,
    "POST /v1/logout": BY_PASSWORD,
    "POST /v1/me/password": BY_PASSWORD,
    "POST /v1/me/totp": BY_PASSWORD,
    "POST /v1/me/totp/confirm": BY_PASSWORD,
    "GET /tiles/{source}/{z}/{x}/{y}": "no source of map pictures is set up",
    "POST /v1/cases/{case_id}/actions": "it needs the ETag of a case that was read: the chains do it",
    "POST /v1/users/{name}/grants": "most roles need more than is made up: the chains do it",
    "DELETE /v1/users/{name}/grants/{role}": "it needs a role that was given: the chains do it",
}
"""Operations that a request by itself hardly brings to 2xx, whoever asks, and why."""


@pytest.fixture
def server(city_store: Path, tmp_path: Path) -> Iterator[Server]:
    with open_server(city_store, tmp_path / "store") as made:
        yield made


@pytest.fixture(scope="module")
def sent(city_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """What was sent as an account, each to a server of its own, and once."""
    kept: dict[str | None, Fuzzing] = {}

    def of(name: str | None) -> Fuzzing:
        if name not in kept:
            with open_server(city_store, tmp_path_factory.mktemp("fuzzed") / "store") as server:
                kept[name] = fuzz(server, name, WANTED[name][0])
                assert server.app.state.platform.jobs.running("preview") is None
        return kept[name]

    return of


@pytest.mark.parametrize("name", WANTED)
def test_requests_made_up_from_the_document_are_answered_as_declared(
    sent: Sent, reading_server: Server, name: str | None
) -> None:
    made, (n, answered) = sent(name), WANTED[name]
    assert made.faults == {}
    assert made.asked.keys() == labels(reading_server) - set(STREAM)
    assert made.statuses.total() > 0.85 * n
    assert made.statuses[200] > answered
    assert made.slowest < (SLOW_S, "")
    assert not [label for label in STARTING if made.done[label]]


def test_they_are_twenty_thousand_and_each_operation_is_done_by_somebody(sent: Sent, reading_server: Server) -> None:
    all_made = [sent(name) for name in WANTED]
    assert sum(made.statuses.total() for made in all_made) >= 20_000
    done = sum((made.done for made in all_made), Counter[str]())
    assert labels(reading_server) - {label for label in done if done[label]} <= NEVER_DONE.keys()


@pytest.mark.parametrize(("name", "under", "n"), CHAINED)
def test_chains_of_requests_along_the_links_are_answered_as_declared(
    server: Server, name: str, under: str, n: int
) -> None:
    made, program = chains(server, name, n, under)
    assert made.faults == {}
    assert program.trouble == {}
    assert made.statuses.total() > 8 * n
    assert made.statuses[200] > 2 * n
    assert not [label for label in LEFT_OUT if made.asked[label]]
    if under == CASES:
        assert len(program.acted) > 4
        assert program.acted.total() > n
        assert program.read_again > 0.5 * n
    if under == PLACES:
        assert made.done["GET /v1/vehicles/{vehicle_id}/track"] > 0
    if under == USERS:
        assert made.done["POST /v1/users/{name}/grants"] > 0
        assert made.done["DELETE /v1/users/{name}/grants/{role}"] > 0


@pytest.mark.parametrize("name", ["auditor", "platform"])
def test_every_odd_value_of_each_parameter_is_answered_as_declared(server: Server, name: str) -> None:
    n, wrong = run(odd, server, name, 1)
    assert wrong == {}
    assert n > 3_000
