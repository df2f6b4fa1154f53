"""From a fleet's fixes to what its cars did: cleaning, spans, minutes, visits, for a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trajectories.activity import Floats, yard_probability
from trajectories.clean import label_fixes, usable
from trajectories.clock import ServiceDay
from trajectories.fleet import F8, Fleet
from trajectories.minutes import MINUTE_MS, MinuteTable, tabulate
from trajectories.recipe import Recipe
from trajectories.segment import find_spans, label_drift, moving_mask
from trajectories.spans import Spans
from zones.places import Places
from zones.visits import Visits, find_visits

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Motion:
    """A labelled fleet in the metres of the city's plane, and where it moved; columns of shape (n_fixes,)."""

    fleet: Fleet
    east_m: F8
    north_m: F8
    ok: Bools
    moving: Bools
    spans: Spans


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a batch of cars did on a service day."""

    motion: Motion
    table: MinuteTable
    p_yard: Floats
    visits: Visits


def observe(fleet: Fleet, places: Places, recipe: Recipe) -> Motion:
    """Label the fixes of a fleet and cut its tracks into spans."""
    east_m, north_m = places.plane.to_metres(fleet.lon_deg, fleet.lat_deg)
    fleet = label_fixes(fleet, east_m, north_m, recipe)
    ok = usable(fleet)
    moving = moving_mask(fleet, east_m, north_m, ok, recipe)
    spans = find_spans(fleet, moving, ok, recipe)
    return Motion(label_drift(fleet, spans, east_m, north_m, ok, recipe), east_m, north_m, ok, moving, spans)


def analyse(motion: Motion, places: Places, day: ServiceDay, recipe: Recipe) -> Analysis:
    """Tabulate the minutes of the service day and find the visits of approved places."""
    m = motion
    n_minutes = (day.end_ms - day.start_ms) // MINUTE_MS
    table = tabulate(m.fleet, m.east_m, m.north_m, m.ok, m.moving, day.start_ms, n_minutes, recipe)
    visits = find_visits(m.fleet, places, m.east_m, m.north_m, m.ok)
    return Analysis(motion, table, yard_probability(table), visits)
