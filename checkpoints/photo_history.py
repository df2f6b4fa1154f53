"""Whose enrolled photo is poor: what a person's other occasions say of it.

A declared person whom no camera shows is absent, or badly enrolled. From one occasion the two cannot be told apart;
from those in which the same person was well matched they can (evidence.md section 2, learning, point 2; section 3: 61
against 58 % of cases found, 49 against 4 % where they are rare).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit

from checkpoints.observation import Observation, declared_rows
from checkpoints.score_model import F8, Component, Outlier, Rows, ScoreModel, integrated


def poor_photos(observations: Sequence[Observation], model: ScoreModel) -> dict[str, float]:
    """Return P(poor photo) of each declared person who was shown at least once; hand it to `Priors.poor_photo`.

    Only occasions that show the person count, each given that it does: silence may be absence, which is the question.
    So an occasion in which somebody else sat does not speak against its declared person.
    """
    shown = [one for one in observations if one.declared is not None and one.declared_shown]
    shown.sort(key=lambda one: (str(one.declared), one.key))
    if not shown:
        return {}
    rows, person = declared_rows(shown, model)
    silent = rows._replace(x=np.full_like(rows.x, math.nan))
    weight = _given_shown(rows, silent, model.poor) - _given_shown(rows, silent, model.genuine)
    return dict(zip(_names(shown), expit(logit(model.poor_share) + np.bincount(person, weight)).tolist(), strict=True))


def _given_shown(rows: Rows, silent: Rows, kind: Component) -> F8:
    """Log likelihood of each occasion under one kind of photo, given that some camera showed the person."""
    nothing = Outlier(np.zeros_like(rows.x), np.zeros_like(rows.x))
    none_shown = integrated(silent, kind, rows.lift, nothing)
    return integrated(rows, kind, rows.lift, nothing) - np.log(-np.expm1(np.minimum(none_shown, -1e-12)))


def _names(ordered: Sequence[Observation]) -> list[str]:
    return list(dict.fromkeys(str(one.declared) for one in ordered))
