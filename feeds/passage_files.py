"""All checkpoint records of a bundle, through the door: `passages.ndjson`, then the payloads in `passages/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checkpoints.passage import Passage
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger, Reject
from feeds.passage_door import FILE, PassageDoor
from feeds.passage_raw import RawPassage, Scale, StrayFaces
from feeds.passages_ndjson import read_ndjson
from feeds.text import find_file
from trajectories.clock import LocalTime

Item = RawPassage | Reject | StrayFaces


def read_passages(folder: Path, local: LocalTime, scale: Scale, door: PassageDoor) -> tuple[Passage, ...]:
    """Return the passages of a bundle that may be of registered cars, in the order of its files; none without a file.

    `door.count` and the door's ledger say what became of the others. Raises `UnusableInput` where `passages.ndjson`
    lies there both plain and gzipped.
    """
    return tuple(p for item in _items(folder, local, scale, door.ledger) if (p := door.take(item)) is not None)


def _items(folder: Path, local: LocalTime, scale: Scale, ledger: Ledger) -> Iterator[Item]:
    if (folder / FILE).is_file() and (folder / f"{FILE}.gz").is_file():
        hint = "Keep one of the two."
        raise UnusableInput([Fault(FILE, "lies in the bundle both plain and gzipped", hint=hint, code="two-files")])
    path = find_file(folder, FILE)
    if path is not None:
        ledger.account(FILE)
        yield from read_ndjson(path, FILE, local, scale, ledger)
