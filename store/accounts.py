"""Accounts and the roles granted to them: when, by whom, and until when. Every change is in the access log.

While there is no account at all, whoever runs the command line makes the first one, an administrator. From then on
administrators do it, and nobody grants a role to himself.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cases import roles
from cases.roles import Actor, Permission, Role
from store.access_log import Entry, alone, append
from store.engine import StoreRefused
from store.ordering import by_code_points
from store.tables.access import Grant, User

SUBJECT_KIND = "account"
NAME_MAX, SCHOOL_MAX = 64, 200
_DOTS = {".", ".."}
"""Clients take them out of addresses, so that an account of that name could not be disabled over HTTP."""


class AccountRefused(StoreRefused):
    """An account or a grant that cannot be; the message says what was found, what was expected and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it stands: who it is on the command line, and which roles it holds."""

    name: str
    os_name: str | None
    created_ms: int
    disabled_ms: int | None
    grants: tuple[roles.Grant, ...]


def has_accounts(session: Session) -> bool:
    """Whether there is any account, be it a disabled one."""
    return session.scalar(select(User.name).limit(1)) is not None


def accounts(session: Session, at_ms: int) -> list[Account]:
    """Return all accounts with the roles that they hold at a time, by name; a disabled one holds none."""
    found = session.scalars(select(User).order_by(by_code_points(session, User.name))).all()
    return [
        Account(u.name, u.os_name, u.created_ms, u.disabled_ms, () if _is_off(u, at_ms) else _grants(session, u, at_ms))
        for u in found
    ]


def actor_of(session: Session, name: str, at_ms: int) -> Actor:
    """Return an account with its roles as they are at a time; raises `AccountRefused` where it may not act."""
    user = _user(session, name)
    if _is_off(user, at_ms):
        raise AccountRefused(f"account {name!r} is disabled: an administrator may add another one")
    try:
        return Actor(name, _grants(session, user, at_ms))
    except ValueError as error:
        raise AccountRefused(f"account {name!r} has roles that cannot be: {error}") from error


def named_by_os(session: Session, os_name: str) -> str | None:
    """Return which account a system user is; None: he holds none."""
    return session.scalar(select(User.name).where(User.os_name == os_name))


def add_first(session: Session, os_user: str, name: str, os_name: str, at_ms: int) -> None:
    """Make the first account, an administrator. `os_user`: the system user who does it; the log names him."""
    alone(session)
    if has_accounts(session):
        raise AccountRefused("there are accounts already: an administrator adds further ones")
    why = f"the first account, by the system user {os_user}"
    _add_user(session, roles.SYSTEM, name, os_name, at_ms, why)
    _add_grant(session, roles.SYSTEM, name, roles.Grant(Role.ADMINISTRATOR), at_ms, why)


def create_user(session: Session, by: Actor, name: str, os_name: str | None, at_ms: int, reason: str = "") -> None:
    """Make an account without any role."""
    alone(session)
    must_manage(session, by, at_ms)
    _add_user(session, by, name, os_name, at_ms, reason)


def disable(session: Session, by: Actor, name: str, at_ms: int, reason: str = "") -> None:
    """Let an account act no more. It is not removed: what it did stays its own."""
    alone(session)
    must_manage(session, by, at_ms)
    user = _user(session, name)
    if user.disabled_ms is not None:
        raise AccountRefused(f"account {name!r} is disabled already")
    _must_leave_an_administrator(session, name)
    user.disabled_ms = at_ms
    log_of_account(session, by, "disable-account", name, at_ms, reason)


def grant(
    session: Session,
    by: Actor,
    name: str,
    role: Role,
    at_ms: int,
    *,
    districts: Iterable[str] | None = None,
    school: str | None = None,
    reason: str = "",
) -> None:
    """Give an account a role: in these districts (None: the whole city), for a school's account with its school."""
    alone(session)
    must_manage(session, by, at_ms)
    if by.name == name:
        raise AccountRefused("nobody grants a role to himself: another administrator may do it")
    given = _bounded(role, districts, school)
    user = _user(session, name)
    if user.disabled_ms is not None:
        raise AccountRefused(f"account {name!r} is disabled: a role would be of no use to it")
    held = _grants(session, user, at_ms)
    if given in held:
        raise AccountRefused(f"account {name!r} holds {_told(given)} already")
    try:
        Actor(name, (*held, given))
    except ValueError as error:
        raise AccountRefused(f"{error}: revoke the other first, or add another account") from None
    _add_grant(session, by, name, given, at_ms, reason)


def revoke(session: Session, by: Actor, name: str, role: Role, at_ms: int, reason: str = "") -> int:
    """Take a role from an account, wherever it holds it; return how many grants have ended."""
    alone(session)
    must_manage(session, by, at_ms)
    user = _user(session, name)
    held = [g for g in _grants(session, user, at_ms) if g.role is role]
    if not held:
        raise AccountRefused(f"account {name!r} does not hold the role {role}")
    if role is Role.ADMINISTRATOR:
        _must_leave_an_administrator(session, name)
    standing = (Grant.name == name) & (Grant.role == role.value) & Grant.revoked_ms.is_(None)
    session.execute(update(Grant).where(standing).values(revoked_ms=at_ms, revoked_by=by.name))
    for given in held:
        log_of_account(session, by, "revoke-role", name, at_ms, _with(_told(given), reason))
    return len(held)


