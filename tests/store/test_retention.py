"""Erasing: what is past its period goes, all of it and nothing else, whatever happens meanwhile."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text, update

from cases.matter import matter_of
from cases.roles import SYSTEM
from runs.night_desk import Desk
from runs.nightly import Order, nightly
from runs.settings import NightlySettings, Settings
from store import lease
from store.access_log import TOMBSTONE, Entry, append, head, start_of, verify
from store.check import check
from store.engine import SQLITE, Store
from store.files import put_blob
from store.holds import release_hold
from store.nights import any_erased
from store.passages import read_passages_parquet, without_faces
from store.retention import POINTS, PlanChanged, run
from store.retention_plan import KINDS
from store.signing import verify_tombstones
from store.tables.access import AccessEntry, Tombstone
from store.tables.casework import CaseEvent, CaseRow
from store.tables.nights import Blob, PassageSet
from store.tables.registers import SessionRow
from store.tables.results import FindingRow, Notice, VehicleDay
from tests.runs.conftest import CITY, copy_city
from tests.store.conftest import DAY, as_of
from tests.store.erasing import BY, bytes_of, close_cases, days_later, deliver, erase, files_in, hold, look
from tests.store.filled import rows_of
from tests.stores import START_MS

ALL = {"candidates": 30, "passages": 90, "tracks": 365, "findings": 1095, "log": 1095}
ALWAYS = {"tombstones", "access_log", "leases"}
PERSONS = ("P00041", "P00071")
CHANGES = {
    "candidates": {"passage_sets"},
    "passages": {"passage_sets"},
    "tracks": {"blobs", "partitions"},
    "findings": {
        "findings", "not_assessed", "vehicle_days", "spot_checks", "outbox", "case_events", "cases", "nights", "runs",
        "register_versions", "schools", "vehicles", "terminals", "staff", "zones", "schedules", "hours_exceptions",
        "sessions", "exams", "permits", "cameras", "lookalikes",
    },
    "log": set(),
}  # fmt: skip


def faults(store: Store) -> list[str]:
    return [str(trouble) for trouble in check(store, deep=True) if trouble.is_fault]


def desk(store: Store, **told: object) -> Desk:
    return Desk.open(store, Settings(nightly=NightlySettings(**told)))


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def one(store: Store, *asked: object) -> object:
    with store.reading() as session:
        return session.scalar(select(*asked))  # type: ignore[call-overload]


# ---------------------------------------------------------------- when


@pytest.mark.parametrize("kind", KINDS)
def test_a_period_is_over_when_so_many_days_have_passed_since_the_service_day_ended(
    sqlite_night: Store, kind: str
) -> None:
    close_cases(sqlite_night)
    # The log's one entry is of the morning after.
    days_later(sqlite_night, 7, DAY + timedelta(days=kind == "log"))
    sqlite_night.clock.ms -= 1
    assert look(sqlite_night, **{kind: 7}).is_empty
    sqlite_night.clock.ms += 1
    plan = look(sqlite_night, **{kind: 7})
    assert not plan.share(kind).is_empty
    assert [share.kind for share in plan.shares if not share.is_empty] == [kind]


def test_zero_days_are_never(sqlite_night: Store) -> None:
    days_later(sqlite_night, 10_000)
    plan = look(sqlite_night)
    assert plan.is_empty
    assert [(share.before, share.kept) for share in plan.shares] == [(None, {})] * len(KINDS)


# ---------------------------------------------------------------- what


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_goes_alone(night: Store, kind: str) -> None:
    close_cases(night)
    days_later(night, 400)
    before, files = rows_of(night), files_in(night)
    assert erase(night, **{kind: 30}).tombstone is not None
    assert changed(before, rows_of(night)) == CHANGES[kind] | ALWAYS
    gone = {name.partition("/")[0] for name in files - files_in(night)}
    assert gone == {"candidates": {"passages"}, "passages": {"passages"}, "tracks": {"blobs", "lake"}}.get(kind, set())
    assert faults(night) == []
    if kind == "tracks":
        assert files_in(night) == {name for name in files if name.startswith("passages/")}
    if kind == "findings":
        left = {name for name, rows in rows_of(night).items() if rows}
        assert left & CHANGES["findings"] == {"nights", "runs"}


def test_with_all_kinds_nothing_but_marks_is_left(night: Store) -> None:
    close_cases(night)
    days_later(night, 1100)
    done = erase(night, **ALL)
    assert {share.kind: bool(share.nights) for share in done.plan.shares} == {
        "candidates": False,  # they went with their passages
        "passages": True, "tracks": True, "findings": True, "log": False,
    }  # fmt: skip
    assert done.plan.cut is not None
    assert files_in(night) == set()
    assert faults(night) == []
    with night.reading() as session:
        assert verify_tombstones(session) == []
        assert verify(session, None, start_of(session)) == []


def test_faces_go_and_passages_stay(night: Store) -> None:
    close_cases(night)
    path = night.folder / str(one(night, PassageSet.path))
    before = read_passages_parquet(path.read_bytes())
    days_later(night, 30)
    share = erase(night, candidates=30).plan.share("candidates")
    assert share.rows == {"passages": len(before)}
    assert sum(len(p.faces) for p in before) == 640
    after = read_passages_parquet((night.folder / str(one(night, PassageSet.path))).read_bytes())
    assert after == without_faces(before)
    assert not path.exists()
    assert all(person.encode() not in data for data in [*bytes_of(night.folder / "passages").values()]
               for person in PERSONS)  # fmt: skip


def test_passages_without_faces_lose_nothing(night: Store) -> None:
    """The file without faces is then the file itself."""
    close_cases(night)
    days_later(night, 30)
    erase(night, candidates=30)
    with night.writing() as session:
        row = session.scalars(select(PassageSet)).one()
        row.faces_erased_ms, row.sha256 = None, Path(row.path).stem
    files = files_in(night)
    assert erase(night, candidates=30).tombstone is not None
    assert files_in(night) == files
    assert faults(night) == []


# ---------------------------------------------------------------- what is kept


def test_an_open_case_keeps_its_night_and_of_the_findings_its_own(night: Store) -> None:
    with night.reading() as session:
        case_id = session.scalars(select(CaseRow.case_id).where(CaseRow.subject_id == "P00041")).one()
    close_cases(night, case_id)
    days_later(night, 1100)
    done = erase(night, **ALL | {"log": 0})
    kept = {share.kind: dict(share.kept) for share in done.plan.shares}
    assert kept == {kind: {"open-case": 1} for kind in KINDS if kind != "log"} | {"log": {}}
    assert [s.kind for s in done.plan.shares if not s.is_empty] == ["findings"]
    with night.reading() as session:
        assert session.scalars(select(FindingRow.person_id)).all() == ["P00041"]
        assert session.scalars(select(CaseRow.case_id)).all() == [case_id]
        assert set(session.scalars(select(CaseEvent.case_id))) == {case_id}
        assert set(session.scalars(select(Notice.case_id))) == {case_id}
        assert session.scalar(select(func.count()).select_from(SessionRow)) == 45
    assert faults(night) == []
    assert look(night, **ALL | {"log": 0}).is_empty
    close_cases(night)
    assert not look(night, **ALL).is_empty


@pytest.mark.parametrize("state", ["new", "verifying", "confirmed", "disposed", "reopened", "feedback-reviewed"])
def test_a_case_is_open_until_it_is_closed(sqlite_night: Store, state: str) -> None:
    close_cases(sqlite_night)
    days_later(sqlite_night, 400)
    with sqlite_night.writing() as session:
        session.execute(update(CaseRow).where(CaseRow.subject_id == "V0001").values(state=state))
    assert look(sqlite_night, tracks=30).share("tracks").kept == {"open-case": 1}


@pytest.mark.parametrize("state", ["closed", "dismissed", "superseded"])
def test_a_case_that_is_done_keeps_nothing_unless_a_reviewer_has_yet_to_look(sqlite_night: Store, state: str) -> None:
    days_later(sqlite_night, 400)
    with sqlite_night.writing() as session:
        session.execute(update(CaseRow).values(state=state))
    assert not look(sqlite_night, tracks=30).share("tracks").is_empty
    with sqlite_night.writing() as session:
        session.execute(update(CaseRow).where(CaseRow.subject_id == "V0001").values(needs_review=True))
    assert look(sqlite_night, tracks=30).share("tracks").is_empty


def test_the_findings_of_an_open_case_are_those_of_its_matter(night: Store) -> None:
    """Kind by kind: a car's finding does not keep that of the person who drove it."""
    from store.results import findings_of

    with night.reading() as session:
        matters = {f.finding_id: matter_of(f).case_id for f in findings_of(session, DAY)}
    days_later(night, 400)
    for case_id in sorted(set(matters.values())):
        close_cases(night, case_id)
        gone = look(night, findings=30).share("findings").rows["findings"]
        assert gone == sum(held != case_id for held in matters.values())
        with night.writing() as session:
            session.execute(update(CaseRow).values(state="new"))
    assert "findings" not in look(night, findings=30).share("findings").rows


