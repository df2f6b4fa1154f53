"""PostgreSQL goes away while a nightly is at work: the results wait for it, and where it does not come back, the next
nightly makes up for the night."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine.default import DefaultDialect

from runs import points
from runs.points import POINTS
from store.engine import POSTGRESQL
from tests.nights.conftest import Places
from tests.nights.making import LEASE_MS, Told, faults_of, parts_of, run, runs_of
from tests.postgres import Server
from tests.stores import DIALECTS, sqlite_place

BACK_AFTER_S = 1.0
WAIT_S = 2
BEYOND_MS = 2 * LEASE_MS
QUIET = ("lease-released",)
"""After these the nightly has nothing to do with the database any more."""
IN_PASSING = ("ingest-before-commit", "audited", "results-before-commit")
"""Points that stand for the others in the quick tests: in a transaction, and out of one."""


@pytest.fixture
def server(pg_server: Server) -> Iterator[Server]:
    """The server, which a test may stop: it runs again afterwards."""
    yield pg_server
    pg_server.start()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], object]], None]:
    """Have something done once, when a point is reached."""

    def when(point: str, do: Callable[[], object]) -> None:
        waiting = [do]

        def listener(reached: str) -> None:
            if reached == point and waiting:
                waiting.pop()()

        monkeypatch.setattr(points, "listener", listener)

    return when


@pytest.fixture(scope="module")
def undisturbed_small(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, small: Path) -> dict[str, str]:
    place = sqlite_place(tmp_path_factory.mktemp("small-night") / "store", sqlite_template)
    run(Told.at(place, bundle=str(small)))
    return but_notices(parts_of(place))


def but_notices(parts: dict[str, str]) -> dict[str, str]:
    """Without the outbox: it says that a night was degraded."""
    return {name: digest for name, digest in parts.items() if name != "outbox"}


@dataclass
class Away:
    """A server that is stopped for a while, and started again beside the nightly."""

    server: Server
    over: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def begin(self) -> None:
        self.server.stop()
        self.thread = threading.Thread(target=self._bring_back)
        self.thread.start()

    def _bring_back(self) -> None:
        time.sleep(BACK_AFTER_S)
        self.server.start()
        self.over.wait()  # the server ends with the thread that started it

    def end(self) -> None:
        self.server.stop()
        self.over.set()
        assert self.thread is not None, "the point was not reached"
        self.thread.join()
        self.server.start()


def run_through(places: Places, server: Server, at: Callable, small: Path, point: str) -> tuple[str, dict, dict]:
    with places(POSTGRESQL) as place:
        away = Away(server)
        at(point, away.begin)
        try:
            (night,) = run(Told.at(place, bundle=str(small))).nights
        finally:
            away.end()
        assert faults_of(place) == []
        assert runs_of(place) == [night.state]
        return night.state, night.trouble, but_notices(parts_of(place))


@pytest.mark.parametrize("point", IN_PASSING)
def test_a_database_that_comes_back_is_waited_for(
    places: Places, server: Server, at: Callable, small: Path, undisturbed_small: dict[str, str], point: str
) -> None:
    state, trouble, parts = run_through(places, server, at, small, point)
    assert parts == undisturbed_small
    if point in {"audited", "results-before-commit"}:
        assert (state, trouble) == ("degraded", {"database": ["database-away"]})
    else:
        assert (state, trouble) == ("done", {})


@pytest.mark.slow
@pytest.mark.parametrize("point", [p for p in POINTS if p not in {*IN_PASSING, *QUIET}])
def test_a_database_that_comes_back_is_waited_for_at_every_point(
    places: Places, server: Server, at: Callable, small: Path, undisturbed_small: dict[str, str], point: str
) -> None:
    state, trouble, parts = run_through(places, server, at, small, point)
    assert state in {"done", "degraded"}, trouble
    assert parts == undisturbed_small


def test_a_database_that_stays_away_costs_the_night_until_the_next_nightly(
    places: Places, server: Server, at: Callable, small: Path, undisturbed_small: dict[str, str]
) -> None:
    with places(POSTGRESQL) as place:
        told = Told.at(place, bundle=str(small), wait_s=WAIT_S)
        at("audited", server.stop)
        done = run(told)
        assert not done.is_whole
        (night,) = done.nights
        assert night.state == "failed"
        assert list(night.trouble) == ["write"]
        assert "connection" in night.trouble["write"][0]
        server.start()
        (night,) = run(told.but(ahead_ms=BEYOND_MS)).nights  # we live, so the lease has to run out
        assert (night.state, night.trouble) == ("done", {})
        assert runs_of(place) == ["interrupted", "done"]
        assert but_notices(parts_of(place)) == undisturbed_small
        assert faults_of(place) == []


# ---------------------------------------------------------------- the answer gets lost


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_committed_is_not_written_twice_where_the_answer_got_lost(
    places: Places,
    at: Callable,
    monkeypatch: pytest.MonkeyPatch,
    small: Path,
    undisturbed_small: dict[str, str],
    dialect: str,
) -> None:
    lost = Counter[str]()
    commit = DefaultDialect.do_commit

    def commits_and_says_nothing(dialect: DefaultDialect, connection: Any) -> None:
        """Each thing is committed, and the answer gets lost the first time it is tried."""
        commit(dialect, connection)
        lost["tried"] += 1
        if lost["tried"] % 2:
            lost["answers"] += 1
            raise dialect.loaded_dbapi.OperationalError("server closed the connection unexpectedly")

    with places(dialect) as place:
        told = Told.at(place, bundle=str(small))
        at("lease-taken", lambda: monkeypatch.setattr(DefaultDialect, "do_commit", commits_and_says_nothing))
        (night,) = run(told).nights
        monkeypatch.setattr(DefaultDialect, "do_commit", commit)
        assert lost["answers"] >= 5  # runs closed, ingest, run begun, results, deadlines
        assert (night.state, night.vehicle_days, night.changes["new"] > 0) == ("done", 5, True)
        assert runs_of(place) == ["done"]
        assert but_notices(parts_of(place)) == undisturbed_small
        assert faults_of(place) == []
