"""Whose rows an account is shown: the districts and schools of its grants, as conditions of a query.

It says of many rows what `cases.roles.has_permission_at` says of one; `tests/api/test_bounds.py` holds the two
together. What lies in no known district is the whole city's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, select, true

from cases.roles import PERMISSIONS, Actor, Grant, Permission, Placed, Role
from store.tables.registers import SchoolRow, VehicleRow


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where an account holds one of some permissions. Schools read nothing here but their cases."""

    grants: tuple[Grant, ...]

    @property
    def is_city(self) -> bool:
        """Whether it is the whole city."""
        return any(g.districts is None for g in self.grants)

    def cover(self, place: Placed) -> bool:
        """Whether a place lies within."""
        return any(g.covers(place) for g in self.grants)

    def rows(self, district: Any) -> ColumnElement[bool]:
        """Return the condition under which rows with a column of districts lie within."""
        if self.is_city:
            return true()
        named = sorted({code for g in self.grants for code in g.districts or ()})
        return district.in_(named) if named else false()

    def schools(self, content: str | None) -> Select[Any]:
        """Return the schools of a register's content that lie within."""
        return select(SchoolRow.school_id).where(SchoolRow.content == content, self.rows(SchoolRow.district))

    def of_schools(self, school_id: Any, content: str | None) -> ColumnElement[bool]:
        """Return the condition under which rows of schools lie within, by the register of schools."""
        return true() if self.is_city else and_(school_id.is_not(None), school_id.in_(self.schools(content)))

    def of_vehicles(self, vehicle_id: Any, vehicles: str | None, schools: str | None) -> ColumnElement[bool]:
        """Return the condition under which rows of vehicles lie within, by the registers of vehicles and schools."""
        if self.is_city:
            return true()
        owned = select(VehicleRow.vehicle_id).where(
            VehicleRow.content == vehicles, self.of_schools(VehicleRow.school_id, schools)
        )
        within: ColumnElement[bool] = vehicle_id.in_(owned)
        return within


def bounds_of(actor: Actor, permissions: Sequence[Permission]) -> Bounds:
    """Return where an account holds one of the permissions."""
    held = (g for g in actor.grants if g.role is not Role.SCHOOL)
    return Bounds(tuple(g for g in held if PERMISSIONS[g.role] & set(permissions)))
