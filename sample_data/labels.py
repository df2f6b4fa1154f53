"""What is true in a bundle: findings that must be made, innocence that must stay so, and what may go either way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

CHINA = timezone(timedelta(hours=8))
SERVICE_DATE = datetime(2026, 3, 18, tzinfo=CHINA)

# A replayed or misplaced lesson may break these as well; saying so is no false alarm.
OFF_ZONE_ALLOWS = ("off-route", "ghost-session", "undeclared-training", "out-of-hours")
WRONG_ZONE_ALLOWS = ("off-zone-training", "ghost-session", "out-of-hours")
REPLAY_ALLOWS = (
    "plate-conflict", "wrong-zone", "out-of-hours", "off-zone-training", "off-route", "undeclared-training",
    "ghost-session",
)  # fmt: skip


def moment(t_s: float) -> datetime:
    """Return a time in s from the service day's local midnight as a datetime."""
    return SERVICE_DATE + timedelta(seconds=round(t_s))


def iso(t_s: float) -> str:
    """Return a time in s from the service day's local midnight as ISO 8601.

    >>> iso(24 * 3600 + 90)
    '2026-03-19T00:01:30+08:00'
    """
    return moment(t_s).isoformat()


@dataclass
class Labels:
    """Labels of one bundle, filled while the day is made."""

    truth: list[dict[str, Any]] = field(default_factory=list)
    benign: list[dict[str, Any]] = field(default_factory=list)
    grey: list[dict[str, Any]] = field(default_factory=list)

    def guilty(
        self, rule: str, vehicle_id: str | None, span: tuple[float, float], allow: tuple[str, ...] = (), **more: Any
    ) -> None:
        """Add a finding that must be made; `allow` are rules that may fire on it as well."""
        row = {"rule": rule, "vehicle_id": vehicle_id, "start": iso(span[0]), "end": iso(span[1])}
        self.truth.append(row | {"allow": list(allow)} | more)

    def innocent(self, kind: str, vehicle_id: str, span: tuple[float, float]) -> None:
        """Add innocent behaviour that resembles guilt."""
        self.benign.append({"kind": kind, "vehicle_id": vehicle_id, "start": iso(span[0]), "end": iso(span[1])})

    def either(self, rule: str, vehicle_id: str, span: tuple[float, float]) -> None:
        """Add a stretch too thin to ask for a finding, and too real to call one false."""
        self.grey.append({"rule": rule, "vehicle_id": vehicle_id, "start": iso(span[0]), "end": iso(span[1])})

    def document(self, vehicles: int) -> dict[str, Any]:
        """Return the labels in the shape of a truth file; short kinds of innocence before those of a whole day."""
        return {"truth": self.truth, "grey": self.grey, "benign": self.benign, "vehicles": vehicles}
