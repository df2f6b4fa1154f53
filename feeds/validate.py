"""All that is wrong with a bundle, at once: what `trajaudit validate` tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from checkpoints.plates import PlateBook
from feeds.bundle import Bundle, survey_bundle
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger, Reject, SourceFiles
from feeds.passage_door import PassageDoor
from feeds.passage_files import stream_passages
from feeds.passage_raw import Scale
from feeds.track_feed import open_track_feed

_ALL_TIMES_MS = (-(10**15), 10**15)


@dataclass(frozen=True, slots=True)
class Report:
    """What a look through a whole bundle found.

    With any of `faults` an audit refuses the bundle. `rejects` are rows that an audit leaves out, one entry a row;
    `row_faults` tells of those of the registers field by field what was expected. `rows` is as in `run.json`.
    """

    faults: tuple[Fault, ...]
    rejects: tuple[Reject, ...]
    row_faults: tuple[Fault, ...]
    warnings: tuple[str, ...]
    rows: Mapping[str, dict[str, object]]

    @property
    def is_usable(self) -> bool:
        """Whether an audit would accept the bundle."""
        return not self.faults


def validate_bundle(folder: Path) -> Report:
    """Read everything in a bundle, its tracks and passages too, and report; never raises for bad input."""
    ledger = Ledger()
    survey = survey_bundle(folder, ledger)
    faults = list(survey.faults)
    for feed in survey.bundle.config.feeds:
        if any(_is_about(fault, feed.name) for fault in survey.faults):
            continue
        try:
            open_track_feed(folder, feed, survey.bundle.config.local, ledger, SourceFiles()).read()
        except UnusableInput as trouble:
            faults.extend(trouble.faults)
    try:
        _look_through_passages(survey.bundle, ledger)
    except UnusableInput as trouble:
        faults.extend(trouble.faults)
    return Report(tuple(faults), tuple(ledger.rejects), survey.row_faults, tuple(ledger.warnings), ledger.rows())


def _look_through_passages(bundle: Bundle, ledger: Ledger) -> None:
    """Take the records of all days through a door that is open on all of them; none is kept."""
    door = PassageDoor(
        PlateBook.build((car.vehicle_id, car.plate, car.plate_class) for car in bundle.vehicles),
        {role.person_id for role in bundle.staff},
        {camera.camera_id for camera in bundle.cameras},
        *_ALL_TIMES_MS,
        ledger,
        face_join=False,  # faces were looked through before the door; there is no need of anybody behind it
    )
    for _ in stream_passages(bundle.folder, bundle.config.local, Scale.of(bundle.config.matcher), door):
        pass


def _is_about(fault: Fault, feed: str) -> bool:
    """Whether a fault says already why the feed cannot be opened."""
    if fault.field == "feeds":
        return fault.found == feed
    return fault.file == f"tracks/{feed}" or (fault.field or "").startswith(f"feeds.{feed}.")
