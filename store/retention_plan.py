"""What is past its period, and what is kept all the same: looked at, never touched.

The same function makes the preview and, within the transaction that erases, what is done; were they not equal, nothing
would be done.

- A legal hold keeps all of its night, of every kind but the access log: who looked at whom is no evidence of a night.
- A case that is not closed keeps the tracks, passages and faces of its night, since its evidence names their files and
  rows; of the findings it keeps its own, and the registers of the night.
- A night keeps the tracks of the nights before that it is compared with, for as long as its own are kept.
- A file that several nights name goes when no night needs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from store.access_log import Cut, links, start_of, to_cut, verify
from store.engine import Store
from store.files import blob_name
from store.registers import REGISTERS
from store.retention_rows import findings_due, held_days, in_parts, is_open, register_contents_due
from store.tables.casework import CaseEvent, CaseRow
from store.tables.nights import Blob, Night, NightFile, Partition, PassageSet
from store.tables.results import FindingRow, VehicleDay
from trajectories.clock import LocalTime

CANDIDATES, PASSAGES, TRACKS, FINDINGS, LOG = "candidates", "passages", "tracks", "findings", "log"
KINDS = (CANDIDATES, PASSAGES, TRACKS, FINDINGS, LOG)
LEGAL_HOLD, OPEN_CASE, LATER_NIGHT = "legal-hold", "open-case", "later-night"
SHARED_FILE, DAMAGED = "shared-file", "damaged"
"""Why something is kept."""


@dataclass(frozen=True, slots=True)
class Periods:
    """After how many days what is erased; 0: never. They count from 04:00 local, when a service day ends.

    `history_days`: with how many nights before it a night's tracks are compared.
    """

    candidates: int = 0
    passages: int = 0
    tracks: int = 0
    findings: int = 0
    log: int = 0
    history_days: int = 0

    def first_kept(self, kind: str, now_ms: int, local: LocalTime) -> date | None:
        """Return the first service day that is not past the period of a kind; None: none ever is.

        >>> p, local = Periods(tracks=2), LocalTime("Asia/Shanghai")
        >>> p.first_kept("tracks", local.service_day(date(2026, 3, 18)).end_ms, local)
        datetime.date(2026, 3, 17)
        >>> p.first_kept("findings", 0, local) is None
        True
        """
        days: int = getattr(self, kind)
        return local.service_date(now_ms) - timedelta(days=days) if days else None


@dataclass(frozen=True, slots=True)
class Share:
    """What goes of one kind. `before`: service days before it are past the period, None: none is.

    `keys`: by table, the keys of the rows of which the content goes and that stay as a mark. `rows`: by name, how many
    rows go, or passages (of candidates: those that lose their faces). `files`: name to size. `kept`: why, and how many
    nights; of findings the cases that are open, of shared files the files.
    """

    kind: str
    before: date | None = None
    nights: tuple[date, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes."""
        return not any(self.rows.values()) and not any(self.keys.values())

    @property
    def n_bytes(self) -> int:
        """The size of the files."""
        return sum(self.files.values())

    def told(self) -> dict[str, Any]:
        """Return it as numbers, which name nobody and no file."""
        first, last = (self.nights[0], self.nights[-1]) if self.nights else (None, None)
        return {
            "before": self.before and self.before.isoformat(),
            "nights": len(self.nights),
            "first": first and first.isoformat(),
            "last": last and last.isoformat(),
            "rows": dict(self.rows),
            "files": len(self.files),
            "bytes": self.n_bytes,
            "kept": dict(self.kept),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes of every kind, as it was at `now_ms`. `cut`: what goes of the access log."""

    now_ms: int
    local: LocalTime
    periods: Periods
    shares: tuple[Share, ...]
    cut: Cut | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes."""
        return all(share.is_empty for share in self.shares)

    def share(self, kind: str) -> Share:
        """Return what goes of one kind."""
        return self.shares[KINDS.index(kind)]


def preview(
    store: Store,
    session: Session,
    periods: Periods,
    now_ms: int,
    local: LocalTime,
    damaged: frozenset[int] = frozenset(),
) -> Plan:
    """Return what is past its period at a time, and what of that is kept. Nothing is written.

    `damaged`: sets of passages that nobody can read: what faces are in them cannot be taken out.
    """
    look = _Look(store, session, periods, now_ms, local)
    found = look.log()
    shares = (look.candidates(damaged), look.passages(), look.tracks(), look.findings(), found[0])
    return Plan(now_ms, local, periods, shares, found[1])


# ---------------------------------------------------------------- looking
class _Look:
    """One look at the store."""

    def __init__(self, store: Store, session: Session, periods: Periods, now_ms: int, local: LocalTime) -> None:
        self.store, self.session = store, session
        self.first_kept = {kind: periods.first_kept(kind, now_ms, local) for kind in KINDS}
        self.history_days, self.local = periods.history_days, local
        self.held: frozenset[date] = frozenset(session.scalars(held_days()))
        open_days = session.scalars(select(CaseRow.service_date).where(is_open()).distinct())
        self.open = frozenset(open_days)

    def candidates(self, damaged: frozenset[int]) -> Share:
        """Faces go from passages that stay; those that go take theirs with them."""
        p, before, gone = PassageSet, self.first_kept[CANDIDATES], self.first_kept[PASSAGES]
        if before is None:
            return Share(CANDIDATES)
        due = self._sets(before, p.faces_erased_ms.is_(None))
        kept = self.held | self.open
        goes = [row for row in due if row.service_date not in kept and (gone is None or row.service_date >= gone)]
        left = {row.service_date for row in goes if row.id in damaged}
        goes = [row for row in goes if row.id not in damaged]
        share = self._share(CANDIDATES, before, goes, due)
        return replace(share, kept={**share.kept, DAMAGED: len(left)}) if left else share

    def passages(self) -> Share:
        """Whole files of passages."""
        before = self.first_kept[PASSAGES]
        if before is None:
            return Share(PASSAGES)
        due = self._sets(before)
        goes = [row for row in due if row.service_date not in self.held | self.open]
        return self._share(PASSAGES, before, goes, due)

    def _sets(self, before: date, *conditions: Any) -> Sequence[Any]:
        p = PassageSet
        asked = select(p.id, p.service_date, p.path, p.n_passages).where(
            p.service_date < before, p.erased_ms.is_(None), *conditions
        )
        return self.session.execute(asked.order_by(p.service_date, p.id)).all()

    def _share(self, kind: str, before: date, goes: Sequence[Any], due: Sequence[Any]) -> Share:
        nights = tuple(sorted({row.service_date for row in goes}))
        kept = self._why({row.service_date for row in due} - set(nights))
        keys = {"passage_sets": tuple(row.id for row in goes)}
        rows = {"passages": sum(row.n_passages for row in goes)} if goes else {}
        return Share(kind, before, nights, rows, keys, self._sizes(row.path for row in goes), kept)

    def _why(self, nights: Iterable[date], needed: frozenset[date] = frozenset()) -> dict[str, int]:
        """Return for how many nights each reason holds; of several the first."""
        told: Counter[str] = Counter()
        for day in nights:
            if day in self.held:
                told[LEGAL_HOLD] += 1
            elif day in self.open:
                told[OPEN_CASE] += 1
            elif day in needed:
                told[LATER_NIGHT] += 1
        return dict(told)

    def _sizes(self, names: Iterable[str]) -> dict[str, int]:
        return {name: size for name in sorted(set(names)) if (size := _size(self.store, name)) is not None}

    def tracks(self) -> Share:
        """The files of a night's bundle in all their versions, and its telemetry."""
        before = self.first_kept[TRACKS]
        if before is None:
            return Share(TRACKS)
        needed = self._compared(before)
        kept = self.held | self.open | needed
        f, n, p = NightFile, aliased(NightFile), Partition
        stays = exists().where(n.sha256 == Blob.sha256, or_(n.service_date >= before, n.service_date.in_(kept)))
        free = exists().where(n.sha256 == Blob.sha256, n.service_date < before, n.service_date.not_in(kept))
        there = Blob.erased_ms.is_(None)
        blobs = self.session.execute(
            select(Blob.sha256, Blob.size).where(there, free, ~stays).order_by(Blob.sha256)
        ).all()
        shared = self.session.scalar(select(func.count()).select_from(Blob).where(there, free, stays)) or 0
        parts = self.session.execute(
            select(p.id, p.service_date, p.path)
            .where(p.service_date < before, p.erased_ms.is_(None), p.service_date.not_in(kept))
            .order_by(p.service_date, p.id)
        ).all()
        goes = select(f.service_date).join(Blob, f.sha256 == Blob.sha256).where(there, f.service_date < before)
        nights = set(self.session.scalars(goes.where(~stays).distinct())) | {row.service_date for row in parts}
        why = self._why(set(self.session.scalars(goes.where(f.service_date.in_(kept)).distinct())), needed)
        files = {blob_name(sha256): size for sha256, size in blobs} | self._sizes(row.path for row in parts)
        keys = {"blobs": tuple(sha256 for sha256, _ in blobs), "partitions": tuple(row.id for row in parts)}
        if shared:
            why[SHARED_FILE] = shared
        return Share(TRACKS, before, tuple(sorted(nights)), {}, keys, files, why)

    def _compared(self, before: date) -> frozenset[date]:
        """Return the nights past the period with which one is compared whose own tracks are kept."""
        if not self.history_days:
            return frozenset()
        known: set[date] = set(self.session.scalars(select(Night.service_date)))
        keeping = {day for day in known if day >= before} | self.held | self.open
        back = [timedelta(days=n) for n in range(1, self.history_days + 1)]
        found = {night - days for night in keeping for days in back} & known
        return frozenset(day for day in found - self.held - self.open if day < before)

    def findings(self) -> Share:
        """Answers, cases and what belongs to them, and the registers row by row."""
        before = self.first_kept[FINDINGS]
        if before is None:
            return Share(FINDINGS)
        rows, nights = dict[str, int](), set[date]()
        for name, (table, condition) in findings_due(before).items():
            day = CaseRow.service_date if table is CaseEvent else table.service_date
            asked = select(day, func.count()).where(condition).group_by(day)
            if table is CaseEvent:
                asked = asked.select_from(CaseEvent).join(CaseRow, CaseRow.case_id == CaseEvent.case_id)
            counted = self.session.execute(asked).all()
            rows[name] = sum(n for _, n in counted)
            nights |= {d for d, _ in counted}
        contents = register_contents_due(self.session, before)
        rows["registers"] = sum(self._n_rows(name, held) for name, held in contents.items())
        found = {name: n for name, n in rows.items() if n}
        return Share(FINDINGS, before, tuple(sorted(nights)), found, {}, {}, self._kept_findings(before))

    def _n_rows(self, register: str, contents: Sequence[str]) -> int:
        table = REGISTERS[register].table
        counts = (
            self.session.scalar(select(func.count()).select_from(table).where(table.content.in_(part)))
            for part in in_parts(contents)
        )
        return sum(n or 0 for n in counts)

    def _kept_findings(self, before: date) -> dict[str, int]:
        past = [d for d in self.held if d < before and self._has_findings(d)]
        n_open = self.session.scalar(
            select(func.count())
            .select_from(CaseRow)
            .where(CaseRow.service_date < before, is_open(), CaseRow.service_date.not_in(held_days()))
        )
        told = {LEGAL_HOLD: len(past), OPEN_CASE: n_open or 0}
        return {why: n for why, n in told.items() if n}

    def _has_findings(self, day: date) -> bool:
        tables: tuple[Any, ...] = (VehicleDay, FindingRow, CaseRow)
        return any(self.session.scalar(select(exists().where(t.service_date == day))) for t in tables)

    def log(self) -> tuple[Share, Cut | None]:
        """The beginning of the access log; where it is not whole, it stays as it is: it is evidence then."""
        first = self.first_kept[LOG]
        if first is None:
            return Share(LOG), None
        found = to_cut(self.session, self.local.service_day(first).start_ms)
        if found is None:
            return Share(LOG, first), None
        if verify(links(self.session, found.last_seq), None, start_of(self.session)):
            return Share(LOG, first, kept={DAMAGED: found.n}), None
        return Share(LOG, first, rows={"entries": found.n}), found


def _size(store: Store, name: str) -> int | None:
    try:
        return (store.folder / name).lstat().st_size
    except FileNotFoundError:
        return None
