from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trajectories.drives import (
    BAY,
    PLANE,
    RECIPE,
    S_CURVE,
    T0_MS,
    THREE_POINT_TURN,
    U_TURN,
    Drive,
    along,
    arcs,
    fixes_of,
    fleet_of,
    observed,
    ring,
    sampled,
    stand,
)
from trajectories.clean import label_fixes, usable
from trajectories.fleet import F8, I8, UNUSABLE, Flag, Fleet, build_fleet

CLEANING = Flag.REPEAT | Flag.CONFLICT | Flag.SPIKE | Flag.STALE_CLOCK | Flag.COARSE
STREET = along([(0, 0), (6000, 0)], 10.0)


def cleaned(t_ms: I8, x: F8, y: F8) -> list[Flag]:
    """The flags of one car's fixes (in the order given, which must be that of time)."""
    fleet = fleet_of(t_ms, x, y)
    east, north = PLANE.to_metres(fleet.lon_deg, fleet.lat_deg)  # rows of one instant are sorted by place
    return [Flag(int(f)) for f in label_fixes(fleet, east, north, RECIPE).flags]


def street(every_s: float = 5.0) -> tuple[I8, F8, F8]:
    t, x, y, _ = fixes_of(STREET, every_s, noise_m=3.0)
    return t, x, y


def flagged(flags: list[Flag], flag: Flag = CLEANING) -> list[int]:
    return [i for i, f in enumerate(flags) if f & flag]


# ---------------------------------------------------------------- labels, never deletes
@st.composite
def wild_tracks(draw: st.DrawFn) -> tuple[Fleet, F8, F8]:
    """Fixes of two cars that jump about, with ties in time, poor accuracies and flags of a feed."""
    n = draw(st.integers(0, 40))
    near = st.lists(st.sampled_from([0.0, 0.2, 40.0, 90.0, 5000.0, 2e5, float("nan")]), min_size=n, max_size=n)
    steps = draw(st.lists(st.sampled_from([0, 0, 1000, 5000, 60_000, 400_000]), min_size=n, max_size=n))
    cut = draw(st.integers(0, n))
    t = np.concatenate([np.cumsum(steps[:cut]), np.cumsum(steps[cut:])]).astype(np.int64)
    x, y = np.array(draw(near)), np.array(draw(near))
    given_flags = draw(st.lists(st.sampled_from([0, 4, 32, 1024]), min_size=n, max_size=n))
    accuracy = draw(st.lists(st.sampled_from([5.0, 550.0, float("nan")]), min_size=n, max_size=n))
    fleet = Fleet(
        ("V1", "V2"),
        np.array([0, cut, n]),
        t,
        *(np.zeros(n) for _ in range(2)),
        *(np.full(n, np.nan, np.float32) for _ in range(2)),
        np.array(accuracy, np.float32),
        np.zeros(n, np.int32),
        np.array(given_flags, np.uint32),
        np.arange(n, dtype=np.uint32),
    )
    return fleet, x, y


@given(wild_tracks())
def test_cleaning_labels_and_never_deletes(track: tuple[Fleet, F8, F8]) -> None:
    fleet, x, y = track
    found = label_fixes(fleet, x, y, RECIPE)
    assert found.n_fixes == fleet.n_fixes
    for name in ("t_ms", "lon_deg", "lat_deg", "speed_mps", "source", "offsets"):
        np.testing.assert_array_equal(getattr(found, name), getattr(fleet, name))
    others = ~np.uint32(CLEANING)
    np.testing.assert_array_equal(found.flags & others, fleet.flags & others)  # what the feed said stays


@given(wild_tracks())
def test_cleaning_twice_is_cleaning_once(track: tuple[Fleet, F8, F8]) -> None:
    fleet, x, y = track
    once = label_fixes(fleet, x, y, RECIPE)
    np.testing.assert_array_equal(label_fixes(once, x, y, RECIPE).flags, once.flags)


@given(wild_tracks())
def test_every_usable_fix_is_reachable_from_the_usable_one_before(track: tuple[Fleet, F8, F8]) -> None:
    fleet, x, y = track
    found = label_fixes(fleet, x, y, RECIPE)
    judged = (found.flags & np.uint32(CLEANING)) == 0
    for k in range(2):
        rows = found.offsets[k] + np.flatnonzero(judged[found.offsets[k] : found.offsets[k + 1]])
        if len(rows) < 2:
            continue
        far = np.hypot(np.diff(x[rows]), np.diff(y[rows]))
        assert (far <= RECIPE.top_speed_mps * np.diff(found.t_ms[rows]) / 1000 + RECIPE.slack_m).all()
        assert (np.diff(found.t_ms[rows]) > 0).all()


