"""Where a car was on a day: its fixes, and its passages before cameras. Each answer is a look at it, with a reason.

Of faces a passage tells the seat and how many enrolled people the matcher named; whom, only with `people=true`, to
whoever may look at people, who is then on record with each of them. Plates as read were never kept.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api import conditional
from api.asking import Day, Instant, Item, KeyInPath, Moment, columns_of, item_of, known_ms
from api.forms import PLACED, TABLE, Form
from api.guard import needs
from api.listing import Asked, page_documented
from api.looks import Person, Reason, look_at_one, look_at_people, need_reason
from api.platform import platform_of
from api.register_lists import Registers
from api.registry import point
from api.tables import Table
from cases.roles import Actor, Permission, Place
from checkpoints.passage import Passage as Seen
from reports.plain import storable
from store.lake import read_track
from store.nights import current_passages
from store.passages import vehicle_passages
from trajectories.clock import LocalTime
from trajectories.fleet import LAG_UNKNOWN, UNUSABLE, Flag

Looker = Annotated[Actor, needs(Permission.LOOK_AT_VEHICLE)]
WITH_TIMES = (Form.GEOJSON, *(form for form in PLACED if form is not Form.GEOJSON))
_FLAGS = [(flag, str(flag.name).lower().replace("_", "-")) for flag in Flag]
_AT_ONCE = 2000


class Fix(Item):
    """One position; `usable`: whether the audit takes it at its word."""

    vehicle_id: str
    time: Instant
    lon_deg: float
    lat_deg: float
    speed_mps: float | None
    heading_deg: float | None
    accuracy_m: float | None
    lag_ms: int | None = Field(description="How long after it was measured the provider had it.")
    flags: list[str] = Field(description="What cleaning found: spike, repeat, drift ...")
    usable: bool
    file: str
    row: int

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "vehicle_id": "V0001", "time": "2026-03-18T08:11:11+08:00", "lon_deg": 113.6072393,
                    "lat_deg": 34.7913476, "speed_mps": 3.2, "heading_deg": 92.0, "accuracy_m": None, "lag_ms": None,
                    "flags": ["drift"], "usable": True, "file": "tracks/amap/TV0001.1.json.gz", "row": 17,
                }
            ]
        }
    )  # fmt: skip


class Face(BaseModel):
    """A face of a passage."""

    seat: str
    n_candidates: int = Field(description="How many enrolled people the matcher named.")
    person_ids: list[str] | None = Field(None, description="Who, the best first; null: not told.")


class Passage(Item):
    """A passage of the car before a camera, by the camera's own clock."""

    passage_id: str
    camera_id: str
    time: Instant
    is_as_read: bool = Field(description="Whether the plate names this car as read; else it is its likeliest reading.")
    plate_score: float | None
    heading_deg: float | None
    faces: list[Face]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "passage_id": "Q000017", "camera_id": "K17", "time": "2026-03-18T08:11:11+08:00",
                    "is_as_read": True, "plate_score": 0.98, "heading_deg": None,
                    "faces": [{"seat": "front_passenger", "n_candidates": 1, "person_ids": None}],
                }
            ]
        }
    )  # fmt: skip


