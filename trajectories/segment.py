"""Moving, standing and gap spans of a whole fleet.

Whether a car moves at a fix is decided from a window of fixed width around it and from nothing else, so the
spans of two halves of a day joined together equal the spans of the whole.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from trajectories.fleet import F4, F8, I8, U4, Flag, Fleet
from trajectories.recipe import Recipe
from trajectories.spans import SpanKind, Spans

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

_STANDING, _MOVING, _GAP = int(SpanKind.STANDING), int(SpanKind.MOVING), int(SpanKind.GAP)
_DRIFT, _SUPPLEMENTED = int(Flag.DRIFT), int(Flag.SUPPLEMENTED)


def moving_mask(fleet: Fleet, east_m: F8, north_m: F8, ok: Bools, recipe: Recipe) -> Bools:
    """Return for each fix whether the car was on the move there, shape (n_fixes,).

    A halt shorter than `standing_ms` (a red light) is part of driving. Unusable fixes take their neighbour's answer:
    that of the last usable fix, or of the next one where silence or nothing lies before.
    """
    out = np.zeros(fleet.n_fixes, np.bool_)
    r = recipe
    _moving(
        fleet.offsets, fleet.t_ms, east_m, north_m, fleet.speed_mps, ok, out,
        r.still_window_ms, r.gap_ms, r.still_m, r.blind_m, r.moved_m, r.still_speed_mps,
    )  # fmt: skip
    _bridge_halts(fleet.offsets, fleet.t_ms, ok, out, r.gap_ms, r.standing_ms)
    _answer_for_unusable(fleet.offsets, fleet.t_ms, ok, out, r.gap_ms)
    return out


def find_spans(fleet: Fleet, moving: Bools, ok: Bools, recipe: Recipe) -> Spans:
    """Cut every track into moving, standing and gap spans (see `Spans` for what they partition).

    An unusable fix is a sign of life and ends a silence, but one that the provider made up does not: its rows
    belong to the span before.
    """
    heard = ok | ((fleet.flags & np.uint32(_SUPPLEMENTED)) == 0)
    columns = _spans(fleet.offsets, fleet.t_ms, moving, heard, recipe.gap_ms, recipe.standing_ms)
    vehicle_ix, kind, start, stop, start_ms, end_ms = columns
    return Spans(vehicle_ix, kind, start, stop, start_ms, end_ms)


def label_drift(fleet: Fleet, spans: Spans, east_m: F8, north_m: F8, ok: Bools, recipe: Recipe) -> Fleet:
    """Return the fleet with `Flag.DRIFT` on fixes of a standing span that lie off its middle by noise."""
    flags = np.array(fleet.flags, dtype=np.uint32)
    flags &= ~np.uint32(_DRIFT)
    _drift(spans.kind, spans.start, spans.stop, east_m, north_m, ok, flags, recipe.drift_m)
    return fleet.with_flags(flags)


@njit(cache=True, nogil=True)
def _moving(
    offsets: I8,
    t_ms: I8,
    x: F8,
    y: F8,
    speed: F4,
    ok: Bools,
    out: Bools,
    window_ms: int,
    gap_ms: int,
    still_m: float,
    blind_m: float,
    moved_m: float,
    still_mps: float,
) -> None:
    for k in range(len(offsets) - 1):
        lo, hi = offsets[k], offsets[k + 1]
        for i in range(lo, hi):
            if not ok[i]:
                continue
            # The quieter side tells: a car that has just come to a halt stands from then on, one that pulls away
            # stood until then. With both sides together every halt would be a window shorter than it was.
            limit = blind_m if np.isnan(speed[i]) else (still_m if speed[i] > still_mps else moved_m)
            at_x, at_y, at_ms = x[i], y[i], t_ms[i]
            for step in (-1, 1):
                seen = left = False
                for j in range(i + step, hi if step > 0 else lo - 1, step):
                    apart = step * (t_ms[j] - at_ms)
                    if left or apart > gap_ms or (apart > window_ms and seen):
                        break
                    if ok[j]:
                        seen = True
                        dx, dy = x[j] - at_x, y[j] - at_y
                        left = dx * dx + dy * dy > limit * limit
                if seen:
                    out[i] = left
                    if not left:
                        break  # one quiet side is enough


@njit(cache=True, nogil=True)
def _bridge_halts(offsets: I8, t_ms: I8, ok: Bools, out: Bools, gap_ms: int, standing_ms: int) -> None:
    """Let a halt shorter than `standing_ms` count as driving, unless nothing but the halt was seen between silences."""
    for k in range(len(offsets) - 1):
        halt = np.int64(-1)  # first usable row of the halt under way
        last = np.int64(-1)  # last usable row
        drove = False  # since the last silence
        for i in range(offsets[k], offsets[k + 1] + 1):
            end = i == offsets[k + 1]
            if not end and not ok[i]:
                continue
            silence = end or (last >= 0 and t_ms[i] - t_ms[last] > gap_ms)
            if halt >= 0 and (silence or out[i]):
                lasts = (t_ms[last] if silence else t_ms[i]) - t_ms[halt]
                if lasts < standing_ms and (drove or not silence):
                    for j in range(halt, last + 1):
                        out[j] = out[j] or ok[j]
                halt = np.int64(-1)
            if end:
                break
            drove = (drove and not silence) or out[i]
            if not out[i] and halt < 0:
                halt = np.int64(i)
            last = np.int64(i)


@njit(cache=True, nogil=True)
def _answer_for_unusable(offsets: I8, t_ms: I8, ok: Bools, out: Bools, gap_ms: int) -> None:
    """Give unusable rows the answer of the usable row before, or of the next where none is within `gap_ms`."""
    for k in range(len(offsets) - 1):
        lo, hi = offsets[k], offsets[k + 1]
        before = np.int64(-1)
        for i in range(lo, hi):
            if ok[i]:
                before = np.int64(i)
            elif before >= 0 and t_ms[i] - t_ms[before] <= gap_ms:
                out[i] = out[before]
            else:
                j = i + 1
                while j < hi and not ok[j] and t_ms[j] - t_ms[i] <= gap_ms:
                    j += 1
                near = j < hi and ok[j] and t_ms[j] - t_ms[i] <= gap_ms
                out[i] = out[j] if near else (before >= 0 and out[before])


@njit(cache=True, nogil=True)
def _spans(
    offsets: I8, t_ms: I8, moving: Bools, heard: Bools, gap_ms: int, standing_ms: int
) -> tuple[npt.NDArray[np.int32], Bytes, I8, I8, I8, I8]:
    n = 2 * len(t_ms) + 1
    vehicle, kind = np.empty(n, np.int32), np.empty(n, np.uint8)
    start, stop = np.empty(n, np.int64), np.empty(n, np.int64)
    begin, end = np.empty(n, np.int64), np.empty(n, np.int64)
    m = 0
    for k in range(len(offsets) - 1):
        piece = offsets[k]
        hi = offsets[k + 1]
        while piece < hi:
            q, last = _silence_after(piece, hi, t_ms, heard, gap_ms)
            i = piece
            first = m
            while i < q:
                j = i + 1
                while j < q and moving[j] == moving[i]:
                    j += 1
                lasts = t_ms[min(j, last)] - t_ms[i]
                this = _STANDING if not moving[i] and (lasts >= standing_ms or j - i == q - piece) else _MOVING
                if m > first and kind[m - 1] == this:
                    stop[m - 1] = j
                else:
                    vehicle[m], kind[m], start[m], stop[m] = k, this, i, j
                    m += 1
                i = j
            for s in range(first, m):
                begin[s] = t_ms[min(start[s], last)]
                end[s] = t_ms[min(start[s + 1], last)] if s + 1 < m else t_ms[last]
            if q < hi:
                vehicle[m], kind[m], start[m], stop[m] = k, _GAP, q, q
                begin[m], end[m] = t_ms[last], t_ms[q]
                m += 1
            piece = q
    return vehicle[:m].copy(), kind[:m].copy(), start[:m].copy(), stop[:m].copy(), begin[:m].copy(), end[:m].copy()


@njit(cache=True, nogil=True)
def _silence_after(piece: int, hi: int, t_ms: I8, heard: Bools, gap_ms: int) -> tuple[int, int]:
    """Return where the piece that starts at row `piece` stops (the row after the silence), and its last row heard."""
    last = piece
    for q in range(piece + 1, hi):
        if heard[q] or not heard[last]:
            if t_ms[q] - t_ms[last] > gap_ms:
                return q, last
            last = q
    return hi, last


@njit(cache=True, nogil=True)
def _drift(kind: Bytes, start: I8, stop: I8, x: F8, y: F8, ok: Bools, flags: U4, drift_m: float) -> None:
    for s in range(len(kind)):
        if kind[s] != _STANDING:
            continue
        x0 = x1 = x[start[s]]
        y0 = y1 = y[start[s]]
        for i in range(start[s], stop[s]):
            x0, x1, y0, y1 = min(x0, x[i]), max(x1, x[i]), min(y0, y[i]), max(y1, y[i])
        if (x1 - x0) ** 2 + (y1 - y0) ** 2 <= drift_m * drift_m:
            continue  # no two fixes are so far apart: the usual case, without a median
        mx, my = np.median(x[start[s] : stop[s]]), np.median(y[start[s] : stop[s]])
        for i in range(start[s], stop[s]):
            if ok[i] and np.hypot(x[i] - mx, y[i] - my) > drift_m:
                flags[i] |= _DRIFT
