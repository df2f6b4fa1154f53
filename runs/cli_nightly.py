"""The commands that work on the store night by night: `ingest`, `nightly`, `whatif`, `scheduler`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from runs.help_pages import Command, example
from runs.options import LANG, Day, Json, Language, MapFile, Quiet, SettingsFile, dated
from runs.words import say

EXIT_NOT_ALL, EXIT_RUNS_ALREADY = 4, 5

OptionalDay = Annotated[
    datetime | None,
    typer.Option(
        "--date", formats=["%Y-%m-%d"], help=say("The service day (the last one that is over)."), show_default=False,
        callback=dated,
    ),
]  # fmt: skip
Folder = Annotated[Path, typer.Argument(help=say("The bundle's folder, or one with late files."), show_default=False)]


def ingest(
    bundle: Folder,
    day: Day,
    settings: SettingsFile = None,
    lang: Language = LANG,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Take a delivery in."""
    from runs.nightly_text import show_ingested  # noqa: PLC0415
    from runs.show import listener  # noqa: PLC0415
    from runs.store_night import take_in  # noqa: PLC0415

    with listener(quiet or as_json, lang) as progress:
        came = take_in(settings, bundle, day.date(), progress)
    show_ingested(came, lang, quiet, as_json)


def nightly(
    day: OptionalDay = None,
    bundle: Annotated[
        Path | None,
        typer.Option(help=say("The night's bundle (a folder of its date in `nightly.bundles`)."), show_default=False),
    ] = None,
    catch_up: Annotated[bool, typer.Option("--catch-up", help=say("Also take in nights that were missed."))] = False,
    again: Annotated[
        bool, typer.Option("--again", help=say("Ask everything anew, also where nothing changed."))
    ] = False,
    settings: SettingsFile = None,
    lang: Language = LANG,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run the nightly; exit code 4 where something is missing, 5 where another one runs."""
    from runs.nightly import Order  # noqa: PLC0415
    from runs.nightly_text import show_nightly  # noqa: PLC0415
    from runs.show import listener  # noqa: PLC0415
    from runs.store_night import run_nightly  # noqa: PLC0415
    from store.lease import LeaseLost, LeaseTaken  # noqa: PLC0415

    order = Order(None if day is None else day.date(), bundle, catch_up, again)
    try:
        with listener(quiet or as_json, lang) as progress:
            done = run_nightly(settings, order, progress)
    except (LeaseTaken, LeaseLost) as error:
        typer.echo(say("Another nightly runs: {what}", lang).format(what=error), err=True)
        raise typer.Exit(EXIT_RUNS_ALREADY) from None
    show_nightly(done, lang, quiet, as_json)
    if not done.is_whole:
        raise typer.Exit(EXIT_NOT_ALL)


def whatif(
    day: Day,
    bundle: Annotated[
        Path | None,
        typer.Argument(help=say("The bundle's folder; without one, the night of the store."), show_default=False),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="RULE.PARAMETER=VALUE", help=say("A value to try; may be given several times.")),
    ] = None,
    office: Annotated[Path | None, typer.Option(help=say("TOML file with the office's values to try."))] = None,
    zones: Annotated[Path | None, typer.Option(help=say("File of zones to try in place of the bundle's."))] = None,
    schedules: Annotated[Path | None, typer.Option(help=say("schedules.csv to try in place of the bundle's."))] = None,
    delivery: Annotated[
        Path | None, typer.Option(help=say("Folder with files to try, late tracks too (store only)."))
    ] = None,
    office_now: Annotated[
        Path | None, typer.Option("--office-now", help=say("TOML file with the office's values that are in force."))
    ] = None,
    map_file: MapFile = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    jobs: Annotated[int, typer.Option(min=1, help=say("Threads."))] = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Try an edit on one service day, of a bundle or of the store."""
    from runs.compared import write_difference_map  # noqa: PLC0415
    from runs.preview import Edit  # noqa: PLC0415
    from runs.show import listener  # noqa: PLC0415
    from runs.show_differences import show_trial  # noqa: PLC0415
    from runs.store_night import try_on_store  # noqa: PLC0415
    from runs.whatif import Trial, try_out  # noqa: PLC0415

    told, seen = tuple(values or ()), None
    with listener(quiet or as_json, lang) as progress:
        if bundle is not None:
            trial = Trial(bundle, day.date(), told, office, zones, schedules, office_now, jobs)
            compared = try_out(trial, progress, lang)
        else:
            edit = Edit(day.date(), delivery, zones, schedules, office, told)
            seen = try_on_store(settings, edit, progress, lang)
            compared = seen.compared
    if map_file is not None:
        write_difference_map(map_file, compared, lang)
    show_trial(compared, lang, quiet, as_json, seen)


def scheduler(
    settings: SettingsFile = None,
    units: Annotated[
        Path | None,
        typer.Option(
            "--units", help=say("Write the systemd services and timers to this folder, and end."), show_default=False
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run the nightly, and erase what is past its period, every day until stopped, where there is no systemd."""
    from runs.scheduler import run_scheduler, write_units  # noqa: PLC0415

    if units is not None:
        for path in write_units(units, settings):
            typer.echo(str(path))
        return
    run_scheduler(settings, quiet)


def settings(
    path: SettingsFile = None,
    markdown: Annotated[bool, typer.Option("--markdown", help=say("Print docs/SETTINGS.md."))] = False,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Show the settings as they stand."""
    from runs.settings_text import show_settings  # noqa: PLC0415

    show_settings(path, lang, as_json, markdown)


def add_nightly(app: typer.Typer) -> None:
    """Put the commands in their place."""
    told: dict[Callable[..., None], tuple[str, str]] = {
        ingest: (
            say("Take a bundle, or late files of one, into the store. What is known already changes nothing."),
            "trajaudit ingest sample_data/city --date 2026-03-18",
        ),
        nightly: (
            say("Take in the night's bundle, audit what is stale, open cases, and put notices into the outbox."),
            "trajaudit nightly --date 2026-03-18 --bundle sample_data/city",
        ),
        whatif: (
            say("Audit a day as it is and with an edit, and show what the edit would do. Nothing is changed."),
            "trajaudit whatif sample_data/city --date 2026-03-18 --zones new.geojson",
        ),
        scheduler: (
            say(
                "Run the nightly, and erase what is past its period, every day at the times that are set, "
                "in a process of its own."
            ),
            "trajaudit scheduler --settings trajaudit.toml",
        ),
        settings: (
            say("Show what is set, from the file and the environment. Secrets are hidden."),
            "trajaudit settings --settings trajaudit.toml",
        ),
    }
    for command, (said, how) in told.items():
        app.command(cls=Command, help=example(said, how))(command)
