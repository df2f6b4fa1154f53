"""Why a plate was seen where its car cannot have been: cloned, the track tampered with, misread, or the camera's clock.

Each explanation gets the likelihood of all such passages of a car together; only a clone or a tampered track is worth a
person's look, and only where it explains the passages far better than an error would.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from checkpoints.camera_passes import Sites
from checkpoints.positions import CLOCK_SIGMAS, FASTEST_MPS, CheckedPassage

P_CLONE = 1e-3
P_TAMPERED = 1e-3
"""One car in a thousand on a day: assumed (evidence.md 8 has no figure); a factor of ten moves the decision by one
passage at most."""
P_BENT = 1e-3
"""One plate in a thousand is bent or dirty so that it is always misread in the same way [A]."""
P_RIGHT_THOUGH_BENT = 0.1
"""... and is read rightly so often all the same [A]."""
P_CLOCK = 1e-2
"""One camera in a hundred whose clock jumps within the day."""
P_FITS_BY_CHANCE = 0.05
"""If the clock had jumped, another car's passage would still fit its track by chance so often."""
P_UNSEEN_PASS = 1e-3
"""A car passes a given camera within a silence of its track so often."""
P_NEAR = 0.3
"""A car that had hardly time to do anything else between two fixes went by the camera so often [A]."""
P_SECOND_PICTURE = 0.02
"""A car that was read rightly is shot a second time so often."""
P_SEEN_ON_FAKE = 0.02
"""A made-up track meets a true passage by chance so often (evidence.md 4.4)."""
LEAST_LOG10 = -6.0
"""The plate's error model knows nothing rarer (see `plates.LEAST`)."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """How often passages are to be expected: densities a camera and minute, and how often a camera reads a car.

    `per_car`: of one registered car; `strangers`: of all others; `detection`: by camera, the share of passes with a
    passage; `fitting`: by camera and hour, how many passages fit the track of the car they name; `minutes`: of the day
    in which passages were shot.
    """

    minutes: float
    per_car: float
    strangers: float
    detection: Mapping[str, float]
    fitting: Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Witness:
    """What speaks for another car at a contradictory passage: a registered car whose plate may have been read so.

    `state`: `there` (it went by and no passage of its own records it), `near` (it may have, and had time for little
    else), `recorded` (it went by, recorded rightly), or `silent` (nobody knows where it was). `read_right`: how many of
    its own passages that day were read as its own.
    """

    vehicle_id: str
    log_likelihood: float
    state: str
    read_right: int = 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """The passages of a car's plate that its track contradicts, and how well each explanation accounts for them.

    `log10`: the likelihood with its prior, by `clone`, `tampered`, `misread`, `clock`. `confirmed`: passages of the
    plate that fit the track; `missed`: drives past a camera without one.
    """

    passages: tuple[CheckedPassage, ...]
    log10: Mapping[str, float]
    confirmed: int
    missed: int

    @property
    def leading(self) -> str:
        """The better of the two explanations that a person should look at."""
        return "tampered" if self.log10["tampered"] > self.log10["clone"] else "clone"

    @property
    def log10_odds(self) -> float:
        """How many powers of ten it accounts better for the passages than an error of plate or clock does."""
        return self.log10[self.leading] - max(self.log10["misread"], self.log10["clock"])


def explain(
    contradictions: Sequence[CheckedPassage],
    witnesses: Callable[[CheckedPassage], Sequence[Witness]],
    confirmed: Sequence[str],
    missed: Sequence[str],
    traffic: Traffic,
    sites: Sites,
) -> Conflict | None:
    """Weigh the explanations of a car's contradictory passages; None without any.

    `confirmed`, `missed`: the cameras of the car's passages that fit, and of its drives past one without a passage.
    """
    seen = _one_car(sorted(contradictions, key=lambda c: (c.t_ms, c.passage.passage_id)), sites)
    if not seen:
        return None
    clone = math.log10(P_CLONE) + len(seen) * _log10(traffic.per_car)
    fake = clone - math.log10(P_CLONE) + math.log10(P_TAMPERED) + _fake_log10(confirmed, missed, traffic.detection)
    misread = _misread_log10([witnesses(c) for c in seen], traffic)
    log10 = {"clone": clone, "tampered": fake, "misread": misread, "clock": _clock_log10(seen, missed, traffic)}
    return Conflict(tuple(seen), log10, len(confirmed), len(missed))


def _log10(p: float) -> float:
    return math.log10(max(p, 1e-12))


def _misread_log10(others: Sequence[Sequence[Witness]], traffic: Traffic) -> float:
    """Return log10 P(other cars' plates were read as this one at each passage's camera and minute).

    By chance, each time anew; or one car's plate is bent or dirty and is read so whenever it goes by.
    """
    weight = {"there": 1.0, "near": P_NEAR, "recorded": P_SECOND_PICTURE, "silent": traffic.per_car}
    stranger = traffic.strangers * 10.0**LEAST_LOG10
    chance = sum(_log10(sum(math.exp(w.log_likelihood) * weight[w.state] for w in at) + stranger) for at in others)
    each = [{w.vehicle_id: weight[w.state] for w in at} for at in others]
    right = {w.vehicle_id: w.read_right for at in others for w in at}
    bent = [
        math.log10(P_BENT) + n * math.log10(P_RIGHT_THOUGH_BENT) + sum(_log10(at.get(car, stranger)) for at in each)
        for car, n in sorted(right.items())
    ]
    return max([chance, *bent])


def _fake_log10(confirmed: Sequence[str], missed: Sequence[str], detection: Mapping[str, float]) -> float:
    """Return log10 of (track made up : track true) from what cameras saw of it (evidence.md 4.4, K1 and K3)."""
    seen = sum(math.log10(P_SEEN_ON_FAKE / detection.get(c, 0.5)) for c in confirmed)
    unseen = sum(  # once a camera: what made it miss one drive makes it miss the next
        math.log10((1.0 - P_SEEN_ON_FAKE) / (1.0 - min(detection.get(c, 0.5), 0.95))) for c in sorted(set(missed))
    )
    return seen + unseen


def _clock_log10(seen: Sequence[CheckedPassage], missed: Sequence[str], traffic: Traffic) -> float:
    """Return log10 P(cameras' clocks jumped just then, though other cars' passages of that hour fit).

    Then each passage is of a drive past that camera at another time, which no passage records; where there is none
    left, it must lie in a silence of the track. And the jump puts it at this minute among all.
    """
    total, spare = 0.0, Counter(missed)
    for camera_id, hour in sorted({(c.passage.camera_id, c.t_ms // 3_600_000) for c in seen}):
        others = sum(traffic.fitting.get((camera_id, h), 0) for h in (hour - 1, hour, hour + 1))
        total += math.log10(P_CLOCK) + others * math.log10(P_FITS_BY_CHANCE)
    for c in seen:
        spare[c.passage.camera_id] -= 1
        total -= math.log10(traffic.minutes)
        total += 0.0 if spare[c.passage.camera_id] >= 0 else math.log10(P_UNSEEN_PASS)
    return total


def _one_car(seen: Sequence[CheckedPassage], sites: Sites) -> list[CheckedPassage]:
    """Return the longest series of passages that one car can have driven: no faster than `FASTEST_MPS` between any."""
    at = {c: (float(x), float(y)) for c, x, y in zip(sites.ids, sites.east_m, sites.north_m, strict=True)}
    best: list[list[CheckedPassage]] = []
    for i, later in enumerate(seen):
        before = [best[j] for j in range(i) if _feasible(seen[j], later, at)]
        best.append([*max(before, key=len, default=[]), later])
    return max(best, key=len, default=[])


def _feasible(a: CheckedPassage, b: CheckedPassage, at: Mapping[str, tuple[float, float]]) -> bool:
    apart_m = math.dist(at[a.passage.camera_id], at[b.passage.camera_id])
    error_s = CLOCK_SIGMAS * math.hypot(a.sigma_s, b.sigma_s)
    return apart_m / FASTEST_MPS <= (b.t_ms - a.t_ms) / 1000.0 + error_s
