"""Which rules are asked about which car of a night: all, or those alone of which the answer may have changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from audit.analysis import Motion
from audit.coverage import CarCoverage
from audit.engine import by_cameras
from audit.facts import Facts
from audit.recall import KeyMaker, Keys, Recall, camera_key, night_key
from audit.registry import Rule

Group = tuple[list[str], tuple[Rule, ...]]
"""Vehicles, and the rules that are asked about them."""


class Why(StrEnum):
    """Why a vehicle-day is audited again."""

    NEW = "new"
    OWN = "own"
    NIGHT = "night"
    CAMERAS = "cameras"
    VALUES = "values"


@dataclass(slots=True)
class Asking:
    """Decides, car by car, which rules are asked; without a `recall` all are, about the cars of `only`."""

    rules: Sequence[Rule]
    only: frozenset[str] | None = None
    recall: Recall | None = None
    keys: dict[str, Keys] = field(default_factory=dict)
    why: dict[str, Why] = field(default_factory=dict)
    _own: dict[str, str] = field(default_factory=dict)
    _maker: KeyMaker | None = None

    def early(self, facts: Facts, motion: Motion, vehicle_ids: Iterable[str]) -> list[Group]:
        """Return what is asked of a batch as it is read: the rules that do not rest on cameras."""
        rules = by_cameras(self.rules, wanted=False)
        cars = list(vehicle_ids)
        if self.recall is None:
            return [([v for v in cars if self.is_wanted(v)], rules)]
        self._own.update(self._keys_of(facts, motion, cars))
        stale = [v for v in cars if not self.recall.knows(v, self._own[v])]
        rest = [v for v in cars if self.recall.knows(v, self._own[v])]
        return [(stale, rules), (rest, tuple(r for r in rules if r.name in self.recall.changed_rules))]

    def is_wanted(self, vehicle_id: str) -> bool:
        """Whether a car is asked about at all."""
        return self.only is None or vehicle_id in self.only

    def settle(self, facts: Facts, coverage: Iterable[CarCoverage]) -> None:
        """Take in the facts of the whole night: now it is known of every car what its answers rest on."""
        if self.recall is None:
            return
        unread = [v for v in facts.vehicles if v not in self._own]
        self._own.update(self._keys_of(facts, None, unread))
        covered = {c.vehicle_id: c for c in coverage}
        for v in facts.vehicles:
            self.keys[v] = Keys(self._own[v], night_key(facts, v, covered.get(v)), camera_key(facts, v))
            if (why := self._why(self.recall, v)) is not None:
                self.why[v] = why

    def _keys_of(self, facts: Facts, motion: Motion | None, cars: Sequence[str]) -> dict[str, str]:
        if self._maker is None:
            self._maker = KeyMaker(facts)
        return self._maker.own(motion, cars)

    def _why(self, recall: Recall, vehicle_id: str) -> Why | None:
        held, now = recall.keys.get(vehicle_id), self.keys[vehicle_id]
        if held is None:
            return Why.NEW
        if held.own != now.own:
            return Why.OWN
        if held.night != now.night:
            return Why.NIGHT
        if held.camera != now.camera:
            return Why.CAMERAS
        return Why.VALUES if recall.changed_rules else None

    def moved(self) -> frozenset[str]:
        """Return the cars of which the night's facts, and not their own, call for another look at their track."""
        return frozenset(v for v, why in self.why.items() if why is Why.NIGHT)

    def rules_for(self, vehicle_id: str) -> tuple[Rule, ...]:
        """Return what is asked about a car, once `settle` was called."""
        if self.recall is None:
            return tuple(self.rules) if self.is_wanted(vehicle_id) else ()
        why = self.why.get(vehicle_id)
        if why in {Why.NEW, Why.OWN, Why.NIGHT}:
            return tuple(self.rules)
        changed = self.recall.changed_rules
        return tuple(r for r in self.rules if r.name in changed or (why is Why.CAMERAS and r.by_cameras))

    def groups(self, vehicle_ids: Collection[str]) -> list[Group]:
        """Return the cars by what is asked about them, in the order given."""
        out: dict[tuple[str, ...], Group] = {}
        for v in vehicle_ids:
            rules = self.rules_for(v)
            out.setdefault(tuple(r.name for r in rules), ([], rules))[0].append(v)
        return list(out.values())

    def asked(self, vehicle_ids: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """Return which rules were asked about which cars."""
        return {v: frozenset(r.name for r in self.rules_for(v)) for v in vehicle_ids}
