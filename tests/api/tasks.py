"""Tasks for the tests of jobs: they travel to other processes, so they live in a module of their own."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feeds.faults import Fault, UnusableInput
from runs.progress import Progress
from store.engine import StoreRefused
from store.lease import LeaseTaken

HOW: dict[str, Exception] = {
    "bad-input": UnusableInput([Fault("zones.geojson", "is no GeoJSON"), Fault("zones.geojson", "is empty")]),
    "runs-already": LeaseTaken("nightly: another one runs"),
    "refused": StoreRefused("there is no such night"),
    "fault": ZeroDivisionError("a secret of ours"),
}


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts to ten; waits before the end until a file is there."""

    gate: Path | None = None

    def run(self, progress: Progress) -> dict[str, Any]:
        progress.stage("audit", 10)
        for _ in range(10):
            progress.advance(1)
        while self.gate is not None and not self.gate.exists():
            time.sleep(0.01)
        return {"counted": 10, "process": os.getpid()}


@dataclass(frozen=True, slots=True)
class Ending:
    """Ends badly."""

    how: str

    def run(self, progress: Progress) -> dict[str, Any]:
        progress.stage("audit", 1)
        if self.how == "broke-off":
            os._exit(9)
        raise HOW[self.how]
