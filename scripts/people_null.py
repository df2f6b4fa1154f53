"""False findings about persons on made nights, per 10,000 vehicle-days; with violations FDR and power.

    python scripts/people_null.py --vehicle-days 300000
    python scripts/people_null.py --vehicle-days 60000 --substituted 1e-3
    python scripts/people_null.py --world small --vehicle-days 30000

The nights are made by tests/checkpoints/night_sim.py, which is not the model that judges them. The model is learnt
from the first night without labels, as in use.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scipy.stats import beta, chi2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from checkpoints.decision import decide, is_lead
from checkpoints.occasion import Verdict
from checkpoints.photo_history import poor_photos
from checkpoints.posterior import judge_many
from checkpoints.priors import Priors
from checkpoints.score_fit import Fitted, fit, prior_model
from tests.checkpoints.night_sim import City, Made, Night, city, nights

SMALL = {"schools": 6, "instructors": 12, "officers": 3, "cars": 10, "all_cameras": 60, "threshold": 0.55}
"""A city of 60 cars and 90 staff, whose matcher reports at a false-match rate of some 1e-3."""
WORLDS: dict[str, dict[str, Any]] = {
    "base": {},
    "small": SMALL,
    "no-list": {"list_known": False},
    "family": {"alike_school": 1e-3},
    "strangers": {"stranger_far": 2e-4},
    "weak": {"genuine_mean": 0.74},
    "drift": {"camera_drift": 0.04},
    "ungated": {"wrong_car": 2e-2},
}


@dataclass
class Tally:
    """What came of all nights."""

    vehicle_days: int = 0
    lessons: int = 0
    guilty: int = 0
    right: int = 0
    wrong: int = 0
    leads_right: int = 0
    leads_wrong: int = 0
    bins: Counter[tuple[int, bool]] = field(default_factory=Counter)
    false: list[Verdict] = field(default_factory=list)

    def add(self, night: Night, verdicts: tuple[Verdict, ...], level: float) -> None:
        """Count one night."""
        accepted = set(decide(verdicts, level))
        self.vehicle_days += night.n_vehicle_days
        self.lessons += night.n_lessons
        self.guilty += len(night.guilty)
        for i, one in enumerate(verdicts):
            true = night.guilty.get(one.key) == one.person_id
            self.bins[_bin(one.posterior), true] += 1
            self.right += true and i in accepted
            self.leads_right += true and is_lead(one)
            self.leads_wrong += not true and is_lead(one)
            if i in accepted and not true:
                self.wrong += 1
                self.false.append(one)


EDGES = (0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


def _bin(posterior: float) -> int:
    return next(i for i, edge in enumerate(EDGES) if posterior <= edge or edge == EDGES[-1])


def learnt(place: City, night: Night) -> Fitted:
    """Return the model of a night."""
    made = place.made
    return fit(night.observations, made.threshold, made.top_k, (0.0, 1.0))


def tally(
    made: Made, vehicle_days: int, level: float, prior: float = 1e-3, *, trusted: bool | None = None
) -> tuple[Tally, Fitted]:
    """Judge so many vehicle-days of one city."""
    place = city(made)
    n_nights = max(-(-vehicle_days // (made.schools * made.cars)), 1)
    out = Tally()
    fitted: Fitted | None = None
    priors = Priors(n_enrolled=len(place.names), pi_s=prior)
    model = prior_model(made.threshold, made.top_k, (0.0, 1.0))
    for night in nights(place, n_nights):
        if fitted is None:
            fitted = learnt(place, night)
            model = fitted.model if trusted is None else replace(fitted.model, trusted=trusted)
        priors = replace(priors, poor_photo=poor_photos(night.histories, model))
        out.add(night, judge_many(night.occasions, model, priors, place.lookalikes, least=0.05), level)
    assert fitted is not None
    return out, fitted


def interval(k: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a Poisson rate per 10,000."""
    low = chi2.ppf(0.025, 2 * k) / 2 if k else 0.0
    return 1e4 * low / n, 1e4 * chi2.ppf(0.975, 2 * k + 2) / 2 / n


def report(one: Tally, fitted: Fitted) -> None:
    """Print what was found."""
    model = fitted.model
    print(
        f"model: impostor {_short(model.impostor)}, genuine {_short(model.genuine)}, poor {model.poor_share:.3f}, ",
        end="",
    )
    print(f"odd {model.odd_share:.1e}, trusted {model.trusted} {model.why}")
    print(
        f"vehicle-days {one.vehicle_days:,}, lessons {one.lessons:,}, given by a wrong enrolled person {one.guilty:,}"
    )
    low, high = interval(one.wrong, one.vehicle_days)
    rate = 1e4 * one.wrong / one.vehicle_days
    print(f"false findings {one.wrong}: {rate:.3f} per 10,000 vehicle-days (95 %: {low:.3f} to {high:.3f})")
    n = one.right + one.wrong
    if n:
        upper = beta.ppf(0.975, one.wrong + 1, n - one.wrong) if one.right else 1.0
        print(f"findings {n}, false discovery rate {100 * one.wrong / n:.2f} % (95 % upper {100 * upper:.2f} %)")
    if one.guilty:
        print(f"power {100 * one.right / one.guilty:.1f} %")
    print(f"leads right {one.leads_right}, wrong {one.leads_wrong}")
    for i, edge in enumerate(EDGES):
        yes, no = one.bins[i, True], one.bins[i, False]
        print(f"  posterior up to {edge}: {yes} true, {no} not")
    for verdict in one.false[:12]:
        print("  ", verdict)


def _short(values: tuple[float, ...]) -> str:
    return "/".join(f"{v:.3f}" for v in values)


def main() -> None:
    """Run the nights named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vehicle-days", type=int, default=300_000)
    parser.add_argument("--world", choices=sorted(WORLDS), default="base")
    parser.add_argument("--substituted", type=float, default=0.0, help="share given by a wrong enrolled person")
    parser.add_argument("--prior", type=float, default=1e-3, help="what the model is told of that share")
    parser.add_argument("--told-wrong-car", type=float, default=4e-4)
    parser.add_argument("--trust", action="store_true", help="use the model even where it says that it does not fit")
    parser.add_argument("--level", type=float, default=0.01)
    parser.add_argument("--seeds", type=int, default=1, help="cities; the vehicle-days are shared among them")
    args = parser.parse_args()
    began = time.monotonic()
    total, fitted = Tally(), None
    for seed in range(1, args.seeds + 1):
        made = Made(seed=seed, **WORLDS[args.world], substituted=args.substituted, told_wrong_car=args.told_wrong_car)
        part, fitted = tally(made, args.vehicle_days // args.seeds, args.level, args.prior, trusted=args.trust or None)
        total = merged(total, part)
    assert fitted is not None
    report(total, fitted)
    print(f"{time.monotonic() - began:.0f} s")


def merged(a: Tally, b: Tally) -> Tally:
    """Return two tallies added up."""
    return Tally(
        a.vehicle_days + b.vehicle_days, a.lessons + b.lessons, a.guilty + b.guilty,
        a.right + b.right, a.wrong + b.wrong, a.leads_right + b.leads_right, a.leads_wrong + b.leads_wrong,
        a.bins + b.bins, a.false + b.false,
    )  # fmt: skip


if __name__ == "__main__":
    main()
