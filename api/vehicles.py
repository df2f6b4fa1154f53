"""Vehicles as they were registered on a day. Where a car was and who sat in it is another matter: `api.tracks`."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from api.asking import Day, Item, KeyFilter, KeyInPath, Moment, item_of
from api.bounds import bounds_of
from api.forms import TABLE, Form
from api.listing import USUAL, Asked, one_documented, page_documented
from api.paging import Cursor, Limit
from api.platform import platform_of
from api.problems import not_found
from api.register_lists import REGISTRY, Registers, RegistryReader, fields_of, read_rows, told_rows
from store.tables.registers import VehicleRow

_ONE = (Form.JSON,)


class Vehicle(Item):
    """A registered car, as on that day."""

    vehicle_id: str
    plate: str
    plate_class: str = Field(description="GA/T 16.7; 16 is a coach car.")
    use: str = Field(description="training or exam.")
    school_id: str | None
    site_id: str | None
    vehicle_class: str
    provider: str = Field(description="The feed that its positions come from.")
    terminal_id: str
    valid_from: dt.date | None
    valid_to: dt.date | None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "vehicle_id": "V0001", "plate": "豫Z1020学", "plate_class": "16", "use": "training",
                    "school_id": "SCH01", "site_id": None, "vehicle_class": "C1", "provider": "amap",
                    "terminal_id": "TV0001", "valid_from": None, "valid_to": None,
                }
            ]
        }
    )  # fmt: skip


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["vehicles"])

    @routes.get("/vehicles", response_class=Response, responses=page_documented(Vehicle, TABLE))
    def vehicles(
        request: Request, actor: RegistryReader, date: Day, school: KeyFilter = None, as_known: Moment = None,
        cursor: Cursor = None, limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """The cars registered on a day, in the register's order; exam cars for whoever sees the whole city."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        with asked.platform.store.reading() as session:
            registers = Registers.at(session, date, as_known)
            where = [registers.of_schools(bounds_of(actor, REGISTRY), VehicleRow.school_id)]
            where += [] if school is None else [VehicleRow.school_id == school]
            page = read_rows(asked, registers, "vehicles", cursor, limit, where)
        return told_rows(asked, Vehicle, page, lambda row: fields_of(row, Vehicle))

    @routes.get("/vehicles/{vehicle_id}", response_class=Response, responses=one_documented(Vehicle, _ONE))
    def vehicle(
        request: Request, actor: RegistryReader, vehicle_id: KeyInPath, date: Day, as_known: Moment = None
    ) -> Response:
        """One car, as registered on a day."""
        asked = Asked.of(request, platform_of(request), actor, _ONE)
        with asked.platform.store.reading() as session:
            found = Registers.at(session, date, as_known).vehicle(vehicle_id)
        if found is None or not bounds_of(actor, REGISTRY).cover(found[1]):
            raise not_found()
        return asked.one(item_of(Vehicle, fields_of(found[0], Vehicle)))

    return routes
