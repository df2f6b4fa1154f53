"""The access log: who looked at whom, or did what must be answered for. Entries are only ever added.

Each entry holds the digest of the one before, so that a byte that was changed later, or an entry that was put in,
taken out or moved, is found and its place named. What such a chain cannot tell by itself, that its end was cut off or
all of it written anew, the heads tell that were written down elsewhere (`store.heads`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import LargeBinary, case, cast, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from audit.evidence import digest
from store.engine import SQLITE, StoreRefused
from store.heads import Head
from store.tables.access import AccessEntry, Tombstone
from store.tables.results import Lease

FIRST_PREVIOUS = "0" * 64
PERSONS = frozenset({"person", "trainee"})
"""Kinds of subject that nobody looks at without a reason."""
LOOK, LOOK_DENIED = "look", "look-denied"
LEASE = "access-log"
TOMBSTONE = "access_log"
"""Under which name a tombstone's payload tells what was cut off."""
_AT_ONCE = 2000
_LONGEST = {"actor": 200, "role": 64, "action": 64, "subject_kind": 64, "subject_id": 200}
_TEXTS = ("actor", "role", "action", "subject_kind", "subject_id", "reason")


class LogRefused(StoreRefused):
    """An entry that cannot be written; the message says what was found, what was expected and what to do."""


class Entry(NamedTuple):
    """What is to be written down. `reason` is kept as given; clean it where it is shown (`runs.show.one_line`)."""

    at_ms: int
    actor: str
    role: str
    action: str
    subject_kind: str
    subject_id: str
    reason: str = ""


class Link(NamedTuple):
    """An entry in its place in the chain."""

    seq: int
    at_ms: int
    actor: str
    role: str
    action: str
    subject_kind: str
    subject_id: str
    reason: str
    previous: str
    digest: str


class Tip(NamedTuple):
    """The last entry there is, by its number and digest; (0, 64 zeros) before the first."""

    seq: int
    digest: str


class Cut(NamedTuple):
    """What was removed from the beginning: up to which entry, its digest (the next one's `previous`), how many."""

    last_seq: int
    digest: str
    n: int


class Break(NamedTuple):
    """A place where the log is not what was written.

    `seq`: the entry, or the first of those that are missing. `last`: the last missing one; for `cut`, where the log
    ends. `when`: for `head` and `cut`, when the head was written down that says otherwise.
    """

    seq: int
    code: str
    last: int | None = None
    when: str | None = None

    @property
    def message(self) -> str:
        """Return what is wrong, in words."""
        return BREAKS[self.code].format(last=self.last, when=self.when)

    def __str__(self) -> str:
        """Return the place with what is wrong there."""
        return f"entry {self.seq}: {self.message}"


BREAKS = {
    "missing": "seq missing, up to {last}",
    "twice": "seq twice",
    "order": "out of order: it comes after entry {last}",
    "previous": "previous does not match the entry before",
    "digest": "digest does not match what the entry says",
    "head": "is not the head written down on {when}",
    "cut": "is the head written down on {when}, but the log ends at {last}",
}


def link_digest(previous: str, seq: int, entry: Entry) -> str:
    """Return an entry's digest, over the one before, its number and all it says."""
    return digest([previous, seq, *entry])


def append(session: Session, entries: Iterable[Entry]) -> Tip:
    """Add entries within the caller's writing transaction and return the log's new head.

    Others who add to the log wait until that transaction ends: call this late in it. Raises `LogRefused` for an
    entry that cannot be kept, or a look at a person without a reason.
    """
    checked = [_checked(entry) for entry in entries]
    alone(session)
    tip = head(session)
    for entry in checked:
        seq = tip.seq + 1
        link = Link(seq, *entry, tip.digest, link_digest(tip.digest, seq, entry))
        session.add(AccessEntry(**link._asdict()))
        tip = Tip(seq, link.digest)
    session.flush()
    return tip


