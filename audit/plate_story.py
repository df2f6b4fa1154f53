"""Passages that a car's track contradicts, explained: who else it may have been, how dense traffic is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audit.facts import Facts
from audit.night import Presence
from checkpoints.camera_passes import CameraPasses, Sites
from checkpoints.clocks import LEAST_SHARE, find_clock, pass_sigma_s
from checkpoints.conflict import Conflict, Traffic, Witness, explain
from checkpoints.positions import CLOCK_SIGMAS, CheckedPassage, Whereabouts
from checkpoints.settle import Settled, Sorted

LEAST_WRONG_CAR = 5e-5
"""Share of lessons whose confirmed passages hold another car's, at least (evidence.md 4.1: with the gate and 95 % of
plates right, 5.6e-5)."""
NEAR_SLACK_S = 180.0
"""A car that could have been there with less than this to spare had time for little else."""
CAR_CLOCK_S, CAR_CLOCK_OFF_S = 7_200.0, 30.0
"""A terminal's clock is looked for so far off; by less it contradicts nobody."""
_HOUR_MS = 3_600_000


@dataclass(frozen=True)
class PlateStory:
    """All passages of a night as they stand against all tracks; cars count as in `ids`, cameras as in `sites`."""

    facts: Facts
    sites: Sites
    ids: Sequence[str]
    passes: CameraPasses
    settled: Settled
    found: Sorted
    checked: Mapping[str, tuple[CheckedPassage, ...]]
    others: Mapping[tuple[str, str], CheckedPassage]
    heard: Mapping[str, Presence]

    def conflict(self, vehicle_id: str) -> Conflict | None:
        """Explain the contradictory passages of a car; None without any."""
        held = self.checked[vehicle_id]
        against = [c for c in held if c.whereabouts is Whereabouts.ELSEWHERE]
        if not against or self._own_clock_is_off(vehicle_id, held):
            return None
        mine = self.passes.vehicle_ix == self.ids.index(vehicle_id)
        missed = self.passes.camera_ix[mine & ~self.settled.recorded].tolist()
        there = [c.passage.camera_id for c in held if c.whereabouts is Whereabouts.THERE and c.is_read_so]
        missed_at = [self.sites.ids[i] for i in missed]
        return explain(against, self._witnesses, there, missed_at, self.traffic, self.sites)

    def _witnesses(self, c: CheckedPassage) -> list[Witness]:
        """Return the registered cars that the passage may be of instead, and what is known of where they were."""
        states = [(reading, self._state(reading.vehicle_id, c)) for reading in c.passage.others]
        right = {
            r.vehicle_id: sum(o.is_read_so for o in self.found.there.get(r.vehicle_id, ())) for r in c.passage.others
        }
        return [Witness(*reading, state, right[reading.vehicle_id]) for reading, state in states if state is not None]

    def _own_clock_is_off(self, vehicle_id: str, held: Sequence[CheckedPassage]) -> bool:
        """Whether one shift of the car's own clock makes most of its passages fit: then its terminal is wrong."""
        car, place = self.ids.index(vehicle_id), {c: i for i, c in enumerate(self.sites.ids)}
        mine = np.flatnonzero(self.passes.vehicle_ix == car)
        read = [c for c in held if c.is_read_so]
        at = np.array([place[c.passage.camera_id] for c in read], np.int64)
        t_ms = np.array([c.t_ms for c in read], np.int64)
        row, which = np.nonzero(at[:, None] == self.passes.camera_ix[mine][None, :])
        off_s = (t_ms[row] - self.passes.t_ms[mine][which]) / 1000.0
        near = np.abs(off_s) <= CAR_CLOCK_S
        sigma_s = pass_sigma_s(self.passes)[mine][which]
        clock = find_clock(row[near], off_s[near], sigma_s[near])
        fitting = clock.agree * clock.votes
        return abs(clock.offset_s) > CAR_CLOCK_OFF_S and fitting >= max(2.0, LEAST_SHARE * len(read))

    def _state(self, vehicle_id: str, c: CheckedPassage) -> str | None:
        """Return what is known of another car at a passage; None where it cannot have been there."""
        for o in self.found.there.get(vehicle_id, ()):
            apart_s = abs(o.t_ms - c.t_ms) / 1000.0
            if o.passage.camera_id == c.passage.camera_id and apart_s <= CLOCK_SIGMAS * (o.sigma_s + c.sigma_s):
                return "recorded"
        other = self.others.get((c.passage.passage_id, vehicle_id))
        if other is None or other.whereabouts is Whereabouts.UNKNOWN:
            return "silent"
        if other.whereabouts is Whereabouts.POSSIBLE:
            return "near" if other.margin_s > -NEAR_SLACK_S else "silent"
        return "there" if other.whereabouts is Whereabouts.THERE else None

    @cached_property
    def wrong_car(self) -> float:
        """How likely it is that a lesson's confirmed passages hold another car's (evidence.md 4.1).

        So often a plate is read as another registered car's, and so often that car goes by a camera in any one minute.
        """
        read = sum(p.vehicle_id is not None for p in self.facts.witnesses.passages)
        wrong = sum(not c.is_read_so for held in self.found.there.values() for c in held)
        wrong += sum(c.whereabouts is Whereabouts.ELSEWHERE for held in self.checked.values() for c in held)
        per_lesson = read / max(sum(len(held) for held in self.facts.sessions.values()), 1)
        return max(LEAST_WRONG_CAR, wrong / max(read, 1) * self.traffic.per_car * per_lesson)

    @cached_property
    def traffic(self) -> Traffic:
        """How dense passages are, and how often each camera reads a car that goes by."""
        passages, sites = self.facts.witnesses.passages, self.sites
        times = [p.shot_ms for p in passages]
        minutes = max((max(times) - min(times)) / 60_000.0, 60.0)
        cells = minutes * len(sites)
        n_all = np.bincount(self.passes.camera_ix, minlength=len(sites))
        n_read = np.bincount(self.passes.camera_ix[self.settled.recorded], minlength=len(sites))
        overall = (n_read.sum() + 1.0) / (n_all.sum() + 2.0)
        detection = (n_read + 4.0 * overall) / (n_all + 4.0)  # a camera with few passes is taken to be like the others
        named = sum(p.vehicle_id is not None for p in passages)
        fitting = Counter((c.passage.camera_id, c.t_ms // _HOUR_MS) for held in self.found.there.values() for c in held)
        return Traffic(
            minutes=minutes,
            per_car=max(named, 1) / max(len(self.ids), 1) / cells,
            strangers=max(self.facts.witnesses.n_read, 1) / cells,
            detection=dict(zip(sites.ids, detection.tolist(), strict=True)),
            fitting=fitting,
        )
