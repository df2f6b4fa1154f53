"""Enrolled people whom the matcher finds hard to tell apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LookalikePair:
    """Two enrolled images compared by the matcher of the passages; `person_id_a` sorts before `person_id_b`."""

    person_id_a: str
    person_id_b: str
    score: float

    @classmethod
    def between(cls, one: str, other: str, score: float) -> LookalikePair:
        """Make the pair of two people, in whichever order they come.

        >>> LookalikePair.between("P2", "P1", 0.8) == LookalikePair.between("P1", "P2", 0.8)
        True
        """
        return cls(min(one, other), max(one, other), score)
