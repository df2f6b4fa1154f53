"""Tracks that were sent again: another car's, or another day's, shifted in time.

Candidates come from grid crossings. Where a track crosses a line of a 50 m grid, when, and in which direction does
not depend on when the terminal sampled. Three crossings some hundred metres apart, with the seconds between them, are a
fingerprint: a copy shows the same ones with one constant time shift, while distinct drives along one road differ in
the seconds. A candidate is then checked fix by fix: the share of fixes of the copy that lie within a few metres of the
original at the shifted time. On 1,500 real pairs of different drives within 3 km that share stayed below 0.08; a
replay with jitter reaches 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from geo.columns import filled
from trajectories.fleet import F8, I4, I8, Fleet

Bools = npt.NDArray[np.bool_]
_GRID_M = 50.0
_STRIDE = 6  # crossings of one direction of lines from one mark of a fingerprint to the next
_TICK_MS = 3_000  # seconds between marks are told apart by so much
_LONGEST_MS = 20 * 60_000  # a fingerprint spans no more
_ALONG_M, _ALONG_FROM_M = 100.0, 137.0  # parallel streets are told apart, few lie on a boundary
_BIN_MS = 4_000
_STEP_M, _CRAWL_MPS = 4.0, 0.8  # a parked car's noise makes shorter or slower steps
_FARTHEST = 30  # no car crosses so many lines between two fixes
_MIXER = np.int64(-4658895280553007687)  # splitmix64's multiplier
_GROUP = 120  # what more tracks share tells nobody apart


@dataclass(frozen=True, slots=True)
class Crossings:
    """Fingerprints of many tracks, shape (n,): a key of three crossings and the time between, time, which track."""

    key: I8
    t_ms: I8
    track: I4


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two tracks that agree on one time shift: `late` repeats `early` after `shift_ms`."""

    early: int
    late: int
    shift_ms: int
    votes: int


@dataclass(frozen=True, slots=True)
class Match:
    """A checked replay: fixes `start:stop` of the late track repeat the early one.

    `synchronous_share`: of its fixes in motion there, those within the tolerance of the original at the
    shifted time; `moving_ms`: time in motion so matched; `median_m`: their median distance.
    """

    start: int
    stop: int
    synchronous_share: float
    moving_ms: int
    median_m: float


def grid_crossings(fleet: Fleet, east_m: F8, north_m: F8, moving: Bools, first_track: int) -> Crossings:
    """Return the fingerprints of a fleet's tracks; track k gets the number `first_track + k`."""
    columns = fleet.offsets, fleet.t_ms, east_m, north_m, moving
    room, kinds = fleet.n_fixes // 3 + 64, (np.int64, np.int64, np.int32)
    key, t_ms, track = filled(lambda *out: _fingerprints(*columns, *out), room, *kinds)
    return Crossings(key.copy(), t_ms.copy(), track + first_track)


def rough_motion(fleet: Fleet, east_m: F8, north_m: F8) -> Bools:
    """Return for each fix of a fleet whether a step in motion ends or begins there, without cleaning; shape (n_fixes,).

    Good enough for fingerprints, which a bad fix spoils but never makes.
    """
    out = np.zeros(fleet.n_fixes, np.bool_)
    _rough_motion(fleet.offsets, fleet.t_ms, east_m, north_m, out)
    return out


@njit(cache=True, nogil=True)
def _rough_motion(offsets: I8, t_ms: I8, x: F8, y: F8, out: Bools) -> None:
    for k in range(len(offsets) - 1):
        for i in range(offsets[k] + 1, offsets[k + 1]):
            dx, dy, dt_s = x[i] - x[i - 1], y[i] - y[i - 1], (t_ms[i] - t_ms[i - 1]) / 1000.0
            way2 = dx * dx + dy * dy
            if way2 > _STEP_M * _STEP_M and way2 > (_CRAWL_MPS * dt_s) ** 2:
                out[i] = out[i - 1] = True


