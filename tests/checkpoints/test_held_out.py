"""Weights of evidence are measured on scores that they were not learnt from."""

from __future__ import annotations

import numpy as np
import pytest

from checkpoints.held_out import halves, held_out, joined, ratios
from checkpoints.observation import Observation
from checkpoints.occasion import Capture
from checkpoints.pairs import PairTable, prepared
from tests.checkpoints.making import MODEL
from tests.checkpoints.test_score_fit import drawn

NIGHT = drawn(200, 11)
SAME_NUMBER = 1e-12


def one(key: str, declared: str | None, *captures: Capture, decoys: str = "XYZ") -> Observation:
    return Observation(key, declared, captures, frozenset(decoys))


def face(camera: int, **scores: float) -> Capture:
    return Capture(f"C{camera}", camera, 0.6, scores)


def test_no_declared_person_is_in_both_halves_and_nothing_is_lost() -> None:
    night = [*NIGHT, *(one(f"U{i}", None, face(1)) for i in range(7))]
    first, second = halves(night)
    assert {o.declared for o in first} & {o.declared for o in second} <= {None}
    assert sorted(o.key for o in (*first, *second)) == sorted(o.key for o in night)


def test_the_halves_are_of_about_equal_size_and_do_not_hang_on_the_order_of_input() -> None:
    first, second = halves(NIGHT)
    faces = [sum(len(o.kept) for o in half) for half in (first, second)]
    assert abs(faces[0] - faces[1]) <= 16  # one person of 50 has 16
    again = halves(list(reversed(NIGHT)))
    assert [{o.key for o in half} for half in again] == [{o.key for o in first}, {o.key for o in second}]


@pytest.mark.parametrize("single", [False, True])
def test_the_ratios_are_those_that_the_judge_reckons_for_each_pair(single: bool) -> None:
    """The oracle is the table of the judge, one pair at a time, silent decoys one by one as well."""
    night = [
        one("A", "P", face(1, P=0.8, X=0.6), face(2, P=0.7)),
        one("B", "Q", face(1), face(3, X=0.58, Y=0.61, Z=0.7)),
        one("C", None, face(2, Y=0.56)),
    ]
    found = ratios(MODEL, night, single=single)
    same, different = PairTable(MODEL), PairTable(MODEL)
    for o in night:
        for part in [[c] for c in o.kept] if single else [list(o.kept)]:
            held = prepared(part, MODEL)
            if o.declared is not None:
                same.add(held, o.declared, declared=True, poor=MODEL.poor_share)
            for decoy in o.decoys:
                different.add(held, decoy, declared=False, poor=MODEL.poor_share)
    assert found.same == pytest.approx(same.logs().genuine, abs=SAME_NUMBER)
    every = np.repeat(found.different, found.weight.astype(int))
    assert np.sort(every) == pytest.approx(np.sort(different.logs().genuine), abs=SAME_NUMBER)


def test_each_half_is_judged_by_the_model_of_the_other() -> None:
    held = held_out(NIGHT, 0.5, 3, (0.0, 1.0))
    assert held is not None
    assert sum(half.n_genuine for half in held.halves) == sum(o.declared_shown for o in NIGHT)
    assert held.lesson.same.size == 200
    assert held.lesson.weight.sum() == 200 * 80
    assert held.capture.weight.sum() == 200 * 80 * 4


def test_what_one_half_holds_does_not_touch_its_own_model() -> None:
    """Scores of the second half moved up: the first half's ratios change, by the second's model; nothing else may."""
    first, second = halves(NIGHT)
    moved = [
        Observation(
            o.key,
            o.declared,
            tuple(Capture(c.camera_id, c.t_ms, c.quality, {p: min(s + 0.05, 1.0) for p, s in c.scores.items()})
                  for c in o.captures),
            o.decoys,
        )
        for o in second
    ]  # fmt: skip
    before, after = (held_out([*first, *part], 0.5, 3, (0.0, 1.0)) for part in (second, moved))
    assert before is not None
    assert after is not None
    assert before.halves[0] == after.halves[0]
    n = len(second)  # judged by the first half's model, they come first
    assert not np.allclose(before.lesson.same[n:], after.lesson.same[n:])


def test_a_lesson_at_which_two_cameras_show_another_is_marked() -> None:
    night = [one("A", "P", face(1, Q=0.8), face(2, Q=0.8)), one("B", "P", face(1, Q=0.8), face(2, P=0.8))]
    assert ratios(MODEL, night).taken.tolist() == [True, False]
    assert ratios(MODEL, night, single=True).taken.tolist() == [True, True, False, False]


@pytest.mark.parametrize("n", [0, 1, 4])
def test_too_few_to_learn_from_give_no_figures(n: int) -> None:
    assert held_out(NIGHT[:n], 0.5, 3, (0.0, 1.0)) is None


def test_parts_are_joined_in_their_order() -> None:
    parts = [ratios(MODEL, [o]) for o in NIGHT[:3]]
    assert joined(parts).same == pytest.approx([float(p.same[0]) for p in parts])
