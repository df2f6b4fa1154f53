"""Positions that a platform pushes: each batch is written at once, each row is told about, and waits for its night.

A position is kept as it was told, in its feed's datum; the night's audit converts and judges it like one of a file.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from api.bodies import check_keepable
from api.conditional import NEVER
from api.guard import needs
from api.platform import Platform, platform_of
from api.problems import FieldFault, Refuse, responses
from cases.roles import Actor, Permission
from runs.night_folder import NAMED_FREELY
from runs.push_door import NotReady, config_of
from store.engine import Store
from store.pushed import Position, known_positions, stage_positions
from store.tables.nights import Night
from trajectories.clock import LocalTime, to_ms

MOST_ROWS = 1000
MOST_BYTES = 2 << 20
_AHEAD_MS = 600_000
"""By how much a terminal's clock may be ahead of ours."""
_NDJSON = "application/x-ndjson"
_MOST_TEXT = 64
_FIELDS = (("lon", -180.0, 180.0), ("lat", -90.0, 90.0), ("speed_kmh", 0.0, 1000.0), ("heading_deg", 0.0, 360.0))
_NEEDED = frozenset({"lon", "lat"})
Pusher = Annotated[Actor, needs(Permission.PUSH_DATA)]


class PushedRow(BaseModel):
    """What became of one row."""

    row: int = Field(description="Its number in the batch, counted from 1.")
    status: str = Field(description="`kept`, `repeated` (feed, terminal and time have come before) or `rejected`.")
    reason: str | None = Field(
        default=None,
        description="`missing-value`, `bad-value`, `bad-number`, `bad-time`, `too-old`, `in-future`, `unknown-feed`.",
    )
    field: str | None = None


class PushReport(BaseModel):
    """What became of a batch: received = kept + repeated + rejected."""

    batch_id: str
    received: int
    kept: int
    repeated: int
    rejected: int
    rows: list[PushedRow]


_ROW_SCHEMA = {
    "type": "object",
    "required": ["feed", "terminal_id", "time", "lon", "lat"],
    "properties": {
        "feed": {"type": "string", "description": "A feed of bundle.toml with format csv or parquet."},
        "terminal_id": {"type": "string", "maxLength": _MOST_TEXT},
        "time": {"type": "string", "description": "ISO 8601; without an offset: the city's time."},
        **{name: {"type": "number", "minimum": low, "maximum": high} for name, low, high in _FIELDS},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "maxItems": MOST_ROWS, "items": _ROW_SCHEMA}},
            _NDJSON: {"schema": {"type": "string", "description": "The same rows, one JSON object a line."}},
        },
    }
}


class _Refused(ValueError):
    """Why a row is rejected."""

    def __init__(self, reason: str, field: str) -> None:
        self.reason, self.field = reason, field
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What rows are held against: the feeds that may be pushed to, and the times that are taken."""

    feeds: frozenset[str]
    local: LocalTime
    first: date
    now_ms: int

    def row(self, told: object) -> tuple[date, str, Position]:
        """Return service day, feed and position; raises `_Refused`."""
        if not isinstance(told, dict):
            raise _Refused("bad-value", "")
        feed = _text(told, "feed")
        if feed not in self.feeds:
            raise _Refused("unknown-feed", "feed")
        terminal_id, t_ms = _text(told, "terminal_id"), self._time(told)
        lon, lat, speed, heading = (_number(told, *field) for field in _FIELDS)
        assert lon is not None
        assert lat is not None
        return self.local.service_date(t_ms), feed, Position(terminal_id, t_ms, lon, lat, speed, heading)

    def _time(self, told: Mapping[str, Any]) -> int:
        try:
            moment = datetime.fromisoformat(_text(told, "time"))
            t_ms = to_ms(moment if moment.tzinfo else moment.replace(tzinfo=self.local.zone))
        except _Refused:
            raise
        except (ValueError, OverflowError):
            raise _Refused("bad-time", "time") from None
        if t_ms > self.now_ms + _AHEAD_MS:
            raise _Refused("in-future", "time")
        if t_ms < self.local.service_day(self.first).start_ms:
            raise _Refused("too-old", "time")
        return t_ms


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if value is None:
        raise _Refused("missing-value", name)
    if not isinstance(value, str) or not value.isprintable() or len(value) > _MOST_TEXT:
        raise _Refused("bad-value", name)
    if not value.strip():
        raise _Refused("missing-value", name)
    return value.strip()


def _number(told: Mapping[str, Any], name: str, lowest: float, highest: float) -> float | None:
    value = told.get(name)
    if value is None:
        if name in _NEEDED:
            raise _Refused("missing-value", name)
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _Refused("bad-number", name)
    if not lowest <= value <= highest:
        raise _Refused("bad-number", name)
    return float(value)


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["pushes"])

    @routes.post("/positions", responses=responses(403, 413, 415, 422, 503), openapi_extra=_BODY)
    async def positions(request: Request, response: Response, actor: Pusher) -> PushReport:
        """Take up to 1,000 positions in: a JSON list, or one JSON object a line. Sending a batch again changes nothing.

        They become a track file of their feed at the next nightly.
        """
        del actor
        rows = await _rows(request)
        response.headers["Cache-Control"] = NEVER
        return await anyio.to_thread.run_sync(_take, platform_of(request), rows)

    return routes


async def _rows(request: Request) -> list[object]:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind not in {"application/json", _NDJSON, "application/ndjson"}:
        raise Refuse(415, "media-type", f"Send application/json or {_NDJSON}.")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise Refuse(413, "too-large", f"A batch has {MOST_BYTES >> 20} MB at most.")
        parts.append(part)
    try:
        text = b"".join(parts).decode("utf-8-sig")
        rows = json.loads(text) if kind == "application/json" else [_line(line) for line in text.splitlines() if line]
        check_keepable(rows)
    except (ValueError, RecursionError) as error:
        raise _bad_body("is no JSON in UTF-8") from error
    if not isinstance(rows, list):
        raise _bad_body("is no list of positions")
    if len(rows) > MOST_ROWS:
        raise _bad_body(f"has {len(rows)} rows; expected {MOST_ROWS} at most")
    return rows


def _line(line: str) -> object:
    """Return a line's values; a broken line is a row that is rejected, and costs no other."""
    try:
        told: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return told


