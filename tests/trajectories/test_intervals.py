"""Interval algebra against one boolean per millisecond, which cannot be wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from trajectories.intervals import Intervals, clip, close_gaps, intersect, intervals, subtract, total_ms, union

LONGEST = 60
Bools = npt.NDArray[np.bool_]
moments = st.integers(0, LONGEST)
pairs = st.lists(st.tuples(moments, moments), max_size=8)


def each_ms(rows: list[tuple[int, int]] | Intervals) -> Bools:
    out = np.zeros(LONGEST, np.bool_)
    for start, end in rows:
        out[start:end] = True
    return out


def assert_normal(a: Intervals) -> None:
    assert a.dtype == np.int64
    assert a.ndim == 2
    assert a.shape[1] == 2
    assert (a[:, 0] < a[:, 1]).all()
    assert (a[1:, 0] > a[:-1, 1]).all()  # touching ones are joined


@given(pairs)
def test_normalising_keeps_every_millisecond_and_no_other(rows: list[tuple[int, int]]) -> None:
    found = intervals(rows)
    assert_normal(found)
    assert (each_ms(found) == each_ms(rows)).all()
    assert total_ms(found) == each_ms(rows).sum()


@given(pairs, pairs)
def test_union_intersection_and_difference_are_those_of_the_milliseconds(
    p: list[tuple[int, int]], q: list[tuple[int, int]]
) -> None:
    a, b = intervals(p), intervals(q)
    for found, wanted in (
        (union(a, b), each_ms(p) | each_ms(q)),
        (intersect(a, b), each_ms(p) & each_ms(q)),
        (subtract(a, b), each_ms(p) & ~each_ms(q)),
    ):
        assert_normal(found)
        assert (each_ms(found) == wanted).all()


@given(pairs, moments, moments)
def test_clipping_is_what_lies_within(p: list[tuple[int, int]], start: int, end: int) -> None:
    found = clip(intervals(p), start, end)
    assert_normal(found)
    assert (each_ms(found) == (each_ms(p) & each_ms([(start, end)]))).all()


@given(pairs, st.integers(0, 12))
def test_closing_fills_the_holes_up_to_the_longest_and_no_longer_one(p: list[tuple[int, int]], longest: int) -> None:
    a = intervals(p)
    found = close_gaps(a, longest)
    assert_normal(found)
    filled = each_ms(found)
    assert filled[each_ms(a)].all()
    holes = [(s, e) for s, e in zip(a[:-1, 1].tolist(), a[1:, 0].tolist(), strict=True)]
    for start, end in holes:
        assert filled[start:end].all() == (end - start <= longest)
    assert filled.sum() == each_ms(a).sum() + sum(e - s for s, e in holes if e - s <= longest)


def test_a_hole_of_exactly_the_longest_is_closed() -> None:
    assert close_gaps(intervals([(0, 2), (5, 7)]), 3).tolist() == [[0, 7]]
    assert close_gaps(intervals([(0, 2), (6, 7)]), 3).tolist() == [[0, 2], [6, 7]]


def test_intervals_that_touch_are_one_and_those_a_millisecond_apart_are_two() -> None:
    assert intervals([(0, 5), (5, 9)]).tolist() == [[0, 9]]
    assert intervals([(0, 5), (6, 9)]).tolist() == [[0, 5], [6, 9]]
    assert intersect(intervals([(0, 5)]), intervals([(5, 9)])).shape == (0, 2)


def test_nothing_stays_nothing_and_keeps_its_shape() -> None:
    nothing, something = intervals([]), intervals([(1, 2)])
    for found in (
        intervals([(3, 3), (5, 4)]),
        union(nothing, nothing),
        intersect(nothing, something),
        subtract(nothing, something),
        subtract(something, something),
        clip(something, 2, 9),
        close_gaps(nothing, 10),
    ):
        assert found.shape == (0, 2)
        assert total_ms(found) == 0
    assert subtract(something, nothing).tolist() == union(something, nothing).tolist() == [[1, 2]]


def test_instants_of_today_do_not_overflow() -> None:
    now = 1_773_806_400_000
    assert total_ms(intervals([(now, now + 86_400_000)])) == 86_400_000
