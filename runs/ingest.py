"""The one door into the store: bundles, pulled pages and pushed files become a night's files, registers and passages.

Coming in twice changes nothing. What a delivery does not hold stays as it was, so a late file may come alone; what it
holds otherwise is superseded, and pages of a terminal replace all pages that it had. Checkpoint records are read,
judged against the tracks in memory, and never kept: what is in scope goes in as passages of registered cars.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from checkpoints.passage import Passage
from feeds.bundle import Bundle, read_bundle
from feeds.bundle_config import read_config
from feeds.bundle_files import is_there
from feeds.digest import file_sha256
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger
from feeds.passage_count import Readmitted, account_from, count_as_dict, count_from
from feeds.passage_door import FILE as PASSAGES
from feeds.passage_door import FOLDER, PUSHED
from feeds.track_pages import page_of
from runs.audited import EVIDENCE_FILES, WITNESS_FILES, Again, Audited, audit_bundle
from runs.night_folder import CONFIG, PAGED, feeds_of, night_folder
from runs.persist import persistently
from runs.points import reached
from runs.progress import Progress, Silent
from runs.pushed import PushedPassages, from_files, pushed_passages, pushed_tracks
from runs.stand_in import holds_zones
from runs.witness import KeptPassages
from store import lease
from store.engine import Store
from store.files import blob_path, put_blob, put_passages, write_aside
from store.lease import Held
from store.nights import (
    Arrival,
    Delivery,
    NightMoved,
    PassageFile,
    current_files,
    current_passages,
    feed_of,
    record_delivery,
)
from store.passages import passages_parquet, read_passages_parquet
from store.pushed import Staged, settle, staged
from store.tables.nights import PassageSet

REGISTER_FILES = (EVIDENCE_FILES | WITNESS_FILES) - {PASSAGES}
"""What of a bundle's own folder comes in; everything else stays outside."""
_ACCOUNTS = (PASSAGES, FOLDER, PUSHED)
TRIES = 5
"""How often a delivery is judged anew because another one of the night came between."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest brought: names of files that are new, other or gone; none where all was known already."""

    service_date: date
    changed: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """What to take in: a bundle's folder, for one service day. `history_days`: how old pages beside it may be.

    `wait_s`: how long a database that is away is awaited; `held`: a lease without which nothing is written.
    `undecided`: passages in a server's memory that may be misreadings; what else was pushed comes in by itself.
    """

    folder: Path
    service_date: date
    history_days: int
    actor: str = "system"
    wait_s: float = 0.0
    held: Held | None = None
    undecided: Sequence[Passage] = ()


def ingest(store: Store, source: Source, progress: Progress | None = None) -> Ingested:
    """Take a delivery in; raises `UnusableInput` with every fault where the night could not be audited with it.

    Nothing has changed then.
    """
    if not source.folder.is_dir():
        raise UnusableInput([Fault(str(source.folder), "is not a folder", hint="Name the bundle's folder, unpacked.")])
    for _ in range(TRIES - 1):
        with suppress(NightMoved):
            return _ingest(store, source, progress or Silent())
    return _ingest(store, source, progress or Silent())


def _ingest(store: Store, source: Source, progress: Progress) -> Ingested:
    base = files_held(store, source.service_date)
    files = merged_files(store, source, base)
    refuse_erased(store, files)
    files, taken = _with_pushed(store, source, files)
    nothing_pushed = taken.is_empty and not source.undecided
    if base and files == base and nothing_pushed and _knows_passages(store, source):
        return Ingested(source.service_date, (), ())
    with night_folder(store, files) as folder:
        _without_feeds_that_lack(folder, source)
        ledger = Ledger()
        bundle, passages = _judged(store, folder, source, ledger, progress, taken)
        delivery = Delivery(
            service_date=source.service_date,
            timezone=bundle.config.local.name,
            source=source.folder.name,
            actor=source.actor,
            base=base,
            files=files,
            registers=items_of(bundle),
            passages=passages,
        )
        reached("ingest-files-written")
        changed = persistently(store, source.wait_s, lambda: _record(store, delivery, source.held, taken))
    reached("ingest-committed")
    return Ingested(source.service_date, tuple(changed), tuple(ledger.warnings))


def _record(store: Store, delivery: Delivery, held: Held | None, taken: Staged) -> list[str]:
    with store.writing() as session:
        if held is not None:
            lease.check(session, held)
        changed = record_delivery(session, delivery, store.clock())
        settle(session, taken)
        reached("ingest-before-commit")
    return changed


