"""A store to try the server with: one night of a bundle, and accounts of each role, their passwords new at each start.

It is made in an empty store only, and marked; a store that an office works with is refused.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import typer

from cases.roles import Actor, Role
from feeds.bundle import read_bundle
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger
from runs.night_desk import Desk
from runs.nightly import Order, nightly
from runs.open_store import opened
from runs.settings import Settings, read_settings
from runs.show import table
from runs.who import os_user
from runs.words import say
from store import accounts, api_keys, credentials
from store.engine import Store
from store.passwords import hash_password
from store.schema import reached

MARK = "demo"
OURS = "demo-"
ADMIN, PLATFORM = "demo-admin", "demo-platform"
_WORDS = 4


@dataclass(frozen=True, slots=True)
class Demo:
    """What was made: name, role and password of each account, and a key for a program; shown this once."""

    folder: Path
    logins: tuple[tuple[str, Role, str], ...]
    key: str


def make_demo(path: Path | None, bundle: Path, day: date) -> Demo:
    """Audit a bundle into a store of its own; raises `UnusableInput` for a store that others work with."""
    settings = read_settings(path)
    store = opened(settings)
    try:
        with reached(store):
            _must_be_ours(store)
            _audit(store, settings, bundle, day)
            _make_accounts(store, bundle)
            return _told(store)
    finally:
        store.close()


def renewed_demo(path: Path | None) -> Demo | None:
    """Return the accounts of the demonstration that the store is, with new passwords; None where it is none."""
    settings = read_settings(path)
    if not (settings.store.folder / MARK).is_file():
        return None
    store = opened(settings)
    try:
        with reached(store):
            return _told(store)
    finally:
        store.close()


def _must_be_ours(store: Store) -> None:
    mark = store.folder / MARK
    with store.reading() as session:
        is_used = accounts.has_accounts(session)
    if is_used and not mark.is_file():
        hint = "Name another folder: TRAJAUDIT_STORE__FOLDER=out/demo."
        raise UnusableInput([Fault(str(store.folder), "holds accounts already", expected="an empty store", hint=hint)])
    mark.touch(mode=0o600)


def _audit(store: Store, settings: Settings, bundle: Path, day: date) -> None:
    """Take the night in; a night that was not audited is told as what is wrong with its input."""
    done = nightly(Desk.open(store, settings), Order(day, bundle))
    failed = [text for night in done.nights if night.is_failed for what in night.trouble.values() for text in what]
    if failed:
        raise UnusableInput([Fault(str(bundle), text) for text in failed])


def _make_accounts(store: Store, bundle: Path) -> None:
    """Make the accounts that are not there yet."""
    school = next(iter(read_bundle(bundle, Ledger()).schools), None)
    wanted: list[tuple[str, Role, list[str] | None, str | None]] = [
        ("demo-head", Role.OFFICE_HEAD, None, None),
        ("demo-auditor", Role.AUDITOR, None, None),
        (PLATFORM, Role.SERVICE, None, None),
    ]
    if school is not None:
        wanted.append(("demo-district", Role.AUDITOR, [school.district], None))
        wanted.append(("demo-school", Role.SCHOOL, None, school.school_id))
    with store.writing() as session:
        now = store.clock()
        if not accounts.has_accounts(session):
            accounts.add_first(session, os_user(), ADMIN, os_user(), now)
        admin = accounts.actor_of(session, ADMIN, now)
        held = {a.name for a in accounts.accounts(session, now)}
        for name, role, districts, school_id in wanted:
            if name not in held:
                accounts.create_user(session, admin, name, None, now, MARK)
                accounts.grant(session, admin, name, role, now, districts=districts, school=school_id, reason=MARK)


def _told(store: Store) -> Demo:
    """Return the accounts, each with a new password; those of before end."""
    with store.reading() as session:
        now = store.clock()
        admin = accounts.actor_of(session, ADMIN, now)
        ours = {
            a.name: a.grants[0].role for a in accounts.accounts(session, now) if a.name.startswith(OURS) and a.grants
        }
    logins = sorted((name, role) for name, role in ours.items() if name != PLATFORM)
    return Demo(store.folder, tuple((n, role, _password(store, admin, n)) for n, role in logins), _key(store, admin))


def _password(store: Store, admin: Actor, name: str) -> str:
    """Give an account a new password, to be changed at its first login."""
    password = "-".join(secrets.token_hex(2) for _ in range(_WORDS))
    kept = hash_password(password)
    with store.writing() as session:
        credentials.set_password(session, admin, name, kept, store.clock(), MARK)
    return password


def _key(store: Store, admin: Actor) -> str:
    """Give the program's account a new key; the one before ends."""
    with store.writing() as session:
        now = store.clock()
        for key in api_keys.keys_of(session, PLATFORM):
            if key.revoked_ms is None:
                api_keys.revoke_key(session, admin, key.id, now, MARK)
        return api_keys.give_key(session, admin, PLATFORM, MARK, 7, now).key


def show_demo(made: Demo, lang: str) -> None:
    """Print the accounts, once."""
    header = [say("Account", lang), say("Role", lang), say("Password", lang)]
    table(say("Accounts to try", lang), header, [[name, str(role), password] for name, role, password in made.logins])
    typer.echo(
        say("Each password is to be changed at the first login. Key for programs: {key}", lang).format(key=made.key)
    )
