"""Requests made up from the OpenAPI document, right ones and wrong ones: never a fault, never an undeclared answer."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from api.openapi import document
from runs.settings import LimitSettings, LoginSettings, Settings, StoreSettings
from tests.api.asks import things
from tests.api.conftest import Server, served
from tests.api.looping import run
from tests.api.odd_values import odd_requests

AT = "http://audit.test"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
NOT_READY = 503
"""Declared where it may come, and no fault: a server that is not ready, or a thing that is not set up."""
LEFT_OUT = {
    "GET /v1/jobs/{job_id}/events": "it goes on until a job ends",
    "POST /v1/nights/{date}/runs": "it starts a nightly, which takes minutes",
    "POST /v1/nights/{date}/preview": "it starts a trial in a process of its own",
}
SEED = 20260318


@pytest.fixture
def open_server(city_store: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that does not count requests."""
    folder = tmp_path / "store"
    shutil.copytree(city_store, folder)
    limits = LimitSettings(logins_account=0, logins_address=0, requests_account=0, requests_address=0)
    login = LoginSettings(lock_after=100, lock_address_after=60)
    made = served(folder, Settings(store=StoreSettings(folder=folder), limits=limits, login=login))
    yield made
    made.app.state.platform.maps.close()
    made.store.close()


@dataclass
class Fuzzing:
    """Requests to a server as one account; `faults`: by operation, what was found first."""

    portal: BlockingPortal
    client: httpx.AsyncClient
    there: dict[str, str]
    statuses: Counter[int] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)

    def operation(self, operation: Any, mode: GenerationMode, n: int) -> None:
        """Make up requests for an operation."""

        @seed(SEED)
        @settings(
            max_examples=n,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            if mode is GenerationMode.POSITIVE and self.statuses.total() % 2:  # every other one of what is there
                for name in case.path_parameters.keys() & self.there.keys():
                    case.path_parameters[name] = self.there[name]
                for name in case.query.keys() & {"date"}:
                    case.query[name] = self.there[name]
            answer = self.portal.call(self._sent, case)
            self.statuses[answer.status_code] += 1
            declared = {str(status) for status in operation.definition.raw["responses"]}
            is_not_ready = answer.status_code == NOT_READY and str(NOT_READY) in declared
            checks = [check for check in CHECKS if not (is_not_ready and check is not_a_server_error)]
            case.validate_response(answer, checks=checks)

        try:
            send()
        except Unsatisfiable:
            return  # nothing of it can be wrong
        except FailureGroup as error:
            told = "; ".join(str(cause) for cause in error.exceptions)
            self.faults[f"{operation.label} ({mode.value})"] = told

    async def _sent(self, case: Any) -> httpx.Response:
        told = requests.Request(**case.as_transport_kwargs(base_url=AT)).prepare()
        kept = {k: v for k, v in told.headers.items() if k.lower() not in {"authorization", "cookie"}}
        assert told.method is not None
        assert told.url is not None
        body = told.body.encode() if isinstance(told.body, str) else told.body
        return await self.client.request(told.method, told.url, headers=kept, content=body)


async def odd(server: Server, name: str, every: int) -> dict[str, tuple[int, str]]:
    """Send every so-manieth request with an odd value; return the answers that are faults or not declared."""
    wrong = {}
    async with server.client(name) as client:
        for request in list(odd_requests(document(server.app), things(server), LEFT_OUT))[::every]:
            answer = await client.get(request.address, headers=request.headers)
            if answer.status_code == 500 or str(answer.status_code) not in request.declared:
                wrong[request.name] = answer.status_code, answer.text
    return wrong


def fuzz(server: Server, name: str, n: int) -> Fuzzing:
    """Make up about `n` requests for all operations."""
    schema = openapi.from_dict(document(server.app))
    operations = [found.ok() for found in schema.get_all_operations()]
    assert set(LEFT_OUT) <= {operation.label for operation in operations}
    wanted = [operation for operation in operations if operation.label not in LEFT_OUT]
    with start_blocking_portal() as portal:
        made = Fuzzing(portal, server.client(name), things(server))
        for operation in wanted:
            for mode in MODES:
                made.operation(operation, mode, max(1, round(n / len(wanted) / len(MODES))))
        portal.call(made.client.aclose)
    return made


@pytest.mark.parametrize("name", ["auditor", "platform"])
def test_requests_made_up_from_the_document_are_answered_as_declared(open_server: Server, name: str) -> None:
    made = fuzz(open_server, name, 550)
    assert made.faults == {}
    assert made.statuses.total() > 450
    assert made.statuses[200] > 50


def test_odd_values_of_parameters_are_answered_as_declared(open_server: Server) -> None:
    assert run(odd, open_server, "auditor", 7) == {}
