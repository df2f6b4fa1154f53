"""The access log: entries are only ever added, and whatever else becomes of them is found and its place named."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from audit.evidence import digest
from store.access_log import (
    FIRST_PREVIOUS,
    LOOK_DENIED,
    TOMBSTONE,
    Break,
    Cut,
    Entry,
    Link,
    LogRefused,
    Tip,
    append,
    cut,
    head,
    link_digest,
    links,
    recent,
    start_of,
    verify,
)
from store.engine import SQLITE, Store
from store.heads import Head
from store.tables.access import AccessEntry, Tombstone
from tests.stores import DIALECTS, START_MS, pg_place, sqlite_place

N = 40
CHANGES = 200


def entry(n: int, **changes: Any) -> Entry:
    told = Entry(START_MS + n * 1000, f"li{n % 3}", "auditor", "look", "person", f"P{n:04d}", f"投诉核查 {n}")
    return told._replace(**changes)


def chain(entries: list[Entry], seq: int = 0, previous: str = FIRST_PREVIOUS) -> list[Link]:
    """Entries as a chain, worked out here."""
    made = []
    for told in entries:
        seq += 1
        own = digest([previous, seq, *told])
        made.append(Link(seq, *told, previous, own))
        previous = own
    return made


def heads_of(rows: list[Link], *seqs: int) -> list[Head]:
    return [Head(row.seq, row.digest, START_MS, "R1") for row in rows if row.seq in seqs]


@pytest.fixture(scope="module", params=DIALECTS)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A log of N entries in each of the databases, that all tests of this module share."""
    folder = tmp_path_factory.mktemp("filled") / "store"
    if request.param == SQLITE:
        place = sqlite_place(folder, request.getfixturevalue("sqlite_template"))
    else:
        place = pg_place(folder, request.getfixturevalue("pg_server"))
    store = place.opened()
    with store.writing() as session:
        append(session, [entry(n) for n in range(N)])
    yield store
    store.close()


@pytest.fixture
def log(filled: Store) -> Iterator[Session]:
    """The log in a transaction that may do anything to it: it is undone in the end."""
    with filled.writing() as session:
        yield session
        session.rollback()


def rows_of(session: Session) -> list[Link]:
    return list(links(session))


def places(breaks: list[Break]) -> list[tuple[int, str]]:
    return [(b.seq, b.code) for b in breaks]


# ---------------------------------------------------------------- what is written


def test_entries_are_numbered_from_1_and_each_holds_the_digest_of_the_one_before(store: Store) -> None:
    with store.writing() as session:
        assert head(session) == Tip(0, FIRST_PREVIOUS)
        append(session, [entry(0), entry(1)])
        tip = append(session, [entry(2)])
    with store.reading() as session:
        found = rows_of(session)
        assert found == chain([entry(0), entry(1), entry(2)])
        assert tip == head(session) == Tip(3, found[-1].digest)
        assert verify(session) == []


def test_a_digest_is_what_is_written_here_and_never_changes() -> None:
    told = Entry(1, "li", "auditor", "look", "person", "P1", "核查")
    text_of_it = f'["{FIRST_PREVIOUS}",1,1,"li","auditor","look","person","P1","核查"]'
    assert link_digest(FIRST_PREVIOUS, 1, told) == hashlib.sha256(text_of_it.encode()).hexdigest()


def test_nothing_is_written_when_the_transaction_fails(store: Store) -> None:
    def fail() -> None:
        with store.writing() as session:
            append(session, [entry(0)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.reading() as session:
        assert rows_of(session) == []


def test_no_entries_change_nothing(log: Session) -> None:
    assert append(log, []) == head(log)
    assert len(rows_of(log)) == N


@pytest.mark.parametrize("kind", ["person", "trainee"])
@pytest.mark.parametrize("reason", ["", "  ", "...", "\u200b"])
def test_a_look_at_a_person_needs_a_reason(sqlite_store: Store, kind: str, reason: str) -> None:
    with pytest.raises(LogRefused, match="reason"), sqlite_store.writing() as session:
        append(session, [entry(0, subject_kind=kind, reason=reason)])
    with sqlite_store.writing() as session:
        append(session, [entry(0, subject_kind="vehicle", reason=reason)])
        append(session, [entry(0, subject_kind=kind, reason=reason, action=LOOK_DENIED)])
        append(session, [entry(0, subject_kind=kind, reason="C7")])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": "a\0b"}, "reason"),
        ({"reason": "a\udcffb"}, "reason"),
        ({"actor": "x" * 201}, "actor"),
        ({"subject_kind": "x" * 65}, "subject_kind"),
    ],
)
def test_what_a_database_would_not_keep_as_it_is_is_refused(log: Session, changes: dict[str, str], field: str) -> None:
    with pytest.raises(LogRefused, match=field):
        append(log, [entry(0), entry(1, **changes)])
    assert len(rows_of(log)) == N


HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "a\r\nb\tc",
    "'; DROP TABLE access_log; --",
    "\u202egnp",
    "\ufffd",
    "😀" * 300,
    "\\xff",
)


def test_text_from_outside_is_kept_as_given(log: Session) -> None:
    append(log, [entry(n, reason=f"x{hostile}") for n, hostile in enumerate(HOSTILE)])
    log.expire_all()
    assert [row.reason for row in rows_of(log)[N:]] == [f"x{hostile}" for hostile in HOSTILE]
    assert verify(log) == []


def test_many_at_once_make_one_chain(store: Store) -> None:
    threads, turns, each = 8, 100, 2

    def work(worker: int) -> None:
        for turn in range(turns):
            with store.writing() as session:
                append(session, [entry(turn * each + n, actor=f"w{worker}") for n in range(each)])

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, worker) for worker in range(threads)]:
            done.result()
    with store.reading() as session:
        found = rows_of(session)
        assert verify(session) == []
    assert [row.seq for row in found] == list(range(1, threads * turns * each + 1))
    for worker in range(threads):
        assert [row.subject_id for row in found if row.actor == f"w{worker}"] == [f"P{n:04d}" for n in range(200)]


def test_the_last_entries_are_found_by_subject_and_account(log: Session) -> None:
    assert [row.seq for row in recent(log, 3)] == [N - 2, N - 1, N]
    assert [row.seq for row in recent(log, 3, subject_id="P0006")] == [7]
    assert {row.actor for row in recent(log, 99, actor="li2")} == {"li2"}
    assert recent(log, 3, subject_id="P0006", actor="li2") == []


# ---------------------------------------------------------------- what became of it


def changed_byte(dice: random.Random, value: int | str, dialect: str) -> int | bytes:
    """A value with one byte changed, so that the database takes it."""
    raw = str(value).encode()
    while True:
        at = dice.randrange(len(raw))
        other = raw[:at] + bytes([dice.choice(b"0123456789") if isinstance(value, int) else dice.randrange(1, 256)])
        other += raw[at + 1 :]
        if isinstance(value, int) and int(other) != value:
            return int(other)
        if isinstance(value, str) and other != raw and (dialect == SQLITE or is_utf8(other)):
            return other


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def put(session: Session, dialect: str, seq: int, column: str, value: int | bytes) -> None:
    """Write into a column what no program of ours would."""
    given_as = ":value"
    if isinstance(value, bytes):
        given_as = "CAST(:value AS TEXT)" if dialect == SQLITE else "convert_from(:value, 'UTF8')"
    session.execute(text(f"UPDATE access_log SET {column} = {given_as} WHERE seq = :seq"), {"value": value, "seq": seq})


def test_any_changed_byte_is_found_and_its_place_named(log: Session) -> None:
    dice = random.Random(20260319)
    seen: set[str] = set()
    rows, dialect = rows_of(log), log.get_bind().dialect.name
    for _ in range(CHANGES):
        row, column = dice.choice(rows), dice.choice(Link._fields)
        value = changed_byte(dice, getattr(row, column), dialect)
        if column == "seq" and 1 <= int(value) <= N:
            value = N + row.seq  # that number is taken
        with log.begin_nested() as undo:
            put(log, dialect, row.seq, column, value)
            breaks = verify(log)
            undo.rollback()
        if column == "seq":
            assert {row.seq, value} <= {b.seq for b in breaks}, (row.seq, value, breaks)
        else:
            assert {b.seq for b in breaks} == {row.seq}, (row.seq, column, value, breaks)
            assert breaks[-1] == Break(row.seq, "digest")
        seen.add(column)
    assert seen == set(Link._fields)
    assert verify(log) == []


@pytest.mark.parametrize("column", ["actor", "reason", "digest", "previous"])
def test_text_that_became_bytes_is_found_though_no_byte_changed(sqlite_store: Store, column: str) -> None:
    with sqlite_store.writing() as session:
        append(session, [entry(n) for n in range(3)])
        session.execute(text(f"UPDATE access_log SET {column} = CAST({column} AS BLOB) WHERE seq = 2"))
        assert 2 in {b.seq for b in verify(session)}


