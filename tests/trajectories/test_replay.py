from __future__ import annotations

import time

import numpy as np
import pytest
from shapely import LineString

from tests.trajectories.drives import PLANE, RECIPE, T0_MS, Drive, Seen, along, fixes_of, observed, ring, stand
from trajectories.fleet import F8, build_fleet
from trajectories.replay import Candidate, Crossings, Match, check_replay, find_candidates, grid_crossings

VOTES, SHORTEST_MS, TOLERANCE_M, GAP_MS = 40, 120_000, 15.0, 60_000
SHIFT_S = 20 * 60
FIVE_MINUTES_MS = 300_000
"""A replay is spoken of from so much driving on; distinct drives agree for less."""


def city_drive(seed: int, minutes: float = 40.0, route_seed: int = 0) -> Drive:
    """A drive along streets of a grid: the same ones for one `route_seed`, at a pace and with halts of its own."""
    route, pace = np.random.default_rng(route_seed), np.random.default_rng(1000 + seed)
    out = Drive(np.zeros(1), np.array([37.0]), np.array([61.0]))
    east = True
    while out.duration_s < minutes * 60:
        way = float(route.integers(2, 9)) * 130.0 * (1 if route.random() < 0.7 else -1)
        leg = along([(0, 0), (way, 0) if east else (0, way)], float(pace.uniform(6, 13)))
        out = out.then(leg, stand(float(pace.uniform(5, 50))) if pace.random() < 0.4 else stand(1.0))
        east = not east
    return out


def fleet_seen(tracks: list[tuple[Drive, float, float, int]]) -> Seen:
    """Many cars as one fleet: of each its drive, sampling step (s), phase (s) and noise seed; 2 m of jitter."""
    parts = []
    for k, (drive, every_s, phase_s, seed) in enumerate(tracks):
        rng = np.random.default_rng(seed)
        t, x, y, speed = fixes_of(drive, every_s, noise_m=2.0, rng=rng, phase_s=phase_s, tau_s=5.0)
        parts.append((np.full(len(t), k, np.int32), t, x, y, speed))
    ix, t, x, y, speed = (np.concatenate(column) for column in zip(*parts, strict=True))
    lon, lat = PLANE.to_degrees(x, y)
    return observed(build_fleet([f"V{k}" for k in range(len(tracks))], ix, t, lon, lat, speed_mps=speed), x, y)


def candidates(seen: Seen, least_ms: int = SHORTEST_MS) -> list[Candidate]:
    found = grid_crossings(seen.fleet, seen.east_m, seen.north_m, seen.moving, 0)
    return find_candidates([found], VOTES, least_ms)


def checked(seen: Seen, pair: Candidate) -> Match | None:
    def columns(k: int) -> tuple[F8, F8, F8, F8]:
        lo, hi = seen.fleet.offsets[k], seen.fleet.offsets[k + 1]
        rows = lo + np.flatnonzero(seen.ok[lo:hi])
        return seen.fleet.t_ms[rows], seen.east_m[rows], seen.north_m[rows], seen.moving[rows]

    return check_replay(columns(pair.early)[:3], columns(pair.late), pair.shift_ms, TOLERANCE_M, GAP_MS)


def long_enough(seen: Seen, pairs: list[Candidate]) -> list[Candidate]:
    """What an auditor would be shown: half of the fixes in step, over five minutes (evidence 5.3)."""
    matches = [(p, checked(seen, p)) for p in pairs]
    return [p for p, m in matches if m is not None and m.synchronous_share >= 0.5 and m.moving_ms >= FIVE_MINUTES_MS]


@pytest.mark.parametrize(("every_s", "copied_every_s"), [(5.0, 5.0), (5.0, 10.0), (10.0, 15.0), (1.0, 5.0)])
def test_a_copy_is_found_whatever_its_jitter_and_sampling(every_s: float, copied_every_s: float) -> None:
    drive = city_drive(1)
    seen = fleet_seen([(drive, every_s, 0.0, 1), (drive.later(SHIFT_S), copied_every_s, 2.3, 2)])
    (pair,) = candidates(seen)
    assert (pair.early, pair.late) == (0, 1)
    assert pair.shift_ms == pytest.approx(SHIFT_S * 1000, abs=2000)
    match = checked(seen, pair)
    assert match is not None
    assert match.synchronous_share > 0.9
    assert match.median_m < 10.0
    assert match.moving_ms > 0.7 * drive.duration_s * 1000


