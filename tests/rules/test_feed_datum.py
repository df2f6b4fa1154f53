"""feed-datum: a feed's positions fit another datum than declared, and the rules on places stay silent instead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from audit.facts import NightFacts
from geo.datum import Datum
from tests.rules.guilty import guilty
from tests.rules.world import DATE, World, checked, only, session, silent, unanswered

RULE = "feed-datum"
HONEST = World(guilty(RULE).drives, guilty(RULE).sessions)


def fitting(declared_share: float, other_share: float, n_sessions: int = 4) -> World:
    """A feed declared as WGS-84 of which so much fits as declared, and so much as GCJ-02."""
    (night,) = guilty(RULE).night.feeds
    fits = {"wgs84": declared_share, "gcj02": other_share, "bd09": 0.0}
    return World(night=NightFacts(feeds=(replace(night, fits=fits, n_sessions=n_sessions),)))


def test_gcj02_declared_as_wgs84_is_told_with_the_shift() -> None:
    finding = only(guilty(RULE).ask(RULE))
    assert (finding.vehicle_id, finding.feed, finding.geometry) == (None, "amap", None)
    measured = finding.evidence["measured"]
    assert (measured["declared"], measured["fits"]) == ("wgs84", "gcj02")
    assert measured["other_share"] > 95
    assert measured["declared_share"] < 5
    assert 100 < measured["offset_m"] < 1000, "GCJ-02 lies some hundred metres off"


@pytest.mark.parametrize(("declared", "other", "found"), [(0.0, 0.5, 0), (0.0, 0.51, 1)])
def test_at_exactly_half_of_the_time_in_the_other_datum_it_is_silent(declared: float, other: float, found: int) -> None:
    assert len(fitting(declared, other).ask(RULE).findings) == found


@pytest.mark.parametrize(("declared", "found"), [(0.5, 0), (0.49, 1)])
def test_at_exactly_half_of_the_rest_put_right_it_is_silent(declared: float, found: int) -> None:
    """Of the half that does not fit as declared, half does in the other datum."""
    assert len(fitting(declared, 0.75).ask(RULE, more_share=0.1).findings) == found


@pytest.mark.parametrize(("declared", "found"), [(0.75, 0), (0.74, 1)])
def test_at_exactly_a_quarter_of_the_time_more_it_is_silent(declared: float, found: int) -> None:
    assert len(fitting(declared, 1.0).ask(RULE).findings) == found


def test_a_grid_of_streets_that_keeps_much_of_a_shifted_feed_in_place_does_not_hide_it() -> None:
    """As measured on real shuttles: 45 % still lie in their corridor, 98 % do in the right datum."""
    only(fitting(0.45, 0.98).ask(RULE))
    assert silent(fitting(0.98, 0.45).ask(RULE)), "the right datum has no better"
    assert silent(fitting(0.3, 0.45).ask(RULE)), "most of the sessions are elsewhere, in any datum"


def test_the_older_value_counts_until_the_day_on_which_the_new_one_begins() -> None:
    only(guilty(RULE).ask_under(RULE, "other_share", 1.0, 0.5, since=DATE))
    assert silent(guilty(RULE).ask_under(RULE, "other_share", 1.0, 0.5, since=date(2026, 3, 19)))


def test_one_session_is_too_little_to_tell() -> None:
    assert unanswered(fitting(0.0, 1.0, n_sessions=1).ask(RULE)) == {"few-places"}
    only(fitting(0.0, 1.0, n_sessions=2).ask(RULE))


def test_the_right_datum_is_silent() -> None:
    for datum in Datum:
        assert silent(checked(HONEST, datum, datum).ask(RULE))


def test_sessions_at_the_wrong_place_are_not_a_wrong_datum() -> None:
    elsewhere = [replace(s, zone_id="G2") for s in HONEST.sessions]
    astray = checked(replace(HONEST, sessions=elsewhere), Datum.WGS84, Datum.WGS84)
    assert silent(astray.ask(RULE))


def test_each_feed_is_a_matter_of_its_own() -> None:
    (night,) = guilty(RULE).night.feeds
    both = World(night=NightFacts(feeds=(night, replace(night, feed="depot"))))
    first, second = both.ask(RULE).findings
    assert (first.feed, second.feed) == ("amap", "depot")
    assert first.finding_id != second.finding_id


def test_a_session_without_a_place_in_force_is_no_observation() -> None:
    nowhere = replace(HONEST, sessions=[session("9:00", "9:30", "G9"), session("9:00", "9:30", None, session_id="K2")])
    (night,) = checked(nowhere, Datum.WGS84, Datum.WGS84).night.feeds
    assert night.n_sessions == 2, "the yard work of two cars, which tells its ground itself"
