"""A night of the store as a bundle's folder: links under the names that the files came in by, gone afterwards.

Everything that reads a bundle reads the store in the same way, so an audit from the store says what an audit of the
bundle says. Track files of nights before lie beside those of the night itself: they are history, for copies of tracks.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from feeds.bundle_config import BundleConfig, read_config
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger
from feeds.track_pages import page_number, page_of
from store.engine import Store
from store.files import blob_path
from store.nights import Arrival, feed_of

CONFIG = "bundle.toml"
PAGED = frozenset({"amap", "baidu"})
NAMED_FREELY = frozenset({"csv", "parquet"})
"""Formats of which a file's name says nothing; in the others it is the terminal's, and cannot be changed."""
HISTORY_WINDOW = 97
"""Of the page numbers that history gets: providers' own windows are hours, 99 means "not all is here"."""

Files = Mapping[str, Arrival]
_LOST = "the store's file {what}, so the night is not audited: its former answers stand"
_REPAIR = "trajaudit store check --deep names all such files: put them back from a backup, or send the night again."


@contextmanager
def night_folder(store: Store, files: Files, history: Mapping[date, Files] | None = None) -> Iterator[Path]:
    """Give a folder with these files and, beside them, the track files of other nights."""
    with tempfile.TemporaryDirectory(prefix="trajaudit-night-") as place:
        folder = Path(place)
        for name, arrival in files.items():
            _link(store, folder, name, arrival.sha256)
        for feed in feeds_of(folder):  # one that brought nothing has its folder, too
            (folder / "tracks" / feed).mkdir(parents=True, exist_ok=True)
        if history:
            _link_history(store, folder, files, history)
        yield folder


def _link(store: Store, folder: Path, name: str, sha256: str) -> None:
    """Link a file; raises `UnusableInput` where the store has lost it: what is not there must not pass for silence."""
    if not blob_path(store, sha256).is_file():
        raise UnusableInput([Fault(name, _LOST.format(what="is missing"), hint=_REPAIR)])
    link = folder / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(blob_path(store, sha256).absolute())


def _link_history(store: Store, folder: Path, files: Files, history: Mapping[date, Files]) -> None:
    """Link what the night does not hold itself, of feeds that were then what they are now."""
    now = feeds_of(folder)
    there = {arrival.sha256 for arrival in files.values()}
    for day in sorted(history, reverse=True):
        with night_folder(store, {n: a for n, a in history[day].items() if feed_of(n) is None}) as then:
            alike = {name: form for name, form in feeds_of(then).items() if now.get(name) == form}
        for number, (name, arrival) in enumerate(sorted(history[day].items()), 1):
            feed = feed_of(name)
            if feed in alike and arrival.sha256 not in there:
                as_named = history_name(name, alike[feed][0], day, number)
                if not (folder / as_named).is_symlink():
                    there.add(arrival.sha256)
                    _link(store, folder, as_named, arrival.sha256)


def check_digests(folder: Path, found: Mapping[str, str]) -> None:
    """Raise `UnusableInput` naming every file of a night's folder whose bytes are not those that came in.

    `found`: name to SHA-256 as it was read. A link leads to the file's digest by its name.
    """
    damaged = [
        name
        for name, sha256 in found.items()
        if (folder / name).is_symlink() and (folder / name).readlink().name != sha256
    ]
    if damaged:
        raise UnusableInput(
            [Fault(n, _LOST.format(what="has other bytes than came in"), hint=_REPAIR) for n in damaged]
        )


def feeds_of(folder: Path) -> dict[str, tuple[str, str]]:
    """Return the feeds of a folder's `bundle.toml`: name to format and datum."""
    config: BundleConfig = read_config(folder, Ledger(), [])
    return {feed.name: (str(feed.format), str(feed.datum)) for feed in config.feeds}


def history_name(name: str, form: str, day: date, number: int) -> str:
    """Return under which name a track file of another night lies beside those of the night.

    Its own where the format leaves no other: then it lies there only if the night has no file of that name.

    >>> history_name("tracks/amap/TV1.1.json.gz", "amap", date(2026, 3, 17), 4)
    'tracks/amap/TV1.20260317970004.json.gz'
    >>> history_name("tracks/box/TV1.csv", "csv", date(2026, 3, 17), 1)
    'tracks/box/2026-03-17.TV1.csv'
    """
    folder, _, file = name.rpartition("/")
    if form in NAMED_FREELY:
        return f"{folder}/{day.isoformat()}.{file}"
    if form not in PAGED:
        return name
    page = page_of(file)
    if page is None or page.day is not None:
        return name
    end = ".json.gz" if file.endswith(".gz") else ".json"
    return f"{folder}/{page.terminal}.{page_number(day, HISTORY_WINDOW, number)}{end}"