@pytest.mark.parametrize("about", [{}, {"vehicle_id": "V0012"}, {"case_id": "C6752dc916c59fce1750a"}])
def test_a_hold_keeps_all_of_its_night_but_the_log(night: Store, about: dict[str, str]) -> None:
    close_cases(night)
    number = hold(night, **about)
    days_later(night, 1101)
    before, files = rows_of(night), files_in(night)
    done = erase(night, **ALL)
    assert [s.kind for s in done.plan.shares if not s.is_empty] == ["log"]
    assert {s.kind: dict(s.kept) for s in done.plan.shares if s.kept} == {
        kind: {"legal-hold": 1} for kind in KINDS if kind != "log"
    }
    assert changed(before, rows_of(night)) == ALWAYS
    assert files_in(night) == files
    with night.writing() as session:
        release_hold(session, SYSTEM, number, "settled", night.clock())
    assert all(not look(night, **ALL).share(kind).is_empty for kind in ("passages", "tracks", "findings"))


def test_a_hold_placed_after_the_preview_is_heeded(night: Store) -> None:
    close_cases(night)
    days_later(night, 400)
    plan = look(night, tracks=30)
    hold(night)
    before = rows_of(night)
    with pytest.raises(PlanChanged, match="look at the preview again"):
        run(night, plan, BY)
    assert changed(before, rows_of(night)) == {"leases"}


