"""Night facts: outages that only all cars together show, and tracks that repeat one another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.day import Replay
from audit.facts import NightFacts
from audit.night import Pair, Presence, Trail, check_pairs, feed_outages, presences
from tests.rules.guilty import MIDDLE
from tests.rules.world import (
    HOME,
    MINUTE_MS,
    ROUTE,
    Drive,
    SentAgain,
    World,
    at,
    session,
    surveyed,
    unanswered,
    vehicle,
)
from trajectories.fleet import F8
from trajectories.intervals import clip, intersect, intervals, total_ms
from trajectories.recipe import Recipe


def heard(
    vehicle_id: str, first: str, last: str, *gaps: tuple[str, str], feeds: tuple[str, ...] = ("amap",)
) -> Presence:
    return Presence(vehicle_id, feeds, at(first), at(last), intervals((at(a), at(b)) for a, b in gaps))


def outage(*pairs: tuple[str, str]) -> list[list[int]]:
    return [[at(a), at(b)] for a, b in pairs]


NINE = ("9:00", "9:20")


def between(cars: list[Presence], feed: str = "amap") -> list[list[int]]:
    """When the feed was down after all cars had come and before they went."""
    down: list[list[int]] = clip(feed_outages(cars)[feed], at("8:00"), at("12:00")).tolist()
    return down


def test_when_all_cars_fall_silent_together_the_feed_is_down() -> None:
    assert between([heard(f"V{i}", "8:00", "12:00", NINE) for i in range(3)]) == outage(NINE)


def test_one_silent_car_of_three_is_no_outage() -> None:
    cars = [heard("V0", "8:00", "12:00", NINE), heard("V1", "8:00", "12:00"), heard("V2", "8:00", "12:00")]
    assert between(cars) == []


@pytest.mark.parametrize(("silent", "of", "is_down"), [(9, 10, True), (8, 10, False), (18, 20, True), (17, 20, False)])
def test_nine_in_ten_cars_make_an_outage(silent: int, of: int, is_down: bool) -> None:
    cars = [heard(f"V{i}", "8:00", "12:00", *([NINE] if i < silent else [])) for i in range(of)]
    assert between(cars) == (outage(NINE) if is_down else [])


def test_cars_that_are_not_on_the_road_yet_do_not_count() -> None:
    cars = [heard("V0", "8:00", "12:00", NINE), heard("V1", "8:00", "12:00", NINE), heard("V2", "9:30", "12:00")]
    assert between(cars) == outage(NINE)


def test_an_outage_is_what_the_silences_have_in_common() -> None:
    cars = [heard("V0", "8:00", "12:00", ("8:50", "9:20")), heard("V1", "8:00", "12:00", ("9:00", "9:40"))]
    assert feed_outages(cars)["amap"].tolist() == outage(("9:00", "9:20"))


@pytest.mark.parametrize(("until", "is_down"), [("9:03", True), ("9:02", False)])
def test_three_minutes_are_the_shortest_outage(until: str, is_down: bool) -> None:
    cars = [heard(f"V{i}", "8:00", "12:00", ("9:00", until)) for i in range(2)]
    assert bool(len(feed_outages(cars)["amap"])) is is_down


def test_two_feeds_are_two_matters() -> None:
    cars = [heard(f"A{i}", "8:00", "12:00", NINE, feeds=("amap",)) for i in range(3)]
    cars += [heard(f"B{i}", "8:00", "12:00", ("10:00", "10:30"), feeds=("baidu",)) for i in range(3)]
    assert between(cars, "amap") == outage(NINE)
    assert between(cars, "baidu") == outage(("10:00", "10:30"))


def test_a_feed_of_one_car_cannot_be_told_from_its_car() -> None:
    assert len(feed_outages([heard("V0", "8:00", "12:00", NINE)])["amap"]) == 0


def test_nobody_heard_is_no_feed() -> None:
    assert feed_outages([]) == {}


def test_a_car_of_two_feeds_counts_in_both_and_is_excused_only_when_both_are_down() -> None:
    two = vehicle("V1")
    world = World(vehicles=[two])
    facts = world.facts
    amap, baidu = intervals([(at("9:00"), at("10:00"))]), intervals([(at("9:30"), at("11:00"))])
    both = replace(facts, feeds={"V1": ("amap", "baidu")}, night=NightFacts(outages={"amap": amap, "baidu": baidu}))
    assert both.outages_of("V1").tolist() == outage(("9:30", "10:00"))
    assert len(both.outages_beside("V1")) == 0
    one = replace(both, feeds={"V1": ("amap",)})
    assert one.outages_of("V1").tolist() == amap.tolist()
    assert one.outages_beside("V1").tolist() == baidu.tolist()
    assert len(replace(both, feeds={}).outages_of("V1")) == 0


minutes = st.integers(0, 239)


@given(st.lists(st.lists(st.tuples(minutes, minutes), max_size=3), min_size=2, max_size=6))
def test_an_outage_lies_within_the_silence_of_nearly_every_car(silences: list[list[tuple[int, int]]]) -> None:
    start = at("8:00")
    gaps = [intervals((start + a * MINUTE_MS, start + b * MINUTE_MS) for a, b in pairs if a < b) for pairs in silences]
    cars = [Presence(f"V{i}", ("amap",), start, at("12:00"), g) for i, g in enumerate(gaps)]
    for piece in between(cars):
        span = intervals([(piece[0], piece[1])])
        # With six cars or fewer nine in ten are all of them. What is bridged is a minute at most in each hole.
        for g in gaps:
            assert total_ms(intersect(span, g)) >= total_ms(span) - MINUTE_MS * (len(g) + len(gaps))


def test_a_feed_that_dies_for_all_cars_in_one_minute_is_down_from_then_on() -> None:
    cars = [heard("V0", "8:00", "15:00"), heard("V1", "9:00", "15:01"), heard("V2", "10:00", "15:02")]
    (down,) = feed_outages(cars)["amap"]
    assert down[0] == at("15:02")
    assert down[1] > at("27:59"), "as far as the service day reaches"


def test_a_feed_that_comes_up_for_all_cars_in_one_minute_was_down_till_then() -> None:
    cars = [heard("V0", "11:00", "15:00"), heard("V1", "11:03", "16:00"), heard("V2", "11:01", "17:00")]
    (down,) = feed_outages(cars)["amap"]
    assert down[0] < at("4:00")
    assert down[1] == at("11:00")


def test_cars_that_come_home_one_after_the_other_or_two_together_are_no_outage() -> None:
    one_by_one = [heard("V0", "8:00", "15:00"), heard("V1", "8:30", "15:02"), heard("V2", "9:00", "15:04")]
    assert len(feed_outages(one_by_one)["amap"]) == 0
    assert len(feed_outages([heard("V0", "8:00", "15:00"), heard("V1", "8:00", "15:00")])["amap"]) == 0


def test_a_feed_of_several_cars_of_which_none_was_heard_was_down_all_day() -> None:
    mute = World({}, [session("9:00", "10:00")], night=NightFacts(peers={"baidu": 4}))
    assert unanswered(mute.ask("signal-gap")) == {"feed-outage"}
    alone = replace(mute, vehicles=[vehicle()])
    assert len(alone.ask("signal-gap").findings) == 1, "one car's silence may be its own"


def test_presences_are_first_and_last_fix_and_the_gaps_between() -> None:
    world = World({"V1": Drive("9:00", MIDDLE).yard(20).silent(20).yard(20), "V2": Drive("10:00", HOME).park(30)})
    assert world.motion is not None
    first, second = presences(world.motion.fleet, Recipe().gap_ms, {"V1": ("amap",)})
    assert (first.first_ms, first.last_ms, first.gaps.tolist()) == (
        at("9:00"),
        at("10:00"),
        outage(("9:20", "9:40")),
    )
    assert (second.vehicle_id, second.feeds, len(second.gaps)) == ("V2", (), 0)


def replays_of(world: World, **more: object) -> dict[str, list[tuple[str, str]]]:
    found = surveyed(world, **more).night.replays  # type: ignore[arg-type]
    return {v: [(r.source_vehicle_id, r.source_date) for r in rs] for v, rs in found.items()}


THREE = [vehicle("V1"), vehicle("V2"), vehicle("V3")]


@pytest.fixture(scope="module")
def original() -> Drive:
    return Drive("8:00", ROUTE[0]).drive_round(ROUTE, 3).to(MIDDLE).yard(20)


@pytest.mark.parametrize("jitter_m", [0.0, 1.0])
def test_a_copy_is_found_with_its_source_and_its_shift_also_where_it_was_shaken(
    original: Drive, jitter_m: float
) -> None:
    world = surveyed(World({"V1": original, "V2": SentAgain(original, 90, jitter_m)}))
    (replay,) = world.night.replays["V2"]
    assert (replay.source_vehicle_id, replay.source_date) == ("V1", "2026-03-18")
    assert replay.shift_ms == pytest.approx(90 * MINUTE_MS, abs=2000)
    assert replay.synchronous_share > 0.95


def test_the_copy_of_a_copy_is_told_once_for_each_copy(original: Drive) -> None:
    drives = {"V1": original, "V2": SentAgain(original, 60, seed=3), "V3": SentAgain(original, 130, seed=4)}
    found = replays_of(World(drives, vehicles=THREE))
    assert set(found) == {"V2", "V3"}
    assert all(len(sources) == 1 for sources in found.values())


def test_a_day_sent_again_names_the_day(original: Drive) -> None:
    yesterday = {"V1": SentAgain(original, -24 * 60, 0.0)}
    assert replays_of(World({"V1": original}), history=yesterday) == {"V1": [("V1", "2026-03-17")]}


def test_another_cars_day_sent_again_names_the_car(original: Drive) -> None:
    yesterday = {"V2": SentAgain(original, -24 * 60, 0.0)}
    assert replays_of(World({"V1": original}), history=yesterday) == {"V1": [("V2", "2026-03-17")]}


def test_what_repeats_within_the_older_days_is_no_matter_of_today(original: Drive) -> None:
    history = {"V2": SentAgain(original, -30 * 60), "V3": SentAgain(original, -29 * 60, seed=5)}
    assert replays_of(World({"V1": Drive("8:00").park(60)}), history=history) == {}


def test_a_car_that_drives_its_own_route_again_and_again_repeats_nobody() -> None:
    assert replays_of(World({"V1": Drive("8:00", ROUTE[0]).laps(ROUTE, 12)})) == {}


@pytest.mark.parametrize("pace", [(29, 22), (33, 15), (30, 26)])
def test_the_same_route_at_another_pace_is_no_copy(pace: tuple[float, float]) -> None:
    other = Drive("9:00", ROUTE[0], seed=2).laps(ROUTE, 8, kmh=pace[0], light_s=pace[1])
    found = surveyed(World({"V1": Drive("8:00", ROUTE[0]).laps(ROUTE, 8), "V2": other})).night.replays
    assert all(r.moving_ms < 10 * MINUTE_MS for rs in found.values() for r in rs), "what counts as a copy on the card"


def test_a_convoy_is_too_close_to_be_a_copy(original: Drive) -> None:
    assert replays_of(World({"V1": original, "V2": SentAgain(original, 1.5)})) == {}


def still(vehicle_id: str, from_s: int, moving: bool, date: str = "2026-03-18") -> Trail:
    t = at("9:00") + 1000 * np.arange(from_s, from_s + 600, 10)
    east: F8 = np.arange(60, dtype=np.float64) * 50
    return Trail(vehicle_id, date, True, t, east, np.zeros(60), np.full(60, moving))


def test_a_pair_that_agrees_is_a_replay_and_one_that_stood_is_not() -> None:
    trails = {0: still("V1", 0, True), 1: still("V2", 3000, True), 2: still("V3", 3000, False)}
    found = check_pairs([Pair(0, 1, 3_000_000), Pair(0, 2, 3_000_000)], trails)
    assert list(found) == ["V2"]
    (replay,) = found["V2"]
    assert isinstance(replay, Replay)
    assert (replay.synchronous_share, replay.median_m) == (1.0, 0.0)
    assert (replay.start_ms, replay.end_ms) == (at("9:50"), at("9:50") + 590_000)


def test_of_two_sources_that_overlap_the_one_with_more_driving_is_told() -> None:
    late = still("V3", 6000, True)
    early_ms = late.t_ms[:20] - 3_000_000
    short = Trail("V2", "2026-03-18", True, early_ms, late.east_m[:20], late.north_m[:20], late.moving[:20])
    pairs = [Pair(1, 2, 3_000_000), Pair(0, 2, 6_000_000)]
    found = check_pairs(pairs, {0: still("V1", 0, True), 1: short, 2: late})
    assert [r.source_vehicle_id for r in found["V3"]] == ["V1"]


def test_at_another_shift_than_the_true_one_nothing_agrees() -> None:
    trails = {0: still("V1", 0, True), 1: still("V2", 3000, True)}
    assert check_pairs([Pair(0, 1, 2_700_000)], trails) == {}