def head(session: Session) -> Tip:
    """Return the last entry's number and digest."""
    last = session.execute(
        select(AccessEntry.seq, AccessEntry.digest).order_by(AccessEntry.seq.desc()).limit(1)
    ).one_or_none()
    return Tip(0, FIRST_PREVIOUS) if last is None else Tip(last.seq, last.digest)


def cut(session: Session, before_ms: int) -> Cut | None:
    """Remove the entries from the beginning up to the first that is not older, in the caller's transaction.

    None where there is nothing to remove. The last entry always stays: the chain goes on from it. Whoever calls this
    writes down what is returned, and gives it to `verify` as the `start` of the log.
    """
    alone(session)
    young = _first_young(session, before_ms)
    found = _beginning(session, head(session).seq if young is None else young)
    if found is not None:
        session.execute(delete(AccessEntry).where(AccessEntry.seq <= found.last_seq))
    return found


def to_cut(session: Session, before_ms: int) -> Cut | None:
    """Return what `cut` removes as soon as one more entry is added: where all are older, all that are there now."""
    young = _first_young(session, before_ms)
    return _beginning(session, head(session).seq + 1 if young is None else young)


def _first_young(session: Session, before_ms: int) -> int | None:
    return session.scalar(select(func.min(AccessEntry.seq)).where(AccessEntry.at_ms >= before_ms))


def _beginning(session: Session, first_kept: int) -> Cut | None:
    """Return the entries before one as a cut; None where there are none."""
    before = AccessEntry.seq < first_kept
    end = session.execute(
        select(AccessEntry.seq, AccessEntry.digest).where(before).order_by(AccessEntry.seq.desc()).limit(1)
    ).one_or_none()
    if end is None:
        return None
    n = session.scalar(select(func.count()).select_from(AccessEntry).where(before)) or 0
    return Cut(end.seq, end.digest, n)


def links(session: Session, last: int | None = None) -> Iterator[Link]:
    """Give all entries in order (up to a number), as they are in the database, a batch at a time.

    What is no text comes as None.
    """
    asked = select(*(_as_is(session, name) for name in Link._fields)).order_by(AccessEntry.seq)
    if last is not None:
        asked = asked.where(AccessEntry.seq <= last)
    for row in session.execute(asked.execution_options(yield_per=_AT_ONCE)):
        yield _link(row)


def verify(
    log: Session | Iterable[Link], heads: Sequence[Head] | None = None, start: tuple[int, str] | None = None
) -> list[Break]:
    """Return every place where the log is not what was written, in its order; empty where it is whole.

    `heads`: what was written down at the second place. `start`: the last entry that retention has removed, and its
    digest.
    """
    chain = _Chain(Tip(*start) if start else Tip(0, FIRST_PREVIOUS))
    told = _Heads(heads or ())
    breaks = told.at(chain.tip) if start else []
    for link in links(log) if isinstance(log, Session) else log:
        breaks += chain.next(link)
        breaks += told.at(Tip(link.seq, link.digest))
    return breaks + told.beyond(chain.tip)


class _Chain:
    """The chain as far as it was followed."""

    def __init__(self, start: Tip) -> None:
        self.tip = start
        self._expected: set[str] | None = {start.digest}

    def next(self, link: Link) -> list[Break]:
        """Return what is wrong with the next entry."""
        if link.seq <= self.tip.seq:
            return [Break(link.seq, "twice" if link.seq == self.tip.seq else "order", self.tip.seq)]
        breaks = []
        if link.seq > self.tip.seq + 1:
            breaks.append(Break(self.tip.seq + 1, "missing", link.seq - 1))
            self._expected = None  # only those that are missing would tell what `previous` should be
        if self._expected is not None and link.previous not in self._expected:
            breaks.append(Break(link.seq, "previous"))
        due = link_digest(link.previous, link.seq, Entry(*link[1:8]))
        if link.digest != due:
            breaks.append(Break(link.seq, "digest"))
        # An entry that is broken was named: it is enough that the next one agrees with either digest of it.
        self.tip, self._expected = Tip(link.seq, link.digest), {link.digest, due}
        return breaks


