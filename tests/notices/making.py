"""Notices, receivers and settings as the tests of this folder want them."""

from __future__ import annotations

import base64
import json
from datetime import date
from pathlib import Path
from typing import Any

from cases.roles import SYSTEM
from runs.settings import NoticeSettings, OutboundSettings, Settings, StoreSettings
from store.engine import Store
from store.receivers import add_webhook
from store.tables.casework import CaseRow
from store.tables.results import Notice

DAY = date(2026, 3, 18)
SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four+").decode()
OTHER = "whsec_" + base64.b64encode(b"another one of 24 bytes!").decode()
KINDS = ("case.*", "night.audited", "nothing-sent", "receiver-dead")


def settings(store: Store, allow: tuple[str, ...], *, enabled: bool = True, **notices: Any) -> Settings:
    told = {"first_wait_s": 0.01, "longest_wait_s": 0.05} | notices
    return Settings(
        store=StoreSettings(folder=store.folder),
        outbound=OutboundSettings(enabled=enabled, allow=allow, timeout_s=0.5, total_s=2),
        notices=NoticeSettings(**told),
    )


def secret_file(folder: Path, text: str = SECRET) -> str:
    path = folder / "secret"
    path.write_text(text + "\n", "utf-8")
    path.chmod(0o600)
    return f"file:{path}"


def hook(store: Store, url: str, ref: str, kinds: tuple[str, ...] = KINDS, clearance: str = "none") -> int:
    with store.writing() as session:
        return add_webhook(session, SYSTEM, url, kinds, ref, clearance, store.clock())


def case_notice(case_id: str, seq: int, at_ms: int, action: str = "note", **more: Any) -> Notice:
    payload = {"case_id": case_id, "seq": seq, "action": action, "state": "new", **more}
    return Notice(
        event_id=f"E{case_id}-{seq}", kind=f"case.{action}", service_date=DAY, case_id=case_id,
        payload=json.dumps(payload, ensure_ascii=False), created_ms=at_ms,
    )  # fmt: skip


def night_notice(event_id: str, at_ms: int, day: date = DAY, state: str = "done") -> Notice:
    payload = {"service_date": day.isoformat(), "state": state, "changes": {"new": 2, "gone": 0}}
    return Notice(
        event_id=event_id, kind="night.audited", service_date=day, payload=json.dumps(payload), created_ms=at_ms
    )


def put(store: Store, *rows: Any) -> None:
    with store.writing() as session:
        session.add_all(rows)


def case_row(case_id: str, kind: str, subject: str, **more: Any) -> CaseRow:
    told: dict[str, Any] = {
        "service_date": DAY, "school_id": None, "district": None, "state": "new", "severity": "minor",
        "assignee": None, "opened_ms": 1, "entered_ms": 1, "due_ms": None, "needs_review": False, "is_picked": False,
        "n_events": 1,
    }  # fmt: skip
    return CaseRow(case_id=case_id, subject_kind=kind, subject_id=subject, **told | more)
