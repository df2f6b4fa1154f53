"""What every track feed does alike: choose terminals, enter each row once, convert to WGS-84 once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from feeds.ledger import Ledger, SourceFiles
from feeds.track_rows import Unit, book
from feeds.track_table import Mask, TrackTable, concat, empty_table
from geo.datum import Datum, to_wgs84
from trajectories.clock import LocalTime

LEAST_REFUSED, REFUSED_SHARE = 12, 0.01
"""A minute's rows at a fix every five seconds, and one row in a hundred: fewer hide no silence worth asking about."""
ROWS_REJECTED = "rows-rejected"


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """One `[feeds.NAME]` of `bundle.toml`."""

    name: str
    format: str
    datum: Datum


@dataclass(frozen=True, slots=True)
class FeedContext:
    """What a reader needs: the bundle's folder, the feed's configuration, the city's time, where to account."""

    bundle: Path
    config: FeedConfig
    local: LocalTime
    ledger: Ledger
    sources: SourceFiles

    @property
    def folder(self) -> Path:
        """The feed's folder."""
        return self.bundle / "tracks" / self.config.name

    @property
    def account_name(self) -> str:
        """The feed's name in the ledger."""
        return f"tracks/{self.config.name}"

    def relative(self, path: Path) -> str:
        """Return a file's path relative to the bundle, with slashes."""
        return path.relative_to(self.bundle).as_posix()

    def paths(self) -> list[Path]:
        """Return the feed's files by name; a missing or empty folder is warned of, and is a silent feed."""
        found = sorted(p for p in self.folder.iterdir() if p.is_file()) if self.folder.is_dir() else []
        if not found:
            self.ledger.warn(f"{self.account_name}: the feed has no file")
        return found


class TrackFeed(ABC):
    """One feed of a bundle.

    A row is entered in the ledger when its terminal is first read (what belongs to no terminal: when its file is
    opened or first decoded), so the account is complete, and the same however the reading was cut into batches, once
    every terminal of `terminals()` was read.
    """

    def __init__(self, context: FeedContext) -> None:
        """Keep the context."""
        self.context = context
        self._entered: set[str] = set()
        self._kept: Counter[str] = Counter()
        self._refused: Counter[str | None] = Counter()

    @abstractmethod
    def terminals(self) -> tuple[str, ...]:
        """Return the feed's terminals, sorted."""

    @abstractmethod
    def files(self) -> list[str]:
        """Return the feed's files, relative to the bundle, sorted."""

    @abstractmethod
    def n_rows_estimate(self) -> int:
        """Return about how many rows the feed has (exact where a format tells)."""

    @abstractmethod
    def units(self, terminals: Sequence[str]) -> Iterable[Unit]:
        """Yield the judged rows of these terminals, in the order of files and rows."""

    def broken_terminals(self, day: date | None = None) -> dict[str, str]:  # noqa: ARG002 -- only pages have days
        """Return the terminals read so far whose pages are not all there, with a reason code.

        "provider-error" (the provider answered with an error), "unreadable-page", "missing-page", "unreadable-file" (a
        file of the terminal that cannot be read, or not to its end). With a service day, what is known to be missing
        from other days only does not count.
        """
        return {}

    def refused_terminals(self) -> dict[str | None, str]:
        """Return the terminals read so far of which so many rows were refused that their silence is no silence.

        None stands for rows that name no terminal: they may have been anybody's.
        """
        many = {terminal: n for terminal, n in self._refused.items() if n >= LEAST_REFUSED}
        return {t: ROWS_REJECTED for t, n in many.items() if t is None or n > REFUSED_SHARE * (n + self._kept[t])}

    def _count(self, unit: Unit, terminals: Sequence[str], fresh: Mask) -> None:
        if len(unit.table):
            kept = np.bincount(unit.table.terminal_ix, minlength=len(unit.table.terminal_ids)).tolist()
            self._kept.update(
                {t: n for t, n in zip(unit.table.terminal_ids, kept, strict=True) if n and t not in self._entered}
            )
        self._refused.update(terminals[ix] if ix >= 0 else None for ix, _ in unit.rejects if ix < 0 or fresh[ix])

    def read(self, terminals: Sequence[str] | None = None) -> TrackTable:
        """Return the kept rows of these terminals (all when None) in WGS-84; unknown terminals have no rows."""
        wanted = self.terminals() if terminals is None else tuple(dict.fromkeys(terminals))
        fresh = np.array([terminal not in self._entered for terminal in wanted], np.bool_)
        tables = [empty_table(wanted)]
        placed: list[TrackTable] = []
        for unit in self.units(wanted):
            book(self.context.ledger, self.context.account_name, unit, fresh)
            self._count(unit, wanted, fresh)
            (placed if unit.datum == Datum.WGS84 else tables).append(unit.table)
        self._entered.update(wanted)
        table = concat(tables)
        if len(table) and self.context.config.datum != Datum.WGS84:
            lon_deg, lat_deg = to_wgs84(table.lon_deg, table.lat_deg, self.context.config.datum)
            table = replace(table, lon_deg=lon_deg, lat_deg=lat_deg)
        return concat([table, *placed]) if placed else table