def _with_pushed(store: Store, source: Source, files: dict[str, Arrival]) -> tuple[dict[str, Arrival], Staged]:
    """Return the files of the night with the pushed positions among them, and all that is taken in of what waits."""
    with store.reading() as session:
        taken = staged(session, source.service_date)
    if not taken.positions:
        return files, taken
    with night_folder(store, {n: a for n, a in files.items() if n.removesuffix(".gz") == CONFIG}) as folder:
        config = read_config(folder, Ledger(), [])
    feeds = {feed.name: (str(feed.format), str(feed.datum)) for feed in config.feeds}
    tracks, taken = pushed_tracks(store, taken, files, feeds, config.local)
    return dict(sorted({**files, **tracks}.items())), taken


def refuse_erased(store: Store, files: Mapping[str, Arrival]) -> None:
    """Raise `UnusableInput` where the night rests on files that retention has erased, and nobody sends them again."""
    gone = [name for name, arrival in files.items() if not blob_path(store, arrival.sha256).exists()]
    if gone:
        message = "was erased when its period was over, so the night cannot be audited any more"
        raise UnusableInput([Fault(name, message, hint="Send the whole night again.") for name in gone[:20]])


def _knows_passages(store: Store, source: Source) -> bool:
    """Whether the delivery's checkpoint records, if it has any, are those that the night's passages came from."""
    sources = {name: file_sha256(path) for name, path in _passage_files(source.folder).items()}
    with store.reading() as session:
        held = current_passages(session, source.service_date)
    if not sources or held is None:
        return not sources
    return {name: sha256 for name, sha256 in json.loads(held.sources).items() if name != PUSHED} == sources


def items_of(bundle: Bundle) -> dict[str, Any]:
    """Return the registers of a bundle by the names that the store has for them."""
    return {
        "schools": bundle.schools,
        "vehicles": bundle.vehicles,
        "terminals": bundle.terminals,
        "staff": bundle.staff,
        "zones": bundle.zones,
        "schedules": bundle.windows,
        "hours_exceptions": bundle.exceptions,
        "sessions": bundle.sessions,
        "exams": bundle.exams,
        "permits": bundle.permits,
        "cameras": bundle.cameras,
        "lookalikes": bundle.lookalikes,
    }


# ---------------------------------------------------------------- files
def files_held(store: Store, service_date: date) -> dict[str, Arrival]:
    """Return the files of a night as they count now."""
    with store.reading() as session:
        return current_files(session, service_date)


def merged_files(store: Store, source: Source, held: Mapping[str, Arrival]) -> dict[str, Arrival]:
    """Return the files of a night as they count once a delivery is in; their bytes are in the store already."""
    return _merged(held, _arrivals(store, source), _paged_feeds(store, source, held))


def _paged_feeds(store: Store, source: Source, held: Mapping[str, Arrival]) -> set[str]:
    """Return the feeds that come in pages: as the delivery's `bundle.toml` says, or else the night's."""
    config = {n: a for n, a in held.items() if n.removesuffix(".gz") == CONFIG}
    with night_folder(store, config) as folder:
        forms = feeds_of(source.folder if is_there(source.folder, CONFIG) else folder)
    return {name for name, form in forms.items() if form[0] in PAGED}


def _arrivals(store: Store, source: Source) -> dict[str, Arrival]:
    """Put every file of the delivery that may be kept into the store; return them by name."""
    return {
        name: Arrival(put_blob(store, path), path.stat().st_size) for name, path in sorted(_kept_files(source).items())
    }


def _kept_files(source: Source) -> dict[str, Path]:
    out = {}
    for path in source.folder.iterdir():
        if path.is_file() and path.name.removesuffix(".gz") in REGISTER_FILES:
            out[path.name] = path
    tracks = source.folder / "tracks"
    for feed in sorted(tracks.iterdir()) if tracks.is_dir() else ():
        for path in feed.iterdir() if feed.is_dir() else ():
            if path.is_file() and not path.name.startswith(".") and not _is_too_far(path.name, source):
                out[f"tracks/{feed.name}/{path.name}"] = path
    return out


def _is_too_far(name: str, source: Source) -> bool:
    """Whether a file is a page of a later service day, or of one too old to be compared."""
    page = page_of(name)
    if page is None or page.day is None:
        return False
    return not source.service_date - timedelta(days=source.history_days) <= page.day <= source.service_date


def _merged(held: Mapping[str, Arrival], brought: Mapping[str, Arrival], paged: set[str]) -> dict[str, Arrival]:
    """Return the files of the night as they count from now on. `paged`: feeds of which pages replace pages."""
    terminals = {key for name in brought if (key := _paged_terminal(name, paged)) is not None}
    stays = {n: a for n, a in held.items() if _paged_terminal(n, paged) not in terminals}
    plain = {name.removesuffix(".gz") for name in brought}
    if any(map(holds_zones, plain)):  # zones come as a whole, in whichever format
        stays = {n: a for n, a in stays.items() if not holds_zones(n.removesuffix(".gz"))}
    stays = {n: a for n, a in stays.items() if n in brought or n.removesuffix(".gz") not in plain}
    return dict(sorted({**stays, **brought}.items()))


