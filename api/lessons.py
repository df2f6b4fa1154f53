"""Lessons and exams as declared, of one service day: instructors, officers and trainees by labels of the answer.

Whoever may look at people and says why sees their keys, and is on record with each of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from api import conditional
from api.asking import Day, Instant, Item, KeyFilter, Moment, columns_of, item_of
from api.bounds import bounds_of
from api.forms import TABLE
from api.guard import needs
from api.listing import USUAL, Asked, page_documented
from api.looks import Person, Reason, look_at_people
from api.masking import Labels
from api.paging import Cursor, Limit
from api.platform import platform_of
from api.problems import FieldFault, Refuse
from api.register_lists import Registers, Rows, read_rows
from api.tables import Table
from cases.roles import Actor, Permission
from store.tables.registers import ExamRow, SessionRow

READ = (Permission.READ_FINDINGS,)
Reader = Annotated[Actor, needs(*READ)]


class Session(Item):
    """A lesson as the timing platform was told."""

    session_id: str
    vehicle_id: str
    instructor_id: str = Field(description="A label of this answer alone (person-001), unless a look is on record.")
    trainee_id: str = Field(description="The same (trainee-001); the key itself is a pseudonym already.")
    part: int = Field(description="Of the syllabus: 2 field, 3 road.")
    zone_id: str | None
    start: Instant
    end: Instant

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "session_id": "S000002", "vehicle_id": "V0010", "instructor_id": "person-001",
                    "trainee_id": "trainee-001", "part": 2, "zone_id": "G02", "start": "2026-03-18T07:59:01+08:00",
                    "end": "2026-03-18T09:10:34+08:00",
                }
            ]
        }
    )  # fmt: skip


class Exam(Item):
    """An examination with the officer on duty."""

    exam_id: str
    vehicle_id: str
    officer_id: str = Field(description="A label of this answer alone (person-001), unless a look is on record.")
    site_id: str
    start: Instant
    end: Instant

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "exam_id": "E00001", "vehicle_id": "X0001", "officer_id": "person-001", "site_id": "E01",
                    "start": "2026-03-18T09:00:50+08:00", "end": "2026-03-18T10:38:26+08:00",
                }
            ]
        }
    )  # fmt: skip


def _of_session(row: Any) -> list[tuple[str, Person]]:
    return [("instructor_id", ("person", row.instructor_id)), ("trainee_id", ("trainee", row.trainee_id))]


def _of_exam(row: Any) -> list[tuple[str, Person]]:
    return [("officer_id", ("person", row.officer_id))]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two registers. `people`: which members of a row name whom."""

    name: str
    table: Any
    model: type[Item]
    people: Callable[[Any], list[tuple[str, Person]]]


SESSIONS = _Kind("sessions", SessionRow, Session, _of_session)
EXAMS = _Kind("exams", ExamRow, Exam, _of_exam)


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["lessons"])

    @routes.get("/sessions", response_class=Response, responses=page_documented(Session, TABLE))
    def sessions(
        request: Request, actor: Reader, reason: Reason, date: Day, vehicle: KeyFilter = None,
        as_known: Moment = None, cursor: Cursor = None, limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """Lessons declared for a service day."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        return _listed(asked, SESSIONS, date, as_known, vehicle, cursor, limit, reason)

    @routes.get("/exams", response_class=Response, responses=page_documented(Exam, TABLE))
    def exams(
        request: Request, actor: Reader, reason: Reason, date: Day, vehicle: KeyFilter = None,
        as_known: Moment = None, cursor: Cursor = None, limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """Examinations of a service day; exam cars belong to no school, so to whoever sees the whole city."""
        asked = Asked.of(request, platform_of(request), actor, TABLE)
        return _listed(asked, EXAMS, date, as_known, vehicle, cursor, limit, reason)

    return routes


def _listed(
    asked: Asked, kind: _Kind, date: dt.date, as_known: dt.datetime | None, vehicle: str | None, cursor: str | None,
    limit: int, reason: str,
) -> Response:  # fmt: skip
    day, table = asked.platform.local.service_day(date), kind.table
    try:
        where = [table.start_ms < day.end_ms, table.end_ms > day.start_ms]
    except OverflowError:
        message = "is the last day that there is: it has no end"
        raise Refuse(400, "bad-request", errors=[FieldFault(where="query.date", message=message)]) from None
    where += [] if vehicle is None else [table.vehicle_id == vehicle]
    with asked.platform.store.reading() as session:
        registers = Registers.at(session, date, as_known)
        where.append(registers.of_vehicles(bounds_of(asked.actor, READ), table.vehicle_id))
        page = read_rows(asked, registers, kind.name, cursor, limit, where)
        places = registers.places([row.vehicle_id for row in page.rows])
    people = [(person, places[row.vehicle_id]) for row in page.rows for _, person in kind.people(row)]
    named = look_at_people(asked.platform, asked.actor, people, reason)
    return _told(asked, kind, page, named, [person for person, _ in people])


def _told(asked: Asked, kind: _Kind, page: Rows, named: frozenset[Person], people: Sequence[Person]) -> Response:
    labels = Labels(asked.platform.secret, repr((asked.query, people)), people)
    local = asked.platform.local

    def made(row: Any) -> dict[str, Any]:
        told = {name: getattr(row, name, None) for name in kind.model.model_fields}
        shown = {name: p[1] if p in named else labels.of(*p) for name, p in kind.people(row)}
        return {**told, **shown, "start": local.iso(row.start_ms), "end": local.iso(row.end_ms)}

    items = [item_of(kind.model, made(row)) for row in page.rows]
    cache = conditional.NEVER if named else conditional.PRIVATE
    return asked.page(Table(columns_of(kind.model, local), items), page.goes_on, cache=cache)
