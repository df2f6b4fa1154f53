"""Reports of nights that stand: one to print, and the night's outputs in the contract's forms, written by its writers.

Each is what the lists would tell the same account: findings within its districts, people by labels unless it says why
it looks; a school is told its own by its cases. Numbers of the whole city are told to whoever sees it. A report that
names cars is a look at its night. The rejected rows themselves are kept nowhere, so no report lists them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, defer
from starlette.responses import Response

from api import conditional
from api.asking import DayFilter, DayInPath, columns_of, item_of
from api.findings import shown
from api.forms import TABLE, Form, content_documented
from api.guard import needs
from api.listing import USUAL, Asked, first_of, one_documented, page_documented
from api.logs import note_run
from api.looks import Reason, look_at_many
from api.nights import account_told
from api.pages import HTML_LANG, PageLanguage, PageRoute
from api.paging import Cursor, Limit
from api.platform import Platform, platform_of
from api.problems import not_found, responses
from api.report_models import TITLES, Name, NightReport, NotAssessedReport, Report, RowAccount, RowReport
from api.tables import Table
from api.unanswered import unanswered_told
from audit.finding import NotAssessed
from audit.reasons import REASONS
from cases.roles import Actor, Permission
from reports.csv_files import findings_csv, not_assessed_csv, not_assessed_in_order
from reports.geojson import findings_geojson
from reports.night_html import NIGHT_POLICY, night_page
from reports.parquet import findings_parquet
from reports.plain import json_text
from runs.night_numbers import NightAsked, night_report, row_accounts, state_of, unanswered_of, vehicle_days
from runs.night_page import night_report_page
from runs.night_reader import NAMED_REPORTS, NightReader, dates_told, findings_told, standing, standing_night
from store.tables.nights import Night

FORMS: dict[str, tuple[Form, ...]] = {
    "night": (Form.JSON, Form.HTML),
    "findings": (Form.GEOJSON, Form.CSV, Form.PARQUET),
    "not-assessed": (Form.JSON, Form.CSV),
    "run": (Form.JSON,),
    "rejects": (Form.JSON, Form.CSV),
}
"""Report to its forms; the first is for whoever does not say."""
_SHORT = {form.name.lower(): form for form in Form}
_FORM = "The form, whatever Accept says."
_WRITERS = {Form.GEOJSON: findings_geojson, Form.CSV: findings_csv, Form.PARQUET: findings_parquet}
Anybody = Annotated[Actor, needs(Permission.READ_FINDINGS, Permission.READ_CASES, Permission.RUN_NIGHTLY)]
Told = Annotated[Actor, needs(*NAMED_REPORTS["night"])]
Reader = Annotated[Actor, needs(*NAMED_REPORTS["not-assessed"])]
Watcher = Annotated[Actor, needs(*NAMED_REPORTS["run"])]


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1/reports", tags=["reports"], route_class=PageRoute)
    _list_route(routes)
    _night_route(routes)
    _finding_route(routes)
    _not_assessed_route(routes)
    _run_routes(routes)
    return routes


# ---------------------------------------------------------------- which there are
def _list_route(routes: APIRouter) -> None:
    @routes.get("", response_class=Response, responses=page_documented(Report, TABLE))
    def reports(
        request: Request, actor: Anybody, date_from: DayFilter = None, date_to: DayFilter = None,
        name: Annotated[Name | None, Query(description="Reports of this name alone.")] = None, cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> Response:  # fmt: skip
        """The reports that this account may read, of the latest night first; both dates are inclusive."""
        asked, reader = Asked.of(request, platform_of(request), actor, TABLE), NightReader(actor)
        names = [n for n in reader.reports() if name in {None, n}]
        where = [Night.service_date >= date_from] if date_from else []
        where += [Night.service_date <= date_to] if date_to else []
        place = asked.place(cursor)
        where += [] if place is None else [Night.service_date <= dt.date.fromisoformat(place[0])]
        with asked.platform.store.reading() as session:
            nights = _nights(session, reader, where, limit + 2)  # the first one may lie before the cursor as a whole
            told = _lines(asked.platform, session, reader, nights, names)
            behind = (line for line in told if place is None or _place(line) > _key(*place))
            lines, more = first_of([line for line, _ in zip(behind, range(limit + 1), strict=False)], limit)
        items = [item_of(Report, line) for line in lines]
        goes_on = [items[-1]["service_date"], items[-1]["name"]] if more else None
        return asked.page(Table(columns_of(Report, asked.platform.local), items), goes_on)


def _nights(session: Session, reader: NightReader, where: Sequence[ColumnElement[bool]], limit: int) -> Sequence[Night]:
    """Return nights that stand, the latest first: of all so many; of a school's those of which it is told."""
    wanted = select(Night).options(defer(Night.counts)).where(*where, *standing()).order_by(Night.service_date.desc())
    if _has_all_nights(reader):
        return session.scalars(wanted.limit(limit)).all()
    return session.scalars(wanted.where(Night.service_date.in_(dates_told(session, reader)))).all()