def test_a_file_goes_when_no_night_within_the_period_names_it(store: Store) -> None:
    older, old, young = (DAY - timedelta(days=n) for n in (30, 20, 1))
    first = deliver(store, older, {"zones.geojson": b"zones", "tracks/a/1.csv": b"older"})
    second = deliver(store, old, {"zones.geojson": b"zones", "tracks/a/1.csv": b"old", "tracks/a/2.csv": b"page"})
    third = deliver(store, young, {"zones.geojson": b"zones", "tracks/a/1.csv": b"young", "tracks/a/0.csv": b"page"})
    plan = look(store, tracks=10)
    share = plan.share("tracks")
    assert share.nights == (older, old)
    assert set(share.keys["blobs"]) == {first["tracks/a/1.csv"], second["tracks/a/1.csv"]}
    assert share.kept == {"shared-file": 2}
    sizes = {first["tracks/a/1.csv"]: len(b"older"), second["tracks/a/1.csv"]: len(b"old")}
    assert share.files == {f"blobs/{digest[:2]}/{digest}": size for digest, size in sizes.items()}
    erase(store, tracks=10)
    assert {Path(name).name for name in files_in(store)} == set(third.values())
    with store.reading() as session:
        assert [any_erased(session, day) for day in (older, old, young)] == [True, True, False]
    days_later(store, 10, young)
    erase(store, tracks=10)
    assert files_in(store) == set()


def test_superseded_files_go_with_the_night(store: Store) -> None:
    deliver(store, DAY, {"tracks/a/1.csv": b"first", "tracks/a/2.csv": b"gone"})
    deliver(store, DAY, {"tracks/a/1.csv": b"second"}, START_MS + 1)
    assert len(files_in(store)) == 3
    days_later(store, 10)
    assert look(store, tracks=10).share("tracks").nights == (DAY,)
    erase(store, tracks=10)
    assert files_in(store) == set()


def test_a_night_keeps_the_tracks_it_is_compared_with(store: Store) -> None:
    days = [DAY - timedelta(days=n) for n in range(8)]
    for day in days:
        deliver(store, day, {"tracks/a/1.csv": day.isoformat().encode()})
    days_later(store, 2)  # DAY is past a period of 2 days, and all before it
    store.clock.ms -= 1  # now it is not
    plan = look(store, tracks=2, history_days=3)
    assert plan.share("tracks").nights == tuple(sorted(days[4:]))
    assert plan.share("tracks").kept == {"later-night": 3}
    hold(store, days[6])
    plan = look(store, tracks=2, history_days=1)
    assert plan.share("tracks").nights == tuple(sorted([days[5], *days[2:5]]))
    assert plan.share("tracks").kept == {"later-night": 2, "legal-hold": 1}


# ---------------------------------------------------------------- as shown, once, whole


