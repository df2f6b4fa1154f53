"""When a dated fact holds: local dates, inclusive at both ends, None is open."""

from __future__ import annotations

from datetime import date


def holds_on(valid_from: date | None, valid_to: date | None, day: date) -> bool:
    """Whether a fact with these ends holds on `day`.

    >>> holds_on(date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 1)), holds_on(None, None, date(2026, 1, 1))
    (True, True)
    """
    return (valid_from is None or valid_from <= day) and (valid_to is None or day <= valid_to)
