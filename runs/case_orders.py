"""What `trajaudit case` and `trajaudit spot-check` do: open the store, ask the desk, print what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cases.case import CONFIRMED, DISMISSED, Case
from cases.matter import CaseFinding, FindingStatus
from cases.roles import Actor
from cases.states import Action, DismissReason, DisposalKind, State
from runs import case_desk, case_texts, spot_desk
from runs.case_desk import ActRefused, Payload
from runs.open_store import opened
from runs.settings import Settings, read_settings
from runs.spot_desk import Outcome
from runs.words import say
from store.casework import CaseChanged
from store.engine import Store, StoreRefused
from trajectories.clock import LocalTime

ESTIMATED_NIGHTS = 30


class Asked:
    """How a command was asked: where the settings are, in which language, for people or for a program."""

    def __init__(self, path: Path | None, lang: str, as_json: bool) -> None:
        self.lang, self.as_json = lang, as_json
        self._path = path

    @contextmanager
    def desk(self) -> Iterator[tuple[Store, Actor, Settings]]:
        """Give the open store, the account of whoever asks, and the settings."""
        settings = read_settings(self._path)
        store = opened(settings)
        try:
            yield store, case_desk.here(store), settings
        finally:
            store.close()

    def tell(self, told: Any, in_words: Callable[..., None], *more: Any) -> None:
        """Print an answer."""
        if self.as_json:
            case_texts.print_json(told)
        else:
            in_words(told, *more, self.lang)


# ---------------------------------------------------------------- looking
def queue(asked: Asked) -> None:
    """Show what is to be looked into."""
    with asked.desk() as (store, actor, settings):
        told = case_desk.queue(store, actor, settings)
    asked.tell(told, case_texts.show_queue)


def list_cases(asked: Asked, day: date | None, state: str | None, everything: bool) -> None:
    """Show cases."""
    wanted = None if state is None else _one_of(State, state, say("state"))
    with asked.desk() as (store, actor, settings):
        told = case_desk.listed(store, actor, settings, service_date=day, state=wanted, everything=everything)
    asked.tell(told, case_texts.show_list)


def show(asked: Asked, case_id: str, reason: str) -> None:
    """Show one case."""
    with asked.desk() as (store, actor, settings):
        told = case_desk.show(store, actor, settings, case_id, reason)
    asked.tell(told, case_texts.show_case)


def findings(asked: Asked, day: date | None, reason: str) -> None:
    """Show the findings of a night."""
    with asked.desk() as (store, actor, settings):
        wanted = day or _last_night(store, settings)
        told = case_desk.findings(store, actor, settings, wanted, reason)
    asked.tell(told, case_texts.show_findings)


def precision(asked: Asked, by: str, since: date | None) -> None:
    """Show how often what was suspected was true."""
    names = [name.strip() for name in by.split(",") if name.strip()]
    with asked.desk() as (store, actor, settings):
        told = case_desk.precision_table(store, actor, settings, names, since)
    asked.tell(told, case_texts.show_precision, names)


def _last_night(store: Store, settings: Settings) -> date:
    return LocalTime(settings.nightly.timezone).service_date(store.clock()) - timedelta(days=1)


# ---------------------------------------------------------------- doing
def act(asked: Asked, case_id: str, action: Action, payload: Payload, seen: int | None = None) -> None:
    """Do something with a case and show where it stands then."""
    with asked.desk() as (store, actor, settings):
        try:
            told = case_desk.act(store, actor, settings, case_id, action, payload, seen=seen)
        except ActRefused as refused:
            steps = case_texts.next_steps(refused.possible, asked.lang)
            raise StoreRefused(f"{refused.zh if asked.lang == 'zh' else refused.en}. {steps}") from refused
        except CaseChanged as error:
            text = say("Case {case} was changed meanwhile, and nothing was recorded: look at it again.", asked.lang)
            raise StoreRefused(text.format(case=case_id)) from error
    asked.tell(told, case_texts.show_acted)


def conclusions(
    action: Action, text: str | None, only: Sequence[str], apart: Sequence[str], reason: str | None = None
) -> Payload:
    """Return what makes the payload of `confirm` or `dismiss`: a conclusion for each finding, the named ones apart.

    `only`: the findings confirmed, None of the others touched; `apart`: FINDING=REASON, or FINDING=REASON:TEXT.
    """
    named = dict(_verdict_apart(told) for told in apart)
    same: str | dict[str, str] = CONFIRMED if action is Action.CONFIRM else _dismissed(reason or "", None)
    if isinstance(same, dict) and same[DISMISSED] == DismissReason.OTHER and text:
        same["text"] = text

    def made(case: Case) -> dict[str, Any]:
        rest = only or [f.finding_id for f in _at_issue(case, action) if f.finding_id not in named]
        return {"findings": {**dict.fromkeys(rest, same), **named}, "text": text}

    return made


def _at_issue(case: Case, action: Action) -> list[CaseFinding]:
    """Return the findings that a conclusion about the whole case is about.

    Those not settled; to dismiss a case is to dismiss what was confirmed of it, too. Where all is settled, what was
    concluded is said once more.
    """
    held = [f for f in case.findings if f.status is not FindingStatus.GONE]
    confirmed = [f for f in held if f.status is FindingStatus.CONFIRMED and f.is_settled]
    open_ = [f for f in held if not f.is_settled]
    if action is Action.CONFIRM:
        return open_ or confirmed
    return [*open_, *confirmed] or held


def _verdict_apart(told: str) -> tuple[str, Any]:
    finding, _, why = told.partition("=")
    code, _, text = why.partition(":")
    return finding.strip(), _dismissed(code, text.strip() or None)


def _dismissed(code: str, text: str | None) -> dict[str, str]:
    reason = _one_of(DismissReason, code.strip(), say("reason"))
    return {DISMISSED: str(reason)} if text is None else {DISMISSED: str(reason), "text": text}


def _one_of(kind: Any, code: str, what: str) -> Any:
    try:
        return kind(code)
    except ValueError:
        text = say("There is no {what} {code}; expected one of {known}.")
        raise StoreRefused(text.format(what=what, code=repr(code), known=", ".join(kind))) from None


def disposal(
    points: int | None, interview: bool, rectify_by: date | None, suspend: int | None, since: date | None
) -> dict[str, Any]:
    """Return which disposal is ordered; exactly one must be."""
    found: list[dict[str, Any]] = []
    if points is not None:
        found.append({"kind": str(DisposalKind.POINTS), "points": points})
    if interview:
        found.append({"kind": str(DisposalKind.INTERVIEW)})
    if rectify_by is not None:
        found.append({"kind": str(DisposalKind.RECTIFY), "by_date": rectify_by.isoformat()})
    if suspend is not None:
        found.append({"kind": str(DisposalKind.SUSPENSION), "days": suspend})
    if len(found) != 1:
        raise StoreRefused(say("Order one thing: --points N, --interview, --rectify-by DATE or --suspend DAYS."))
    return found[0] if since is None else {**found[0], "since": since.isoformat()}


# ---------------------------------------------------------------- spot checks
def list_checks(asked: Asked, first: date | None, last: date | None, undecided: bool) -> None:
    """Show spot checks."""
    with asked.desk() as (store, actor, settings):
        nights = _nights(store, settings, first, last)
        told = spot_desk.checks(store, actor, settings, *nights, undecided=undecided)
    asked.tell(told, case_texts.show_checks)


def pick_check(asked: Asked, day: date, vehicle: str, reason: str) -> None:
    """Pick a vehicle-day."""
    with asked.desk() as (store, actor, settings):
        told = spot_desk.pick_check(store, actor, settings, day, vehicle, reason)
    asked.tell([told] if not asked.as_json else told, case_texts.show_checks)


def decide_check(asked: Asked, day: date, vehicle: str, outcome: str, note: str, again: bool) -> None:
    """Write down what was seen."""
    seen = _one_of(Outcome, outcome, say("outcome"))
    with asked.desk() as (store, actor, settings):
        told = spot_desk.decide_check(store, actor, settings, day, vehicle, seen, note, again=again)
    asked.tell([told] if not asked.as_json else told, case_texts.show_checks)


def missed(asked: Asked, first: date | None, last: date | None) -> None:
    """Show what audits miss, as far as the random checks tell."""
    with asked.desk() as (store, actor, settings):
        told = spot_desk.missed(store, actor, settings, *_nights(store, settings, first, last, ESTIMATED_NIGHTS))
    asked.tell(told, case_texts.show_missed)


def _nights(
    store: Store, settings: Settings, first: date | None, last: date | None, nights: int = 1
) -> tuple[date, date]:
    """Return a range of nights: unless told otherwise, so many up to the last one that is over."""
    end = last or max(_last_night(store, settings), first or date.min)
    begin = first or end - timedelta(days=nights - 1)
    if begin > end:
        raise StoreRefused(say("--from lies after --to."))
    return begin, end
