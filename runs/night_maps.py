"""Maps of a night of the store, made when somebody asks: the night is read once and held, pages are made of it.

A night is opened as the nightly plans it, with nothing asked that stands answered: what is drawn is what was audited,
and the findings are those of the store. Nights and pages are in memory only, known by what they rest on: what a late
file, a re-audit or an erasure changed is not shown as it was.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from threading import Lock
from typing import TYPE_CHECKING

from audit.coverage import by_school
from audit.evidence import digest
from audit.finding import Finding, NotAssessed
from cases.roles import Actor, Permission, Place, has_permission_at
from runs.audited import Audited
from runs.map_files import Sheet, coverage_rows, days_of, pseudonyms, reason_counts, vehicle_map_day, zone_hours
from runs.night_plan import audit_plan, plan_night, planned_folder
from runs.progress import Silent
from runs.settings import Settings
from store.engine import Store
from store.nights import answers_erased, any_erased
from store.results import findings_of, not_assessed_of
from store.tables.nights import Night, PassageSet
from zones.zone import Zone

if TYPE_CHECKING:
    from maps.served import Served

MB = 1 << 20
Links = Callable[[Finding], str | None]
"""Where the map of a finding's car lies, seen from the overview; None where this account has none."""
CaseLinks = Callable[[Finding], tuple[str, str] | None]
"""The number of a finding's case and where it lies, seen from the car's map."""


class NoMap(Exception):
    """There is no map of that. `code`: not-audited, erased, or no-fixes."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class BeingRead(Exception):
    """The night is being read: its maps are there in a moment."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What the maps of a night rest on: another basis is another map."""

    service_date: date
    run_id: str
    audited_inputs: str


@dataclass(slots=True)
class OpenNight:
    """A night that was read, with its files while it is held."""

    basis: Basis
    audited: Audited
    findings: tuple[Finding, ...]
    not_assessed: tuple[NotAssessed, ...]
    _files: ExitStack
    _is_closed: bool = False
    _lock: Lock = field(default_factory=Lock)

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            self._is_closed = True
            self._files.close()

    def place_of(self, vehicle_id: str | None) -> Place:
        """Return where a car belongs; nowhere, where it is not known."""
        facts = self.audited.night.facts
        vehicle = facts.vehicles.get(vehicle_id or "")
        school = None if vehicle is None else facts.schools.get(vehicle.school_id or "")
        return Place(None if school is None else school.district, None if vehicle is None else vehicle.school_id)

    def seen_by(self, actor: Actor) -> tuple[Finding, ...]:
        """Return the findings that an account may read."""
        return tuple(f for f in self.findings if has_permission_at(actor, Permission.READ_FINDINGS, f))

    def index(self, actor: Actor, lang: str, links: Links, served: Served | None = None) -> str:
        """Return the overview as an account may see it."""
        from maps.index_map import IndexDay, render_index  # noqa: PLC0415 -- Folium is slow to import

        with self._lock:
            sheet, night = self._sheet(lang), self.audited.night
            found = self.seen_by(actor)
            cars = {v for v in night.facts.vehicles if self._reads(actor, v)}
            coverage = [c for c in night.verdicts.coverage if c.vehicle_id in cars]
            # What names no car is the whole city's.
            unanswered = [
                n for n in self.not_assessed if n.vehicle_id in cars or (not n.vehicle_id and self._reads(actor, None))
            ]
            day = IndexDay(
                city=self.audited.bundle.config.name,
                service_date=night.facts.day.date,
                local=night.facts.day.local,
                zones=self._zones(actor, night.facts.places.zones),
                findings=found,
                schools=sheet.schools,
                links={f.finding_id: link for f in found if (link := links(f)) is not None},
                not_assessed=reason_counts(unanswered),
                n_vehicles=len(cars),
                n_without_fixes=len(cars) - len({c.vehicle_id for c in coverage if c.has_fixes}),
                run_id=self.basis.run_id,
                zone_hours=sheet.hours,
                labels=sheet.labels,
                person_label=sheet.person_label,
                coverage=coverage_rows(sheet, by_school(coverage, unanswered, night.facts.vehicles)),
            )
        return render_index(day, lang, served)

    def case(
        self, findings: Collection[str], name: str, back: str, lang: str, links: Links, served: Served | None = None
    ) -> str:
        """Return the overview of some findings: those of a case, for whoever may see that.

        `name` of the case, `back` the relative address of its page. Places are those of all schools, and of the
        schools that the findings are about.
        """
        from maps.index_map import IndexDay, render_index  # noqa: PLC0415 -- Folium is slow to import

        with self._lock:
            sheet, night = self._sheet(lang), self.audited.night
            found = tuple(f for f in self.findings if f.finding_id in findings)
            about = {f.school_id for f in found}
            day = IndexDay(
                city=self.audited.bundle.config.name,
                service_date=night.facts.day.date,
                local=night.facts.day.local,
                zones=tuple(z for z in night.facts.places.zones if z.school_ids is None or about & set(z.school_ids)),
                findings=found,
                schools=sheet.schools,
                links={f.finding_id: link for f in found if (link := links(f)) is not None},
                not_assessed={},
                n_vehicles=None,
                n_without_fixes=0,
                run_id=self.basis.run_id,
                zone_hours=sheet.hours,
                labels=sheet.labels,
                person_label=sheet.person_label,
                case=(name, back),
            )
        return render_index(day, lang, served)

    def vehicle(
        self, vehicle_id: str, actor: Actor, lang: str, back: str, cases: CaseLinks, served: Served | None = None
    ) -> str:
        """Return the map of a car's day; raises `NoMap`, and `BeingRead` where the night was let go of meanwhile.

        `back`: where the overview lies.
        """
        from maps.vehicle_map import render_vehicle_map  # noqa: PLC0415 -- Folium is slow to import

        found = [f for f in self.seen_by(actor) if f.vehicle_id == vehicle_id]
        with self._lock:
            if self._is_closed:
                raise BeingRead
            sheet = self._sheet(lang)
            days = (
                d
                for batch in self.audited.door.read_cars({vehicle_id})
                for d in days_of(self.audited, batch)
                if d.vehicle.vehicle_id == vehicle_id and d.track is not None
            )
            day = next(days, None)
            if day is None:
                raise NoMap("no-fixes")
            held = {f.finding_id: case for f in found if (case := cases(f)) is not None}
            page = vehicle_map_day(sheet, day, found)
            page = replace(page, zones=self._zones(actor, page.zones), index_href=back, case_of=held)
            return render_vehicle_map(page, lang, served)

    def _sheet(self, lang: str) -> Sheet:
        """Return what the pages share; people get numbers that no other page uses."""
        people, hours = pseudonyms(self.audited.bundle, lang), zone_hours(self.audited, lang)
        return Sheet(self.audited, self.basis.run_id, lang, people, hours)

    def _reads(self, actor: Actor, vehicle_id: str | None) -> bool:
        return has_permission_at(actor, Permission.READ_FINDINGS, self.place_of(vehicle_id))

    def _zones(self, actor: Actor, zones: Iterable[Zone]) -> tuple[Zone, ...]:
        """Return the approved places of all schools, and those of schools within an account's reach."""
        schools = self.audited.night.facts.schools
        near = {
            s
            for s, school in schools.items()
            if has_permission_at(actor, Permission.READ_FINDINGS, Place(school.district, s))
        }
        return tuple(z for z in zones if z.school_ids is None or near & set(z.school_ids))


