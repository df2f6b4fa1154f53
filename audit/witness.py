"""What cameras add to a night: what was read before it, and the night facts made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from audit.crew_night import CrewNight, MatcherScale
from checkpoints.camera_passes import Sites
from checkpoints.clocks import Clock
from checkpoints.conflict import Conflict
from checkpoints.passage import Passage
from checkpoints.positions import CheckedPassage
from zones.register import StaffRole

NO_SITES = Sites((), np.zeros(0), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Cameras and their passages of a service day, and who is enrolled that day.

    `doubted`: persons of whom a rejected row of staff, exams or look-alikes was or may have been. `n_read`: records of
    the day's files, those of strangers included. `lookalikes`: pairs of enrolled persons with the matcher's score, None
    without a list. `plate_doubt`, `crew_doubt`: why the rule on plates, and those on people, cannot be answered for
    anybody.
    """

    sites: Sites = NO_SITES
    passages: tuple[Passage, ...] = ()
    n_read: int = 0
    staff: tuple[StaffRole, ...] = ()
    scale: MatcherScale | None = None
    lookalikes: Mapping[frozenset[str], float] | None = None
    doubted: frozenset[str] = frozenset()
    plate_doubt: str | None = "no-passages"
    crew_doubt: str | None = "no-passages"

    @property
    def is_there(self) -> bool:
        """Whether there are passages to look at."""
        return bool(self.passages)


@dataclass(frozen=True, slots=True)
class CameraNight:
    """What cameras tell of a night, by vehicle. `heard`: vehicles with a track.

    `suspect`: cameras that contradict several cars more often than not: they are not where, or when, they are said to
    be. `contradicted`: feeds of which so many cars are contradicted that it is not the cars.
    """

    passages: Mapping[str, tuple[CheckedPassage, ...]] = field(default_factory=dict)
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)
    crews: CrewNight = field(default_factory=CrewNight)
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    heard: frozenset[str] = frozenset()
    suspect: frozenset[str] = frozenset()
    contradicted: frozenset[str] = frozenset()
