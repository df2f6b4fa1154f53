"""Notices that the sender makes itself: the digest of a run for messengers, and that nothing gets out any more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from audit.evidence import digest
from cases.states import UNDECIDED, UNDER_WAY
from runs.notices_payload import AMISS, DEGRADED, DIGEST, FAILED, NIGHT_AUDITED, NOTHING_SENT, RECEIVER_DEAD
from store.deliveries import Channel, dead_since, last_sent_ms, plan
from store.tables.access import Webhook
from store.tables.casework import CaseRow
from store.tables.results import NotAssessedRow, Notice, Run

ALARMS = (NOTHING_SENT, RECEIVER_DEAD)
KIND = "nightly"
"""The runs of which a digest tells, as `runs.night_run` writes them; importing it would slow every sender down."""
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
REACH_MS = 3 * DAY_MS
"""Runs that failed longer ago are not told of any more."""


def make_digest(session: Session, now_ms: int) -> Notice | None:
    """Add one notice that sums up the nights not planned yet, and runs that failed; None where there is neither."""
    nights = [n for n in _fresh(session, NIGHT_AUDITED) if n.service_date is not None]
    failures = _untold_failures(session, now_ms)
    if not nights and not failures:
        return None
    days = sorted({n.service_date for n in nights if n.service_date is not None})
    told = {
        "opened": session.scalar(_count_fresh("case.open")) or 0,
        "overdue": _overdue(session, now_ms),
        "nights": [_night(session, day) for day in days] + [_failure(run) for run in failures],
        "runs": [run.run_id for run in failures],
    }
    of = sorted([n.event_id for n in nights] + [run.run_id for run in failures])
    made = _notice(AMISS if _is_amiss(told) else DIGEST, [DIGEST, *of], told, now_ms)
    session.add(made)
    session.flush()
    return made


def _is_amiss(told: Mapping[str, Any]) -> bool:
    """Whether a digest is for those, too, who want to be told only of what is amiss."""
    return bool(told["overdue"]) or any(night["state"] in {DEGRADED, FAILED} for night in told["nights"])


def _fresh(session: Session, kind: str) -> list[Notice]:
    asked = select(Notice).where(Notice.planned_ms.is_(None), Notice.kind == kind)
    return list(session.scalars(asked.order_by(Notice.id)))


def _count_fresh(kind: str) -> Any:
    return select(func.count()).select_from(Notice).where(Notice.planned_ms.is_(None), Notice.kind == kind)


def _overdue(session: Session, now_ms: int) -> int:
    open_states = [str(s) for s in UNDECIDED | UNDER_WAY]
    late = (CaseRow.due_ms < now_ms, CaseRow.state.in_(open_states))
    return session.scalar(select(func.count()).select_from(CaseRow).where(*late)) or 0


def _untold_failures(session: Session, now_ms: int) -> list[Run]:
    """Return the last runs that failed, of which no digest has told."""
    since_ms = now_ms - REACH_MS
    told: set[str] = set()
    of_late = select(Notice.payload).where(Notice.kind.in_((DIGEST, AMISS)), Notice.created_ms >= since_ms - DAY_MS)
    for payload in session.scalars(of_late):
        told |= set(json.loads(payload).get("runs", ()))
    asked = select(Run).where(Run.kind == KIND, Run.state == FAILED, Run.ended_ms >= since_ms).order_by(Run.ended_ms)
    return [run for run in session.scalars(asked) if run.run_id not in told]


def _night(session: Session, day: date) -> dict[str, Any]:
    """Return how a night stands by its last run that got through."""
    asked = select(Run).where(Run.service_date == day, Run.kind == KIND, Run.state != FAILED, Run.ended_ms.is_not(None))
    run = session.scalar(asked.order_by(Run.ended_ms.desc()).limit(1))
    trouble = {} if run is None else json.loads(run.trouble or "{}")
    delayed = trouble.pop("delayed", {})
    standing = (NotAssessedRow.service_date == day, NotAssessedRow.superseded_ms.is_(None))
    unanswered = session.scalar(select(func.count()).select_from(NotAssessedRow).where(*standing)) or 0
    return {
        "service_date": day.isoformat(),
        "state": DEGRADED if run is None else run.state,
        "trouble": sorted(trouble),
        "delayed": delayed,
        "not_assessed": unanswered,
    }


def _failure(run: Run) -> dict[str, Any]:
    trouble = sorted(set(json.loads(run.trouble or "{}")) - {"delayed"})
    return {"service_date": run.service_date.isoformat(), "state": FAILED, "trouble": trouble}


# ---------------------------------------------------------------- what is amiss with sending
def make_alarms(session: Session, channels: Sequence[Channel], now_ms: int, today: date, silent_hours: int) -> int:
    """Add and plan notices that nothing was sent for so long, and that receivers' notices were given up, once a day.

    Returns how many deliveries came of it.
    """
    n = 0
    names = [c.name for c in channels]
    since_ms = _since_ms(session)
    if channels and since_ms is not None and now_ms - since_ms >= silent_hours * HOUR_MS:
        told = {"hours": (now_ms - since_ms) // HOUR_MS, "since_ms": since_ms}
        n += _once_a_day(session, NOTHING_SENT, told, channels, now_ms, today)
    dead = dead_since(session, names, now_ms - DAY_MS)
    if dead:
        others = [c for c in channels if c.name not in dead]
        n += _once_a_day(session, RECEIVER_DEAD, {"receivers": dead}, others, now_ms, today)
    return n


def _since_ms(session: Session) -> int | None:
    """Return since when nothing was sent: the last that got out, or else the first receiver, or the first notice."""
    last = last_sent_ms(session, ALARMS)
    if last is not None:
        return last
    first = session.scalar(select(func.min(Webhook.created_ms)).where(Webhook.disabled_ms.is_(None)))
    return first if first is not None else session.scalar(select(func.min(Notice.created_ms)))


def _once_a_day(
    session: Session, kind: str, told: Mapping[str, Any], channels: Iterable[Channel], now_ms: int, today: date
) -> int:
    made = _notice(kind, [kind, today], told, now_ms)
    if session.scalar(select(Notice.id).where(Notice.event_id == made.event_id)) is not None:
        return 0
    made.service_date = None
    session.add(made)
    session.flush()
    return plan(session, list(channels), now_ms, [made])


def _notice(kind: str, of: Sequence[Any], told: Mapping[str, Any], now_ms: int) -> Notice:
    payload = json.dumps(told, sort_keys=True)
    return Notice(event_id="E" + digest(list(of))[:20], kind=kind, payload=payload, created_ms=now_ms)
