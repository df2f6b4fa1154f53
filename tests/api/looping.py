"""An event loop of its own for each request: Playwright leaves one running in the thread of the tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


def run(what: Callable[..., Awaitable[T]], *given: Any) -> T:
    """Run a coroutine function to its end, in a thread where no loop runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, what, *given).result()
