"""What a person, or another program, is told of an ingest and of a nightly."""

from __future__ import annotations

import json

import typer

from runs.ingest import Ingested
from runs.night_run import DEGRADED, DONE, FAILED, UNCHANGED, NightReport
from runs.nightly import Nightly
from runs.nightly import as_json as as_json_text
from runs.show import one_line, table
from runs.words import N_, say

STATES = {
    DONE: N_("audited"),
    DEGRADED: N_("audited in part"),
    FAILED: N_("not audited"),
    UNCHANGED: N_("nothing new"),
}
WHY = {
    "new": N_("not audited before"),
    "own": N_("own tracks, registers or places"),
    "night": N_("facts of the night"),
    "cameras": N_("cameras"),
    "values": N_("rule values"),
}
TROUBLE = {
    "input": N_("what came in cannot be used"),
    "pull": N_("tracks could not be pulled"),
    "write": N_("nothing could be written"),
    "heads": N_("the head of the access log could not be written down"),
    "database": N_("the database was away for a time"),
    "fault": N_("a fault of the program"),
    "notices": N_("notices could not be sent"),
}


def show_ingested(came: Ingested, lang: str, quiet: bool, as_json: bool) -> None:
    """Print what came in."""
    if as_json:
        told = {"service_date": came.service_date.isoformat(), "changed": came.changed, "warnings": came.warnings}
        typer.echo(json.dumps(told, ensure_ascii=False))
    elif not quiet:
        for warning in came.warnings:
            typer.echo(say("Warning", lang) + f": {one_line(warning)}")
        said = say("{n} files of {date} are new, other or gone.", lang)
        typer.echo(said.format(n=len(came.changed), date=came.service_date.isoformat()))
        if came.changed:
            typer.echo(say("The next nightly audits what they can change.", lang))


def show_nightly(done: Nightly, lang: str, quiet: bool, as_json: bool) -> None:
    """Print what became of each night; what is missing goes to the error output, even when quiet."""
    if as_json:
        typer.echo(as_json_text(done))
    elif not quiet:
        _show_table(done, lang)
    for night in done.nights:
        for line in _trouble(night, lang):
            typer.echo(one_line(line), err=True)
    for where, what in done.trouble.items():
        for line in what:
            typer.echo(one_line(f"{say(TROUBLE[where], lang)}: {line}"), err=True)


def _show_table(done: Nightly, lang: str) -> None:
    if not done.nights:
        typer.echo(say("Nothing came in, and nothing in the store is stale.", lang))
        return
    header = [
        say("Service day", lang), say("State", lang), say("Vehicle-days audited", lang), say("New findings", lang),
        say("Changed", lang), say("Gone", lang), say("Cases opened", lang), say("Spot checks drawn", lang),
    ]  # fmt: skip
    table(say("Nightly", lang), header, [_row(night, lang) for night in done.nights])
    for night in (n for n in done.nights if n.audited):
        why = "、".join(f"{say(WHY[reason], lang)} {n}" for reason, n in night.audited.items())
        typer.echo(f"{night.service_date.isoformat()}: {why}")
    if done.escalated:
        typer.echo(say("Overdue cases brought to their next level: {n}", lang).format(n=done.escalated))
    typer.echo(say("Findings are reasons to check, not conclusions.", lang))


def _row(night: NightReport, lang: str) -> list[str]:
    changes = night.changes
    counts = [changes.get(name, 0) for name in ("new", "changed", "gone")]
    asked = f"{sum(night.audited.values())} / {night.vehicle_days}" if night.vehicle_days else "–"
    return [
        night.service_date.isoformat(), say(STATES[night.state], lang), asked, *(str(n) for n in counts),
        str(night.cases_opened), str(night.drawn),
    ]  # fmt: skip


def _trouble(night: NightReport, lang: str) -> list[str]:
    day, out = night.service_date.isoformat(), []
    for where, what in night.trouble.items():
        feed = where.removeprefix("feed:")
        if feed != where:
            said = say(
                "{date}: feed {feed}: the tracks of {n} cars are missing ({codes}); they are not assessed.", lang
            )
            out.append(said.format(date=day, feed=feed, n=night.delayed.get(feed, 0), codes=", ".join(what)))
        else:
            out += [f"{day}: {say(TROUBLE[where], lang)}: {line}" for line in what]
    if night.is_failed:
        out.append(say("{date}: not assessed. Run the nightly again once this is mended.", lang).format(date=day))
    return out
