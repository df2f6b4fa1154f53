"""Plates: readings of the published examples, and the error model against what it promises."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoints.plates import LEAST, PlateBook, log_likelihood, normalised

SERIAL = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
SHARED = Path(os.environ.get("TRAJAUDIT_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))


def test_the_published_plates_are_compared_as_they_are_written() -> None:
    vectors = json.loads((SHARED / "coordinates" / "vectors.json").read_text("utf-8"))
    plates = vectors["plates"]
    assert plates
    for one in plates if isinstance(plates, list) else [p for group in plates.values() for p in group]:
        text = one["plate"] if isinstance(one, dict) and "plate" in one else str(one)
        assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize("written", ["鲁A1001学", " 鲁A·1001学 ", "鲁Ａ１００１学", "鲁a-1001学", "鲁A 1001 学"])
def test_forms_of_one_plate_are_the_same_plate(written: str) -> None:
    assert normalised(written) == "鲁A1001学"


@pytest.mark.parametrize(("right", "wrong"), [("8", "B"), ("0", "D"), ("5", "S"), ("2", "Z"), ("6", "G")])
def test_characters_that_look_alike_are_taken_for_one_another_more_often_than_others(right: str, wrong: str) -> None:
    plate = f"鲁A1{right}01学"
    alike, other = f"鲁A1{wrong}01学", f"鲁A1{'X'}01学"
    assert log_likelihood(alike, plate) > log_likelihood(other, plate)


def test_a_plate_read_rightly_is_by_far_the_likeliest() -> None:
    """Seven characters of 0.993: 95 of 100 plates are read rightly (GA/T 497-2009 asks 90 by day)."""
    assert math.exp(log_likelihood("鲁A1001学", "鲁A1001学")) == pytest.approx(0.952, abs=0.001)


@given(st.text(SERIAL, min_size=4, max_size=4), st.text(SERIAL, min_size=4, max_size=4))
def test_a_book_finds_every_registered_plate_that_the_model_allows_and_no_other(read: str, held: str) -> None:
    book = PlateBook.build([("V1", f"鲁A{held}学", "16")])
    text = f"鲁A{read}学"
    allowed = log_likelihood(text, f"鲁A{held}学") >= LEAST and read != held
    assert bool(book.near(text)) is allowed
    assert (book.exact(text) == "V1") is (read == held)


def test_a_lost_suffix_is_a_reading_and_a_lost_digit_is_none() -> None:
    book = PlateBook.build([("V1", "鲁A1001学", "16")])
    assert [r.vehicle_id for r in book.near("鲁A1001")] == ["V1"]
    assert book.near("鲁A100学") == ()


def test_a_stranger_s_plate_is_no_reading_of_any_registered_one() -> None:
    book = PlateBook.build([(f"V{i}", f"鲁A{1001 + 7 * i}学", "16") for i in range(500)])
    assert book.near("鲁B90512") == ()
    assert book.exact("鲁B90512") is None
