"""Interval algebra on half-open time intervals, as int64 arrays of shape (n, 2), sorted and disjoint.

All functions take and give normalised intervals unless they say otherwise; empty means shape (0, 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Intervals = npt.NDArray[np.int64]
_NONE: Intervals = np.empty((0, 2), dtype=np.int64)
_NONE.flags.writeable = False


def intervals(pairs: Iterable[tuple[int, int]]) -> Intervals:
    """Normalise pairs (start, end): sort, drop empty ones, join those that touch or overlap.

    >>> intervals([(5, 9), (1, 3), (3, 4), (7, 7)]).tolist()
    [[1, 4], [5, 9]]
    >>> intervals([]).shape
    (0, 2)
    """
    rows = [(s, e) for s, e in pairs if e > s]
    if not rows:
        return _NONE
    if len(rows) == 1:
        return np.array(rows, dtype=np.int64)
    rows.sort()
    out: list[list[int]] = []
    for start, end in rows:
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return _sealed(out)


def interval(start: int, end: int) -> Intervals:
    """Return one interval, empty where it ends no later than it starts.

    >>> interval(5, 9).tolist(), interval(9, 9).shape
    ([[5, 9]], (0, 2))
    """
    return np.array([[start, end]], dtype=np.int64) if end > start else _NONE


def _sealed(rows: Sequence[tuple[int, int]] | Sequence[list[int]]) -> Intervals:
    """Return rows that are normalised already as an array."""
    return np.array(rows, dtype=np.int64) if rows else _NONE


def union(a: Intervals, b: Intervals) -> Intervals:
    """Return what lies in a or b."""
    if not len(a) or not len(b):
        return b if not len(a) else a
    return intervals([*a.tolist(), *b.tolist()])


def intersect(a: Intervals, b: Intervals) -> Intervals:
    """Return what lies in both.

    >>> intersect(intervals([(0, 10)]), intervals([(2, 4), (8, 12)])).tolist()
    [[2, 4], [8, 10]]
    """
    if not len(a) or not len(b):
        return _NONE
    out, i, j = [], 0, 0
    left, right = a.tolist(), b.tolist()
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if end > start:
            out.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return _sealed(out)


def subtract(a: Intervals, b: Intervals) -> Intervals:
    """Return what lies in a and not in b.

    >>> subtract(intervals([(0, 10)]), intervals([(2, 4), (8, 12)])).tolist()
    [[0, 2], [4, 8]]
    """
    if not len(a) or not len(b):
        return a
    out, minus, j = [], b.tolist(), 0
    for start, end in a.tolist():
        while j < len(minus) and minus[j][1] <= start:
            j += 1
        at, i = start, j
        while i < len(minus) and minus[i][0] < end:
            if minus[i][0] > at:
                out.append((at, minus[i][0]))
            at = minus[i][1]
            i += 1
        if at < end:
            out.append((at, end))
    return _sealed(out)


def total_ms(a: Intervals) -> int:
    """Return the summed length."""
    total = 0
    for start, end in a.tolist():
        total += end - start
    return total


def ms_within(a: Intervals, start: int, end: int) -> int:
    """Return the summed length of the part within [start, end).

    >>> ms_within(intervals([(0, 10), (20, 30)]), 5, 22), ms_within(intervals([(0, 10)]), 6, 5)
    (7, 0)
    """
    if end <= start:
        return 0
    total = 0
    for s, e in a.tolist():
        if s < end and e > start:
            total += min(e, end) - max(s, start)
    return total


def clip(a: Intervals, start: int, end: int) -> Intervals:
    """Return the part of a within [start, end)."""
    return _sealed([(max(s, start), min(e, end)) for s, e in a.tolist() if s < end and e > start and start < end])


def close_gaps(a: Intervals, longest: int) -> Intervals:
    """Join neighbours no further apart than `longest`.

    >>> close_gaps(intervals([(0, 2), (3, 4), (9, 10)]), 1).tolist()
    [[0, 4], [9, 10]]
    """
    out: list[tuple[int, int]] = []
    for start, end in a.tolist():
        if out and start - out[-1][1] <= longest:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return _sealed(out)
