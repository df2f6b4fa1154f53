"""What somebody probably meant, for error messages that teach."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

SHORT = 4


def closest(found: str, known: Iterable[str]) -> str | None:
    """The known word that `found` was probably meant to be, or None.

    >>> closest("Zone-ID", ["zone_id", "weekdays"]), closest("colour", ["zone_id", "weekdays"])
    ('zone_id', None)
    """
    names = {name.lower(): name for name in known}
    word = found.strip().lower().replace("-", "_").replace(" ", "_")
    cutoff = 0.65 if len(word) <= SHORT else 0.7  # two letters of "cvs" have changed places: 0.67
    near = get_close_matches(word, names, n=1, cutoff=cutoff)
    return names[near[0]] if near else None


def did_you_mean(found: str, known: Iterable[str]) -> str | None:
    """The hint of a fault, or None where nothing known is near.

    >>> did_you_mean("gjc02", ["wgs84", "gcj02", "bd09"])
    'Did you mean "gcj02"?'
    """
    near = closest(found, known)
    return None if near is None else f'Did you mean "{near}"?'


def listed(words: Iterable[object], most: int = 5) -> str:
    """Words with commas, cut after `most` with the number of the rest.

    >>> listed("abc"), listed("abcdefgh", 2)
    ('a, b, c', 'a, b and 6 more')
    """
    items = [str(word) for word in words]
    text = ", ".join(items[:most])
    return text if len(items) <= most else f"{text} and {len(items) - most} more"
