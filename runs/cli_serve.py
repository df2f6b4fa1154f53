"""The command `serve`: the HTTP entrance, which stands a floor above and is looked up by its name when it is started.

See docs/decisions/0020-serving.md.
"""

from __future__ import annotations

import importlib
from datetime import datetime
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
    if demo is not None:
        from runs.demo import make_demo, show_demo  # noqa: PLC0415

        if day is None:
            raise typer.BadParameter(say("--demo needs --date: the bundle's service day.", lang))
        show_demo(make_demo(settings, demo, day.date()), lang)
    _entrance().run(host, port, workers, settings, lang, quiet)


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
