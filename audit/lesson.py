"""A lesson, and the case that somebody sat there as instructor who may not: values that night facts and rules share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from checkpoints.occasion import Verdict
from checkpoints.passage import Seat
from checkpoints.positions import CheckedPassage
from zones.declared import Session


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson, ms UTC half-open; `drive_start_ms`, `drive_end_ms`: with the drives to and from it.

    `session`: as declared, None where nothing was; `trained_ms`: how long the track shows training.
    """

    number: int
    start_ms: int
    end_ms: int
    drive_start_ms: int
    drive_end_ms: int
    session: Session | None
    trained_ms: int

    def holds(self, t_ms: int) -> bool:
        """Whether an instant lies in the lesson or on a drive that belongs to it."""
        return self.drive_start_ms <= t_ms < self.drive_end_ms

    def is_on_drive(self, t_ms: int) -> bool:
        """Whether an instant lies on a drive to or from the lesson."""
        return self.holds(t_ms) and not self.start_ms <= t_ms < self.end_ms


class Sighting(NamedTuple):
    """A face of a passage that counts for a case. No score is kept.

    `log10_lr`: what this face alone is worth for the person, as a power of ten; `shown`: whether the matcher named the
    person; `on_drive`: outside the lesson proper.
    """

    checked: CheckedPassage
    seat: Seat
    quality: float | None
    log10_lr: float
    shown: bool
    on_drive: bool


@dataclass(frozen=True, slots=True)
class Case:
    """What the night's faces say of one person in one lesson; `rule` is the one it belongs to.

    `accepted`: within the false discovery rate that the office sets. Otherwise it may be a lead, and is nothing else.
    """

    rule: str
    lesson: Lesson
    verdict: Verdict
    sightings: tuple[Sighting, ...]
    accepted: bool

    @property
    def person_id(self) -> str:
        """Who it is about."""
        return self.verdict.person_id
