"""Asking one process of a server and not another: while the others are held, only one can take a connection."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.api.test_serve import Serving

PATIENCE_S = 60.0


class Answer(NamedTuple):
    """An answer. `headers`: by their names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        """The last part of a problem's type."""
        return str(self.json()["type"]).rpartition(":")[2]


def processes_of(server: Serving) -> list[int]:
    """Return the processes that answer requests, by their numbers."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == server.process.pid and b"spawn_main" in command:
            found.append(int(folder.name))
    return sorted(found)


@contextmanager
def held(processes: Sequence[int]) -> Iterator[None]:
    """Let processes do nothing in the block."""
    for number in processes:
        os.kill(number, signal.SIGSTOP)
    try:
        yield
    finally:
        for number in processes:
            os.kill(number, signal.SIGCONT)


@dataclass
class Worker:
    """A process of a server, by a connection that it has taken and that stays open."""

    number: int
    connection: http.client.HTTPConnection

    def ask(
        self, method: str, path: str, told: Any = None, headers: Mapping[str, str] | None = None, key: str | None = None
    ) -> Answer:
        """Ask this process. `told`: JSON; `key`: an account's."""
        given = dict(headers or {})
        if told is not None:
            given.setdefault("Content-Type", "application/json")
        if key is not None:
            given["Authorization"] = f"Bearer {key}"
        assert self.connection.sock is not None, "the connection must be the one that this process took"
        body = None if told is None else json.dumps(told).encode()
        self.connection.request(method, path, body, given)
        answer = self.connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


@contextmanager
def workers_of(server: Serving, n: int) -> Iterator[list[Worker]]:
    """Give the processes of a server once there are `n`, each with a connection of its own."""
    until = time.monotonic() + PATIENCE_S
    while len(numbers := processes_of(server)) < n:
        assert time.monotonic() < until, "the processes did not start"
        time.sleep(0.05)
    with ExitStack() as closing_all:
        made = []
        for number in numbers:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
            closing_all.callback(connection.close)
            with held([other for other in numbers if other != number]):
                connection.connect()
                made.append(Worker(number, connection))
                assert made[-1].ask("GET", "/healthz").status == 200
        yield made
