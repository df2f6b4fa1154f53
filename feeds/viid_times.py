"""Times as GA/T 1400 peers write them: `yyyyMMddHHmmss` local by the standard, and what else is seen on the wire."""

from __future__ import annotations

import re
from datetime import datetime

from feeds.tables import YEARS, iso_moment
from trajectories.clock import LocalTime, to_ms

_COMPACT = re.compile(r"([0-9]{14})\.?([0-9]{0,6})\Z")


def viid_ms(value: object, local: LocalTime) -> int | None:
    """Return a time as ms UTC, None for what is none. Without an offset it is local; more digits than ms are cut.

    >>> local = LocalTime("Asia/Shanghai")
    >>> written = "20260318120000", 20260318120000, "20260318120000123", "2026-03-18 12:00:00", "2026-03-18T04:00:00Z"
    >>> [viid_ms(text, local) for text in written]
    [1773806400000, 1773806400000, 1773806400123, 1773806400000, 1773806400000]
    >>> viid_ms("20260230000000", local), viid_ms("", local), viid_ms(None, local), viid_ms(True, local)
    (None, None, None, None)
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**20:
        value = str(value)
    if not isinstance(value, str) or len(value) > 40:
        return None
    text = value.strip()
    parts = _COMPACT.match(text)
    when = iso_moment(text) if parts is None else _compact(parts[1], parts[2])
    if when is None:
        return None
    return to_ms(when if when.tzinfo is not None else when.replace(tzinfo=local.zone))


def _compact(digits: str, fraction: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}")
    except ValueError:
        return None
    if not YEARS[0] <= when.year <= YEARS[1]:
        return None
    return when.replace(microsecond=int(fraction[:3].ljust(3, "0")) * 1000)
