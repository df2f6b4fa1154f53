"""A lease on the database: of two that want to run, one does; one that was killed does not hold the other off for long.

A holder renews its lease while it works. It is free again when it has run out, or when its holder is a process of this
machine that no longer lives. Each holder gets a larger token; what it writes at the end it writes only while the token
is still the present one.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from store.engine import Store
from store.tables.results import Lease

NIGHTLY = "nightly"


class LeaseTaken(Exception):
    """Somebody else runs; the message says who, and until when the lease holds."""


class LeaseLost(Exception):
    """The lease ran out while we worked and somebody else took it: nothing of ours may be written."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that is ours."""

    name: str
    token: int


def this_process() -> str:
    """Return who we are: machine, process, and when it began, so that a number used again is not taken for us."""
    return f"{_machine()}:{os.getpid()}:{_began(os.getpid())}"


def _machine() -> str:
    """Return where process numbers mean the same: this host since it started, in this namespace of processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8]
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        boot, space = "", 0
    return f"{socket.gethostname()}/{boot}/{space}"


def _began(pid: int) -> str:
    """Return the start of a process as the kernel counts it; blank where there is none, or only its remains."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return "" if told[0] in "ZX" else told[19]
    except (OSError, IndexError):
        return ""


def is_dead(holder: str) -> bool:
    """Whether a holder was a process of this machine and is no more."""
    host, _, rest = holder.rpartition(":")[0].rpartition(":")
    began = holder.rpartition(":")[2]
    return host == _machine() and rest.isdigit() and _began(int(rest)) != began


def take(store: Store, name: str, ttl_ms: int) -> Held:
    """Take a lease; raises `LeaseTaken` where somebody holds it."""
    try:
        with store.writing() as session:
            return _take(session, name, store.clock(), ttl_ms)
    except IntegrityError:  # two began at once where there was no row yet
        raise LeaseTaken(f"{name}: another run began at the same moment") from None


def _take(session: Session, name: str, now_ms: int, ttl_ms: int) -> Held:
    row = session.scalar(select(Lease).where(Lease.name == name).with_for_update())
    if row is None:
        row = Lease(name=name, holder="", token=0, taken_ms=now_ms, expires_ms=0)
        session.add(row)
    elif row.expires_ms > now_ms and not is_dead(row.holder):
        raise LeaseTaken(f"{name}: {row.holder} runs, and holds the lease for {(row.expires_ms - now_ms) // 1000} s")
    row.holder, row.token, row.taken_ms, row.expires_ms = this_process(), row.token + 1, now_ms, now_ms + ttl_ms
    session.flush()
    return Held(name, row.token)


def holder(session: Session, name: str, now_ms: int) -> str | None:
    """Return who holds a lease at a time; None where it is free to be taken."""
    row = session.get(Lease, name)
    return None if row is None or row.expires_ms <= now_ms or is_dead(row.holder) else row.holder


def check(session: Session, held: Held) -> None:
    """Raise `LeaseLost` unless the lease is still ours; it stays so until the transaction ends."""
    row = session.scalar(select(Lease).where(Lease.name == held.name).with_for_update())
    if row is None or row.token != held.token:
        raise LeaseLost(f"{held.name}: the lease ran out and another run took it; nothing was written")


def release(store: Store, held: Held) -> None:
    """Give a lease back, if it is still ours."""
    with store.writing() as session:
        row = session.scalar(select(Lease).where(Lease.name == held.name).with_for_update())
        if row is not None and row.token == held.token:
            row.expires_ms = 0


@contextmanager
def renewed(store: Store, held: Held, ttl_ms: int) -> Iterator[None]:
    """Renew a lease from a thread until the block ends. A database that is away is tried again: `check` decides."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(ttl_ms / 3000):
            try:
                with store.writing() as session:
                    row = session.scalar(select(Lease).where(Lease.name == held.name).with_for_update())
                    if row is None or row.token != held.token:
                        return
                    row.expires_ms = store.clock() + ttl_ms
            except DBAPIError:
                continue

    thread = threading.Thread(target=renew, name=f"lease-{held.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
