"""What was declared beforehand: training sessions, exams, temporary permits. Times are ms UTC, half-open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """A training session as the timing platform was told. `trainee_id` is a pseudonym."""

    session_id: str
    vehicle_id: str
    instructor_id: str
    trainee_id: str
    part: int
    zone_id: str | None
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Exam:
    """An exam run in an exam car with a safety officer aboard."""

    exam_id: str
    vehicle_id: str
    officer_id: str
    site_id: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Permit:
    """A signed temporary permit that excuses one vehicle, or a whole school, in one zone or anywhere."""

    permit_id: str
    vehicle_id: str | None
    school_id: str | None
    reason: str
    start_ms: int
    end_ms: int
    zone_id: str | None = None

    def covers(self, vehicle_id: str, school_id: str | None) -> bool:
        """Whether this permit is for the vehicle, or for its school."""
        if self.vehicle_id is not None:
            return self.vehicle_id == vehicle_id
        return self.school_id is not None and self.school_id == school_id
