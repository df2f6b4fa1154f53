"""A server of nightlies for the tests of this folder, places for stores, and what an undisturbed night comes to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from store.engine import SQLITE
from tests.nights.making import DAY, ROOT, Told, parts_of
from tests.nights.shifted import shifted_city
from tests.postgres import Server
from tests.stores import Place, pg_place, sqlite_place

PATIENCE_S = 60.0


@dataclass
class Child:
    """A nightly in a process of its own."""

    server: Nights
    pid: int
    log: Path
    result: Path
    signals: str = ""

    def ended(self, within_s: float = PATIENCE_S) -> int:
        """Wait for its end; return its exit code, -9 where it was killed."""
        code = self.server.ask({"reap": self.pid, "within_s": within_s})["code"]
        assert code is not None, f"still there after {within_s} s: {self.said}"
        self.server.alive.discard(self.pid)
        return int(code)

    def done(self) -> dict[str, Any]:
        """What it did, once it has ended well."""
        code = self.ended()
        assert code == 0, self.said
        return self.told

    def kill(self) -> None:
        """Kill it. Its number is its own until its end was waited for."""
        os.kill(self.pid, signal.SIGKILL)

    def wait_until_stopped(self) -> None:
        self._wait_until("T")

    def wait_until_dead(self) -> None:
        """Wait for its end without burying it."""
        self._wait_until("Z")

    def _wait_until(self, state: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != state:
            assert time.monotonic() < until, self.said
            time.sleep(0.005)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def wait_until_here(self) -> None:
        """Wait until it is at the point where it pauses."""
        until = time.monotonic() + PATIENCE_S
        while not Path(f"{self.signals}.here").exists():
            assert time.monotonic() < until, self.said
            time.sleep(0.005)

    def let_go(self) -> None:
        Path(f"{self.signals}.go").touch()

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self.result.read_text("utf-8"))

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8") if self.log.exists() else ""


@dataclass
class Nights:
    """The server's client."""

    folder: Path
    process: subprocess.Popen[str]
    alive: set[int] = field(default_factory=set)
    made: int = 0

    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, told: Told) -> Child:
        self.made += 1
        log, result = (self.folder / f"{self.made}.{end}" for end in ("log", "json"))
        pid = self.ask({"start": asdict(told), "log": str(log), "result": str(result)})["pid"]
        self.alive.add(pid)
        return Child(self, pid, log, result, told.signals)

    def close(self) -> None:
        for pid in self.alive:  # none was waited for: each number is still its own
            os.kill(pid, signal.SIGKILL)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """A server that is warm: a child of it is at work at once."""
    folder = tmp_path_factory.mktemp("nights")
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.nights.server"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log, text=True, encoding="utf-8",
        )  # fmt: skip
    server = Nights(folder, process)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), (folder / "server.log").read_text()
        yield server
    finally:
        server.close()


Places = Callable[[str], AbstractContextManager[Place]]


@pytest.fixture
def places(tmp_path: Path, request: pytest.FixtureRequest) -> Places:
    """Give empty, migrated stores one after another: `with places(dialect) as place`; each is gone afterwards."""
    made = 0

    @contextmanager
    def one(dialect: str) -> Iterator[Place]:
        nonlocal made
        made += 1
        folder = tmp_path / f"store-{made}"
        server: Server | None = None
        if dialect == SQLITE:
            place = sqlite_place(folder, request.getfixturevalue("sqlite_template"))
        else:
            server = request.getfixturevalue("pg_server")
            place = pg_place(folder, server)
        try:
            yield place
        finally:
            if server is not None:
                server.drop(database_of(place))
            shutil.rmtree(folder, ignore_errors=True)

    return one


def database_of(place: Place) -> str:
    return str(place.url).partition("?")[0].rpartition("/")[2]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, nights: Nights) -> dict[str, str]:
    """What one night of the sample city comes to when nothing disturbs it."""
    place = sqlite_place(tmp_path_factory.mktemp("undisturbed") / "store", sqlite_template)
    nights.start(Told.at(place)).done()
    return parts_of(place)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample city with a few of its cars: each of its feeds has one, some with findings and some without."""
    return shifted_city(tmp_path_factory.mktemp("small") / "city", DAY, {"V0002", "V0006", "V0009", "V0012", "V0013"})
