"""What `trajaudit retention` does, and what it tells: erasing what is past its period, and legal holds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import typer

from cases.roles import Permission
from runs import points
from runs.open_store import opened
from runs.settings import Settings, read_settings
from runs.show import one_line, table
from runs.who import acting
from runs.words import N_, say
from store import holds, retention, signing
from store.accounts import role_in
from store.engine import Store, StoreRefused
from store.lease import LeaseTaken
from store.retention import By, Done, Periods, Plan
from store.retention_plan import Share
from store.tables.access import LegalHold
from trajectories.clock import LocalTime

KINDS = {
    "candidates": N_("faces and candidates in passages"),
    "passages": N_("passages"),
    "tracks": N_("track files, registers' files, telemetry"),
    "findings": N_("findings, closed cases, registers"),
    "log": N_("access log"),
}
"""What each kind of data is called."""

KEPT = {
    "legal-hold": N_("legal hold"),
    "open-case": N_("needed by a case that is not closed"),
    "later-night": N_("a later night is compared with it"),
    "shared-file": N_("files that a later night holds, too"),
    "damaged": N_("damaged: look at trajaudit store check --deep and trajaudit log verify"),
}
"""What each reason to keep something means."""

FLAWS = {
    "payload": N_("tombstone {n}: what it says cannot be read"),
    "signature": N_("tombstone {n}: the signature does not fit what it says"),
    "key": N_("tombstone {n}: it is signed with a key that is not known"),
    "row": N_("tombstone {n}: time or actor beside it are not those that it says"),
    "previous": N_("tombstone {n}: it does not follow the one before: one was changed, put in or taken out"),
    "missing": N_("tombstone {n}: the access log names it, but it is not there, or another one is"),
}
"""What each flaw of a tombstone means."""


def periods_of(settings: Settings) -> Periods:
    """Return the office's periods."""
    set_days = settings.retention
    return Periods(
        candidates=set_days.candidates_days,
        passages=set_days.passages_days,
        tracks=set_days.tracks_days,
        findings=set_days.findings_days,
        log=set_days.log_days,
        history_days=settings.nightly.history_days,
    )


def plan_erasure(store: Store, settings: Settings) -> Plan:
    """Return what is past its period now."""
    with store.reading() as session:
        local = LocalTime(settings.nightly.timezone)
        return retention.preview(store, session, periods_of(settings), store.clock(), local)


def erase(store: Store, plan: Plan, by: By) -> Done:
    """Erase what a plan says; raises `StoreRefused` where it is no longer what is due, or a nightly runs."""
    try:
        return retention.run(store, plan, by, points.reached)
    except LeaseTaken as error:
        raise StoreRefused(say("{error}: erase when it is done.").format(error=error)) from error


@contextmanager
def _open(path: Path | None) -> Iterator[tuple[Settings, Store]]:
    settings = read_settings(path)
    store = opened(settings)
    try:
        yield settings, store
    finally:
        store.close()


# ---------------------------------------------------------------- erasing
def show_preview(path: Path | None, lang: str, as_json: bool) -> None:
    """Show what a run would erase now."""
    with _open(path) as (settings, store):
        acting(store, Permission.RUN_RETENTION)
        plan = plan_erasure(store, settings)
    if as_json:
        typer.echo(json.dumps(_as_dict(plan), ensure_ascii=False))
        return
    _show(plan, lang)


def run_retention(path: Path | None, yes: bool, lang: str, as_json: bool) -> None:
    """Show what is due, have it confirmed, and erase it."""
    if not yes and not sys.stdin.isatty():
        hint = say("Nobody is there to be asked: give --yes, or look at trajaudit retention preview first.")
        raise StoreRefused(hint)
    with _open(path) as (settings, store):
        actor = acting(store, Permission.RUN_RETENTION)
        key = signing.load_key(store, settings.retention.signing_key_file)
        plan = plan_erasure(store, settings)
        if not as_json:
            _show(plan, lang)
        if not yes and not plan.is_empty:
            typer.confirm(say("Erase this? It cannot be undone.", lang), abort=True, err=True)
        by = By(actor.name, role_in(actor, Permission.RUN_RETENTION), key)
        done = erase(store, plan, by)
    _tell_done(done, lang, as_json)


def _tell_done(done: Done, lang: str, as_json: bool) -> None:
    if as_json:
        told = {"tombstone": done.tombstone, "files_removed": done.removed, "is_scrubbed": done.is_scrubbed}
        typer.echo(json.dumps({**_as_dict(done.plan), **told, "damaged": list(done.damaged)}, ensure_ascii=False))
        return
    for name in done.damaged:
        text = say("{name}: cannot be read, so its faces stay: put it back from a backup, and run this again.", lang)
        typer.echo(text.format(name=one_line(name)), err=True)
    if done.tombstone is not None:
        text = say("Erased; tombstone {n}, {files} files removed.", lang)
        typer.echo(text.format(n=done.tombstone, files=f"{done.removed:,}"))
    if not done.is_scrubbed:
        text = say("Somebody is reading the database: erased bytes are still in its files. Run this again.", lang)
        typer.echo(text, err=True)


def _as_dict(plan: Plan) -> dict[str, Any]:
    return {"kinds": {share.kind: share.told() for share in plan.shares}, "is_empty": plan.is_empty}


