"""A bundle and a service day turned into the facts of an audit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import numpy as np

from audit.day import Doubts
from audit.facts import Facts
from feeds.bundle import Bundle
from feeds.faults import Fault, UnusableInput
from geo.plane import LocalPlane
from runs.door import TrackDoor
from trajectories.clock import ServiceDay
from trajectories.recipe import Recipe
from zones.declared import Exam, Session
from zones.history import zones_in_force
from zones.places import Places
from zones.schedule import Calendar

MARGIN_M = 15.0
"""How far a fix may lie outside a place that holds it: GNSS noise, datum conversion, digitising (formats.md 3.2)."""

PLANE_STEP_DEG = 0.25
"""The city's plane stands on this grid: an edit of one zone then moves no metre elsewhere (lengths change by 3e-6)."""

Declared = TypeVar("Declared", Session, Exam)


def assemble(bundle: Bundle, day: ServiceDay, door: TrackDoor, recipe: Recipe) -> Facts:
    """Return what the audit rests on besides the fixes; raises `UnusableInput` where no zone is in force that day."""
    zones = zones_in_force(bundle.zones, day.date)
    if not zones:
        first, last = day.date - timedelta(days=1), day.date + timedelta(days=1)
        hint = f"Check --date and the zones' valid_from and valid_to (looked from {first} to {last})."
        raise UnusableInput([Fault("zones", f"no zone is in force on {day.date.isoformat()}", hint=hint)])
    edges = np.array([z.geometry.bounds for z in zones])
    middle = (edges[:, :2].min(axis=0) + edges[:, 2:].max(axis=0)) / 2
    lon_deg, lat_deg = (np.round(middle / PLANE_STEP_DEG) * PLANE_STEP_DEG).tolist()
    vehicles = door.vehicles()
    trainees = {s.trainee_id for s in bundle.sessions}
    on_file = {z.zone_id for z in bundle.zones}
    unknown = frozenset(s.zone_id for s in bundle.sessions if s.zone_id is not None and s.zone_id not in on_file)
    hours = frozenset(z.zone_id for z in bundle.zones if bundle.damaged.hours_of(z.zone_id))
    return Facts(
        day=day,
        places=Places.build(zones, LocalPlane(lon_deg, lat_deg), MARGIN_M),
        calendar=Calendar(bundle.windows, bundle.exceptions, day.local),
        vehicles=vehicles,
        schools={s.school_id: s for s in bundle.schools},
        sessions=_of_day(bundle.sessions, day),
        exams=_of_day(bundle.exams, day),
        permits=bundle.permits,
        feeds=door.feeds_of(),
        doubts={v: _doubts(bundle, v, vehicles[v].school_id, hours, unknown) for v in vehicles},
        damaged_trainees=frozenset(t for t in trainees if bundle.damaged.sessions_of_trainee(t)),
        recipe=recipe,
    )


def _of_day(declared: Iterable[Declared], day: ServiceDay) -> dict[str, tuple[Declared, ...]]:
    """Return sessions or exams so far as they lie in the service day, by vehicle, by start."""
    out: dict[str, list[Declared]] = {}
    first, last = day.start_ms, day.end_ms
    for d in declared:
        if d.start_ms < last and d.end_ms > first:
            whole = d.start_ms >= first and d.end_ms <= last
            part = d if whole else replace(d, start_ms=max(d.start_ms, first), end_ms=min(d.end_ms, last))
            out.setdefault(d.vehicle_id, []).append(part)
    return {v: tuple(sorted(held, key=lambda d: (d.start_ms, d.end_ms))) for v, held in out.items()}


def _doubts(
    bundle: Bundle, vehicle_id: str, school_id: str | None, hours: frozenset[str], unknown_zones: frozenset[str]
) -> Doubts:
    damaged, word = bundle.damaged, "register-damaged"
    return Doubts(
        register=word if damaged.vehicle(vehicle_id) else None,
        sessions=word if damaged.sessions_of(vehicle_id) else None,
        permits=word if damaged.permits_of(vehicle_id, school_id) else None,
        hours=hours,
        unknown_zones=unknown_zones,
    )
