"""Starting long work on a night over HTTP: the nightly, and the trial of an edit. Both are jobs (`api.jobs`)."""

from __future__ import annotations

import json
from datetime import date as Date  # noqa: N812 -- a parameter of the routes is called `date`
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.asking import DayInPath
from api.bodies import Body
from api.guard import needs
from api.idempotency import IDEMPOTENT, IdempotentRoute
from api.jobs import NIGHTLY, TRIAL, JobView, accepted
from api.languages import Language
from api.platform import Platform, platform_of
from api.problems import FieldFault, Refuse, not_found, responses
from api.refusals import as_problems
from cases.roles import Actor, Permission
from feeds.faults import UnusableInput
from runs.jobs import TooMany
from runs.night_tasks import NightlyTask, PreviewTask
from runs.nightly import Order
from runs.office import rules_with
from runs.whatif import with_settings
from runs.who import look
from store import lease
from store.tables.nights import Night

MOST_TRIALS = 2
"""Trials that run at once: each takes a processor."""
Runner = Annotated[Actor, needs(Permission.RUN_NIGHTLY)]
Analyst = Annotated[Actor, needs(Permission.READ_FINDINGS)]


class RunOrder(Body):
    """How to run: `again`: everything anew, whatever stands; `catch_up`: nights that were missed, too."""

    again: bool = False
    catch_up: bool = False


class FeatureCollection(BaseModel):
    """Zones as GeoJSON, WGS-84, with the properties of a bundle's zones.geojson."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: Annotated[str, Field(pattern="^FeatureCollection$")]
    features: Annotated[list[dict[str, Any]], Field(max_length=100_000)]


class Trial(Body):
    """What to try: zones in place of the night's, values of rules, or both."""

    zones: FeatureCollection | None = None
    values: Annotated[
        dict[str, float | str],
        Field(
            max_length=100, description="RULE.PARAMETER to the value to try.", examples=[{"signal-gap.silence_min": 20}]
        ),
    ] = Field(default_factory=dict)


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1/nights", tags=["nights"], route_class=IdempotentRoute, dependencies=[IDEMPOTENT])

    @routes.post("/{date}/runs", status_code=202, responses=responses(403, 404, 409, 422))
    def run(
        request: Request, response: Response, date: DayInPath, actor: Runner, body: RunOrder | None = None
    ) -> JobView:
        """Start the nightly for a night: of its bundle, where one lies ready, and of what is stale of it.

        `Location` is the job's. One nightly runs at a time.
        """
        platform, how = platform_of(request), body or RunOrder()
        if not (_is_known(platform, date) or _lies_ready(platform, date)):
            raise not_found()
        _must_be_free(platform)
        order = Order(date, catch_up=how.catch_up, again=how.again)
        try:
            job = platform.jobs.start(
                NIGHTLY, date, actor, NightlyTask(platform.settings, actor, order, _clock(platform))
            )
        except TooMany as error:
            where = f"/v1/jobs/{error.running.job_id}"
            raise Refuse(409, "runs-already", f"A nightly runs: {where}", headers={"Location": where}) from error
        return accepted(platform, response, job)

    @routes.post("/{date}/preview", status_code=202, responses=responses(403, 404, 422))
    def preview(
        request: Request, response: Response, date: DayInPath, body: Trial, actor: Analyst, lang: Language
    ) -> JobView:
        """Try an edit on a night, without changing anything: which findings would come, change and go.

        `Location` is the job's; its result is what this account may see.
        """
        platform = platform_of(request)
        if not _is_known(platform, date):
            raise not_found()
        values = tuple(f"{name}={value}" for name, value in body.values.items())
        _check(platform, date, body, values)
        with as_problems(lang):
            look(platform.store, actor, "night", date.isoformat(), "preview")
        zones = None if body.zones is None else json.dumps(body.zones.model_dump(), ensure_ascii=False)
        task = PreviewTask(platform.settings, actor, date, zones, values, lang, _clock(platform))
        try:
            job = platform.jobs.start(TRIAL, date, actor, task, MOST_TRIALS)
        except TooMany as error:
            detail = f"{MOST_TRIALS} trials run already."
            raise Refuse(429, "too-many", detail, headers={"Retry-After": "10"}) from error
        return accepted(platform, response, job)

    return routes


def _clock(platform: Platform) -> Any:
    return platform.store.clock


def _is_known(platform: Platform, day: Date) -> bool:
    with platform.store.reading() as session:
        return session.get(Night, day) is not None


def _lies_ready(platform: Platform, day: Date) -> bool:
    root = platform.settings.nightly.bundles
    return root is not None and (root / day.isoformat()).is_dir()


def _must_be_free(platform: Platform) -> None:
    """Raise `Refuse` (409) where another program runs the nightly; two at once the lease would part, too."""
    with platform.store.reading() as session:
        holder = lease.holder(session, lease.NIGHTLY, platform.store.clock())
    if holder is not None and not _is_ours(platform):
        raise Refuse(409, "runs-already", "A nightly runs; this server did not start it.")


def _is_ours(platform: Platform) -> bool:
    """Whether this server runs a nightly: then its job tells who."""
    return platform.jobs.running(NIGHTLY) is not None


def _check(platform: Platform, day: Date, trial: Trial, values: tuple[str, ...]) -> None:
    """Raise `Refuse` (422) for an edit that is none, or values that no rule has. Zones are looked at by the job."""
    if trial.zones is None and not values:
        message = "there is nothing to try: expected `zones` or `values`"
        raise Refuse(422, "bad-body", errors=[FieldFault(where="body", message=message)])
    try:
        with_settings(rules_with(platform.settings.nightly.office), values, day)
    except UnusableInput as error:
        faults = [FieldFault(where="body.values", message=str(fault)) for fault in error.faults]
        raise Refuse(422, "bad-body", errors=faults) from error
