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
    explained_share: float
    more_share: float
    min_sessions: float


def assess(night: FeedNight, p: Params) -> Iterator[Observation | NotAssessable]:
    """Yield one observation where another datum puts the cars where they should be, and the declared does not."""
    if night.n_sessions < p.min_sessions:
        yield NotAssessable(night.first_ms, night.last_ms, "few-places")
        return
    own = night.fits[night.declared]
    other = best_other(night)
    share = night.fits[other]
    # Of what doesn't fit as declared, (share - own) / (1 - own) at least is put right: where streets are a grid,
    # many a fix that was moved along a street still lies on a route.
    limit = min((share - p.explained_share) / (1 - p.explained_share), share - p.more_share)
    if share <= p.other_share or own >= limit:
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
        margins={"other_share_over": share - p.other_share, "declared_share_below": limit - own},
        excluded=(
            Explanation("wrong-places", share, p.other_share),
            Explanation("noise", night.offset_m, _NOISE_M),
        ),
    )


def best_other(night: FeedNight) -> str:
    """Return the datum, other than the declared one, that fits best."""
    return max((h for h in sorted(night.fits) if h != night.declared), key=lambda h: night.fits[h])
