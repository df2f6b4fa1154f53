"""Options that the commands about cases share. Nothing slow is imported here: help pages come at once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runs.options import dated
from runs.words import say

if TYPE_CHECKING:
    from runs.case_orders import Asked

CaseId = Annotated[str, typer.Argument(metavar="CASE", help=say("A case's number."), show_default=False)]
Why = Annotated[str, typer.Option("--reason", help=say("Why you look; it stands in the access log."))]
Text = Annotated[str, typer.Option("--text", help=say("What is said; at most 2000 characters."), show_default=False)]
MayText = Annotated[
    str | None, typer.Option("--text", help=say("What is said; at most 2000 characters."), show_default=False)
]
Apart = Annotated[
    list[str] | None,
    typer.Option(
        "--dismiss",
        metavar="FINDING=REASON",
        help=say("A finding dismissed for this reason; with more words: FINDING=REASON:TEXT."),
        show_default=False,
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option("--since", formats=["%Y-%m-%d"], callback=dated, help=say("From this date on."), show_default=False),
]
Seen = Annotated[
    int | None,
    typer.Option(
        "--seen",
        metavar="N",
        help=say("Only if the case still has N events, as you saw it."),
        show_default=False,
    ),
]


def asked_as(settings: Path | None, lang: str, as_json: bool) -> Asked:
    """Return how a command was asked."""
    from runs.case_orders import Asked  # noqa: PLC0415

    return Asked(settings, str(lang), as_json)


def acted(asked: Asked, case_id: str, action: str, seen: int | None, **payload: Any) -> None:
    """Do something with a case."""
    from cases.states import Action  # noqa: PLC0415
    from runs.case_orders import act  # noqa: PLC0415

    act(asked, case_id, Action(action), payload, seen)
