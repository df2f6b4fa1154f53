"""Pulling a service day's tracks from live providers into a bundle: what `trajaudit pull` does.

One car's failure never stops another; a provider that is down delays its own cars only.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Lock

from feeds.bundle import Bundle, survey_bundle
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger
from feeds.pull_client import REFUSED, Asker, Lost, fetch
from feeds.pull_http import Http
from feeds.pull_providers import PROVIDER_OF, Window, tid_of
from feeds.pull_quota import Quota
from feeds.pull_settings import Source, pullable, read_sources
from feeds.pull_store import Asked, TrackStore, is_safe_name, windows_of
from feeds.pull_timing import Timing
from runs.progress import Progress
from runs.pull_out import WayOut
from trajectories.clock import MS_PER_S, ServiceDay

CLOCK_MARGIN_MS = 60_000
"""Providers refuse an end in the future; their clock may be behind ours by so much."""
MINUTE_MS = 60_000
NEEDED = ("bundle.toml", "vehicles.csv", "terminals.csv")
"""What of a bundle must be sound for a pull; the rest is the audit's business, and may come later."""
FEED_WIDE = frozenset({"unreachable", "no-answer", "provider-error"})
"""Failures that the next car would meet as well."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to pull: `feeds` names some (none: all that the sources describe), `again` what is there already too."""

    bundle: Path
    day: date
    sources: Path
    feeds: tuple[str, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A car whose tracks are not all there, and why (codes: `feeds.pull_client.Lost`, "given-up", "bad-name")."""

    vehicle_id: str
    terminal_id: str
    code: str
    message: str


@dataclass(slots=True)
class FeedPull:
    """The account of one feed: cars = pulled + present + len(failures)."""

    feed: str
    cars: int
    pulled: int = 0
    present: int = 0
    pages: int = 0
    points: int = 0
    queries: int = 0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull did. `until_ms` is the end of what was asked for: before the day's end while it is not over.

    `refusals`: feeds with cars that lack tracks because the settings let nothing go to their provider.
    """

    day: ServiceDay
    until_ms: int
    feeds: tuple[FeedPull, ...]
    warnings: tuple[str, ...]
    refusals: tuple[Fault, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether no provider could be asked, because of the settings."""
        return bool(self.feeds) and len(self.refusals) == len(self.feeds)

    @property
    def is_complete(self) -> bool:
        """Whether every car's tracks are there, so far as the day has gone."""
        return not any(feed.failures for feed in self.feeds)


def pull(job: Job, progress: Progress, out: WayOut, timing: Timing | None = None) -> Pulled:
    """Pull; raises `UnusableInput` for what is wrong with the bundle or the sources, before anything is asked for.

    A provider to which `out` lets nothing go costs its own cars only, like one that is away; it is not asked again.
    """
    timing = timing or Timing()
    ledger = Ledger()
    bundle, warnings = _bundle(job, ledger)
    sources = read_sources(job.sources, bundle.config, job.feeds)
    if not job.feeds:
        warnings += [f"tracks/{name}: is not pulled; {job.sources.name} does not describe it"
                     for name in pullable(bundle.config, sources)]  # fmt: skip
    day = bundle.config.local.service_day(job.day)
    until_ms = min(day.end_ms, int(timing.now_s() * MS_PER_S) - CLOCK_MARGIN_MS) // MS_PER_S * MS_PER_S
    if until_ms <= day.start_ms:
        hint = "Give a day that has begun."
        raise UnusableInput([Fault("--date", "has not begun", found=job.day.isoformat(), hint=hint)])
    with ExitStack() as stack:
        runs = [_FeedRun.begun(stack, source, bundle, day, until_ms, job.again, timing, out) for source in sources]
        progress.stage("pull", sum(len(run.cars) for run in runs))
        _run_all(runs, progress, timing)
        accounts = tuple(run.finished() for run in runs)
        refused = [out.fault(job.sources.name, run.source, run.refused) for run in runs if run.refused is not None]
        return Pulled(day, until_ms, accounts, tuple(warnings), tuple(refused))


def _bundle(job: Job, ledger: Ledger) -> tuple[Bundle, list[str]]:
    """Return the bundle, and warnings of the register's rows that were left out: their cars are not pulled."""
    survey = survey_bundle(job.bundle, ledger)
    faults = [f for f in survey.faults if not f.file.startswith("tracks/")]  # a folder is made where it is missing
    if any(f.file in NEEDED or f.code == "missing-folder" for f in faults):
        raise UnusableInput([f for f in faults if f.file in NEEDED or f.code == "missing-folder"])
    return survey.bundle, [str(fault) for fault in survey.row_faults if fault.file in NEEDED]


@dataclass(slots=True)
class _FeedRun:
    """One feed being pulled, by several threads."""

    source: Source
    store: TrackStore
    asker: Asker
    quota: Quota
    windows: tuple[Window, ...]
    until_ms: int
    again: bool
    timing: Timing
    account: FeedPull
    cars: list[tuple[str, str]]
    refusal: str | None
    in_a_row: int = 0
    lock: Lock = field(default_factory=Lock)

    @classmethod
    def begun(
        cls, stack: ExitStack, source: Source, bundle: Bundle, day: ServiceDay, until_ms: int, again: bool,
        timing: Timing, out: WayOut,
    ) -> _FeedRun:  # fmt: skip
        """Hold the feed's folder, open its connections, and mark every car that is not here yet."""
        quota = Quota(source["queries_per_second"], source["queries_per_day"], source.count_file, timing)
        store = TrackStore(bundle.folder, source.feed, day)
        stack.enter_context(store.held())
        http = stack.enter_context(Http(source, timing, out.transport(source)))
        asker = Asker(source, PROVIDER_OF[source.provider], http, quota, timing)
        windows = windows_of(day, source["window_hours"])
        registered = {v.vehicle_id for v in bundle.vehicles if v.holds_on(day.date)}
        fitted = [t for t in bundle.terminals if t.provider == source.feed and t.holds_on(day.date)]
        cars = sorted({(t.terminal_id, t.vehicle_id) for t in fitted if t.vehicle_id in registered})
        account, refusal = FeedPull(source.feed, len(cars)), out.refusal(source)
        run = cls(source, store, asker, quota, windows, until_ms, again, timing, account, cars, refusal)
        for terminal_id, _ in cars:
            if is_safe_name(terminal_id) and not run.is_answered(terminal_id):
                store.leave_open(terminal_id)
        return run

    def finished(self) -> FeedPull:
        """Return the account, failures in the order of cars."""
        self.account.queries = self.quota.queries
        self.account.failures.sort(key=lambda failure: (failure.vehicle_id, failure.terminal_id))
        return self.account

    @property
    def refused(self) -> str | None:
        """Why cars are without tracks, where it is that nothing may be sent to their provider."""
        return self.refusal if any(failure.code == REFUSED for failure in self.account.failures) else None

    def _begun_windows(self) -> list[Window]:
        return [window for window in self.windows if window.start_ms < self.until_ms]

    def is_answered(self, terminal_id: str) -> bool:
        """Whether the day is here as far as it has gone."""
        found = ((self.store.asked(terminal_id, w), min(w.end_ms, self.until_ms)) for w in self._begun_windows())
        return all(asked is not None and asked.until_ms >= until_ms for asked, until_ms in found)

    def _is_final(self, terminal_id: str, window: Window) -> bool:
        """Whether asking again would bring nothing: the window is over, and late points had time to come."""
        asked = self.store.asked(terminal_id, window)
        settled_ms = window.end_ms + self.source["settle_minutes"] * MINUTE_MS
        return asked is not None and asked.until_ms == window.end_ms and asked.at_ms >= settled_ms

    def pull_car(self, terminal_id: str, vehicle_id: str) -> None:
        """Pull one car and enter it in the account; whatever its tracks do, only a fault of the program is raised."""
        try:
            did = self._pull_terminal(terminal_id)
        except Lost as lost:
            if lost.code == REFUSED:
                self.refusal = lost.message
            self._fail(Failure(vehicle_id, terminal_id, lost.code, lost.message))
        except OSError as error:
            self._fail(Failure(vehicle_id, terminal_id, "not-written", f"cannot be written: {error.strerror}"))
        else:
            with self.lock:
                self.account.pulled += did
                self.account.present += not did
                self.in_a_row = 0 if did else self.in_a_row

    def _fail(self, failure: Failure) -> None:
        with self.lock:
            self.account.failures.append(failure)
            if failure.code != "given-up":
                self.in_a_row = self.in_a_row + 1 if failure.code in FEED_WIDE else 0

    def _pull_terminal(self, terminal_id: str) -> bool:
        """Return whether anything had to be asked for; raises `Lost`."""
        if not is_safe_name(terminal_id):
            raise Lost("bad-name", "terminal_id cannot be a file's name; expected letters, digits, - and _")
        pending = [w for w in self._begun_windows() if self.again or not self._is_final(terminal_id, w)]
        if pending:
            try:
                self._check_hope()
                self._pull_windows(terminal_id, pending)
            except Lost as lost:
                if not self.is_answered(terminal_id):
                    self.store.leave_open(terminal_id, lost.envelope)
                raise
        self.store.close(terminal_id, self.windows)
        return bool(pending)

    def _check_hope(self) -> None:
        if self.timing.stopped.is_set():
            raise Lost("stopped", "the pull was stopped")
        if self.refusal is not None:
            raise Lost(REFUSED, self.refusal)
        if self.in_a_row >= self.source["give_up_after"]:
            raise Lost("given-up", f"not asked for: {self.in_a_row} cars before it failed in a row")

    def _pull_windows(self, terminal_id: str, pending: Sequence[Window]) -> None:
        provider, source = PROVIDER_OF[self.source.provider], self.source
        name = terminal_id
        if (search := provider.search(source, terminal_id)) is not None:
            tid = tid_of(self.asker.ask(search).document, terminal_id)
            if tid is None:
                raise Lost("unknown-terminal", "the provider knows no terminal of this name")
            name = tid
        for window in pending:
            self._pull_window(terminal_id, name, window)

    def _pull_window(self, terminal_id: str, name: str, window: Window) -> None:
        provider, source = PROVIDER_OF[self.source.provider], self.source
        until = Window(window.number, window.start_ms, min(window.end_ms, self.until_ms))
        at_ms = int(self.timing.now_s() * MS_PER_S)
        pages = fetch(self.asker.ask, lambda page: provider.track(source, name, until, page), source["page_size"])
        if pages.lost is not None:
            if pages.bodies and not self.store.has_pages(terminal_id, window):
                self.store.publish(terminal_id, window, pages.bodies)
            raise pages.lost
        self.store.publish(terminal_id, window, pages.bodies)
        self.store.record(terminal_id, window, Asked(until.end_ms, at_ms, len(pages.bodies)), pages.points)
        with self.lock:
            self.account.pages += len(pages.bodies)
            self.account.points += pages.points


def _run_all(runs: Sequence[_FeedRun], progress: Progress, timing: Timing) -> None:
    """Pull all cars, each feed with its own threads."""
    with ExitStack() as stack:
        waiting: list[Future[None]] = []
        try:
            for run in runs:
                pool = stack.enter_context(ThreadPoolExecutor(run.source["connections"], f"pull-{run.source.feed}"))
                waiting += [pool.submit(run.pull_car, terminal_id, vehicle_id) for terminal_id, vehicle_id in run.cars]
            for done in as_completed(waiting):
                done.result()
                progress.advance(1)
        except BaseException:  # Ctrl-C too: what runs ends at its next step, what waits does not begin
            timing.stopped.set()
            for future in waiting:
                future.cancel()
            raise