def test_what_is_shown_is_what_is_done_and_twice_is_nothing_more(night: Store) -> None:
    close_cases(night)
    days_later(night, 1100)
    plan = look(night, **ALL)
    n_rows = {name: len(rows) for name, rows in rows_of(night).items()}
    files = files_in(night)
    done = run(night, plan, BY)
    assert done.plan == plan
    shown = plan.share("findings").rows
    registers = CHANGES["findings"] - set(shown) - {"nights", "runs"}
    after = {name: len(rows) for name, rows in rows_of(night).items()}
    lost = {name: n - after[name] for name, n in n_rows.items() if name not in ALWAYS}
    assert {name: n for name, n in lost.items() if n and name not in registers} == {
        name: n for name, n in shown.items() if name != "registers"
    }
    assert sum(lost[name] for name in registers) == shown["registers"]
    assert files - files_in(night) == {name for share in plan.shares for name in share.files}
    assert done.removed == len(files - files_in(night))
    with night.reading() as session:
        payload = json.loads(session.scalars(select(Tombstone.payload)).one())
    assert payload["erased"] == {s.kind: s.told() for s in plan.shares if not s.is_empty}
    assert payload[TOMBSTONE] == plan.cut._asdict()
    before = rows_of(night)
    again = erase(night, **ALL)
    assert (again.tombstone, again.removed, again.plan.is_empty) == (None, 0, True)
    assert changed(before, rows_of(night)) == {"access_log", "leases"}
    assert one(night, AccessEntry.reason).__class__ is str


def test_a_tombstone_names_nobody(night: Store) -> None:
    close_cases(night)
    days_later(night, 1100)
    erase(night, **ALL)
    payload = str(one(night, Tombstone.payload))
    told = json.loads(payload)
    assert set(told) == {"access_log", "actor", "at_ms", "erased", "format", "periods", "previous"}
    names = [*PERSONS, "V00", "T300", "T420", "SCH", "tracks/", ".csv", "parquet"]
    assert [name for name in names if name in payload] == []


class Killed(BaseException):
    """As sudden as a signal: nothing of ours catches it."""


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_is_killed_leaves_nothing_half_done(night: Store, point: str) -> None:
    def kill(reached: str) -> None:
        if reached == point:
            raise Killed

    close_cases(night)
    days_later(night, 60)
    before, files = rows_of(night), files_in(night)
    with pytest.raises(Killed):
        erase(night, kill, candidates=30, tracks=30)
    assert [t for t in check(night, deep=True) if t.code not in {"orphan", "new-file"}] == []
    if point in POINTS[:2]:
        assert changed(before, rows_of(night)) <= {"leases"}
        assert files <= files_in(night)
    done = erase(night, candidates=30, tracks=30)
    assert (done.tombstone is not None) == (point in POINTS[:2])
    assert changed(before, rows_of(night)) == CHANGES["candidates"] | CHANGES["tracks"] | ALWAYS
    (left,) = files_in(night)
    assert left == one(night, PassageSet.path)
    assert faults(night) == []


def test_nothing_is_erased_while_a_nightly_runs(night: Store) -> None:
    close_cases(night)
    days_later(night, 60)
    plan = look(night, tracks=30)
    held = lease.take(night, lease.NIGHTLY, 60_000)
    with pytest.raises(lease.LeaseTaken):
        run(night, plan, BY)
    lease.release(night, held)
    assert run(night, plan, BY).tombstone is not None


def test_passages_that_cannot_be_read_stay_and_are_told(night: Store) -> None:
    close_cases(night)
    days_later(night, 60)
    name = str(one(night, PassageSet.path))
    (night.folder / name).write_bytes(b"damaged")
    done = erase(night, candidates=30, tracks=30)
    assert done.damaged == (name,)
    assert done.plan.share("candidates").kept == {"damaged": 1}
    assert [s.kind for s in done.plan.shares if not s.is_empty] == ["tracks"]
    assert one(night, PassageSet.faces_erased_ms) is None


def test_passages_that_are_not_there_have_no_faces(night: Store) -> None:
    close_cases(night)
    days_later(night, 60)
    (night.folder / str(one(night, PassageSet.path))).unlink()
    done = erase(night, candidates=30)
    assert (done.damaged, done.tombstone is not None) == ((), True)
    assert look(night, candidates=30).is_empty


# ---------------------------------------------------------------- what an audit makes of it


def late_file(tmp_path: Path) -> Path:
    """The city with a track that lacks its last row, and without the checkpoint records."""
    import gzip

    city = copy_city(tmp_path)
    (city / "passages.ndjson").unlink()
    path = city / "tracks" / "terminal" / "TV0009.csv.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:-1]), mtime=0))
    return city