def find_candidates(parts: list[Crossings], min_votes: int, min_shift_ms: int) -> list[Candidate]:
    """Return pairs of tracks with at least `min_votes` fingerprints at one time shift of at least `min_shift_ms`.

    Each pair is named once, with its best shift. Nothing in, nothing out.
    """
    if not parts:
        return []
    seen = np.zeros(1 << (4 * sum(len(p.key) for p in parts)).bit_length(), np.uint8)
    for p in parts:
        _count(p.key, seen)
    # What one track has alone is most of it.
    shared = [np.flatnonzero(seen[p.key & (len(seen) - 1)] > 1) for p in parts]
    key, t_ms, track = (
        np.concatenate([getattr(p, name)[rows] for p, rows in zip(parts, shared, strict=True)])
        for name in ("key", "t_ms", "track")
    )
    order = np.argsort(key)
    n_tracks = int(track.max(initial=0)) + 1
    key, t_ms, track = key[order], t_ms[order], track[order]
    room = len(key) * 5 // 4 + 64
    pair, shift = filled(lambda *out: _pairs(key, t_ms, track, min_shift_ms, n_tracks, *out), room, np.int64, np.int64)
    return _voted(pair, shift, min_votes, n_tracks)


@njit(cache=True, nogil=True)
def _count(key: I8, seen: npt.NDArray[np.uint8]) -> None:
    """Count the fingerprints in each bucket (a power of two), up to two."""
    for k in key:
        if seen[k & (len(seen) - 1)] < 2:
            seen[k & (len(seen) - 1)] += 1


