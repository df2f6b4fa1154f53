"""A server of the tests on a real port, and headers for GDAL."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tests.api.conftest import Server


@contextmanager
def listening(server: Server) -> Iterator[str]:
    """Serve on a free port of the loopback interface from a thread of ours, and give the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config = uvicorn.Config(server.app, lifespan="off", log_level="warning")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not running.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
