"""Single vehicles of one service day, looked at without auditing the night: for exports and notebooks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from audit.analysis import analyse, observe
from audit.day import VehicleDay
from audit.engine import vehicle_day
from audit.facts import Facts
from audit.registry import load_rules
from feeds.bundle import Bundle, read_bundle
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger
from runs.assemble import assemble
from runs.door import TrackDoor
from runs.night import datum_facts
from runs.progress import Silent
from trajectories.recipe import Recipe


@dataclass(frozen=True, slots=True)
class OpenDay:
    """A bundle opened on one service day. Only vehicles that stand in the register that day can be looked at."""

    bundle: Bundle
    door: TrackDoor
    facts: Facts
    ledger: Ledger

    def vehicle_days(self, vehicle_ids: Collection[str]) -> Iterator[VehicleDay]:
        """Yield the days of the vehicles that have fixes, in the order they are read.

        Outages and copies of other tracks, which take the whole night, are not known here. Raises `UnusableInput`
        naming each vehicle that is not in the register on the day.
        """
        strangers = sorted(set(vehicle_ids) - set(self.facts.vehicles))
        if strangers:
            raise UnusableInput([self._stranger(v) for v in strangers])
        f = self.facts
        for batch in self.door.read_cars(set(vehicle_ids)):
            analysis = analyse(observe(batch.fleet, f.places, f.recipe), f.places, f.day, f.recipe)
            for k, vehicle_id in enumerate(batch.vehicle_ids):
                day = vehicle_day(analysis, k, f, vehicle_id)
                if day.track is not None:
                    yield day

    def _stranger(self, vehicle_id: str) -> Fault:
        on = self.facts.day.date.isoformat()
        if any(v.vehicle_id == vehicle_id for v in self.bundle.vehicles):
            message, hint = f"not registered on {on}", "Choose a day between the vehicle's valid_from and valid_to."
        else:
            message, hint = "no such vehicle", "Only vehicles of the register can be looked at."
        return Fault("vehicles.csv", message, field="vehicle_id", found=vehicle_id, hint=hint)


def open_day(folder: Path, day: date) -> OpenDay:
    """Open a bundle; a feed whose positions fit another datum is read as that one, as the audit does.

    Raises `UnusableInput` for a bundle that cannot be audited.
    """
    ledger = Ledger()
    bundle = read_bundle(folder, ledger)
    service_day = bundle.config.local.service_day(day)
    door = TrackDoor(bundle, service_day, ledger)
    door.open()
    facts = assemble(bundle, service_day, door, Recipe())
    facts = replace(facts, night=datum_facts(door, facts, load_rules(), Silent()))
    return OpenDay(bundle, door, facts, ledger)
