"""The OGC part of the API as OpenAPI 3.0, which its standard asks for; made from the 3.1 document."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import Response

from api.ogc import answers as a
from api.openapi import document

MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
VERSION = "3.0.3"
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The document.", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
}
_BOUNDS = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
_UNKNOWN = frozenset(
    {"$schema", "$id", "contentMediaType", "contentEncoding", "patternProperties", "prefixItems", "propertyNames"}
)
"""Keywords of JSON Schema that 3.0 does not know."""
_FREE = frozenset({"example", "default", "enum", "const"})
"""Under these lie values, not schemas."""


class OpenApi30(Response):
    """A response that is an OpenAPI 3.0 document."""

    media_type = MEDIA_TYPE


def definition(request: Request, prefix: str) -> dict[str, Any]:
    """Return the document of all paths under a prefix, with the prefix as its server."""
    whole = document(request.app)
    paths = {
        path.removeprefix(prefix) or "/": operations
        for path, operations in whole["paths"].items()
        if path == prefix or path.startswith(f"{prefix}/")
    }
    told: dict[str, Any] = {
        "openapi": VERSION,
        "info": whole["info"],
        "servers": [{"url": a.root(request)}],
        "paths": paths,
    }
    components = whole["components"]
    told["components"] = {
        "schemas": _used(told, components["schemas"]),
        "securitySchemes": components["securitySchemes"],
    }
    converted: dict[str, Any] = lowered(told)
    for operations in converted["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                parameter["schema"].pop("nullable", None)  # what is not given is left out
    return converted


def _used(told: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that a document refers to, and those that these refer to."""
    found: dict[str, Any] = {}
    waiting = list(_references(told))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = schemas[name]
            waiting += _references(schemas[name])
    return dict(sorted(found.items()))


def _references(told: Any) -> list[str]:
    if isinstance(told, list):
        return [name for part in told for name in _references(part)]
    if not isinstance(told, dict):
        return []
    own = [told["$ref"].rpartition("/")[2]] if isinstance(told.get("$ref"), str) else []
    return own + [name for part in told.values() for name in _references(part)]


def lowered(told: Any) -> Any:
    """Return OpenAPI 3.1 as 3.0.

    >>> lowered({"anyOf": [{"type": "string"}, {"type": "null"}], "examples": ["C1"]})
    {'type': 'string', 'nullable': True, 'example': 'C1'}
    >>> lowered({"const": "Feature"}), lowered({"type": "number", "exclusiveMinimum": 0})
    ({'enum': ['Feature']}, {'type': 'number', 'minimum': 0, 'exclusiveMinimum': True})
    """
    if isinstance(told, list):
        return [lowered(part) for part in told]
    if not isinstance(told, dict):
        return told
    out: dict[str, Any] = {}
    for name, value in told.items():
        out |= _member(name, value)
    return out


def _member(name: str, value: Any) -> dict[str, Any]:
    """Return what a member becomes."""
    if name in _UNKNOWN and not isinstance(value, dict):
        return {}
    if name == "anyOf" and {"type": "null"} in value:
        return _nullable([lowered(part) for part in value if part != {"type": "null"}])
    if name == "const":
        return {"enum": [value]}
    if name == "examples" and isinstance(value, list):
        return {"example": value[0]} if value else {}
    if name in _BOUNDS and not isinstance(value, bool | dict):
        return {_BOUNDS[name]: value, name: True}
    return {name: value if name in _FREE and not isinstance(value, dict) else lowered(value)}


def _nullable(rest: list[Any]) -> dict[str, Any]:
    if len(rest) > 1:
        return {"anyOf": rest, "nullable": True}
    return {"allOf": rest, "nullable": True} if "$ref" in rest[0] else {**rest[0], "nullable": True}