def _place(line: dict[str, Any]) -> tuple[int, int]:
    return _key(line["service_date"].isoformat(), line["name"])


def _key(date: str, name: str) -> tuple[int, int]:
    """Return where a report stands in the list: the latest night first, its reports in the order of `FORMS`."""
    return -dt.date.fromisoformat(date).toordinal(), list(FORMS).index(name)


def _lines(
    platform: Platform, session: Session, reader: NightReader, nights: Iterable[Night], names: Sequence[str]
) -> Iterable[dict[str, Any]]:
    """Yield the reports of nights; a school has those of nights of which it is told something."""
    for night in nights:
        if not names or (not _has_all_nights(reader) and not findings_told(session, night.service_date, reader)):
            continue
        common = {
            "service_date": night.service_date,
            "run_id": night.run_id,
            "state": state_of(session, night),
            "audited": platform.local.iso(night.audited_ms or 0),
            "is_behind": (night.audited_ms or 0) < night.changed_ms,
            "run": f"/v1/runs/{night.run_id}" if _has_all_nights(reader) else None,
        }
        for name in names:
            zh, en = TITLES[name]
            href = f"/v1/reports/{night.service_date}/{name}"
            yield {
                **common, "name": name, "title_zh": zh, "title_en": en, "href": href,
                "media_types": [str(form) for form in FORMS[name]],
            }  # fmt: skip


def _has_all_nights(reader: NightReader) -> bool:
    return reader.reads_findings or reader.is_city(Permission.RUN_NIGHTLY)


# ---------------------------------------------------------------- what several share
def _asked(request: Request, actor: Actor, name: str, f: str | None) -> Asked:
    return Asked.of(request, platform_of(request), actor, FORMS[name], None if f is None else _SHORT[f])


def _night(request: Request, session: Session, date: dt.date) -> Night:
    """Return a night whose answers stand; raises `Refuse` (404) where none stand."""
    night = standing_night(session, date)
    if night is None:
        raise not_found()
    note_run(request, night.run_id or "")
    return night


def _look(asked: Asked, date: dt.date, name: str, reason: str = "") -> None:
    """Write down a look at a night's cars; a school looks at its cases."""
    reads = NightReader(asked.actor).reads_findings
    look_at_many(asked.platform, asked.actor, "night" if reads else "case", f"{date} report {name}", reason)


