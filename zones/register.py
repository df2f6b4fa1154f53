"""The office's register: schools, vehicles, terminals, staff roles. Each row holds only between its dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from zones.validity import holds_on


class Use(StrEnum):
    """What a car is registered for."""

    TRAINING = "training"
    EXAM = "exam"


class Role(StrEnum):
    """What a person is registered as."""

    INSTRUCTOR = "instructor"
    SAFETY_OFFICER = "safety_officer"


@dataclass(frozen=True, slots=True)
class School:
    """A driving school; `district` is a GB/T 2260 code."""

    school_id: str
    name: str
    district: str


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A registered coach car or exam car. `plate_class` by GA/T 16.7 (16 = coach car)."""

    vehicle_id: str
    plate: str
    plate_class: str
    use: Use
    school_id: str | None
    site_id: str | None
    vehicle_class: str
    provider: str
    terminal_id: str
    valid_from: date | None = None
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether this row of the register holds on a local date."""
        return holds_on(self.valid_from, self.valid_to, day)


@dataclass(frozen=True, slots=True)
class Terminal:
    """Which terminal of which feed sat in which car, from when to when."""

    vehicle_id: str
    provider: str
    terminal_id: str
    valid_from: date | None = None
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the terminal sat in the car on a local date."""
        return holds_on(self.valid_from, self.valid_to, day)


@dataclass(frozen=True, slots=True)
class StaffRole:
    """One role of one person; a person may hold several rows."""

    person_id: str
    role: Role
    school_id: str | None
    site_id: str | None
    valid_from: date | None = None
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the role is held on a local date."""
        return holds_on(self.valid_from, self.valid_to, day)
