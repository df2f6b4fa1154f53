"""Paths of a bicycle model: they end where they should and never turn tighter than the car can."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sample_data.driving import drive
from sample_data.paths import TURN_RADIUS_M, Pose, arc, arcs, dubins, joined, through

ROUNDING_M = 1e-6
poses = st.builds(Pose, st.floats(-60, 60), st.floats(-60, 60), st.floats(-3.0, 3.0))


@given(poses, poses)
def test_every_way_between_two_poses_ends_at_the_second_nose_and_all(start: Pose, end: Pose) -> None:
    for path in dubins(start, end):
        assert math.hypot(path.end.x_m - end.x_m, path.end.y_m - end.y_m) < ROUNDING_M
        assert abs(math.remainder(path.end.theta_rad - end.theta_rad, 2 * math.pi)) < ROUNDING_M
        assert np.abs(path.curvature_per_m).max() <= 1 / TURN_RADIUS_M + ROUNDING_M


def test_reversing_undoes_driving_forward() -> None:
    start = Pose(3.0, -2.0, 0.7)
    there_and_back = arcs(start, [(7.0, 0.1), (-7.0, 0.1)])
    assert math.hypot(there_and_back.end.x_m - 3.0, there_and_back.end.y_m + 2.0) < ROUNDING_M


def test_a_rounded_corner_stays_within_its_legs_and_loses_no_end() -> None:
    path = through(np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 80.0]]), 9.0)
    assert path.start == Pose(0.0, 0.0, 0.0)
    assert math.hypot(path.end.x_m - 100.0, path.end.y_m - 80.0) < ROUNDING_M
    assert path.x_m.max() <= 100.0 + ROUNDING_M
    assert path.length_m < 180.0


def test_a_drive_stands_at_its_ends_at_its_stops_and_at_every_change_of_gear() -> None:
    start = Pose(0.0, 0.0, 0.0)
    path = joined(arc(start, 60.0, 0.0), arc(start.moved(60.0, 0.0), -20.0, 0.0))
    motion = drive(path, 5.0, [(30.0, 12.0)], gear_s=4.0)
    assert motion.speed_mps[0] == motion.speed_mps[-1] == 0.0
    standing_s = np.diff(motion.t_s)[np.hypot(np.diff(motion.x_m), np.diff(motion.y_m)) < 1e-9].sum()
    assert 13.0 <= standing_s <= 17.0
    assert motion.speed_mps.max() <= 5.0
    assert set(motion.course_deg.tolist()) == {90.0, 270.0}
