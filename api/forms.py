"""The forms in which one resource is offered, and which of them a caller gets (RFC 9110, section 12).

Every answer that has several forms says `Vary: Accept`. What is not offered is 406, with the forms that are.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from fastapi import Request

from api.problems import FieldFault, Refuse


class Form(StrEnum):
    """A form, by its media type."""

    JSON = "application/json"
    GEOJSON = "application/geo+json"
    NDJSON = "application/x-ndjson"
    CSV = "text/csv"
    ARROW = "application/vnd.apache.arrow.stream"
    PARQUET = "application/vnd.apache.parquet"
    HTML = "text/html"

    @property
    def content_type(self) -> str:
        """Return the header, with the character set where there is one to tell."""
        if self is Form.HTML:
            return f"{self}; charset=utf-8"
        return f"{self}; charset=utf-8; header=present" if self is Form.CSV else str(self)


TABLE = (Form.JSON, Form.NDJSON, Form.CSV, Form.ARROW)
"""What rows without a place are offered in; the first is for whoever does not say."""
PLACED = (Form.JSON, Form.GEOJSON, Form.NDJSON, Form.CSV, Form.ARROW)
"""What rows with a place are offered in."""
FEATURE = (Form.GEOJSON, Form.JSON)
"""What one thing with a place is offered in."""


def chosen(request: Request, offered: Sequence[Form]) -> Form:
    """Return the form that `Accept` likes best, the first of equals; raises `Refuse` (406) where it takes none."""
    told = ",".join(request.headers.getlist("accept"))
    if not told.strip():
        return offered[0]
    ranges = [r for part in told.split(",") if (r := _range(part)) is not None]
    liked = {form: _liking(form, ranges) for form in offered}
    best = max(offered, key=lambda form: liked[form])
    if liked[best] <= 0:
        message = f"takes none of the forms that are offered: {', '.join(offered)}"
        raise Refuse(406, "not-acceptable", errors=[FieldFault(where="header.Accept", message=message)])
    return best


def _range(part: str) -> tuple[str, float] | None:
    """Return a media range with its weight; what cannot be read counts for nothing."""
    name, *parameters = (piece.strip() for piece in part.lower().split(";"))
    weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return name, min(max(float(weight), 0.0), 1.0)
    except ValueError:
        return None


def _liking(form: Form, ranges: Sequence[tuple[str, float]]) -> float:
    """Return the weight of a form: that of the most exact range that it fits."""
    for name in (str(form), f"{form.partition('/')[0]}/*", "*/*"):
        weights = [weight for told, weight in ranges if told == name]
        if weights:
            return max(weights)
    return 0.0


def documented(offered: Sequence[Form], model: Any, example: Any) -> dict[int | str, dict[str, Any]]:
    """Return the answer of a route for its OpenAPI document: each form, the JSON with its model and an example."""
    content = content_documented(offered)
    if Form.JSON in content:
        content[Form.JSON] = {"example": example}
    return {200: {"description": "As asked for.", "model": model, "content": content}}


def content_documented(offered: Sequence[Form]) -> dict[str, dict[str, Any]]:
    """Return the forms of an answer for its OpenAPI document."""
    return {str(form): {"schema": _SCHEMAS[form]} for form in offered}


_SCHEMAS: dict[Form, dict[str, Any]] = {
    Form.JSON: {"type": "object"},
    Form.GEOJSON: {"type": "object", "description": "GeoJSON (RFC 7946), WGS-84."},
    Form.NDJSON: {"type": "string", "description": "One JSON object a line."},
    Form.CSV: {"type": "string", "description": "UTF-8 with a BOM; cells that look like formulas have an apostrophe."},
    Form.ARROW: {"type": "string", "format": "binary", "description": "Arrow IPC stream; geometry is geoarrow.wkb."},
    Form.PARQUET: {"type": "string", "format": "binary", "description": "GeoParquet 1.1."},
    Form.HTML: {"type": "string", "description": "A page that holds all it needs."},
}
