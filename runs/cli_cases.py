"""The commands `trajaudit case`: what is to be looked into, one case, and what is done with it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from runs.case_options import Apart, CaseId, MayText, Seen, Since, Text, Why, acted, asked_as
from runs.cli_cases_after import after
from runs.help_pages import Command, Group, example
from runs.options import LANG, Json, Language, SettingsFile, dated
from runs.words import say

case = typer.Typer(
    cls=Group,
    name="case",
    help=say("Cases: reasons to check, and what people found out and decided."),
    epilog=say("Example:") + " trajaudit case queue",
    no_args_is_help=True,
)
case.add_typer(after)


# ---------------------------------------------------------------- looking
@case.command(
    cls=Command,
    help=example(
        say("Show what to look into today. What is beyond the capacity waits, and is shown, too."),
        "trajaudit case queue",
    ),
)
def queue(settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False) -> None:
    """Show the queue."""
    from runs.case_orders import queue  # noqa: PLC0415

    queue(asked_as(settings, lang, as_json))


@case.command(
    "list",
    cls=Command,
    help=example(say("List the cases that are not finished, or others."), "trajaudit case list --date 2026-03-18"),
)
def list_(
    day: Annotated[
        datetime | None,
        typer.Option(
            "--date", formats=["%Y-%m-%d"], callback=dated, help=say("Only of this service day."), show_default=False
        ),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", help=say("Only in this state, such as new or confirmed."), show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help=say("Finished ones, too."))] = False,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """List cases."""
    from runs.case_orders import list_cases  # noqa: PLC0415

    list_cases(asked_as(settings, lang, as_json), None if day is None else day.date(), state, everything)


@case.command(
    cls=Command,
    help=example(
        say("Show a case. Its findings, what happened, what you may do; about a person, say why."),
        'trajaudit case show CASE --reason "complaint 7"',
    ),
)
def show(
    case_id: CaseId, reason: Why = "", settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False
) -> None:
    """Show a case."""
    from runs.case_orders import show  # noqa: PLC0415

    show(asked_as(settings, lang, as_json), case_id, reason)


@case.command(
    cls=Command,
    help=example(
        say("Show a night's findings. People appear by number; with a reason by the register's key."),
        "trajaudit case findings --date 2026-03-18",
    ),
)
def findings(
    day: Annotated[
        datetime | None,
        typer.Option(
            "--date", formats=["%Y-%m-%d"], callback=dated, help=say("The service day (the last one that is over).")
        ),
    ] = None,
    reason: Why = "",
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Show findings."""
    from runs.case_orders import findings  # noqa: PLC0415

    findings(asked_as(settings, lang, as_json), None if day is None else day.date(), reason)


@case.command(
    cls=Command,
    help=example(
        say("Show how often suspicions were true. With intervals, and why findings were dismissed."),
        "trajaudit case precision --by rule,school --since 2026-01-01",
    ),
)
def precision(
    by: Annotated[str, typer.Option("--by", help=say("Some of rule, school, provider, month, with commas."))] = "rule",
    since: Since = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Show precision."""
    from runs.case_orders import precision  # noqa: PLC0415

    precision(asked_as(settings, lang, as_json), by, None if since is None else since.date())


# ---------------------------------------------------------------- finding out
@case.command(
    cls=Command,
    help=example(say("Give a case to somebody to look into."), "trajaudit case assign CASE li"),
)
def assign(
    case_id: CaseId,
    name: Annotated[str, typer.Argument(help=say("An account's name."), show_default=False)],
    text: MayText = None,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Assign."""
    acted(asked_as(settings, lang, as_json), case_id, "assign", seen, assignee=name, text=text)


@case.command(cls=Command, help=example(say("Begin to look into a case."), "trajaudit case verify CASE"))
def verify(
    case_id: CaseId,
    text: MayText = None,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Start verifying."""
    acted(asked_as(settings, lang, as_json), case_id, "start-verifying", seen, text=text)


@case.command(
    cls=Command,
    help=example(
        say("Ask the school for its account."),
        'trajaudit case ask-school CASE --text "Where was the car?"',
    ),
)
def ask_school(
    case_id: CaseId,
    text: Text,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Ask the school."""
    acted(asked_as(settings, lang, as_json), case_id, "ask-school", seen, text=text)


@case.command(
    cls=Command,
    help=example(
        say("Answer what was asked, as the school."),
        'trajaudit case answer CASE --text "At the workshop."',
    ),
)
def answer(
    case_id: CaseId,
    text: Text,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Answer."""
    acted(asked_as(settings, lang, as_json), case_id, "answer", seen, text=text)


@case.command(
    cls=Command,
    help=example(
        say("Have a case looked into today, whatever its rank."),
        'trajaudit case pick CASE --text "complaint 7"',
    ),
)
def pick(
    case_id: CaseId,
    text: Text,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Pick by hand."""
    acted(asked_as(settings, lang, as_json), case_id, "pick", seen, text=text)


@case.command(
    cls=Command,
    help=example(say("Write something down about a case."), 'trajaudit case note CASE --text "Called twice."'),
)
def note(
    case_id: CaseId,
    text: Text,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Write a note."""
    acted(asked_as(settings, lang, as_json), case_id, "note", seen, text=text)


# ---------------------------------------------------------------- deciding
@case.command(
    cls=Command,
    help=example(
        say("Confirm: what was suspected is so. Every finding, unless some are named or dismissed apart."),
        "trajaudit case confirm CASE --dismiss FINDING=camera-error",
    ),
)
def confirm(
    case_id: CaseId,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="FINDING", help=say("Only this finding; may be given several times.")),
    ] = None,
    dismiss: Apart = None,
    text: MayText = None,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Confirm."""
    from cases.states import Action  # noqa: PLC0415
    from runs.case_orders import act, conclusions  # noqa: PLC0415

    payload = conclusions(Action.CONFIRM, text, only or (), dismiss or ())
    act(asked_as(settings, lang, as_json), case_id, Action.CONFIRM, payload, seen)


@case.command(
    cls=Command,
    help=example(
        say("Dismiss a case: nothing of it is to be pursued. The reason feeds the table of precision."),
        "trajaudit case dismiss CASE --reason map-error",
    ),
)
def dismiss(
    case_id: CaseId,
    reason: Annotated[
        str,
        typer.Option("--reason", metavar="CODE", help=say("Such as gps-error, permitted, other."), show_default=False),
    ],
    apart: Apart = None,
    text: MayText = None,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Dismiss."""
    from cases.states import Action  # noqa: PLC0415
    from runs.case_orders import act, conclusions  # noqa: PLC0415

    payload = conclusions(Action.DISMISS, text, (), apart or (), reason)
    act(asked_as(settings, lang, as_json), case_id, Action.DISMISS, payload, seen)
