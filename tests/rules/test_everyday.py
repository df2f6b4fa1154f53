"""Innocent days that resemble training, and lessons outside every place that try not to, at several terminals.

`python -m tests.rules.everyday` prints the table of `docs/measurements.md`.
"""

from __future__ import annotations

import pytest

from tests.rules.everyday import EVASIVE, GUILTY, INNOCENT, SEEDS, TERMINALS, asked

DENSE = [every_s <= 15 for every_s, _, _ in TERMINALS]


@pytest.mark.parametrize("what", INNOCENT)
def test_an_innocent_day_is_not_accused(what: str) -> None:
    accused, _ = asked(INNOCENT[what])
    assert accused == [0] * len(TERMINALS)


@pytest.mark.parametrize("what", GUILTY)
def test_a_lesson_outside_every_place_is_found_and_at_thirty_seconds_never_called_clean(what: str) -> None:
    found, undetermined = asked(GUILTY[what])
    assert [n for n, dense in zip(found, DENSE, strict=True) if dense] == [len(SEEDS)] * sum(DENSE)
    assert all(f + u >= len(SEEDS) for f, u in zip(found, undetermined, strict=True)), (found, undetermined)


@pytest.mark.parametrize("what", EVASIVE)
def test_a_lesson_on_a_large_lot_or_between_short_silences_is_never_called_clean(what: str) -> None:
    found, undetermined = asked(EVASIVE[what])
    assert all(f + u >= len(SEEDS) for f, u in zip(found, undetermined, strict=True)), (found, undetermined)
