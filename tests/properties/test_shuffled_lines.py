"""The order of a file's lines is no evidence: shuffled lines give the same track."""

from __future__ import annotations

import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.door import _fleet
from tests.feeds.track_builders import CSV_HEADER, open_feed, write
from trajectories.fleet import Flag, Fleet

ABOUT_LINES = np.uint32(Flag.DISORDER)
"""The one flag that says something of the order of lines; `source` is the other such column."""

lines = st.lists(
    st.tuples(
        st.sampled_from(["T1", "T2"]),
        st.integers(0, 4).map(lambda k: f"2026-03-18T12:00:{5 * k:02d}+08:00"),
        st.sampled_from(["113.1", "113.1001"]),
        st.sampled_from(["34.1", "34.1002", "0"]),
        st.sampled_from(["", "0", "18.5"]),
        st.sampled_from(["", "90"]),
    ).map(",".join),
    max_size=14,
)


def fleet_of(rows: list[str]) -> Fleet:
    """The real way of a file's lines to a fleet: read, judged, converted, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), "a.csv", CSV_HEADER + "".join(f"{row}\n" for row in rows))
        table = open_feed(Path(folder), "csv")[0].read()
    return _fleet(table.terminal_ids, table.terminal_ix.astype(np.int32), table, np.ones(len(table), np.bool_))


@settings(max_examples=60)
@given(lines, st.randoms(use_true_random=False))
def test_shuffled_lines_of_a_csv_file_give_the_same_track(rows: list[str], random: Any) -> None:
    assert_same_track(fleet_of(rows), fleet_of(random.sample(rows, len(rows))))


def test_lines_of_one_instant_and_place_that_disagree_in_speed_give_the_same_track_in_either_order() -> None:
    rows = [f"T1,2026-03-18T12:00:00+08:00,113.1,34.1,{speed}," for speed in ("0", "18.5")]
    assert_same_track(fleet_of(rows), fleet_of(rows[::-1]))


def assert_same_track(one: Fleet, other: Fleet) -> None:
    assert one.vehicle_ids == other.vehicle_ids
    for name in (f.name for f in fields(Fleet) if f.name not in {"vehicle_ids", "source"}):
        column, same = getattr(one, name), getattr(other, name)
        if name == "flags":
            column, same = column & ~ABOUT_LINES, same & ~ABOUT_LINES
        np.testing.assert_array_equal(column, same, err_msg=name)
