"""What makes a row of any provider a kept row, and why a row is refused: the same for every format, column by column.

Rows are refused for: "no-terminal" (blank), "bad-time" (unreadable, or before 2000 or from 2100 on), "bad-number"
(longitude or latitude unreadable, NaN or infinite), "out-of-range" (beyond 90 or 180 degrees: swapped pairs too),
"no-fix" (0, 0: what a terminal sends before it has a position). A bad speed, heading or accuracy never refuses a row.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from feeds.faults import FOUND_CHARS
from feeds.ledger import Ledger, Reject
from feeds.text import clean_text
from feeds.track_table import Mask, TrackTable, constant, no_lag
from feeds.track_times import T_BAD
from geo.datum import Datum
from trajectories.fleet import F4, F8, I4, I8, U4, Flag

T_FROM_MS = 946_684_800_000  # 2000-01-01: before any coach car carried a terminal
T_TO_MS = 4_102_444_800_000  # 2100-01-01
SPEED_MAX_KMH = 400.0
KMH_PER_MPS = 3.6

REASONS = ("no-terminal", "bad-time", "bad-number", "out-of-range", "no-fix")
AnyFloat = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class FieldNames:
    """What a format calls its fields; rejects speak of a field by this name."""

    terminal: str = "terminal_id"
    time: str = "time"
    lon: str = "lon"
    lat: str = "lat"


@dataclass(frozen=True, slots=True)
class RawRows:
    """n parsed, unjudged rows in the feed's own datum; unreadable values are `T_BAD` and NaN, a blank terminal -1.

    Rows count from 1 inside the file: they are `first_row` and the n - 1 after it, unless `row` (n,) lists them;
    `first_source` is the running number of the file's row 1.
    """

    terminal_ids: tuple[str, ...]
    terminal_ix: I4
    t_ms: I8
    lon_deg: F8
    lat_deg: F8
    speed_kmh: AnyFloat
    heading_deg: AnyFloat
    first_row: int
    first_source: int
    row: I8 | None = None
    accuracy_m: AnyFloat | None = None
    lag_ms: I4 | None = None
    flags: U4 | None = None

    def row_of(self, i: int) -> int:
        """Return the row, in its file, of row i here."""
        return self.first_row + i if self.row is None else int(self.row[i])

    def source(self) -> U4:
        """Return the running row numbers (n,)."""
        if self.row is not None:
            return np.asarray(self.first_source - 1 + self.row, np.uint32)
        first = self.first_source + self.first_row - 1
        return np.arange(first, first + len(self.t_ms), dtype=np.uint32)


@dataclass(frozen=True, slots=True)
class PointColumns:
    """The columns of one terminal's points, unjudged, in the feed's datum."""

    t_ms: I8
    lon_deg: F8
    lat_deg: F8
    speed_kmh: AnyFloat
    heading_deg: AnyFloat
    accuracy_m: AnyFloat | None = None
    lag_ms: I4 | None = None
    flags: U4 | None = None

    def raw(
        self, terminals: tuple[str, ...], terminal_ix: int, first_row: int, first_source: int, row: I8 | None = None
    ) -> RawRows:
        """Return the points as rows of one terminal (see `RawRows`)."""
        return RawRows(
            terminals,
            np.full(len(self.t_ms), terminal_ix, np.int32),
            self.t_ms,
            self.lon_deg,
            self.lat_deg,
            self.speed_kmh,
            self.heading_deg,
            first_row,
            first_source,
            row=row,
            accuracy_m=self.accuracy_m,
            lag_ms=self.lag_ms,
            flags=self.flags,
        )


@dataclass(frozen=True, slots=True)
class Unit:
    """A judged piece of a feed: kept rows, and the refused ones with terminal or -1.

    Positions are still in the feed's datum, or already in `datum` where the file itself says so.
    """

    table: TrackTable
    rejects: list[tuple[int, Reject]] = field(default_factory=list)
    datum: Datum | None = None


def judge(raw: RawRows, file: str, names: FieldNames, found: Callable[[str, int], str]) -> Unit:
    """Keep or refuse every row; `found(field, i)` gives the offending text of row i (0-based in `raw`)."""
    n = len(raw.t_ms)
    table = TrackTable(
        raw.terminal_ids,
        raw.terminal_ix,
        raw.t_ms,
        raw.lon_deg,
        raw.lat_deg,
        _speed_mps(raw.speed_kmh),
        _heading_deg(raw.heading_deg),
        _accuracy_m(raw.accuracy_m, n),
        no_lag(n) if raw.lag_ms is None else raw.lag_ms,
        constant(0, n, "flags") if raw.flags is None else raw.flags,  # type: ignore[arg-type]
        raw.source(),
    )
    if _all_good(raw):
        return Unit(table)
    verdicts = _verdicts(raw)
    rejects = [
        (int(raw.terminal_ix[i]), _reject(raw, int(i), int(verdicts[i]) - 1, file, names, found))
        for i in np.flatnonzero(verdicts)
    ]
    return Unit(table.where(verdicts == 0), rejects)


def _all_good(raw: RawRows) -> bool:
    """Decide cheaply the usual case, by extremes (NaN fails every comparison)."""
    if not len(raw.t_ms):
        return True
    lon_min, lon_max, lat_min, lat_max = (f(c) for c in (raw.lon_deg, raw.lat_deg) for f in (np.min, np.max))
    return bool(
        raw.terminal_ix.min() >= 0
        and raw.t_ms.min() >= T_FROM_MS
        and raw.t_ms.max() < T_TO_MS
        and lon_min >= -180
        and lon_max <= 180
        and lat_min >= -90
        and lat_max <= 90
        and (lon_min > 0 or lon_max < 0 or lat_min > 0 or lat_max < 0)
    )


def _verdicts(raw: RawRows) -> npt.NDArray[np.uint8]:
    """Return 0 for a good row, else 1 + the place in `REASONS` of the first reason that holds."""
    lon, lat = raw.lon_deg, raw.lat_deg
    holds = (
        raw.terminal_ix < 0,
        (raw.t_ms < T_FROM_MS) | (raw.t_ms >= T_TO_MS),
        ~(np.isfinite(lon) & np.isfinite(lat)),
        (np.abs(lat) > 90) | (np.abs(lon) > 180),
        (lon == 0) & (lat == 0),
    )
    return np.select(holds, range(1, len(REASONS) + 1), 0).astype(np.uint8)


def _reject(
    raw: RawRows, i: int, reason: int, file: str, names: FieldNames, found: Callable[[str, int], str]
) -> Reject:
    lon_is_bad, lat_is_bad = not abs(raw.lon_deg[i]) <= 180, not abs(raw.lat_deg[i]) <= 90
    position = names.lat if lat_is_bad and (not lon_is_bad or REASONS[reason] == "out-of-range") else names.lon
    where = (names.terminal, names.time, position, position, names.lon)[reason]
    return Reject(file, raw.row_of(i), REASONS[reason], where, clean_text(found(where, i)[:FOUND_CHARS]))


def _speed_mps(speed_kmh: AnyFloat) -> F4:
    bad = ~((speed_kmh >= 0) & (speed_kmh <= SPEED_MAX_KMH))
    speed_mps = (np.where(bad, np.nan, speed_kmh) if bad.any() else speed_kmh).astype(np.float32)
    speed_mps /= np.float32(KMH_PER_MPS)
    return speed_mps


def _heading_deg(heading: AnyFloat) -> F4:
    bad = ~((heading >= 0) & (heading < 360))
    if not bad.any():
        return heading.astype(np.float32)
    return np.where(bad, np.where(heading == 360, 0, np.nan), heading).astype(np.float32)


def _accuracy_m(accuracy_m: AnyFloat | None, n: int) -> F4:
    if accuracy_m is None:
        return constant(float("nan"), n, "accuracy_m")  # type: ignore[return-value]
    return np.where((accuracy_m > 0) & (accuracy_m < 1e6), accuracy_m, np.nan).astype(np.float32)


def flagged(where: npt.ArrayLike, flag: Flag) -> U4:
    """Return a column with `flag` set where a condition holds."""
    return np.where(where, np.uint32(flag), np.uint32(0))


def pick(unit: Unit, terminals: Sequence[str]) -> Unit:
    """Return what a unit holds of these terminals, numbered as they are; rows of no terminal are left out."""
    new_ix = {terminal: k for k, terminal in enumerate(terminals)}
    known = [(new_ix.get(unit.table.terminal_ids[ix], -1), reject) for ix, reject in unit.rejects if ix >= 0]
    return Unit(unit.table.over(terminals), [(ix, reject) for ix, reject in known if ix >= 0])


def book(ledger: Ledger, account_name: str, unit: Unit, fresh: Mask) -> None:
    """Enter the rows of the terminals that are `fresh` (a mask over `terminal_ids`); the others are entered already."""
    account = ledger.account(account_name)
    table = unit.table
    if len(table) and not fresh.all():
        table = table.where(fresh[table.terminal_ix])
    rejects = [reject for ix, reject in unit.rejects if ix < 0 or fresh[ix]]
    account.read += len(table) + len(rejects)
    account.kept += len(table)
    for reject in rejects:
        ledger.reject(account_name, reject)
    any_flag = int(np.bitwise_or.reduce(table.flags)) if len(table) else 0
    for flag in Flag:
        if any_flag & flag:
            account.flagged[flag_name(flag)] += int(np.count_nonzero(table.flags & np.uint32(flag)))


def flag_name(flag: Flag) -> str:
    """Return a flag's name in `run.json`.

    >>> flag_name(Flag.NO_TIME_ZONE)
    'no-time-zone'
    """
    return str(flag.name).lower().replace("_", "-")


def flag_disorder(table: TrackTable) -> TrackTable:
    """Flag, terminal by terminal, the rows that stand out of time order in their file.

    The rows flagged are the fewest without which the rest is in order, so that one clock jump accuses one row and
    not all rows after it. A file that runs wholly backwards was asked for so, and is in order.
    """
    t_ms, terminal_ix = table.t_ms, table.terminal_ix
    falls = t_ms[1:] < t_ms[:-1]
    if not falls.any():
        return table
    changes = terminal_ix[1:] != terminal_ix[:-1]
    runs = terminal_ix[np.flatnonzero(np.concatenate([[True], changes]))]
    if len(np.unique(runs)) == len(runs) and not (falls & ~changes).any():
        return table
    order = np.argsort(terminal_ix, kind="stable")
    bounds = np.flatnonzero(np.diff(terminal_ix[order])) + 1
    odd = [rows[_out_of_order(t_ms[rows])] for rows in np.split(order, bounds)]
    flags = table.flags.copy()
    flags[np.concatenate(odd)] |= np.uint32(Flag.DISORDER)
    return replace(table, flags=flags)


def _out_of_order(t_ms: I8) -> Mask:
    """Return which of a terminal's rows are not in one longest non-decreasing subsequence (patience sorting)."""
    odd = np.zeros(len(t_ms), np.bool_)
    steps = np.diff(t_ms)
    if (steps >= 0).all() or (len(t_ms) > 2 and (steps <= 0).all()):
        return odd
    tails: list[int] = []
    tail_rows: list[int] = []
    before = np.full(len(t_ms), -1, np.int64)
    for i, t in enumerate(t_ms.tolist()):  # a Python loop, but only over the rare track that is out of order
        k = bisect_right(tails, t)
        tails[k : k + 1], tail_rows[k : k + 1] = [t], [i]
        before[i] = tail_rows[k - 1] if k else -1
    odd[:] = True
    row = tail_rows[-1]
    while row >= 0:
        odd[row] = False
        row = int(before[row])
    return odd


def numbers_of(values: Sequence[object]) -> F8:
    """Return JSON values as numbers: numerals in strings count, anything else is NaN.

    >>> numbers_of([1, "2.5", None, "x", True, 10**400, []]).tolist()
    [1.0, 2.5, nan, nan, nan, nan, nan]
    """
    if set(map(type, values)) <= {int, float}:
        try:
            return np.array(values, dtype=np.float64)
        except OverflowError:
            pass
    return np.array([_number(value) for value in values], dtype=np.float64)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return float("nan")
    try:
        return float(value)
    except (ValueError, OverflowError):
        return float("nan")


def times_of(values: F8, unit_ms: int) -> I8:
    """Return epoch numbers in units of `unit_ms` as ms; not finite or absurd ones are `T_BAD`.

    >>> times_of(np.array([1.5e9, np.nan]), 1000)[0]
    np.int64(1500000000000)
    """
    good = np.abs(values) < 1e15 / unit_ms  # NaN and infinities fail too
    return np.where(good, np.where(good, values, 0) * unit_ms, T_BAD).astype(np.int64)