@pytest.mark.parametrize("kind", ["candidates", "passages"])
def test_a_late_file_does_not_lose_what_was_found_by_faces(night: Store, tmp_path: Path, kind: str) -> None:
    def people() -> list[tuple[str, str]]:
        with night.reading() as session:
            asked = select(FindingRow.person_id, FindingRow.content_digest).where(FindingRow.superseded_ms.is_(None))
            return sorted(session.execute(asked.where(FindingRow.person_id.is_not(None))).all())

    close_cases(night)
    days_later(night, 60)
    before = people()
    erase(night, **{kind: 30})
    at = desk(night)
    gone = {rule.by_cameras for rule in at.plan(DAY).unaskable}
    assert gone == ({"crew"} if kind == "candidates" else {"crew", "plates"})
    assert not at.plan(DAY).is_stale
    (report,) = nightly(at, Order(DAY, late_file(tmp_path))).nights
    assert report.state == "done"
    assert report.audited
    assert report.changes["gone"] == 0
    assert people() == before
    assert [person for person, _ in before] == list(PERSONS)


def test_faces_do_not_come_back_with_the_same_delivery(night: Store) -> None:
    close_cases(night)
    days_later(night, 60)
    erase(night, candidates=30)
    before = rows_of(night)
    (report,) = nightly(desk(night), Order(DAY, CITY)).nights
    assert report.state == "unchanged"
    assert changed(before, rows_of(night)) <= {"leases"}
    assert not any(person.encode() in data for data in bytes_of(night.folder / "passages").values()
                   for person in PERSONS)  # fmt: skip
    assert faults(night) == []


def test_a_file_with_faces_that_was_put_there_once_more_goes_when_it_is_a_day_old(night: Store) -> None:
    close_cases(night)
    days_later(night, 60)
    path = night.folder / str(one(night, PassageSet.path))
    data = path.read_bytes()
    erase(night, candidates=30)
    path.write_bytes(data)
    assert [t.code for t in check(night)] == ["new-file"]
    assert erase(night, candidates=30).removed == 0
    as_of(night.folder)
    assert erase(night, candidates=30).removed == 1
    assert faults(night) == []


def test_without_its_tracks_a_night_stands_as_it_was_answered(night: Store, tmp_path: Path) -> None:
    close_cases(night)
    days_later(night, 60)
    erase(night, tracks=30)
    office = tmp_path / "office.toml"
    office.write_text(
        '[[value]]\nrule = "signal-gap"\nparameter = "silence_min"\nsince = 2026-01-01\nvalue = 21\nunit = "min"\n'
        'source = "office"\n',
        encoding="utf-8",
    )
    before = rows_of(night)
    at = desk(night, office=office)
    plan = at.plan(DAY)
    assert plan.inputs != plan.audited_inputs
    assert (plan.is_erased, plan.is_stale) == (True, False)
    done = nightly(at, Order(DAY, again=True))
    assert [n.state for n in done.nights] in ([], ["unchanged"])
    assert changed(before, rows_of(night)) - {"cases", "case_events", "outbox"} <= {"leases"}
    with night.reading() as session:
        standing = select(func.count()).select_from(FindingRow).where(FindingRow.superseded_ms.is_(None))
        assert session.scalar(standing) == 15
    assert faults(night) == []


def test_erased_findings_are_not_found_anew(night: Store, tmp_path: Path) -> None:
    close_cases(night)
    days_later(night, 60)
    erase(night, findings=30)
    nightly(desk(night), Order(DAY, late_file(tmp_path)))
    nightly(desk(night), Order(DAY, again=True))
    with night.reading() as session:
        assert session.scalar(select(func.count()).select_from(FindingRow)) == 0
        assert session.scalar(select(func.count()).select_from(VehicleDay)) == 0


def test_a_file_that_a_later_night_brings_anew_is_there_again(store: Store) -> None:
    digest = deliver(store, DAY, {"permits.csv": b"permit_id", "tracks/a/1.csv": b"1"})["permits.csv"]
    days_later(store, 10)
    erase(store, tracks=10)
    later = DAY + timedelta(days=30)
    days_later(store, 0, later)
    deliver(store, later, {"permits.csv": b"permit_id", "tracks/a/1.csv": b"2"}, store.clock())
    with store.reading() as session:
        assert session.get(Blob, digest).erased_ms is None
        assert [any_erased(session, day) for day in (DAY, later)] == [True, False]
    assert faults(store) == []


