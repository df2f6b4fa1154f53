"""The longest beginning whose expected share of mistakes is within the level."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checkpoints.decision import best_of_each, decide, is_lead
from checkpoints.occasion import Verdict

BASE = Verdict("K", "P", 0.5, 3, 5.0, 9.0, -2.0, 0.0, "none", ())


def verdicts(*posteriors: float) -> list[Verdict]:
    return [replace(BASE, key=f"K{i}", posterior=p) for i, p in enumerate(posteriors)]


def test_the_mean_of_what_is_accepted_stays_within_the_level() -> None:
    """Running means of 1 - posterior by hand: 0.001, 0.003, 0.00867, 0.01400."""
    assert decide(verdicts(0.97, 0.98, 0.999, 0.995), 0.01) == (2, 3, 1)


def test_exactly_at_the_level_is_within_it() -> None:
    assert decide(verdicts(0.75), 0.25) == ()  # below what any single one needs
    assert decide(verdicts(0.875), 0.125) == (0,)  # exact in binary


def test_no_doubtful_person_hides_among_many_certain_ones() -> None:
    assert len(decide(verdicts(*[0.9999] * 200, 0.79), 0.01)) == 200
    assert len(decide(verdicts(*[0.9999] * 200, 0.81), 0.01)) == 201


def test_what_is_barred_is_no_finding_and_makes_no_room_for_the_second() -> None:
    barred = replace(BASE, posterior=0.999, barred=("alibi",))
    second = replace(BASE, person_id="Q", posterior=0.99)
    assert decide([second, barred], 0.5) == ()
    assert is_lead(barred)


def test_one_seat_holds_one_person_and_ties_go_by_name() -> None:
    assert best_of_each([replace(BASE, person_id=p) for p in "QPR"]) == [1]
    assert decide([replace(BASE, key=k, posterior=0.995) for k in "BA"], 0.01) == (1, 0)


def test_nothing_is_decided_of_nothing() -> None:
    assert decide([], 0.01) == ()


@pytest.mark.parametrize(("posterior", "lead"), [(0.5, False), (0.5000001, True)])
def test_a_lead_is_likelier_right_than_wrong(posterior: float, lead: bool) -> None:
    assert is_lead(replace(BASE, posterior=posterior)) is lead
