"""Failures under a name, and how long nothing is tried then: the same for names that are no account's.

An attempt counts as failed before the password is looked at: of many at once only the first few are looked at. Whoever
succeeds takes his failures back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.tables.api import FailedLogin

FORGOTTEN_AFTER_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class LockRule:
    """After how many failures a name is locked, for how long at first, and at most: each further one doubles it."""

    after: int = 5
    first_ms: int = 60_000
    longest_ms: int = 3_600_000

    def lock_ms(self, failures: int) -> int:
        """Return for how long so many failures lock.

        >>> [LockRule().lock_ms(n) // 60_000 for n in (4, 5, 6, 11, 5000)]
        [0, 1, 2, 60, 60]
        """
        beyond = failures - self.after
        return 0 if beyond < 0 else min(self.first_ms << min(beyond, 32), self.longest_ms)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where a name stands. `held_until_ms`: nothing may be tried until then. `locks`: its failure locks the name."""

    held_until_ms: int | None
    locks: bool = False


def begin(session: Session, name: str, at_ms: int, rule: LockRule) -> Attempt:
    """Count an attempt as a failure, unless the name is locked."""
    stale = (FailedLogin.last_ms < at_ms - FORGOTTEN_AFTER_MS) & (
        FailedLogin.locked_until_ms.is_(None) | (FailedLogin.locked_until_ms <= at_ms)
    )
    session.execute(delete(FailedLogin).where(stale))
    row = _row(session, name, at_ms)
    if row.locked_until_ms is not None and at_ms < row.locked_until_ms:
        return Attempt(row.locked_until_ms)
    row.failures += 1
    row.last_ms = at_ms
    held_ms = rule.lock_ms(row.failures)
    row.locked_until_ms = at_ms + held_ms if held_ms else None
    session.flush()
    return Attempt(None, held_ms > 0)


def forget(session: Session, name: str) -> None:
    """Take back all failures under a name, and its lock."""
    session.execute(delete(FailedLogin).where(FailedLogin.name_sha256 == name_digest(name)))


def _row(session: Session, name: str, at_ms: int) -> FailedLogin:
    """Return the row of a name, which others then wait for."""
    asked = select(FailedLogin).where(FailedLogin.name_sha256 == name_digest(name)).with_for_update()
    while (found := session.scalar(asked)) is None:
        made = FailedLogin(name_sha256=name_digest(name), failures=0, last_ms=at_ms, locked_until_ms=None)
        try:
            with session.begin_nested():
                session.add(made)
        except IntegrityError:
            continue  # another was faster; who succeeds takes the row away again
        return made
    return found


def name_digest(name: str) -> str:
    """Return what is kept of a name that somebody tried."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
