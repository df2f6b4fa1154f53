"""Accounts and entries of the access log as they are told to whoever may see them: JSON-ready, times local."""

from __future__ import annotations

from typing import Any

from cases.roles import Actor, Permission
from store.access_log import Entry, Link
from store.accounts import Account, role_in
from trajectories.clock import LocalTime

SUBJECT_KIND = "access-log"


def account_line(account: Account, local: LocalTime) -> dict[str, Any]:
    """Return an account with the roles that it holds."""
    off = account.disabled_ms
    return {
        "name": account.name,
        "os_user": account.os_name,
        "created": local.iso(account.created_ms),
        "disabled": None if off is None else local.iso(off),
        "grants": [
            {
                "role": g.role.value,
                "districts": None if g.districts is None else sorted(g.districts),
                "school_id": g.school_id,
            }
            for g in account.grants
        ],
    }


def read_entry(by: Actor, at_ms: int, subject: str | None, actor: str | None, reason: str) -> Entry:
    """Return what is written down of a look into the log: about whom, and by whom, if that was asked."""
    asked = "" if actor is None else f"actor {actor}"
    why = ": ".join(part for part in (asked, reason) if part)
    return Entry(at_ms, by.name, role_in(by, Permission.READ_LOG), "read-log", SUBJECT_KIND, subject or "all", why)


def entry_line(link: Link, local: LocalTime) -> dict[str, Any]:
    """Return an entry as it stands in the log."""
    return {**link._asdict(), "at": entry_time(link.at_ms, local)}


def entry_time(at_ms: int, local: LocalTime) -> str:
    """Return a time in words; the number itself where a changed entry holds one that no calendar has."""
    try:
        return local.iso(at_ms)
    except (ValueError, OverflowError, OSError, TypeError):
        return str(at_ms)
