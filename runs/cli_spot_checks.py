"""The commands `trajaudit spot-check`: vehicle-days that nobody suspects, looked at all the same."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from runs.case_options import asked_as
from runs.help_pages import Command, Group, example
from runs.options import LANG, Day, Json, Language, SettingsFile, dated
from runs.words import say

spot_check = typer.Typer(
    cls=Group,
    name="spot-check",
    help=say("Spot checks: vehicle-days that nobody suspects, and what they tell of what audits miss."),
    epilog=say("Example:") + " trajaudit spot-check list",
    no_args_is_help=True,
)


OUTCOMES = ("clean", "violation", "unclear")
"""What a person may have seen (`runs.spot_desk.Outcome`, which is slow to import)."""

Vehicle = Annotated[str, typer.Argument(help=say("A vehicle_id of the register."), show_default=False)]
From = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], callback=dated, help=say("The first night."), show_default=False),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], callback=dated, help=say("The last night (the last one that is over).")),
]


@spot_check.command(
    "list",
    cls=Command,
    help=example(
        say("List what was drawn and what was picked. Without dates, of the last night."), "trajaudit spot-check list"
    ),
)
def list_(
    first: From = None,
    last: To = None,
    undecided: Annotated[bool, typer.Option("--undecided", help=say("Only those still to be looked at."))] = False,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """List spot checks."""
    from runs.case_orders import list_checks  # noqa: PLC0415

    list_checks(asked_as(settings, lang, as_json), first and first.date(), last and last.date(), undecided)


@spot_check.command(
    cls=Command,
    help=example(
        say("Put a vehicle-day on the list by hand. No estimate rests on it."),
        'trajaudit spot-check pick V0010 --date 2026-03-18 --reason "complaint 7"',
    ),
)
def pick(
    vehicle: Vehicle,
    day: Day,
    reason: Annotated[str, typer.Option("--reason", help=say("Why it is picked."), show_default=False)],
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Pick a vehicle-day."""
    from runs.case_orders import pick_check  # noqa: PLC0415

    pick_check(asked_as(settings, lang, as_json), day.date(), vehicle, reason)


@spot_check.command(
    cls=Command,
    help=example(
        say("Write down what you saw of a vehicle-day. Anything but clean needs a note."),
        "trajaudit spot-check decide V0013 clean --date 2026-03-18",
    ),
)
def decide(
    vehicle: Vehicle,
    outcome: Annotated[
        str,
        typer.Argument(
            metavar="OUTCOME", help=say("What you saw, one of:") + f" {', '.join(OUTCOMES)}.", show_default=False
        ),
    ],
    day: Day,
    note: Annotated[str, typer.Option("--note", help=say("In words."), show_default=False)] = "",
    again: Annotated[bool, typer.Option("--again", help=say("Decide anew what was decided."))] = False,
    settings: SettingsFile = None,
    lang: Language = LANG,
    as_json: Json = False,
) -> None:
    """Decide a spot check."""
    from runs.case_orders import decide_check  # noqa: PLC0415

    decide_check(asked_as(settings, lang, as_json), day.date(), vehicle, outcome, note, again)


@spot_check.command(
    cls=Command,
    help=example(
        say("Estimate what audits miss, from the random checks of some nights (the last 30)."),
        "trajaudit spot-check missed --from 2026-03-01 --to 2026-03-31",
    ),
)
def missed(
    first: From = None, last: To = None, settings: SettingsFile = None, lang: Language = LANG, as_json: Json = False
) -> None:
    """Estimate."""
    from runs.case_orders import missed  # noqa: PLC0415

    missed(asked_as(settings, lang, as_json), first and first.date(), last and last.date())
