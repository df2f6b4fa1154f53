"""What a server has done in a process of its own: a night audited, an edit tried. Nothing here outlives the process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from audit.compare import Comparison, Matter, Status
from audit.finding import Finding
from cases.roles import Actor, Permission, has_permission_at
from runs.case_views import Numbers, finding_line, people_of
from runs.night_desk import Desk
from runs.nightly import Order, as_json, nightly
from runs.open_store import opened
from runs.preview import Edit, Preview, counted, preview
from runs.progress import Progress
from runs.settings import Settings
from runs.words import speaking
from store.engine import now_ms
from trajectories.clock import LocalTime


@dataclass(frozen=True, slots=True)
class NightlyTask:
    """One nightly, in the name of whoever asked for it. `clock`: for tests."""

    settings: Settings
    actor: Actor
    order: Order
    clock: Callable[[], int] = now_ms

    def run(self, progress: Progress) -> dict[str, Any]:
        """Run it and return what it did, night by night."""
        with _desk(self.settings, self.actor, progress, self.clock) as desk:
            done = nightly(desk, self.order)
        told: dict[str, Any] = json.loads(as_json(done))
        return {**told, "is_whole": done.is_whole}


@dataclass(frozen=True, slots=True)
class PreviewTask:
    """An edit tried on one night. `zones`: GeoJSON text in place of its own; `values`: RULE.PARAMETER=VALUE."""

    settings: Settings
    actor: Actor
    service_date: date
    zones: str | None = None
    values: tuple[str, ...] = ()
    lang: str = "zh"
    clock: Callable[[], int] = now_ms

    def run(self, progress: Progress) -> dict[str, Any]:
        """Try it and return what would change, as far as whoever asks may see it."""
        with (
            speaking(self.lang),
            _desk(self.settings, self.actor, progress, self.clock) as desk,
            _file(self.zones) as f,
        ):
            seen = preview(desk, Edit(self.service_date, zones=f, settings=self.values), self.lang)
        return previewed(seen, self.actor, LocalTime(self.settings.nightly.timezone))


@contextmanager
def _desk(settings: Settings, actor: Actor, progress: Progress, clock: Callable[[], int]) -> Iterator[Desk]:
    store = replace(opened(settings), clock=clock)
    try:
        yield Desk.open(store, settings, progress, actor.name)
    finally:
        store.close()


@contextmanager
def _file(zones: str | None) -> Iterator[Path | None]:
    """Give a file of zones, gone afterwards."""
    if zones is None:
        yield None
        return
    with TemporaryDirectory(prefix="trajaudit-zones-") as folder:
        path = Path(folder) / "zones.geojson"
        path.write_text(zones, "utf-8")
        yield path


def previewed(seen: Preview, actor: Actor, local: LocalTime) -> dict[str, Any]:
    """Return what an edit would do: findings that an account may see, people by number; vehicle-days of the city."""
    sides = _visible(seen.compared.comparison, actor)
    numbers = Numbers([p for m in sides for f in (m.before, m.after) if f is not None for p in people_of(f)])

    def line(found: Finding | None) -> dict[str, Any] | None:
        return None if found is None else finding_line(found, local, numbers, frozenset())

    return {
        "service_date": seen.compared.comparison.service_date.isoformat(),
        "new": [line(m.after) for m in sides if m.status is Status.NEW],
        "changed": [
            {"before": line(m.before), "after": line(m.after), "fields": sorted({c.field for c in m.changes})}
            for m in sides
            if m.status is Status.CHANGED
        ],
        "gone": [line(m.before) for m in sides if m.status is Status.GONE],
        "vehicle_days": {"n": seen.n_vehicles, "asked_anew": len(seen.why), "why": counted(seen.why.values())},
    }


def _visible(found: Comparison, actor: Actor) -> list[Matter]:
    """Return the matters that differ, without the side that an account may not see."""

    def seen(side: Finding | None) -> Finding | None:
        return side if side is not None and has_permission_at(actor, Permission.READ_FINDINGS, side) else None

    held = (replace(m, before=seen(m.before), after=seen(m.after)) for m in found.differing)
    return [m for m in held if m.before is not None or m.after is not None]
