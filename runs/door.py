"""The one door through which fixes come in: feeds read batch by batch, terminals turned into cars, days told apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from audit.datum_check import shifted
from feeds.bundle import Bundle
from feeds.ledger import Ledger, Reject, SourceFiles
from feeds.track_feed import TrackFeed, open_track_feed
from feeds.track_reader import ROWS_REJECTED
from feeds.track_rows import flag_name
from feeds.track_table import Mask, TrackTable, concat
from geo.datum import Datum
from trajectories.clock import ServiceDay
from trajectories.fleet import I4, Flag, Fleet, build_fleet
from zones.register import Vehicle

CACHE_ROWS = 1_500_000
"""Bundles up to this size are read once and kept; of larger ones so many rows of cars that will be read again."""
BATCH_CARS = 50
CLEANING_FLAGS = (Flag.REPEAT, Flag.CONFLICT, Flag.SPIKE, Flag.STALE_CLOCK, Flag.DRIFT, Flag.COARSE)
UNKNOWN_TERMINAL = "unknown-terminal"
_OTHER_DAY = "other-day"
_QUARTER_MS = 900_000
_KNOWN_TO_RULES = ("no-fixes", "unreadable-file", ROWS_REJECTED)


@dataclass(frozen=True, slots=True)
class Batch:
    """Cars read together: the service day's fixes, and older ones by car and day for comparison; `table` as read."""

    feed: str
    vehicle_ids: tuple[str, ...]
    fleet: Fleet
    history: Fleet | None
    table: TrackTable
    history_dates: tuple[str, ...] = ()


