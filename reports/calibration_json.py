"""`calibration.json`: every number of a report on the evidence of faces.

It holds counts, shares, distributions and names of cameras, and nothing of a person.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from reports.plain import json_text, plain

SCHEMA = 1


def calibration_json(members: Mapping[str, Any]) -> bytes:
    """Return the record as indented UTF-8 JSON, `schema` first, then the members in their order.

    Records (dataclasses, named tuples) become objects; a number that is not finite becomes null.
    """
    written = {name: plain(as_members(value), name) for name, value in members.items()}
    return (json_text({"schema": SCHEMA, **written}, indent=1) + "\n").encode()


def as_members(value: Any) -> Any:
    """Return records as mappings, all the way down.

    >>> from checkpoints.calibration import Cost
    >>> as_members([Cost(0.5, 0.25, math.inf)])
    [{'total': 0.5, 'least': 0.25, 'calibration': None}]
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_members(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: as_members(entry) for name, entry in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: as_members(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [as_members(entry) for entry in value]
    return value
