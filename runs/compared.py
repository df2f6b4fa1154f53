"""Two runs of one day compared: from two folders of results, with a map of what differs if one is wanted."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from audit.compare import Answers, Comparison, compare
from audit.measures import MEASURES
from audit.registry import load_rules
from feeds.faults import Fault, UnusableInput
from runs.difference_words import what_differs, why_it_differs
from runs.recorded import Recorded, read_recorded
from trajectories.clock import LocalTime
from zones.zone import Zone


@dataclass(frozen=True, slots=True)
class Places:
    """What a map of differences shows besides them: approved places, and former versions of those that differ."""

    zones: tuple[Zone, ...] = ()
    former: tuple[Zone, ...] = ()
    hours: dict[str, str] = field(default_factory=dict)
    schools: dict[str, str] = field(default_factory=dict)
    person_label: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison with what both runs are called, and the time zone to tell it in."""

    comparison: Comparison
    before: str
    after: str
    local: LocalTime
    places: Places = field(default_factory=Places)


def compare_folders(before: Path, after: Path) -> Compared:
    """Compare the results in two folders; `UnusableInput` where one holds no run, or they are of other days."""
    runs: list[Recorded] = []
    faults: list[Fault] = []
    for out in (before, after):
        try:
            runs.append(read_recorded(out))
        except UnusableInput as error:
            faults += error.faults
    if faults:
        raise UnusableInput(faults)
    one, other = runs
    _same_day(before, after, (one.answers, one.local), (other.answers, other.local))
    return Compared(compare(one.answers, other.answers), str(before), str(after), other.local)


def _same_day(before: Path, after: Path, one: tuple[Answers, LocalTime], other: tuple[Answers, LocalTime]) -> None:
    dates, zones = [a.service_date.isoformat() for a, _ in (one, other)], [local.name for _, local in (one, other)]
    hint = "Compare two runs of one service day of one city."
    for name, (then, now) in (("service_date", dates), ("time zone", zones)):
        if then != now:
            message = f"is of another {name} than {before}"
            raise UnusableInput([Fault(str(after), message, field=name, found=now, expected=then, hint=hint)])


def write_difference_map(path: Path, compared: Compared, lang: str) -> None:
    """Write the map of what differs to a file, readable by its owner alone.

    An earlier file of that name is replaced as a whole. `UnusableInput` where it cannot be written.
    """
    from maps.compare_map import CompareDay, render_compare  # noqa: PLC0415 -- Folium is slow to import

    which, places = 0 if lang == "zh" else 1, compared.places
    names = {key: pair[which] for key, pair in MEASURES.items()}
    labels = names | {r.name: (r.card.title_zh, r.card.title_en)[which] for r in load_rules()}
    day = CompareDay(
        before=compared.before,
        after=compared.after,
        local=compared.local,
        comparison=compared.comparison,
        what=lambda m: what_differs(m, compared.local, lang),
        why=lambda m: why_it_differs(m, lang),
        zones=places.zones,
        former=places.former,
        zone_hours=places.hours,
        schools=places.schools,
        labels=labels,
        person_label=places.person_label,
    )
    _write_whole(path, render_compare(day, lang))


def _write_whole(path: Path, text: str) -> None:
    """Write beside the file and put it in its place by one rename; what `mkstemp` makes is for the owner alone."""
    written = None
    try:
        handle, written = tempfile.mkstemp(dir=path.parent, prefix=".trajaudit-")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(written).replace(path)
    except OSError as error:
        if written is not None:
            with suppress(OSError):
                Path(written).unlink()
        fault = Fault(str(path), f"cannot be written: {error.strerror}", hint="Name a file in a folder that exists.")
        raise UnusableInput([fault]) from error
