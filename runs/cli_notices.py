"""The commands `trajaudit notices`: deliver the outbox, see what was given up, say who is told."""

from __future__ import annotations

from typing import Annotated

import typer

from runs.help_pages import Command, Group, example
from runs.options import LANG, Json, Language, SettingsFile
from runs.words import say

EXIT_NOT_TAKEN = 4

notices = typer.Typer(
    cls=Group,
    name="notices",
    help=say("Notices of nights and cases: who is told, and what was sent."),
    epilog=say("Example:") + " trajaudit notices list --state dead",
    no_args_is_help=True,
)

Number = Annotated[int, typer.Argument(metavar="N", help=say("A webhook's number."), show_default=False)]


@notices.command(
    cls=Command,
    help=example(
        say("Send what waits in the outbox. Nothing is sent unless the settings allow it."),
        "trajaudit notices deliver --watch",
    ),
)
def deliver(
    watch: Annotated[
        bool, typer.Option("--watch/--once", help=say("Until stopped, with every retry in its time; or once through."))
    ] = False,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Deliver."""
    from runs.notices_desk import deliver  # noqa: PLC0415

    deliver(settings, watch, lang, as_json)


@notices.command(
    "list",
    cls=Command,
    help=example(say("Show the last deliveries with what failed."), "trajaudit notices list --state dead"),
)
def list_(
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help=say("Only waiting, sent or dead ones."), show_default=False)
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=100_000, help=say("How many deliveries."))] = 50,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Show deliveries."""
    from runs.notices_desk import list_deliveries  # noqa: PLC0415

    list_deliveries(settings, state, last, lang, as_json)


@notices.command(
    cls=Command,
    help=example(say("Let what was given up be tried again."), "trajaudit notices retry --dead"),
)
def retry(
    number: Annotated[
        int | None, typer.Argument(metavar="N", help=say("A delivery's number."), show_default=False)
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help=say("All that were given up."))] = False,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Retry."""
    from runs.notices_desk import retry  # noqa: PLC0415

    retry(settings, number, dead, lang, as_json)


@notices.command(
    "add-webhook",
    cls=Command,
    help=example(
        say("Have a system told of what happens from now on, signed by Standard Webhooks."),
        "trajaudit notices add-webhook https://hooks.example.cn/trajaudit --secret-ref file:/etc/trajaudit/hook",
    ),
)
def add_webhook(
    url: Annotated[str, typer.Argument(metavar="URL", help=say("Where to."), show_default=False)],
    secret_ref: Annotated[
        str,
        typer.Option(
            metavar="REF", help=say("env:NAME or file:/PATH (mode 0600) that holds whsec_..."), show_default=False
        ),
    ],
    kinds: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS", help=say("Kinds, comma-joined, such as case.*,night.audited (all)."), show_default=False
        ),
    ] = None,
    clearance: Annotated[
        str, typer.Option(metavar="WHAT", help=say("What it is told beside ids: none, or vehicle."))
    ] = "none",
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Add a webhook."""
    from runs.notices_desk import add_webhook  # noqa: PLC0415

    add_webhook(settings, url, kinds, secret_ref, clearance, lang, as_json)


@notices.command("webhooks", cls=Command, help=example(say("List the webhooks."), "trajaudit notices webhooks"))
def webhooks(settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False) -> None:
    """Show webhooks."""
    from runs.notices_desk import list_webhooks  # noqa: PLC0415

    list_webhooks(settings, lang, as_json)


@notices.command(
    "remove-webhook",
    cls=Command,
    help=example(
        say("Tell a webhook nothing more; what was on its way to it is given up."),
        "trajaudit notices remove-webhook 1",
    ),
)
def remove_webhook(number: Number, settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False) -> None:
    """Remove a webhook."""
    from runs.notices_desk import remove_webhook  # noqa: PLC0415

    remove_webhook(settings, number, lang, as_json)


@notices.command(
    "test-webhook",
    cls=Command,
    help=example(
        say("Send a webhook a notice of kind test; exit code 4 where it was not taken."),
        "trajaudit notices test-webhook 1",
    ),
)
def try_webhook(number: Number, settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False) -> None:
    """Try a webhook."""
    from runs.notices_desk import check_webhook  # noqa: PLC0415

    if not check_webhook(settings, number, lang, as_json):
        raise typer.Exit(EXIT_NOT_TAKEN)
