"""The command `serve`: the HTTP entrance, which stands a floor above and is looked up by its name when it is started.

See docs/decisions/0020-serving.md.
"""

from __future__ import annotations

import importlib
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from runs.help_pages import Command, example
from runs.options import LANG, Language, Quiet, SettingsFile, dated
from runs.words import say

ENTRANCE = "api.serve"
"""Imported by name and only here: nothing of this floor knows what it is."""
NEEDS = {"fastapi", "starlette", "uvicorn", "argon2", "prometheus_client", "jwt", "structlog", "httpx"}


def serve(
    host: Annotated[str, typer.Option(help=say("Address to listen on."))] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help=say("Port to listen on."))] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help=say("Processes that answer."))] = 1,
    demo: Annotated[
        Path | None,
        typer.Option(
            help=say("Audit this bundle into a store of its own first, with accounts to try (needs --date)."),
            show_default=False,
        ),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help=say("The service day of --demo."), callback=dated),
    ] = None,
    prepare: Annotated[
        bool, typer.Option("--prepare", help=say("Make the store of --demo, and end; `serve` then shows it."))
    ] = False,
    units: Annotated[
        Path | None,
        typer.Option("--units", help=say("Write a systemd service to this folder, and end."), show_default=False),
    ] = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    quiet: Quiet = False,
) -> None:
    """Serve until SIGTERM or SIGINT."""
    if units is not None:
        from runs.scheduler import write_serve_unit  # noqa: PLC0415

        typer.echo(str(write_serve_unit(units, settings, host, port, workers)))
        return
    _demonstrate(settings, demo, None if day is None else day.date(), prepare, lang)
    if prepare:
        return
    _entrance().run(host, port, workers, settings, lang, quiet)


def _demonstrate(settings: Path | None, bundle: Path | None, day: date | None, prepare: bool, lang: str) -> None:
    """Make a demonstration where one is asked for; tell the accounts of the one that the store is."""
    from runs.demo import make_demo, renewed_demo, show_demo  # noqa: PLC0415

    if (bundle is None) != (day is None) or (prepare and bundle is None):
        raise typer.BadParameter(say("--demo and --date belong together, and --prepare needs them.", lang))
    made = renewed_demo(settings) if bundle is None or day is None else make_demo(settings, bundle, day)
    if prepare and made is not None:
        told = say(
            "{folder} holds the night: `trajaudit serve` shows it in a browser, and prints accounts to log in.", lang
        )
        typer.echo(told.format(folder=made.folder))
    elif made is not None:
        show_demo(made, lang)


def _entrance() -> Any:
    """Return the floor above; raises `UnusableInput` where what it needs is not installed."""
    from feeds.faults import Fault, UnusableInput  # noqa: PLC0415

    try:
        return importlib.import_module(ENTRANCE)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDS:
            raise
        hint = "Install trajaudit[server]."
        raise UnusableInput([Fault("serve", f"{error.name} is not installed", hint=hint)]) from error


def add_serve(app: typer.Typer) -> None:
    """Put the command in its place."""
    said = say("Serve API, maps and start page over HTTP. Several processes, TLS and limits as the settings say.")
    app.command(cls=Command, help=example(said, "trajaudit serve --port 8000 --workers 2"))(serve)
