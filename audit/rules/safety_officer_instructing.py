"""Does an exam safety officer, who holds no instructor's role for that school that day, teach?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.camera_evidence import accepted, crew_observation, untold_crew
from audit.day import VehicleDay
from audit.finding import Explanation, NotAssessable, Observation

BY_CAMERAS = "crew"


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card; the night's line is drawn with them before the rule is asked."""

    false_discovery_share: float
    least_cameras: float
    substituted_share: float


def assess(day: VehicleDay, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield each lesson in which the night's evidence puts an exam safety officer in the instructor's seat."""
    if (yield from untold_crew(day, declared_only=False)):
        return
    for case in accepted(day, "safety-officer-instructing", p.least_cameras):
        verdict = case.verdict
        excluded = (
            Explanation("role"),
            Explanation("exam-duty"),
            Explanation("lift"),
            Explanation("other-car"),
            Explanation("look-alike", verdict.log10_lr, 0.0),
            Explanation("declared-instructor", verdict.log10_declared),
            Explanation("seen-elsewhere", verdict.log10_alibi),
        )
        yield crew_observation(day, case, p.least_cameras, excluded)