def test_a_copy_of_a_part_is_found_where_it_is() -> None:
    """The copier drives for half an hour, then sends twenty minutes of another's morning, then drives again."""
    whole = city_drive(1, 60)
    inside = (whole.t_s >= 900) & (whole.t_s <= 2100)
    part = Drive(whole.t_s[inside], whole.x_m[inside], whole.y_m[inside])
    own = city_drive(2, 30, route_seed=5)
    before = Drive(own.t_s, own.x_m + 4_000, own.y_m)
    start = before.duration_s + 300
    copy = part.later(start - part.t_s[0])
    after = Drive(own.t_s + copy.t_s[-1] + 300, own.x_m - 4_000, own.y_m)
    columns = (np.concatenate(c) for c in zip(*((d.t_s, d.x_m, d.y_m) for d in (before, copy, after)), strict=True))
    seen = fleet_seen([(whole, 5.0, 0.0, 1), (Drive(*columns), 5.0, 1.0, 2)])
    (pair,) = candidates(seen)
    match = checked(seen, pair)
    assert match is not None
    t = seen.fleet.t_ms[seen.fleet.offsets[1] :][seen.ok[seen.fleet.offsets[1] :]]
    assert (t[match.start] - T0_MS) / 1000 == pytest.approx(start, abs=60)
    assert (t[match.stop - 1] - T0_MS) / 1000 == pytest.approx(float(copy.t_s[-1]), abs=60)
    assert match.synchronous_share > 0.9


def test_two_drives_along_one_route_at_different_paces_are_no_replay() -> None:
    for seed in range(6):
        seen = fleet_seen([(city_drive(1), 5.0, 0.0, 1), (city_drive(10 + seed).later(SHIFT_S), 5.0, 1.0, 2)])
        assert long_enough(seen, candidates(seen)) == []


def test_even_at_the_best_shift_two_drives_agree_for_less_than_five_minutes() -> None:
    """Whatever the index proposes, the check itself must refuse: every shift within five minutes is tried."""
    seen = fleet_seen([(city_drive(1), 5.0, 0.0, 1), (city_drive(12).later(SHIFT_S), 5.0, 1.0, 2)])
    for shift_s in range(SHIFT_S - 300, SHIFT_S + 301, 4):
        match = checked(seen, Candidate(0, 1, shift_s * 1000, VOTES))
        assert match is None or match.moving_ms < FIVE_MINUTES_MS


def test_two_drives_in_other_streets_are_no_candidates() -> None:
    one, other = city_drive(1), city_drive(2, route_seed=9)
    assert candidates(fleet_seen([(one, 5.0, 0.0, 1), (other.later(SHIFT_S), 5.0, 0.0, 2)])) == []


@pytest.mark.parametrize(("shift_s", "found"), [(30, 0), (110, 0), (130, 1)])
def test_cars_in_a_column_are_closer_than_two_minutes_and_no_replay(shift_s: float, found: int) -> None:
    drive = city_drive(1)
    assert len(candidates(fleet_seen([(drive, 5.0, 0.0, 1), (drive.later(shift_s), 5.0, 1.0, 2)]))) == found


def test_the_later_track_is_the_copy_wherever_it_stands_in_the_fleet() -> None:
    drive = city_drive(1)
    seen = fleet_seen([(drive.later(SHIFT_S), 5.0, 0.0, 1), (drive, 5.0, 1.0, 2)])
    (pair,) = candidates(seen)
    assert (pair.early, pair.late) == (1, 0)


def test_batches_of_a_fleet_give_the_candidates_of_the_whole() -> None:
    drive = city_drive(1)
    one, other = fleet_seen([(drive, 5.0, 0.0, 1)]), fleet_seen([(drive.later(SHIFT_S), 5.0, 1.0, 2)])
    parts = [grid_crossings(s.fleet, s.east_m, s.north_m, s.moving, number) for number, s in ((0, one), (7, other))]
    (pair,) = find_candidates(parts, VOTES, SHORTEST_MS)
    assert (pair.early, pair.late) == (0, 7)
    assert find_candidates(parts[::-1], VOTES, SHORTEST_MS) == [pair]


