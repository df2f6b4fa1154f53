"""Cases over HTTP: what is to be looked at, one case, and what is done with it.

The desk (`runs.case_desk`) decides and writes down; here a request becomes a question to it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api import case_models as m
from api.asking import DayFilter
from api.conditional import NEVER, IfMatch
from api.guard import needs
from api.idempotency import IDEMPOTENT, IdempotentRoute
from api.languages import Language
from api.listing import first_of
from api.looks import Reason
from api.paging import Cursor, Limit, cursor_for, place_of
from api.platform import platform_of
from api.problems import FieldFault, Refuse, responses
from api.refusals import as_problems
from cases.roles import Actor, Permission
from cases.states import State
from runs import case_desk

Reader = Annotated[Actor, needs(Permission.READ_CASES)]
Office = Annotated[Actor, needs(Permission.READ_FINDINGS)]
_ETAG = re.compile(r'"(\d{1,9})"')


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1/cases", tags=["cases"], route_class=IdempotentRoute, dependencies=[IDEMPOTENT])
    _add_lists(routes)
    _add_one(routes)
    _add_actions(routes)
    return routes


def _add_lists(routes: APIRouter) -> None:
    @routes.get("", responses=responses(403))
    def cases(
        request: Request,
        response: Response,
        actor: Reader,
        lang: Language,
        date: DayFilter = None,
        state: Annotated[State | None, Query(description="Not given: undecided ones and those under way.")] = None,
        everything: Annotated[bool, Query(description="Those of every state.")] = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> m.Cases:
        """Return the cases that this account may see."""
        platform = platform_of(request)
        query = f"cases {actor.name} {date} {state} {everything}"
        after = None if cursor is None else place_of(platform.secret, cursor, query)
        with as_problems(lang):
            told = case_desk.listed(
                platform.store, actor, platform.settings, service_date=date, state=state, everything=everything,
                after=after, limit=limit + 1,
            )  # fmt: skip
        response.headers["Cache-Control"] = NEVER
        page, more = first_of(told, limit)
        goes_on = cursor_for(platform.secret, case_desk.place_of_line(page[-1]), query) if more else None
        return m.Cases(items=[m.CaseLine.model_validate(line) for line in page], next=goes_on)

    @routes.get("/queue", responses=responses(403))
    def queue(request: Request, response: Response, actor: Office, lang: Language) -> m.Queue:
        """Return the undecided cases in the office's order, and those that a re-audit has changed since."""
        platform = platform_of(request)
        with as_problems(lang):
            told = case_desk.queue(platform.store, actor, platform.settings)
        response.headers["Cache-Control"] = NEVER
        return m.Queue.model_validate(told)


def _add_one(routes: APIRouter) -> None:
    @routes.get("/{case_id}", responses=responses(403, 404))
    def case(
        request: Request, response: Response, case_id: str, actor: Reader, lang: Language, reason: Reason
    ) -> m.WholeCase:
        """Return a case; its ETag is the number of its events. The look is written down.

        Whoever may look at people must say why where the case is about one.
        """
        return m.WholeCase.model_validate(_shown(request, response, actor, lang, case_id, reason))

    @routes.get("/{case_id}/events", responses=responses(403, 404))
    def events(
        request: Request,
        response: Response,
        case_id: str,
        actor: Reader,
        lang: Language,
        reason: Reason,
        after: Annotated[int, Query(ge=0, description="Only events behind this one.")] = 0,
    ) -> m.Events:
        """Return what happened to a case; events are only ever added. The look is written down."""
        told = _shown(request, response, actor, lang, case_id, reason)
        return m.Events(items=[m.CaseEvent.model_validate(e) for e in told["events"] if e["seq"] > after])


def _shown(request: Request, response: Response, actor: Actor, lang: str, case_id: str, reason: str) -> dict[str, Any]:
    platform = platform_of(request)
    with as_problems(lang):
        told = case_desk.show(platform.store, actor, platform.settings, case_id, reason)
    _mark(response, told)
    return told


def _mark(response: Response, told: dict[str, Any]) -> None:
    response.headers["Cache-Control"] = NEVER
    response.headers["ETag"] = f'"{told["n_events"]}"'


def _add_actions(routes: APIRouter) -> None:
    @routes.post("/{case_id}/actions", responses=responses(403, 404, 409, 412, 422, 428))
    def act(
        request: Request,
        response: Response,
        case_id: str,
        body: m.Act,
        actor: Reader,
        lang: Language,
        if_match: IfMatch = None,
    ) -> m.Acted:
        """Do something with a case as it was seen (`If-Match`), and return it as it stands then.

        Whom it is about is not told again. What may not be done answers with what may be (`possible`).
        """
        platform = platform_of(request)
        seen = _seen(if_match)
        with as_problems(lang):
            told = case_desk.act(
                platform.store, actor, platform.settings, case_id, body.action, body.payload, seen=seen
            )
        _mark(response, told)
        return m.Acted.model_validate(told)


def _seen(if_match: str | None) -> int | None:
    """Return the number of events that a case had when it was looked at; None: whatever stands (`*`)."""
    if if_match is None:
        message = "If-Match with the ETag of the case as you looked at it is needed"
        raise Refuse(428, "precondition-required", errors=[FieldFault(where="header.If-Match", message=message)])
    told = if_match.strip()
    found = _ETAG.fullmatch(told)
    if found is None and told != "*":
        message = "is no ETag of a case: it is the number of its events in quotes"
        raise Refuse(412, "stale", errors=[FieldFault(where="header.If-Match", message=message)])
    return int(found[1]) if found else None
