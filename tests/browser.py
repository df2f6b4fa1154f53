"""A real browser without a network, and pages looked at in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]


@dataclass
class Opened:
    """A page, and everything it asked for or complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ask(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def assert_quiet(self, file: Path) -> None:
        """Nothing was loaded but the file, nothing failed, and no text from outside ran."""
        assert {url.split("#")[0] for url in self.requests} == {file.as_uri()}
        assert self.complaints == []
        assert self.ask("window.__pwned") is None
        assert self.ask("performance.getEntriesByType('resource').length") == 0


Open = Callable[..., Opened]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("no Chromium here: run scripts/system_packages.sh test", pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    contexts = []

    def open_file(
        file: Path, *, width: int = 1366, height: int = 768, timezone: str = "Asia/Shanghai", hash_: str = ""
    ) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": height}, offline=True, timezone_id=timezone, reduced_motion="reduce"
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.on("console", lambda message: opened.complaints.append(f"{message.type}: {message.text}"))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on(
            "dialog", lambda dialog: (opened.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss())
        )
        opened.page.goto(file.as_uri() + hash_)
        opened.page.wait_for_function("window.trajaudit !== undefined || typeof trajaudit === 'object'")
        return opened

    yield open_file
    for context in contexts:
        context.close()
