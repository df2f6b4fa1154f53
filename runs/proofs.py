"""What `trajaudit user` does with how accounts prove who they are: keys, passwords, second factors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from cases.roles import Actor, Permission
from runs.open_store import opened
from runs.settings import read_settings
from runs.show import one_line, table
from runs.who import acting
from runs.words import say
from store import api_keys, credentials
from store.accounts import AccountRefused, actor_of
from store.engine import Store
from store.tables.api import ApiKey
from trajectories.clock import LocalTime


@contextmanager
def _managing(path: Path | None) -> Iterator[tuple[Store, Actor, LocalTime]]:
    """Give the store, with the administrator who acts."""
    settings = read_settings(path)
    store = opened(settings)
    try:
        yield store, acting(store, Permission.MANAGE_USERS), LocalTime(settings.nightly.timezone)
    finally:
        store.close()


def give_key(path: Path | None, name: str, label: str, days: int | None, lang: str, as_json: bool) -> None:
    """Give an account a key and show it, this once."""
    with _managing(path) as (store, by, local):
        with store.writing() as session:
            given = api_keys.give_key(session, by, name, label, days, store.clock())
        until = None if given.expires_ms is None else local.iso(given.expires_ms)
    if as_json:
        typer.echo(json.dumps({"id": given.id, "name": name, "key": given.key, "expires": until}, ensure_ascii=False))
        return
    text = say("Key {id} of account {name}. It is shown only now, and kept nowhere.", lang)
    typer.echo(text.format(id=given.id, name=one_line(name)), err=True)
    typer.echo(given.key)


def list_keys(path: Path | None, name: str, lang: str, as_json: bool) -> None:
    """Show which keys an account has or had; never a key itself."""
    with _managing(path) as (store, _, local):
        with store.reading() as session:
            found = api_keys.keys_of(session, name)
        now_ms = store.clock()
    lines = [_key(row, local, now_ms) for row in found]
    if as_json:
        typer.echo(json.dumps(lines, ensure_ascii=False))
        return
    header = [say("Key", lang), say("Label", lang), say("Given", lang), say("Given by", lang), say("Until", lang),
              say("State", lang)]  # fmt: skip
    words = {"in use": say("in use", lang), "revoked": say("revoked", lang), "expired": say("expired", lang)}
    rows = [
        [str(k["id"]), k["label"], k["created"], k["created_by"], k["expires"] or "-", words[k["state"]]] for k in lines
    ]
    table(say("Keys of {name}", lang).format(name=one_line(name)), header, rows)


def revoke_key(path: Path | None, key_id: int, reason: str, lang: str, as_json: bool) -> None:
    """End a key at once."""
    with _managing(path) as (store, by, _), store.writing() as session:
        name = api_keys.revoke_key(session, by, key_id, store.clock(), reason)
    _done(say("Key {id} of account {name} is revoked.", lang), {"id": key_id, "name": name}, as_json)


def set_password(path: Path | None, name: str, reason: str, lang: str, as_json: bool) -> None:
    """Give an account a password, which its owner must change at his first login."""
    passwords = _hashing()
    with _managing(path) as (store, by, _):
        with store.reading() as session:
            actor_of(session, name, store.clock())  # nobody types a password for an account that cannot have one
        password = _typed(lang)
        passwords.refuse_weak(name, password)
        kept = passwords.hash_password(password)
        with store.writing() as session:
            credentials.set_password(session, by, name, kept, store.clock(), reason)
    text = say("Account {name} has a new password, and must change it at the next login.", lang)
    _done(text, {"name": name}, as_json)


def reset_totp(path: Path | None, name: str, reason: str, lang: str, as_json: bool) -> None:
    """Take the second factor from an account whose owner has lost it."""
    with _managing(path) as (store, by, _), store.writing() as session:
        credentials.reset_totp(session, by, name, store.clock(), reason)
    _done(say("Account {name} has no second factor now.", lang), {"name": name}, as_json)


def _hashing() -> Any:
    """Return the module that hashes passwords: its library belongs to the server."""
    try:
        from store import passwords  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise AccountRefused(
            f"{error.name} is not installed, which passwords need: install trajaudit[server]"
        ) from None
    return passwords


def _typed(lang: str) -> str:
    """Return a password: asked for twice at a terminal, otherwise the first line of what is piped in."""
    if sys.stdin.isatty():
        again = say("Once more", lang)
        return str(typer.prompt(say("New password", lang), hide_input=True, confirmation_prompt=again, err=True))
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise AccountRefused("the password that was piped in is no UTF-8 text") from None


def _key(row: ApiKey, local: LocalTime, now_ms: int) -> dict[str, Any]:
    is_over = row.expires_ms is not None and row.expires_ms <= now_ms
    return {
        "id": row.id,
        "label": row.label,
        "created": local.iso(row.created_ms),
        "created_by": row.created_by,
        "expires": None if row.expires_ms is None else local.iso(row.expires_ms),
        "revoked": None if row.revoked_ms is None else local.iso(row.revoked_ms),
        "state": "revoked" if row.revoked_ms is not None else "expired" if is_over else "in use",
    }


def _done(text: str, members: dict[str, Any], as_json: bool) -> None:
    said = {name: one_line(str(value)) for name, value in members.items()}
    typer.echo(json.dumps(members, ensure_ascii=False) if as_json else text.format(**said))
