"""Made nights judged as in use: the model learnt from the first night without labels, photo histories of each night."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

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
            self.bins[bin_of(one.posterior), true] += 1
            self.right += true and i in accepted
            self.leads_right += true and is_lead(one)
            self.leads_wrong += not true and is_lead(one)
            if i in accepted and not true:
                self.wrong += 1
                self.false.append(one)


EDGES = (0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


def bin_of(posterior: float) -> int:
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


def merged(a: Tally, b: Tally) -> Tally:
    """Return two tallies added up."""
    return Tally(
        a.vehicle_days + b.vehicle_days, a.lessons + b.lessons, a.guilty + b.guilty,
        a.right + b.right, a.wrong + b.wrong, a.leads_right + b.leads_right, a.leads_wrong + b.leads_wrong,
        a.bins + b.bins, a.false + b.false,
    )  # fmt: skip
