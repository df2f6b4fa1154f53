"""What the audit of a day rests on, and what it cannot see: a clean day of a silent car is no clean day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from audit.day import VehicleDay
from audit.finding import NotAssessed
from trajectories.intervals import intersect, intervals, subtract, total_ms, union
from zones.register import Vehicle


@dataclass(frozen=True, slots=True)
class CarCoverage:
    """How much of one coach car's day was seen, in ms.

    Silence is the time without a fix between the first and the last one and within declared sessions; what an outage
    of the whole feed explains is counted as `outage_ms` and not as `silent_ms`.
    """

    vehicle_id: str
    school_id: str | None
    has_fixes: bool
    seen_ms: int
    silent_ms: int
    outage_ms: int
    declared_ms: int
    declared_seen_ms: int


@dataclass(slots=True)
class SchoolCoverage:
    """The same summed over a school's cars, with what could not be assessed: {rule: {reason: n}}."""

    cars: int = 0
    cars_without_fixes: int = 0
    seen_ms: int = 0
    silent_ms: int = 0
    outage_ms: int = 0
    declared_ms: int = 0
    declared_seen_ms: int = 0
    not_assessed: dict[str, Counter[str]] = field(default_factory=dict)


def car_coverage(day: VehicleDay) -> CarCoverage:
    """Return what was seen of a car."""
    declared = intervals((s.start_ms, s.end_ms) for s in day.sessions)
    silent = union(day.gaps, subtract(declared, day.seen))
    down = intersect(silent, day.outages)
    return CarCoverage(
        day.vehicle.vehicle_id,
        day.vehicle.school_id,
        day.track is not None,
        total_ms(day.seen),
        total_ms(silent) - total_ms(down),
        total_ms(down),
        total_ms(declared),
        total_ms(intersect(declared, day.seen)),
    )


def by_school(
    cars: Iterable[CarCoverage], not_assessed: Iterable[NotAssessed], vehicles: Mapping[str, Vehicle]
) -> dict[str, SchoolCoverage]:
    """Sum up by school_id ("" for cars of none), in order."""
    out: dict[str, SchoolCoverage] = {}
    for car in cars:
        school = out.setdefault(car.school_id or "", SchoolCoverage())
        school.cars += 1
        school.cars_without_fixes += not car.has_fixes
        for name in ("seen_ms", "silent_ms", "outage_ms", "declared_ms", "declared_seen_ms"):
            setattr(school, name, getattr(school, name) + getattr(car, name))
    for row in not_assessed:
        vehicle = vehicles.get(row.vehicle_id or "")
        if vehicle is not None:
            school = out.setdefault(vehicle.school_id or "", SchoolCoverage())
            school.not_assessed.setdefault(row.rule, Counter())[row.reason] += 1
    return dict(sorted(out.items()))
