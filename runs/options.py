"""Options that several commands of `trajaudit` share. Nothing slow is imported here: help pages come at once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from runs.words import default_language, say

FIRST_YEAR, LAST_YEAR = 1980, 2199


class Lang(StrEnum):
    """Languages of maps and summaries."""

    ZH = "zh"
    EN = "en"


class Form(StrEnum):
    """What a track can be written as."""

    GEOPACKAGE = "geopackage"
    GEOPARQUET = "geoparquet"
    MFJSON = "mfjson"
    GPX = "gpx"


LANG = Lang(default_language())
Bundle = Annotated[Path, typer.Argument(help=say("The bundle's folder."), show_default=False)]


def dated(day: datetime | None) -> datetime | None:
    """Refuse a year in which no GPS track was made, or that a typing error made."""
    if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise typer.BadParameter(say("expected a year from {first} to {last}").format(first=FIRST_YEAR, last=LAST_YEAR))
    return day


Day = Annotated[
    datetime,
    typer.Option(
        "--date",
        formats=["%Y-%m-%d"],
        help=say("The service day (04:00 to 04:00 local)."),
        show_default=False,
        callback=dated,
    ),
]
Office = Annotated[Path | None, typer.Option(help=say("TOML file with the office's own dated rule values."))]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help=say("TOML file with the settings."), show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help=say("Print JSON."))]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help=say("Print nothing but errors."))]
MapFile = Annotated[Path | None, typer.Option("--map", help=say("Write a map of what differs to this file."))]
Language = Annotated[Lang, typer.Option(help=say("Language of maps and summary."))]
