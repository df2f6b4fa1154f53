"""Spot checks over HTTP, and what people's judgements say of the audits: precision, and what is missed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api import case_models as m
from api.asking import DayInPath, KeyInPath
from api.conditional import NEVER
from api.guard import needs
from api.idempotency import IDEMPOTENT, IdempotentRoute
from api.languages import Language
from api.paging import Cursor, Limit, cursor_for, place_of
from api.platform import Platform, platform_of
from api.problems import FieldFault, Refuse, not_found, responses
from api.refusals import as_problems
from cases.roles import Actor, Permission
from runs import case_desk, spot_desk
from runs.case_desk import PRECISION_BY
from store.tables.casework import SpotCheck

ESTIMATED_NIGHTS = 30
Office = Annotated[Actor, needs(Permission.READ_FINDINGS)]
Checker = Annotated[Actor, needs(Permission.LOOK_AT_VEHICLE)]
First = Annotated[date | None, Query(alias="from", description="The first service day.")]
Last = Annotated[date | None, Query(alias="to", description="The last service day; not given: the last that is over.")]


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["cases"], route_class=IdempotentRoute, dependencies=[IDEMPOTENT])
    _add_estimates(routes)
    _add_checks(routes)
    _add_decisions(routes)
    return routes


def _add_estimates(routes: APIRouter) -> None:
    @routes.get("/precision", responses=responses(403), response_model_exclude_unset=True)
    def precision(
        request: Request,
        actor: Office,
        lang: Language,
        by: Annotated[
            str, Query(max_length=100, description=f"Some of {', '.join(PRECISION_BY)}, with commas between.")
        ] = "rule",
        since: Annotated[date | None, Query(description="Of service days from this one on.")] = None,
    ) -> m.PrecisionTable:
        """Return how often what was suspected was true, of the cases that this account may see."""
        platform, names = platform_of(request), [name.strip() for name in by.split(",") if name.strip()]
        if not names or set(names) - set(PRECISION_BY) or len(set(names)) < len(names):
            message = f"expected some of {', '.join(PRECISION_BY)}, each once"
            raise Refuse(400, "bad-request", errors=[FieldFault(where="query.by", message=message)])
        with as_problems(lang):
            rows = case_desk.precision_table(platform.store, actor, platform.settings, names, since)
        return m.PrecisionTable(items=[m.PrecisionRow.model_validate(row) for row in rows])

    @routes.get("/spot-checks/missed", responses=responses(403))
    def missed(request: Request, actor: Checker, lang: Language, first: First = None, last: Last = None) -> m.Missed:
        """Return what the random checks of some nights, 30 where none are named, say of what audits miss."""
        platform = platform_of(request)
        nights = _nights(platform, first, last, ESTIMATED_NIGHTS)
        with as_problems(lang):
            told = spot_desk.missed(platform.store, actor, platform.settings, *nights)
        return m.Missed.model_validate(told)


def _nights(platform: Platform, first: date | None, last: date | None, nights: int = 1) -> tuple[date, date]:
    """Return a range of nights: unless told otherwise, so many up to the last one that is over."""
    over = platform.local.service_date(platform.store.clock()) - timedelta(days=1)
    end = last or max(over, first or date.min)
    begin = first or max(end, date.min + timedelta(days=nights)) - timedelta(days=nights - 1)
    if begin > end:
        raise Refuse(400, "bad-request", errors=[FieldFault(where="query.from", message="lies after `to`")])
    return begin, end


def _add_checks(routes: APIRouter) -> None:
    @routes.get("/spot-checks", responses=responses(403))
    def checks(
        request: Request,
        response: Response,
        actor: Checker,
        lang: Language,
        first: First = None,
        last: Last = None,
        undecided: Annotated[bool, Query(description="Only those still to be looked at.")] = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> m.Checks:
        """Return the spot checks of some nights that this account may see."""
        platform = platform_of(request)
        nights = _nights(platform, first, last)
        with as_problems(lang):
            told = spot_desk.checks(platform.store, actor, platform.settings, *nights, undecided=undecided)
        response.headers["Cache-Control"] = NEVER
        return _page(told, platform.secret, f"checks {actor.name} {nights} {undecided}", limit, cursor)

    @routes.post("/spot-checks", status_code=201, responses=responses(403, 404, 409, 422))
    def pick(request: Request, response: Response, body: m.Pick, actor: Checker, lang: Language) -> m.Check:
        """Put a vehicle-day on the list by hand; no estimate rests on it."""
        platform = platform_of(request)
        with as_problems(lang):
            told = spot_desk.pick_check(
                platform.store, actor, platform.settings, body.service_date, body.vehicle_id, body.reason
            )
        response.headers["Location"] = f"/v1/spot-checks?from={body.service_date}&to={body.service_date}"
        return m.Check.model_validate(told)


def _page(told: list[dict[str, Any]], secret: bytes, query: str, limit: int, cursor: str | None) -> m.Checks:
    if cursor is not None:
        place = place_of(secret, cursor, query)
        told = [line for line in told if [line["service_date"], line["vehicle_id"]] > place]
    page = told[:limit]
    last = [page[-1]["service_date"], page[-1]["vehicle_id"]] if len(told) > limit else None
    after = None if last is None else cursor_for(secret, last, query)
    return m.Checks(items=[m.Check.model_validate(line) for line in page], next=after)


def _add_decisions(routes: APIRouter) -> None:
    @routes.post("/spot-checks/{date}/{vehicle}/decision", responses=responses(403, 404, 409, 422))
    def decide(
        request: Request, date: DayInPath, vehicle: KeyInPath, body: m.Decision, actor: Checker, lang: Language
    ) -> m.Check:
        """Write down what somebody saw of a vehicle-day of the list."""
        platform = platform_of(request)
        with platform.store.reading() as session:
            is_listed = session.get(SpotCheck, (date, vehicle)) is not None
        if not is_listed:
            raise not_found()
        with as_problems(lang):
            told = spot_desk.decide_check(
                platform.store, actor, platform.settings, date, vehicle, body.outcome, body.note, again=body.again
            )
        return m.Check.model_validate(told)
