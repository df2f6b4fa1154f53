"""Who acts on the command line, and what he may do. What is not allowed is denied.

Nobody says who he is: the account counts whose `os_name` is the effective system user (`sudo -u` changes it, an option
or a variable does not). One system user is one account at most.

- A system user with an account may do what the account's roles allow, and nothing else.
- A system user without one, where there are accounts: the one to whom the store's folder belongs is the program's own
  (a systemd unit with `User=`, a scheduler). He acts as `system` and may run what runs every night, and nothing else.
  Any other is denied everything.
- While there is no account at all, whoever opens the store acts as `system` and may do everything but look: at
  findings, cases, persons, vehicles and the access log. So one person can set a store up, and the first account names
  who did it.

A disabled account is denied everything, even where its system user owns the folder.
"""

from __future__ import annotations

import os
import pwd

from cases.roles import PERMISSIONS, SYSTEM, Actor, Permission, Placed, Role, has_permission, has_permission_at
from runs.words import say
from store.access_log import LOOK, LOOK_DENIED, PERSONS, Entry, LogRefused, append, is_reason
from store.accounts import actor_of, has_accounts, named_by_os, role_in
from store.engine import Store, StoreRefused

LOOKING = frozenset(
    {
        Permission.READ_FINDINGS,
        Permission.READ_CASES,
        Permission.LOOK_AT_PERSON,
        Permission.LOOK_AT_VEHICLE,
        Permission.READ_LOG,
    }
)
"""What needs an account always."""
BY_ITSELF = frozenset({Permission.RUN_NIGHTLY, Permission.RUN_RETENTION, Permission.BACKUP})
"""What the program's own system user may do."""
NEEDED = {
    "person": Permission.LOOK_AT_PERSON,
    "trainee": Permission.LOOK_AT_PERSON,
    "vehicle": Permission.LOOK_AT_VEHICLE,
    "case": Permission.READ_CASES,
    "finding": Permission.READ_FINDINGS,
    "night": Permission.READ_FINDINGS,
}
"""Which permission a look at each kind of subject takes."""


class NotAllowed(StoreRefused):
    """Whoever asks may not do that; the message says which role may, and who grants it."""


def os_user() -> str:
    """Return the effective system user's name; `#1234` where the system has no name for the number."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"#{os.geteuid()}"


def acting(store: Store, permission: Permission, place: Placed | None = None) -> Actor:
    """Return who acts, if he has a permission (at a place, if one is given); raises `NotAllowed` otherwise."""
    user = os_user()
    with store.reading() as session:
        name = named_by_os(session, user)
        if name is not None:
            actor = actor_of(session, name, store.clock())
            if not _holds(actor, permission, place):
                raise _denied(name, permission)
            return actor
        is_new = not has_accounts(session)
    if is_new and permission not in LOOKING:
        return SYSTEM
    if not is_new and permission in BY_ITSELF and store.folder.stat().st_uid == os.geteuid():
        return SYSTEM
    raise _nobody(user, permission, is_new)


def look(
    store: Store,
    actor: Actor,
    kind: str,
    subject_id: str,
    reason: str = "",
    *,
    case: str | None = None,
    place: Placed | None = None,
) -> int:
    """Write down that somebody is about to look at something, and return the entry's number; then it may be shown.

    The entry is committed by itself: it stays, whatever becomes of the look. A person needs a reason in words or a
    case's number. A look that is denied is written down, too. Raises `NotAllowed`, and `LogRefused` without a reason.
    """
    permission = NEEDED[kind]
    allowed = not actor.is_system and _holds(actor, permission, place)
    why = ": ".join(part for part in (case, reason) if part)
    if allowed and kind in PERSONS and not is_reason(why):
        raise LogRefused(say("A person's record is not looked at without a reason: give --reason TEXT or --case ID."))
    action, role = (LOOK, role_in(actor, permission, place)) if allowed else (LOOK_DENIED, "none")
    with store.writing() as session:
        tip = append(session, [Entry(store.clock(), actor.name, role, action, kind, subject_id, why)])
    if not allowed:
        raise _denied(actor.name, permission)
    return tip.seq


def _holds(actor: Actor, permission: Permission, place: Placed | None) -> bool:
    return has_permission(actor, permission) if place is None else has_permission_at(actor, permission, place)


def _denied(name: str, permission: Permission) -> NotAllowed:
    text = say("Account {name} may not do this ({permission}). It takes the role: {roles}. An administrator grants it.")
    return NotAllowed(text.format(name=name, permission=permission, roles=_roles_with(permission)))


def _nobody(user: str, permission: Permission, is_new: bool) -> NotAllowed:
    if is_new:
        text = say(
            "There is no account yet, and looking takes one. Make an administrator (trajaudit user add NAME); he adds"
            " an account for the system user {user} with the role: {roles}."
        )
    else:
        text = say(
            "The system user {user} has no account, so this ({permission}) is not allowed. An administrator adds one"
            " (trajaudit user add) with the role: {roles}."
        )
    told = text.format(user=user, permission=permission, roles=_roles_with(permission))
    if permission in BY_ITSELF:
        told += " " + say("Or run it as the system user to whom the store's folder belongs.")
    return NotAllowed(told)


def _roles_with(permission: Permission) -> str:
    return ", ".join(role.value for role in Role if permission in PERMISSIONS[role])
