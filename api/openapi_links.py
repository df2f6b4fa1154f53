"""Links of the OpenAPI document: which operation takes what another one answers, so that programs can go on from there.

Lists lead to one of their items, what was found to its car and its reports, a case from its ETag to what is done with
it, and long work to its job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

BODY, FIRST = "$response.body#", "$response.body#/items/0"
PROPERTIES = f"{BODY}/properties"
"""Of one thing with a place, which is a GeoJSON Feature for whoever does not ask for another form."""


class Way(NamedTuple):
    """From one operation to another; both as `GET /path`. `status`: of the answer that it goes on from.

    `parameters`: of the other operation, as runtime expressions of OpenAPI.
    """

    name: str
    of: str
    to: str
    parameters: Mapping[str, str]
    status: str = "200"


def _listed(path: str, *keys: tuple[str, str], to: str | None = None, name: str = "first") -> Way:
    """Return the way from a list to its first item. `keys`: parameter and member."""
    one = to or f"{path}/{{{keys[0][0]}}}"
    return Way(name, f"GET {path}", f"GET {one}", {key: f"{FIRST}/{member}" for key, member in keys})


_CASE, _FINDING, _NIGHT = "/v1/cases/{case_id}", "/v1/findings/{finding_id}", "/v1/nights/{date}"
_DATED = (("vehicle_id", "vehicle_id"), ("date", "service_date"))
WAYS = (
    _listed("/v1/nights", ("date", "service_date")),
    _listed("/v1/nights", ("run_id", "run_id"), to="/v1/runs/{run_id}", name="run"),
    _listed("/v1/nights", ("date", "service_date"), to="/v1/reports/{date}/night", name="report"),
    _listed("/v1/runs", ("run_id", "run_id")),
    Way("first", "GET /v1/vehicles", "GET /v1/vehicles/{vehicle_id}",
        {"vehicle_id": f"{FIRST}/vehicle_id", "date": "$request.query.date"}),
    Way("first", "GET /v1/zones", "GET /v1/zones/{zone_id}",
        {"zone_id": f"{FIRST}/zone_id", "date": "$request.query.date"}),
    _listed("/v1/findings", ("finding_id", "finding_id")),
    _listed("/v1/findings", ("finding_id", "finding_id"), to=f"{_FINDING}/versions", name="versions"),
    _listed("/v1/findings", *_DATED, to="/v1/vehicles/{vehicle_id}/track", name="track"),
    Way(
        "passages",
        "GET /v1/sessions",
        "GET /v1/vehicles/{vehicle_id}/passages",
        {"vehicle_id": f"{FIRST}/vehicle_id", "date": "$request.query.date"},
    ),
    _listed("/v1/cases", ("case_id", "case_id")),
    _listed("/v1/cases", ("case_id", "case_id"), to=f"{_CASE}/events", name="events"),
    _listed("/v1/users", ("name", "name")),
    _listed("/v1/reports", ("date", "service_date"), to="/v1/reports/{date}/findings", name="findings"),
    Way("versions", f"GET {_FINDING}", f"GET {_FINDING}/versions", {"finding_id": f"{PROPERTIES}/finding_id"}),
    Way(
        "track", f"GET {_FINDING}", "GET /v1/vehicles/{vehicle_id}/track",
        {"vehicle_id": f"{PROPERTIES}/vehicle_id", "date": f"{PROPERTIES}/service_date"},
    ),
    Way(
        "act", f"GET {_CASE}", f"POST {_CASE}/actions",
        {"case_id": f"{BODY}/case_id", "header.if-match": "$response.header.ETag"},
    ),
    Way("act", f"POST {_CASE}/actions", f"POST {_CASE}/actions",
        {"case_id": f"{BODY}/case_id", "header.if-match": "$response.header.ETag"}),
    Way("case", f"POST {_CASE}/actions", f"GET {_CASE}", {"case_id": f"{BODY}/case_id"}),
    Way("map", f"GET {_CASE}", f"GET /maps{_CASE.removeprefix('/v1')}/map", {"case_id": f"{BODY}/case_id"}),
    Way("job", f"POST {_NIGHT}/runs", "GET /v1/jobs/{job_id}", {"job_id": f"{BODY}/job_id"}, "202"),
    Way("job", f"POST {_NIGHT}/preview", "GET /v1/jobs/{job_id}", {"job_id": f"{BODY}/job_id"}, "202"),
    Way("user", "POST /v1/users", "GET /v1/users/{name}", {"name": f"{BODY}/name"}, "201"),
    Way("grant", "POST /v1/users", "POST /v1/users/{name}/grants", {"name": f"{BODY}/name"}, "201"),
    Way("disable", "POST /v1/users", "POST /v1/users/{name}/disable", {"name": f"{BODY}/name"}, "201"),
    Way(
        "revoke", "POST /v1/users/{name}/grants", "DELETE /v1/users/{name}/grants/{role}",
        {"name": "$request.path.name", "role": "$request.body#/role"}, "201",
    ),
    Way(
        "decide", "POST /v1/spot-checks", "POST /v1/spot-checks/{date}/{vehicle}/decision",
        {"date": f"{BODY}/service_date", "vehicle": f"{BODY}/vehicle_id"}, "201",
    ),
)  # fmt: skip


def add_links(paths: Mapping[str, Any]) -> None:
    """Put the links into the answers of a document; KeyError for one that leads from or to what is not there."""
    for way in WAYS:
        of, to = (_operation(paths, told) for told in (way.of, way.to))
        link = {"operationId": to["operationId"], "parameters": dict(way.parameters)}
        of["responses"][way.status].setdefault("links", {})[way.name] = link


def _operation(paths: Mapping[str, Any], told: str) -> Any:
    method, _, path = told.partition(" ")
    return paths[path][method.lower()]
