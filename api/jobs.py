"""Jobs over HTTP: how far long work is, as it is asked for or as it happens, and what came of it.

A job is known to every process of the server that started it, until that ends. Whoever may run the nightly sees every
nightly; a trial is seen by whoever started it, while he has the same roles, since its result is what he may see.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from api.conditional import NEVER
from api.guard import AnyAccount
from api.platform import Platform, platform_of
from api.problems import FieldFault, Refuse, not_found, responses
from cases.roles import Actor, Permission, has_permission
from runs.jobs import END, Job, JobState

NIGHTLY, TRIAL = "nightly", "preview"
AFTER_S = 1
"""Seconds after which to ask again."""
_LOOK_EACH_S = 0.1
_LONGEST_ID = 9


class Trouble(BaseModel):
    """Why a job did not end well: `bad-input`, `runs-already`, `refused`, `broke-off` or `fault`."""

    code: str
    messages: list[str]


class JobView(BaseModel):
    """A job as it stands. `result`: what came of it; of a nightly, each night names its run (`/v1/runs/{run_id}`)."""

    job_id: str
    kind: str = Field(description="`nightly` or `preview`.")
    service_date: str
    state: JobState
    started: str
    started_by: str
    ended: str | None
    result: dict[str, Any] | None
    trouble: Trouble | None


def view(platform: Platform, job: Job) -> JobView:
    """Return a job as it stands."""
    trouble = None if job.trouble is None else Trouble(code=job.trouble[0], messages=list(job.trouble[1]))
    return JobView(
        job_id=job.job_id,
        kind=job.kind,
        service_date=job.service_date.isoformat(),
        state=job.state,
        started=platform.local.iso(job.started_ms),
        started_by=job.owner.name,
        ended=None if job.ended_ms is None else platform.local.iso(job.ended_ms),
        result=job.result,
        trouble=trouble,
    )


def accepted(platform: Platform, response: Response, job: Job) -> JobView:
    """Return a job that has just begun, with where to ask for it."""
    response.headers["Location"] = f"/v1/jobs/{job.job_id}"
    response.headers["Retry-After"] = str(AFTER_S)
    response.headers["Cache-Control"] = NEVER
    return view(platform, job)


def _job(request: Request, job_id: str, actor: AnyAccount) -> Job:
    """Return a job that an account may see."""
    job = platform_of(request).jobs.get(job_id)
    if job is None or not _sees(actor, job):
        raise not_found()
    return job


def _sees(actor: Actor, job: Job) -> bool:
    return actor == job.owner if job.kind == TRIAL else has_permission(actor, Permission.RUN_NIGHTLY)


def _last_id(
    last_event_id: Annotated[
        str | None, Header(max_length=200, description="The id of the last event that was received.")
    ] = None,
) -> int:
    """Return the number of the last event that somebody has; 0: none."""
    told = (last_event_id or "0").strip()
    if not (told.isascii() and told.isdecimal() and len(told) <= _LONGEST_ID):
        message = "is no id of an event of a job: it is a whole number"
        raise Refuse(400, "bad-request", errors=[FieldFault(where="header.Last-Event-ID", message=message)])
    return int(told)


Asked = Annotated[Job, Depends(_job)]
LastId = Annotated[int, Depends(_last_id)]


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1/jobs", tags=["nights"])

    @routes.get("/{job_id}", responses=responses(404))
    def job(request: Request, response: Response, asked: Asked) -> JobView:
        """Return a job, with what came of it once it is over."""
        response.headers["Cache-Control"] = NEVER
        if not asked.is_over:
            response.headers["Retry-After"] = str(AFTER_S)
        return view(platform_of(request), asked)

    @routes.get("/{job_id}/events", responses=responses(404), response_class=EventSourceResponse)
    async def events(request: Request, asked: Asked, last: LastId) -> AsyncIterable[ServerSentEvent]:
        """Send what a job tells as it happens: `stage` and `progress`, and `end` with the job at last.

        Whoever lost the connection comes back with `Last-Event-ID`. Of the progress within a stage only the last is
        kept.
        """
        platform, seen = platform_of(request), last
        while True:
            asked = platform.jobs.get(asked.job_id) or asked  # one of another process stands as it did when it was got
            for told in asked.told_after(seen):
                seen = told.number
                data = view(platform, asked).model_dump(mode="json") if told.name == END else told.data
                yield ServerSentEvent(data=data, event=told.name, id=str(told.number))
                if told.name == END:
                    return
            if asked.is_over and not asked.told_after(seen):
                return
            await anyio.sleep(_LOOK_EACH_S)

    return routes
