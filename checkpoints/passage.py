"""Passages of registered cars before cameras, and the faces seen in them: a seat, a quality, scores. No picture.

What is not here does not exist for the product: no attribute of a person, nobody off the staff list, of a plate only
the registered cars it may be. The plate's characters are gone once a passage is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Seat(StrEnum):
    """Where in the car a face was seen. A trainee drives; an instructor sits beside."""

    DRIVER = "driver"
    FRONT_PASSENGER = "front_passenger"
    REAR = "rear"
    UNKNOWN = "unknown"


class Candidate(NamedTuple):
    """An enrolled person whom the matcher named for a face; `score` as the matcher scales it."""

    person_id: str
    score: float


class Reading(NamedTuple):
    """A registered car that a plate may be: `log_likelihood` is the natural log of P(as read | that car's plate)."""

    vehicle_id: str
    log_likelihood: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a passage. `candidates`: enrolled staff only, best first; none: nobody reached the threshold.

    `quality` is 0 to 1, None where it was not told. `declared_score` is the 1:1 score against the declared instructor.
    """

    seat: Seat
    quality: float | None
    candidates: tuple[Candidate, ...] = ()
    declared_score: float | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """One record of a camera, by the camera's own clock (`shot_ms`, ms UTC, not corrected).

    `vehicle_id`: the registered car that the plate names as read, None where it names none. `others`: further
    registered cars of which it may be a misreading, the likeliest first. One of the two is never empty. `row` is
    where the record stands in its file, counted from 1.
    """

    passage_id: str
    camera_id: str
    shot_ms: int
    vehicle_id: str | None
    others: tuple[Reading, ...] = ()
    plate_score: float | None = None
    heading_deg: float | None = None
    faces: tuple[Face, ...] = ()
    file: str = ""
    row: int = 0
