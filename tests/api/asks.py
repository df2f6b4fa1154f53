"""A plausible request for every route: of things that are there, and such that no long work begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import APIRoute
from sqlalchemy import select

from api.guard import Rule, all_routes, rule_of
from api.jobs import NIGHTLY
from runs.jobs import Job, JobState
from store.accounts import actor_of
from store.tables.casework import SpotCheck
from store.tables.results import FindingRow
from store.tables.results import Run as RunRow
from tests.api.conftest import DAY, Server

HERE = "419901"
CASE = "Cbe4971150dea54315bc9"
"""A case about a car of SCH01 in 419901 that nobody has looked at."""
JOB, JOB_NOW = "J" + "8" * 20, "J" + "9" * 20
"""A nightly that is over, and one that runs."""
_DATE = f"?date={DAY}"
_WHY = {"X-Reason": "complaint 7"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True)
class Ask:
    """A request: what follows the path, what stands in the path, headers, and a body (JSON or bytes)."""

    query: str = ""
    at: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None


ASKS: dict[str, Ask] = {
    "GET /healthz": Ask(),
    "GET /readyz": Ask(),
    "GET /metrics": Ask(),
    "GET /openapi.json": Ask(),
    "GET /docs": Ask(),
    "GET /docs/{name}": Ask(at={"name": "swagger-ui.css"}),
    "GET /": Ask(),
    "GET /assets/{name}": Ask(at={"name": "no-such.css"}),
    "POST /login": Ask(headers=_FORM, content=b"name=nobody&password=wrong&to=/"),
    "POST /logout": Ask(headers=_FORM, content=b"csrf=x"),
    "POST /password": Ask(headers=_FORM, content=b"csrf=x&current=a&new=b&to=/"),
    "POST /v1/login": Ask(json={"name": "nobody", "password": "wrong"}),
    "POST /v1/logout": Ask(),
    "GET /v1/me": Ask(),
    "POST /v1/me/password": Ask(json={"current": "one long password", "new": "another long password"}),
    "POST /v1/me/totp": Ask(json={"password": "one long password"}),
    "POST /v1/me/totp/confirm": Ask(json={"code": "123456"}),
    "GET /v1/cases": Ask(),
    "GET /v1/cases/queue": Ask(),
    "GET /v1/cases/{case_id}": Ask(),
    "GET /v1/cases/{case_id}/events": Ask(),
    "POST /v1/cases/{case_id}/actions": Ask(
        headers={"If-Match": "*"}, json={"action": "note", "payload": {"text": "seen"}}
    ),
    "GET /v1/precision": Ask(),
    "GET /v1/spot-checks/missed": Ask(f"?from={DAY}&to={DAY}"),
    "GET /v1/spot-checks": Ask(f"?from={DAY}&to={DAY}"),
    "POST /v1/spot-checks": Ask(json={"service_date": str(DAY), "vehicle_id": "V0001", "reason": "a call"}),
    "POST /v1/spot-checks/{date}/{vehicle}/decision": Ask(json={"outcome": "clean"}),
    "POST /v1/nights/{date}/runs": Ask(json={}),  # one runs: 409
    "POST /v1/nights/{date}/preview": Ask(json={}),  # there is nothing to try: 422
    "GET /v1/jobs/{job_id}": Ask(),
    "GET /v1/jobs/{job_id}/events": Ask(),
    "GET /v1/users": Ask(),
    "GET /v1/users/{name}": Ask(),
    "POST /v1/users": Ask(json={"name": "somebody-new"}),
    "POST /v1/users/{name}/disable": Ask(at={"name": "never-there"}),
    "POST /v1/users/{name}/grants": Ask(at={"name": "never-there"}, json={"role": "auditor"}),
    "DELETE /v1/users/{name}/grants/{role}": Ask(),
    "GET /v1/log": Ask(),
    "GET /v1/log/head": Ask(),
    "GET /v1/nights": Ask(),
    "GET /v1/nights/{date}": Ask(),
    "GET /v1/runs": Ask(),
    "GET /v1/runs/{run_id}": Ask(),
    "GET /v1/vehicles": Ask(_DATE),
    "GET /v1/vehicles/{vehicle_id}": Ask(_DATE),
    "GET /v1/vehicles/{vehicle_id}/track": Ask(_DATE, headers=_WHY),
    "GET /v1/vehicles/{vehicle_id}/passages": Ask(_DATE, headers=_WHY),
    "GET /v1/schools": Ask(_DATE),
    "GET /v1/zones": Ask(_DATE),
    "GET /v1/zones/{zone_id}": Ask(_DATE),
    "GET /v1/schedules": Ask(_DATE),
    "GET /v1/schedule-exceptions": Ask(_DATE),
    "GET /v1/cameras": Ask(_DATE),
    "GET /v1/sessions": Ask(_DATE),
    "GET /v1/exams": Ask(_DATE),
    "GET /v1/findings": Ask(_DATE),
    "GET /v1/findings/{finding_id}": Ask(),
    "GET /v1/findings/{finding_id}/versions": Ask(),
    "GET /v1/not-assessed": Ask(_DATE),
    "GET /v1/coverage": Ask(_DATE),
    "GET /v1/reports": Ask(),
    "GET /v1/reports/{date}/night": Ask(),
    "GET /v1/reports/{date}/findings": Ask(),
    "GET /v1/reports/{date}/not-assessed": Ask(),
    "GET /v1/reports/{date}/run": Ask(),
    "GET /v1/reports/{date}/rejects": Ask(),
    "POST /v1/positions": Ask(json=[]),
    "POST /VIID/System/Register": Ask(json={"RegisterObject": {"DeviceID": "1" * 20}}),
    "POST /VIID/System/UnRegister": Ask(json={"UnRegisterObject": {"DeviceID": "1" * 20}}),
    "POST /VIID/System/Keepalive": Ask(json={"KeepaliveObject": {"DeviceID": "1" * 20}}),
    "GET /VIID/System/Time": Ask(),
    "POST /VIID/SubscribeNotifications": Ask(json={}),
    "POST /VIID/MotorVehicles": Ask(json={}),
    "POST /VIID/Faces": Ask(json={}),
    "GET /VIID/Subscribes": Ask(),
    "GET /VIID/{path}": Ask(),
    "POST /VIID/{path}": Ask(),
    "PUT /VIID/{path}": Ask(),
    "DELETE /VIID/{path}": Ask(),
    "GET /ogc": Ask(),
    "GET /ogc/": Ask(),
    "GET /ogc/conformance": Ask(),
    "GET /ogc/api": Ask(),
    "GET /ogc/collections": Ask(),
    "GET /ogc/collections/zones": Ask(),
    "GET /ogc/collections/zones/queryables": Ask(),
    "GET /ogc/collections/zones/items": Ask(),
    "GET /ogc/collections/zones/items/{feature_id}": Ask(at={"feature_id": "G02"}),
    "GET /ogc/collections/findings": Ask(),
    "GET /ogc/collections/findings/queryables": Ask(),
    "GET /ogc/collections/findings/items": Ask(),
    "GET /ogc/collections/findings/items/{feature_id}": Ask(at={"feature_id": "{finding_id}"}),
    "GET /ogc/collections/tracks": Ask(),
    "GET /ogc/collections/tracks/queryables": Ask(),
    "GET /ogc/collections/tracks/items": Ask("?limit=1", headers=_WHY),
    "GET /ogc/collections/tracks/items/{feature_id}": Ask(at={"feature_id": f"{DAY}.V0001"}, headers=_WHY),
    "GET /tiles/{source}/{z}/{x}/{y}": Ask(),
    "GET /maps/nights/{date}": Ask(),
    "GET /maps/nights/{date}/vehicles/{vehicle_id}": Ask(headers=_WHY),
    "GET /maps/cases/{case_id}": Ask(),
    "GET /maps/cases/{case_id}/map": Ask(),
}
"""Method and path to its request; `{...}` in it is filled with what `things` names."""


@dataclass(frozen=True)
class Asked:
    """A route with one of its methods. `name`: its entry above."""

    name: str
    method: str
    path: str
    rule: Rule


def asked_routes(server: Server) -> Iterator[Asked]:
    """Yield every route of an application with each of its methods."""
    for route in all_routes(server.app):
        assert isinstance(route, APIRoute), f"{route} is of a kind that nobody looks at"
        rule = rule_of(route)
        assert rule is not None, route.path
        for method in sorted(route.methods or ()):
            yield Asked(f"{method} {route.path_format}", method, route.path_format, rule)


def things(server: Server) -> dict[str, str]:
    """Return something that is there for each part of a path, in a district of its own; put two jobs into a server."""
    with server.store.reading() as session:
        admin = actor_of(session, "admin", server.store.clock())
        placed = [FindingRow.district == HERE, FindingRow.geometry.is_not(None)]
        finding = session.scalars(select(FindingRow.finding_id).where(*placed)).first()
        run = session.scalars(select(RunRow.run_id)).first()
        check = session.scalars(select(SpotCheck.vehicle_id).where(SpotCheck.service_date == DAY)).first()
    assert finding is not None
    assert run is not None
    assert check is not None
    jobs = server.app.state.platform.jobs._jobs
    jobs[JOB], jobs[JOB_NOW] = Job(JOB, NIGHTLY, DAY, admin, 0), Job(JOB_NOW, NIGHTLY, DAY, admin, 0)
    jobs[JOB].end(JobState.DONE, 1, {})
    return {
        "case_id": CASE, "date": str(DAY), "vehicle": check, "vehicle_id": "V0001", "job_id": JOB, "run_id": run,
        "zone_id": "G02", "finding_id": finding, "name": "auditor", "role": "school", "path": "Others",
        "source": "none", "z": "1", "x": "0", "y": "0",
    }  # fmt: skip


def address_of(asked: Asked, ask: Ask, there: Mapping[str, str]) -> str:
    """Return the path and query of a request."""
    own = {name: value.format(**there) for name, value in ask.at.items()}
    return asked.path.format(**{**there, **own}) + ask.query
