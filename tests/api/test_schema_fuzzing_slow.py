"""20,000 requests made up from the OpenAPI document, as accounts of every kind, and thousands more along its links.

Never a fault, never an undeclared answer. TRAJAUDIT_FUZZ_SEED makes up others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import Server
from tests.api.fuzzing import LEFT_OUT, STARTING, chains, fuzz, odd, open_server
from tests.api.looping import run

pytestmark = pytest.mark.slow
WANTED = {
    "auditor": (6_000, 600), "platform": (4_000, 600), "head": (2_500, 200), "admin": (2_500, 150),
    "school-1": (1_000, 20), "auditor-elsewhere": (1_000, 100), None: (1_000, 10),
}  # fmt: skip
"""Account to how many requests, and how many of them are to be answered with 200 at least."""
CHAINED = {"auditor": 250, "head": 150, "admin": 150}
"""Account to chains; each is of some ten requests."""


@pytest.fixture
def server(city_store: Path, tmp_path: Path) -> Iterator[Server]:
    made = open_server(city_store, tmp_path / "store")
    yield made
    made.app.state.platform.maps.close()
    made.store.close()


def test_they_are_twenty_thousand() -> None:
    assert sum(n for n, _ in WANTED.values()) + 8 * sum(CHAINED.values()) > 20_000


@pytest.mark.parametrize("name", WANTED)
def test_requests_made_up_from_the_document_are_answered_as_declared(server: Server, name: str | None) -> None:
    n, answered = WANTED[name]
    made = fuzz(server, name, n)
    assert made.faults == {}
    assert made.statuses.total() > 0.8 * n
    assert made.statuses[200] > answered
    assert server.app.state.platform.jobs.running("preview") is None
    assert not [label for label in made.done if label in STARTING]


@pytest.mark.parametrize("name", CHAINED)
def test_chains_of_requests_along_the_links_are_answered_as_declared(server: Server, name: str) -> None:
    made = chains(server, name, CHAINED[name])
    assert made.faults == {}
    assert made.statuses.total() > 5 * CHAINED[name]
    assert made.statuses[200] > CHAINED[name]
    assert not [label for label in made.done if label in LEFT_OUT]


@pytest.mark.parametrize("name", ["auditor", "platform"])
def test_every_odd_value_of_each_parameter_is_answered_as_declared(server: Server, name: str) -> None:
    n, wrong = run(odd, server, name, 1)
    assert wrong == {}
    assert n > 3_000
