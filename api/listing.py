"""Answers: a page of a list or one thing, in the form that was asked for, with its ETag and its `Link`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from api import conditional
from api.asking import Item, example_of, page_model
from api.forms import Form, chosen
from api.forms import documented as forms_documented
from api.paging import cursor_for, place_of
from api.platform import Platform
from api.problems import responses
from api.tables import Table
from cases.roles import Actor
from reports.plain import json_text

_NOT_FILTERS = frozenset({"cursor", "limit", "reason"})
USUAL = 100
"""Items of a page where nobody says how many."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: who asks for what. The form is settled first: what is refused (406) is no look at anything."""

    request: Request
    platform: Platform
    actor: Actor
    form: Form

    @classmethod
    def of(
        cls, request: Request, platform: Platform, actor: Actor, offered: Sequence[Form], form: Form | None = None
    ) -> Asked:
        """Take a request; raises `Refuse` (406) where it asks for no form that is offered.

        `form`: the one that was asked for by its name, whatever Accept says.
        """
        return cls(request, platform, actor, form or chosen(request, offered))

    @property
    def query(self) -> str:
        """Return what tells one list from others: who asks, where, with which filters."""
        told = sorted(p for p in self.request.query_params.multi_items() if p[0] not in _NOT_FILTERS)
        return repr((self.actor.name, self.request.url.path, told))

    def place(self, cursor: str | None) -> list[Any] | None:
        """Return where the list goes on, None at its beginning; raises `Refuse` (400) for a cursor of another one."""
        return None if cursor is None else place_of(self.platform.secret, cursor, self.query)

    def page(
        self,
        table: Table,
        goes_on: list[Any] | None = None,
        *,
        version: Sequence[object] | None = None,
        cache: str = conditional.PRIVATE,
    ) -> Response:
        """Return a page as it was asked for. `goes_on`: the place of its last item, None on the last page.

        `version`: all that the answer is made from, beside form and caller, where its bytes need not be made to tell
        whether it changed; then it is streamed, and so is what no cache may keep.
        """
        cursor = None if goes_on is None else cursor_for(self.platform.secret, goes_on, self.query)
        link = None if cursor is None else self._link(cursor)
        headers = {} if link is None else {"Link": f'<{link}>; rel="next"'}
        return self._answer(lambda: table.written(self.form, cursor, link), headers, version, cache)

    def one(self, item: Any, table: Table | None = None, *, cache: str = conditional.PRIVATE) -> Response:
        """Return one thing; `table` turns it into a Feature."""
        told = item if table is None or self.form is Form.JSON else table.feature(item)
        return self._answer(lambda: iter([json_text(told).encode()]), {}, None, cache)

    def file(
        self, body: bytes, name: str, cache: str = conditional.PRIVATE, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return a whole file under a name; what a browser shows is shown, all else is kept. `headers`: more of them.

        `name` is ours, without a character that would have to be quoted.
        """
        way = "inline" if self.form in {Form.HTML, Form.JSON} else "attachment"
        more = {**(headers or {}), "Content-Disposition": f'{way}; filename="{name}"'}
        return self._answer(lambda: iter([body]), more, None, cache)

    def _link(self, cursor: str) -> str:
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name != "cursor"]
        return f"{self.request.url.path}?{urlencode([*kept, ('cursor', cursor)])}"

    def _answer(self, write: Any, headers: dict[str, str], version: Sequence[object] | None, cache: str) -> Response:
        headers = {"Vary": "Accept, Authorization, Cookie", **headers, "Cache-Control": cache}
        headers["Content-Type"] = self.form.content_type
        if cache == conditional.NEVER:
            return StreamingResponse(write(), headers=headers)
        body: bytes | None = None
        if version is None:
            body = b"".join(write())
            etag = conditional.etag_of(body)
        else:
            etag = conditional.etag_of_version(self.query, str(self.form), headers.get("Link"), *version)
        if conditional.is_unchanged(self.request, etag):
            return conditional.not_modified(etag, {k: v for k, v in headers.items() if k != "Content-Type"})
        headers["ETag"] = etag
        return Response(body, headers=headers) if body is not None else StreamingResponse(write(), headers=headers)


def first_of(rows: Sequence[Any], limit: int) -> tuple[Sequence[Any], bool]:
    """Return the rows of a page of which one more than `limit` were read, and whether there are others."""
    return rows[:limit], len(rows) > limit


def page_documented(model: type[Item], offered: Sequence[Form], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a list for its OpenAPI document."""
    told = {"items": [example_of(model)], "next": None}
    common = {**responses(*statuses, 403, 406), **conditional.documented()}
    return {**common, **forms_documented(offered, page_model(model), told)}


def one_documented(model: type[Item], offered: Sequence[Form], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the answers of one thing for its OpenAPI document."""
    common = {**responses(*statuses, 403, 404, 406), **conditional.documented()}
    return {**common, **forms_documented(offered, model, example_of(model))}
