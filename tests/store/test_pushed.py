"""What was pushed waits for its night on both databases, and goes as it was taken in."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from checkpoints.passage import Candidate, Face, Passage, Reading, Seat
from store.engine import Store
from store.pushed import (
    PassageBatch,
    Position,
    Staged,
    forget,
    known_passages,
    known_positions,
    settle,
    stage_passages,
    stage_positions,
    staged,
    waiting_days,
)

DAY = date(2026, 3, 18)
NEXT = DAY + timedelta(days=1)
FACE = Face(Seat.DRIVER, 0.5, (Candidate("P1", 0.9),), None)


def passage(n: int) -> Passage:
    return Passage(f"K{n}", "C1", 1000 - n, "V1", (Reading("V2", -3.5),), 0.9, None, (FACE,), "pushed/b", n)


def batch(name: str, day: date, *numbers: int) -> PassageBatch:
    return PassageBatch(name, day, "D1", [passage(n) for n in numbers], {"count": {"read": len(numbers)}})


def push(store: Store, *batches: PassageBatch) -> None:
    with store.writing() as session:
        for one in batches:
            stage_passages(session, one, 5)


def look(store: Store, day: date = DAY) -> Staged:
    with store.reading() as session:
        return staged(session, day)


def test_passages_wait_as_they_are_and_go_batch_by_batch(store: Store) -> None:
    push(store, batch("a", DAY, 1, 2), batch("a", NEXT, 1), batch("b", DAY))
    taken = look(store)
    assert taken.passages == (passage(2), passage(1))
    assert (taken.batches, [c["count"]["read"] for c in taken.counts]) == (("a", "b"), [2, 0])
    push(store, batch("c", DAY, 3))
    with store.writing() as session:
        assert known_passages(session, DAY, {"K1", "K3", "K9"}) == {"K1", "K3"}
        settle(session, taken)
    assert look(store).passages == (passage(3),)
    assert look(store, NEXT).passages == (passage(1),)


def test_a_passage_waits_once(store: Store) -> None:
    push(store, batch("a", DAY, 1))
    with pytest.raises(IntegrityError):
        push(store, batch("b", DAY, 2, 1))
    assert look(store).batches == ("a",)


def test_positions_wait_and_go_feed_by_feed(store: Store) -> None:
    one, two = Position("T1", 7, 1.5, 2.5, None, 3.5), Position("T2", 7, 1.0, 2.0, 0.0, None)
    with store.writing() as session:
        stage_positions(session, "a", [(DAY, "f", two), (DAY, "f", one), (DAY, "g", one), (NEXT, "f", one)], 5)
    taken = look(store)
    assert taken.positions == {"f": (one, two), "g": (one,)}
    keys = {(DAY, "f", "T1", 7), (DAY, "f", "T1", 8), (NEXT, "g", "T1", 7)}
    with store.writing() as session:
        assert known_positions(session, keys) == {(DAY, "f", "T1", 7)}
        settle(session, Staged(DAY, position_batches={"f": taken.position_batches["f"]}))
    assert look(store).positions == {"g": (one,)}
    assert look(store, NEXT).positions == {"f": (one,)}


def test_days_that_wait_and_what_is_forgotten(store: Store) -> None:
    push(store, batch("a", DAY, 1))
    with store.writing() as session:
        stage_positions(session, "b", [(NEXT, "f", Position("T1", 7, 1.0, 2.0, None, None))], 5)
    with store.writing() as session:
        assert waiting_days(session) == [DAY, NEXT]
        forget(session, NEXT)
        assert waiting_days(session) == [NEXT]
