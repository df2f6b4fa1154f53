"""What was pushed becomes part of its night: passages beside those of its files, positions as track files of feeds.

Passages whose plate is a registered car's wait in the store. Those that can only be misreadings of one wait in the
server's memory, since whether they are in scope the night's tracks decide; until then they are counted as `undecided`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from checkpoints.passage import Passage
from feeds.ledger import Account
from feeds.passage_count import (
    PassageCount,
    Readmitted,
    account_from,
    account_sum,
    count_as_dict,
    count_from,
)
from feeds.passage_door import PUSHED
from runs.night_folder import NAMED_FREELY
from store.engine import Store
from store.files import blob_path, put_blob
from store.nights import Arrival
from store.passages import passages_parquet, read_passages_parquet
from store.pushed import Position, Staged
from store.tables.nights import PassageSet
from trajectories.clock import LocalTime, to_ms

UNDECIDED = "undecided"
"""Why a passage is counted as dropped that may be a misreading, and was not held against any track so far."""
COLUMNS = ("terminal_id", "time", "lon", "lat", "speed_kmh", "heading_deg")


# ---------------------------------------------------------------- what may be a misreading
@dataclass(slots=True)
class Undecided:
    """Passages that can only be misreadings, by service day and id; in memory, at most so many."""

    most: int
    _held: dict[date, dict[str, Passage]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        """Return how many are held."""
        with self._lock:
            return sum(map(len, self._held.values()))

    def known(self, day: date, passage_ids: Iterable[str]) -> set[str]:
        """Return which of these are held."""
        with self._lock:
            return set(passage_ids) & self._held.get(day, {}).keys()

    def add(self, day: date, passages: Iterable[Passage]) -> None:
        """Hold passages, as far as there is room; those for which there is none stay counted as undecided."""
        with self._lock:
            room = self.most - sum(map(len, self._held.values()))
            for passage in list(passages)[: max(room, 0)]:
                self._held.setdefault(day, {})[passage.passage_id] = passage

    def of(self, day: date) -> tuple[Passage, ...]:
        """Return those of a day."""
        with self._lock:
            return tuple(self._held.get(day, {}).values())

    def days(self) -> list[date]:
        """Return the days of which any are held."""
        with self._lock:
            return sorted(self._held)

    def forget(self, day: date, passages: Iterable[Passage]) -> None:
        """Let go of passages that were decided."""
        with self._lock:
            held = self._held.get(day, {})
            for passage in passages:
                held.pop(passage.passage_id, None)
            if not held:
                self._held.pop(day, None)

    def forget_before(self, day: date) -> None:
        """Let go of what waited in vain."""
        with self._lock:
            for old in [d for d in self._held if d < day]:
                del self._held[old]


def _recovered(passages: Sequence[Passage]) -> PassageCount:
    """Return the correction of a count in which passages stand as dropped that are to be decided now."""
    n, faces = len(passages), sum(len(p.faces) for p in passages)
    candidates = sum(len(face.candidates) for p in passages for face in p.faces)
    return PassageCount(
        kept=n,
        dropped=Counter({UNDECIDED: -n}),
        faces_kept=faces,
        faces_dropped=Counter({UNDECIDED: -faces}),
        candidates_kept=candidates,
        candidates_dropped=Counter({UNDECIDED: -candidates}),
    )


# ---------------------------------------------------------------- passages
@dataclass(frozen=True, slots=True)
class PushedPassages:
    """All pushed passages of a night that are to be judged, and the digest under which evidence names them."""

    readmitted: Readmitted
    sha256: str

    @property
    def n_undecided(self) -> int:
        """How many were gone before any track could decide on them."""
        return self.readmitted.count.dropped[UNDECIDED]


def door_counts(count: PassageCount, account: Account) -> dict[str, Any]:
    """Return what a door said of a push, JSON-ready."""
    return {"count": count_as_dict(count), "account": account.as_dict()}


def pushed_passages(
    store: Store, held: PassageSet | None, taken: Staged, undecided: Sequence[Passage] = ()
) -> PushedPassages | None:
    """Return what was pushed of a night, now and before; None where nothing was.

    `held`: the passages that the night has; `undecided`: what a server's memory holds and no track has decided.
    """
    told = {} if held is None or held.erased_ms is not None else json.loads(held.counts).get(PUSHED)
    if not told and not taken.batches and not undecided:
        return None
    before = _before(store, held, told) if told and held is not None else Readmitted((), PassageCount(), {})
    count, account = before.count, before.accounts.get(PUSHED, Account())
    for batch in taken.counts:
        count, account = count.plus(count_from(batch["count"])), account_sum(account, account_from(batch["account"]))
    if undecided:
        count = count.plus(_recovered(undecided))
        n = len(undecided)
        account = account_sum(account, Account(kept=n, rejected=Counter({UNDECIDED: -n})))
    found = sorted((*before.passages, *taken.passages, *undecided), key=lambda p: (p.shot_ms, p.passage_id))
    content = hashlib.sha256(passages_parquet(found))
    content.update(json.dumps(door_counts(count, account), sort_keys=True).encode())
    return PushedPassages(Readmitted(tuple(found), count, {PUSHED: account}), content.hexdigest())


def _before(store: Store, held: PassageSet, told: Mapping[str, Any]) -> Readmitted:
    pushed = tuple(p for p in _of_set(store, held) if is_pushed(p))
    return Readmitted(pushed, count_from(told["count"]), {PUSHED: account_from(told["account"])})


def from_files(store: Store, held: PassageSet | None) -> Readmitted:
    """Return what a night has of passages that came in files; nothing where there were none."""
    if held is None or held.erased_ms is not None:
        return Readmitted((), PassageCount(), {})
    told = json.loads(held.counts)
    accounts = {name: account_from(account) for name, account in told["accounts"].items() if name != PUSHED}
    passages = tuple(p for p in _of_set(store, held) if not is_pushed(p))
    return Readmitted(passages, count_from(told.get("files", told["count"])), accounts)


def _of_set(store: Store, held: PassageSet) -> tuple[Passage, ...]:
    return read_passages_parquet((store.folder / held.path).read_bytes())


def is_pushed(passage: Passage) -> bool:
    """Whether a passage was pushed."""
    return passage.file.startswith(f"{PUSHED}/")


# ---------------------------------------------------------------- positions
def pushed_tracks(
    store: Store, taken: Staged, files: Mapping[str, Arrival], feeds: Mapping[str, tuple[str, str]], local: LocalTime
) -> tuple[dict[str, Arrival], Staged]:
    """Put the pushed positions into track files of their feeds; return these by name, and what was taken in.

    A night that has such a file already gets one with both. `feeds`: the night's, name to format and datum; positions
    of others stay where they are.
    """
    out, fitting = {}, {f: rows for f, rows in taken.positions.items() if feeds.get(f, ("", ""))[0] in NAMED_FREELY}
    for feed, rows in fitting.items():
        form = feeds[feed][0]
        name = f"tracks/{feed}/pushed-{taken.service_date.isoformat()}.{form}"
        merged = {(r.terminal_id, r.t_ms): r for r in rows}
        if name in files:
            merged |= {(r.terminal_id, r.t_ms): r for r in _read(store, files[name].sha256, form)}
        ordered = [merged[key] for key in sorted(merged)]
        data = _csv(ordered, local) if form == "csv" else _parquet(ordered)
        out[name] = Arrival(put_blob(store, data), len(data))
    batches = {f: ids for f, ids in taken.position_batches.items() if f in fitting}
    return out, replace(taken, position_batches=batches)


def _csv(rows: Iterable[Position], local: LocalTime) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        told = ("" if value is None else repr(value) for value in row[2:])
        writer.writerow((row.terminal_id, local.iso(row.t_ms), *told))
    return out.getvalue().encode()


def _parquet(rows: Sequence[Position]) -> bytes:
    kinds = (pa.string(), pa.timestamp("ms", "UTC"), *(pa.float64() for _ in range(4)))
    columns = [pa.array([row[i] for row in rows], kind) for i, kind in enumerate(kinds)]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names=list(COLUMNS)), out, compression="zstd")
    return out.getvalue()


def _read(store: Store, sha256: str, form: str) -> list[Position]:
    """Return the positions of a file that we wrote."""
    path = blob_path(store, sha256)
    if form != "csv":
        return [_position(row, row["time"]) for row in pq.read_table(path).to_pylist()]
    rows = csv.DictReader(io.StringIO(path.read_text("utf-8")))
    return [_position(row, datetime.fromisoformat(row["time"])) for row in rows]


def _position(row: Mapping[str, Any], moment: datetime) -> Position:
    speed, heading = (None if row[name] in {None, ""} else float(row[name]) for name in COLUMNS[4:])
    return Position(row["terminal_id"], to_ms(moment), float(row["lon"]), float(row["lat"]), speed, heading)
