"""Do a feed's positions fit another datum than declared?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.day import FeedNight
from audit.finding import Explanation, NotAssessable, Observation

SUBJECT = "feed"
_NOISE_M = 50.0  # more than the fixes of a whole feed are off by without a wrong datum


@dataclass(frozen=True, slots=True)
class Params:
    """Values of the card."""

    other_share: float
    declared_share: float
    ratio: float
    min_sessions: float


def assess(night: FeedNight, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield one observation where another datum puts the cars where they should be, and the declared does not."""
    if night.n_sessions < p.min_sessions:
        yield NotAssessable(night.first_ms, night.last_ms, "few-places")
        return
    own = night.fits[night.declared]
    other = best_other(night)
    share = night.fits[other]
    if share <= p.other_share or own >= p.declared_share or share <= p.ratio * own:
        return
    yield Observation(
        night.first_ms,
        night.last_ms,
        feed=night.feed,
        measured={
            "declared": night.declared,
            "fits": other,
            "declared_share": 100 * own,
            "other_share": 100 * share,
            "offset_m": night.offset_m,
            "vehicles": night.n_vehicles,
            "sessions": night.n_sessions,
            "shares": {k: round(v, 4) for k, v in sorted(night.fits.items())},
        },
        margins={"other_share_over": share - p.other_share, "declared_share_below": p.declared_share - own},
        excluded=(
            Explanation("wrong-places", share, p.other_share),
            Explanation("noise", night.offset_m, _NOISE_M),
        ),
    )


def best_other(night: FeedNight) -> str:
    """Return the datum, other than the declared one, that fits best."""
    return max((h for h in sorted(night.fits) if h != night.declared), key=lambda h: night.fits[h])
