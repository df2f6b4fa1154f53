"""Values that have broken programs, given to each parameter of each GET route of an OpenAPI document."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

DEEP = base64.urlsafe_b64encode(b"[" * 1400).decode().rstrip("=")
ODD = (
    "", " ", "\0", "\x7f", "\ud800", "\U0001f697", "%", "'", "..", "../..", "null", "true", "NaN", "inf", "-1", "0",
    "1e400", "9" * 18, "9" * 19, "9" * 400, "-" + "9" * 30, "0001-01-01", "9999-12-31", "10000-01-01", "2026-02-30",
    "0001-01-01T00:00:00+23:59", "0001-01-01T02:00:00Z", "9999-12-31T23:59:59.999999-23:59", "2026-03-18T04:00:00Z/..",
    "9999-12-31/..", "../0001-01-01", "1,2,3", "0,0,0,0", "-180,-90,180,90", "nan,nan,nan,nan", "inf,0,1,1",
    "1e308,1e308,-1e308,1e309", "0,0,0,1,1,1", "170,-10,-170,10", "NQ.NQ", "W10.W10", "bnVsbA.x", f"{DEEP}.x",
    "x" * 5000,
)  # fmt: skip
"""As texts, numbers, days, instants, intervals, boxes and cursors."""
ELSEWHERE = {"", "..", "../..", "../0001-01-01"}
"""In a path they make another path."""
FEATURE = "G02"


class OddRequest(NamedTuple):
    """A GET request with one odd value. `declared`: the statuses that the document names."""

    name: str
    address: str
    headers: dict[str, bytes]
    declared: frozenset[str]


def odd_requests(document: Any, there: Mapping[str, str], left_out: Collection[str]) -> Iterator[OddRequest]:
    """Yield a request for each parameter and each odd value; the other parameters are of what is there."""
    for path, operations in document["paths"].items():
        get = operations.get("get")
        if get is None or f"GET {path}" in left_out:
            continue
        parameters = get.get("parameters", [])
        for parameter in parameters:
            for value in ODD:
                if parameter["in"] != "path" or value not in ELSEWHERE:
                    name = f"GET {path} {parameter['name']}={value[:40]!r}"
                    address, headers = _with(path, parameters, parameter, value, there)
                    yield OddRequest(name, address, headers, frozenset(get["responses"]))


def _with(
    path: str, parameters: list[Any], parameter: Any, value: str, there: Mapping[str, str]
) -> tuple[str, dict[str, bytes]]:
    """Return the address and the headers of a request in which one parameter has an odd value."""
    name, where = parameter["name"], parameter["in"]
    usual = {"date": there["date"], "reason": "complaint"}
    query = {p["name"]: usual[p["name"]] for p in parameters if p["in"] == "query" and p["name"] in usual}
    at = {**{n: quote(v, safe="") for n, v in there.items()}, "feature_id": FEATURE}
    headers: dict[str, bytes] = {}
    if where == "header":
        headers[name] = value.encode("utf-8", "surrogatepass").replace(b"\0", b"")
    else:
        (at if where == "path" else query)[name] = quote(value, safe="", errors="surrogatepass")
    return f"{path.format(**at)}?{'&'.join(f'{n}={v}' for n, v in query.items())}", headers
