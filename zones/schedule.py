"""Approved hours: weekly windows, exceptions, and the interval algebra that answers "when was it open".

How the rows of `schedules.csv` and `exceptions.csv` are read, where a reader might ask:

- A window or exception belongs to the local date on which it begins; validity and weekday are that date's.
- An exception naming the zone sets aside those for every zone on that date. Exceptions of one kind add up.
- `open = 0`, blank: no window of that date holds. With start-end: only that time is taken off the date's windows,
  also where a window has run past midnight (22:00-02:00 less 00:30-01:00).
- `open = 1`, start-end: stands in place of the date's windows. Blank: the whole service day is open; the date's windows
  stay, for opening a day must not close the hour before 04:00. Opened and closed on one date: the opened time holds.
- A blank start is 04:00, a blank end the next 04:00.
- A wall time that a clock change shows twice or never has two readings: hours begin at the earlier one and end at the
  later one, and a closing the other way round. In doubt a place was open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta

from trajectories.clock import DAY_STARTS_AT, LocalTime, ServiceDay
from trajectories.intervals import Intervals, clip, intervals, subtract
from zones.validity import holds_on

MIN_PER_DAY = 1440
SERVICE_DAY_STARTS_MIN = DAY_STARTS_AT.hour * 60 + DAY_STARTS_AT.minute


@dataclass(frozen=True, slots=True)
class Window:
    """A weekly window of one zone. Minutes count from local midnight of the window's start day.

    `weekdays` are ISO (1 = Monday), of the window's start. An end at or before the start lies on the next
    day; 24:00 is 1440.
    """

    zone_id: str
    weekdays: frozenset[int]
    start_min: int
    end_min: int
    valid_from: date | None = None
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether this row is in force on a local date (whatever the weekday)."""
        return holds_on(self.valid_from, self.valid_to, day)


@dataclass(frozen=True, slots=True)
class HoursException:
    """One day's exception: closes the day's windows, or puts start-end in their place.

    `zone_id` None means every zone. `day` is the date of the window's start. Blank times (None) mean the
    whole service day.
    """

    day: date
    zone_id: str | None
    is_open: bool
    start_min: int | None
    end_min: int | None
    reason: str

    @property
    def is_whole_day(self) -> bool:
        """Whether both times are blank."""
        return self.start_min is None and self.end_min is None