def _file_documented(name: str, example: Any = None) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a report without a model of its own for the OpenAPI document."""
    content = content_documented(FORMS[name])
    if example is not None:
        content[FORMS[name][0]]["example"] = example
    answer: dict[int | str, dict[str, Any]] = {200: {"description": "As asked for.", "content": content}}
    return {**responses(403, 404, 406), **conditional.documented(), **answer}


# ---------------------------------------------------------------- the reports
def _night_route(routes: APIRouter) -> None:
    @routes.get("/{date}/night", response_class=Response, responses=one_documented(NightReport, FORMS["night"]))
    def night(
        request: Request, actor: Told, date: DayInPath, lang: PageLanguage,
        f: Annotated[Literal["json", "html"] | None, Query(description=_FORM)] = None,
    ) -> Response:  # fmt: skip
        """A night to print and to file, as a page or as its numbers."""
        asked = _asked(request, actor, "night", f)
        platform = asked.platform
        with platform.store.reading() as session:
            told = night_report(session, platform.local, platform.store.clock(), date, NightReader(actor))
        if told is None:
            raise not_found()
        note_run(request, told["run_id"])
        _look(asked, date, "night")
        if asked.form is Form.JSON:
            return asked.file(json_text(item_of(NightReport, told)).encode(), f"night-{date}.json")
        headers = {
            "Content-Language": HTML_LANG[lang],
            "Content-Security-Policy": f"{NIGHT_POLICY}; frame-ancestors 'none'",
            "Vary": "Accept, Accept-Language, Authorization, Cookie",
        }
        return asked.file(night_page(night_report_page(told, lang)), f"night-{date}-{lang}.html", headers=headers)


_EXAMPLE_FEATURES = {"type": "FeatureCollection", "schema": 1, "features": []}


def _finding_route(routes: APIRouter) -> None:
    @routes.get("/{date}/findings", response_class=Response, responses=_file_documented("findings", _EXAMPLE_FEATURES))
    def findings(
        request: Request, actor: Told, date: DayInPath, reason: Reason,
        f: Annotated[Literal["geojson", "csv", "parquet"] | None, Query(description=_FORM)] = None,
    ) -> Response:  # fmt: skip
        """All findings of a night that this account may read: `findings.geojson`, `findings.csv`, `findings.parquet`.

        People are labels of this answer alone, unless it is said why one looks. A school gets, of its own findings,
        what its cases show: no geometry, and margins alone as evidence.
        """
        asked, reader = _asked(request, actor, "findings", f), NightReader(actor)
        with asked.platform.store.reading() as session:
            _night(request, session, date)
            found = findings_told(session, date, reader)
        if not reader.reads_findings and not found:
            raise not_found()
        _look(asked, date, "findings", reason)
        seen = shown(asked, found, reason)
        body = _WRITERS[asked.form](seen.findings, asked.platform.local)
        return asked.file(body, f"findings-{date}.{_SUFFIXES[asked.form]}", seen.cache)


_SUFFIXES = {Form.GEOJSON: "geojson", Form.CSV: "csv", Form.PARQUET: "parquet", Form.JSON: "json"}


def _not_assessed_route(routes: APIRouter) -> None:
    name = "not-assessed"

    @routes.get(f"/{{date}}/{name}", response_class=Response, responses=one_documented(NotAssessedReport, FORMS[name]))
    def not_assessed(
        request: Request, actor: Reader, date: DayInPath,
        f: Annotated[Literal["json", "csv"] | None, Query(description=_FORM)] = None,
    ) -> Response:  # fmt: skip
        """All that could not be answered of a night: `not_assessed.csv`, or the same rows as JSON."""
        asked, reader = _asked(request, actor, name, f), NightReader(actor)
        local = asked.platform.local
        with asked.platform.store.reading() as session:
            night = _night(request, session, date)
            days = vehicle_days(session, date, reader.covers)
            rows = unanswered_of(NightAsked(session, night, reader, local, 0), days)
        _look(asked, date, name)
        if asked.form is Form.CSV:
            return asked.file(not_assessed_csv(rows, local, _words(rows)), f"not_assessed-{date}.csv")
        items = [unanswered_told(row, local) for row in not_assessed_in_order(rows)]
        told = {"service_date": date, "run_id": night.run_id, "items": items}
        return asked.file(json_text(item_of(NotAssessedReport, told)).encode(), f"not_assessed-{date}.json")


def _words(rows: Sequence[NotAssessed]) -> dict[str, tuple[str, str]]:
    """Return the words of reasons; one of an earlier version of the program stands for itself."""
    return {code: REASONS.get(code, (code, code)) for code in {row.reason for row in rows}}


def _run_routes(routes: APIRouter) -> None:
    @routes.get("/{date}/run", response_class=Response, responses=_file_documented("run", _EXAMPLE_RUN))
    def run(
        request: Request, actor: Watcher, date: DayInPath,
        f: Annotated[Literal["json"] | None, Query(description=_FORM)] = None,
    ) -> Response:  # fmt: skip
        """The account of the run, `run.json`; members that may name a car for whoever reads findings alone."""
        asked = _asked(request, actor, "run", f)
        text, _ = _account(asked, date)
        if not NightReader(actor).is_city(Permission.READ_FINDINGS):
            text = json_text(account_told(text, actor), indent=2) + "\n"
        return asked.file(text.encode(), f"run-{date}.json")

    @routes.get("/{date}/rejects", response_class=Response, responses=one_documented(RowReport, FORMS["rejects"]))
    def rejects(
        request: Request, actor: Watcher, date: DayInPath,
        f: Annotated[Literal["json", "csv"] | None, Query(description=_FORM)] = None,
    ) -> Response:  # fmt: skip
        """How many rows of each file or feed were read, kept, flagged and rejected, and why."""
        asked = _asked(request, actor, "rejects", f)
        text, run_id = _account(asked, date)
        items = [item_of(RowAccount, row) for row in row_accounts(json.loads(text))]
        if asked.form is Form.CSV:
            table = Table(columns_of(RowAccount, asked.platform.local), items)
            return asked.file(b"".join(table.written(Form.CSV, None, None)), f"rejects-{date}.csv")
        told = {"service_date": date, "run_id": run_id, "items": items}
        return asked.file(json_text(item_of(RowReport, told)).encode(), f"rejects-{date}.json")


_EXAMPLE_RUN = {
    "schema": 1, "run_id": "2026-03-18-a40aa43e", "service_date": "2026-03-18",
    "rows": {"tracks/amap": {"read": 11816, "kept": 11816, "flagged": {"drift": 18}, "rejected": {}}},
    "findings": {"off-route": 1},
}  # fmt: skip


def _account(asked: Asked, date: dt.date) -> tuple[str, str]:
    """Return the `run.json` of a night and the run's name, for whoever is told the whole city's numbers."""
    with asked.platform.store.reading() as session:
        night = _night(asked.request, session, date)
        if night.counts is None or not NightReader(asked.actor).is_city(*NAMED_REPORTS["run"]):
            raise not_found()
        return night.counts, night.run_id or ""