People = Annotated[bool, Query(description="Whether to be told the enrolled people whom the matcher named.")]


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["vehicles"])

    @routes.get(
        "/vehicles/{vehicle_id}/track", response_class=Response, responses=page_documented(Fix, WITH_TIMES, 404)
    )
    def track(
        request: Request, actor: Looker, reason: Reason, vehicle_id: KeyInPath, date: Day, as_known: Moment = None
    ) -> Response:
        """Every fix of a car on a service day by time, whole, streamed; GeoJSON unless another form is asked for."""
        asked = Asked.of(request, platform_of(request), actor, WITH_TIMES)
        _place_looked_at(asked, vehicle_id, date, as_known, reason)
        store = asked.platform.store
        with store.reading() as session:
            fixes = read_track(store, session, date, vehicle_id, known_ms(as_known))
        items = _fixes(fixes, asked.platform.local)
        table = Table(columns_of(Fix, asked.platform.local), items, point)
        return asked.page(table, cache=conditional.NEVER)

    @routes.get(
        "/vehicles/{vehicle_id}/passages", response_class=Response, responses=page_documented(Passage, TABLE, 404)
    )
    def passages(
        request: Request, actor: Looker, reason: Reason, vehicle_id: KeyInPath, date: Day, people: People = False,
        as_known: Moment = None,
    ) -> Response:  # fmt: skip
        """Passages of a car on a service day, by time."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        place = _place_looked_at(asked, vehicle_id, date, as_known, reason)
        seen = _passages(asked, vehicle_id, date, as_known)
        faces = [("person", c.person_id) for p in seen for f in p.faces for c in f.candidates]
        asked_for = [(person, place) for person in faces] if people else []
        named = look_at_people(asked.platform, actor, asked_for, reason)
        local = asked.platform.local
        items = [item_of(Passage, _passage(p, vehicle_id, named, local)) for p in seen]
        return asked.page(Table(columns_of(Passage, local), items), cache=conditional.NEVER)

    return routes


def _place_looked_at(asked: Asked, vehicle_id: str, date: dt.date, as_known: dt.datetime | None, reason: str) -> Place:
    """Return where a car belongs, the look at it written down; raises `Refuse` where it is not to be shown."""
    need_reason(reason)
    with asked.platform.store.reading() as session:
        found = Registers.at(session, date, as_known).vehicle(vehicle_id)
    place = None if found is None else found[1]
    look_at_one(asked.platform, asked.actor, "vehicle", vehicle_id, place, reason)
    assert place is not None  # a look at nothing was refused
    return place


def _fixes(fixes: pa.Table, local: LocalTime) -> Iterator[dict[str, Any]]:
    for batch in fixes.to_batches(_AT_ONCE):
        floats = {name: [_float(v) for v in batch[name].to_numpy()] for name in _FLOATS}
        rest = {n: batch[n].to_pylist() for n in ("vehicle_id", "t_ms", "lon_deg", "lat_deg", "lag_ms", "flags")}
        where = {"file": batch["file"].to_pylist(), "row": batch["row"].to_pylist()}
        for i in range(batch.num_rows):
            bits = rest["flags"][i]
            yield {
                "vehicle_id": storable(rest["vehicle_id"][i]),
                "time": local.iso(rest["t_ms"][i]),
                "lon_deg": rest["lon_deg"][i],
                "lat_deg": rest["lat_deg"][i],
                **{name: column[i] for name, column in floats.items()},
                "lag_ms": None if rest["lag_ms"][i] == LAG_UNKNOWN else rest["lag_ms"][i],
                "flags": [name for flag, name in _FLAGS if bits & flag],
                "usable": not bits & UNUSABLE,
                "file": storable(where["file"][i]),
                "row": where["row"][i],
            }


_FLOATS = ("speed_mps", "heading_deg", "accuracy_m")


def _float(value: Any) -> float | None:
    """Return a float32 with the digits that tell it from its neighbours; None for NaN."""
    return None if value != value else float(str(value))  # noqa: PLR0124 -- NaN is what differs from itself


def _passages(asked: Asked, vehicle_id: str, date: dt.date, as_known: dt.datetime | None) -> list[Seen]:
    store = asked.platform.store
    with store.reading() as session:
        held = current_passages(session, date, known_ms(as_known))
    if held is None or held.erased_ms is not None:
        return []
    found = vehicle_passages(store.folder / held.path, vehicle_id)
    return sorted(found, key=lambda p: (p.shot_ms, p.passage_id))


def _passage(seen: Seen, vehicle_id: str, named: frozenset[Person], local: LocalTime) -> dict[str, Any]:
    faces = [
        {
            "seat": str(face.seat),
            "n_candidates": len(face.candidates),
            "person_ids": [c.person_id for c in face.candidates if ("person", c.person_id) in named] if named else None,
        }
        for face in seen.faces
    ]
    return {
        "passage_id": seen.passage_id,
        "camera_id": seen.camera_id,
        "time": local.iso(seen.shot_ms),
        "is_as_read": seen.vehicle_id == vehicle_id,
        "plate_score": seen.plate_score,
        "heading_deg": seen.heading_deg,
        "faces": faces,
    }