def _voted(pair: I8, shift: I8, min_votes: int, n_tracks: int) -> list[Candidate]:
    """Count votes in bins of 4 s (two neighbouring bins together) and keep each pair's best."""
    if not len(pair):
        return []
    bins = int(shift.max()) // _BIN_MS + 2  # one more than there are: the last of a pair and the next's first are apart
    both = pair * bins + shift // _BIN_MS  # one number to sort by is much quicker than two
    order = np.argsort(both)
    both, shift = both[order], shift[order]
    new = np.flatnonzero(np.concatenate([[True], both[1:] != both[:-1]]))
    count = np.diff(np.concatenate([new, [len(both)]]))
    both = both[new]
    beside = np.zeros(len(count), np.int64)
    touching = np.diff(both) == 1
    beside[:-1][touching] = count[1:][touching]
    votes = count + beside
    best: dict[int, Candidate] = {}
    for i in np.flatnonzero(votes >= min_votes):
        lo, p = new[i], int(both[i]) // bins
        hi = lo + int(votes[i])
        found = Candidate(p // n_tracks, p % n_tracks, int(np.median(shift[lo:hi])), int(votes[i]))
        if p not in best or best[p].votes < found.votes:
            best[p] = found
    return [best[q] for q in sorted(best)]


def check_replay(
    early: tuple[I8, F8, F8], late: tuple[I8, F8, F8, Bools], shift_ms: int, tolerance_m: float, gap_ms: int
) -> Match | None:
    """Compare two tracks (times, east, north of usable fixes; for the late one also whether it moved) at a shift.

    Returns the stretch of the late track that repeats the early one, or None where nothing does. The stretch is
    the run of fixes in which those that agree outweigh those that do not by most.
    """
    t, x, y, moving = late
    te, xe, ye = early
    if len(te) < 2 or len(t) < 2:
        return None
    at = t - shift_ms
    j = np.clip(np.searchsorted(te, at), 1, len(te) - 1)
    span = te[j] - te[j - 1]
    known = (at >= te[0]) & (at <= te[-1]) & (span <= gap_ms)
    distance = np.full(len(t), np.inf)
    i = np.flatnonzero(known)
    f = (at[i] - te[j[i] - 1]) / np.maximum(span[i], 1)
    px = xe[j[i] - 1] + f * (xe[j[i]] - xe[j[i] - 1])
    py = ye[j[i] - 1] + f * (ye[j[i]] - ye[j[i] - 1])
    distance[i] = np.hypot(x[i] - px, y[i] - py)
    near = distance <= tolerance_m
    start, stop = _best_run(np.where(near, 1, -1))
    if stop - start < 2:
        return None
    part = slice(start, stop)
    inside, here = moving[part] & known[part], near[part]
    if not inside.any():
        return None
    step = np.minimum(np.diff(t[part], append=t[stop - 1]), gap_ms)
    return Match(
        start,
        stop,
        float(here[inside].mean()),
        int(step[inside & here].sum()),
        float(np.median(distance[part][inside & here])) if (inside & here).any() else float("inf"),
    )


@njit(cache=True, nogil=True)
def _best_run(weight: I8) -> tuple[int, int]:
    """Return the half-open run of the largest sum (Kadane's scan)."""
    best, start, stop = 0, 0, 0
    total, first = 0, 0
    for i in range(len(weight)):
        if total <= 0:
            total, first = 0, i
        total += weight[i]
        if total > best:
            best, start, stop = total, first, i + 1
    return start, stop


@njit(cache=True, nogil=True)
def _fingerprints(offsets: I8, t_ms: I8, x: F8, y: F8, moving: Bools, key: I8, at: I8, who: I4) -> int:
    """Fill in a key for each crossing and the two before it in strides, the time of the first, and the track.

    One direction of lines at a time: a street along a line crosses only the others cleanly. Return how many there are,
    also where the columns hold fewer.
    """
    n = 0
    span = 2 * _STRIDE
    place, when = np.empty((2, span + 1), np.int64), np.empty((2, span + 1), np.int64)  # the last crossings, in turn
    here, seen = np.empty(2, np.int64), np.empty(2, np.int64)
    for k in range(len(offsets) - 1):
        seen[:] = 0
        for b in range(offsets[k], offsets[k + 1]):
            if not moving[b]:
                continue
            a = b - 1
            known = b > offsets[k] and moving[a] and t_ms[b] - t_ms[a] <= 60_000
            for axis in range(2):
                q = x[b] if axis == 0 else y[b]
                before, here[axis] = here[axis], int(np.floor(q / _GRID_M))
                if not known or here[axis] == before or abs(here[axis] - before) > _FARTHEST:
                    continue
                p, u, v = (x[a], y[a], y[b]) if axis == 0 else (y[a], x[a], x[b])
                for line in range(min(before, here[axis]) + 1, max(before, here[axis]) + 1):
                    f = (line * _GRID_M - p) / (q - p)
                    along = int(np.floor((u + f * (v - u) + _ALONG_FROM_M) / _ALONG_M))
                    last = seen[axis] % (span + 1)
                    way = 2 * axis + (1 if q > p else 0)
                    place[axis, last] = ((line + 1_000_000) * 4_000_000 + along + 2_000_000) * 4 + way
                    when[axis, last] = t_ms[a] + np.int64(f * (t_ms[b] - t_ms[a]))
                    seen[axis] += 1
                    first, middle = (last + 1) % (span + 1), (last + 1 + _STRIDE) % (span + 1)
                    if seen[axis] <= span or when[axis, last] - when[axis, first] > _LONGEST_MS:
                        continue
                    mixed = place[axis, first]
                    mixed = (mixed ^ (mixed >> 29)) * _MIXER + place[axis, middle]
                    mixed = (mixed ^ (mixed >> 29)) * _MIXER + place[axis, last]
                    mixed = (mixed ^ (mixed >> 29)) * _MIXER + (when[axis, middle] - when[axis, first]) // _TICK_MS
                    mixed = (mixed ^ (mixed >> 29)) * _MIXER + (when[axis, last] - when[axis, middle]) // _TICK_MS
                    if n < len(key):
                        key[n], at[n], who[n] = mixed, when[axis, first], k
                    n += 1
    return n


@njit(cache=True, nogil=True)
def _pairs(key: I8, t_ms: I8, track: I4, min_shift_ms: int, n_tracks: int, pair: I8, shift: I8) -> int:
    """Fill in for every two crossings of one place by different tracks: the pair (early, late) and the shift.

    Return how many there are, also where the columns hold fewer.
    """
    n = 0
    i = 0
    while i < len(key):
        j = i
        while j < len(key) and key[j] == key[i]:
            j += 1
        for a in range(i, j if j - i <= _GROUP else i):
            for b in range(a + 1, j):
                first, second = (a, b) if t_ms[a] <= t_ms[b] else (b, a)
                if track[a] != track[b] and t_ms[second] - t_ms[first] >= min_shift_ms:
                    if n < len(pair):
                        pair[n] = track[first] * n_tracks + track[second]
                        shift[n] = t_ms[second] - t_ms[first]
                    n += 1
        i = j
    return n
