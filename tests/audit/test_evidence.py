"""Evidence is canonical, and identity is not content."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.engine import content_digest
from audit.evidence import canonical, digest, finding_id, track_line
from audit.finding import Observation
from tests.rules.guilty import MIDDLE, guilty
from tests.rules.world import DATE, Drive, World, at, fleet_of, only, session
from trajectories.fleet import Track

LESSON = Observation(at("9:00"), at("10:00"), session_id="K1", trainee_id="L1")


def ident(seen: Observation = LESSON, ordinal: int = 0, holder: str | None = "V1", rule: str = "signal-gap") -> str:
    return finding_id(DATE, rule, holder, seen, ordinal)


def test_an_id_stays_when_a_late_fix_moves_the_start() -> None:
    assert ident(replace(LESSON, start_ms=LESSON.start_ms + 1000)) == ident()
    assert ident(replace(LESSON, zone_id="G2", measured={"minutes": 3.0})) == ident()


def test_an_id_changes_with_the_day_the_rule_the_car_and_the_matter() -> None:
    others = [
        finding_id(date(2026, 3, 19), "signal-gap", "V1", LESSON, 0),
        ident(rule="ghost-session"),
        ident(holder="V2"),
        ident(replace(LESSON, session_id="K2")),
        ident(replace(LESSON, trainee_id="L2")),
        ident(replace(LESSON, person_id="P1")),
        ident(ordinal=1),
    ]
    assert len({ident(), *others}) == len(others) + 1


def test_a_session_named_in_place_of_a_trainee_is_another_matter() -> None:
    assert ident(Observation(0, 1, trainee_id="X")) != ident(Observation(0, 1, session_id="X"))


def test_stretches_without_a_name_are_told_apart_by_their_ordinal() -> None:
    assert len({ident(Observation(0, 1), n) for n in range(50)}) == 50


def test_ids_do_not_change_from_release_to_release() -> None:
    # Written down once: outside programs hold on to them (CONTRACTS section 3).
    assert ident() == "Ff4a6771e4d2a4064b93a"
    assert ident(Observation(0, 1)) == "F5c248cd12cd9e79882e3"


def test_a_late_fix_changes_the_digest_and_not_the_id() -> None:
    def silence_of(minutes: float) -> World:
        drive = Drive("9:00", MIDDLE).yard(20).silent(minutes).yard(40)
        return World({"V1": drive}, [session("9:00", "10:00")])

    before, after = (only(silence_of(m).ask("signal-gap")) for m in (20, 20 - 5 / 60))
    assert before.end_ms - after.end_ms == 5000
    assert before.finding_id == after.finding_id
    assert before.content_digest != after.content_digest


@pytest.mark.parametrize(
    "change", [{"end_ms": 1}, {"plate": "沪B·1学"}, {"summary_zh": "…"}, {"geometry": None}, {"confidence": 0.5}]
)
def test_whatever_a_finding_says_is_in_its_digest(change: dict[str, Any]) -> None:
    finding = only(guilty("off-zone-training").ask("off-zone-training"))
    assert content_digest(finding) == finding.content_digest
    assert content_digest(replace(finding, **change)) != finding.content_digest


def test_the_same_night_twice_gives_the_same_digests() -> None:
    world = guilty("wrong-zone")
    again = replace(world, drives=dict(world.drives))
    assert again.audit().findings == world.audit().findings


def test_order_of_keys_and_types_of_numbers_do_not_show() -> None:
    plain = {"a": 0.5, "b": [1, 2], "c": True, "d": "2026-03-18"}
    numpy = {"d": date(2026, 3, 18), "c": np.bool_(True), "b": (np.int64(1), np.uint8(2)), "a": np.float32(0.5)}
    assert digest(plain) == digest(numpy)
    assert canonical(numpy) == plain
    assert list(canonical(numpy)) == ["a", "b", "c", "d"]


def test_noise_beyond_the_sixth_place_does_not_show() -> None:
    assert digest(0.1 + 0.2) == digest(0.3)
    assert digest(1.0000001) == digest(1.0)
    assert digest(1.000001) != digest(1.0)
    assert json.dumps(canonical(-0.0)) == "0.0", "no minus zero"


def test_what_is_no_number_is_null() -> None:
    assert canonical({"x": float("nan"), "y": np.float64("inf"), "z": None}) == {"x": None, "y": None, "z": None}


DISTINCT: list[object] = [True, 1, "1", None, [], {}]


def test_a_true_is_not_a_one_and_a_text_is_not_its_number() -> None:
    assert len({digest(v) for v in DISTINCT}) == len(DISTINCT)


def test_arrays_and_sets_in_evidence_are_lists() -> None:
    assert canonical({"G2", "G1"}) == canonical(frozenset({"G1", "G2"})) == ["G1", "G2"]
    assert canonical({"share": np.array([0.5, np.nan])}) == {"share": [0.5, None]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_whatever_goes_in_comes_out_as_strict_json_and_canonical_twice_is_canonical_once(value: object) -> None:
    once = canonical(value)
    assert canonical(once) == once
    assert json.loads(json.dumps(once, allow_nan=False)) == once


@given(st.dictionaries(st.text(max_size=4), st.integers(), max_size=6))
def test_a_digest_does_not_depend_on_the_order_of_keys(value: dict[str, int]) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)


def track_of(drive: Drive) -> tuple[Track, npt.NDArray[np.bool_]]:
    track = fleet_of({"V1": drive}).track(0)
    return track, np.ones(len(track), np.bool_)


def test_a_line_is_cut_where_the_car_was_silent() -> None:
    track, ok = track_of(Drive("9:00").to((0, 0)).silent(10).to((2000, 0)))
    line = track_line(track, [(0, len(track))], ok, 180_000)
    assert line is not None
    assert line.geom_type == "MultiLineString"
    assert len(line.geoms) == 2


def test_a_line_leaves_out_fixes_that_are_not_taken_at_their_word() -> None:
    track, ok = track_of(Drive("9:00").to((0, 0)))
    ok[3] = False
    line = track_line(track, [(0, len(track))], ok, 180_000)
    assert line is not None
    assert len(line.coords) == len(track) - 1


def test_a_line_has_at_most_two_thousand_vertices_and_keeps_both_ends() -> None:
    track, ok = track_of(Drive("8:00").yard(400))
    assert len(track) > 4000
    line = track_line(track, [(0, len(track))], ok, 180_000)
    assert line is not None
    assert len(line.coords) <= 2001
    for vertex, row in ((line.coords[0], 0), (line.coords[-1], len(track) - 1)):
        assert vertex == pytest.approx((track.lon_deg[row], track.lat_deg[row]), abs=1e-7)


def test_one_fix_is_a_point_and_none_is_nothing() -> None:
    track, ok = track_of(Drive("9:00").park(10))
    point = track_line(track, [(0, 1)], ok, 180_000)
    assert point is not None
    assert point.geom_type == "Point"
    assert track_line(track, [(0, 0)], ok, 180_000) is None
    assert track_line(track, [(0, len(track))], ~ok, 180_000) is None
    assert track_line(None, [(0, 1)], ok, 180_000) is None


def test_coordinates_have_seven_places() -> None:
    track, ok = track_of(Drive("9:00").to((0, 0)))
    line = track_line(track, [(0, len(track))], ok, 180_000)
    assert line is not None
    assert all(math.isclose(v, round(v, 7), abs_tol=1e-12) for c in line.coords for v in c)
