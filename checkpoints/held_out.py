"""Weights of evidence of scores that the model was not learnt from: learnt on one half, measured on the other.

The halves are of persons in the seat: all lessons of a declared instructor lie in one half, so that no pair of persons
is on both sides. Lessons without a declared person are halved by themselves. Which half is decided by how many faces a
unit has and by a digest of its name; nothing is drawn at random.

Declared instructors are taken to be where they were declared, decoys not to be: there are no labels. Where somebody
else sat, the declared one looks like a stranger, and every figure looks worse than it is. Lessons in which two cameras
show one and the same other person, and none the declared one, can be left out (`taken`); so does the learning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from checkpoints.observation import Observation, declared_rows, decoy_rows, silent_rows
from checkpoints.score_fit import LEARNT_GENUINE, LEARNT_IMPOSTOR, fit
from checkpoints.score_model import F8, Rows, ScoreModel

Mask = npt.NDArray[np.bool_]


class Ratios(NamedTuple):
    """Natural log likelihood ratios: of declared persons, of decoys; one `weight` and one `taken` for each.

    `weight`: how many comparisons with decoys a ratio stands for. `taken`: whether another person was shown twice at
    that lesson, and the declared one never.
    """

    same: F8
    taken: Mask
    different: F8
    weight: F8


class Half(NamedTuple):
    """What one half was learnt from."""

    occasions: int
    persons: int
    n_genuine: int
    n_impostor: int
    trusted: bool


class HeldOut(NamedTuple):
    """The ratios of both halves, each by the model of the other: of whole lessons, and of one face each."""

    halves: tuple[Half, Half]
    lesson: Ratios
    capture: Ratios


def halves(observations: Sequence[Observation]) -> tuple[list[Observation], list[Observation]]:
    """Return two halves of about as many faces, no declared person in both.

    >>> halves([])
    ([], [])
    """
    units: dict[tuple[bool, str], list[Observation]] = {}
    for one in observations:
        name = (False, one.key) if one.declared is None else (True, one.declared)
        units.setdefault(name, []).append(one)
    order = sorted(units, key=lambda name: (not name[0], -sum(len(o.kept) for o in units[name]), _digest(name[1])))
    out: tuple[list[Observation], list[Observation]] = [], []
    for i, name in enumerate(order):
        out[i % 4 in {1, 2}].extend(units[name])  # by turns 0 1 1 0: neither half gets the larger of each two
    return out


def held_out(
    observations: Sequence[Observation], threshold: float, top_k: int, score_range: tuple[float, float]
) -> HeldOut | None:
    """Learn on each half and return the other's ratios; None where a half is too small to learn anything from."""
    one, other = halves(observations)
    told, models = [], []
    for part in (one, other):
        fitted = fit(part, threshold, top_k, score_range)
        if fitted.n_genuine < LEARNT_GENUINE or fitted.n_impostor < LEARNT_IMPOSTOR:
            return None
        persons = {o.declared for o in part if o.declared is not None}
        told.append(Half(len(part), len(persons), fitted.n_genuine, fitted.n_impostor, fitted.model.trusted))
        models.append(fitted.model)
    pairs = [(models[0], other), (models[1], one)]
    lesson = joined([ratios(model, part) for model, part in pairs])
    capture = joined([ratios(model, part, single=True) for model, part in pairs])
    return HeldOut((told[0], told[1]), lesson, capture)


def ratios(model: ScoreModel, observations: Sequence[Observation], *, single: bool = False) -> Ratios:
    """Return what a model says of the observations; with `single` of each face by itself, not of whole lessons."""
    told = [one for one in observations if one.declared is not None and one.kept]
    rows, _ = declared_rows(told, model)
    taken = np.array([one.taken_by_another for one in told], dtype=np.bool_)
    taken = taken[rows.pair] if single else taken
    shown, (silent, number) = decoy_rows(observations, model), silent_rows(observations, model)
    n_shown = shown.x.size if single else _n_pairs(shown)
    weight = np.concatenate((np.ones(n_shown), number[silent.pair] if single else number))
    others = [_logs(model, part, single) for part in (shown, silent)]
    return Ratios(_logs(model, rows, single), taken, np.concatenate(others), weight)


def joined(parts: Sequence[Ratios]) -> Ratios:
    """Return the ratios of several parts as one."""
    return Ratios(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _logs(model: ScoreModel, rows: Rows, single: bool) -> F8:
    return model.log_ratios(rows._replace(pair=np.arange(rows.x.size)) if single else rows).genuine


def _n_pairs(rows: Rows) -> int:
    return int(rows.pair[-1]) + 1 if rows.pair.size else 0


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
