"""Lists of the registers of a night, page by page, as known at a time, within an account's bounds.

The registers (schools, vehicles, places, hours, cameras) are read by whoever reads findings, which rest on them, and by
whoever edits them. Lessons and exams say who taught and examined whom: they take the right to read findings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.asking import Item, columns_of, item_of, known_ms
from api.bounds import Bounds
from api.guard import needs
from api.listing import Asked, first_of
from api.tables import Table
from cases.roles import Actor, Permission, Place
from store.pages import holding, register_content, register_page
from store.tables.registers import SchoolRow, VehicleRow

REGISTRY = (Permission.READ_FINDINGS, Permission.EDIT_REGISTRY)
RegistryReader = Annotated[Actor, needs(*REGISTRY)]


@dataclass(frozen=True, slots=True)
class Registers:
    """The registers of a night as known at a time, in one state of the database."""

    session: Session
    service_date: date
    known: int | None

    @classmethod
    def at(cls, session: Session, service_date: date, as_known: datetime | None) -> Registers:
        """Take a night."""
        return cls(session, service_date, known_ms(as_known))

    def content(self, name: str) -> str | None:
        """Return which content of a register counts."""
        return register_content(self.session, self.service_date, name, self.known)

    def of_schools(self, bounds: Bounds, school_id: Any) -> ColumnElement[bool]:
        """Return the condition under which rows of schools lie within an account's bounds."""
        return bounds.of_schools(school_id, self.content("schools"))

    def of_vehicles(self, bounds: Bounds, vehicle_id: Any) -> ColumnElement[bool]:
        """Return the condition under which rows of vehicles lie within an account's bounds."""
        return bounds.of_vehicles(vehicle_id, self.content("vehicles"), self.content("schools"))

    def vehicle(self, vehicle_id: str) -> tuple[VehicleRow, Place] | None:
        """Return a vehicle with where it belongs, as it was registered on the day."""
        asked = select(VehicleRow).where(
            VehicleRow.content == self.content("vehicles"),
            VehicleRow.vehicle_id == vehicle_id,
            *holding(VehicleRow, self.service_date),
        )
        row = self.session.scalar(asked.order_by(VehicleRow.ordinal).limit(1))
        return None if row is None else (row, self.places([vehicle_id])[vehicle_id])

    def places(self, vehicle_ids: Sequence[str]) -> dict[str, Place]:
        """Return where vehicles belong; those that are not registered that day are nowhere."""
        school = and_(SchoolRow.content == self.content("schools"), SchoolRow.school_id == VehicleRow.school_id)
        rows = self.session.execute(
            select(VehicleRow.vehicle_id, VehicleRow.school_id, SchoolRow.district)
            .outerjoin(SchoolRow, school)
            .where(
                VehicleRow.content == self.content("vehicles"),
                VehicleRow.vehicle_id.in_(set(vehicle_ids)),
                *holding(VehicleRow, self.service_date),
            )
            .order_by(VehicleRow.ordinal.desc())
        )
        found = {vehicle_id: Place(district, school_id) for vehicle_id, school_id, district in rows}
        return {vehicle_id: found.get(vehicle_id, Place()) for vehicle_id in vehicle_ids}


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of a register: its rows, and where the list goes on."""

    rows: Sequence[Any]
    goes_on: list[Any] | None


def read_rows(
    asked: Asked,
    registers: Registers,
    name: str,
    cursor: str | None,
    limit: int,
    where: Sequence[ColumnElement[bool]] = (),
    keep: Callable[[Any], bool] | None = None,
) -> Rows:
    """Return a page of a register. A cursor goes on in the content that it began with, whatever came in since."""
    content, after = asked.place(cursor) or (registers.content(name), -1)
    found = register_page(registers.session, name, content, registers.service_date, where, after, limit + 1, keep)
    rows, more = first_of(found, limit)
    return Rows(rows, [content, rows[-1].ordinal] if more else None)


def told_rows(
    asked: Asked,
    model: type[Item],
    page: Rows,
    made: Callable[[Any], dict[str, Any]],
    place: Callable[[Any], Any] | None = None,
) -> Response:
    """Return such a page as an answer."""
    items = [item_of(model, made(row)) for row in page.rows]
    return asked.page(Table(columns_of(model, asked.platform.local), items, place), page.goes_on)


def fields_of(row: Any, model: type[Item]) -> dict[str, Any]:
    """Return the columns of a row that a model has by the same name."""
    return {name: getattr(row, name) for name in model.model_fields}
