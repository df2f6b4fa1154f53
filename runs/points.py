"""Named moments of a nightly: between any two of them a run may be killed, and the next one must go on from there.

In production nothing listens. The kill tests do, and stop the process at each of them in turn.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS = (
    "lease-taken",
    "ingest-files-written",
    "ingest-before-commit",
    "ingest-committed",
    "run-recorded",
    "audited",
    "lake-written",
    "results-written",
    "cases-followed",
    "notices-written",
    "results-before-commit",
    "results-committed",
    "head-written",
    "run-ended",
    "lease-released",
)
"""Every moment, in the order in which a night with new input reaches them."""

listener: Callable[[str], None] | None = None
"""Told of each moment as it is reached."""


def reached(point: str) -> None:
    """Say that a moment is reached."""
    if listener is not None:
        listener(point)
