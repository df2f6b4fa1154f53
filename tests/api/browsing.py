"""A real browser before a real server, each in a thread of its own: requests of other tests run in the main one."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

from api.serve import LOG_CONFIG
from tests.browser import QUIET

T = TypeVar("T")
HERE_ONLY = [
    *(a for a in QUIET if "host-resolver" not in a),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """Have an application answer on a port of this machine; gives its address."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=LOG_CONFIG, lifespan="off", access_log=False, server_header=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{own.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


@dataclass
class Seen:
    """A page with all that it asked for and complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)


class Chromium:
    """A browser in its thread; `look` runs something there with a fresh page."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._browser: Browser = self._thread.submit(self._start).result()

    def _start(self) -> Browser:
        self._playwright = sync_playwright().start()
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        assert program, "no Chromium here: run scripts/system_packages.sh test"
        return self._playwright.chromium.launch(executable_path=program, args=HERE_ONLY)

    def look(self, script: Callable[[Seen], T], **options: Any) -> T:
        def run() -> T:
            context = self._browser.new_context(
                viewport={"width": 1366, "height": 768}, reduced_motion="reduce", **options
            )
            seen = Seen(context.new_page())
            seen.page.on("request", lambda request: seen.requests.append(request.url))
            seen.page.on("console", lambda message: seen.complaints.append(f"{message.type}: {message.text}"))
            seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
            try:
                return script(seen)
            finally:
                context.close()

        return self._thread.submit(run).result()

    def close(self) -> None:
        def stop() -> None:
            self._browser.close()
            self._playwright.stop()

        self._thread.submit(stop).result()
        self._thread.shutdown()