def _show(plan: Plan, lang: str) -> None:
    if plan.is_empty:
        typer.echo(say("Nothing is due.", lang))
    header = [say("Kind", lang), say("Before", lang), say("Nights", lang), say("Rows", lang), say("Files", lang),
              say("Size", lang), say("Kept", lang)]  # fmt: skip
    table(say("Past its period", lang), header, [_row(share, lang) for share in plan.shares])


def _row(share: Share, lang: str) -> list[str]:
    kept = "; ".join(f"{say(KEPT[why], lang)}: {n:,}" for why, n in share.kept.items())
    return [
        say(KINDS[share.kind], lang),
        say("never", lang) if share.before is None else share.before.isoformat(),
        _nights(share.nights),
        f"{sum(share.rows.values()):,}",
        f"{len(share.files):,}",
        f"{share.n_bytes / 1e6:,.1f} MB",
        kept or "-",
    ]


def _nights(nights: Sequence[date]) -> str:
    if len(nights) < 2:
        return "".join(day.isoformat() for day in nights) or "-"
    return f"{len(nights)} ({nights[0]} - {nights[-1]})"


def verify_tombstones(path: Path | None, keys: Sequence[str], lang: str, as_json: bool) -> bool:
    """Look at all tombstones, tell every flaw, and return whether there is none.

    Whoever can open the store may: tombstones name nobody.
    """
    with _open(path) as (settings, store):
        trusted = set(keys) or _own_keys(store, settings)
        with store.reading() as session:
            flaws = signing.verify_tombstones(session, trusted)
            n = len(signing.tombstones(session))
    if as_json:
        told = [{**flaw._asdict(), "message": str(flaw)} for flaw in flaws]
        typer.echo(json.dumps({"whole": not flaws, "tombstones": n, "keys": sorted(trusted or ()), "flaws": told}))
        return not flaws
    for flaw in flaws:
        typer.echo(say(FLAWS[flaw.code], lang).format(n=flaw.number))
    if trusted is None:
        typer.echo(say("The signing key is not here: give --public-key, or anybody may have signed.", lang), err=True)
    if not flaws:
        typer.echo(say("All {n} tombstones are as they were signed.", lang).format(n=n))
    return not flaws


def _own_keys(store: Store, settings: Settings) -> set[str] | None:
    """Return the public part of our own key; None where we have none, which no tombstone then needs."""
    place = settings.retention.signing_key_file or store.folder / signing.KEY_FILE
    return {signing.public_hex(signing.read_key(place))} if place.exists() else None


# ---------------------------------------------------------------- holds
def add_hold(
    path: Path | None,
    day: date,
    vehicle: str | None,
    case: str | None,
    reason: str,
    lang: str,
    as_json: bool,
) -> None:
    """Place a hold on a night."""
    with _open(path) as (_, store):
        by = acting(store, Permission.MANAGE_HOLDS)
        with store.writing() as session:
            placed = holds.place_hold(session, by, day, reason, store.clock(), vehicle_id=vehicle, case_id=case)
    if as_json:
        typer.echo(json.dumps({"hold": placed.number, "service_date": day.isoformat(), "gone": list(placed.gone)}))
        return
    typer.echo(say("Hold {n}: nothing of the night of {day} is erased until it is released.", lang).format(
        n=placed.number, day=day))  # fmt: skip
    for kind in placed.gone:
        typer.echo(say("Erased before: {kind}.", lang).format(kind=say(KINDS[kind], lang)), err=True)


def release_hold(path: Path | None, number: int, reason: str, lang: str, as_json: bool) -> None:
    """Release a hold."""
    with _open(path) as (_, store):
        by = acting(store, Permission.MANAGE_HOLDS)
        with store.writing() as session:
            day = holds.release_hold(session, by, number, reason, store.clock())
    if as_json:
        typer.echo(json.dumps({"hold": number, "service_date": day.isoformat()}))
        return
    typer.echo(say("Hold {n} on the night of {day} is released.", lang).format(n=number, day=day))


def list_holds(path: Path | None, lang: str, as_json: bool) -> None:
    """Show all holds, also those released."""
    with _open(path) as (settings, store):
        acting(store, Permission.MANAGE_HOLDS)
        with store.reading() as session:
            found = list(holds.holds(session))
    local = LocalTime(settings.nightly.timezone)
    told = [_hold(row, local) for row in found]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    header = [say("Hold", lang), say("Night", lang), say("About", lang), say("Reason", lang), say("Placed", lang),
              say("Released", lang)]  # fmt: skip
    table(say("Legal holds", lang), header, [_hold_row(row) for row in told])


def _hold(row: LegalHold, local: LocalTime) -> dict[str, Any]:
    return {
        "hold": row.id,
        "service_date": row.service_date.isoformat(),
        "vehicle_id": row.vehicle_id,
        "case_id": row.case_id,
        "reason": row.reason,
        "placed": local.iso(row.placed_ms),
        "placed_by": row.placed_by,
        "released": None if row.released_ms is None else local.iso(row.released_ms),
        "released_by": row.released_by,
    }


def _hold_row(told: Mapping[str, Any]) -> list[str]:
    about = " ".join(str(told[name]) for name in ("vehicle_id", "case_id") if told[name]) or "-"
    placed, released = (
        f"{told[when]}, {told[by]}" if told[when] else "-"
        for when, by in (("placed", "placed_by"), ("released", "released_by"))
    )
    return [one_line(str(v)) for v in (told["hold"], told["service_date"], about, told["reason"], placed, released)]
