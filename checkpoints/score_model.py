"""What scores of a face matcher say of "the same person" against "another": a random-effects model of scores.

    impostor   s = a + e,  a ~ N(mean, pair_sd^2) once a pair of persons,  e ~ N(0, error_sd^2) once a capture
    genuine    the same with its own mean and spreads, moved by the quality of the capture; where the enrolled photo
               is poor (share `poor_share` of persons) a lower and wider mean
    alike      a look-alike: anything between the threshold and a good genuine score

(evidence.md section 2; the score-domain twin of PLDA). All captures of a pair share `a`, so that repeats saturate: n
of them are worth n / (1 + (n - 1) rho). `a` is integrated out with 41 Gauss-Hermite nodes. **Silence is evidence**:
a capture that did not show the person says that the score stayed below the matcher's threshold, or, where the list
of top_k names is full, below its last name.

Scores are used as the matcher scales them, moved to 0..1 by its score range. A score in the last 2 % of the range
says only "at least that": a scale that ends there cannot tell its scores apart (the likelihood of coarse data is the
probability of the interval, so nothing is distorted).

**The bound of the data is one of a single capture.** No capture of n comparisons of different persons looked like a
genuine one: then the chance of one that does is not below about 1 / (n + 1), whatever the tail of a normal curve
says (the bound |log10 LR| <= log10(n + 1) of Vergeer 2016). It is written into the model: with that probability the
capture of an impostor is drawn as a genuine one, and with 1 / (n_genuine + 1) that of a genuine as an impostor's
(the face is of somebody else in the car). Where decoys were seen to mislead more often than that, their rate counts
(`odd_share`), so that a heavier tail costs power and not truth. Captures of several cameras may then say more together
than one can; what limits *a pair*, however many captures it has, is the rate of look-alikes, a separate part of the
model (`posterior.py`). Bounding the pair by the number of pairs seen instead would be safe, too, but a night of 60
cars (some 10,000 pairs) could then never outweigh a prior of one in 80,000, however many cameras saw a person.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, logsumexp, ndtr

F8 = npt.NDArray[np.float64]
I8 = npt.NDArray[np.int64]

NODES = 41
"""Of the Gauss-Hermite rule, as in evidence.md."""
SATURATED = 0.98
"""Of the score range: above it the scale is taken to be at its end."""
BEST_SHARE = 0.05
"""Of persons so many are matched unusually well, as many as poorly [A]. How persons differ is learnt from a few dozen;
without this share somebody beyond them would look like a stranger the more, the better every score is."""
SEAT_ASTRAY = 0.5
"""P(a face whose seat is not told is not in the instructor's): there are two front seats."""
_CHUNK = 40_000
"""Rows integrated at once: 41 nodes of 8 bytes a row stay within a few dozen megabytes."""


class Component(NamedTuple):
    """One kind of pair: the mean of `a` and its spread, and the spread of a capture around it, on the 0..1 scale."""

    mean: float
    pair_sd: float
    error_sd: float

    @property
    def sd(self) -> float:
        """Spread of one capture of any pair."""
        return math.hypot(self.pair_sd, self.error_sd)

    def below(self, x: F8 | float, lift: F8 | float = 0.0) -> F8:
        """Return P(a capture of any pair scores below x)."""
        return np.asarray(ndtr((np.asarray(x) - self.mean - lift) / self.sd), dtype=np.float64)


class Rows(NamedTuple):
    """Captures of pairs (a person held against the one in the seat), one row each; rows of a pair lie together.

    `pair` counts from 0 without a gap. `x`: the score on the 0..1 scale less the camera's shift, NaN where the person
    was not shown; then it was below `limit`. `lift`: what the quality does to a genuine score. `astray`: P(the
    face is not of the seat in question).
    """

    pair: I8
    x: F8
    limit: F8
    lift: F8
    astray: F8


class PairLogs(NamedTuple):
    """Natural log likelihood ratios of pairs against "another person who does not look alike".

    `genuine`: the same person; `alike`: a look-alike; `unlisted`: a look-alike whom the search of the gallery against
    itself did not show: the enrolled photos stayed below the threshold (one more silent comparison), or the photo of
    the person in the seat is poor.
    """

    genuine: F8
    alike: F8
    unlisted: F8


@dataclass(frozen=True, slots=True)
class ScoreModel:
    """The model with its numbers. `n_impostor`, `n_genuine`: the comparisons behind it, which bound one capture;
    `odd_share`: how often a decoy's capture looked genuine all the same, where that is more often.

    `trusted` is False where it was not learnt from enough data, or where the data in use do not fit it (`why`):
    then it may point at something, but nothing can be a finding.
    """

    low: float
    high: float
    threshold: float
    top_k: int
    impostor: Component
    genuine: Component
    poor: Component
    alike: Component
    poor_share: float
    quality_slope: float
    quality_ref: float
    n_impostor: int
    n_genuine: int
    odd_share: float = 0.0
    camera_shift: Mapping[str, float] = field(default_factory=dict)
    best_share: float = BEST_SHARE
    trusted: bool = True
    why: str = ""

    def unit(self, score: float) -> float:
        """Return a score on the 0..1 scale."""
        return (score - self.low) / (self.high - self.low)

    def limit(self, scores: Mapping[str, float]) -> float:
        """Return the score, as the matcher scales it, below which somebody who is not among `scores` stayed."""
        full = 0 < self.top_k <= len(scores)
        return max(self.threshold, min(scores.values())) if full else self.threshold

    def lift(self, quality: float | None) -> float:
        """Return what a quality adds to a genuine score; nothing where it was not told."""
        return 0.0 if quality is None else self.quality_slope * (quality - self.quality_ref)

    def log_ratios(self, rows: Rows, poor_share: F8 | None = None, *, bounded: bool = True) -> PairLogs:
        """Return the log likelihood ratios of all pairs; `poor_share` a pair where it is known better than on average.

        Without `bounded` the normal tails are believed as far as they reach: for comparison only.
        """
        q = np.full(int(rows.pair[-1]) + 1 if rows.pair.size else 0, self.poor_share)
        q = q if poor_share is None else np.clip(poor_share, 1e-9, 1 - 1e-9)
        parts = [self._part(piece, q[lo:hi], bounded) for piece, lo, hi in _pieces(rows)]
        if not parts:
            return PairLogs(np.empty(0), np.empty(0), np.empty(0))
        return PairLogs(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _part(self, rows: Rows, q: F8, bounded: bool) -> PairLogs:
        """The ratios of one piece of rows."""
        still = np.zeros_like(rows.lift)
        as_genuine = marginal(rows, self.genuine, rows.lift)
        as_impostor = marginal(rows, self.impostor, still)
        odd = max(self.odd_share, 1.0 / (self.n_impostor + 1)) if bounded else 0.0
        strange = np.maximum(rows.astray, 1.0 / (self.n_genuine + 1) if bounded else 0.0)
        other = Outlier(as_impostor, strange)
        impostor = integrated(rows, self.impostor, still, Outlier(as_genuine, np.full(rows.x.size, odd)))
        good = integrated(rows, self.genuine, rows.lift, other)
        poor = integrated(rows, self.poor, rows.lift, other)
        best = integrated(rows, self.best, rows.lift, other)
        alike = integrated(rows, self.alike, rows.lift, other)
        unlisted = integrated(rows, self.alike, rows.lift, other, also=self._missed())
        with np.errstate(divide="ignore"):
            usual = np.logaddexp(np.log1p(-self.best_share) + good, np.log(self.best_share) + best)
        genuine = np.logaddexp(np.log1p(-q) + usual, np.log(q) + poor)
        return PairLogs(genuine - impostor, alike - impostor, unlisted - impostor)

    @property
    def best(self) -> Component:
        """Somebody who is matched unusually well: anything between the usual mean and the end of the scale."""
        room = max(1.0 - self.genuine.mean, self.genuine.error_sd)
        return Component(self.genuine.mean + room / 2, room / 4, self.genuine.error_sd)

    def _missed(self) -> F8:
        """Log P(the gallery's search against itself did not show a look-alike), at each node of its pair effect."""
        a = nodes_of(self.alike)[0]
        below = ndtr((self.unit(self.threshold) - a) / self.alike.error_sd)
        return np.asarray(np.log(self.poor_share + (1.0 - self.poor_share) * below), dtype=np.float64)


class Outlier(NamedTuple):
    """What a capture may be instead, each row: its log density, and the probability of it."""

    log_density: F8
    p: F8


def density(rows: Rows, centre: F8, sd: float) -> F8:
    """Return the log density of each row around each centre (rows by centres): silence and saturation are intervals."""
    out = (rows.x[:, None] - centre) / sd
    out = -0.5 * out * out - math.log(sd * math.sqrt(2 * math.pi))
    silent = np.isnan(rows.x)
    out[silent] = log_ndtr((rows.limit[silent, None] - centre[silent]) / sd)
    full = ~silent & (rows.x >= SATURATED)
    out[full] = log_ndtr((centre[full] - SATURATED) / sd)
    return np.asarray(out, dtype=np.float64)


def marginal(rows: Rows, kind: Component, lift: F8) -> F8:
    """Return the log density of each row by itself, whatever pair it is of."""
    return density(rows, (kind.mean + lift)[:, None], kind.sd)[:, 0]


def nodes_of(kind: Component) -> tuple[F8, F8]:
    """Return the nodes of a component's pair effect and the logs of their weights (which sum to 1)."""
    t, log_w = _rule()
    return kind.mean + math.sqrt(2) * kind.pair_sd * t, log_w


@cache
def _rule() -> tuple[F8, F8]:
    """The nodes of the Gauss-Hermite rule and the logs of their weights; read-only."""
    t, w = np.polynomial.hermite.hermgauss(NODES)
    log_w = np.log(w / math.sqrt(math.pi))
    t.flags.writeable = log_w.flags.writeable = False
    return t, log_w


def integrated(rows: Rows, kind: Component, lift: F8, outlier: Outlier, also: F8 | float = 0.0) -> F8:
    """Return the log likelihood of each pair under one component, its effect integrated out.

    `also`: the log likelihood of something else that is known of the pair, at each node.
    """
    a, log_w = nodes_of(kind)
    logs = density(rows, a[None, :] + lift[:, None], kind.error_sd)
    with np.errstate(divide="ignore"):
        logs = np.logaddexp(np.log1p(-outlier.p)[:, None] + logs, (np.log(outlier.p) + outlier.log_density)[:, None])
    starts = np.flatnonzero(np.diff(rows.pair, prepend=-1))
    of_pairs = np.add.reduceat(logs, starts, axis=0)
    return np.asarray(logsumexp(of_pairs + log_w + also, axis=1), dtype=np.float64)


def _pieces(rows: Rows) -> list[tuple[Rows, int, int]]:
    """Cut rows into pieces of whole pairs, each with the pairs it holds as a half-open range."""
    if not rows.pair.size:
        return []
    starts = np.flatnonzero(np.diff(rows.pair, prepend=-1))
    ends = np.append(starts[1:], rows.pair.size)
    pieces = []
    lo = 0
    while lo < starts.size:
        hi = max(int(np.searchsorted(ends, starts[lo] + _CHUNK, side="right")), lo + 1)
        cut = slice(int(starts[lo]), int(ends[hi - 1]))
        piece = Rows(rows.pair[cut] - lo, rows.x[cut], rows.limit[cut], rows.lift[cut], rows.astray[cut])
        pieces.append((piece, lo, hi))
        lo = hi
    return pieces
