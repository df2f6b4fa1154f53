"""Cleaning labels fixes and never deletes one.

Consistency is judged from both sides: of all chains of fixes in which each can be reached from the one before, the
longest is believed, so one bad first fix cannot lock the car at a wrong place, and a jump that is true in the end
costs a few fixes and not half the day. Reversing into a bay and S-curves are not outliers: nothing is judged by angle
alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from trajectories.fleet import F8, I8, U4, UNUSABLE, Flag, Fleet
from trajectories.recipe import Recipe

_REPEAT, _CONFLICT, _SPIKE = int(Flag.REPEAT), int(Flag.CONFLICT), int(Flag.SPIKE)
_STALE, _COARSE = int(Flag.STALE_CLOCK), int(Flag.COARSE)
_STALE_GROUP = 3  # so many different places at one instant mean a clock that stands
_LOOK_BACK = 64  # beside the end of the longest chain so far, so many fixes are tried as the one before


def label_fixes(fleet: Fleet, east_m: F8, north_m: F8, recipe: Recipe) -> Fleet:
    """Return the fleet with the cleaning flags set anew; all other flags stay as the feed set them.

    `east_m`, `north_m`: shape (n_fixes,), a local metric plane. Cleaning twice gives the same as once.
    """
    flags = np.array(fleet.flags, dtype=np.uint32)
    flags &= ~np.uint32(_REPEAT | _CONFLICT | _SPIKE | _STALE | _COARSE)
    accuracy = fleet.accuracy_m
    flags[accuracy > recipe.coarse_m] |= np.uint32(_COARSE)
    _label_ties(fleet.offsets, fleet.t_ms, east_m, north_m, flags, recipe.same_place_m)
    _label_flips(
        fleet.offsets, fleet.t_ms, east_m, north_m, flags, recipe.flip_m, recipe.flip_speed_mps, recipe.flip_step_ms
    )
    _label_unreachable(fleet.offsets, fleet.t_ms, east_m, north_m, flags, recipe.top_speed_mps, recipe.slack_m)
    return fleet.with_flags(flags)


def usable(fleet: Fleet) -> npt.NDArray[np.bool_]:
    """Return which fixes take part in segmentation and features, shape (n_fixes,)."""
    mask: npt.NDArray[np.bool_] = (fleet.flags & np.uint32(UNUSABLE)) == 0
    return mask


@njit(cache=True, nogil=True)
def _label_ties(offsets: I8, t_ms: I8, x: F8, y: F8, flags: U4, same_m: float) -> None:
    """Label rows that share an instant: repeats, and places that contradict each other."""
    for k in range(len(offsets) - 1):
        hi = offsets[k + 1]
        before = -1  # the row believed at the last instant
        i = int(offsets[k])
        while i < hi:
            j = _next_instant(t_ms, i, hi)
            best = i
            if j - i > 1:
                best = _label_group(before, i, j, j if j == hi else _next_instant(t_ms, j, hi), x, y, flags, same_m)
            if not flags[best] & _COARSE:
                before = best
            i = j


@njit(cache=True, nogil=True)
def _next_instant(t_ms: I8, i: int, hi: int) -> int:
    """Return the first row after i that has another time."""
    j = i + 1
    while j < hi and t_ms[j] == t_ms[i]:
        j += 1
    return j


@njit(cache=True, nogil=True)
def _label_group(before: int, i: int, j: int, j_stop: int, x: F8, y: F8, flags: U4, same_m: float) -> int:
    """Label rows i..j-1 of one instant and return the one kept: the nearest to its neighbours in time.

    Those are the row `before` (-1: none) and whichever of the next instant's rows j..j_stop-1 is nearest, so that of
    two tracks under one name one is followed.
    """
    best, best_cost = i, np.inf
    for r in range(i, j):
        cost = np.hypot(x[r] - x[before], y[r] - y[before]) if before >= 0 else 0.0
        near = np.inf
        for q in range(j, j_stop):
            near = min(near, np.hypot(x[r] - x[q], y[r] - y[q]))
        cost += near if near < np.inf else 0.0
        cost += 1e9 if flags[r] & _COARSE else 0.0
        if cost < best_cost:
            best, best_cost = r, cost
    places = 1
    for r in range(i, j):
        if r != best and np.hypot(x[r] - x[best], y[r] - y[best]) > same_m:
            places += 1
    for r in range(i, j):
        if r == best:
            continue
        if np.hypot(x[r] - x[best], y[r] - y[best]) <= same_m:
            flags[r] |= _REPEAT
        elif places >= _STALE_GROUP:
            flags[r] |= _STALE
        else:
            flags[r] |= _CONFLICT
    return best


@njit(cache=True, nogil=True)
def _label_flips(
    offsets: I8, t_ms: I8, x: F8, y: F8, flags: U4, flip_m: float, flip_speed_mps: float, flip_step_ms: int
) -> None:
    """Label a single fix that lies far off to the side, there and back faster than a car can turn round."""
    bad = _REPEAT | _CONFLICT | _STALE | _COARSE
    for k in range(len(offsets) - 1):
        a, b = np.int64(-1), np.int64(-1)
        for c in range(offsets[k], offsets[k + 1]):
            if flags[c] & bad:
                continue
            near = a < 0 or _square(x[b] - x[a], y[b] - y[a]) <= flip_m * flip_m  # the usual case, without a root
            if not near and t_ms[b] - t_ms[a] <= flip_step_ms and t_ms[c] - t_ms[b] <= flip_step_ms:
                out, back = np.hypot(x[b] - x[a], y[b] - y[a]), np.hypot(x[c] - x[b], y[c] - y[b])
                across = np.hypot(x[c] - x[a], y[c] - y[a])
                slow = 1000.0 * min(out / (t_ms[b] - t_ms[a]), back / (t_ms[c] - t_ms[b]))
                if min(out, back) > flip_m and slow > flip_speed_mps and across < 0.35 * (out + back):
                    flags[b] |= _SPIKE
                    b = np.int64(c)
                    continue
            a, b = b, np.int64(c)


@njit(cache=True, nogil=True)
def _label_unreachable(offsets: I8, t_ms: I8, x: F8, y: F8, flags: U4, top_mps: float, slack_m: float) -> None:
    """Label the fixes that are not on the longest chain in which each is reachable from the one before."""
    bad = _REPEAT | _CONFLICT | _STALE | _COARSE | _SPIKE
    for k in range(len(offsets) - 1):
        lo, hi = offsets[k], offsets[k + 1]
        rows = np.empty(hi - lo, np.int64)
        m, whole = 0, True
        for i in range(lo, hi):
            if not flags[i] & bad:
                whole = whole and (m == 0 or _reachable(t_ms, x, y, rows[m - 1], i, top_mps, slack_m))
                rows[m] = i
                m += 1
        if whole:
            continue  # the usual case: each was reachable from the one before
        on = _longest_chain(rows[:m], t_ms, x, y, top_mps, slack_m)
        for q in range(m):
            if not on[q]:
                flags[rows[q]] |= _SPIKE


@njit(cache=True, nogil=True)
def _longest_chain(rows: I8, t_ms: I8, x: F8, y: F8, top_mps: float, slack_m: float) -> npt.NDArray[np.bool_]:
    """Return which of the rows are on the longest chain; of equal ones the one that ends first."""
    m = len(rows)
    best, before = np.ones(m, np.int64), np.full(m, -1, np.int64)  # length of the longest chain that ends here
    top = 0  # where the longest chain so far ends
    for q in range(1, m):
        if top == q - 1 and _reachable(t_ms, x, y, rows[top], rows[q], top_mps, slack_m):
            best[q], before[q], top = best[top] + 1, top, q  # nothing can be longer: the usual case
            continue
        for p in range(q - 1, max(-1, q - 1 - _LOOK_BACK), -1):
            if best[p] >= best[q] and _reachable(t_ms, x, y, rows[p], rows[q], top_mps, slack_m):
                best[q], before[q] = best[p] + 1, p
        if best[top] >= best[q] and _reachable(t_ms, x, y, rows[top], rows[q], top_mps, slack_m):
            best[q], before[q] = best[top] + 1, top
        if best[q] > best[top]:
            top = q
    on = np.zeros(m, np.bool_)
    while top >= 0:
        on[top] = True
        top = before[top]
    return on


@njit(cache=True, nogil=True)
def _reachable(t_ms: I8, x: F8, y: F8, i: int, j: int, top_mps: float, slack_m: float) -> bool:
    """Whether a car could get from fix i to fix j in the time between."""
    reach_m = top_mps * (t_ms[j] - t_ms[i]) / 1000.0 + slack_m
    return bool(_square(x[j] - x[i], y[j] - y[i]) <= reach_m * reach_m)


@njit(cache=True, nogil=True)
def _square(dx: float, dy: float) -> float:
    """Squared length: comparing it costs a tenth of a root."""
    return dx * dx + dy * dy
