"""The rules by cameras under other names, at other hours, and in another order: the same findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from audit.finding import Finding
from audit.witness import Witnesses
from tests.properties.test_metamorphic import HOUR_MS, Later, hours_later
from tests.rules.filmed import Film
from tests.rules.guilty import FILMS
from tests.rules.world import World
from zones.register import StaffRole


def told(world: World, rule: str) -> list[tuple[Any, ...]]:
    """What the findings of a rule say, times in seconds (an ms of a made drive may fall to either side)."""
    return [
        (f.vehicle_id, f.person_id, f.session_id, f.start_ms // 1000, f.end_ms // 1000, len(f.evidence["seen"]))
        for f in world.ask(rule).findings
    ]


def only(film: Film, rule: str) -> Finding:
    (found,) = film.watched().ask(rule).findings
    return found


@pytest.mark.parametrize("rule", FILMS)
def test_other_names_of_cars_people_cameras_and_passages_change_nothing_else(rule: str) -> None:
    film = FILMS[rule]()

    def other(name: str) -> str:
        return f"甲 {name[::-1]}"

    world = replace(
        film.world,
        drives={other(v): d for v, d in film.world.drives.items()},
        vehicles=[replace(v, vehicle_id=other(v.vehicle_id)) for v in film.world.vehicles],
        sessions=[
            replace(s, vehicle_id=other(s.vehicle_id), instructor_id=other(s.instructor_id))
            for s in film.world.sessions
        ],
    )
    renamed = replace(
        film,
        world=world,
        staff=[StaffRole(other(s.person_id), s.role, s.school_id, s.site_id) for s in film.staff],
        cameras={other(c): p for c, p in film.cameras.items()},
        shots=[
            replace(
                s,
                camera_id=other(s.camera_id),
                vehicle_id=other(s.vehicle_id),
                seen=[(seat, None if p is None else other(p), score) for seat, p, score in s.seen],
            )
            for s in film.shots
        ],
    )
    was, now = only(film, rule), only(renamed, rule)
    assert now.vehicle_id == other(str(was.vehicle_id))
    assert now.person_id == (None if was.person_id is None else other(was.person_id))
    assert (now.start_ms, now.end_ms) == (was.start_ms, was.end_ms)
    assert now.confidence == was.confidence


@pytest.mark.parametrize("hours", [-1, 2])
@pytest.mark.parametrize("rule", FILMS)
def test_everything_some_hours_later_gives_the_same_findings_those_hours_later(rule: str, hours: int) -> None:
    film, later_ms = FILMS[rule](), hours * HOUR_MS
    world = replace(
        film.world,
        drives={v: Later(d, later_ms) for v, d in film.world.drives.items()},
        sessions=[replace(s, start_ms=s.start_ms + later_ms, end_ms=s.end_ms + later_ms) for s in film.world.sessions],
        windows=[hours_later(w, hours) for w in film.world.windows],
    )
    shifted = replace(film, world=world, shots=[replace(s, t_ms=s.t_ms + later_ms) for s in film.shots])
    was, now = only(film, rule), only(shifted, rule)
    assert (now.start_ms - was.start_ms, now.end_ms - was.end_ms) == (later_ms, later_ms)
    assert now.person_id == was.person_id


@pytest.mark.parametrize("rule", FILMS)
def test_all_clocks_off_by_the_same_half_minute_are_found_and_change_nothing(rule: str) -> None:
    film = FILMS[rule]()
    off = replace(film, shots=[replace(s, off_s=s.off_s + 30.0) for s in film.shots])
    assert [t[:3] for t in told(off.watched(), rule)] == [t[:3] for t in told(film.watched(), rule)]


@pytest.mark.parametrize("rule", FILMS)
def test_the_order_of_the_records_does_not_matter(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    film = FILMS[rule]()
    witnesses = Film.witnesses

    def reversed_witnesses(self: Film) -> Witnesses:
        made = witnesses(self)
        return replace(made, passages=made.passages[::-1])

    before = told(film.watched(), rule)
    monkeypatch.setattr(Film, "witnesses", reversed_witnesses)
    assert told(film.watched(), rule) == before
