"""Why a plate was seen where its car was not: each explanation wins where it should."""

from __future__ import annotations

from dataclasses import replace

from checkpoints.clocks import Clock
from checkpoints.conflict import Conflict, Traffic, Witness, explain
from checkpoints.passage import Passage
from checkpoints.positions import CheckedPassage, Whereabouts
from tests.checkpoints.test_camera_passes import sites

CAMERAS = sites((0, 0), (5_000, 0), (0, 5_000))
CLOCK = Clock(0.0, 0.5, 30, 1.0)
HOUR_MS = 3_600_000
TRAFFIC = Traffic(
    minutes=900.0,
    per_car=3e-4,
    strangers=5e-2,
    detection={"C0": 0.9, "C1": 0.9, "C2": 0.9},
    fitting={(c, h): 6 for c in ("C0", "C1", "C2") for h in range(24)},
)


def seen(camera: str, minute: float) -> CheckedPassage:
    t_ms = int(10 * HOUR_MS + 60_000 * minute)
    passage = Passage(f"K{camera}{minute}", camera, t_ms, "V1")
    return CheckedPassage(passage, "V1", t_ms, 1.1, Whereabouts.ELSEWHERE, 8_000.0, 400.0, CLOCK)


def explained(
    *against: CheckedPassage,
    others: tuple[Witness, ...] = (),
    confirmed: int = 10,
    missed: int = 1,
    traffic: Traffic = TRAFFIC,
) -> Conflict:
    found = explain(against, lambda _: others, ["C1"] * confirmed, ["C1"] * missed, traffic, CAMERAS)
    assert found is not None
    return found


def test_three_passages_that_nothing_else_explains_are_a_clone_s() -> None:
    found = explained(seen("C0", 0), seen("C1", 20), seen("C0", 40))
    assert found.leading == "clone"
    assert found.log10_odds > 3


def test_each_further_passage_speaks_more_strongly() -> None:
    odds = [explained(*(seen("C0", 20 * i) for i in range(n))).log10_odds for n in (1, 2, 3, 4)]
    assert odds == sorted(odds)


def test_a_car_of_like_plate_that_went_by_each_time_explains_them_as_misread() -> None:
    """One wrong character in a thousand readings, three times: likelier than a clone that is just there."""
    other = Witness("V2", -7.0, "there")
    found = explained(seen("C0", 0), seen("C1", 20), seen("C0", 40), others=(other,))
    assert found.log10_odds < 3


def test_a_bent_plate_is_always_misread_unless_it_is_also_read_rightly() -> None:
    three = seen("C0", 0), seen("C1", 20), seen("C0", 40)
    assert explained(*three, others=(Witness("V2", -13.0, "near"),)).log10_odds < 3
    assert explained(*three, others=(Witness("V2", -13.0, "near", read_right=20),)).log10_odds > 3


def test_a_track_that_no_camera_ever_saw_is_made_up() -> None:
    found = explained(seen("C0", 0), seen("C1", 20), confirmed=0, missed=12)
    assert found.leading == "tampered"


def test_cameras_that_miss_most_cars_cannot_say_that_a_track_is_made_up() -> None:
    blind = replace(TRAFFIC, detection=dict.fromkeys(("C0", "C1", "C2"), 0.1))
    assert explained(seen("C0", 0), seen("C1", 20), confirmed=1, missed=12, traffic=blind).leading == "clone"


def test_a_camera_at_which_nobody_fits_that_hour_and_the_car_went_by_unseen_may_have_a_wrong_clock() -> None:
    alone = replace(TRAFFIC, fitting={})
    one_camera = seen("C1", 0), seen("C1", 20)
    wrong = explained(*one_camera, missed=2, traffic=alone)
    right = explained(*one_camera, missed=2)
    assert wrong.log10["clock"] > right.log10["clock"] + 5


def test_two_passages_that_no_one_car_can_have_driven_count_as_one() -> None:
    """Five kilometres in a minute are 300 km/h."""
    assert len(explained(seen("C0", 0), seen("C1", 1)).passages) == 1
    assert len(explained(seen("C0", 0), seen("C1", 5)).passages) == 2


def test_the_longest_series_that_one_car_can_have_driven_is_taken() -> None:
    found = explained(seen("C0", 0), seen("C1", 1), seen("C2", 10), seen("C0", 20))
    assert [c.passage.camera_id for c in found.passages] in (["C0", "C2", "C0"], ["C1", "C2", "C0"])


def test_without_a_contradiction_there_is_nothing_to_explain() -> None:
    assert explain([], lambda _: (), [], [], TRAFFIC, CAMERAS) is None
