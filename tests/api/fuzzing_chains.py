"""Chains of requests along the links of the OpenAPI document, as a program makes them that remembers what it read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from anyio.from_thread import start_blocking_portal
from hypothesis.errors import FlakyReplay, FlakyStrategyDefinition
from schemathesis import GenerationMode, openapi
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response

from api.openapi import document
from tests.api.asks import ASKS, things
from tests.api.conftest import DAY, Server
from tests.api.fuzzing import LEFT_OUT, SEED, Fuzzing, settings_for

READ, ACT = "GET /v1/cases/{case_id}", "POST /v1/cases/{case_id}/actions"
GRANT = "POST /v1/users/{name}/grants"
STEPS = 12
"""Requests of a chain at most."""
AT_ONCE = 10
"""Chains that are made up together: of a few, hardly two begin with the same requests."""
AS_MADE_UP = 4
"""Every so-manieth request goes out as it was made up, whatever was read before."""
SAID: dict[str, Any] = {
    "text": "seen", "assignee": "auditor", "days": 30, "kind": "warning", "accepted": True,
}  # fmt: skip
"""What is said in each field of an action."""


@dataclass
class CaseRead:
    """A case as it was last told. `possible`: what may be done with it; `is_acted`: whether that was told of an act."""

    etag: str
    possible: list[Mapping[str, Any]]
    findings: list[str]
    is_acted: bool = False


@dataclass
class Program:
    """Makes right requests of what it read before, mostly. `read_again`: cases, after something was done with them.

    `trouble`: where an answer contradicts one before.
    """

    cases: dict[str, CaseRead] = field(default_factory=dict)
    n: int = 0
    acted: Counter[str] = field(default_factory=Counter)
    read_again: int = 0
    trouble: dict[str, str] = field(default_factory=dict)

    def prepare(self, case: Any) -> None:
        """Put into a request what a program would."""
        self.n += 1
        if case.meta.generation.mode is not GenerationMode.POSITIVE or self.n % AS_MADE_UP == 0:
            return
        if any(p.name == "x-reason" for p in case.operation.headers):
            case.headers["x-reason"] = "complaint 7"
        if any(p.name == "date" for p in case.operation.query):
            case.query["date"] = str(DAY)
        if case.operation.label == GRANT:
            case.body = dict(ASKS[GRANT].json)
        if case.operation.label == ACT and self.cases:
            self._act(case)

    def _act(self, case: Any) -> None:
        """Do one of the things that may be done with the case that was read, or else with the one read last."""
        name = case.path_parameters["case_id"]
        if name not in self.cases:
            name = next(reversed(self.cases))
        read = self.cases[name]
        if read.possible:
            step = read.possible[self.n % len(read.possible)]
            case.path_parameters["case_id"] = name
            case.headers["if-match"] = read.etag
            case.body = {"action": step["action"], "payload": {f: _said(f, step, read) for f in step["required"]}}

    def learn(self, case: Any, answer: Any) -> None:
        """Remember a case that was told; note an answer that is older than one before."""
        if case.operation.label not in {READ, ACT} or answer.status_code != 200:
            return
        told = answer.json()
        name, etag, is_act = told["case_id"], answer.headers["etag"], case.operation.label == ACT
        before = self.cases.pop(name, None)
        if before is not None and _number(etag) < _number(before.etag) + is_act:
            self.trouble.setdefault(case.operation.label, f"{name} was {before.etag} and is {etag}")
        findings = [f["finding_id"] for f in told.get("findings", ())] or (before.findings if before else [])
        self.cases[name] = CaseRead(etag, told["possible"], findings, is_act)
        if is_act:
            self.acted[case.body["action"]] += 1
        elif before is not None and before.is_acted:
            self.read_again += 1


def _said(name: str, step: Mapping[str, Any], read: CaseRead) -> Any:
    if name == "findings":
        verdict = "confirmed" if step["action"] == "confirm" else {"dismissed": "gps-error"}
        return dict.fromkeys(read.findings, verdict)
    return SAID.get(name)


def _number(etag: str) -> int:
    return int(etag.strip('"'))


def chains(server: Server, name: str, n: int, under: str = "/") -> tuple[Fuzzing, Program]:
    """Follow the links of the document as an account, in `n` chains of up to `STEPS` requests.

    `under`: of the paths that begin so.
    """
    schema: Any = openapi.from_dict(document(server.app)).include(path_regex=f"^{under}")
    for label in LEFT_OUT:
        method, _, path = label.partition(" ")
        schema = schema.exclude(method=method, path=path)
    program = Program()
    with start_blocking_portal() as portal:
        made = Fuzzing(portal, server.client(name), things(server))

        class Chain(schema.as_state_machine()):  # type: ignore[misc]  # made at run time
            """One chain."""

            def call(self, case: Any, **_: Any) -> Response:
                program.prepare(case)
                answer = made.answered(case)
                program.learn(case, answer)
                return Response.from_any(answer)

            def validate_response(self, response: Response, case: Any, **_: Any) -> None:
                try:
                    made.check(case, response)
                except FailureGroup as error:
                    made.note(case.operation.label, error)

        for first in range(0, n, AT_ONCE):
            hypothesis.seed(SEED + first)(Chain)
            # A server remembers: what began a chain before is answered otherwise by now. No other fault passes here.
            with suppress(FlakyReplay, FlakyStrategyDefinition):
                Chain.run(settings=settings_for(AT_ONCE, stateful_step_count=STEPS))
        portal.call(made.client.aclose)
    return made, program
