"""Checkpoint cameras: where each stood, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Camera:
    """A checkpoint camera (WGS-84); its dates are local and inclusive, None is open."""

    camera_id: str
    lon_deg: float
    lat_deg: float
    valid_from: date | None = None
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the camera stood there on a local date."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)
