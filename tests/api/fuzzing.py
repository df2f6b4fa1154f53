"""Requests made up from the OpenAPI document, one by one, and what is wrong with their answers.

The seed is the same each time; TRAJAUDIT_FUZZ_SEED names another one. Hypothesis also takes values from the modules
that are loaded: with the same seed, other tests beside these may make it send others.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import hypothesis
import requests
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.openapi import document
from runs.settings import LimitSettings, LoginSettings, Settings, StoreSettings
from tests.api.asks import ASKS, things
from tests.api.conftest import Server, served
from tests.api.odd_values import odd_requests

AT = "http://audit.test"
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance,
]  # fmt: skip
NOT_READY = 503
NOT_SET_UP = {
    "GET /readyz", "POST /v1/me/totp", "POST /v1/me/totp/confirm", "POST /v1/positions",
    "GET /tiles/{source}/{z}/{x}/{y}",
}  # fmt: skip
"""Whatever is declared, 503 is no fault here alone: of what is not set up."""
STREAM = {"GET /v1/jobs/{job_id}/events": "it goes on until a job ends"}
STARTING = {
    "POST /v1/nights/{date}/runs": "a right one starts a nightly, which takes minutes",
    "POST /v1/nights/{date}/preview": "a right one starts a trial in a process of its own",
}
"""Only wrong ones are sent."""
BODY_PARTS = {"service_date": "date", "vehicle_id": "vehicle_id"}
"""Members of bodies, and what is there for them."""
LEFT_OUT = {**STREAM, **STARTING}
SEED = int(os.environ.get("TRAJAUDIT_FUZZ_SEED", "20260318"))


@contextmanager
def open_server(city_store: Path, folder: Path) -> Iterator[Server]:
    """Give a server that does not count requests, on a copy of a store."""
    shutil.copytree(city_store, folder)
    limits = LimitSettings(logins_account=0, logins_address=0, requests_account=0, requests_address=0)
    login = LoginSettings(lock_after=100, lock_address_after=60)
    made = served(folder, Settings(store=StoreSettings(folder=folder), limits=limits, login=login))
    try:
        yield made
    finally:
        made.app.state.platform.maps.close()
        made.store.close()


@dataclass
class Fuzzing:
    """Requests to a server as one account; `faults`: by operation, what was found first.

    `statuses`: how often; `asked`: operations that requests were sent to, and `done`: that answered 2xx, how often;
    `slowest`: the answer that took the most, in seconds of computing, and its operation.
    """

    portal: BlockingPortal
    client: httpx.AsyncClient
    there: dict[str, str]
    statuses: Counter[int] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)
    slowest: tuple[float, str] = (0, "")

    def operation(self, operation: Any, mode: GenerationMode, n: int) -> None:
        """Make up requests for an operation."""

        @hypothesis.seed(SEED)
        @settings_for(n)
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            if mode is GenerationMode.POSITIVE and self.statuses.total() % 2:  # every other one of what is there
                self.put(case)
            self.check(case, self.answered(case))

        try:
            send()
        except Unsatisfiable:
            return  # nothing of it can be wrong
        except FailureGroup as error:
            self.note(f"{operation.label} ({mode.value})", error)

    def put(self, case: Any) -> None:
        """Have a request be about something that is there."""
        own = {name: value.format(**self.there) for name, value in self._own(case.operation.label).items()}
        there = {**self.there, **own}
        for name in case.path_parameters.keys() & there.keys():
            case.path_parameters[name] = there[name]
        for name in case.query.keys() & {"date"}:
            case.query[name] = there[name]
        if isinstance(case.body, dict):
            case.body |= {name: there[BODY_PARTS[name]] for name in case.body.keys() & BODY_PARTS.keys()}

    @staticmethod
    def _own(label: str) -> Mapping[str, str]:
        """Return the parts of a path that mean something else in each operation, of one that is there."""
        return ASKS[label].at if label.endswith("{feature_id}") else {}

    def answered(self, case: Any) -> httpx.Response:
        """Send a request and count its answer."""
        began = time.process_time()
        answer = self.portal.call(self._sent, case)
        self.slowest = max(self.slowest, (time.process_time() - began, case.operation.label))
        self.statuses[answer.status_code] += 1
        self.asked[case.operation.label] += 1
        self.done[case.operation.label] += 200 <= answer.status_code < 300
        return answer

    def check(self, case: Any, answer: Any) -> None:
        """Raise `FailureGroup` for an answer that is a fault, or not declared."""
        is_not_ready = answer.status_code == NOT_READY and case.operation.label in NOT_SET_UP
        case.validate_response(answer, checks=[c for c in CHECKS if not (is_not_ready and c is not_a_server_error)])

    def note(self, label: str, error: FailureGroup) -> None:
        """Keep what was found first of an operation."""
        self.faults.setdefault(label, "; ".join(str(cause) for cause in error.exceptions))

    async def _sent(self, case: Any) -> httpx.Response:
        parts = {name: quote(str(value), safe="%") for name, value in case.path_parameters.items()}
        case.path_parameters = parts  # a link's value comes as it is told, and an account may be named a#b
        asked = case.as_transport_kwargs(base_url=AT)
        told = requests.Request(**asked).prepare()
        kept = {k: v for k, v in told.headers.items() if k.lower() not in {"authorization", "cookie"}}
        assert told.method is not None
        assert told.url is not None
        url = httpx.URL(asked["url"], query=urlsplit(told.url).query.encode())  # the path as it was made up
        body = told.body.encode() if isinstance(told.body, str) else told.body
        return await self.client.request(told.method, url, headers=kept, content=body)


def settings_for(n: int, **more: Any) -> hypothesis.settings:
    """Return how `n` examples are made up."""
    return hypothesis.settings(
        max_examples=n, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        **more,
    )  # fmt: skip


def labels(server: Server) -> set[str]:
    """Return all operations of the document, as `GET /path`."""
    return {found.ok().label for found in openapi.from_dict(document(server.app)).get_all_operations()}


def fuzz(server: Server, name: str | None, n: int) -> Fuzzing:
    """Make up about `n` requests as an account (None: nobody), for all operations."""
    schema = openapi.from_dict(document(server.app))
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {operation.label for operation in operations} >= set(LEFT_OUT)
    wanted = [
        (operation, mode)
        for operation in operations
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        if operation.label not in STREAM and (operation.label not in STARTING or mode is GenerationMode.NEGATIVE)
    ]
    with start_blocking_portal() as portal:
        made = Fuzzing(portal, server.client(name), things(server))
        for operation, mode in wanted:
            made.operation(operation, mode, max(1, round(n / len(wanted))))
        portal.call(made.client.aclose)
    return made


async def odd(server: Server, name: str, every: int) -> tuple[int, dict[str, tuple[int, str]]]:
    """Send every so-manieth request with an odd value; return how many, and answers that are faults or not declared."""
    wrong, n = {}, 0
    async with server.client(name) as client:
        for request in list(odd_requests(document(server.app), things(server), LEFT_OUT))[::every]:
            answer = await client.get(request.address, headers=request.headers)
            n += 1
            label = " ".join(request.name.split(" ")[:2])
            is_fault = answer.status_code >= 500 and not (answer.status_code == NOT_READY and label in NOT_SET_UP)
            if is_fault or str(answer.status_code) not in request.declared:
                wrong[request.name] = answer.status_code, answer.text
    return n, wrong
