"""The command `trajaudit`. Only what the help needs is imported here; each command brings the rest itself."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from runs.cli_access import log, user
from runs.cli_cases import case
from runs.cli_nightly import add_nightly
from runs.cli_notices import notices
from runs.cli_report import add_report
from runs.cli_retention import retention
from runs.cli_serve import add_serve
from runs.cli_spot_checks import spot_check
from runs.cli_store import store
from runs.clips import Clips
from runs.help_pages import Command, Group
from runs.help_pages import example as _example
from runs.options import LANG, Bundle, Day, Form, Json, Language, MapFile, Office, Quiet, SettingsFile, dated
from runs.words import say

EXIT_FAULT, EXIT_UNUSABLE, EXIT_DIFFERS, EXIT_NOT_ALL = 1, 2, 3, 4
INPUT_ERRORS = {"feeds.faults.UnusableInput", "reports.publish.OutRefused", "store.engine.StoreRefused"}


app = typer.Typer(
    name="trajaudit",
    help=say("Finds out whether driver training happens where, when and by whom it is approved."),
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command(
    cls=Command,
    help=_example(
        say("Audit one service day of a bundle and write findings, reports and maps."),
        "trajaudit audit sample_data/city --date 2026-03-18 --out out/sample",
    ),
)
def audit(
    bundle: Bundle,
    day: Day,
    out: Annotated[Path, typer.Option(help=say("Folder for the results; made with mode 0700."), show_default=False)],
    lang: Language = LANG,
    jobs: Annotated[int, typer.Option(min=1, help=say("Threads."))] = 1,
    office: Office = None,
    leads: Annotated[
        bool, typer.Option("--leads", help=say("Also write leads.csv: thinner than findings, places to look."))
    ] = False,
    clips: Clips = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run the audit and show its summary."""
    from runs.audit_run import Job, run_audit  # noqa: PLC0415
    from runs.show import listener, show_outcome  # noqa: PLC0415

    with listener(quiet or as_json, lang) as progress:
        outcome = run_audit(Job(bundle, day.date(), out, lang, jobs, office, leads, clips), progress)
    show_outcome(outcome, lang, quiet, as_json)


@app.command(
    cls=Command,
    help=_example(
        say("Work a finding out again from the bundle and say whether it is the same, or what differs."),
        "trajaudit reproduce all --out out/sample --bundle sample_data/city",
    ),
)
def reproduce(
    finding: Annotated[str, typer.Argument(help=say("A finding_id, or `all`."), show_default=False)],
    out: Annotated[Path, typer.Option(help=say("The results of the run."), show_default=False)],
    bundle: Annotated[Path, typer.Option(help=say("The bundle it was made from."), show_default=False)],
    office: Office = None,
    lang: Language = LANG,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Reproduce and compare; exit code 3 where anything differs."""
    from runs.reproduce import reproduce_findings  # noqa: PLC0415
    from runs.show import listener, show_reproductions  # noqa: PLC0415

    with listener(quiet or as_json, lang) as progress:
        results = reproduce_findings(out, bundle, finding, office, progress, lang)
    show_reproductions(results, lang, quiet, as_json)
    if any(r.differences for r in results):
        raise typer.Exit(EXIT_DIFFERS)


@app.command(
    cls=Command,
    help=_example(
        say("Erase face records from a bundle: one person's, or all before a date. Passages stay."),
        "trajaudit erase BUNDLE --faces-before 2026-02-01",
    ),
)
def erase(
    bundle: Bundle,
    person: Annotated[str | None, typer.Option(help=say("A register's key of a person."), show_default=False)] = None,
    faces_before: Annotated[
        datetime | None,
        typer.Option(
            "--faces-before", formats=["%Y-%m-%d"], help=say("All faces shot before this date."), callback=dated
        ),
    ] = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Erase, and say how many records went from which file."""
    from runs.erase import erase_from, show_erasure  # noqa: PLC0415

    show_erasure(erase_from(bundle, person, None if faces_before is None else faces_before.date()), lang, as_json)


@app.command(
    cls=Command,
    help=_example(
        say("List the rules, or explain one with its values as they stand on a day."), "trajaudit rules off-route"
    ),
)
def rules(
    rule: Annotated[str | None, typer.Argument(help=say("A rule's name."), show_default=False)] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help=say("The day asked about (today)."), callback=dated),
    ] = None,
    office: Office = None,
    markdown: Annotated[bool, typer.Option("--markdown", help=say("Print docs/RULES.md."))] = False,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Show the rule cards."""
    from runs.rules_text import show_rules  # noqa: PLC0415

    asked = (day or datetime.now().astimezone()).date()
    typer.echo(show_rules(rule, asked, office, lang, markdown, as_json))


@app.command(
    cls=Command,
    help=_example(say("Check a bundle and tell all its faults at once."), "trajaudit validate sample_data/city"),
)
def validate(bundle: Bundle, lang: Language = LANG, as_json: Json = False, quiet: Quiet = False) -> None:
    """Validate; exit code 2 where an audit would refuse the bundle or leave out a register's row."""
    from feeds.validate import validate_bundle  # noqa: PLC0415
    from runs.show import show_report  # noqa: PLC0415

    report = validate_bundle(bundle)
    show_report(report, lang, quiet, as_json)
    if report.faults or report.row_faults:
        raise typer.Exit(EXIT_UNUSABLE)