def _paged_terminal(name: str, paged: set[str]) -> tuple[str, str] | None:
    """Return feed and terminal of a page of a provider; None for any other file."""
    feed = feed_of(name)
    page = page_of(name.rpartition("/")[2]) if feed in paged else None
    return None if page is None or feed is None else (feed, page.terminal)


def _without_feeds_that_lack(folder: Path, source: Source) -> None:
    """Have a whole bundle that lacks a feed's folder judged so: an empty one says that nothing came, none does not."""
    if not is_there(source.folder, CONFIG):
        return
    for feed in feeds_of(source.folder):
        place = folder / "tracks" / feed
        if not (source.folder / "tracks" / feed).is_dir() and not any(place.iterdir()):
            place.rmdir()


# ---------------------------------------------------------------- passages
def _judged(
    store: Store, folder: Path, source: Source, ledger: Ledger, progress: Progress, taken: Staged
) -> tuple[Bundle, PassageFile | None]:
    """Read the night as an audit would, and settle the passages where the delivery, or a push, brings any.

    Those that came by the other way before stay, and are judged once more.
    """
    files = _passage_files(source.folder)
    if not files and not taken.batches and not source.undecided:
        return read_bundle(folder, ledger), None
    with store.reading() as session:
        held = current_passages(session, source.service_date)
    pushed = pushed_passages(store, held, taken, source.undecided)
    kept = None if files else KeptPassages(from_files(store, held), {})
    again = Again(kept=kept, pushed=None if pushed is None else pushed.readmitted)
    with _lent(folder, source.folder):
        audited = audit_bundle(folder, source.service_date, progress, only=frozenset(), again=again)
    for warning in audited.ledger.warnings:
        ledger.warn(warning)
    if pushed is not None and pushed.n_undecided:
        ledger.warn(
            f"{PUSHED}: {pushed.n_undecided} passages that may be misread plates of registered cars were held against "
            "no track, and are left out unless the server still has them and decides later"
        )
    sources = {name: file_sha256(path) for name, path in files.items()} or _file_sources(held)
    return audited.bundle, _put_passages(store, source.service_date, audited, sources, pushed)


def _file_sources(held: PassageSet | None) -> dict[str, str]:
    told: dict[str, str] = {} if held is None else json.loads(held.sources)
    return {name: sha256 for name, sha256 in told.items() if name != PUSHED}


def brings_passages(folder: Path) -> bool:
    """Whether a delivery holds checkpoint records."""
    return bool(_passage_files(folder))


def _passage_files(folder: Path) -> dict[str, Path]:
    out = {p.name: p for p in (folder / PASSAGES, folder / f"{PASSAGES}.gz") if p.is_file()}
    payloads = folder / FOLDER
    for path in sorted(payloads.iterdir()) if payloads.is_dir() else ():
        if path.is_file():
            out[f"{FOLDER}/{path.name}"] = path
    return out


@contextmanager
def _lent(folder: Path, source: Path) -> Iterator[None]:
    """Have the checkpoint records stand in the night's folder for as long as they are read."""
    links = [folder / name for name in (PASSAGES, f"{PASSAGES}.gz", FOLDER) if (source / name).exists()]
    try:
        for link in links:
            link.symlink_to((source / link.name).absolute())
        yield
    finally:
        for link in links:
            link.unlink(missing_ok=True)


def _put_passages(
    store: Store, day: date, audited: Audited, sources: Mapping[str, str], pushed: PushedPassages | None
) -> PassageFile:
    door, ledger = audited.cameras.door, audited.ledger
    kept = [p for p in audited.night.facts.witnesses.passages if door.holds(p)]
    with write_aside(store) as aside:
        aside.write_bytes(passages_parquet(kept))
        path, sha256 = put_passages(store, day, aside)
    accounts = {n: ledger.accounts[n].as_dict() for n in _ACCOUNTS if n in ledger.accounts}
    counts: dict[str, Any] = {"count": count_as_dict(door.count), "accounts": accounts}
    if pushed is not None:
        # Told apart, so that a later delivery of one kind leaves the other as it is.
        counts["files"] = count_as_dict(door.from_files)
        counts[PUSHED] = {"count": count_as_dict(door.pushed), "account": accounts[PUSHED]}
        sources = {**sources, PUSHED: pushed.sha256}
    return PassageFile(path, sha256, len(kept), door.count.read, dict(sources), counts)


def kept_passages(store: Store, held: PassageSet | None) -> KeptPassages | None:
    """Return the passages of a night as an audit takes them; None where none were kept, or they are erased."""
    if held is None or held.erased_ms is not None:
        return None
    passages = read_passages_parquet((store.folder / held.path).read_bytes())
    told = json.loads(held.counts)
    accounts = {name: account_from(account) for name, account in told["accounts"].items()}
    return KeptPassages(Readmitted(passages, count_from(told["count"]), accounts), json.loads(held.sources))
