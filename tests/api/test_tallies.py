"""What is counted for limits and locks: in one process, or by several of a server as if they were one."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from api import tallies as module
from api.limits import AddressLocks, Window
from api.tallies import FILE, MOST_KEYS, OwnTallies, SharedTallies, Tallies, Tally
from store.failed_logins import LockRule

RULE = LockRule(after=3, first_ms=60_000, longest_ms=3_600_000)


@pytest.fixture(params=["own", "shared"])
def counted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tallies]:
    if request.param == "own":
        yield OwnTallies()
        return
    made = SharedTallies(tmp_path)
    yield made
    made.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[SharedTallies, SharedTallies]]:
    """The tallies of two processes of a server."""
    made = (SharedTallies(tmp_path), SharedTallies(tmp_path))
    yield made
    for one in made:
        one.close()


def one_more(held: Tally | None) -> tuple[Tally, int]:
    n = 1 if held is None else held[0] + 1
    return [n], n


def test_a_tally_is_kept_by_kind_and_name_and_can_be_taken_back(counted: Tallies) -> None:
    assert [counted.change("a", "x", one_more) for _ in range(3)] == [1, 2, 3]
    assert (counted.change("b", "x", one_more), counted.change("a", "y", one_more)) == (1, 1)
    assert counted.change("a", "x", lambda held: (None, held)) == [3]
    assert counted.change("a", "x", lambda held: (held, held)) is None
    assert counted.change("a", "x", one_more) == 1


def test_a_change_that_fails_leaves_the_file_as_it_was(two: tuple[SharedTallies, SharedTallies]) -> None:
    here, there = two
    here.change("a", "x", one_more)
    with pytest.raises(ZeroDivisionError):
        here.change("a", "x", lambda _held: ([1 // 0], None))
    assert [here.change("a", "x", one_more), there.change("a", "x", one_more)] == [2, 3]


def test_no_more_names_are_remembered_than_may_and_the_last_used_stay(
    counted: Tallies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KEYS", 10)
    monkeypatch.setattr(module, "TRIM_EACH", 5)
    counted.change("b", "of another kind", one_more)
    for n in range(100):
        counted.change("a", "often", one_more)
        counted.change("a", str(n), one_more)
    assert counted.change("a", "often", one_more) == 101
    assert counted.change("b", "of another kind", one_more) == 2
    known = [n for n in range(100) if counted.change("a", str(n), lambda held: (held, held is not None))]
    assert len(known) <= 10 + 5
    assert known[-1] == 99
    assert 0 not in known


def test_two_processes_allow_no_more_than_one_would(two: tuple[SharedTallies, SharedTallies]) -> None:
    now = [30.0]
    here, there = (Window(10, lambda: now[0], one, "account") for one in two)
    told = [window.wait_s("li") == 0 for _ in range(20) for window in (here, there)]
    assert told.count(True) == 10
    assert here.wait_s("li") == there.wait_s("li") > 0
    assert here.wait_s("wang") == 0
    now[0] += here.wait_s("li")
    assert sum(window.wait_s("li") == 0 for window in (here, there)) == 1


def test_a_process_whose_clock_was_read_earlier_takes_nothing_back(two: tuple[SharedTallies, SharedTallies]) -> None:
    now = [59.99, 60.01]  # one looked just before the minute was over, the other just after
    early, late = Window(4, lambda: now[0], two[0]), Window(4, lambda: now[1], two[1])
    assert [late.wait_s("li") for _ in range(4)] == [0] * 4
    assert early.wait_s("li") > 0
    assert late.wait_s("li") > 0


def test_failures_at_two_processes_lock_an_address_as_those_at_one_do(two: tuple[SharedTallies, SharedTallies]) -> None:
    here, there = (AddressLocks(RULE, lambda: 100.0, one) for one in two)
    assert [here.begin("10.0.0.1", "a").locks, there.begin("10.0.0.1", "b").locks] == [False, False]
    here.forget("10.0.0.1", "b")
    assert there.begin("10.0.0.1", "c").locks is False
    assert here.begin("10.0.0.1", "d").locks is True
    assert there.begin("10.0.0.1", "e").held_until_ms == here.now_ms() + RULE.first_ms
    assert there.begin("10.0.0.2", "e").held_until_ms is None


def test_no_name_that_was_tried_is_in_the_file(two: tuple[SharedTallies, SharedTallies], tmp_path: Path) -> None:
    AddressLocks(RULE, lambda: 100.0, two[0]).begin("10.0.0.1", "a password in the wrong field")
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith(FILE))
    assert b"10.0.0.1" in held
    assert b"wrong field" not in held


def count_up(folder: Path, times: int) -> None:
    shared = SharedTallies(folder)
    for _ in range(times):
        shared.change("a", "x", one_more)
    shared.close()


def test_of_counts_at_the_same_moment_none_is_lost(two: tuple[SharedTallies, SharedTallies], tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=count_up, args=(tmp_path, 300)) for _ in range(2)]
    here = [Thread(target=count_up_here, args=(two[0], 100)) for _ in range(4)]
    for one in (*others, *here):
        one.start()
    for one in (*others, *here):
        one.join(60)
    assert [process.exitcode for process in others] == [0, 0]
    assert two[1].change("a", "x", one_more) == 2 * 300 + 4 * 100 + 1


def count_up_here(shared: Tallies, times: int) -> None:
    for _ in range(times):
        shared.change("a", "x", one_more)


def test_a_file_that_cannot_be_written_stops_nobody_and_the_process_counts_by_itself(
    two: tuple[SharedTallies, SharedTallies], caplog: pytest.LogCaptureFixture
) -> None:
    here, _ = two
    here._file.execute("PRAGMA query_only=ON")  # as a full disk: what is read still can be
    window = Window(2, lambda: 30.0, here)
    assert [window.wait_s("li") == 0 for _ in range(3)] == [True, True, False]
    assert [record.levelname for record in caplog.records] == ["WARNING"], "it is said once"
    here._file.execute("PRAGMA query_only=OFF")
    assert window.wait_s("li") == 0


def quickest_ms(work: Callable[[], object], times: int = 200) -> float:
    """Return what the quickest of many takes, in ms."""
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best * 1000


def test_counting_costs_a_request_next_to_nothing_however_many_are_known(tmp_path: Path) -> None:
    shared = SharedTallies(tmp_path)
    shared._file.executemany(
        "REPLACE INTO tallies VALUES ('account', ?, '[1, 2, 3]')", [(str(n),) for n in range(MOST_KEYS)]
    )
    window = Window(10**9, time.monotonic, shared, "account")
    assert quickest_ms(lambda: window.wait_s("7")) < 2
    shared.close()
