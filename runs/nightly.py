"""The nightly: what came in is taken in, stale vehicle-days are audited, cases follow, notices wait in the outbox.

All that one night changes is one transaction. A run that is killed before it leaves nothing but files that no row
names, and the next run finds the night as stale as it was; one that is killed after it has left nothing to do.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cases.case import Case, Event
from cases.deadlines import escalations
from cases.states import UNDECIDED, UNDER_WAY
from feeds.faults import UnusableInput
from runs.ingest import Source, ingest
from runs.night_desk import Desk
from runs.night_plan import is_stale
from runs.night_run import FAILED, KIND, NightReport, new_run_id, run_night, write_head_down
from runs.persist import CannotWrite, is_away, is_full, persistently
from runs.points import reached
from runs.pull import Job as PullJob
from runs.pull import pull
from runs.pull_out import WayOut
from runs.push_night import forget_old, late_days, only_pushed
from store import lease
from store.casework import cases_where, record_events
from store.check import sweep
from store.engine import StoreRefused
from store.lease import LeaseLost
from store.tables.nights import Night
from store.tables.results import Run

INTERRUPTED, RUNNING = "interrupted", "running"


@dataclass(frozen=True, slots=True)
class Order:
    """What to do: one service day, or (None) the last one that is over, with what is stale in the store.

    `bundle`: a folder in place of the one under `nightly.bundles`; `catch_up`: nights that were missed, too; `again`:
    everything anew, whatever stands.
    """

    service_date: date | None = None
    bundle: Path | None = None
    catch_up: bool = False
    again: bool = False


@dataclass(slots=True)
class Nightly:
    """What a nightly did, night by night; `escalated` cases went to their next level. `trouble`: beside the nights'."""

    nights: list[NightReport] = field(default_factory=list)
    escalated: int = 0
    trouble: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether every night was audited from all that belongs to it."""
        return not self.trouble and all(night.is_whole for night in self.nights)


def nightly(desk: Desk, order: Order) -> Nightly:
    """Run; raises `LeaseTaken` where another one runs, `LeaseLost` where another one took over, and `UnusableInput` for
    settings that cannot be.

    What goes wrong with one night is told in its report, and the others are done.
    """
    done = Nightly()
    with _held(desk):
        try:
            _run(desk, order, done)
        except CannotWrite as error:  # what was not begun is left to the next nightly
            done.trouble["write"] = [str(error)]
    done.nights.sort(key=lambda n: n.service_date)
    return done


def _run(desk: Desk, order: Order, done: Nightly) -> None:
    _close_interrupted(desk)
    for day, folder in persistently(desk.store, desk.wait_s, lambda: _deliveries(desk, order)):
        done.nights.append(_take_in(desk, day, folder))
    _take_in_pushed(desk, done)
    for day in persistently(desk.store, desk.wait_s, lambda: _stale(desk, order)):
        _audit_one(desk, order, day, done)
    _tidy(desk)
    done.escalated = _escalate(desk)
    # A run that was killed after its commit has not written its head down: it is made up for here.
    if told := write_head_down(desk, done.nights[-1].run_id if done.nights else None):
        done.trouble["heads"] = [told]


def _take_in_pushed(desk: Desk, done: Nightly) -> None:
    """Take in what was pushed late for nights that nothing else came for."""
    today = desk.local.service_date(desk.store.clock())
    taken = {n.service_date for n in done.nights}
    for day in persistently(desk.store, desk.wait_s, lambda: late_days(desk.store, today, taken)):
        report = NightReport(day)
        done.nights.append(report)
        _guarded(desk, report, partial(_ingest_pushed, desk, day, report))
    persistently(desk.store, desk.wait_s, lambda: forget_old(desk.store, desk.local, desk.settings.push.days))


def _ingest_pushed(desk: Desk, day: date, report: NightReport) -> None:
    with only_pushed() as folder:
        source = Source(folder, day, desk.settings.nightly.history_days, desk.actor, desk.wait_s, desk.held)
        report.ingested = ingest(desk.store, source, desk.progress)


def _tidy(desk: Desk) -> None:
    """Remove what a killed run left in the folder, once it is a day old: it may hold passages."""
    with suppress(StoreRefused, OSError):
        sweep(desk.store)


def _audit_one(desk: Desk, order: Order, day: date, done: Nightly) -> None:
    report = next((n for n in done.nights if n.service_date == day), None)
    if report is None:
        report = NightReport(day)
        done.nights.append(report)
    if not report.is_failed:
        again = order.again and day == _wanted(desk, order)
        _guarded(desk, report, partial(run_night, desk, day, report, again=again))


@contextmanager
def _held(desk: Desk) -> Iterator[None]:
    """Hold the lease of the nightly, renewed until the block ends."""
    ttl_ms = desk.settings.nightly.lease_minutes * 60_000
    held = lease.take(desk.store, lease.NIGHTLY, ttl_ms)
    reached("lease-taken")
    desk.held = held
    try:
        with lease.renewed(desk.store, held, ttl_ms):
            yield
    finally:
        with suppress(DBAPIError):  # a database that is away keeps it until it runs out, or we are dead
            lease.release(desk.store, held)
    reached("lease-released")


def _close_interrupted(desk: Desk) -> None:
    """Mark runs that never ended: we hold the lease, so nobody is at them."""

    def close() -> None:
        with desk.store.writing() as session:
            lease.check(session, desk.held)
            session.execute(
                update(Run).where(Run.state == RUNNING).values(state=INTERRUPTED, ended_ms=desk.store.clock())
            )

    persistently(desk.store, desk.wait_s, close)


# ---------------------------------------------------------------- which nights
def _deliveries(desk: Desk, order: Order) -> list[tuple[date, Path]]:
    """Return the service days of which a bundle lies ready, with its folder."""
    last = _wanted(desk, order)
    if order.bundle is not None:
        return [(last, order.bundle)]
    root = desk.settings.nightly.bundles
    if root is None:
        return []
    with desk.store.reading() as session:
        known = set(session.scalars(select(Night.service_date)))
    days = [last]
    if order.catch_up:
        back = (last - timedelta(days=n) for n in range(1, desk.settings.nightly.catch_up_days + 1))
        days += [day for day in back if day not in known]
    # Only the night that is asked for is missed, and only where it lies nowhere.
    return [
        (d, root / d.isoformat())
        for d in sorted(days)
        if (root / d.isoformat()).is_dir() or (d == last and d not in known)
    ]


def _wanted(desk: Desk, order: Order) -> date:
    return order.service_date or desk.last_service_date()


def _stale(desk: Desk, order: Order) -> list[date]:
    """Return the nights of the store of which something is to be asked, the oldest first.

    With a date: that night and those that compare their tracks with it. Else all within the days to catch up, and
    older ones for which something came in.
    """
    reach = desk.settings.nightly.history_days
    with desk.store.reading() as session:
        nights = list(session.scalars(select(Night).order_by(Night.service_date)))
    known = [(n.service_date, n.changed_ms > (n.audited_ms or 0)) for n in nights]
    if order.service_date is not None:
        first, last = order.service_date, order.service_date + timedelta(days=reach)
    else:
        last = desk.last_service_date()
        first = last - timedelta(days=desk.settings.nightly.catch_up_days + reach)
    wanted = _wanted(desk, order)
    return [
        day
        for day, is_changed in known
        if (first <= day <= last or (is_changed and order.service_date is None))
        and (is_stale(desk.store, desk.settings, day) or (order.again and day == wanted))
    ]


# ---------------------------------------------------------------- one night's delivery
def _take_in(desk: Desk, day: date, folder: Path) -> NightReport:
    report = NightReport(day)
    _guarded(desk, report, lambda: _pull_and_ingest(desk, day, folder, report))
    return report


def _pull_and_ingest(desk: Desk, day: date, folder: Path, report: NightReport) -> None:
    """Pull what is pulled, then take all in; a provider that is away costs its own cars only."""
    sources = desk.settings.nightly.sources
    if sources is not None:
        try:
            pulled = pull(PullJob(folder, day, sources), desk.progress, WayOut.of(desk.settings.outbound))
        except UnusableInput as error:
            report.trouble["pull"] = [str(fault) for fault in error.faults]
        else:
            if pulled.refusals:
                report.trouble["pull"] = [str(fault) for fault in pulled.refusals]
            for feed in (f for f in pulled.feeds if f.failures):
                report.trouble[f"feed:{feed.feed}"] = sorted({f.code for f in feed.failures})
                report.delayed[feed.feed] = len(feed.failures)
    source = Source(folder, day, desk.settings.nightly.history_days, desk.actor, desk.wait_s, desk.held)
    report.ingested = ingest(desk.store, source, desk.progress)


def _guarded(desk: Desk, report: NightReport, work: Callable[[], None]) -> None:
    """Do something for a night; what is wrong with its input, or with the disk, fails this night alone."""
    try:
        work()
    except UnusableInput as error:
        report.trouble["input"] = [str(fault) for fault in error.faults]
    except CannotWrite as error:
        report.trouble["write"] = [str(error)]
    except (OSError, DBAPIError) as error:
        known = is_full(error) or is_away(error)
        report.trouble["write" if known else "fault"] = [_said(error)]
    except LeaseLost:
        raise
    except Exception as error:  # noqa: BLE001 -- a fault in one night must not cost all others theirs
        report.trouble["fault"] = [_said(error)]
    else:
        return
    report.state = FAILED
    with suppress(DBAPIError):  # that it cannot be written down is told on the spot
        _record_failure(desk, report)


def _said(error: BaseException) -> str:
    """Return what went wrong in one line, with the place in the program where it was met."""
    at = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in at)
    told = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {told}{where}"


def _record_failure(desk: Desk, report: NightReport) -> None:
    """Write down that a night was not audited, and why, where that can be written."""
    now_ms, day = desk.store.clock(), report.service_date
    report.run_id = report.run_id or new_run_id(day)
    with desk.store.writing() as session:
        lease.check(session, desk.held)
        run = session.get(Run, report.run_id)
        if run is None:
            run = Run(run_id=report.run_id, kind=KIND, service_date=day, started_ms=now_ms, actor=desk.actor)
            session.add(run)
        elif run.ended_ms is not None:
            return  # it had ended already: all of it stands
        run.state, run.ended_ms = FAILED, now_ms
        run.trouble = json.dumps(report.trouble, ensure_ascii=False, sort_keys=True)


# ---------------------------------------------------------------- deadlines
def _escalate(desk: Desk) -> int:
    """Bring overdue cases to their next level; return how many."""

    def step() -> int:
        now_ms = desk.store.clock()
        with desk.store.writing() as session:
            lease.check(session, desk.held)
            late = cases_where(session, states=UNDECIDED | UNDER_WAY, due_before_ms=now_ms + 1)
            return _record(session, escalations(late, now_ms, desk.terms))

    return persistently(desk.store, desk.wait_s, step)


def _record(session: Session, found: Sequence[tuple[Case, Event]]) -> int:
    by_case: dict[str, tuple[Case, list[Event]]] = {}
    for case, event in found:
        by_case.setdefault(case.case_id, (case, []))[1].append(event)
    for case, events in by_case.values():
        record_events(session, case, events)
    return len(by_case)


def as_json(done: Nightly) -> str:
    """Return what a nightly did, for another program."""
    nights = [n.as_dict() for n in done.nights]
    return json.dumps({"nights": nights, "escalated": done.escalated, "trouble": done.trouble}, ensure_ascii=False)