@given(wild_tracks())
def test_one_car_says_nothing_about_another(track: tuple[Fleet, F8, F8]) -> None:
    fleet, x, y = track
    together = label_fixes(fleet, x, y, RECIPE).flags
    for k in range(2):
        part = slice(int(fleet.offsets[k]), int(fleet.offsets[k + 1]))
        n = part.stop - part.start
        columns = [getattr(fleet, c)[part] for c in Fleet.__slots__[2:]]
        alone = label_fixes(Fleet(("V",), np.array([0, n]), *columns), x[part], y[part], RECIPE)
        np.testing.assert_array_equal(alone.flags, together[part])


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_a_single_fix_are_clean(n: int) -> None:
    assert cleaned(np.arange(n) + T0_MS, np.zeros(n), np.zeros(n)) == [Flag(0)] * n


def test_usable_fixes_are_those_without_a_barring_flag() -> None:
    bits = [0, int(Flag.SPIKE), int(Flag.LATE), int(Flag.SUPPLEMENTED), int(Flag.DISORDER | Flag.COARSE)]
    fleet = fleet_of(T0_MS + np.arange(5), np.zeros(5), np.zeros(5), flags=bits)
    assert usable(fleet).tolist() == [True, False, True, False, False]
    assert int(UNUSABLE) & int(CLEANING) == int(CLEANING)


# ---------------------------------------------------------------- what cannot be
@pytest.mark.parametrize("away_m", [2_000.0, 1_000_000.0])
def test_one_bad_first_fix_far_away_does_not_lock_the_car_there(away_m: float) -> None:
    """MovingPandas' OutlierCleaner keeps all of this track, the bad fix included (peers: M1)."""
    t, x, y = street()
    x[0] += away_m
    assert flagged(cleaned(t, x, y)) == [0]


def test_a_bad_last_fix_is_a_spike() -> None:
    t, x, y = street()
    y[-1] += 2_000
    assert flagged(cleaned(t, x, y), Flag.SPIKE) == [len(t) - 1]


@pytest.mark.parametrize("length", [1, 2, 7, 40, 50])
def test_a_bad_run_in_the_middle_is_spikes_and_the_rest_is_not(length: int) -> None:
    t, x, y = street()
    bad = slice(30, 30 + length)
    x[bad] += 30_000
    assert flagged(cleaned(t, x, y)) == list(range(30, 30 + length))


def test_a_hundred_bad_fixes_that_agree_on_nothing_do_not_cost_half_the_day() -> None:
    t, x, y = street(every_s=2.0)
    rng = np.random.default_rng(1)
    bad = slice(100, 200)
    x[bad], y[bad] = rng.uniform(50_000, 90_000, (2, 100))
    assert flagged(cleaned(t, x, y)) == list(range(100, 200))


def test_a_jump_that_turns_out_to_be_true_costs_the_fixes_until_it_could_be() -> None:
    """Two minutes of clock error at a tunnel's end: the car is 3 km further on than it could be, and stays there."""
    t, x, y = street()
    x[60:] += 3_000
    flags = flagged(cleaned(t, x, y))
    least = (3_000 - RECIPE.slack_m) / (RECIPE.top_speed_mps - 10.0) / 5.0  # it drives on at 10 m/s meanwhile
    assert flags == list(range(60, 60 + len(flags))) or flags == list(range(60 - len(flags), 60))
    assert len(flags) <= least + 2


@pytest.mark.parametrize(("every_s", "aside_m"), [(5.0, 150.0), (5.0, 3_000.0), (10.0, 300.0), (10.0, 3_000.0)])
def test_a_single_fix_far_aside_is_a_spike(every_s: float, aside_m: float) -> None:
    """Far is against the step between fixes (50 and 100 m here): below 2.7 steps it could be a bend of the road."""
    t, x, y = street(every_s)
    y[20] += aside_m
    assert flagged(cleaned(t, x, y)) == [20]


def test_two_spikes_with_one_good_fix_between_them_are_two_spikes() -> None:
    t, x, y = street()
    y[20] += 300
    y[22] -= 500
    assert flagged(cleaned(t, x, y)) == [20, 22]


# ---------------------------------------------------------------- one instant, several rows
def test_of_two_places_at_one_instant_the_one_consistent_with_both_sides_is_kept() -> None:
    """MovingPandas keeps the first of them and says nothing (peers: M4)."""
    t, x, y = street()
    for aside in (-150.0, 150.0):  # sorted before and after the true one
        tt, xx = np.insert(t, 50, t[50]), np.insert(x, 50, x[50] + aside)
        flags = cleaned(tt, xx, np.insert(y, 50, y[50]))
        assert flagged(flags) == [50 if aside < 0 else 51]
        assert flagged(flags, Flag.CONFLICT) == flagged(flags)


@pytest.mark.parametrize("at", [0, -1])
def test_a_conflict_at_the_first_or_last_instant_is_settled_by_its_only_side(at: int) -> None:
    t, x, y = street()
    i = at % len(t)
    flags = cleaned(np.insert(t, i, t[i]), np.insert(x, i, x[i] - 400), np.insert(y, i, y[i]))
    assert flagged(flags) == flagged(flags, Flag.CONFLICT) == [i]


