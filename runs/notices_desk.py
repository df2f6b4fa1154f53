"""What `trajaudit notices` does, and what it tells. Addresses of messengers are shown nowhere."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import typer
from sqlalchemy.exc import DBAPIError

from cases.roles import Actor, Permission
from cases.states import Action
from feeds.faults import Fault, UnusableInput
from runs.addresses import OutboundRefused, parse_url
from runs.notices import LOG, OFF, TAKEN, Delivered, Failed, Sender, deliver_due
from runs.notices_payload import KINDS
from runs.notices_sign import signers
from runs.open_store import opened
from runs.settings import Settings, read_settings
from runs.show import one_line, table
from runs.who import acting
from runs.words import say
from store import deliveries, receivers
from store.deliveries import ALL, DEAD, STATES
from store.engine import Store
from store.schema import reached
from trajectories.clock import LocalTime

POLL_S = 5.0
"""How often a sender that watches looks for new notices."""


@contextmanager
def _open(path: Path | None, permission: Permission) -> Iterator[tuple[Settings, Store, Actor]]:
    settings = read_settings(path)
    store = opened(settings)
    try:
        with reached(store):
            yield settings, store, acting(store, permission)
    finally:
        store.close()


def deliver(path: Path | None, watch: bool, lang: str, as_json: bool) -> Delivered:
    """Send what is due, once through or until SIGTERM or SIGINT; return what the last time came to."""
    with _open(path, Permission.RUN_NIGHTLY) as (settings, store, _):
        done = _watch(store, settings) if watch else deliver_due(store, settings)
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return done
    if done.state == OFF:
        typer.echo(say("Nothing was sent: outbound.enabled is not set.", lang))
    elif done.state == TAKEN:
        typer.echo(say("Nothing was sent: another sender is at work.", lang))
    else:
        text = say("Sent: {sent}. Failed tries: {failed}. Waiting: {waiting}. Given up: {dead}.", lang)
        told = {"sent": done.sent, "failed": done.failed, "waiting": done.left["waiting"], "dead": done.left["dead"]}
        typer.echo(text.format(**told))
    return done


def _watch(store: Store, settings: Settings) -> Delivered:
    done, over = Delivered(OFF), threading.Event()
    if not settings.outbound.enabled:
        return deliver_due(store, settings)

    def stop(_number: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with Sender(store, settings) as sender:
        while not over.is_set():
            try:
                done = sender.run(over.is_set)
                due_ms = sender.next_due_ms()
            except DBAPIError as error:  # away: it is looked for again
                LOG.warning("the database is away: %s", type(error.orig).__name__)
                due_ms = None
            wait = POLL_S if due_ms is None else max(0.05, min(POLL_S, (due_ms - store.clock()) / 1000))
            over.wait(wait)
    return done


def list_deliveries(path: Path | None, state: str | None, last: int, lang: str, as_json: bool) -> None:
    """Show the last deliveries."""
    if state is not None and state not in STATES:
        raise UnusableInput([Fault("--state", "is no state", found=state, expected="one of " + ", ".join(STATES))])
    with _open(path, Permission.RUN_NIGHTLY) as (settings, store, _), store.reading() as session:
        found = deliveries.listed(session, state, last)
    local = LocalTime(settings.nightly.timezone)
    rows = [
        {
            "id": d.id, "event_id": n.event_id, "kind": n.kind, "receiver": d.channel, "state": d.state,
            "attempts": d.attempts, "at": local.iso(d.sent_ms or d.next_ms), "error": d.last_error or "",
        }
        for d, n in found
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    header = [
        say("No.", lang), say("Event", lang), say("Kind", lang), say("Receiver", lang), say("State", lang),
        say("Tries", lang), say("Time", lang), say("What failed", lang),
    ]  # fmt: skip
    table(say("Deliveries", lang), header, [[one_line(str(v)) or "-" for v in row.values()] for row in rows])


def retry(path: Path | None, number: int | None, dead: bool, lang: str, as_json: bool) -> None:
    """Let what was given up be tried anew."""
    if (number is None) == (not dead):
        raise UnusableInput([Fault("notices retry", "needs a delivery's number, or --dead for all that are dead")])
    with _open(path, Permission.RUN_NIGHTLY) as (_, store, _by), store.writing() as session:
        n = deliveries.retry(session, store.clock(), number)
    if number is not None and n == 0:
        hint = "trajaudit notices list --state dead lists them."
        raise UnusableInput([Fault("notices retry", f"delivery {number} is not {DEAD}", hint=hint)])
    _told(say("{n} deliveries are tried again.", lang).format(n=n), {"retried": n}, as_json)


# ---------------------------------------------------------------- webhooks
def add_webhook(
    path: Path | None, url: str, kinds: str | None, secret_ref: str, clearance: str, lang: str, as_json: bool
) -> None:
    """Add a webhook, if its address, kinds and secret are such as can be."""
    wanted = [k.strip() for k in kinds.split(",") if k.strip()] if kinds else list(KINDS)
    faults = [*_address_faults(url), *_kind_faults(wanted)]
    if clearance not in receivers.CLEARANCES:
        expected = "one of " + ", ".join(receivers.CLEARANCES)
        faults.append(Fault("--clearance", "is none", found=clearance, expected=expected))
    try:
        signers(secret_ref)
    except UnusableInput as error:
        faults += error.faults
    if faults:
        raise UnusableInput(faults)
    with _open(path, Permission.MANAGE_USERS) as (_, store, by), store.writing() as session:
        number = receivers.add_webhook(session, by, url, wanted, secret_ref, clearance, store.clock())
    said = say("Webhook {n} was added. Try it: trajaudit notices test-webhook {n}", lang)
    _told(said.format(n=number), {"webhook": number}, as_json)


def _address_faults(url: str) -> list[Fault]:
    try:
        parse_url(url)
    except OutboundRefused as error:
        return [Fault("URL", str(error))]
    return []


def _kind_faults(kinds: list[str]) -> list[Fault]:
    known = {ALL, *KINDS, *(f"case.{action}" for action in Action)}
    expected = f"{', '.join(KINDS)}, {ALL}, or case. and what happened to it"
    return [Fault("--kinds", "is no kind of notice", found=k, expected=expected) for k in kinds if k not in known]


def list_webhooks(path: Path | None, lang: str, as_json: bool) -> None:
    """Show the webhooks in use."""
    with _open(path, Permission.MANAGE_USERS) as (settings, store, _), store.reading() as session:
        found = receivers.webhooks(session)
    local = LocalTime(settings.nightly.timezone)
    rows = [
        {
            "webhook": w.id, "url": w.url, "kinds": ", ".join(receivers.kinds_of(w)), "secret": w.secret_ref,
            "clearance": w.clearance or receivers.CLEARANCES[0], "since": local.iso(w.created_ms), "by": w.created_by,
        }
        for w in found
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    header = [
        say("No.", lang), say("Address", lang), say("Kinds", lang), say("Secret", lang), say("Clearance", lang),
        say("Since", lang), say("By", lang),
    ]  # fmt: skip
    table(say("Webhooks", lang), header, [[one_line(str(v)) for v in row.values()] for row in rows])


def remove_webhook(path: Path | None, number: int, lang: str, as_json: bool) -> None:
    """Tell a webhook nothing more."""
    with _open(path, Permission.MANAGE_USERS) as (_, store, by), store.writing() as session:
        n = receivers.remove_webhook(session, by, number, store.clock())
    said = say("Webhook {webhook} was removed; {n} notices on their way to it are given up.", lang)
    _told(said.format(webhook=number, n=n), {"webhook": number, "given_up": n}, as_json)


def check_webhook(path: Path | None, number: int, lang: str, as_json: bool) -> bool:
    """Send a webhook a notice of kind `test`; return whether it was taken."""
    with _open(path, Permission.MANAGE_USERS) as (settings, store, _), Sender(store, settings) as sender:
        try:
            status, error = sender.check(number), ""
        except Failed as failed:
            status, error = failed.status or 0, str(failed)
    taken = say("Webhook {n} took it (HTTP {status}).", lang).format(n=number, status=status)
    refused = say("Webhook {n} did not take it: {error}", lang).format(n=number, error=error)
    _told(refused if error else taken, {"webhook": number, "status": status, "error": error}, as_json)
    return not error


def _told(said: str, told: dict[str, object], as_json: bool) -> None:
    typer.echo(json.dumps(told, ensure_ascii=False) if as_json else said)
