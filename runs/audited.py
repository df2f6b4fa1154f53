"""One service day of one bundle, audited; nothing is written yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from audit.engine import Sources, iter_sorted
from audit.finding import Finding
from audit.recall import Recall
from audit.registry import Rule
from feeds.bundle import Bundle, read_bundle
from feeds.digest import bundle_digests
from feeds.ledger import Ledger
from feeds.passage_count import PassageCount, Readmitted
from feeds.passage_door import FOLDER
from runs.asking import Asking
from runs.assemble import assemble
from runs.door import TrackDoor
from runs.night import Night, Tap, audit_night
from runs.office import rules_with
from runs.progress import Progress, Stopwatch
from runs.versions import versions
from runs.witness import CameraDesk, KeptPassages, open_cameras
from trajectories.recipe import Recipe

EVIDENCE_FILES = frozenset(
    {
        "bundle.toml", "schools.csv", "vehicles.csv", "terminals.csv", "sessions.csv", "exams.csv", "permits.csv",
        "schedules.csv", "exceptions.csv", "zones.geojson", "zones.gpkg", "zones.kml",
        *(f"zones_{kind}.{part}" for kind in ("polygon", "line") for part in ("shp", "shx", "dbf", "prj", "cpg")),
    }
)  # fmt: skip
"""What the rules on tracks read besides tracks; staff and cameras are not among it."""
WITNESS_FILES = frozenset({"staff.csv", "cameras.geojson", "lookalikes.csv", "passages.ndjson"})
"""What only the rules by cameras read, with the payloads in `passages/`."""


def _is_witness(name: str) -> bool:
    return name.removesuffix(".gz") in WITNESS_FILES or name.startswith(f"{FOLDER}/")


@dataclass(slots=True)
class Audited:
    """A night with what it was made from."""

    bundle: Bundle
    bundle_sha256: str
    rules: tuple[Rule, ...]
    door: TrackDoor
    night: Night
    findings: list[Finding]
    ledger: Ledger
    versions: dict[str, str]
    digests: Mapping[str, str]
    files: Mapping[str, str]
    cameras: CameraDesk
    asking: Asking
    watch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def passages(self) -> PassageCount:
        """What the door of the passages counted."""
        return self.cameras.door.count


@dataclass(frozen=True, slots=True)
class Again:
    """What a store adds to an audit: what the answers that stand rest on, the passages it kept, who looks on.

    `pushed`: passages that were pushed, to be judged beside those of the bundle, or those kept.
    """

    recall: Recall | None = None
    kept: KeptPassages | None = None
    tap: Tap | None = None
    pushed: Readmitted | None = None


def _warn(door: TrackDoor, ledger: Ledger, day: date) -> None:
    """Say what the audit does not look at, and why."""
    if not door.vehicles():
        ledger.warn(f"vehicles.csv: no vehicle is registered on {day.isoformat()}, so none is audited")


def audit_bundle(
    folder: Path,
    day: date,
    progress: Progress,
    jobs: int = 1,
    office: Path | None = None,
    only: frozenset[str] | None = None,
    rules: Sequence[Rule] | None = None,
    again: Again | None = None,
) -> Audited:
    """Audit one service day of a bundle without writing anything.

    `rules`: these in place of all rules with the office's values. `again`: what a store adds. `Audited.digests` are
    those that evidence names.
    """
    ledger, watch, again = Ledger(), Stopwatch(), again or Again()
    with watch.measure("bundle"):
        rules = rules_with(office) if rules is None else rules
        bundle = read_bundle(folder, ledger)
        digests, whole = bundle_digests(folder)
    service_day = bundle.config.local.service_day(day)
    with watch.measure("open"):
        door = TrackDoor(bundle, service_day, ledger)
        door.open()
        _warn(door, ledger, day)
        facts = assemble(bundle, service_day, door, Recipe())
        cameras, witnesses = open_cameras(bundle, service_day, door, facts.places.plane, again.kept, again.pushed)
        facts = replace(facts, witnesses=witnesses)
    known = versions(rules)
    named = {f: d for f, d in digests.items() if f.startswith("tracks/") or f.removesuffix(".gz") in EVIDENCE_FILES}
    witnessed = {f: d for f, d in digests.items() if _is_witness(f)}
    witnessed |= {} if again.kept is None else again.kept.sources
    sources = Sources(door.sources.trace, named, known, witnessed)
    asking = Asking(rules, only, again.recall)
    night = audit_night(door, cameras, facts, rules, sources, progress, watch, jobs, asking, again.tap)
    findings = list(iter_sorted(night.verdicts.findings))
    made = bundle, whole, tuple(rules), door, night, findings, ledger
    return Audited(*made, known, named, digests, cameras, asking, watch)
