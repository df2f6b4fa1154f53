"""How well the evidence model of faces fits the scores it was learnt from, in one record without any person.

Only counts, distributions and names of cameras leave here. Scores are as the matcher scales them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from checkpoints.calibration import false_match_rates
from checkpoints.camera_drift import BetweenCameras, CameraFit, between_cameras, camera_fits
from checkpoints.held_out import Half, held_out
from checkpoints.misfit import Misfit
from checkpoints.observation import Observation, declared_rows, decoy_scores, n_comparisons
from checkpoints.reliability import LEVEL, Reliability, limits, reliability_of
from checkpoints.score_fit import Fitted
from checkpoints.score_model import F8, Component, ScoreModel

THRESHOLDS = 10
"""Rows of the table of thresholds, from the matcher's own to the end of the scale."""
BINS = 24
"""Of the histograms."""


class Learnt(NamedTuple):
    """What the model was learnt from. `captures`: faces in the instructor's seat, one a camera and lesson.

    `genuine`: scores of declared instructors; `faces_of_declared`: faces that could have shown one; `full_lists`: lists
    with as many names as the matcher gives, which may hide others; `taken`: lessons in which two cameras show one and
    the same other person, and none the declared one.
    """

    occasions: int
    undeclared: int
    persons: int
    captures: int
    cameras: int
    faces_of_declared: int
    genuine: int
    comparisons: int
    decoys_shown: int
    full_lists: int
    taken: int


class Kind(NamedTuple):
    """One kind of pair, as the matcher scales scores."""

    mean: float
    pair_sd: float
    capture_sd: float


class Model(NamedTuple):
    """The model's numbers. `quality_slope`: what a quality of 1 adds to a genuine score, against `quality_ref`.

    `log10_most`: the most that one face can be worth; `odd_share`: how often a decoy's face looked genuine nonetheless.
    """

    genuine: Kind
    impostor: Kind
    poor: Kind
    alike: Kind
    poor_share: float
    quality_slope: float
    quality_ref: float
    odd_share: float
    log10_most: float


class Threshold(NamedTuple):
    """At one threshold: decoys that reach it, of all comparisons; declared persons that reach it, of all their faces.

    `most95`: what the false-match rate may be by these numbers.
    """

    threshold: float
    false_matches: int
    rate: float
    most95: float
    hits: int
    hit_share: float


class Histogram(NamedTuple):
    """How many scores lie between each two edges, and how many the model expects."""

    edges: tuple[float, ...]
    genuine: tuple[int, ...]
    genuine_expected: tuple[float, ...]
    decoys: tuple[int, ...]
    decoys_expected: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FitReport:
    """Everything that is told of one model. `lesson`: ratios of whole lessons, without those `taken` (see `Learnt`);
    `lesson_all` with them; `capture`: of one face each, without them. All three are None where nothing could be held
    out, and so is `halves`."""

    learnt: Learnt
    model: Model
    trusted: bool
    misfit: Misfit
    halves: tuple[Half, Half] | None
    lesson: Reliability | None
    lesson_all: Reliability | None
    capture: Reliability | None
    thresholds: tuple[Threshold, ...]
    histogram: Histogram
    cameras: tuple[CameraFit, ...]
    between: BetweenCameras


def fit_report(fitted: Fitted, observations: Sequence[Observation]) -> FitReport:
    """Measure a model that was learnt from these observations; both halves are learnt anew."""
    model = fitted.model
    held = held_out(observations, model.threshold, model.top_k, (model.low, model.high))
    lesson = lesson_all = capture = None
    if held is not None:
        r, c = held.lesson, held.capture
        lesson = reliability_of(r.same[~r.taken], r.different, r.weight)
        lesson_all = reliability_of(r.same, r.different, r.weight)
        capture = reliability_of(c.same[~c.taken], c.different, c.weight)
    return FitReport(
        learnt_from(fitted, observations), model_figures(model), model.trusted, fitted.misfit,
        None if held is None else held.halves, lesson, lesson_all, capture,
        thresholds(model, observations), histogram(model, observations),
        camera_fits(model, observations), between_cameras(model, observations),
    )  # fmt: skip