def test_a_file_that_is_being_brought_anew_is_not_taken_away(store: Store) -> None:
    """It was put in place; its row is not there yet."""
    deliver(store, DAY, {"tracks/a/1.csv": b"1"})
    days_later(store, 10)
    put_blob(store, b"1")
    assert erase(store, tracks=10).removed == 0
    deliver(store, DAY + timedelta(days=30), {"tracks/a/1.csv": b"1"}, store.clock())
    assert faults(store) == []


# ---------------------------------------------------------------- the access log


def log_of(store: Store, *days: int) -> None:
    with store.writing() as session:
        append(session, [Entry(START_MS + n * 86_400_000, "li", "auditor", "look", "vehicle", f"V{n}") for n in days])


def breaks(store: Store) -> list[str]:
    with store.reading() as session:
        return [str(b) for b in verify(session, None, start_of(session))]


def test_the_log_is_whole_after_each_of_several_cuts_and_what_is_left_still_tells(store: Store) -> None:
    log_of(store, *range(1, 30))
    for days in (10, 20, 25):
        days_later(store, days, date(2026, 3, 19))
        assert erase(store, log=5).plan.cut.n == {10: 5, 20: 10, 25: 5}[days]
        assert breaks(store) == []
        with store.reading() as session:
            assert verify_tombstones(session) == []
    with store.reading() as session:
        first, last = session.execute(select(func.min(AccessEntry.seq), func.max(AccessEntry.seq))).one()
    assert first == 21
    with store.writing() as session:
        session.execute(update(AccessEntry).where(AccessEntry.seq == first + 2).values(actor="zhang"))
    assert breaks(store) == [f"entry {first + 2}: digest does not match what the entry says"]
    with store.writing() as session:
        session.execute(update(AccessEntry).where(AccessEntry.seq == first + 2).values(actor="li"))
        session.execute(delete(AccessEntry).where(AccessEntry.seq == first))
    assert breaks(store) == [f"entry {first}: seq missing, up to {first}"]
    assert last == 32


def test_a_log_that_is_all_old_leaves_the_entry_of_the_run_alone(store: Store) -> None:
    log_of(store, 1, 2, 3)
    days_later(store, 100)
    assert erase(store, log=5).plan.cut.n == 3
    with store.reading() as session:
        assert [row.action for row in session.scalars(select(AccessEntry))] == ["erase"]
        assert head(session).seq == 4
    assert breaks(store) == []
    assert look(store, log=5).is_empty


def test_a_log_that_was_tampered_with_is_not_cut(store: Store) -> None:
    log_of(store, *range(1, 20))
    with store.writing() as session:
        session.execute(update(AccessEntry).where(AccessEntry.seq == 3).values(actor="zhang"))
    days_later(store, 100)
    assert erase(store, log=5).tombstone is None
    plan = look(store, log=5)
    assert (plan.cut, plan.share("log").kept) == (None, {"damaged": 19})
    assert breaks(store) == ["entry 3: digest does not match what the entry says"]


# ---------------------------------------------------------------- really gone


def test_no_byte_of_what_was_erased_is_left_in_the_store(sqlite_night: Store) -> None:
    canaries = [*PERSONS, "T300114", "T420117", "Fe383dcf2effb5566c9e5"]

    def found() -> set[tuple[str, str]]:
        files = bytes_of(sqlite_night.folder).items()
        return {(name.partition("/")[0], c) for name, data in files for c in canaries if c.encode() in data}

    assert {canary for _, canary in found()} == set(canaries)
    assert sqlite_night.dialect == SQLITE
    close_cases(sqlite_night)
    days_later(sqlite_night, 1100)
    assert erase(sqlite_night, **ALL).is_scrubbed
    assert found() == set()
    assert {"trajaudit.db", "trajaudit.db-wal"} <= set(bytes_of(sqlite_night.folder))  # it is still open


def test_while_somebody_reads_the_bytes_stay_and_this_is_told(
    sqlite_night: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.retention._PATIENCE_S", 0.0)
    monkeypatch.setattr("store.engine.BUSY_MS", 100)
    close_cases(sqlite_night)
    days_later(sqlite_night, 1100)
    with sqlite_night.reading() as session:
        session.execute(text("SELECT count(*) FROM findings"))
        assert not erase(sqlite_night, **ALL).is_scrubbed
    assert erase(sqlite_night, **ALL).is_scrubbed
    assert not any(b"Fe383dcf2effb5566c9e5" in data for data in bytes_of(sqlite_night.folder).values())
