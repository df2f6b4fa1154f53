"""A model and occasions to judge, with numbers that are easy to follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from checkpoints.occasion import Alibi, Capture, Occasion
from checkpoints.priors import Priors
from checkpoints.score_model import Component, ScoreModel

MODEL = ScoreModel(
    low=0.0,
    high=1.0,
    threshold=0.55,
    top_k=3,
    impostor=Component(0.35, 0.04, 0.05),
    genuine=Component(0.82, 0.04, 0.05),
    poor=Component(0.58, 0.08, 0.05),
    alike=Component(0.68, 0.13, 0.05),
    poor_share=0.05,
    quality_slope=0.2,
    quality_ref=0.6,
    n_impostor=100_000,
    n_genuine=1_000,
)
COLLEAGUES = frozenset(f"P{i:02d}" for i in range(1, 31))
PRIORS = Priors(n_enrolled=100)


def capture(camera: int, quality: float | None = 0.6, **scores: float) -> Capture:
    """A face before one camera, a minute after that of the camera before."""
    return Capture(f"C{camera:02d}", 60_000 * camera, quality, scores)


def occasion(*captures: Capture, declared: str | None = "P01", **more: object) -> Occasion:
    """A lesson of P01, whose colleagues are P02 to P30; nobody is on record elsewhere."""
    base = Occasion(
        key="V1/S1",
        declared=declared,
        rightful=frozenset((declared,)) if declared else COLLEAGUES,
        colleagues=COLLEAGUES,
        captures=captures,
    )
    return replace(base, **more)  # type: ignore[arg-type]


def with_alibi(one: Occasion, alibis: Mapping[str, Alibi]) -> Occasion:
    return replace(one, alibis=alibis)
