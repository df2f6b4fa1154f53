"""The parameter `datetime`: an instant, or an interval whose ends may be open (RFC 3339).

A date alone stands for that service day; this is ours, beside what the standard asks for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from api.problems import FieldFault, Refuse
from trajectories.clock import LocalTime, to_ms

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Interval:
    """From when to when, both inclusive, ms UTC; None: open."""

    first_ms: int | None = None
    last_ms: int | None = None

    def touches(self, start_ms: int, end_ms: int) -> bool:
        """Whether it meets what lasts from `start_ms` to `end_ms`, both inclusive."""
        return (self.first_ms is None or end_ms >= self.first_ms) and (self.last_ms is None or start_ms <= self.last_ms)

    def days(self, local: LocalTime) -> tuple[date | None, date | None]:
        """Return the first and the last service day that it meets."""
        first = None if self.first_ms is None else local.service_date(self.first_ms)
        return first, None if self.last_ms is None else local.service_date(self.last_ms)


ALWAYS = Interval()
"""Whenever."""


def interval_of(told: str | None, local: LocalTime) -> Interval:
    """Return what a `datetime` names; raises `Refuse` (400).

    >>> interval_of("2026-03-18T04:00:00+08:00/..", LocalTime("Asia/Shanghai"))
    Interval(first_ms=1773777600000, last_ms=None)
    """
    if told is None:
        return Interval()
    parts = told.split("/")
    if len(parts) > 2:
        raise _refused()
    if len(parts) == 1:
        return Interval(*_instant(parts[0], local))
    first = None if parts[0] in {"", ".."} else _instant(parts[0], local)[0]
    last = None if parts[1] in {"", ".."} else _instant(parts[1], local)[1]
    if first is not None and last is not None and last < first:
        raise _refused("ends before it begins")
    return Interval(first, last)


def _instant(told: str, local: LocalTime) -> tuple[int, int]:
    """Return the first and the last ms of an instant or a service day."""
    try:
        if _DATE.fullmatch(told):
            day = local.service_day(date.fromisoformat(told))
            local.service_date(day.start_ms)  # of the first day there is, not even the beginning is one
            return day.start_ms, day.end_ms - 1
        found = _INSTANT.fullmatch(told.replace(" ", "+"))
        if found is None:
            raise _refused()
        seconds, fraction, offset = found.groups()
        at = to_ms(datetime.fromisoformat(f"{seconds}{(fraction or '')[:7]}{offset.upper()}".upper()))
        local.service_date(at)
    except (ValueError, OverflowError):
        raise _refused() from None
    return at, at


def _refused(message: str = "is no RFC 3339 date-time, nor an interval of two (.. for an open end)") -> Refuse:
    return Refuse(400, "bad-request", errors=[FieldFault(where="query.datetime", message=message)])
