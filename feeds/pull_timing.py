"""The clock of a pull, in one place, so that a test need not wait."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event


@dataclass(frozen=True, slots=True)
class Timing:
    """What a pull knows of time: `now_s` is Unix time in s, `tick_s` only ever grows.

    `wait(seconds)` ends early once `stopped` is set; `waits` stands in for it where nobody is to wait.

    `jitter` gives numbers in [0, 1): clients that were refused together must not come back together.
    """

    now_s: Callable[[], float] = time.time
    tick_s: Callable[[], float] = time.monotonic
    stopped: Event = field(default_factory=Event)
    waits: Callable[[float], object] | None = None
    jitter: Callable[[], float] = random.random

    def wait(self, seconds: float) -> None:
        """Let some seconds pass."""
        if self.waits is not None:
            self.waits(seconds)
        elif seconds > 0:
            self.stopped.wait(seconds)

    def backoff_s(self, first_s: float, failed: int, most_s: float) -> float:
        """Return how long to wait after so many failed attempts: twice as long each time, the last half by chance.

        >>> timing = Timing(jitter=lambda: 0.0)
        >>> [timing.backoff_s(1.0, failed, 60.0) for failed in (1, 2, 3, 9)]
        [0.5, 1.0, 2.0, 30.0]
        """
        whole_s = min(first_s * 2.0 ** min(failed - 1, 30), most_s)
        return whole_s * (1.0 + self.jitter()) / 2
