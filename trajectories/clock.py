"""Service days and local time. The only module that turns instants into local times and back.

A service day D runs from 04:00 local on D to 04:00 local on D + 1, so that night training is one piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_STARTS_AT = time(4, 0)
MS_PER_S = 1000
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Return an aware datetime as integer ms UTC.

    >>> to_ms(datetime(2026, 3, 18, 4, tzinfo=UTC))
    1773806400000
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no offset; attach the bundle's time zone first")
    return round((moment - _EPOCH) / _MILLISECOND)


@dataclass(frozen=True, slots=True)
class LocalTime:
    """The time zone of a city."""

    name: str

    @property
    def zone(self) -> ZoneInfo:
        """The zone itself (KeyError's child ZoneInfoNotFoundError for an unknown name)."""
        return ZoneInfo(self.name)

    def at(self, day: date, clock: time) -> int:
        """Return local wall time as ms UTC."""
        return to_ms(datetime.combine(day, clock, self.zone))

    def midnight(self, day: date) -> int:
        """Return the local midnight that begins `day`, ms UTC."""
        return self.at(day, time(0))

    def moment(self, t_ms: int) -> datetime:
        """Return an instant as an aware local datetime."""
        return datetime.fromtimestamp(t_ms // MS_PER_S, self.zone).replace(microsecond=t_ms % MS_PER_S * 1000)

    def iso(self, t_ms: int) -> str:
        """Return an instant as ISO 8601 with the local offset; whole seconds unless ms are there.

        >>> LocalTime("Asia/Shanghai").iso(1773806400000)
        '2026-03-18T12:00:00+08:00'
        """
        return self.moment(t_ms).isoformat(timespec="milliseconds" if t_ms % MS_PER_S else "seconds")

    def service_day(self, day: date) -> ServiceDay:
        """Return the service day that begins on `day`."""
        return ServiceDay(day, self)

    def service_date(self, t_ms: int) -> date:
        """Return the service day an instant belongs to: 03:59 still belongs to the day before."""
        return (self.moment(t_ms) - timedelta(hours=DAY_STARTS_AT.hour)).date()


@dataclass(frozen=True, slots=True)
class ServiceDay:
    """One service day of a city: [start_ms, end_ms)."""

    date: date
    local: LocalTime

    @property
    def start_ms(self) -> int:
        """04:00 local on the day."""
        return _begins_ms(self.local.name, self.date)

    @property
    def end_ms(self) -> int:
        """04:00 local on the next day (exclusive)."""
        return _begins_ms(self.local.name, self.date + timedelta(days=1))


@lru_cache(maxsize=256)
def _begins_ms(zone: str, day: date) -> int:
    """When a service day begins, ms UTC: asked for every car and rule, and looked up in the zone's rules once."""
    return LocalTime(zone).at(day, DAY_STARTS_AT)
