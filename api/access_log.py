"""The access log over HTTP, for whoever may read it; that he does stands in it, too."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.asking import KeyFilter
from api.conditional import NEVER
from api.guard import needs
from api.languages import Language
from api.looks import Reason
from api.paging import Cursor, Limit, cursor_for, place_of
from api.platform import platform_of
from api.problems import responses
from api.refusals import as_problems
from cases.roles import Actor, Permission
from runs.access_views import entry_line, read_entry
from store.access_log import append, head, recent

LogReader = Annotated[Actor, needs(Permission.READ_LOG)]


class LogEntry(BaseModel):
    """One link of the chain."""

    seq: int
    at_ms: int | str | None = Field(description="ms UTC; text only where somebody changed the entry.")
    at: str
    actor: str | None
    role: str | None
    action: str | None
    subject_kind: str | None
    subject_id: str | None
    reason: str | None
    previous: str | None = Field(description="The digest of the entry before.")
    digest: str | None


class LogEntries(BaseModel):
    """A page of the log, the newest first."""

    items: list[LogEntry]
    next: str | None = Field(None, description="The cursor of the next page; null at the beginning of the log.")


class LogHead(BaseModel):
    """The last entry there is: whoever writes it down elsewhere can tell later whether the end was cut off."""

    seq: int
    digest: str


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1/log", tags=["accounts"])

    @routes.get("", responses=responses(403))
    def log(
        request: Request,
        response: Response,
        actor: LogReader,
        lang: Language,
        reason: Reason,
        subject: KeyFilter = None,
        account: KeyFilter = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> LogEntries:
        """Return entries, the newest first: all, or about one subject, or by one account."""
        platform, query = platform_of(request), f"log {subject!r} {account!r}"
        before = None if cursor is None else int(place_of(platform.secret, cursor, query)[0])
        with as_problems(lang), platform.store.writing() as session:
            append(session, [read_entry(actor, platform.store.clock(), subject, account, reason)])
        with platform.store.reading() as session:
            found = recent(session, limit + 1, subject, account, before)[::-1]
        page = found[:limit]
        after = cursor_for(platform.secret, [page[-1].seq], query) if len(found) > limit else None
        response.headers["Cache-Control"] = NEVER
        return LogEntries(items=[LogEntry.model_validate(entry_line(e, platform.local)) for e in page], next=after)

    @routes.get("/head", responses=responses(403))
    def log_head(request: Request, response: Response, actor: LogReader) -> LogHead:
        """Return the log's last number and digest."""
        del actor
        with platform_of(request).store.reading() as session:
            tip = head(session)
        response.headers["Cache-Control"] = NEVER
        return LogHead(seq=tip.seq, digest=tip.digest)

    return routes
