"""Versions in time: which version of each zone was in force on a day, as known then or as known now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from zones.zone import Zone

APPROVAL_FIELDS = (
    "kind",
    "name",
    "geometry",
    "school_ids",
    "parts",
    "vehicle_classes",
    "width_m",
    "valid_from",
    "valid_to",
    "approval_no",
)


def zones_in_force(zones: Iterable[Zone], day: date, known_on: date | None = None) -> tuple[Zone, ...]:
    """Return one version of each zone that holds on a local date, ordered by zone_id.

    `known_on` answers as the office would have answered on that date: versions recorded later are left out; a version
    without `recorded_at` was always known. Where several versions of a zone hold, what was recorded later replaces
    what was recorded earlier, then the later start wins, then the later row (`clashes` finds such rows).
    """
    chosen: dict[str, Zone] = {}
    for zone in zones:
        if not zone.holds_on(day) or not _was_known(zone, known_on):
            continue
        rival = chosen.get(zone.zone_id)
        if rival is None or _precedence(zone) >= _precedence(rival):
            chosen[zone.zone_id] = zone
    return tuple(chosen[zone_id] for zone_id in sorted(chosen))


def clashes(zones: Iterable[Zone]) -> tuple[tuple[Zone, Zone], ...]:
    """Return the pairs of versions of one zone that hold on a common date and of which neither replaces the other.

    They were recorded on the same date, or the register doesn't say when: which one counts is a guess, so a reader of
    zones should refuse them.
    """
    by_id: dict[str, list[Zone]] = {}
    for zone in zones:
        by_id.setdefault(zone.zone_id, []).append(zone)
    return tuple(
        (a, b)
        for zone_id in sorted(by_id)
        for a, b in combinations(by_id[zone_id], 2)
        if a.recorded_at == b.recorded_at and _overlap(a, b)
    )


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """What differs between two versions of one zone: names of fields, in the order of `APPROVAL_FIELDS`."""

    zone_id: str
    fields: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.fields)


def zone_change(old: Zone, new: Zone) -> ZoneChange:
    """Compare two versions of one zone. Geometries are the same if they cover the same points.

    Raises ValueError for two different zones.
    """
    if old.zone_id != new.zone_id:
        raise ValueError(f"{old.zone_id!r} and {new.zone_id!r} are two zones, not two versions of one")
    return ZoneChange(old.zone_id, tuple(name for name in APPROVAL_FIELDS if not _same(old, new, name)))


def _was_known(zone: Zone, known_on: date | None) -> bool:
    return known_on is None or zone.recorded_at is None or zone.recorded_at <= known_on


def _precedence(zone: Zone) -> tuple[date, date]:
    return zone.recorded_at or date.min, zone.valid_from or date.min


def _overlap(a: Zone, b: Zone) -> bool:
    latest_start = max(a.valid_from or date.min, b.valid_from or date.min)
    return latest_start <= min(a.valid_to or date.max, b.valid_to or date.max)


def _same(old: Zone, new: Zone, name: str) -> bool:
    before, after = getattr(old, name), getattr(new, name)
    if name != "geometry":
        return bool(before == after)
    # A route driven the other way is another route, though it covers the same points.
    if before.geom_type == "LineString" or after.geom_type == "LineString":
        return bool(before.equals_exact(after, 0.0))
    return bool(before.equals(after))