@dataclass(slots=True)
class TrackDoor:
    """All feeds of a bundle on one service day.

    A car is read from the feed the register names for it; another terminal of it in the same feed is merged. A terminal
    in another feed stands in where the first has no file of the car, else it is kept beside, to be compared.
    `cars`, `beside`: terminal to vehicle, by feed.
    """

    bundle: Bundle
    day: ServiceDay
    ledger: Ledger
    sources: SourceFiles = field(default_factory=SourceFiles)
    feeds: dict[str, TrackFeed] = field(default_factory=dict)
    corrected: dict[str, Datum | None] = field(default_factory=dict)
    cars: dict[str, dict[str, str]] = field(default_factory=dict)
    beside: dict[str, dict[str, str]] = field(default_factory=dict)
    _cache: list[TrackTable] = field(default_factory=list)
    _cached: dict[tuple[str, str], int] = field(default_factory=dict)  # where in it a feed's terminal is
    _strangers: set[str] = field(default_factory=set)
    _counted: set[str] = field(default_factory=set)

    def open(self) -> None:
        """Open every feed and settle which terminal is which car's on this day."""
        config = self.bundle.config
        for known in config.feeds:
            self.feeds[known.name] = open_track_feed(self.bundle.folder, known, config.local, self.ledger, self.sources)
        fitted: dict[str, dict[str, str]] = {name: {} for name in self.feeds}
        for terminal in self.bundle.terminals:
            if terminal.provider in fitted and terminal.holds_on(self.day.date):
                fitted[terminal.provider][terminal.terminal_id] = terminal.vehicle_id
        heard = {}
        for name, feed in self.feeds.items():
            sent = set(feed.terminals())
            heard[name] = {t: v for t, v in fitted[name].items() if t in sent}
        home = self._home({name: set(cars.values()) for name, cars in heard.items()})
        self.cars = {name: {t: v for t, v in cars.items() if home.get(v) == name} for name, cars in heard.items()}
        self.beside = {
            name: {t: v for t, v in cars.items() if home.get(v, name) != name} for name, cars in heard.items()
        }

    def _home(self, heard: Mapping[str, Collection[str]]) -> dict[str, str]:
        """Return each car's feed: the registered one where it has files of the car, else another that has."""
        home: dict[str, str] = {}
        for vehicle in self.vehicles().values():
            names = [vehicle.provider, *sorted(n for n in self.feeds if n != vehicle.provider)]
            home[vehicle.vehicle_id] = next((n for n in names if vehicle.vehicle_id in heard.get(n, ())), names[0])
        return home

    def vehicles(self) -> dict[str, Vehicle]:
        """Return the register of the day by vehicle_id."""
        return {v.vehicle_id: v for v in self.bundle.vehicles if v.holds_on(self.day.date)}

    def feeds_of(self) -> dict[str, tuple[str, ...]]:
        """Return which feed each car is read from (a car without files: the registered one)."""
        out: dict[str, tuple[str, ...]] = {v.vehicle_id: (v.provider,) for v in self.vehicles().values()}
        out.update({v: (name,) for name, cars in self.cars.items() for v in cars.values()})
        return out

    def rows(self) -> int:
        """Return about how many rows all feeds have."""
        return sum(feed.n_rows_estimate() for feed in self.feeds.values())

    def plan(self, feed: str) -> list[tuple[str, ...]]:
        """Return the batches of one feed: tuples of terminals in order, a car's terminals never apart."""
        return self._planned(self.cars[feed])

    def _planned(self, owners: Mapping[str, str]) -> list[tuple[str, ...]]:
        known = self.vehicles()
        by_car: dict[str, list[str]] = {}
        for terminal, vehicle_id in sorted(owners.items()):
            if vehicle_id in known:
                by_car.setdefault(vehicle_id, []).append(terminal)
        cars = sorted(by_car, key=lambda v: by_car[v][0])
        return [tuple(t for v in cars[i : i + BATCH_CARS] for t in by_car[v]) for i in range(0, len(cars), BATCH_CARS)]

    def batches(self) -> Iterator[Batch]:
        """Yield all batches of all feeds, in order."""
        for name in self.feeds:
            for terminals in self.plan(name):
                yield self.read(name, terminals)

    def read(self, feed: str, terminals: Sequence[str]) -> Batch:
        """Read some terminals of one feed."""
        raw = self._table(feed, tuple(terminals))
        table = self._corrected(feed, raw)
        owner_of = {**self.beside[feed], **self.cars[feed]}
        owners = sorted({owner_of[t] for t in terminals})
        number = {v: i for i, v in enumerate(owners)}
        vehicle_of = np.array([number[owner_of[t]] for t in table.terminal_ids], np.int32)
        vehicle_ix = vehicle_of.take(table.terminal_ix)
        today = (table.t_ms >= self.day.start_ms) & (table.t_ms < self.day.end_ms)
        fleet = _fleet(owners, vehicle_ix, table, today)
        if today.all():
            return Batch(feed, tuple(owners), fleet, None, raw)
        self._count_other_days(feed, table.terminal_ids, table.terminal_ix[~today])
        history, dates = self._history(owners, vehicle_ix, table, ~today)
        return Batch(feed, tuple(owners), fleet, history, raw, dates)

    def read_cars(self, vehicle_ids: Collection[str]) -> Iterator[Batch]:
        """Read some cars again, as many at once as were read together before."""
        for name, cars in self.cars.items():
            for planned in self.plan(name):
                terminals = tuple(t for t in planned if cars[t] in vehicle_ids)
                if terminals:
                    yield self.read(name, terminals)

    def keep(self, batch: Batch, vehicle_ids: Collection[str]) -> None:
        """Keep some cars of a batch for when they are read again, as long as not too much was kept."""
        owners, feed = self.cars[batch.feed], batch.feed
        wanted = (t for t in batch.table.terminal_ids if owners.get(t) in vehicle_ids)
        terminals = tuple(t for t in wanted if (feed, t) not in self._cached)
        if terminals:
            table = batch.table.over(terminals)
            if sum(map(len, self._cache)) + len(table) <= CACHE_ROWS:
                self._store(feed, terminals, table)

    def read_beside(self) -> Iterator[Batch]:
        """Read the cars that another feed reports, too, from that other feed."""
        for name, owners in self.beside.items():
            for terminals in self._planned(owners):
                for terminal in terminals:
                    self.ledger.warn(
                        f"tracks/{name}: terminal {terminal} is a second one of {owners[terminal]}, which is read from "
                        "another feed"
                    )
                yield self.read(name, terminals)

    def read_strangers(self) -> None:
        """Account for the terminals that no car is read from on this day.

        Rows of a terminal that is no registered car's that day are rejected; those of older days stay history.
        """
        known = self.vehicles()
        for name, feed in self.feeds.items():
            mine = {t for t, v in (*self.cars[name].items(), *self.beside[name].items()) if v in known}
            for terminal in (t for t in feed.terminals() if t not in mine):
                if (key := f"{name}/{terminal}") not in self._strangers:
                    self._strangers.add(key)
                    self._stranger(name, terminal, feed.read((terminal,)))

    def _stranger(self, feed: str, terminal: str, table: TrackTable) -> None:
        rows = [t for t in self.bundle.terminals if t.provider == feed and t.terminal_id == terminal]
        other = (table.t_ms < self.day.start_ms) | (table.t_ms >= self.day.end_ms)
        if rows and other.any():
            self.ledger.account(f"tracks/{feed}").flagged[_OTHER_DAY] += int(other.sum())
            table = table.where(~other)
        self._reject(feed, terminal, table)

    def count_flags(self, fleets: Sequence[Fleet], feed: str) -> None:
        """Enter the flags that cleaning set on one feed's fixes into its account (each batch once)."""
        flagged = self.ledger.account(f"tracks/{feed}").flagged
        present = np.bitwise_or.reduce([np.bitwise_or.reduce(fleet.flags) for fleet in fleets])
        for flag in (f for f in CLEANING_FLAGS if f & present):
            n = sum(int(np.count_nonzero(fleet.flags & np.uint32(flag))) for fleet in fleets)
            if n:
                flagged[flag_name(flag)] += n

    def broken(self) -> dict[str, str]:
        """Return cars of which the provider left something out, with the reason code."""
        out = {}
        for name, feed in self.feeds.items():
            refused = feed.refused_terminals()
            if None in refused:  # rows of nobody may have been those of a car that was not heard
                mine = {v.vehicle_id for v in self.vehicles().values() if v.provider == name}
                out.update(dict.fromkeys(mine - set(self.cars[name].values()), ROWS_REJECTED))
            named = {terminal: reason for terminal, reason in refused.items() if terminal is not None}
            for terminal, reason in (named | feed.broken_terminals(self.day.date)).items():
                if terminal in self.cars[name]:
                    out[self.cars[name][terminal]] = reason if reason in _KNOWN_TO_RULES else "provider-error"
        return out

    def _table(self, feed: str, terminals: tuple[str, ...]) -> TrackTable:
        """Return the rows of some terminals: what was kept of them, and the rest as read."""
        held: dict[int, list[str]] = {}
        for terminal in (t for t in terminals if (feed, t) in self._cached):
            held.setdefault(self._cached[feed, terminal], []).append(terminal)
        parts = [self._cache[i].over(held[i]) for i in sorted(held)]
        rest = tuple(t for t in terminals if (feed, t) not in self._cached)
        if rest or not parts:
            parts.append(self.feeds[feed].read(rest))
            if self.rows() <= CACHE_ROWS:
                self._store(feed, rest, parts[-1])
        return parts[0] if len(parts) == 1 else concat(parts)

    def _store(self, feed: str, terminals: tuple[str, ...], table: TrackTable) -> None:
        self._cached |= {(feed, t): len(self._cache) for t in terminals}
        self._cache.append(table)

    def _corrected(self, feed: str, table: TrackTable) -> TrackTable:
        """Return the rows in the datum that the feed was found to be in, where that is not the declared one."""
        if feed not in self.corrected:
            return table
        declared = self.feeds[feed].context.config.datum
        lon, lat = shifted(table.lon_deg, table.lat_deg, declared, self.corrected[feed])
        return replace(table, lon_deg=lon, lat_deg=lat)

    def _count_other_days(self, feed: str, terminals: Sequence[str], terminal_ix: I4) -> None:
        fresh = np.array([f"{feed}/{t}" not in self._counted for t in terminals], np.bool_)
        self._counted.update(f"{feed}/{t}" for t in terminals)
        n = int(np.count_nonzero(fresh[terminal_ix]))
        if n:
            self.ledger.account(f"tracks/{feed}").flagged[_OTHER_DAY] += n

    def _history(
        self, owners: Sequence[str], vehicle_ix: I4, table: TrackTable, other: Mask
    ) -> tuple[Fleet, tuple[str, ...]]:
        """Return the fixes of other service days as one fleet, a track for each car and day."""
        local = self.day.local
        rows = np.flatnonzero(other)
        quarter = table.t_ms[rows] // _QUARTER_MS  # of an hour: the offsets of all time zones are whole ones
        dates = {int(q): local.service_date(int(q) * _QUARTER_MS).isoformat() for q in np.unique(quarter)}
        keys = [(int(v), dates[int(q)]) for v, q in zip(vehicle_ix[rows], quarter, strict=True)]
        tracks = sorted(set(keys))
        ix = {key: i for i, key in enumerate(tracks)}
        number = np.zeros(len(table), np.int32)
        number[rows] = [ix[k] for k in keys]
        fleet = _fleet([owners[v] for v, _ in tracks], number, table, other)
        return fleet, tuple(d for _, d in tracks)

    def _reject(self, feed: str, terminal: str, table: TrackTable) -> None:
        account = self.ledger.account(f"tracks/{feed}")
        account.kept -= len(table)
        for flag in Flag:
            n = int(((table.flags & np.uint32(flag)) != 0).sum())
            name = flag_name(flag)
            if n and account.flagged[name] >= n:
                account.flagged[name] -= n
        for source in table.source.tolist():
            file, row = self.sources.locate(source)
            self.ledger.reject(f"tracks/{feed}", Reject(file, row, UNKNOWN_TERMINAL, "terminal_id", terminal))
        if len(table):
            self.ledger.warn(f"tracks/{feed}: terminal {terminal} is no registered car's on {self.day.date}")


def _fleet(owners: Sequence[str], vehicle_ix: I4, table: TrackTable, rows: Mask) -> Fleet:
    part = table if rows.all() else table.where(rows)
    return build_fleet(
        owners,
        vehicle_ix if rows.all() else vehicle_ix[rows],
        part.t_ms,
        part.lon_deg,
        part.lat_deg,
        speed_mps=part.speed_mps,
        heading_deg=part.heading_deg,
        accuracy_m=part.accuracy_m,
        lag_ms=part.lag_ms,
        flags=part.flags,
        source=part.source,
        shared=True,  # a table is never written to
    )
