"""When signed temporary permits excuse a vehicle."""

from __future__ import annotations

from collections.abc import Iterable

from trajectories.intervals import Intervals, intervals
from zones.declared import Permit


def permits_for(
    permits: Iterable[Permit], vehicle_id: str, school_id: str | None, zone_id: str | None
) -> tuple[Permit, ...]:
    """Return the permits that excuse this vehicle, or its school, at a place, ordered by start and id.

    `zone_id` None asks about a place outside every zone: there only permits without a zone excuse. A permit that
    names a zone excuses in that zone only; one that names none excuses anywhere.
    """
    found = [p for p in permits if p.covers(vehicle_id, school_id) and p.zone_id in {None, zone_id}]
    return tuple(sorted(found, key=lambda p: (p.start_ms, p.permit_id)))


def excused_during(permits: Iterable[Permit], vehicle_id: str, school_id: str | None, zone_id: str | None) -> Intervals:
    """Return when signed permits excuse: half-open ms intervals, shape (n, 2), merged.

    >>> road_works = Permit("P1", None, "S1", "road works", 0, 60_000, zone_id="R1")
    >>> excused_during([road_works], "V1", "S1", "R1").tolist()
    [[0, 60000]]
    >>> excused_during([road_works], "V1", "S1", "R2").tolist(), excused_during([], "V1", None, None).tolist()
    ([], [])
    """
    return intervals((p.start_ms, p.end_ms) for p in permits_for(permits, vehicle_id, school_id, zone_id))
