"""What a receiver is told of a notice: ids, states, numbers, a link. Each key is on a list, so nothing else gets out.

Nothing is about a person: no name, no key of a person or a trainee, no plate, no text that somebody wrote. A vehicle's
key is told to a receiver that is cleared for it, and only where a case is about a vehicle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session

from cases.matter import SubjectKind
from cases.states import Action, State
from store.receivers import VEHICLE
from store.tables.casework import CaseRow
from store.tables.results import Notice

NIGHT_AUDITED, NOTHING_SENT, RECEIVER_DEAD, TEST = "night.audited", "nothing-sent", "receiver-dead", "test"
DIGEST, AMISS = "digest", "digest.amiss"
DEGRADED, FAILED = "degraded", "failed"
"""States of a night of which somebody is told, as `runs.night_run` writes them."""
KINDS = ("case.*", NIGHT_AUDITED, NOTHING_SENT, RECEIVER_DEAD)
"""What a webhook may ask for."""


def _like(pattern: str) -> Callable[[Any], str | None]:
    """Return what lets through a text of a form that no person's key, number or name has."""
    form = re.compile(pattern, re.ASCII)
    return lambda value: value if isinstance(value, str) and form.fullmatch(value) else None


_day = _like(r"\d{4}-\d\d-\d\d")
_case_id = _like(r"C[0-9a-f]{1,20}")
_state = _like("|".join([*State, "done", DEGRADED, FAILED]))
_action = _like("|".join(Action))
_change = _like("new|changed|renewed|gone|same")
_feed = _like(r"[A-Za-z][\w.-]{0,63}")
_trouble = _like(r"[a-z]{1,20}(:[A-Za-z][\w.-]{0,63})?")
_receiver = _like(r"webhook:\d{1,10}|apprise:[a-z0-9][a-z0-9_-]{0,39}")


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _numbers(name: Callable[[Any], str | None]) -> Callable[[Any], dict[str, int] | None]:
    def read(value: Any) -> dict[str, int] | None:
        if not isinstance(value, Mapping):
            return None
        return {k: n for k, v in value.items() if (n := _number(v)) is not None and name(k) is not None}

    return read


def _troubles(value: Any) -> list[str] | None:
    return [v for v in value if _trouble(v) is not None] if isinstance(value, list) else None


def _nights(value: Any) -> list[dict[str, Any]] | None:
    return [_told(_NIGHT, v) for v in value if isinstance(v, Mapping)] if isinstance(value, list) else None


Keys = Mapping[str, Callable[[Any], Any]]
_NIGHT: Keys = {
    "service_date": _day, "state": _state, "trouble": _troubles, "delayed": _numbers(_feed), "not_assessed": _number,
}  # fmt: skip
_CASE: Keys = {"case_id": _case_id, "seq": _number, "action": _action, "state": _state}
_DIGEST: Keys = {"opened": _number, "overdue": _number, "nights": _nights}
_KEYS: Mapping[str, Keys] = {
    NIGHT_AUDITED: {"service_date": _day, "state": _state, "changes": _numbers(_change)},
    DIGEST: _DIGEST,
    AMISS: _DIGEST,
    NOTHING_SENT: {"hours": _number, "since_ms": _number},
    RECEIVER_DEAD: {"receivers": _numbers(_receiver)},
    TEST: {},
}


def _told(keys: Keys, found: Mapping[str, Any]) -> dict[str, Any]:
    told = ((key, read(found[key])) for key, read in keys.items() if key in found)
    return {key: value for key, value in told if value is not None}


def data_of(notice: Notice) -> dict[str, Any]:
    """Return what a notice says, as far as it is for others; a kind that is not known says nothing."""
    keys = _CASE if notice.kind.startswith("case.") else _KEYS.get(notice.kind, {})
    told = _told(keys, json.loads(notice.payload))
    if notice.service_date is not None:
        told["service_date"] = notice.service_date.isoformat()
    return told


@dataclass(frozen=True, slots=True)
class Subject:
    """What a case is about, as far as a webhook may be told."""

    vehicle_id: str | None = None


def subject_of(session: Session, notice: Notice) -> Subject:
    """Return the vehicle that a notice's case is about, if it is about one."""
    case = None if notice.case_id is None else session.get(CaseRow, notice.case_id)
    is_vehicle = case is not None and case.subject_kind == SubjectKind.VEHICLE
    return Subject(case.subject_id) if case is not None and is_vehicle else Subject()


def body_of(notice: Notice, subject: Subject, clearance: str | None, desk_url: str) -> str:
    """Return the body of a webhook. It is the same at every try, but for a link or a clearance set meanwhile."""
    data = data_of(notice)
    if clearance == VEHICLE and subject.vehicle_id is not None:
        data["vehicle_id"] = subject.vehicle_id
    if link := link_of(notice.case_id, desk_url):
        data["link"] = link
    at = datetime.fromtimestamp(notice.created_ms / 1000, UTC).isoformat(timespec="milliseconds")
    told = {"id": notice.event_id, "type": notice.kind, "timestamp": at.replace("+00:00", "Z"), "data": data}
    return json.dumps(told, ensure_ascii=False, sort_keys=True)


def link_of(case_id: str | None, desk_url: str) -> str | None:
    """Return where a person sees more, if the office has a desk."""
    if not desk_url:
        return None
    return desk_url.rstrip("/") + ("/" if case_id is None else f"/cases/{quote(case_id, safe='')}")
