"""Spans: what a car did when, as row ranges over a fleet's columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from trajectories.fleet import F4, I4, I8


class SpanKind(IntEnum):
    """Standing, moving, or silent."""

    STANDING = 0
    MOVING = 1
    GAP = 2


class Activity(IntEnum):
    """What a stretch of a track looks like. Undetermined is an answer."""

    PLAIN_DRIVING = 0
    YARD_TRAINING = 1
    ROAD_TRAINING = 2
    UNDETERMINED = 3


@dataclass(frozen=True, slots=True)
class Spans:
    """Moving, standing and gap spans of all vehicles of a fleet, in vehicle and time order.

    The moving and standing spans of a vehicle partition its rows: half-open row ranges `start:stop` in the
    fleet. A gap has no rows (`start == stop`: the first row after the silence). In time the spans of a vehicle
    follow each other without hole: a span lasts until the next one begins. All columns have shape (n,).
    """

    vehicle_ix: I4
    kind: npt.NDArray[np.uint8]
    start: I8
    stop: I8
    start_ms: I8
    end_ms: I8

    def __len__(self) -> int:
        """Return the number of spans."""
        return len(self.kind)

    def of(self, k: int) -> Spans:
        """Return vehicle k's spans as views."""
        lo, hi = self.vehicle_ix.searchsorted(np.array([k, k + 1], np.int32))
        return Spans(*(getattr(self, f.name)[lo:hi] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of a fleet's tracks with the probabilities of what they were.

    `start:stop` are half-open row ranges in the fleet; `p_yard`, `p_road`, `p_plain` sum to 1; `activity` is
    `UNDETERMINED` where none is likely enough. All columns have shape (n,), in vehicle and time order.
    """

    vehicle_ix: I4
    activity: npt.NDArray[np.uint8]
    start: I8
    stop: I8
    start_ms: I8
    end_ms: I8
    p_yard: F4
    p_road: F4
    p_plain: F4

    def __len__(self) -> int:
        """Return the number of stretches."""
        return len(self.activity)

    def of(self, k: int) -> Stretches:
        """Return vehicle k's stretches as views."""
        lo, hi = self.vehicle_ix.searchsorted(np.array([k, k + 1], np.int32))
        return Stretches(*(getattr(self, f.name)[lo:hi] for f in fields(self)))