def test_of_two_tracks_under_one_name_one_is_followed_and_not_both_in_turn() -> None:
    """Peers M4: every instant twice, at two places."""
    t, x, y = street()
    tt, xx, yy = np.repeat(t, 2), np.repeat(x, 2), np.repeat(y, 2)
    yy[1::2] += 90.0
    fleet = fleet_of(tt, xx, yy)
    east, north = PLANE.to_metres(fleet.lon_deg, fleet.lat_deg)
    found = label_fixes(fleet, east, north, RECIPE)
    kept = usable(found)
    assert kept.sum() == len(t)
    assert np.ptp(north[kept]) < 40.0  # one street, with the noise of its fixes
    assert ((found.flags[~kept] & np.uint32(Flag.CONFLICT)) > 0).all()


def test_the_same_row_sent_again_is_a_repeat() -> None:
    t, x, y = street()
    twice = np.sort(np.concatenate([np.arange(len(t)), [5, 9, 9]]))
    flags = cleaned(t[twice], x[twice], y[twice])
    assert len(flagged(flags)) == len(flagged(flags, Flag.REPEAT)) == 3


def test_a_clock_that_stands_while_the_car_drives_on_is_stale() -> None:
    t, x, y = street()
    t[40:50] = t[40]
    flags = cleaned(t, x, y)
    assert flagged(flags) == flagged(flags, Flag.STALE_CLOCK)
    assert len(flagged(flags)) == 9


def test_a_coarse_row_does_not_push_a_good_one_of_the_same_instant_aside() -> None:
    t, x, y = street()
    n = len(t)
    tt, xx = np.insert(t, 50, t[50]), np.insert(x, 50, x[50] - 10.0)
    lon, lat = PLANE.to_degrees(xx, np.insert(y, 50, y[50]))
    accuracy = np.full(n + 1, 5, np.float32)
    accuracy[50] = 550
    fleet = build_fleet(["V1"], np.zeros(n + 1, np.int32), tt, lon, lat, accuracy_m=accuracy)
    found = label_fixes(fleet, *PLANE.to_metres(fleet.lon_deg, fleet.lat_deg), RECIPE)
    assert usable(found).sum() == n
    assert Flag(int(found.flags[50])) & Flag.COARSE
    assert found.flags[51] == 0


# ---------------------------------------------------------------- what can be, and must stay
@pytest.mark.parametrize("manoeuvre", [BAY, S_CURVE, THREE_POINT_TURN], ids=["bay", "s-curve", "three-point-turn"])
@pytest.mark.parametrize("noise_m", [0.3, 0.8, 2.0, 4.0])
@pytest.mark.parametrize("every_s", [1.0, 5.0])
def test_no_honest_yard_fix_is_an_outlier(manoeuvre: list[tuple[float, float]], noise_m: float, every_s: float) -> None:
    """TransBigData's cleaner deletes 3 % (0.3 m) to 29 % (2.0 m) of such fixes (peers: M6); here it is none."""
    drive = arcs(manoeuvre, 1.5)
    drive = drive.then(*[arcs(manoeuvre, 1.5)] * 5)
    for tau_s in (1.0, 90.0):  # white, as M6 has it, and wandering
        seen = sampled(drive, every_s, noise_m=noise_m, tau_s=tau_s, rng=np.random.default_rng(3))
        assert seen.fleet.n_fixes > 20
        assert seen.count(CLEANING) == 0


@pytest.mark.parametrize("every_s", [1.0, 5.0, 10.0, 15.0, 20.0])
def test_a_u_turn_at_walking_pace_is_no_spike(every_s: float) -> None:
    street_out = along([(0, 0), (0, 300)], 12.0)
    turn = arcs(U_TURN, 1.6)
    drive = street_out.then(turn, along([(0, 0), (0, -300)], 12.0))
    for phase_s in np.arange(0.0, every_s, 1.0):
        assert sampled(drive, every_s, phase_s=float(phase_s), noise_m=3.0).count(Flag.SPIKE) == 0


@pytest.mark.parametrize("every_s", [5.0, 60.0])
def test_a_car_on_a_motorway_is_no_spike(every_s: float) -> None:
    drive = along([(0, 0), (60_000, 20_000), (60_000, 90_000)], 120 / 3.6)
    assert sampled(drive, every_s, noise_m=4.0).count(CLEANING) == 0


def test_a_day_of_blocks_and_halts_has_no_spike() -> None:
    day = Drive(np.zeros(1), np.zeros(1), np.zeros(1))
    for _ in range(12):
        day = day.then(ring(400, 250, 2, 9.0), stand(300), arcs(BAY, 1.2), stand(40))
    assert sampled(day, 5.0, noise_m=4.0, tau_s=20.0).count(CLEANING) == 0


def test_positions_that_are_no_numbers_are_spikes_and_bar_nothing_else() -> None:
    t, x, y = street()
    east = x.copy()
    east[[0, 30, 31]] = np.nan
    seen = observed(fleet_of(t, x, y), east, y)
    assert np.flatnonzero(~seen.ok).tolist() == [0, 30, 31]