def test_nothing_is_a_copy_of_nothing() -> None:
    assert find_candidates([], VOTES, SHORTEST_MS) == []
    none = np.zeros(0, np.int64)
    assert find_candidates([Crossings(none, none, none)], VOTES, SHORTEST_MS) == []
    empty = np.zeros(0)
    seen = observed(build_fleet(["V"], np.zeros(0, np.int32), none, empty, empty), empty, empty)
    assert len(grid_crossings(seen.fleet, empty, empty, seen.moving, 0).key) == 0
    track, moved = (none, empty, empty), np.zeros(0, np.bool_)
    assert check_replay(track, (*track, moved), 0, TOLERANCE_M, GAP_MS) is None
    two = np.array([0, 5000]), np.zeros(2), np.zeros(2)
    assert check_replay(two, (*two, np.zeros(2, np.bool_)), 0, TOLERANCE_M, GAP_MS) is None  # never moved


def test_cars_parked_in_one_place_are_no_candidates() -> None:
    assert candidates(fleet_seen([(stand(7200), 5.0, 0.0, k) for k in range(2)])) == []


def test_silences_of_the_original_match_nothing() -> None:
    drive = along([(0, 0), (12_000, 0)], 10.0)
    t, x, y, _ = fixes_of(drive, 5.0)
    heard = (t < T0_MS + 300_000) | (t > T0_MS + 900_000)
    late = t + 600_000, x, y, np.ones(len(t), np.bool_)
    match = check_replay((t[heard], x[heard], y[heard]), late, 600_000, TOLERANCE_M, GAP_MS)
    assert match is not None
    assert match.stop - match.start <= 61  # one side of the silence, not across
    assert match.synchronous_share == 1.0


MANY_SECONDS = 20.0
"""Fifty cars on one route, on a busy machine, compilation included."""


def school_route(k: int) -> Drive:
    """Three laps of a school's route at car k's own pace, some minutes after the car before."""
    rng = np.random.default_rng(k)
    laps = Drive(np.zeros(1), np.array([37.0]), np.array([61.0]))
    block = LineString([(0, 0), (2500, 0), (2500, 1500), (0, 1500), (0, 0)])
    points = [(p.x, p.y) for p in block.interpolate(np.linspace(0.0, block.length, 33))]
    for _ in range(3):  # nobody drives eight kilometres at one speed
        laps = laps.then(along(points, rng.uniform(6, 12, 32).tolist()), stand(float(rng.uniform(10, 90))))
    return laps.later(200.0 * k)


def test_fifty_cars_on_one_route_are_compared_quickly_and_none_is_a_copy() -> None:
    seen = fleet_seen([(school_route(k), 5.0, k % 5 + 0.3, k) for k in range(50)])
    began = time.perf_counter()
    found = long_enough(seen, candidates(seen))
    assert time.perf_counter() - began < MANY_SECONDS
    assert found == []


def test_one_copy_among_fifty_cars_on_one_route_is_found_and_no_other() -> None:
    tracks = [(school_route(k), 5.0, k % 5 + 0.3, k) for k in range(50)]
    tracks.append((school_route(11).later(SHIFT_S), 5.0, 1.7, 99))
    seen = fleet_seen(tracks)
    (pair,) = long_enough(seen, candidates(seen))
    assert (pair.early, pair.late) == (11, 50)
    assert pair.shift_ms == pytest.approx(SHIFT_S * 1000, abs=2000)


def test_laps_at_one_pace_repeat_themselves_but_are_one_track() -> None:
    """A lap that looks like the one before is no copy: a track is never compared with itself."""
    laps = ring(900, 600, 8, 9.0, start=(37, 61))
    assert candidates(fleet_seen([(laps, 5.0, 0.0, 1)])) == []
    assert RECIPE.gap_ms > GAP_MS


@pytest.mark.parametrize("days", [1, 48, 49, 150, 400])
def test_a_track_of_long_ago_sent_again_is_a_copy_of_that_track(days: int) -> None:
    drive = city_drive(1)
    one, other = fleet_seen([(drive, 5.0, 0.0, 1)]), fleet_seen([(drive.later(days * 86_400.0), 5.0, 1.0, 2)])
    noise = fleet_seen([(city_drive(2), 5.0, 0.0, 3)])
    parts = [
        grid_crossings(s.fleet, s.east_m, s.north_m, s.moving, number)
        for number, s in ((0, noise), (1, one), (2, other))
    ]
    (pair,) = find_candidates(parts, VOTES, SHORTEST_MS)
    assert (pair.early, pair.late) == (1, 2)
    assert pair.shift_ms == pytest.approx(days * 86_400_000, abs=1000)