@dataclass(frozen=True, slots=True)
class Calendar:
    """All approved hours of a city, asked by zone and service day. Answers are remembered.

    >>> evening = Window("G1", frozenset(range(1, 8)), 18 * 60, 30)  # 18:00 to 00:30
    >>> calendar = Calendar((evening,), (), LocalTime("Asia/Shanghai"))
    >>> day = ServiceDay(date(2026, 3, 18), calendar.local)
    >>> [[calendar.local.iso(t) for t in row] for row in calendar.open_during("G1", day).tolist()]
    [['2026-03-18T18:00:00+08:00', '2026-03-19T00:30:00+08:00']]
    >>> calendar.open_during("G2", day) is None  # no row: not assessable
    True
    """

    windows: tuple[Window, ...]
    exceptions: tuple[HoursException, ...]
    local: LocalTime
    _windows_of: dict[str, list[Window]] = field(init=False, repr=False, compare=False)
    _exceptions_of: dict[tuple[date, str | None], list[HoursException]] = field(init=False, repr=False, compare=False)
    _answers: dict[tuple[str, date], Intervals | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the rows by zone and date."""
        windows_of: dict[str, list[Window]] = defaultdict(list)
        for window in self.windows:
            windows_of[window.zone_id].append(window)
        exceptions_of: dict[tuple[date, str | None], list[HoursException]] = defaultdict(list)
        for exception in self.exceptions:
            exceptions_of[exception.day, exception.zone_id].append(exception)
        object.__setattr__(self, "_windows_of", dict(windows_of))
        object.__setattr__(self, "_exceptions_of", dict(exceptions_of))
        object.__setattr__(self, "_answers", {})

    def open_during(self, zone_id: str, day: ServiceDay) -> Intervals | None:
        """Return when the zone was open in [day.start_ms, day.end_ms): half-open ms intervals, shape (n, 2), read-only.

        None: the hours are not assessable, because no schedule row of the zone is in force on the service date and no
        exception states that day's hours (an opening does, and a closing of the whole day; a closing of a part of
        unknown hours does not).
        """
        key = zone_id, day.date
        if key not in self._answers:
            answer = self._find_open(zone_id, day)
            if answer is not None:
                answer.flags.writeable = False
            self._answers[key] = answer
        return self._answers[key]

    def closed_during(self, zone_id: str, day: ServiceDay) -> Intervals | None:
        """Return when the zone was not open in the service day; None when the hours are not assessable."""
        opened = self.open_during(zone_id, day)
        if opened is None:
            return None
        return subtract(intervals([(day.start_ms, day.end_ms)]), opened)

    def exceptions_on(self, zone_id: str, day: date) -> tuple[HoursException, ...]:
        """Return the exceptions that count for a zone on a date: the zone's own, else those for every zone."""
        own = self._exceptions_of.get((day, zone_id), [])
        return tuple(own or self._exceptions_of.get((day, None), []))

    def _find_open(self, zone_id: str, day: ServiceDay) -> Intervals | None:
        in_force = any(w.holds_on(day.date) for w in self._windows_of.get(zone_id, ()))
        if not in_force and not any(x.is_open or x.is_whole_day for x in self.exceptions_on(zone_id, day.date)):
            return None
        # Nothing lasts longer than 24 h: what began before yesterday is over, and a service day reaches into tomorrow.
        began = [day.date + timedelta(days=ahead) for ahead in (-1, 0, 1)]
        pieces = [(int(s), int(e)) for d in began for s, e in self._began_on(zone_id, d).tolist()]
        return clip(intervals(pieces), day.start_ms, day.end_ms)

    def _began_on(self, zone_id: str, day: date) -> Intervals:
        """Return the open intervals that began on a local date, exceptions applied."""
        rows = [w for w in self._windows_of.get(zone_id, ()) if w.holds_on(day) and day.isoweekday() in w.weekdays]
        regular = intervals(self._span(day, w.start_min, w.end_min) for w in rows)
        exceptions = self.exceptions_on(zone_id, day)
        opened = [x for x in exceptions if x.is_open]
        if opened:
            stated = [self._span(day, x.start_min, x.end_min) for x in opened]
            kept = regular.tolist() if any(x.is_whole_day for x in opened) else []
            regular = intervals([*stated, *((int(s), int(e)) for s, e in kept)])
        elif any(x.is_whole_day for x in exceptions):
            return intervals([])
        return self._less_closings(regular, day, [x for x in exceptions if not x.is_open and not x.is_whole_day])

    def _less_closings(self, regular: Intervals, day: date, closings: Sequence[HoursException]) -> Intervals:
        """Take the closed times off, on the date and, where hours run past midnight, on the next."""
        for x in closings:
            for at in (day, day + timedelta(days=1)):
                start_ms, end_ms = self._span(at, x.start_min, x.end_min, in_doubt_longer=False)
                regular = subtract(regular, intervals([(start_ms, end_ms)]))
        return regular

    def _span(
        self, day: date, start_min: int | None, end_min: int | None, *, in_doubt_longer: bool = True
    ) -> tuple[int, int]:
        """Return start and end as ms UTC; an end at or before the start is on the next day."""
        start = SERVICE_DAY_STARTS_MIN if start_min is None else start_min
        end = SERVICE_DAY_STARTS_MIN if end_min is None else end_min
        if end <= start:
            end += MIN_PER_DAY
        outer, inner = (min, max) if in_doubt_longer else (max, min)
        return outer(self._readings(day, start)), inner(self._readings(day, end))

    def _readings(self, day: date, minute: int) -> tuple[int, int]:
        """Return both readings (PEP 495 fold) of a wall time; they differ only around a clock change."""
        days, rest = divmod(minute, MIN_PER_DAY)
        at = day + timedelta(days=days)
        hour, minute = divmod(rest, 60)
        return self.local.at(at, time(hour, minute)), self.local.at(at, time(hour, minute, fold=1))
