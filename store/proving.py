"""Proving to be an account by its password, and by its second factor where it has one.

Whatever is wrong, the same is done and as much of it: one Argon2 and two transactions, for a name that is no account's,
a disabled account, one without a password, and a wrong password or code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import update
from sqlalchemy.orm import Session

from cases.roles import SYSTEM_NAME, Actor
from store import failed_logins, passwords, sealing, totp
from store.access_log import Entry, append
from store.accounts import SUBJECT_KIND, AccountRefused, actor_of
from store.engine import Store
from store.failed_logins import Attempt, LockRule
from store.key_files import KeyRefused
from store.tables.access import User
from store.tables.api import Credential, FailedLogin

T = TypeVar("T")
_log = logging.getLogger("trajaudit.login")


class NotProven(Exception):
    """Somebody is not who he says, or may not act; why is not told."""


class Locked(Exception):
    """Nothing is tried under this name until `until_ms`."""

    def __init__(self, until_ms: int) -> None:
        """Keep until when."""
        super().__init__(until_ms)
        self.until_ms = until_ms


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says he is. `code` None: no second factor was told; `needs_code`: whether one is asked for."""

    name: str
    password: str
    code: str | None = None
    needs_code: bool = True

    def __repr__(self) -> str:
        """Return what may be shown."""
        return f"Claim({self.name!r})"


def prove(
    store: Store, claim: Claim, rule: LockRule, key_file: Path | None, then: Callable[[Session, Actor, Credential], T]
) -> T:
    """Do something as whoever proves who he is, in one transaction with what is written down of it; return its answer.

    Raises `NotProven`, and `Locked` where nothing was tried.
    """
    with store.writing() as session:
        attempt = failed_logins.begin(session, claim.name, store.clock(), rule)
        held = session.get(Credential, claim.name)
        kept = None if held is None else held.password_hash
    if attempt.held_until_ms is not None:
        raise Locked(attempt.held_until_ms)
    is_right = passwords.is_password(kept, claim.password)
    anew = passwords.hash_password(claim.password) if is_right and kept and passwords.is_outdated(kept) else None
    with store.writing() as session:
        proven = _proven(session, store, claim, kept, key_file) if is_right else None
        if proven is not None:
            actor, held = proven
            held.password_hash = anew or held.password_hash
            failed_logins.forget(session, claim.name)
            return then(session, actor, held)
        _failed(session, claim.name, attempt, store.clock())
    raise NotProven


def _proven(
    session: Session, store: Store, claim: Claim, kept: str | None, key_file: Path | None
) -> tuple[Actor, Credential] | None:
    """Return who it is, once the password was right: if it still is, the account may act, and the code is right."""
    at_ms = store.clock()
    held = session.get(Credential, claim.name, with_for_update=True)
    if held is None or held.password_hash != kept:
        return None
    try:
        actor = actor_of(session, claim.name, at_ms)
        if claim.needs_code and held.totp_sealed is not None:
            secret = sealing.unseal(sealing.load_sealing_key(store, key_file), held.totp_sealed, claim.name)
            step = totp.step_of(secret, claim.code or "", at_ms, held.totp_step)
            if step is None:
                return None
            held.totp_step = step
    except AccountRefused:
        return None
    except KeyRefused as error:
        _log.error("account %s cannot log in with its second factor: %s", claim.name, error)
        return None
    return actor, held


def _failed(session: Session, name: str, attempt: Attempt, at_ms: int) -> None:
    """Write down a failure. The log names accounts only: other names may be a password in the wrong field."""
    digest = failed_logins.name_digest(name)
    session.execute(update(FailedLogin).where(FailedLogin.name_sha256 == digest).values(last_ms=at_ms))
    if attempt.locks and session.get(User, name) is not None:
        why = "too many failed logins"
        append(session, [Entry(at_ms, SYSTEM_NAME, SYSTEM_NAME, "lock-account", SUBJECT_KIND, name, why)])
