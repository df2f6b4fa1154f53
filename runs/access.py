"""What `trajaudit user` and `trajaudit log` do, and what they tell."""

from __future__ import annotations

import json
import pwd
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from cases.roles import SYSTEM, Grant, Permission, Role
from runs.access_views import account_line, entry_line, entry_time, read_entry
from runs.open_store import opened
from runs.settings import Settings, read_settings
from runs.show import one_line, table
from runs.who import acting, os_user
from runs.words import say
from store import accounts
from store.access_log import Break, Link, append, head, recent, start_of, verify
from store.accounts import Account, AccountRefused
from store.engine import Store
from store.heads import Head, read_heads, write_head
from trajectories.clock import LocalTime


@contextmanager
def _open(path: Path | None) -> Iterator[tuple[Settings, Store]]:
    settings = read_settings(path)
    store = opened(settings)
    try:
        yield settings, store
    finally:
        store.close()


def add_account(path: Path | None, name: str, os_name: str | None, reason: str, lang: str, as_json: bool) -> None:
    """Add an account; the first one is an administrator's."""
    _must_exist(os_name)
    with _open(path) as (_, store):
        by = acting(store, Permission.MANAGE_USERS)
        with store.writing() as session:
            if by is SYSTEM:
                accounts.add_first(session, os_user(), name, os_name or os_user(), store.clock())
            else:
                accounts.create_user(session, by, name, os_name, store.clock(), reason)
    plain, first = (
        say("Account {name} was added.", lang),
        say("Account {name} was added: the first one, an administrator.", lang),
    )
    _done(first if by is SYSTEM else plain, {"name": name, "administrator": by is SYSTEM}, as_json)


def disable_account(path: Path | None, name: str, reason: str, lang: str, as_json: bool) -> None:
    """Disable an account."""
    with _open(path) as (_, store):
        by = acting(store, Permission.MANAGE_USERS)
        with store.writing() as session:
            accounts.disable(session, by, name, store.clock(), reason)
    _done(say("Account {name} may act no more.", lang), {"name": name}, as_json)


def grant_role(
    path: Path | None,
    name: str,
    role: str,
    districts: Sequence[str] | None,
    school: str | None,
    reason: str,
    lang: str,
    as_json: bool,
) -> None:
    """Give an account a role."""
    wanted = _role(role)
    with _open(path) as (_, store):
        by = acting(store, Permission.MANAGE_USERS)
        with store.writing() as session:
            accounts.grant(session, by, name, wanted, store.clock(), districts=districts, school=school, reason=reason)
    _done(say("Account {name} has the role {role}.", lang), {"name": name, "role": wanted.value}, as_json)


def revoke_role(path: Path | None, name: str, role: str, reason: str, lang: str, as_json: bool) -> None:
    """Take a role from an account."""
    wanted = _role(role)
    with _open(path) as (_, store):
        by = acting(store, Permission.MANAGE_USERS)
        with store.writing() as session:
            accounts.revoke(session, by, name, wanted, store.clock(), reason)
    _done(say("Account {name} no longer has the role {role}.", lang), {"name": name, "role": wanted.value}, as_json)


def list_accounts(path: Path | None, lang: str, as_json: bool) -> None:
    """Show all accounts with the roles that they hold now."""
    with _open(path) as (settings, store):
        acting(store, Permission.MANAGE_USERS)
        with store.reading() as session:
            found = accounts.accounts(session, store.clock())
    local = LocalTime(settings.nightly.timezone)
    if as_json:
        typer.echo(json.dumps([account_line(account, local) for account in found], ensure_ascii=False))
        return
    header = [say("Account", lang), say("System user", lang), say("Roles", lang), say("State", lang)]
    rows = [[a.name, a.os_name or "-", "; ".join(map(_grant, a.grants)) or "-", _state(a, lang)] for a in found]
    table(say("Accounts", lang), header, rows)


