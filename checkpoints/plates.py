"""Which registered plates a camera's reading may be: an error model over characters, never the string alone.

Characters that look alike are taken for one another far more often than others (Genetec's OCR equivalents: 0-O-D-Q,
1-I, 2-Z, 5-S, 8-B, 6-G; formats.md 6.2, evidence.md 4.1); the suffix of a coach car is also read as another suffix, or
missed. Whether a reading *is* such a car, its track decides.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from checkpoints.passage import Reading

P_CHARACTER = 0.993
"""One character is read right this often: 95 % of plates of seven characters (the better of GA/T 497's norms)."""
P_ALIKE = 0.7
"""So much of what is misread goes to a character that looks alike; the rest to any other."""
N_CHARACTERS = 34
"""Characters of a serial: ten digits, 24 letters (GA 36 leaves out I and O)."""
P_SUFFIX_LOST = 0.002
"""The suffix is missed altogether about as often as it is misread."""
SUFFIX = "学"
LEAST = math.log(1e-6)
"""What is read so more seldom is no reading of that plate: two characters that look alike pass, two others do not."""
_ALIKE = tuple(map(frozenset, ("0ODQ", "1IL7T", "2Z", "5S", "8B", "6GC", "UV", "MN", "学警挂港澳领")))
_FOLDED = {ord(character): min(group) for group in reversed(_ALIKE) for character in group}
_RIGHT = math.log(P_CHARACTER)
_DROPPED = dict.fromkeys(map(ord, " \t\r\n·•.-—_"))
_ANY = "\0"


def normalised(plate: str) -> str:
    """Return a plate as it is compared: full-width forms folded, spaces and dots dropped, upper case.

    >>> normalised(" 鲁Ａ·1001学")
    '鲁A1001学'
    """
    return unicodedata.normalize("NFKC", plate).translate(_DROPPED).upper()


def log_likelihood(read: str, true: str) -> float:
    """Return ln P(read | true) of two normalised plates; -inf where the model allows no such reading.

    >>> log_likelihood("鲁A1001学", "鲁A1001学") > log_likelihood("鲁A1OO1学", "鲁A1001学")
    True
    >>> log_likelihood("鲁A1001", "鲁A1001学") > log_likelihood("鲁A1X01学", "鲁A1001学") - 3
    True
    >>> log_likelihood("鲁B99", "鲁A1001学")
    -inf
    """
    lost = 0.0
    if len(read) == len(true) - 1 and true.endswith(SUFFIX):
        true, lost = true[:-1], math.log(P_SUFFIX_LOST)
    if len(read) != len(true):
        return -math.inf
    wrong = [_misread(r, t) for r, t in zip(read, true, strict=True) if r != t]
    p = lost + sum(wrong) + (len(true) - len(wrong)) * _RIGHT
    return p if p >= LEAST else -math.inf


@lru_cache(maxsize=4096)
def _misread(read: str, true: str) -> float:
    wrong = 1.0 - P_CHARACTER
    mates = set().union(*(group for group in _ALIKE if true in group)) - {true}
    if read in mates:
        return math.log(wrong * P_ALIKE / len(mates))
    return math.log(wrong * (1.0 - P_ALIKE if mates else 1.0) / (N_CHARACTERS - 1 - len(mates)))


@dataclass(frozen=True)
class PlateBook:
    """The registered plates of a day."""

    plates: Mapping[str, tuple[tuple[str, str], ...]]
    _masked: Mapping[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def build(cls, registered: Iterable[tuple[str, str, str]]) -> PlateBook:
        """Make a book of (vehicle_id, plate, plate class by GA/T 16.7)."""
        plates: dict[str, list[tuple[str, str]]] = {}
        for vehicle_id, plate, plate_class in registered:
            plates.setdefault(normalised(plate), []).append((vehicle_id, plate_class))
        masked: dict[str, list[str]] = {}
        for plate in plates:
            for key in _keys(plate):
                masked.setdefault(key, []).append(plate)
        return cls({p: tuple(v) for p, v in plates.items()}, {k: tuple(v) for k, v in masked.items()})

    def exact(self, read: str, plate_class: str | None = None) -> str | None:
        """Return the car that a reading names; None for none, or for two that its class does not tell apart.

        >>> book = PlateBook.build([("V1", "鲁A1001学", "16"), ("V2", "鲁A1008学", "16")])
        >>> book.exact("鲁A·1001学"), book.exact("鲁A1001学", "02"), book.exact("鲁A1002学")
        ('V1', None, None)
        """
        holders = self.plates.get(normalised(read), ())
        fitting = [v for v, known in holders if plate_class is None or known == plate_class]
        return fitting[0] if len(fitting) == 1 else None

    def near(self, read: str) -> tuple[Reading, ...]:
        """Return the cars whose plate may have been read so, another than as read, the likeliest first.

        >>> book = PlateBook.build([("V1", "鲁A1001学", "16"), ("V2", "鲁A1008学", "16")])
        >>> [r.vehicle_id for r in book.near("鲁A1001学")], [r.vehicle_id for r in book.near("鲁A10O8")]
        (['V2'], ['V2'])
        """
        text = normalised(read)
        found = {plate for key in _keys(text) for plate in self._masked.get(key, ()) if plate != text}
        cars = [
            Reading(vehicle_id, log_likelihood(text, plate)) for plate in found for vehicle_id, _ in self.plates[plate]
        ]
        return tuple(sorted((c for c in cars if c.log_likelihood > -math.inf), key=lambda c: (-c[1], c[0])))


def _keys(plate: str) -> set[str]:
    """Return what two plates share that one reading can confuse: each with one place blanked, or all of like looks."""
    blanked = {plate[:i] + _ANY + plate[i + 1 :] for i in range(len(plate))}
    folded = plate.translate(_FOLDED)
    stem = folded[:-1] if plate.endswith(SUFFIX) else folded
    return blanked | {folded, stem}
