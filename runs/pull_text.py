"""What a person, or another program, is told of a pull."""

from __future__ import annotations

import json
from typing import Any

import typer

from feeds.faults import UnusableInput
from runs.pull import Failure, Pulled
from runs.show import one_line, table
from runs.words import say


def check_way_out(pulled: Pulled) -> None:
    """Raise `UnusableInput` where the settings let no provider be asked."""
    if pulled.is_refused:
        raise UnusableInput(pulled.refusals)


def show_pulled(pulled: Pulled, lang: str, quiet: bool, as_json: bool) -> None:
    """Print what came and what did not; the failures go to the error output, even when quiet."""
    if as_json:
        typer.echo(json.dumps(_members(pulled), ensure_ascii=False))
        return
    if not quiet:
        for warning in pulled.warnings:
            typer.echo(say("Warning", lang) + f": {one_line(warning)}")
        header = [say("Feed", lang), say("Cars", lang), say("Pulled", lang), say("Present before", lang),
                  say("Failed", lang), say("Fixes", lang), say("Queries", lang)]  # fmt: skip
        counts = [[f.cars, f.pulled, f.present, len(f.failures), f.points, f.queries] for f in pulled.feeds]
        rows = [[feed.feed, *(f"{n:,}" for n in row)] for feed, row in zip(pulled.feeds, counts, strict=True)]
        table(say("Tracks pulled", lang), header, rows)
        if pulled.until_ms < pulled.day.end_ms:
            until = pulled.day.local.iso(pulled.until_ms)
            typer.echo(say("The day is not over: pulled up to {time}. Run it again later.", lang).format(time=until))
    for feed in pulled.feeds:
        for failure in feed.failures:
            typer.echo(one_line(_told(feed.feed, failure)), err=True)
    for refusal in pulled.refusals:
        typer.echo(one_line(str(refusal)), err=True)
    if not pulled.is_complete:
        typer.echo(say("Run the same command again: it pulls only what is missing.", lang), err=True)


def _told(feed: str, failure: Failure) -> str:
    return f"{feed}, {failure.vehicle_id}, {failure.terminal_id}: {failure.code}: {failure.message}"


def _members(pulled: Pulled) -> dict[str, Any]:
    return {
        "service_date": pulled.day.date.isoformat(),
        "until": pulled.day.local.iso(pulled.until_ms),
        "complete": pulled.is_complete,
        "feeds": {
            feed.feed: {
                "cars": feed.cars,
                "pulled": feed.pulled,
                "present": feed.present,
                "pages": feed.pages,
                "points": feed.points,
                "queries": feed.queries,
                "failures": [
                    {"vehicle_id": f.vehicle_id, "terminal_id": f.terminal_id, "code": f.code, "message": f.message}
                    for f in feed.failures
                ],
            }
            for feed in pulled.feeds
        },
        "warnings": list(pulled.warnings),
    }
