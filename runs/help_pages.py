"""Help pages in the user's language: typer writes its own words (Usage, Options ...) in English only."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

from runs.words import N_, say

FRAME = (
    N_("Usage:"),
    N_("Options:"),
    N_("Arguments:"),
    N_("Commands:"),
    N_("[OPTIONS]"),
    N_("COMMAND [ARGS]..."),
    N_("[required]"),
    N_("[default:"),
    N_("Show this message and exit."),
)
"""What typer says itself on a help page."""

_FRAME = re.compile("|".join(re.escape(words) for words in FRAME))


def in_own_words(page: str) -> str:
    """Return a help page with typer's own words in the default language."""
    return _FRAME.sub(lambda found: say(found.group()), page)


def example(said: str, command: str) -> str:
    """Return what a command's page says of it: a sentence, and one use of it."""
    return f"{said}\n\n" + say("Example:") + " " + command


class Command(TyperCommand):
    """A command whose help speaks one language throughout."""

    def get_help(self, ctx: Any) -> str:
        """Return the help page."""
        return in_own_words(super().get_help(ctx))


class Group(TyperGroup):
    """A group of commands whose help speaks one language throughout."""

    def get_help(self, ctx: Any) -> str:
        """Return the help page."""
        return in_own_words(super().get_help(ctx))
