"""The commands `trajaudit case` for what follows from a conclusion: orders, feedback, closing, opening again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from runs.case_options import CaseId, MayText, Seen, Since, Text, acted, asked_as
from runs.help_pages import Command, Group, example
from runs.options import LANG, Json, Language, SettingsFile, dated
from runs.words import say

after = typer.Typer(cls=Group)
"""Part of `trajaudit case`."""


@after.command(
    cls=Command,
    help=example(
        say("Propose to suspend a school; somebody else orders it."),
        'trajaudit case suspend-propose CASE --days 30 --text "third time"',
    ),
)
def suspend_propose(
    case_id: CaseId,
    days: Annotated[int, typer.Option("--days", min=1, help=say("For how many days."), show_default=False)],
    text: Text,
    since: Since = None,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Propose a suspension."""
    told = {"days": days, "text": text, "since": None if since is None else since.date().isoformat()}
    acted(asked_as(settings, lang, as_json), case_id, "propose-suspension", seen, **told)


@after.command(
    cls=Command,
    help=example(
        say("Order what follows from a confirmed case. Exactly one of the four."),
        "trajaudit case dispose CASE --rectify-by 2026-04-18",
    ),
)
def dispose(
    case_id: CaseId,
    points: Annotated[
        int | None, typer.Option("--points", min=1, help=say("Points in the assessment."), show_default=False)
    ] = None,
    interview: Annotated[bool, typer.Option("--interview", help=say("An interview."))] = False,
    rectify_by: Annotated[
        datetime | None,
        typer.Option(
            "--rectify-by",
            formats=["%Y-%m-%d"],
            callback=dated,
            help=say("Set right by this date."),
            show_default=False,
        ),
    ] = None,
    suspend: Annotated[
        int | None,
        typer.Option(
            "--suspend", min=1, metavar="DAYS", help=say("The suspension that was proposed."), show_default=False
        ),
    ] = None,
    since: Since = None,
    text: MayText = None,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Order a disposal."""
    from runs.case_orders import disposal  # noqa: PLC0415

    due = None if rectify_by is None else rectify_by.date()
    told = disposal(points, interview, due, suspend, None if since is None else since.date())
    acted(asked_as(settings, lang, as_json), case_id, "dispose", seen, **told, text=text)


@after.command(
    cls=Command,
    help=example(
        say("Say what was done about it, as the school."),
        'trajaudit case feedback CASE --text "We spoke with him."',
    ),
)
def feedback(
    case_id: CaseId,
    text: Text,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Give feedback."""
    acted(asked_as(settings, lang, as_json), case_id, "give-feedback", seen, text=text)


@after.command(
    cls=Command,
    help=example(say("Accept the school's feedback, or reject it with a text."), "trajaudit case review CASE"),
)
def review(
    case_id: CaseId,
    reject: Annotated[bool, typer.Option("--reject", help=say("It is not enough; say why."))] = False,
    text: MayText = None,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Review feedback."""
    acted(asked_as(settings, lang, as_json), case_id, "review-feedback", seen, accepted=not reject, text=text)


@after.command(
    cls=Command,
    help=example(say("Close a case that is done with."), "trajaudit case close CASE"),
)
def close(
    case_id: CaseId,
    text: MayText = None,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Close."""
    acted(asked_as(settings, lang, as_json), case_id, "close", seen, text=text)


@after.command(
    cls=Command,
    help=example(say("Open a decided case again."), 'trajaudit case reopen CASE --text "A witness came."'),
)
def reopen(
    case_id: CaseId,
    text: Text,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Reopen."""
    acted(asked_as(settings, lang, as_json), case_id, "reopen", seen, text=text)


@after.command(
    cls=Command,
    help=example(
        say("Let the conclusion stand after the audit has changed."),
        'trajaudit case uphold CASE --text "Two minutes."',
    ),
)
def uphold(
    case_id: CaseId,
    text: Text,
    seen: Seen = None,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Uphold."""
    acted(asked_as(settings, lang, as_json), case_id, "uphold", seen, text=text)
