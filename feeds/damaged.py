"""What rejected rows of the registers may have hidden: there the audit answers "not assessable" and accuses nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Damaged:
    """Whom rejected rows were about.

    `ids` holds, by file and column, the keys that rejected rows named; `whole` the (file, column) pairs for which a
    rejected row did not say whom it was about, so that it may have been anybody.
    """

    ids: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    whole: frozenset[tuple[str, str]] = frozenset()

    def hides(self, file: str, column: str, key: str | None) -> bool:
        """Whether a rejected row of `file` was, or may have been, about `key`.

        >>> damaged = Damaged({("exams.csv", "vehicle_id"): frozenset({"X1"})})
        >>> damaged.hides("exams.csv", "vehicle_id", "X1"), damaged.hides("exams.csv", "vehicle_id", "X2")
        (True, False)
        """
        return (file, column) in self.whole or (key is not None and key in self.ids.get((file, column), frozenset()))

    def vehicle(self, vehicle_id: str) -> bool:
        """Whether what the car is, or which terminal sat in it, is uncertain."""
        return any(self.hides(file, "vehicle_id", vehicle_id) for file in ("vehicles.csv", "terminals.csv"))

    def sessions_of(self, vehicle_id: str) -> bool:
        """Whether a session of the car may be missing."""
        return self.hides("sessions.csv", "vehicle_id", vehicle_id)

    def sessions_of_trainee(self, trainee_id: str) -> bool:
        """Whether a session of the trainee may be missing."""
        return self.hides("sessions.csv", "trainee_id", trainee_id)

    def permits_of(self, vehicle_id: str, school_id: str | None) -> bool:
        """Whether a permit of the car or of its school may be missing."""
        return self.hides("permits.csv", "vehicle_id", vehicle_id) or self.hides("permits.csv", "school_id", school_id)

    def hours_of(self, zone_id: str) -> bool:
        """Whether a window or an exception of the zone may be missing."""
        return self.hides("schedules.csv", "zone_id", zone_id) or self.hides("exceptions.csv", "zone_id", zone_id)

    def roles_of(self, person_id: str) -> bool:
        """Whether a role of the person may be missing."""
        return self.hides("staff.csv", "person_id", person_id)

    def camera(self, camera_id: str) -> bool:
        """Whether where the camera stood, or that it stood, is uncertain."""
        return self.hides("cameras.geojson", "camera_id", camera_id)

    def lookalikes_of(self, person_id: str) -> bool:
        """Whether a pair of look-alikes with the person in it may be missing."""
        return any(self.hides("lookalikes.csv", f"person_id_{side}", person_id) for side in "ab")


class DamageLog:
    """Damage as it is found, row by row."""

    def __init__(self) -> None:
        """Start with none."""
        self._ids: dict[tuple[str, str], set[str]] = {}
        self._whole: set[tuple[str, str]] = set()

    def add(self, file: str, column: str, key: str | None) -> None:
        """Note that something about `key` may be missing from `file`; None is anybody."""
        if key is None:
            self._whole.add((file, column))
        else:
            self._ids.setdefault((file, column), set()).add(key)

    def result(self) -> Damaged:
        """Return what was noted."""
        return Damaged({at: frozenset(keys) for at, keys in sorted(self._ids.items())}, frozenset(self._whole))
