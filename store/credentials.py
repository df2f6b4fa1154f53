"""Passwords and second factors of accounts: set by an administrator, changed by their owner. All of it is logged."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cases.roles import Actor
from store import failed_logins, logins, sealing, totp
from store.access_log import Entry, append
from store.accounts import SUBJECT_KIND, AccountRefused, actor_of, log_of_account, must_manage
from store.tables.api import Credential


def set_password(session: Session, by: Actor, name: str, password_hash: str, at_ms: int, reason: str = "") -> None:
    """Give an account a password, which its owner must change; its sessions end, and it is locked no more."""
    must_manage(session, by, at_ms)
    actor_of(session, name, at_ms)  # there, and not disabled
    held = session.get(Credential, name)
    if held is None:
        held = Credential(name=name, totp_sealed=None, totp_pending=None, totp_step=None)
        session.add(held)
    held.password_hash, held.changed_ms, held.must_change = password_hash, at_ms, True
    session.flush()
    logins.end_all(session, name, at_ms)
    failed_logins.forget(session, name)
    log_of_account(session, by, "set-password", name, at_ms, reason)


def reset_totp(session: Session, by: Actor, name: str, at_ms: int, reason: str = "") -> None:
    """Take the second factor from an account whose owner has lost it; its sessions end."""
    must_manage(session, by, at_ms)
    held = session.get(Credential, name)
    if held is None or (held.totp_sealed is None and held.totp_pending is None):
        raise AccountRefused(f"account {name!r} has no second factor")
    held.totp_sealed = held.totp_pending = held.totp_step = None
    session.flush()
    logins.end_all(session, name, at_ms)
    log_of_account(session, by, "reset-totp", name, at_ms, reason)


def change_password(session: Session, actor: Actor, held: Credential, password_hash: str, at_ms: int) -> None:
    """Change the password that its owner has just proved to know; all his sessions end."""
    held.password_hash, held.changed_ms, held.must_change = password_hash, at_ms, False
    session.flush()
    logins.end_all(session, actor.name, at_ms)
    log_of_self(session, actor, "change-password", at_ms)


def confirm_totp(session: Session, actor: Actor, key: bytes, code: str, at_ms: int) -> bool:
    """Have a pending second factor count, if a code of it is given; False where none is pending, or it is another's."""
    held = session.get(Credential, actor.name, with_for_update=True)
    if held is None or held.totp_pending is None:
        return False
    step = totp.step_of(sealing.unseal(key, held.totp_pending, actor.name), code, at_ms, None)
    if step is None:
        return False
    held.totp_sealed, held.totp_pending, held.totp_step = held.totp_pending, None, step
    session.flush()
    log_of_self(session, actor, "enrol-totp", at_ms)
    return True


def log_of_self(session: Session, actor: Actor, action: str, at_ms: int, reason: str = "") -> None:
    """Write down what somebody did with his own account."""
    role = actor.grants[0].role.value if actor.grants else "none"
    append(session, [Entry(at_ms, actor.name, role, action, SUBJECT_KIND, actor.name, reason)])
