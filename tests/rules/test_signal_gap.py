"""signal-gap: the terminal fell silent inside a declared session, beyond what its feed's outages explain."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from audit.day import Doubts
from audit.facts import NightFacts
from tests.rules.guilty import MIDDLE, guilty
from tests.rules.world import (
    DATE,
    Drive,
    World,
    at,
    only,
    permit,
    reasons,
    session,
    silent,
    surveyed,
    unanswered,
)
from trajectories.intervals import intervals

RULE = "signal-gap"
HOUR = [session("9:00", "10:00")]


def gap_of(minutes: float) -> World:
    """A lesson from 9:00 to 10:00, silent from 9:20 on."""
    return World({"V1": Drive("9:00", MIDDLE).yard(20).silent(minutes).yard(30)}, HOUR)


def down(start: str, end: str, feed: str = "amap") -> NightFacts:
    return NightFacts(outages={feed: intervals([(at(start), at(end))])}, peers={"amap": 3})


def test_twenty_minutes_of_silence_are_found_from_the_last_fix_to_the_next() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert (finding.start_ms, finding.end_ms) == (at("9:20"), at("9:40"))
    assert "静默 20 分钟" in finding.summary_zh
    assert (finding.session_id, finding.trainee_id) == ("K1", "L1")


def test_exactly_a_quarter_of_an_hour_is_silent_and_a_second_more_is_not() -> None:
    assert silent(gap_of(15).ask(RULE))
    only(gap_of(15 + 5 / 60).ask(RULE))


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(guilty(RULE).ask_under(RULE, "silence_min", 30, 15, since=DATE))
    assert silent(guilty(RULE).ask_under(RULE, "silence_min", 30, 15, since=date(2026, 3, 19)))


def test_while_the_whole_feed_was_down_it_is_not_assessable() -> None:
    world = replace(guilty(RULE), night=down("9:19", "9:41"))
    assert unanswered(world.ask(RULE)) == {"feed-outage"}


def test_an_outage_that_explains_half_of_the_silence_leaves_the_other_half() -> None:
    world = gap_of(40)
    half = replace(world, night=down("9:20", "9:40"))
    found = only(half.ask(RULE))
    # The outage's edge is known to 90 s: 9:41:30 to 10:00 are 18.5 min.
    assert (found.start_ms, found.end_ms) == (at("9:41") + 30_000, at("10:00"))
    assert reasons(half.ask(RULE)) == {"feed-outage"}


def test_an_outage_of_another_feed_explains_only_a_silence_of_the_same_begin_and_end() -> None:
    assert unanswered(replace(guilty(RULE), night=down("9:20", "9:40", "baidu")).ask(RULE)) == {"feed-outage"}
    only(replace(guilty(RULE), night=down("9:10", "9:40", "baidu")).ask(RULE))
    only(replace(guilty(RULE), night=down("9:20", "9:50", "baidu")).ask(RULE))


def test_pages_that_the_provider_lost_are_not_the_terminals_silence() -> None:
    world = replace(guilty(RULE), doubts=Doubts(fixes="provider-error"))
    assert unanswered(world.ask(RULE)) == {"provider-error"}


def test_silence_for_all_of_the_session_is_found_whole() -> None:
    world = World({"V1": Drive("7:00", MIDDLE).yard(30)}, HOUR)
    found = only(world.ask(RULE))
    assert (found.start_ms, found.end_ms) == (at("9:00"), at("10:00"))
    assert "整个课时" in found.summary_zh
    assert "the whole session" in found.summary_en


def test_silence_between_sessions_is_nobodys_business() -> None:
    drive = Drive("9:00", MIDDLE).yard(60).silent(60).yard(60)
    sessions = [session("9:00", "10:00"), session("11:00", "12:00", session_id="K2")]
    assert silent(World({"V1": drive}, sessions).ask(RULE))


def test_a_silence_is_cut_at_the_ends_of_the_session() -> None:
    drive = Drive("9:00", MIDDLE).yard(40).silent(60).yard(30)
    found = only(World({"V1": drive}, HOUR).ask(RULE))
    assert (found.start_ms, found.end_ms) == (at("9:40"), at("10:00"))
    assert silent(World({"V1": drive}, [session("9:00", "9:55")]).ask(RULE)), "9:40 to 9:55 are 15 min"


def test_two_silences_of_one_session_are_two_findings() -> None:
    drive = Drive("9:00", MIDDLE).yard(10).silent(20).yard(5).silent(20).yard(10)
    first, second = World({"V1": drive}, HOUR).ask(RULE).findings
    assert first.finding_id != second.finding_id
    assert (first.session_id, second.session_id) == ("K1", "K1")


def test_one_silence_over_two_sessions_is_a_matter_of_each() -> None:
    drive = Drive("9:00", MIDDLE).yard(40).silent(40).yard(40)
    sessions = [session("9:00", "10:00"), session("10:00", "11:00", session_id="K2", trainee_id="L2")]
    first, second = World({"V1": drive}, sessions).ask(RULE).findings
    assert (first.session_id, second.session_id) == ("K1", "K2")


def test_a_permit_for_the_silence_excuses_also_where_it_names_the_sessions_place() -> None:
    assert silent(replace(guilty(RULE), permits=[permit("9:15", "9:45", "G1")]).ask(RULE))
    only(replace(guilty(RULE), permits=[permit("9:15", "9:45", "G2")]).ask(RULE))


def test_with_no_other_car_to_compare_with_an_outage_is_not_called_excluded() -> None:
    world = surveyed(guilty(RULE))
    assert world.night.peers == {"amap": 1}
    tried = {e["explanation"] for e in only(world.ask(RULE)).evidence["excluded"]}
    assert "feed-outage" not in tried
    assert "feed-outage" in {e["explanation"] for e in only(guilty(RULE).ask(RULE)).evidence["excluded"]}


@pytest.mark.parametrize(("others_silent", "found"), [(True, 0), (False, 1)])
def test_the_night_tells_an_outage_from_one_cars_silence(others_silent: bool, found: int) -> None:
    def car(seed: int, quiet: bool) -> Drive:
        drive = Drive("8:00", MIDDLE, seed=seed).park_until("9:20")
        return (drive.silent(20) if quiet else drive.park(20)).park_until("11:00")

    drives = {"V1": car(1, True), "V2": car(2, others_silent)}
    world = surveyed(World(drives, HOUR))
    assert len(world.ask(RULE).findings) == found
    assert reasons(world.ask(RULE)) == ({"feed-outage"} if others_silent else set())