def show_log(
    path: Path | None, last: int, subject: str | None, actor: str | None, reason: str, lang: str, as_json: bool
) -> None:
    """Show the last entries; that somebody looked is written down first."""
    with _open(path) as (settings, store):
        by = acting(store, Permission.READ_LOG)
        with store.writing() as session:
            append(session, [read_entry(by, store.clock(), subject, actor, reason)])
        with store.reading() as session:
            found = recent(session, last, subject, actor)
    local = LocalTime(settings.nightly.timezone)
    if as_json:
        typer.echo(json.dumps([entry_line(link, local) for link in found], ensure_ascii=False))
        return
    header = [say("Entry", lang), say("Time", lang), say("Account", lang), say("Role", lang), say("Action", lang),
              say("Subject", lang), say("Reason", lang)]  # fmt: skip
    table(say("Access log", lang), header, [_row(link, local) for link in found])


def verify_log(path: Path | None, heads: Path | None, lang: str, as_json: bool) -> bool:
    """Look at the whole chain, tell every place where it is broken, and return whether it is whole.

    Whoever can open the store may: nothing is shown of what the entries say.
    """
    with _open(path) as (settings, store), store.reading() as session:
        place = heads or settings.log.heads
        written = None if place is None else read_heads(place)
        breaks = verify(session, written, start_of(session))
        tip = head(session)
    members = {"whole": not breaks, "last": tip.seq, "digest": tip.digest, "heads": _count(written)}
    if as_json:
        told = [{**b._asdict(), "message": b.message} for b in breaks]
        typer.echo(json.dumps({**members, "breaks": told}, ensure_ascii=False))
        return not breaks
    for found in breaks:
        typer.echo(_broken(found, lang))
    if written is None:
        typer.echo(say("No heads at a second place: whether the log's end was cut off is not known.", lang), err=True)
    if not breaks:
        typer.echo(
            say("The access log is whole, up to entry {n} ({digest}).", lang).format(n=tip.seq, digest=tip.digest)
        )
    return not breaks


def write_down_head(path: Path | None, heads: Path | None, run_id: str, lang: str, as_json: bool) -> None:
    """Print the head, and write it down at the second place if there is one."""
    with _open(path) as (settings, store):
        acting(store, Permission.RUN_NIGHTLY)
        with store.reading() as session:
            tip = head(session)
        place = heads or settings.log.heads
        if place is not None:
            write_head(place, tip.seq, tip.digest, store.clock(), run_id)
    if as_json:
        typer.echo(json.dumps({"seq": tip.seq, "digest": tip.digest, "heads": place and str(place)}))
        return
    typer.echo(f"{tip.seq} {tip.digest}")
    if place is None:
        typer.echo(say("There is no second place: set log.heads in the settings, or give --heads.", lang), err=True)


def _must_exist(os_name: str | None) -> None:
    try:
        pwd.getpwnam(os_name or os_user())
    except KeyError:
        raise AccountRefused(say("There is no system user {name} here.").format(name=one_line(str(os_name)))) from None


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        known = ", ".join(Role)
        raise AccountRefused(
            say("There is no role {name}; expected one of {known}.").format(name=name, known=known)
        ) from None


def _done(text: str, members: Mapping[str, Any], as_json: bool) -> None:
    said = {name: one_line(str(value)) for name, value in members.items()}
    typer.echo(json.dumps(members, ensure_ascii=False) if as_json else text.format(**said))


def _grant(held: Grant) -> str:
    where = "" if held.districts is None else " " + ",".join(sorted(held.districts))
    return held.role.value + where + (f" {held.school_id}" if held.school_id else "")


def _state(account: Account, lang: str) -> str:
    return say("in use", lang) if account.disabled_ms is None else say("disabled", lang)


def _row(link: Link, local: LocalTime) -> list[str]:
    told = [link.seq, entry_time(link.at_ms, local), link.actor, link.role, link.action]
    return [str(value) for value in (*told, f"{link.subject_kind} {link.subject_id}", link.reason)]


def _count(heads: Sequence[Head] | None) -> int | None:
    return None if heads is None else len(heads)


def _broken(found: Break, lang: str) -> str:
    words = {
        "missing": say("entries {seq} to {last} are missing", lang),
        "twice": say("entry {seq} is there twice", lang),
        "order": say("entry {seq} is out of order: it comes after entry {last}", lang),
        "previous": say("entry {seq}: it does not follow the entry before it", lang),
        "digest": say("entry {seq}: its digest does not match what it says", lang),
        "head": say("entry {seq} is not the one written down on {when}", lang),
        "cut": say("entry {seq} was written down on {when}, but the log ends at {last}", lang),
    }
    return words[found.code].format(**found._asdict())
