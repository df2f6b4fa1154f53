"""The command `trajaudit report`: a night's report from the store, to print and to file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runs.help_pages import Command, example
from runs.options import LANG, Day, Language, Quiet, SettingsFile
from runs.words import say


def report(
    day: Day,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help=say("File to write: .html is a page, .json its numbers."), show_default=False
        ),
    ],
    settings: SettingsFile = None,
    lang: Language = LANG,
    quiet: Quiet = False,
) -> None:
    """Write a night's report."""
    from runs.report_orders import write_report  # noqa: PLC0415
    from runs.show import safe_text  # noqa: PLC0415

    if out.suffix.lower() not in {".html", ".json"}:
        raise typer.BadParameter(say("expected a file that ends in .html or .json"), param_hint="--out")
    write_report(settings, day.date(), out, str(lang))
    if not quiet:
        typer.echo(say("Report", lang) + f": {safe_text(str(out))}")


def add_report(app: typer.Typer) -> None:
    """Put the command in its place."""
    said = say("Write a night's report from the store: what was audited, found and not assessed. You see your own.")
    app.command(cls=Command, help=example(said, "trajaudit report --date 2026-03-18 --out report.html"))(report)
