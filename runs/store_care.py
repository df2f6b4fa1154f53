"""What `trajaudit store` does, and what it tells: migrate, check, back up, restore."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from cases.roles import Permission
from runs.open_store import any_store
from runs.show import one_line, table
from runs.who import acting, os_user
from runs.words import N_, say
from store import backup as backups
from store.access_log import Entry, append
from store.accounts import role_in
from store.check import Trouble, check, sweep
from store.engine import Store
from store.manifest import Manifest
from store.schema import migrate, reached, require_current, schema_state

SUBJECT_KIND = "store"

MEANINGS = {
    "schema": N_("another schema than this program's: run trajaudit store migrate"),
    "database": N_("the database is damaged: restore a backup"),
    "foreign-key": N_("a row refers to one that is not there"),
    "no-blob": N_("a night names a file of which nothing is kept"),
    "misplaced": N_("a row names a file at a place where it does not belong"),
    "missing-file": N_("the file is not there: put it back from a backup"),
    "wrong-size": N_("the file has another size: put it back from a backup"),
    "wrong-digest": N_("the file has other bytes: put it back from a backup"),
    "unreadable": N_("the file cannot be read: put it back from a backup"),
    "wrong-rows": N_("the file has another number of rows"),
    "orphan": N_("no row names this file: trajaudit store check --sweep removes it"),
    "new-file": N_("no row names this file yet; it is not a day old"),
    "event-gap": N_("the case's events are not complete"),
    "lone-events": N_("events of a case that is not there"),
    "versions": N_("not exactly one version is current"),
}
"""What each code of a trouble means."""


def migrate_store(path: Path | None, target: str, lang: str, as_json: bool) -> None:
    """Step to a revision, and say from where to where."""
    with any_store(path) as store:
        before, after = migrate(store, target)
    if as_json:
        typer.echo(json.dumps({"before": before.current, "after": after.current, "state": after.state}))
    elif before.current == after.current:
        typer.echo(say("Nothing to do: the schema is {revision}.", lang).format(revision=after.current or "-"))
    else:
        told = say("Schema {before} is now {after}.", lang)
        typer.echo(told.format(before=before.current or "-", after=after.current or "-"))


def check_store(path: Path | None, deep: bool, sweeps: bool, lang: str, as_json: bool) -> bool:
    """Look a store over, and sweep if asked to; return whether all is well."""
    with any_store(path) as store:
        swept: list[str] = []
        if sweeps:
            require_current(store)
            acting(store, Permission.RUN_RETENTION)
            swept = sweep(store)
        troubles = check(store, deep)
    _tell_check(troubles, swept, lang, as_json)
    return not any(trouble.is_fault for trouble in troubles)


def _tell_check(troubles: Sequence[Trouble], swept: Sequence[str], lang: str, as_json: bool) -> None:
    if as_json:
        told = {"troubles": [asdict(t) | {"is_fault": t.is_fault} for t in troubles], "swept": list(swept)}
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    if swept:
        typer.echo(say("{n} files that no row named were removed.", lang).format(n=f"{len(swept):,}"))
    if not troubles:
        typer.echo(say("The store is whole.", lang))
    else:
        show_troubles(troubles, lang)


def show_troubles(troubles: Sequence[Trouble], lang: str) -> None:
    """Print troubles as a table."""
    header = [say("Trouble", lang), say("Where", lang), say("Found", lang), say("Expected", lang), say("Meaning", lang)]
    rows = [
        [t.code, *(one_line(text) for text in (t.subject, t.found, t.expected)), say(MEANINGS[t.code], lang)]
        for t in troubles
    ]
    table(say("Troubles of the store", lang), header, rows)


def back_up(path: Path | None, target: Path, lang: str, as_json: bool) -> None:
    """Back up, which the access log notes first: the backup holds that entry, too."""
    with any_store(path) as store, reached(store):
        if schema_state(store).state != "behind":
            require_current(store)
        actor = acting(store, Permission.BACKUP)
        backups.refuse_target(store, target)
        _note(store, actor.name, role_in(actor, Permission.BACKUP), "backup", str(target.absolute()))
        manifest = backups.backup(store, target)
    told = say("Backed up to {folder}: {rows} rows, {files} files.", lang)
    _tell_backup(told, target, manifest, [], lang, as_json)


def restore_store(path: Path | None, folder: Path, lang: str, as_json: bool) -> bool:
    """Restore into an empty store; return whether the check at the end finds nothing."""
    with any_store(path) as store:
        restored = backups.restore(folder, store)
        _note(store, "system", "system", "restore", f"{folder.absolute()} ({os_user()})")
    told = say("Restored from {folder}: {rows} rows, {files} files.", lang)
    _tell_backup(told, folder, restored.manifest, restored.troubles, lang, as_json)
    return not any(trouble.is_fault for trouble in restored.troubles)


def _note(store: Store, actor: str, role: str, action: str, reason: str) -> None:
    with store.writing() as session:
        append(session, [Entry(store.clock(), actor, role, action, SUBJECT_KIND, store.dialect, reason)])


def _tell_backup(
    told: str, folder: Path, manifest: Manifest, troubles: Sequence[Trouble], lang: str, as_json: bool
) -> None:
    n_rows, n_files = sum(manifest.tables.values()), len(manifest.files)
    if as_json:
        members: dict[str, Any] = {"folder": str(folder), "schema": manifest.schema, "rows": n_rows, "files": n_files}
        members["troubles"] = [asdict(t) for t in troubles]
        typer.echo(json.dumps(members, ensure_ascii=False))
        return
    typer.echo(told.format(folder=folder, rows=f"{n_rows:,}", files=f"{n_files:,}"))
    if troubles:
        show_troubles(troubles, lang)
