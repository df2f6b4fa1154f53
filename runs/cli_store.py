"""The commands `trajaudit store`: the schema, whether the store is whole, backups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runs.help_pages import Command, Group, example
from runs.options import LANG, Json, Language, SettingsFile
from runs.words import say

EXIT_TROUBLES = 3

store = typer.Typer(
    cls=Group,
    name="store",
    help=say("The store: its schema, whether it is whole, backups."),
    epilog=say("Example:") + " trajaudit store check",
    no_args_is_help=True,
)


@store.command(
    cls=Command,
    help=example(
        say("Bring the store's schema to this program's. Back up first; going back loses what only the newer one has."),
        "trajaudit store migrate --settings office.toml",
    ),
)
def migrate(
    to: Annotated[str, typer.Option("--to", metavar="REVISION", help=say("A revision, `head` or `base`."))] = "head",
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Migrate forward or back."""
    from runs.store_care import migrate_store  # noqa: PLC0415

    migrate_store(settings, to, lang, as_json)


@store.command(
    cls=Command,
    help=example(
        say("Look the store over: database, files beside rows, versions, events. Exit code 3 where it is not whole."),
        "trajaudit store check --deep --settings office.toml",
    ),
)
def check(
    deep: Annotated[bool, typer.Option("--deep", help=say("Read every file, for its digest and its rows."))] = False,
    sweep: Annotated[
        bool, typer.Option("--sweep", help=say("Remove files that no row names and that are more than a day old."))
    ] = False,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Check; exit code 3 where something is wrong."""
    from runs.store_care import check_store  # noqa: PLC0415

    if not check_store(settings, deep, sweep, lang, as_json):
        raise typer.Exit(EXIT_TROUBLES)


@store.command(
    cls=Command,
    help=example(
        say("Write every row and every file as of this moment into a new folder."),
        "trajaudit store backup /media/backup/2026-03-19 --settings office.toml",
    ),
)
def backup(
    target: Annotated[Path, typer.Argument(help=say("Folder, new or empty; gets mode 0700."), show_default=False)],
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Back up."""
    from runs.store_care import back_up  # noqa: PLC0415

    back_up(settings, target, lang, as_json)


@store.command(
    cls=Command,
    help=example(
        say("Put a backup into an empty store, of the same database or the other, and check it."),
        "trajaudit store restore /media/backup/2026-03-19 --settings office.toml",
    ),
)
def restore(
    folder: Annotated[Path, typer.Argument(metavar="BACKUP", help=say("Folder of a backup."), show_default=False)],
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Restore; exit code 3 where the check finds something."""
    from runs.store_care import restore_store  # noqa: PLC0415

    if not restore_store(settings, folder, lang, as_json):
        raise typer.Exit(EXIT_TROUBLES)
