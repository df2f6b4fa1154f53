"""Captures of an occasion as the score model learns from them: who was declared, and who cannot have been there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from checkpoints.occasion import Capture, one_per_camera
from checkpoints.score_model import F8, SEAT_ASTRAY, Rows, ScoreModel

I8 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Observation:
    """One occasion to learn from. `decoys`: enrolled persons who cannot be in this car (other schools, seen elsewhere).

    Do not count officers among the decoys where it is they who may sit there unlawfully.
    """

    key: str
    declared: str | None
    captures: tuple[Capture, ...]
    decoys: frozenset[str]
    kept: tuple[Capture, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = tuple(one for one in self.captures if one.seat_known)
        object.__setattr__(self, "kept", one_per_camera(known))

    @property
    def decoy_hits(self) -> list[str]:
        """Decoys whom a camera showed, by name."""
        return sorted({person for one in self.kept for person in one.scores if person in self.decoys})

    @property
    def declared_shown(self) -> int:
        """Captures with a score of the declared person."""
        return sum(self.score_of_declared(one) is not None for one in self.kept)

    @property
    def taken_by_another(self) -> bool:
        """Whether two cameras show one and the same other person, and none the declared one."""
        others = Counter(person for one in self.kept for person in one.scores)
        return not self.declared_shown and max(others.values(), default=0) > 1

    def score_of_declared(self, capture: Capture) -> float | None:
        """Return the declared person's score: 1:1 where told, else as shown."""
        if self.declared is None:
            return None
        return capture.scores.get(self.declared) if capture.declared_score is None else capture.declared_score


def n_comparisons(one: Observation) -> int:
    """Return how many comparisons with decoys an observation holds."""
    return len(one.kept) * len(one.decoys)


def declared_rows(observations: Sequence[Observation], model: ScoreModel) -> tuple[Rows, I8]:
    """Return a pair for each observation with a declared person and a capture, and the number of that person.

    Persons are numbered in the order in which they come, so that observations sorted by person stay together.
    """
    told = [one for one in observations if one.declared is not None and one.kept]
    numbers: dict[str | None, int] = {}
    person = [numbers.setdefault(one.declared, len(numbers)) for one in told]
    scores = [[one.score_of_declared(c) for c in one.kept] for one in told]
    return _rows([one.kept for one in told], scores, model), np.array(person, dtype=np.int64)


def decoy_rows(observations: Sequence[Observation], model: ScoreModel) -> Rows:
    """Return a pair for each decoy whom a camera showed, over all captures of the observation."""
    captures, scores = [], []
    for one in observations:
        for person in one.decoy_hits:
            captures.append(one.kept)
            scores.append([c.scores.get(person) for c in one.kept])
    return _rows(captures, scores, model)


def silent_rows(observations: Sequence[Observation], model: ScoreModel) -> tuple[Rows, F8]:
    """Return a pair for each observation that stands for all decoys whom no camera showed, and how many they are."""
    held = [(one, len(one.decoys) - len(one.decoy_hits)) for one in observations if one.kept]
    held = [(one, n) for one, n in held if n]
    scores: list[list[float | None]] = [[None] * len(one.kept) for one, _ in held]
    return _rows([one.kept for one, _ in held], scores, model), np.array([n for _, n in held], dtype=np.float64)


def decoy_scores(observations: Sequence[Observation], model: ScoreModel) -> tuple[F8, F8, I8]:
    """Return the shown scores of decoys, where each list ends, and the number of the pair, on the 0..1 scale."""
    flat = [
        (model.unit(score), model.unit(model.limit(capture.scores)), i)
        for i, (one, person) in enumerate((one, person) for one in observations for person in one.decoy_hits)
        for capture in one.kept
        for who, score in capture.scores.items()
        if who == person
    ]
    table = np.array(flat, dtype=np.float64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2].astype(np.int64)


def _rows(captures: Sequence[Sequence[Capture]], scores: Sequence[Sequence[float | None]], model: ScoreModel) -> Rows:
    flat = [
        (
            number,
            math.nan if score is None else model.unit(score) - model.camera_shift.get(one.camera_id, 0.0),
            model.unit(model.limit(one.scores)) - model.camera_shift.get(one.camera_id, 0.0),
            model.lift(one.quality),
            0.0 if one.seat_known else SEAT_ASTRAY,
        )
        for number, (some, values) in enumerate(zip(captures, scores, strict=True))
        for one, score in zip(some, values, strict=True)
    ]
    table = np.array(flat, dtype=np.float64).reshape(-1, 5)
    return Rows(table[:, 0].astype(np.int64), *(np.ascontiguousarray(table[:, i]) for i in range(1, 5)))