class _Heads:
    """The heads that were written down, by entry."""

    def __init__(self, heads: Sequence[Head]) -> None:
        self._by_seq: defaultdict[int, list[Head]] = defaultdict(list)
        for told in heads:
            self._by_seq[told.seq].append(told)

    def at(self, tip: Tip) -> list[Break]:
        """Return which heads say otherwise."""
        others = [told for told in self._by_seq.get(tip.seq, ()) if told.digest != tip.digest]
        return [Break(tip.seq, "head", when=told.when) for told in others]

    def beyond(self, tip: Tip) -> list[Break]:
        """Return which heads the log no longer reaches."""
        lost = [told for seq in sorted(self._by_seq) if seq > tip.seq for told in self._by_seq[seq]]
        return [Break(told.seq, "cut", tip.seq, told.when) for told in lost]


def _checked(entry: Entry) -> Entry:
    """Return an entry that every database keeps as it is."""
    for name in _TEXTS:
        text = getattr(entry, name)
        if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
            raise LogRefused(f"access log, {name}: found a character that is no text: expected UTF-8 without NUL")
        if len(text) > _LONGEST.get(name, len(text)):
            raise LogRefused(f"access log, {name}: {len(text)} characters: expected at most {_LONGEST[name]}")
    if entry.subject_kind in PERSONS and entry.action != LOOK_DENIED and not is_reason(entry.reason):
        raise LogRefused("a person's record is not looked at without a reason: give it in words, or a case's number")
    return entry


def is_reason(text: str) -> bool:
    """Whether a text says anything.

    >>> is_reason("C7"), is_reason("投诉核查"), is_reason(" ... "), is_reason("")
    (True, True, False, False)
    """
    return any(c.isalnum() for c in text)


def alone(session: Session) -> None:
    """Let no other transaction add to the log until this one has ended.

    SQLite's writing transactions come one after another anyhow; elsewhere they queue for a row of `leases`.
    """
    queue = select(Lease.name).where(Lease.name == LEASE).with_for_update()
    if session.scalar(queue) is not None:
        return
    try:
        with session.begin_nested():
            session.add(Lease(name=LEASE, holder=LEASE, token=0, taken_ms=0, expires_ms=0))
    except IntegrityError:
        session.scalar(queue)


def recent(
    session: Session, last: int, subject_id: str | None = None, actor: str | None = None, before: int | None = None
) -> list[Link]:
    """Return the last entries (`before` one), the newest at the end: all, or about one subject, or by one account."""
    asked = select(*(_as_is(session, name) for name in Link._fields)).order_by(AccessEntry.seq.desc()).limit(last)
    if subject_id is not None:
        asked = asked.where(AccessEntry.subject_id == subject_id)
    if actor is not None:
        asked = asked.where(AccessEntry.actor == actor)
    if before is not None:
        asked = asked.where(AccessEntry.seq < before)
    return [_link(row) for row in session.execute(asked)][::-1]


def start_of(session: Session) -> Tip | None:
    """Return where the log starts after retention, as its tombstones tell; None where nothing was removed.

    A tombstone of the log holds `Cut._asdict()` under `access_log`. Whether it is genuine its signature tells, which
    is not looked at here.
    """
    cuts = [json.loads(payload).get(TOMBSTONE) for payload in session.scalars(select(Tombstone.payload))]
    ends = [Tip(told["last_seq"], told["digest"]) for told in cuts if told]
    return max(ends, default=None)


def _link(row: Iterable[Any]) -> Link:
    return Link._make(_text(value) if isinstance(value, bytes) else value for value in row)


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _as_is(session: Session, name: str) -> Any:
    """Return a column for reading what is really there: SQLite keeps bytes that are no UTF-8, and text as bytes."""
    column = getattr(AccessEntry, name)
    if session.get_bind().dialect.name != SQLITE or name in ("seq", "at_ms"):
        return column
    return case((func.typeof(column) == "text", cast(column, LargeBinary)), else_=None)