def _bad_body(message: str) -> Refuse:
    return Refuse(422, "bad-body", errors=[FieldFault(where="body", message=message)])


def _take(platform: Platform, rows: list[object]) -> PushReport:
    desk, report = _desk(platform), []
    found: dict[tuple[date, str, str, int], tuple[int, tuple[date, str, Position]]] = {}
    for number, told in enumerate(rows, 1):
        try:
            day, feed, position = desk.row(told)
        except _Refused as refused:
            report.append(PushedRow(row=number, status="rejected", reason=refused.reason, field=refused.field or None))
            continue
        key = (day, feed, position.terminal_id, position.t_ms)
        if key in found:
            report.append(PushedRow(row=number, status="repeated"))
        else:
            found[key] = (number, (day, feed, position))
    batch_id = secrets.token_hex(12)
    new = _write(platform.store, batch_id, found)
    report += [PushedRow(row=n, status="kept" if key in new else "repeated") for key, (n, _) in found.items()]
    report.sort(key=lambda row: row.row)
    n_rejected = sum(row.status == "rejected" for row in report)
    return PushReport(
        batch_id=batch_id,
        received=len(rows),
        kept=len(new),
        repeated=len(rows) - len(new) - n_rejected,
        rejected=n_rejected,
        rows=report,
    )


def _write(
    store: Store, batch_id: str, found: Mapping[tuple[date, str, str, int], tuple[int, tuple[date, str, Position]]]
) -> set[tuple[date, str, str, int]]:
    """Write what is new, in one transaction; another batch with the same rows may come between once."""
    for is_last in (False, True):
        try:
            with store.writing() as session:
                new = set(found) - known_positions(session, set(found))
                stage_positions(session, batch_id, [found[key][1] for key in sorted(new)], store.clock())
        except IntegrityError:
            if is_last:
                raise Refuse(503, "not-ready", headers={"Retry-After": "1"}) from None
        else:
            return new
    raise AssertionError("it is written or refused")


def _desk(platform: Platform) -> _Desk:
    """Return what rows are held against, as the latest night in the store says."""
    store, local = platform.store, platform.local
    with store.reading() as session:
        night = session.scalar(select(Night.service_date).order_by(Night.service_date.desc()).limit(1))
        try:
            config = None if night is None else config_of(store, session, night)
        except NotReady:
            config = None
    if config is None:
        raise Refuse(
            503, "not-ready", "No night's bundle.toml says which feeds there are.", headers={"Retry-After": "60"}
        )
    feeds = frozenset(feed.name for feed in config.feeds if str(feed.format) in NAMED_FREELY)
    now_ms = store.clock()
    first = local.service_date(now_ms) - timedelta(days=platform.settings.push.days)
    return _Desk(feeds, config.local, first, now_ms)