def role_in(actor: Actor, permission: Permission, place: roles.Placed | None = None) -> str:
    """Return the role in which an account uses a permission, as the access log names it."""
    if actor.is_system:
        return roles.SYSTEM_NAME
    able = (g for g in actor.grants if permission in roles.PERMISSIONS[g.role] and (place is None or g.covers(place)))
    held = next(able, None)
    return "none" if held is None else held.role.value


def _add_user(session: Session, by: Actor, name: str, os_name: str | None, at_ms: int, reason: str) -> None:
    taken = {other.casefold() for other in session.scalars(select(User.name))}
    if not _is_name(name) or name in _DOTS or name.casefold() == roles.SYSTEM_NAME:
        expected = f"expected 1 to {NAME_MAX} plain characters, and not {roles.SYSTEM_NAME!r}, '.' or '..'"
        raise AccountRefused(f"{name!r} cannot be the name of an account: {expected}")
    if name.casefold() in taken:
        raise AccountRefused(f"account {name!r} is there already: names stay taken, even of disabled accounts")
    if os_name is not None and not _is_name(os_name):
        raise AccountRefused(f"{os_name!r} cannot be the name of a system user")
    other = None if os_name is None else named_by_os(session, os_name)
    if other is not None:
        raise AccountRefused(f"the system user {os_name!r} is account {other!r} already: expected one account a user")
    session.add(User(name=name, os_name=os_name, created_ms=at_ms, created_by=by.name, disabled_ms=None))
    session.flush()
    shown = "no system user" if os_name is None else f"system user {os_name}"
    log_of_account(session, by, "create-account", name, at_ms, _with(shown, reason))


def _add_grant(session: Session, by: Actor, name: str, given: roles.Grant, at_ms: int, reason: str) -> None:
    districts = None if given.districts is None else json.dumps(sorted(given.districts), separators=(",", ":"))
    session.add(
        Grant(
            name=name,
            role=given.role.value,
            districts=districts,
            school_id=given.school_id,
            granted_ms=at_ms,
            granted_by=by.name,
            revoked_ms=None,
            revoked_by=None,
        )
    )
    session.flush()
    log_of_account(session, by, "grant-role", name, at_ms, _with(_told(given), reason))


def _bounded(role: Role, districts: Iterable[str] | None, school: str | None) -> roles.Grant:
    named = None if districts is None else frozenset(districts)
    if named is not None and not (named and all(_is_name(d) for d in named)):
        raise AccountRefused("districts: expected at least one code, such as 370102; leave them out for the whole city")
    if school is not None and not _is_name(school, SCHOOL_MAX):
        raise AccountRefused(f"{school!r} cannot be a school_id")
    try:
        return roles.Grant(role, named, school)
    except ValueError as error:
        raise AccountRefused(str(error)) from None


def _grants(session: Session, user: User, at_ms: int) -> tuple[roles.Grant, ...]:
    standing = Grant.revoked_ms.is_(None) | (Grant.revoked_ms > at_ms)
    found = session.scalars(
        select(Grant).where(Grant.name == user.name, Grant.granted_ms <= at_ms, standing).order_by(Grant.id)
    )
    return tuple(_read(g) for g in found)


def _read(row: Grant) -> roles.Grant:
    districts = None if row.districts is None else frozenset(json.loads(row.districts))
    return roles.Grant(Role(row.role), districts, row.school_id)


def _user(session: Session, name: str) -> User:
    user = session.get(User, name)
    if user is None:
        raise AccountRefused(f"there is no account {name!r}: `trajaudit user list` shows them all")
    return user


def _is_off(user: User, at_ms: int) -> bool:
    return user.disabled_ms is not None and user.disabled_ms <= at_ms


def must_manage(session: Session, by: Actor, at_ms: int) -> None:
    """Refuse whoever is no administrator as the database has it in this transaction, whatever was so before."""
    if by.is_system or not roles.has_permission(actor_of(session, by.name, at_ms), Permission.MANAGE_USERS):
        raise AccountRefused(f"{by.name!r} may not manage accounts: an administrator may")


def _must_leave_an_administrator(session: Session, name: str) -> None:
    """Refuse to take away the last administrator: nobody could ever make another one."""
    others = session.scalars(
        select(Grant.name)
        .join(User, User.name == Grant.name)
        .where(Grant.role == Role.ADMINISTRATOR.value, Grant.revoked_ms.is_(None), User.disabled_ms.is_(None))
    )
    left = set(others)
    if left == {name}:
        raise AccountRefused(f"account {name!r} is the last administrator: make another one first")


def _is_name(text: str, longest: int = NAME_MAX) -> bool:
    """Whether a name is plain: no blank at an end, nothing unseen, no character that only looks like another width."""
    plain = text == text.strip() == unicodedata.normalize("NFKC", text) and text.isprintable()
    return plain and 0 < len(text) <= longest


def _told(given: roles.Grant) -> str:
    where = "the whole city" if given.districts is None else "districts " + ", ".join(sorted(given.districts))
    return f"{given.role}, {where}" + (f", school {given.school_id}" if given.school_id else "")


def _with(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what


def log_of_account(session: Session, by: Actor, action: str, name: str, at_ms: int, reason: str) -> None:
    """Write down what an administrator did with an account."""
    append(session, [Entry(at_ms, by.name, role_in(by, Permission.MANAGE_USERS), action, SUBJECT_KIND, name, reason)])