@app.command(
    cls=Command,
    help=_example(
        say("Compare the results of two runs of one day: findings that are new, gone or changed, and why."),
        "trajaudit compare out/before out/after --map differences.html",
    ),
)
def compare(
    before: Annotated[Path, typer.Argument(help=say("The results of the earlier run."), show_default=False)],
    after: Annotated[Path, typer.Argument(help=say("The results of the later run."), show_default=False)],
    map_file: MapFile = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help=say("Exit with 3 where the runs differ (0 otherwise)."))
    ] = False,
    lang: Language = LANG,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare two folders of results; exit code 3 only where it is asked for."""
    from runs.compared import compare_folders, write_difference_map  # noqa: PLC0415
    from runs.show_differences import show_compared  # noqa: PLC0415

    compared = compare_folders(before, after)
    if map_file is not None:
        write_difference_map(map_file, compared, lang)
    show_compared(compared, lang, quiet, as_json)
    if exit_code and not compared.comparison.is_empty:
        raise typer.Exit(EXIT_DIFFERS)


@app.command(
    cls=Command,
    help=_example(
        say("Pull one service day's tracks from the live providers into a bundle."),
        "trajaudit pull BUNDLE --date 2026-03-18 --sources sources.toml",
    ),
)
def pull(
    bundle: Bundle,
    day: Day,
    sources: Annotated[
        Path, typer.Option(help=say("TOML file that says where each feed is pulled from."), show_default=False)
    ],
    feed: Annotated[list[str] | None, typer.Option(help=say("Only this feed; may be given several times."))] = None,
    again: Annotated[bool, typer.Option("--again", help=say("Pull what is there already, too."))] = False,
    settings: SettingsFile = None,
    lang: Language = LANG,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Pull; exit code 4 where some cars' tracks could not be had, 2 where the settings let no provider be asked."""
    from runs.pull import Job, pull  # noqa: PLC0415
    from runs.pull_out import WayOut  # noqa: PLC0415
    from runs.pull_text import check_way_out, show_pulled  # noqa: PLC0415
    from runs.settings import read_settings  # noqa: PLC0415
    from runs.show import listener  # noqa: PLC0415

    out = WayOut.of(read_settings(settings).outbound)
    with listener(quiet or as_json, lang) as progress:
        pulled = pull(Job(bundle, day.date(), sources, tuple(feed or ()), again), progress, out)
    check_way_out(pulled)
    show_pulled(pulled, lang, quiet, as_json)
    if not pulled.is_complete:
        raise typer.Exit(EXIT_NOT_ALL)


