"""What one file of a bundle says of another: unknown keys, terminals in two cars, plates on two cars.

A row that names something unknown is kept, and a warning says so: the other file may be the one at fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, TypeVar

from feeds.bundle_config import BundleConfig
from feeds.faults import Fault
from feeds.hints import listed
from feeds.register_rows import (
    EXAMS,
    EXCEPTIONS,
    PERMITS,
    SCHEDULES,
    SCHOOLS,
    SESSIONS,
    STAFF,
    TERMINALS,
    VEHICLES,
)
from feeds.registers import Desk, Register, overlap
from feeds.zone_files import PlacedZone
from zones.declared import Exam, Permit, Session
from zones.register import School, StaffRole, Terminal, Vehicle
from zones.schedule import HoursException, Window

T = TypeVar("T")
Dated = TypeVar("Dated", Vehicle, Terminal)


@dataclass(frozen=True, slots=True)
class Registers:
    """The CSV registers of one bundle."""

    schools: Register[School]
    vehicles: Register[Vehicle]
    terminals: Register[Terminal]
    staff: Register[StaffRole]
    windows: Register[Window]
    exceptions: Register[HoursException]
    sessions: Register[Session]
    exams: Register[Exam]
    permits: Register[Permit]

    @classmethod
    def empty(cls) -> Registers:
        """Registers without a row."""
        return cls(
            Register(SCHOOLS.file),
            Register(VEHICLES.file),
            Register(TERMINALS.file),
            Register(STAFF.file),
            Register(SCHEDULES.file),
            Register(EXCEPTIONS.file),
            Register(SESSIONS.file),
            Register(EXAMS.file),
            Register(PERMITS.file),
        )


class Fitting(NamedTuple):
    """A terminal in a car, and the file and row that say so."""

    terminal: Terminal
    file: str
    row: int


def fitted_terminals(registers: Registers) -> list[Fitting]:
    """Which terminal sat where: terminals.csv, and vehicles.csv for the cars that terminals.csv does not name."""
    named = registers.terminals
    fittings = [Fitting(item, named.file, row) for item, row in zip(named.items, named.rows, strict=True)]
    cars = {item.vehicle_id for item in named.items}
    register = registers.vehicles
    for car, row in zip(register.items, register.rows, strict=True):
        if car.vehicle_id not in cars and car.terminal_id:
            terminal = Terminal(car.vehicle_id, car.provider, car.terminal_id, car.valid_from, car.valid_to)
            fittings.append(Fitting(terminal, register.file, row))
    return fittings


def check_references(config: BundleConfig, registers: Registers, zones: Iterable[PlacedZone], desk: Desk) -> None:
    """Look through all files together; warnings go to the ledger, faults and damage to the desk."""
    placed = tuple(zones)
    fittings = fitted_terminals(registers)
    _check_feeds(config, registers, fittings, desk)
    desk.faults.extend(_terminals_in_two_cars(fittings))
    _check_plates(registers.vehicles, desk)
    for warning in _unknown_keys(registers, placed):
        desk.ledger.warn(warning)


def _check_feeds(config: BundleConfig, registers: Registers, fittings: list[Fitting], desk: Desk) -> None:
    """A car whose feed the bundle does not bring must not be taken for a silent one: its tracks are not assessable."""
    feeds = {feed.name for feed in config.feeds}
    for file in (VEHICLES.file, TERMINALS.file):
        strays = [fit for fit in fittings if fit.file == file and fit.terminal.provider not in feeds]
        for fit in strays:
            desk.damage.add(file, "vehicle_id", fit.terminal.vehicle_id)
        unknown = [(fit.terminal.provider, fit.row) for fit in strays]
        for warning in _warning(file, "provider", "a feed of bundle.toml", unknown):
            desk.ledger.warn(warning)
    equipped = {fit.terminal.vehicle_id for fit in fittings}
    bare = [car.vehicle_id for car in registers.vehicles.items if car.vehicle_id not in equipped]
    if bare:
        desk.ledger.warn(f"{VEHICLES.file}: {len(bare)} rows without a terminal: {listed(bare)}")


def _terminals_in_two_cars(fittings: list[Fitting]) -> Iterator[Fault]:
    """One terminal cannot sit in two cars: every track of it would accuse, or excuse, the wrong one."""
    by_terminal: defaultdict[tuple[str, str], list[Fitting]] = defaultdict(list)
    for fit in fittings:
        by_terminal[fit.terminal.provider, fit.terminal.terminal_id].append(fit)
    for (provider, terminal_id), fits in by_terminal.items():
        for at, fit in enumerate(fits):
            clash = next((other for other in fits[:at] if _clash(fit.terminal, other.terminal)), None)
            if clash is not None:
                here, there = fit.terminal.vehicle_id, clash.terminal.vehicle_id
                message = f"this terminal of {provider} sits in two cars at once: here in {here}, and by "
                message += f"{clash.file} row {clash.row} in {there}"
                hint = "Give valid_from and valid_to that do not overlap, or mend the terminal_id."
                yield Fault(fit.file, message, fit.row, "terminal_id", terminal_id, None, hint, "terminal-in-two-cars")


def _clash(one: Dated, other: Dated) -> bool:
    """Whether two rows of different cars hold on a common day."""
    dates = (one.valid_from, one.valid_to), (other.valid_from, other.valid_to)
    return one.vehicle_id != other.vehicle_id and overlap(*dates)


def _check_plates(vehicles: Register[Vehicle], desk: Desk) -> None:
    by_plate: defaultdict[str, list[Vehicle]] = defaultdict(list)
    for car in vehicles.items:
        by_plate[car.plate].append(car)
    for plate, cars in by_plate.items():
        if any(_clash(one, other) for one, other in combinations(cars, 2)):
            ids = listed(sorted({car.vehicle_id for car in cars}))
            desk.ledger.warn(f"{vehicles.file}: plate {plate} is on several vehicles at once: {ids}")


def _unknown_keys(registers: Registers, zones: tuple[PlacedZone, ...]) -> Iterator[str]:
    """One warning for each file and column that names what its register does not have."""
    cars = {item.vehicle_id for item in registers.vehicles.items}
    schools = {item.school_id for item in registers.schools.items}
    people = {item.person_id for item in registers.staff.items}
    places = {item.zone.zone_id for item in zones}
    zones_file = zones[0].file if zones else "zones"
    keys = {"vehicle_id": cars, "school_id": schools, "zone_id": places, "site_id": places}
    keys |= {"instructor_id": people, "officer_id": people}
    owners = {"vehicle_id": VEHICLES.file, "school_id": SCHOOLS.file, "zone_id": zones_file, "site_id": zones_file}
    owners |= {"instructor_id": STAFF.file, "officer_id": STAFF.file}
    for register, columns in _references(registers):
        for column in columns:
            unknown = _unknown(register, column, keys[column])
            yield from _warning(register.file, column, owners[column], unknown)
    unknown = [(name, item.row) for item in zones for name in sorted((item.zone.school_ids or frozenset()) - schools)]
    yield from _warning(zones_file, "school_ids", SCHOOLS.file, unknown)


def _references(registers: Registers) -> Iterator[tuple[Register[object], tuple[str, ...]]]:
    yield registers.vehicles, ("school_id", "site_id")  # type: ignore[misc]  # only read from
    yield registers.terminals, ("vehicle_id",)  # type: ignore[misc]
    yield registers.staff, ("school_id", "site_id")  # type: ignore[misc]
    yield registers.windows, ("zone_id",)  # type: ignore[misc]
    yield registers.exceptions, ("zone_id",)  # type: ignore[misc]
    yield registers.sessions, ("vehicle_id", "zone_id", "instructor_id")  # type: ignore[misc]
    yield registers.exams, ("vehicle_id", "officer_id", "site_id")  # type: ignore[misc]
    yield registers.permits, ("vehicle_id", "school_id", "zone_id")  # type: ignore[misc]


def _unknown(register: Register[object], column: str, known: Collection[str]) -> list[tuple[str, int]]:
    pairs = ((getattr(item, column), row) for item, row in zip(register.items, register.rows, strict=True))
    return [(key, row) for key, row in pairs if key is not None and key not in known]


def _warning(file: str, column: str, owner: str, unknown: list[tuple[str, int]]) -> Iterator[str]:
    if unknown:
        examples = listed(f"{key[:40]} (row {row})" for key, row in unknown)
        yield f"{file}: {column} names what is not in {owner}, {len(unknown)} times: {examples}"
