"""What faces say of a night, as night facts carry it: without the means to work it out, which are slow to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit.lesson import Case, Lesson

if TYPE_CHECKING:
    from checkpoints.observation import Observation
    from checkpoints.score_fit import Fitted

OFFICER, SUBSTITUTE = "safety-officer-instructing", "instructor-substitution"
CREW_RULES = (OFFICER, SUBSTITUTE)


@dataclass(frozen=True, slots=True)
class MatcherScale:
    """What the matcher declares of its scores."""

    threshold: float
    top_k: int
    score_range: tuple[float, float]


@dataclass(frozen=True, slots=True)
class CrewNight:
    """What faces say of a night: cases by vehicle, lessons in which too few faces were seen, the model they rest on.

    `doubtful`: lessons with somebody of whom a rejected row of a register may have been. `learnt`: what the model was
    learnt from, for whoever measures how well it fits.
    """

    cases: Mapping[str, tuple[Case, ...]] = field(default_factory=dict)
    unseen: Mapping[str, tuple[Lesson, ...]] = field(default_factory=dict)
    doubtful: Mapping[str, tuple[Lesson, ...]] = field(default_factory=dict)
    fitted: Fitted | None = None
    learnt: tuple[Observation, ...] = ()

    @property
    def doubt(self) -> str | None:
        """Why nothing can be said of any crew: the model was learnt from too little, or does not fit."""
        return None if self.fitted is None or self.fitted.model.trusted else "model-misfit"
