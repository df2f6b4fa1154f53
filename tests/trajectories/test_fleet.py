from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectories.fleet import LAG_UNKNOWN, UNUSABLE, Flag, Fleet, build_fleet

NAMES = ("V1", "V2", "V3")


def columns_of(fleet: Fleet) -> dict[str, Any]:
    return {f.name: getattr(fleet, f.name) for f in fields(fleet)}


@st.composite
def loose_rows(draw: st.DrawFn) -> dict[str, Any]:
    """Rows of three cars in any order, with ties in time and in place."""
    n = draw(st.integers(0, 25))
    some = st.lists(st.integers(0, 5), min_size=n, max_size=n)
    return {
        "vehicle_ix": np.array(draw(some), np.int32) % 3,
        "t_ms": np.array(draw(some), np.int64) * 1000,
        "lon_deg": 121.0 + np.array(draw(some), float) % 2,
        "lat_deg": 31.0 + np.array(draw(some), float) % 2,
        "speed_mps": np.array(draw(some), np.float32),
        "lag_ms": np.array(draw(some), np.int32),
        "flags": np.array(draw(some), np.uint32),
        "source": np.arange(n, dtype=np.uint32),
    }


@given(loose_rows(), st.randoms(use_true_random=False))
def test_shuffled_lines_give_the_same_track(rows: dict[str, Any], random: Any) -> None:
    order = list(range(len(rows["t_ms"])))
    random.shuffle(order)
    one = build_fleet(NAMES, **rows)
    other = build_fleet(NAMES, **{name: column[order] for name, column in rows.items()})
    for name, column in columns_of(one).items():
        np.testing.assert_array_equal(column, getattr(other, name), err_msg=name)


@given(loose_rows())
def test_every_row_is_kept_once_under_its_own_car_in_time_order(rows: dict[str, Any]) -> None:
    fleet = build_fleet(NAMES, **rows)
    assert sorted(fleet.source.tolist()) == rows["source"].tolist()
    for track in fleet.tracks():
        assert (rows["vehicle_ix"][track.source] == NAMES.index(track.vehicle_id)).all()
        assert (np.diff(track.t_ms) >= 0).all()
        np.testing.assert_array_equal(rows["t_ms"][track.source], track.t_ms)
        np.testing.assert_array_equal(rows["speed_mps"][track.source], track.speed_mps)


def test_ties_in_time_are_broken_by_place_and_then_by_source() -> None:
    fleet = build_fleet(
        ["V1"],
        np.zeros(3, np.int32),
        np.zeros(3, np.int64),
        np.array([122.0, 121.0, 121.0]),
        np.array([31.0, 31.0, 31.0]),
        source=np.array([5, 9, 7], np.uint32),
    )
    assert fleet.source.tolist() == [7, 9, 5]


def empty(n_vehicles: int) -> Fleet:
    names = [f"V{k}" for k in range(n_vehicles)]
    return build_fleet(names, np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))


def test_a_fleet_may_have_no_fix_and_no_car() -> None:
    assert (len(empty(0)), empty(0).n_fixes, list(empty(0).tracks())) == (0, 0, [])
    assert [len(t) for t in empty(2).tracks()] == [0, 0]


def test_a_car_without_a_fix_between_two_with_some_has_an_empty_track() -> None:
    ix = np.array([2, 0], np.int32)
    fleet = build_fleet(NAMES, ix, np.zeros(2, np.int64), np.array([1.0, 2.0]), np.zeros(2))
    assert [len(t) for t in fleet.tracks()] == [1, 0, 1]
    assert fleet.track(2).lon_deg.tolist() == [1.0]


def test_one_row_comes_out_as_one_fix_with_what_is_missing_marked() -> None:
    fleet = build_fleet(["V1"], np.zeros(1, np.int32), np.array([7]), np.array([121.5]), np.array([31.2]))
    fix = fleet.track(0).fix(0)
    assert (fix.t_ms, fix.lon_deg, fix.lat_deg, fix.lag_ms, fix.flags) == (7, 121.5, 31.2, LAG_UNKNOWN, Flag(0))
    assert np.isnan([fix.speed_mps, fix.heading_deg, fix.accuracy_m]).all()


def test_columns_cannot_be_written_to() -> None:
    fleet = empty(1)
    for name, column in columns_of(fleet).items():
        if name != "vehicle_ids":
            assert not column.flags.writeable, name
    mine = np.array([1.0])
    made = build_fleet(["V1"], np.zeros(1, np.int32), np.array([7]), mine, np.array([31.2]))
    with pytest.raises(ValueError, match="read-only"):
        made.lon_deg[0] = 3.0
    mine[0] = 2.0  # what was handed in stays the caller's own
    assert made.lon_deg.tolist() == [1.0]


def test_a_track_is_a_view_and_not_a_copy() -> None:
    fleet = build_fleet(["V1"], np.zeros(2, np.int32), np.array([1, 2]), np.zeros(2), np.zeros(2))
    assert np.shares_memory(fleet.track(0).lon_deg, fleet.lon_deg)


def test_other_flags_leave_the_other_columns_shared() -> None:
    fleet = build_fleet(["V1"], np.zeros(2, np.int32), np.array([1, 2]), np.zeros(2), np.zeros(2))
    marked = fleet.with_flags(np.array([0, int(Flag.SPIKE)], np.uint32))
    assert marked.track(0).fix(1).flags is Flag.SPIKE
    assert fleet.track(0).fix(1).flags == Flag(0)
    assert np.shares_memory(marked.lon_deg, fleet.lon_deg)


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([0, 2], "from 0 to 3 in 2 steps"),
        ([0, 1, 2], "from 0 to 3 in 2 steps"),
        ([1, 2, 3], "from 0 to 3 in 2 steps"),
        ([0, 1, 2, 3], "from 0 to 3 in 2 steps"),
        ([0, 4, 3], "descend"),
    ],
)
def test_offsets_that_do_not_cut_the_rows_into_tracks_are_refused(offsets: list[int], message: str) -> None:
    columns = columns_of(build_fleet(["V1", "V2"], np.zeros(3, np.int32), np.arange(3), np.zeros(3), np.zeros(3)))
    with pytest.raises(ValueError, match=message):
        Fleet(**{**columns, "offsets": np.array(offsets, np.int64)})


def test_a_ragged_column_is_refused_by_name() -> None:
    columns = columns_of(build_fleet(["V1"], np.zeros(3, np.int32), np.arange(3), np.zeros(3), np.zeros(3)))
    with pytest.raises(ValueError, match="column speed_mps has 2 rows, t_ms has 3"):
        Fleet(**{**columns, "speed_mps": np.zeros(2, np.float32)})


def test_a_row_of_a_car_that_is_not_listed_is_refused() -> None:
    with pytest.raises(ValueError, match="offsets must run"):
        build_fleet(["V1"], np.array([1], np.int32), np.array([7]), np.zeros(1), np.zeros(1))


def test_flags_are_distinct_bits_and_lateness_or_disorder_alone_do_not_bar_a_fix() -> None:
    assert all(flag.value.bit_count() == 1 for flag in Flag)
    usable = {Flag.DRIFT, Flag.DISORDER, Flag.LATE, Flag.NO_TIME_ZONE, Flag.OTHER_DAY, Flag.GNSS_FAULT}
    assert {flag for flag in Flag if not flag & UNUSABLE} == usable
