"""A receiver on loopback that is as unreliable as it is told to be, and traps that tell of any connection."""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SLOW_S = 1.0


@dataclass
class Faults:
    """Shares of requests that fail, run into a time-out, and are taken without an answer."""

    failing: float = 0.0
    slow: float = 0.0
    dropping: float = 0.0
    seed: int = 1


@dataclass
class Arrival:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came in, in order, whether or not the sender was told."""

    faults: Faults
    arrivals: list[Arrival] = field(default_factory=list)
    seen: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def allow(self) -> str:
        return f"127.0.0.1:{self.port}"


def _outcome(receiver: Receiver, drawn: float) -> str:
    faults, least = receiver.faults, 0.0
    for name in ("failing", "slow", "dropping"):
        least += getattr(faults, name)
        if drawn < least:
            return name
    return "taken"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body, receiver = self.rfile.read(int(self.headers.get("Content-Length", 0))), self.server.receiver
        with receiver.lock:
            receiver.seen += 1
            outcome = _outcome(receiver, self.server.chance.random())
            if outcome != "failing" and receiver.status < 300:
                headers = {k.lower(): v for k, v in self.headers.items()}
                receiver.arrivals.append(Arrival(self.path, headers, body))
        if outcome == "slow":
            time.sleep(SLOW_S)
        if outcome in {"slow", "dropping"}:
            self.close_connection = True
            self.connection.close()
            return
        self._answer(503 if outcome == "failing" else receiver.status)

    do_GET = do_POST  # noqa: N815 -- the library's name

    def _answer(self, status: int) -> None:
        receiver = self.server.receiver
        self.send_response(status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(receiver.body)))
        self.end_headers()
        self.wfile.write(receiver.body)

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, receiver: Receiver) -> None:
        super().__init__((host, port), _Handler)
        self.receiver, self.chance = receiver, random.Random(receiver.faults.seed)

    def handle_error(self, *_: Any) -> None:
        """A connection that was cut is what is wanted."""


@contextmanager
def receiving(
    faults: Faults | None = None, host: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    receiver = Receiver(faults or Faults())
    server = _Server(host, port, receiver)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Trap:
    """A port on loopback, on every address of it that there is: `touched` grows with each connection."""

    port: int
    touched: list[str] = field(default_factory=list)


@contextmanager
def trapping() -> Iterator[Trap]:
    """Listen on 0.0.0.0 and, where there is IPv6, on ::, at one port."""
    sockets = [socket.create_server(("0.0.0.0", 0))]
    trap = Trap(sockets[0].getsockname()[1])
    if socket.has_ipv6:
        try:
            both = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            both.bind(("::", trap.port))
            both.listen()
            sockets.append(both)
        except OSError:
            both.close()
    over = threading.Event()

    def watch(listening: socket.socket) -> None:
        listening.settimeout(0.02)
        while not over.is_set():
            try:
                connection, address = listening.accept()
            except TimeoutError:
                continue
            trap.touched.append(str(address))
            connection.close()

    threads = [threading.Thread(target=watch, args=(s,), daemon=True) for s in sockets]
    for thread in threads:
        thread.start()
    try:
        yield trap
        time.sleep(0.1)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        for listening in sockets:
            listening.close()