def test_bytes_that_are_no_text_are_told_from_the_text_that_stands_for_them(sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        append(session, [entry(0, reason="x\ufffd"), entry(1)])
        session.execute(text("UPDATE access_log SET reason = CAST(x'78ff' AS TEXT) WHERE seq = 1"))
        assert verify(session) == [Break(1, "digest")]
        assert recent(session, 1, subject_id="P0000")[0].reason is None


def test_a_removed_entry_is_found(log: Session) -> None:
    for gone in (1, 7, N - 1):
        log.execute(text("DELETE FROM access_log WHERE seq = :seq"), {"seq": gone})
        assert verify(log) == [Break(gone, "missing", gone)]
        log.rollback()


def test_several_removed_entries_are_named_from_the_first_to_the_last(log: Session) -> None:
    log.execute(text("DELETE FROM access_log WHERE seq BETWEEN 10 AND 19 OR seq = 30"))
    breaks = verify(log)
    assert breaks == [Break(10, "missing", 19), Break(30, "missing", 30)]
    assert [str(b) for b in breaks] == ["entry 10: seq missing, up to 19", "entry 30: seq missing, up to 30"]


def test_an_added_entry_is_found(log: Session) -> None:
    """Put in at the end with a made-up digest, or in the middle after making room."""
    forged = Link(N + 1, *entry(99), head(log).digest, "f" * 64)
    log.execute(insert(AccessEntry).values(**forged._asdict()))
    assert verify(log) == [Break(N + 1, "digest")]
    log.rollback()
    rows = rows_of(log)
    log.execute(text("UPDATE access_log SET seq = -seq WHERE seq > 9"))
    log.execute(text("UPDATE access_log SET seq = 1 - seq WHERE seq < 0"))
    log.execute(insert(AccessEntry).values(**chain([entry(99)], 9, rows[8].digest)[0]._asdict()))
    breaks = verify(log)
    assert breaks[:2] == [Break(11, "previous"), Break(11, "digest")]
    assert {b.seq for b in breaks} == set(range(11, N + 2))


def test_swapped_entries_are_found(log: Session) -> None:
    log.execute(text("UPDATE access_log SET seq = -5 WHERE seq = 5"))
    log.execute(text("UPDATE access_log SET seq = 5 WHERE seq = 23"))
    log.execute(text("UPDATE access_log SET seq = 23 WHERE seq = -5"))
    breaks = verify(log)
    assert {(5, "digest"), (23, "digest"), (5, "previous"), (23, "previous")} <= set(places(breaks))
    assert {b.seq for b in breaks} <= {5, 6, 23, 24}


def test_a_tail_that_was_cut_off_is_found_by_the_heads_alone(log: Session) -> None:
    heads = heads_of(rows_of(log), 10, 30, N)
    log.execute(text("DELETE FROM access_log WHERE seq > 25"))
    assert verify(log) == []
    breaks = verify(log, heads)
    assert breaks == [Break(30, "cut", 25, "2026-03-19T01:00:00Z"), Break(N, "cut", 25, "2026-03-19T01:00:00Z")]
    assert "but the log ends at 25" in str(breaks[0])


def test_an_emptied_log_is_found(log: Session) -> None:
    heads = heads_of(rows_of(log), N)
    log.execute(text("DELETE FROM access_log"))
    assert places(verify(log, heads)) == [(N, "cut")]


def test_a_chain_written_anew_is_found_by_the_heads_alone(log: Session) -> None:
    rows = rows_of(log)
    heads = heads_of(rows, 10, 20, N)
    log.execute(text("DELETE FROM access_log"))
    whitewashed = [entry(n, **({"actor": "nobody"} if n == 14 else {})) for n in range(N)]
    append(log, whitewashed)
    assert verify(log) == []
    breaks = verify(log, heads)
    assert places(breaks) == [(20, "head"), (N, "head")]  # what was written down at 10 still stands: it begins after
    assert breaks[0].message == "is not the head written down on 2026-03-19T01:00:00Z"


def test_two_heads_of_one_number_cannot_both_be_right() -> None:
    rows = chain([entry(n) for n in range(5)])
    other = Head(5, "a" * 64, START_MS, "R2")
    assert places(verify(rows, [*heads_of(rows, 5), other])) == [(5, "head")]


# ---------------------------------------------------------------- retention


def test_what_is_old_is_cut_off_and_the_chain_goes_on(log: Session) -> None:
    rows = rows_of(log)
    heads = heads_of(rows, 5, 10, 20)
    done = cut(log, START_MS + 10_000)
    assert done == Cut(10, rows[9].digest, 10)
    tip = append(log, [entry(N)])
    assert tip.seq == N + 1
    assert rows_of(log)[:-1] == rows[10:]
    assert verify(log, heads, start=(10, rows[9].digest)) == []
    assert places(verify(log)) == [(1, "missing")]
    assert places(verify(log, None, start=(10, "a" * 64))) == [(11, "previous")]
    assert places(verify(log, None, start=(9, rows[8].digest))) == [(10, "missing")]
    assert places(verify(log, [Head(10, "b" * 64, START_MS, "R")], (10, rows[9].digest))) == [(10, "head")]


def test_only_a_beginning_is_cut_off_even_where_a_clock_went_back(store: Store) -> None:
    with store.writing() as session:
        append(session, [entry(0), entry(50), entry(1), entry(2), entry(60)])
        done = cut(session, START_MS + 10_000)
        assert (done.last_seq, done.n) == (1, 1)
        assert cut(session, START_MS + 10_000) is None
        assert [row.seq for row in rows_of(session)] == [2, 3, 4, 5]


def test_the_last_entry_stays_so_that_the_chain_goes_on(log: Session) -> None:
    done = cut(log, START_MS + 10**9)
    assert (done.last_seq, done.n) == (N - 1, N - 1)
    assert append(log, [entry(0)]).seq == N + 1
    assert verify(log, start=(done.last_seq, done.digest)) == []


def test_an_empty_log_has_nothing_to_cut(store: Store) -> None:
    with store.writing() as session:
        assert cut(session, START_MS) is None


def test_tombstones_tell_where_the_log_starts(log: Session) -> None:
    def bury(log: Session, payload: dict[str, Any]) -> None:
        log.add(
            Tombstone(erased_ms=START_MS, actor="system", payload=json.dumps(payload), public_key="k", signature="s")
        )
        log.flush()

    assert start_of(log) is None
    bury(log, {"tracks": {"n": 3}})
    assert start_of(log) is None
    for ms in (5_000, 15_000):
        bury(log, {TOMBSTONE: cut(log, START_MS + ms)._asdict()})
    assert start_of(log).seq == 15
    assert verify(log, start=start_of(log)) == []


# ---------------------------------------------------------------- any chain, any change

ENTRIES = st.lists(
    st.builds(
        Entry,
        at_ms=st.integers(0, 2**50),
        actor=st.sampled_from(["li", "wang"]),
        role=st.sampled_from(["auditor", "reviewer"]),
        action=st.just("look"),
        subject_kind=st.sampled_from(["person", "vehicle"]),
        subject_id=st.text(max_size=5),
        reason=st.text(max_size=8),
    ),
    min_size=2,
    max_size=12,
)


@given(ENTRIES)
def test_any_chain_is_whole(entries: list[Entry]) -> None:
    rows = chain(entries)
    assert verify(rows) == []
    assert verify(rows, heads_of(rows, *range(len(rows) + 1))) == []
    assert verify(rows[1:], None, start=(1, rows[0].digest)) == []
    assert all(b.previous == a.digest for a, b in pairwise(rows))


@given(ENTRIES, st.data())
def test_any_other_order_is_found(entries: list[Entry], data: st.DataObject) -> None:
    rows = chain(entries)
    other = data.draw(st.lists(st.sampled_from(rows), min_size=1, max_size=len(rows) + 2))
    is_beginning = other == rows[: len(other)]
    assert (verify(other) == []) == is_beginning
    assert (verify(other, heads_of(rows, len(rows))) == []) == (other == rows)


@given(ENTRIES, st.data())
def test_an_entry_that_says_anything_else_is_found_at_its_place(entries: list[Entry], data: st.DataObject) -> None:
    rows = chain(entries)
    at = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from([f for f in Link._fields if f not in ("seq", "at_ms")]))
    value = data.draw(st.text(max_size=70).filter(lambda v: v != getattr(rows[at], column)))
    rows[at] = rows[at]._replace(**{column: value})
    assert {b.seq for b in verify(rows)} == {at + 1}


def test_an_empty_log_is_whole(store: Store) -> None:
    with store.reading() as session:
        assert verify(session) == []
        assert verify(session, []) == []
    assert verify([]) == []


def test_a_changed_time_that_no_number_is_is_found(sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        append(session, [entry(0), entry(1)])
        session.execute(text("UPDATE access_log SET at_ms = CAST(at_ms AS BLOB) WHERE seq = 1"))
        assert verify(session) == [Break(1, "digest")]
