"""How the store that a server stands on is: for its watchers, and for operators who ask."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from runs.night_run import KIND
from runs.persist import is_away
from runs.settings import Settings
from store import lease
from store.engine import Store, StoreRefused
from store.schema import schema_state
from store.tables.api import Delivery
from store.tables.results import Lease, Notice, Run

MB = 1 << 20
DELIVERY_STATES = ("waiting", "sent", "dead")
_FOLDERS = ("blobs", "lake", "passages")


@dataclass(frozen=True, slots=True)
class LastRun:
    """The nightly that ended last."""

    run_id: str
    service_date: date
    state: str
    age_s: float


@dataclass(slots=True)
class ServerState:
    """What was found. `trouble`: codes of what keeps the server from working, the gravest first."""

    trouble: list[str] = field(default_factory=list)
    free_bytes: int | None = None
    last_run: LastRun | None = None
    lease_age_s: float | None = None
    unplanned: int | None = None
    deliveries: dict[str, int] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether the server can work."""
        return not self.trouble


def server_state(store: Store, settings: Settings) -> ServerState:
    """Look at the database, its schema, the folders and the disk."""
    found = ServerState()
    try:
        with store.reading() as session:
            _read(session, store.clock(), found)
        if schema_state(store).state != "current":
            found.trouble.append("schema-behind")
    except StoreRefused:
        found.trouble.append("database-away")
    except Exception as error:
        if is_away(error):
            found.trouble.append("database-away")
        elif schema_state(store).state != "current":  # a table of ours is not there yet
            found.trouble.append("schema-behind")
        else:
            raise
    _look_at_disk(store.folder, settings.server.least_free_mb * MB, found)
    return found


def _read(session: Session, now_ms: int, found: ServerState) -> None:
    last = session.scalar(
        select(Run).where(Run.kind == KIND, Run.ended_ms.is_not(None)).order_by(Run.ended_ms.desc()).limit(1)
    )
    if last is not None and last.ended_ms is not None:
        found.last_run = LastRun(last.run_id, last.service_date, last.state, (now_ms - last.ended_ms) / 1000)
    if lease.holder(session, lease.NIGHTLY, now_ms) is not None:
        taken_ms = session.scalar(select(Lease.taken_ms).where(Lease.name == lease.NIGHTLY))
        found.lease_age_s = None if taken_ms is None else (now_ms - taken_ms) / 1000
    found.unplanned = session.scalar(select(func.count()).select_from(Notice).where(Notice.planned_ms.is_(None)))
    counted: dict[str, int] = dict.fromkeys(DELIVERY_STATES, 0)
    counted.update((s, n) for s, n in session.execute(select(Delivery.state, func.count()).group_by(Delivery.state)))
    found.deliveries = counted


def _look_at_disk(folder: Path, least_bytes: int, found: ServerState) -> None:
    places = [folder, *(folder / name for name in _FOLDERS if (folder / name).exists())]
    if not all(os.access(place, os.W_OK | os.X_OK) for place in places):
        found.trouble.append("store-not-writable")
    try:
        found.free_bytes = shutil.disk_usage(folder).free
    except OSError:
        found.trouble.append("store-not-there")
        return
    if found.free_bytes < least_bytes:
        found.trouble.append("disk-full")
