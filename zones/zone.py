"""One dated version of one approved place: a training ground, a training route or an exam site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from shapely import LineString, MultiPolygon, Polygon

from zones.validity import holds_on


class ZoneKind(StrEnum):
    """What a place is approved as."""

    GROUND = "ground"
    ROUTE = "route"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Zone:
    """One version of an approved place, in WGS-84.

    For `school_ids`, `parts` and `vehicle_classes` None means all and an empty set means none.
    `valid_from` and `valid_to` are local dates, inclusive; None is open. `width_m` is a route's full corridor
    width. `recorded_at` is the date on which the office learnt of this version, where it is known.
    """

    zone_id: str
    kind: ZoneKind
    name: str
    geometry: Polygon | MultiPolygon | LineString
    school_ids: frozenset[str] | None = None
    parts: frozenset[int] | None = None
    vehicle_classes: frozenset[str] | None = None
    width_m: float | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    approval_no: str | None = None
    recorded_at: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether this version is in force on a local date (both ends included)."""
        return holds_on(self.valid_from, self.valid_to, day)

    def approves(self, school_id: str, vehicle_class: str, part: int | None = None) -> bool:
        """Whether training by this school, class and part is approved here.

        `part` None asks for any part. A site is approved for examinations only, so never for training.
        """
        if self.kind is ZoneKind.SITE:
            return False
        return (
            (self.school_ids is None or school_id in self.school_ids)
            and (self.vehicle_classes is None or vehicle_class in self.vehicle_classes)
            and (part is None or self.parts is None or part in self.parts)
            and (self.parts is None or len(self.parts) > 0)
        )