def learnt_from(fitted: Fitted, observations: Sequence[Observation]) -> Learnt:
    """Count what there was."""
    told = [one for one in observations if one.declared is not None]
    faces = [c for one in observations for c in one.kept]
    return Learnt(
        occasions=len(observations),
        undeclared=len(observations) - len(told),
        persons=len({one.declared for one in told}),
        captures=len(faces),
        cameras=len({c.camera_id for c in faces}),
        faces_of_declared=sum(len(one.kept) for one in told),
        genuine=fitted.n_genuine,
        comparisons=fitted.n_impostor,
        decoys_shown=int(decoy_scores(observations, fitted.model)[0].size),
        full_lists=sum(0 < fitted.model.top_k <= len(c.scores) for c in faces),
        taken=sum(one.taken_by_another for one in told if one.kept),
    )


def model_figures(model: ScoreModel) -> Model:
    """Return the model's numbers on the matcher's scale."""
    width = model.high - model.low

    def kind(c: Component) -> Kind:
        return Kind(model.low + width * c.mean, width * c.pair_sd, width * c.error_sd)

    return Model(
        kind(model.genuine), kind(model.impostor), kind(model.poor), kind(model.alike), model.poor_share,
        width * model.quality_slope, model.quality_ref, model.odd_share,
        -math.log10(max(model.odd_share, 1.0 / (model.n_impostor + 1))),
    )  # fmt: skip


def thresholds(model: ScoreModel, observations: Sequence[Observation]) -> tuple[Threshold, ...]:
    """Return the false-match rate at thresholds from the matcher's own to the end of its scale."""
    decoys, genuine, n_faces = _scores(observations)
    n = sum(n_comparisons(one) for one in observations)
    steps = [round(t, 10) for t in np.linspace(model.threshold, model.high, THRESHOLDS).tolist()]
    out = []
    for t, rate in false_match_rates(decoys, n, steps):
        false, hits = int((decoys >= t).sum()), int((genuine >= t).sum())
        most = limits(false, n, 2 * LEVEL - 1)[1]
        out.append(Threshold(t, false, rate, most, hits, hits / n_faces if n_faces else 0.0))
    return tuple(out)


def histogram(model: ScoreModel, observations: Sequence[Observation]) -> Histogram:
    """Return where scores lie, and where the model expects them; 1:1 scores may lie below the matcher's threshold."""
    decoys, genuine, _ = _scores(observations)
    start = model.threshold if not genuine.size or genuine.min() >= model.threshold else model.low
    edges = np.linspace(start, model.high, BINS + 1)
    rows, _ = declared_rows([one for one in observations if not one.taken_by_another], model)
    unit = (edges - model.low) / (model.high - model.low)
    unit[-1] = math.inf  # what the model expects beyond the end of the scale is shown at its end
    q = model.poor_share
    expected = [
        float(((1.0 - q) * _between(model.genuine, a, b, rows.lift) + q * _between(model.poor, a, b, rows.lift)).sum())
        for a, b in itertools.pairwise(unit.tolist())
    ]
    n = sum(n_comparisons(one) for one in observations)
    others = [n * float(_between(model.impostor, a, b, np.zeros(1))[0]) for a, b in itertools.pairwise(unit.tolist())]
    counts = [np.histogram(np.clip(x, start, model.high), edges)[0].tolist() for x in (genuine, decoys)]
    return Histogram(tuple(edges.tolist()), tuple(counts[0]), tuple(expected), tuple(counts[1]), tuple(others))


def _between(kind: Component, a: float, b: float, lift: F8) -> F8:
    return kind.below(b, lift) - kind.below(a, lift)


def _scores(observations: Sequence[Observation]) -> tuple[F8, F8, int]:
    """Scores of decoys and of declared persons on the matcher's scale, and the faces that could have shown the latter.

    Lessons that another person was twice shown at are left out of the latter.
    """
    told = [one for one in observations if one.declared is not None and not one.taken_by_another]
    scores = [one.score_of_declared(c) for one in told for c in one.kept]
    decoys = [s for one in observations for c in one.kept for p, s in c.scores.items() if p in one.decoys]
    return np.array(decoys, dtype=np.float64), np.array([s for s in scores if s is not None]), len(scores)
