"""What a long run tells of itself: stages with rows done. The command line shows it; a test may listen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from runs.words import N_

STAGES = {
    "datum": (N_("Comparing positions with places"), N_("feeds")),
    "audit": (N_("Auditing"), N_("rows (estimated)")),
    "again": (N_("Auditing again what the whole night concerns"), N_("cars")),
    "maps": (N_("Drawing maps"), N_("maps")),
    "calibrate": (N_("Learning on one half, measuring on the other"), N_("reports")),
    "pull": (N_("Pulling tracks"), N_("cars")),
}
"""Stage to what a person reads: what is done, and what its steps are."""


class Progress(Protocol):
    """A listener to a run."""

    def stage(self, name: str, total: int) -> None:
        """A stage of `STAGES` begins that has `total` steps."""

    def advance(self, steps: int) -> None:
        """Some steps of the stage are done."""


class Silent:
    """A listener that shows nothing."""

    def stage(self, name: str, total: int) -> None:
        """Do nothing."""

    def advance(self, steps: int) -> None:
        """Do nothing."""


class Stopwatch:
    """Seconds by stage, wall clock."""

    def __init__(self) -> None:
        """Start with nothing measured."""
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began