class NightMaps:
    """The nights and pages that a server holds; any thread may ask."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Hold nothing yet."""
        self._store, self._settings = store, settings
        self._nights: OrderedDict[Basis, Future[OpenNight]] = OrderedDict()
        self._pages: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="night")

    def opened(self, day: date) -> OpenNight:
        """Return a night; raises `NoMap`, and `BeingRead` where reading it takes longer than a person waits."""
        basis = self._basis(day)
        with self._lock:
            future = self._nights.get(basis)
            if future is None or (future.done() and future.exception() is not None):
                self._forget_nights(day)
                future = self._nights[basis] = self._reader.submit(self._read, basis)
            self._nights.move_to_end(basis)
        try:
            return future.result(self._settings.maps.wait_s)
        except TimeoutError:
            raise BeingRead from None

    def page(self, parts: Iterable[object], make: Callable[[], str]) -> str:
        """Return the page that is told by some parts, made where it is not held."""
        key = digest([str(part) for part in parts])
        with self._lock:
            held = self._pages.get(key)
            if held is not None:
                self._pages.move_to_end(key)
                return held
        made = make()
        with self._lock:
            if key not in self._pages:
                self._pages[key] = made
                self._bytes += len(made)
            while self._bytes > self._settings.maps.pages_mb * MB and len(self._pages) > 1:
                self._bytes -= len(self._pages.popitem(last=False)[1])
        return made

    def close(self) -> None:
        """Let go of everything."""
        self._reader.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            nights = list(self._nights.values())
            self._nights.clear()
            self._pages.clear()
        for future in nights:
            _close(future)

    def _basis(self, day: date) -> Basis:
        """Return what a night's maps rest on now; raises `NoMap`."""
        with self._store.reading() as session:
            night = session.get(Night, day)
            if night is None or night.run_id is None or night.audited_inputs is None:
                raise NoMap("not-audited")
            erased = session.query(PassageSet.id).where(
                PassageSet.service_date == day, PassageSet.superseded_ms.is_(None), PassageSet.erased_ms.is_not(None)
            )
            if any_erased(session, day) or answers_erased(session, day):
                raise NoMap("erased")
            told = f"{night.audited_inputs} {erased.first() is not None}"
            return Basis(day, night.run_id, told)

    def _forget_nights(self, day: date) -> None:
        """Let go of a night that is read anew, and of the longest unused ones."""
        for basis in [b for b in self._nights if b.service_date == day]:
            _close(self._nights.pop(basis))
        while len(self._nights) >= self._settings.maps.nights:
            _close(self._nights.popitem(last=False)[1])

    def _read(self, basis: Basis) -> OpenNight:
        store, day = self._store, basis.service_date
        plan = plan_night(store, self._settings, day)
        with ExitStack() as files:
            folder = files.enter_context(planned_folder(store, plan))
            audited = audit_plan(store, plan, Silent(), self._settings.nightly.jobs, folder=folder)
            with store.reading() as session:
                found, unanswered = findings_of(session, day), not_assessed_of(session, day)
            return OpenNight(basis, audited, tuple(found), tuple(unanswered), files.pop_all())


def _close(future: Future[OpenNight]) -> None:
    """Let go of a night, once it was read."""

    def done(read: Future[OpenNight]) -> None:
        if not read.cancelled() and read.exception() is None:
            read.result().close()

    if not future.cancel():
        future.add_done_callback(done)
