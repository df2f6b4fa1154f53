"""The door at which pushed passages are decided on, with the registers as the store knows them when they come.

What no reading makes a registered car's is gone when `take` returns, and only counted. Nothing of a payload is written.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from checkpoints.passage import Passage
from checkpoints.plates import PlateBook, normalised
from feeds.bundle_config import BundleConfig, read_config
from feeds.ledger import Ledger, Reject
from feeds.passage_door import PUSHED, PassageDoor
from feeds.passage_raw import RawPassage, Scale, StrayFaces
from feeds.viid import read_viid
from feeds.viid_faces import Crosswalk, ViidContext
from runs.night_folder import CONFIG, night_folder
from runs.pushed import UNDECIDED, Undecided, door_counts
from runs.witness import FACE_JOIN
from store.engine import Store
from store.nights import current_files
from store.pushed import PassageBatch, known_passages, stage_passages
from store.registers import register_rows
from store.tables.nights import Night
from trajectories.clock import LocalTime, ServiceDay

_DAYS_REMEMBERED = 4


class NotReady(Exception):
    """There is no register yet by which it could be told what is in scope: nothing was taken."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is registered on a service day, so far as the store knows, and what its `bundle.toml` says."""

    day: ServiceDay
    config: BundleConfig
    book: PlateBook
    staff: frozenset[str]
    cameras: frozenset[str]

    def door(self) -> PassageDoor:
        """Return a door of its own for one push."""
        mandate = self.config.mandate
        allowed = mandate is not None and mandate.allows(FACE_JOIN, self.day.date)
        day = self.day
        return PassageDoor(self.book, self.staff, self.cameras, day.start_ms, day.end_ms, Ledger(), face_join=allowed)

    def is_registered(self, raw: RawPassage) -> bool:
        """Whether the plate as read is a registered car's, or that of two of which its track decides."""
        holders = self.book.plates.get(normalised(raw.plate), ())
        return any(raw.plate_class is None or raw.plate_class == known for _, known in holders)


@dataclass(slots=True)
class Registers:
    """The registers of the nights in the store, remembered until a night changes."""

    store: Store
    _known: dict[tuple[date, date, int], Known] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, day: date) -> Known:
        """Return what is registered on a day, by its own night or the latest one before; raises `NotReady`."""
        with self._lock, self.store.reading() as session:
            night = session.scalar(
                select(Night).where(Night.service_date <= day).order_by(Night.service_date.desc()).limit(1)
            )
            if night is None:
                raise NotReady(f"{day}: no night's registers are in the store")
            key = (day, night.service_date, night.changed_ms)
            if key not in self._known:
                while len(self._known) >= _DAYS_REMEMBERED:
                    del self._known[next(iter(self._known))]
                self._known[key] = self._read(session, night.service_date, day)
            return self._known[key]

    def _read(self, session: Session, night: date, day: date) -> Known:
        config = config_of(self.store, session, night)
        rows: dict[str, list[Any]] = {
            name: register_rows(session, night, name, on=day) for name in ("vehicles", "staff", "cameras")
        }
        return Known(
            config.local.service_day(day),
            config,
            PlateBook.build([(v.vehicle_id, v.plate, v.plate_class) for v in rows["vehicles"]]),
            frozenset(s.person_id for s in rows["staff"]),
            frozenset(c.camera_id for c in rows["cameras"]),
        )


def config_of(store: Store, session: Session, night: date) -> BundleConfig:
    """Return what `bundle.toml` of a night says; raises `NotReady` where it is gone."""
    files = {n: a for n, a in current_files(session, night).items() if n.removesuffix(".gz") == CONFIG}
    with night_folder(store, files) as folder:
        faults: list[Any] = []
        config = read_config(folder, Ledger(), faults)
    if not files or not config.feeds:
        raise NotReady(f"{night}: the night's {CONFIG} is not there any more")
    return config


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a push: passages kept, those that wait for a track, those that had come before.

    `rejects`: the MotorVehicles that are none, by their number in the payload.
    """

    kept: int = 0
    waiting: int = 0
    repeated: int = 0
    rejects: Mapping[int, Reject] = field(default_factory=dict)


@dataclass(slots=True)
class _Decided:
    """The passages of one push and service day that came through the door."""

    known: Known
    door: PassageDoor
    registered: list[Passage] = field(default_factory=list)
    maybe: list[Passage] = field(default_factory=list)
    repeated: int = 0

    def take(self, item: RawPassage | Reject | StrayFaces) -> None:
        """Decide on one item."""
        passage = self.door.take(item)
        if passage is not None and isinstance(item, RawPassage):
            (self.registered if self.known.is_registered(item) else self.maybe).append(passage)

    def without(self, known_ids: Collection[str]) -> None:
        """Leave out what had come before; what is not decided stays counted so until it is."""
        for held in (self.registered, self.maybe):
            for passage in [p for p in held if p.passage_id in known_ids]:
                held.remove(passage)
                self.door.refuse_repeat(passage)
                self.repeated += 1
        self.door.drop(self.maybe, UNDECIDED)

    def batch(self, batch_id: str, device_id: str) -> PassageBatch:
        """Return what is written of it."""
        counts = door_counts(self.door.count, self.door.ledger.account(PUSHED))
        return PassageBatch(batch_id, self.known.day.date, device_id, self.registered, counts)


@dataclass(slots=True)
class PushDoor:
    """Takes pushes in. `days`: how many service days back a passage may lie."""

    store: Store
    local: LocalTime
    undecided: Undecided
    days: int
    crosswalk: Crosswalk | None = None
    registers: Registers = field(init=False)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Remember no register yet."""
        self.registers = Registers(self.store)

    def take(self, payload: object, device_id: str) -> Taken:
        """Decide on all that a decoded payload holds, and have what is a registered car's wait for its night.

        Written in one transaction. Raises `NotReady`, with nothing taken.
        """
        batch_id, today = secrets.token_hex(12), self.local.service_date(self.store.clock())
        known = self.registers.on(today)
        context = ViidContext(known.config.local, Scale.of(known.config.matcher), known.staff, self.crosswalk)
        decided: dict[date, _Decided] = {}
        rejects = {}
        for item in read_viid(payload, f"{PUSHED}/{batch_id}", context):
            if isinstance(item, Reject):
                rejects[item.row] = item
            day = self._day(item, today)
            if day not in decided:
                there = self.registers.on(day)
                decided[day] = _Decided(there, there.door())
            decided[day].take(item)
        self._write(decided, batch_id, device_id)
        held = decided.values()
        return Taken(
            sum(len(d.registered) for d in held),
            sum(len(d.maybe) for d in held),
            sum(d.repeated for d in held),
            rejects,
        )

    def first_day(self) -> date:
        """Return the first service day of which passages are taken."""
        return self.local.service_date(self.store.clock()) - timedelta(days=self.days)

    def _day(self, item: RawPassage | Reject | StrayFaces, today: date) -> date:
        """The service day that an item is counted in; today's door says of too old a passage that it is another's."""
        if not isinstance(item, RawPassage):
            return today
        day = self.local.service_date(item.shot_ms)
        return day if self.first_day() <= day <= today else today

    def _write(self, decided: Mapping[date, _Decided], batch_id: str, device_id: str) -> None:
        with self._writing:
            with self.store.writing() as session:
                for day, one in sorted(decided.items()):
                    known = known_passages(session, day, {p.passage_id for p in one.registered})
                    one.without(known | self.undecided.known(day, {p.passage_id for p in one.maybe}))
                    stage_passages(session, one.batch(batch_id, device_id), self.store.clock())
            for day, one in decided.items():
                self.undecided.add(day, one.maybe)
