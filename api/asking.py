"""What many routes are asked with: a service day, a time as known, keys of registers; and items as models."""

from __future__ import annotations

import datetime as dt
import types
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

import pyarrow as pa
from fastapi import Path, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from reports.plain import storable
from trajectories.clock import LocalTime, to_ms

_PLAIN = r"^[^\x00-\x1f\x7f]+$"
_DAY = "The service day, from 04:00 to 04:00 local."
_WHEN: dict[str, Any] = {"format": "date-time"}


def _with_plus(told: Any) -> Any:
    """Take a space for the plus sign that it was before somebody forgot to encode it."""
    return told.replace(" ", "+") if isinstance(told, str) and "T" in told else told


KeyInPath = Annotated[str, Path(min_length=1, max_length=200, pattern=_PLAIN)]
KeyFilter = Annotated[str | None, Query(min_length=1, max_length=200, pattern=_PLAIN)]
Day = Annotated[dt.date, Query(description=_DAY, examples=["2026-03-18"])]
DayInPath = Annotated[dt.date, Path(description=_DAY, examples=["2026-03-18"])]
DayFilter = Annotated[dt.date | None, Query(description=_DAY, examples=["2026-03-18"])]
Moment = Annotated[
    AwareDatetime | None,
    BeforeValidator(_with_plus),
    Query(description="As it was known at that time (ISO 8601 with an offset); not given: now."),
]
Instant = Annotated[str, Field(json_schema_extra=_WHEN)]
"""A time as ISO 8601 with the local offset."""
MaybeInstant = Annotated[str | None, Field(json_schema_extra=_WHEN)]


def known_ms(as_known: dt.datetime | None) -> int | None:
    """Return the time as known, in ms UTC."""
    return None if as_known is None else to_ms(as_known)


def iso(local: LocalTime, t_ms: int | None) -> str | None:
    """Return an instant as local ISO text."""
    return None if t_ms is None else local.iso(t_ms)


class Item(BaseModel):
    """One thing of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@cache
def page_model(model: type[Item]) -> type[BaseModel]:
    """Return the model of a page of such items, as a list answers in JSON."""
    told = Field(None, description="Hand it over as `cursor` for what comes next; also in `Link`. Null: the last page.")
    items: Any = list.__class_getitem__(model)
    made: type[BaseModel] = create_model(
        f"{model.__name__}Page", __doc__="Part of a list.", items=(items, ...), next=(str | None, told)
    )
    return made


def item_of(model: type[Item], told: dict[str, Any]) -> dict[str, Any]:
    """Return an item as JSON has it: held against its model, its texts storable."""
    out: dict[str, Any] = written(model(**told).model_dump(mode="json"))
    return out


def written(value: Any) -> Any:
    """Return JSON-ready data with every text as every output writes it (`reports.plain.storable`)."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [written(v) for v in value]
    return {written(k): written(v) for k, v in value.items()} if isinstance(value, dict) else value


def example_of(model: type[Item]) -> dict[str, Any]:
    """Return the example of a model, held against it."""
    extra = model.model_config.get("json_schema_extra")
    assert isinstance(extra, dict), f"{model.__name__} has no example"
    examples: Any = extra["examples"]
    return model(**examples[0]).model_dump(mode="json")


def columns_of(model: type[Item], local: LocalTime) -> pa.Schema:
    """Return the Arrow columns of a model's fields, `geometry` apart; what is nested is JSON text."""
    return pa.schema([(n, _column(f, local)) for n, f in model.model_fields.items() if n != "geometry"])


def _column(field: FieldInfo, local: LocalTime) -> pa.DataType:
    if field.json_schema_extra == _WHEN:
        return pa.timestamp("ms", tz=local.name)
    kind: Any = field.annotation
    if get_origin(kind) in {Union, types.UnionType}:
        kind = next(k for k in get_args(kind) if k is not types.NoneType)
    if get_origin(kind) is list and get_args(kind)[0] in _SIMPLE:
        return pa.list_(_SIMPLE[get_args(kind)[0]])
    return _SIMPLE.get(kind, pa.string())


_SIMPLE: dict[Any, pa.DataType] = {
    str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), dt.date: pa.date32(),
}  # fmt: skip