@app.command(
    cls=Command,
    help=_example(
        say("Take in JT/T 808 frames from terminals; each is on the disk before it is acknowledged."),
        "trajaudit listen --out city/tracks/box --bind 127.0.0.1:6808",
    ),
)
def listen(
    out: Annotated[Path, typer.Option(help=say("Folder for TERMINAL.bin: BUNDLE/tracks/NAME."), show_default=False)],
    bind: Annotated[str, typer.Option(help=say("Address to listen on."))] = "127.0.0.1:6808",
    terminals: Annotated[
        Path | None, typer.Option(help=say("CSV of terminal_id, auth_code: whom to accept (the bundle's terminals)."))
    ] = None,
    idle: Annotated[float, typer.Option(min=1, help=say("Seconds without a whole frame to hang up after."))] = 300,
    connections: Annotated[int, typer.Option(min=1, help=say("Most connections at once."))] = 500,
    quiet: Quiet = False,
) -> None:
    """Listen until SIGTERM or SIGINT."""
    from runs.listen import Limits, Order, run_listener  # noqa: PLC0415
    from runs.show import ListenerLines  # noqa: PLC0415

    lines = ListenerLines(quiet)
    lines.summary(run_listener(Order(bind, out, terminals, Limits(idle, connections)), lines.ready, lines.tell))


@app.command(
    cls=Command,
    help=_example(
        say("Write one vehicle's service day to a file for analysts."),
        "trajaudit track sample_data/city V0001 --date 2026-03-18 --as geopackage",
    ),
)
def track(
    bundle: Bundle,
    vehicle: Annotated[str, typer.Argument(help=say("A vehicle_id of the register."), show_default=False)],
    day: Day,
    form: Annotated[
        Form,
        typer.Option(
            "--as", metavar="FORM", help=say("One of geopackage, geoparquet, mfjson, gpx."), show_default=False
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help=say("The file (VEHICLE-DATE in the current folder)."), show_default=False)
    ] = None,
    lang: Language = LANG,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Export one vehicle's day."""
    from runs.track_export import export_track, show_export  # noqa: PLC0415

    show_export(export_track(bundle, vehicle, day.date(), form, out), lang, quiet, as_json)


@app.command(
    cls=Command,
    help=_example(
        say("Measure how well the evidence of faces fits a day's scores, and write a report without persons."),
        "trajaudit calibrate BUNDLE --date 2026-03-18 --out out/calibration",
    ),
)
def calibrate(
    bundle: Bundle,
    day: Day,
    out: Annotated[Path, typer.Option(help=say("Folder for the report; made with mode 0700."), show_default=False)],
    lang: Language = LANG,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure; exit code 2 without a mandate in force."""
    from runs.calibrate import Job, calibrate, show_calibrated  # noqa: PLC0415
    from runs.show import listener  # noqa: PLC0415

    with listener(quiet or as_json, lang) as progress:
        done = calibrate(Job(bundle, day.date(), out), progress)
    show_calibrated(done, lang, quiet, as_json)


add_nightly(app)
add_report(app)
add_serve(app)
app.add_typer(user)
app.add_typer(log)
app.add_typer(store)
app.add_typer(retention)
app.add_typer(case)
app.add_typer(spot_check)
app.add_typer(notices)


@app.callback(invoke_without_command=True, epilog=say("Example:") + " trajaudit audit --help")
def _main(
    version: Annotated[bool, typer.Option("--version", help=say("Print the version."))] = False,
) -> None:
    if version:
        from runs.versions import program_version  # noqa: PLC0415

        typer.echo(program_version())
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: exit 0, 2 for unusable input, 1 for a fault of the program."""
    from runs.guard import NamesakeError, check_packages_are_ours  # noqa: PLC0415

    try:
        check_packages_are_ours()
    except NamesakeError as error:
        _fail(str(error), EXIT_FAULT)
    try:
        app(arguments, standalone_mode=True)
    except Exception as error:
        if not _says_what_is_wrong(error):
            raise
        # One line for each fault: a line end inside what was found must not look like another fault.
        _fail("\n".join(" ".join(str(f).splitlines()) for f in getattr(error, "faults", [error])), EXIT_UNUSABLE)


def _says_what_is_wrong(error: Exception) -> bool:
    """Whether an error is about the input, not about the program; told by name, so that nothing is imported for it."""
    names = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    return bool(names & INPUT_ERRORS)


def _fail(message: str, code: int) -> None:
    from runs.show import safe_text  # noqa: PLC0415

    typer.echo(safe_text(message), err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
