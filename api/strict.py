"""Query parameters that a route does not know are refused, as OGC API asks: a misspelt filter must not be ignored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute

from api.problems import FieldFault, Refuse


def known_parameters_only(request: Request) -> None:
    """Raise `Refuse` (400) naming every query parameter that the route does not declare, and every one given twice."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = {field.alias for field in _fields(route.dependant)}
    seen: set[str] = set()
    faults = []
    for name, _ in request.query_params.multi_items():
        if name not in known:
            expected = ", ".join(sorted(known)) or "none"
            faults.append(FieldFault(where=f"query.{name[:80]}", message=f"is not known here; known are: {expected}"))
        elif name in seen:
            faults.append(FieldFault(where=f"query.{name[:80]}", message="comes twice"))
        seen.add(name)
    if faults:
        raise Refuse(400, "unknown-parameter", errors=faults)


def _fields(dependant: Any) -> Iterator[Any]:
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from _fields(inner)
