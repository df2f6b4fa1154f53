"""Tracks that a vendor moved to a road's centre line pass one another at no distance; a receiver's own do not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trajectories.drives import Drive, along, fixes_of, fleet_of
from trajectories.fleet import build_fleet
from trajectories.passes import LEAST_PAIRS, PassSpread, pass_spread

NOISE_M = 3.0
STREETS = [(0.0, 0.0), (2000.0, 0.0), (2000.0, 1500.0), (0.0, 1500.0), (0.0, 0.0)]
OF_TWO_NORMALS = 0.954  # median of |a - b| for a, b ~ N(0, s^2) independent: 0.6745 * sqrt(2) * s


def spread_of(drive: Drive, noise_m: float, every_s: float = 5.0, cars: int = 4) -> PassSpread:
    """Cars on the same streets, one after the other by seven minutes."""
    t, x, y, owner = [], [], [], []
    rng = np.random.default_rng(5)
    for k in range(cars):
        times, east, north, _ = fixes_of(drive, every_s)
        t.append(times + k * 420_000)
        x.append(east + rng.normal(0, noise_m, len(east)))
        y.append(north + rng.normal(0, noise_m, len(east)))
        owner.append(np.full(len(times), k, np.int32))
    east, north = np.concatenate(x), np.concatenate(y)
    degrees = fleet_of(np.concatenate(t) * 0 + np.arange(len(east)), east, north)
    names = [f"V{k}" for k in range(cars)]
    fleet = build_fleet(names, np.concatenate(owner), np.concatenate(t), degrees.lon_deg, degrees.lat_deg)
    every = np.ones(len(east), np.bool_)
    return pass_spread(fleet, east, north, every, every)


def test_passes_of_a_receiver_lie_as_far_apart_as_its_error_says() -> None:
    found = spread_of(along(STREETS, 8.7), NOISE_M)  # no whole number of grid lines between fixes
    # Between two fixes the errors of both count, by how near they are: 0.71 of one fix's error in the middle; and of
    # four passes the farthest may be taken for another street.
    assert 0.6 * OF_TWO_NORMALS * NOISE_M < found.median_m < OF_TWO_NORMALS * NOISE_M
    assert found.n_pairs > 3 * LEAST_PAIRS
    assert not found.is_matched


@pytest.mark.parametrize("every_s", [3.0, 10.0, 30.0])
def test_passes_on_one_line_were_matched(every_s: float) -> None:
    assert spread_of(along(STREETS, 10.0), 0.1, every_s).is_matched


def test_a_few_passes_tell_nothing() -> None:
    few = spread_of(along(STREETS[:2], 10.0), 0.1, cars=2)
    assert 0 < few.n_pairs < LEAST_PAIRS
    assert not few.is_matched


def test_one_drive_does_not_pass_itself() -> None:
    assert spread_of(along(STREETS, 10.0), NOISE_M, cars=1).n_pairs == 0


def test_the_other_direction_is_another_lane() -> None:
    there_and_back = along([(0.0, 0.0), (3000.0, 0.0), (3000.0, 6.0), (0.0, 6.0)], 10.0)
    assert spread_of(there_and_back, 0.1, cars=1).n_pairs == 0


def test_a_track_that_copies_another_does_not_make_a_feed_a_matched_one() -> None:
    """Of three cars on the same streets one sends another's fixes again: of three pairs one lies on one line."""
    t, x, y, owner = [], [], [], []
    rng = np.random.default_rng(6)
    for k in range(3):
        times, east, north, _ = fixes_of(along(STREETS * 2, 8.7), 5.0)
        noise = rng.normal(0, NOISE_M, (2, len(times)))
        t.append(times + k * 420_000)
        x.append(east + noise[0] if k < 2 else x[1])
        y.append(north + noise[1] if k < 2 else y[1])
        owner.append(np.full(len(times), k, np.int32))
    east, north = np.concatenate(x), np.concatenate(y)
    degrees = fleet_of(np.arange(len(east)), east, north)
    fleet = build_fleet(["A", "B", "C"], np.concatenate(owner), np.concatenate(t), degrees.lon_deg, degrees.lat_deg)
    every = np.ones(len(east), np.bool_)
    assert not pass_spread(fleet, east, north, every, every).is_matched
