"""The bundle's registers: the columns of each file, and one row of it as a value."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum

from feeds.registers import Dates, Spec
from feeds.tables import Row
from zones.declared import Exam, Permit, Session
from zones.register import Role, School, StaffRole, Terminal, Use, Vehicle
from zones.schedule import HoursException, Window

PARTS = (1, 4)
"""The parts of the syllabus: 1 and 4 theory, 2 field, 3 road."""


class _Open(StrEnum):
    NO = "0"
    YES = "1"


_DISTRICT = re.compile(r"[0-9]{6}")
_PLATE_CLASS = re.compile(r"[0-9]{1,2}")


def _school(row: Row) -> School:
    return School(row.text("school_id"), row.text("name"), row.match("district", _DISTRICT, "six digits (GB/T 2260)"))


def _vehicle(row: Row) -> Vehicle:
    use = row.choice("use", Use)
    school_id = row.text("school_id") if use is Use.TRAINING else row.optional("school_id")
    needs_class = use is Use.TRAINING or bool(row.raw("vehicle_class"))
    provider, terminal_id = row.raw("provider"), row.raw("terminal_id")
    if bool(provider) != bool(terminal_id):
        row.text("provider"), row.text("terminal_id")  # the blank one of the two is at fault
    valid_from, valid_to = row.dates()
    return Vehicle(
        row.text("vehicle_id"),
        row.text("plate"),
        row.match("plate_class", _PLATE_CLASS, "a code of GA/T 16.7 such as 16").zfill(2),
        use,
        school_id,
        row.optional("site_id"),
        (row.text("vehicle_class") if needs_class else row.raw("vehicle_class")).upper(),
        provider,
        terminal_id,
        valid_from,
        valid_to,
    )


def _terminal(row: Row) -> Terminal:
    return Terminal(row.text("vehicle_id"), row.text("provider"), row.text("terminal_id"), *row.dates())


def _staff(row: Row) -> StaffRole:
    role = row.choice("role", Role)
    school_id = row.text("school_id") if role is Role.INSTRUCTOR else row.optional("school_id")
    return StaffRole(row.person("person_id"), role, school_id, row.optional("site_id"), *row.dates())


def _minutes(row: Row, column: str) -> int:
    row.text(column)
    return row.clock(column) or 0


def _window(row: Row) -> Window:
    start_min, end_min = _minutes(row, "start"), _minutes(row, "end")
    return Window(row.text("zone_id"), row.weekdays("weekdays"), start_min, end_min, *row.dates())


def _exception(row: Row) -> HoursException:
    row.text("date")
    day, zone_id = row.day("date"), row.text("zone_id")
    is_open = row.choice("open", _Open) is _Open.YES
    if row.raw("start") or row.raw("end"):
        row.text("start"), row.text("end")  # both or neither
    start_min, end_min = row.clock("start"), row.clock("end")
    if day is None:  # noted above; the value is dropped
        return HoursException(date.min, zone_id, is_open, start_min, end_min, "")
    return HoursException(day, None if zone_id == "*" else zone_id, is_open, start_min, end_min, row.raw("reason"))


def _session(row: Row) -> Session:
    return Session(
        row.text("session_id"),
        row.text("vehicle_id"),
        row.person("instructor_id"),
        row.person("trainee_id"),
        row.integer("part", *PARTS),
        row.optional("zone_id"),
        *row.period(),
    )


def _exam(row: Row) -> Exam:
    exam_id, vehicle_id, officer_id = row.text("exam_id"), row.text("vehicle_id"), row.person("officer_id")
    return Exam(exam_id, vehicle_id, officer_id, row.text("site_id"), *row.period())


def _permit(row: Row) -> Permit:
    vehicle_id, school_id = row.optional("vehicle_id"), row.optional("school_id")
    if vehicle_id is None and school_id is None:
        row.refuse("missing-value", "vehicle_id", "", "names neither a vehicle nor a school", "vehicle_id or school_id")
    start_ms, end_ms = row.period()
    zone_id = row.optional("zone_id")
    return Permit(row.text("permit_id"), vehicle_id, school_id, row.raw("reason"), start_ms, end_ms, zone_id)


def _dates(item: Vehicle) -> Dates:
    return item.valid_from, item.valid_to


_VALID = ("valid_from", "valid_to")

SCHOOLS = Spec(
    "schools.csv", ("school_id", "name", "district"), _school, about=("school_id",), key=lambda item: item.school_id
)
VEHICLES = Spec(
    "vehicles.csv",
    ("vehicle_id", "plate", "plate_class", "use", "school_id", "site_id", "vehicle_class", "provider", "terminal_id"),
    _vehicle,
    may_have=_VALID,
    about=("vehicle_id",),
    key=lambda item: item.vehicle_id,
    dates=_dates,
)
TERMINALS = Spec(
    "terminals.csv",
    ("vehicle_id", "provider", "terminal_id", *_VALID),
    _terminal,
    required=False,
    about=("vehicle_id",),
)
STAFF = Spec("staff.csv", ("person_id", "role", "school_id", "site_id", *_VALID), _staff, about=("person_id",))
SCHEDULES = Spec("schedules.csv", ("zone_id", "weekdays", "start", "end", *_VALID), _window, about=("zone_id",))
EXCEPTIONS = Spec(
    "exceptions.csv",
    ("date", "zone_id", "open", "start", "end", "reason"),
    _exception,
    required=False,
    about=("zone_id",),
    anybody="*",
)
SESSIONS = Spec(
    "sessions.csv",
    ("session_id", "vehicle_id", "instructor_id", "trainee_id", "part", "zone_id", "start", "end"),
    _session,
    about=("vehicle_id", "trainee_id"),
    key=lambda item: item.session_id,
)
EXAMS = Spec(
    "exams.csv",
    ("exam_id", "vehicle_id", "officer_id", "site_id", "start", "end"),
    _exam,
    about=("vehicle_id",),
    key=lambda item: item.exam_id,
)
PERMITS = Spec(
    "permits.csv",
    ("permit_id", "reason", "start", "end"),
    _permit,
    may_have=("vehicle_id", "school_id", "zone_id"),
    required=False,
    about=("vehicle_id", "school_id"),
    either=True,
    key=lambda item: item.permit_id,
)
