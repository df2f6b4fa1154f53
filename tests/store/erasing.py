"""Erasing in tests: nights by hand, periods by name, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import update

from cases.roles import SYSTEM
from store.engine import Store
from store.files import put_blob
from store.holds import place_hold
from store.nights import Arrival, Delivery, current_files, record_delivery
from store.registers import REGISTERS
from store.retention import By, Done, Periods, Plan, preview, run
from store.tables.casework import CaseRow
from tests.store.conftest import DAY, as_of
from tests.stores import START_MS
from trajectories.clock import LocalTime

LOCAL = LocalTime("Asia/Shanghai")
KEY = Ed25519PrivateKey.generate()
BY = By("root", "administrator", KEY)


def days_later(store: Store, days: int, day: date = DAY) -> None:
    """Set the clock to the moment at which a night is so many days old."""
    store.clock.ms = LOCAL.service_day(day + timedelta(days=days)).end_ms  # type: ignore[attr-defined]


def look(store: Store, **periods: int) -> Plan:
    with store.reading() as session:
        return preview(store, session, Periods(**periods), store.clock(), LOCAL)


def erase(store: Store, reached: Callable[[str], None] = lambda _: None, **periods: int) -> Done:
    return run(store, look(store, **periods), BY, reached)


def close_cases(store: Store, *but: str) -> None:
    """Have all cases closed, as far as the list of cases tells, but some."""
    with store.writing() as session:
        session.execute(update(CaseRow).where(CaseRow.case_id.not_in(but)).values(state="closed", needs_review=False))


def hold(store: Store, day: date = DAY, **about: Any) -> int:
    with store.writing() as session:
        return place_hold(session, SYSTEM, day, "suit 2026/17", store.clock(), **about).number


def files_in(store: Store) -> set[str]:
    """Every file of the kinds that hold content."""
    kinds = ("blobs", "lake", "passages")
    return {p.relative_to(store.folder).as_posix() for k in kinds for p in (store.folder / k).rglob("*") if p.is_file()}


def deliver(store: Store, day: date, files: Mapping[str, bytes], at_ms: int = START_MS) -> dict[str, str]:
    """Record a night by hand, with files and empty registers; return the digests by name."""
    held = {name: Arrival(put_blob(store, data), len(data)) for name, data in files.items()}
    as_of(store.folder / "blobs", at_ms)
    with store.writing() as session:
        base = current_files(session, day)
        delivery = Delivery(day, LOCAL.name, "hand", "li", base, held, dict.fromkeys(REGISTERS, ()), None)
        record_delivery(session, delivery, at_ms)
    return {name: arrival.sha256 for name, arrival in held.items()}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
