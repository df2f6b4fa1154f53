"""Which car a face of GA/T 1400 was seen in: the one of the same picture, else the only one there at that second.

A face names no car. Where two cars could be meant, no car is: a guess would put a person into a stranger's seat.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

WITHIN_MS = 1000
NO_VEHICLE, SEVERAL = "no-vehicle", "several-vehicles"


@dataclass(frozen=True, slots=True)
class Seen:
    """By what an object is put together with others: its picture, where (several names for one place), and when."""

    source_id: str | None
    places: tuple[str, ...]
    t_ms: int | None


class Cars:
    """The cars of one payload, those that cannot be used included: each makes a match less certain."""

    def __init__(self, cars: Sequence[Seen]) -> None:
        """Sort them by picture, and by place and time."""
        self._by_source: defaultdict[str, list[int]] = defaultdict(list)
        self._by_place: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        self._timeless: defaultdict[str, list[int]] = defaultdict(list)
        for at, car in enumerate(cars):
            if car.source_id is not None:
                self._by_source[car.source_id].append(at)
            for place in car.places:
                if car.t_ms is None:
                    self._timeless[place].append(at)
                else:
                    self._by_place[place].append((car.t_ms, at))
        for times in self._by_place.values():
            times.sort()

    def of(self, face: Seen) -> int | str:
        """Return the number of the one car that a face belongs to, else why there is none.

        >>> cars = Cars([Seen("I1", ("C1",), 0), Seen("I2", ("C1",), 5000), Seen("I3", ("C1",), 5500)])
        >>> cars.of(Seen("I3", ("C1",), 0)), cars.of(Seen(None, ("C1",), 900)), cars.of(Seen("", ("C1",), 5200))
        (2, 0, 'several-vehicles')
        >>> cars.of(Seen(None, ("C2",), 0)), Cars([]).of(Seen("I1", ("C1",), None))
        ('no-vehicle', 'no-vehicle')
        """
        same_picture = self._by_source.get(face.source_id, []) if face.source_id is not None else []
        if same_picture:
            return same_picture[0] if len(same_picture) == 1 else SEVERAL
        found: set[int] = set()
        if face.t_ms is not None:
            for place in face.places:
                self._collect(place, face.t_ms, found)
        if not found:
            return NO_VEHICLE
        return found.pop() if len(found) == 1 else SEVERAL

    def _collect(self, place: str, t_ms: int, found: set[int]) -> None:
        """Add the cars at a place within a second, and those of unknown time; more than two need not be told."""
        found.update(self._timeless.get(place, ())[:2])
        times = self._by_place.get(place, [])
        for at in range(bisect_left(times, (t_ms - WITHIN_MS, -1)), len(times)):
            if times[at][0] > t_ms + WITHIN_MS or len(found) > 1:
                return
            found.add(times[at][1])
