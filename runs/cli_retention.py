"""The commands `trajaudit retention`: erasing what is past its period, and legal holds."""

from __future__ import annotations

from typing import Annotated

import typer

from runs.help_pages import Command, Group, example
from runs.options import LANG, Day, Json, Language, SettingsFile
from runs.words import say

EXIT_FLAWED = 3

retention = typer.Typer(
    cls=Group,
    name="retention",
    help=say("Erasing what is past its period, and legal holds."),
    epilog=say("Example:") + " trajaudit retention preview",
    no_args_is_help=True,
)
hold = typer.Typer(
    cls=Group,
    name="hold",
    help=say("Legal holds: nights of which nothing is erased. The access log is not held."),
    epilog=say("Example:") + " trajaudit retention hold list",
    no_args_is_help=True,
)
retention.add_typer(hold)


@retention.command(
    cls=Command,
    help=example(
        say("Show what a run would erase now, and what it would keep and why. Nothing is changed."),
        "trajaudit retention preview --settings office.toml",
    ),
)
def preview(settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False) -> None:
    """Show what is due."""
    from runs.retention import show_preview  # noqa: PLC0415

    show_preview(settings, lang, as_json)


@retention.command(
    cls=Command,
    help=example(
        say("Erase what is past its period, and write a signed tombstone. It cannot be undone."),
        "trajaudit retention run --yes --settings office.toml",
    ),
)
def run(
    yes: Annotated[bool, typer.Option("--yes", help=say("Do not ask."))] = False,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Erase."""
    from runs.retention import run_retention  # noqa: PLC0415

    run_retention(settings, yes, lang, as_json)


@retention.command(
    cls=Command,
    help=example(
        say("Look whether every tombstone is as it was signed; exit code 3 and each flaw where not."),
        "trajaudit retention verify --settings office.toml",
    ),
)
def verify(
    public_key: Annotated[
        list[str] | None,
        typer.Option(
            "--public-key",
            metavar="HEX",
            help=say("A key that may have signed, in place of our own; may be given several times."),
        ),
    ] = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Verify the tombstones."""
    from runs.retention import verify_tombstones  # noqa: PLC0415

    if not verify_tombstones(settings, public_key or (), lang, as_json):
        raise typer.Exit(EXIT_FLAWED)


Why = Annotated[str, typer.Option("--reason", help=say("Why; it stands in the access log."), show_default=False)]


@hold.command(
    cls=Command,
    help=example(
        say("Keep a night from being erased, whatever vehicle or case it is about."),
        'trajaudit retention hold add --date 2026-03-18 --vehicle V0001 --reason "suit 2026/17"',
    ),
)
def add(
    day: Day,
    reason: Why,
    vehicle: Annotated[str | None, typer.Option(help=say("The vehicle_id that it is about."))] = None,
    case: Annotated[str | None, typer.Option(help=say("The case that it is about."))] = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Place a hold."""
    from runs.retention import add_hold  # noqa: PLC0415

    add_hold(settings, day.date(), vehicle, case, reason, lang, as_json)


@hold.command(
    "list", cls=Command, help=example(say("List the holds, also those released."), "trajaudit retention hold list")
)
def list_(settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False) -> None:
    """Show all holds."""
    from runs.retention import list_holds  # noqa: PLC0415

    list_holds(settings, lang, as_json)


@hold.command(
    cls=Command,
    help=example(
        say("Release a hold: from then on the night's periods count again."),
        'trajaudit retention hold release 3 --reason "suit 2026/17 is settled"',
    ),
)
def release(
    number: Annotated[int, typer.Argument(metavar="ID", help=say("A hold's number."), show_default=False)],
    reason: Why,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Release a hold."""
    from runs.retention import release_hold  # noqa: PLC0415

    release_hold(settings, number, reason, lang, as_json)
