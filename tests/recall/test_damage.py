"""What the store has lost is no silence of a car, and one night's trouble is not that of all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs.night_desk import Desk
from runs.nightly import Order, nightly
from store.check import check
from store.files import blob_path
from store.nights import current_files, current_passages
from store.results import not_assessed_of
from tests.recall.conftest import CITY, DAY, Night, lines


def damaged(night: Night, name: str) -> Path:
    with night.desk.store.reading() as session:
        return blob_path(night.desk.store, current_files(session, DAY)[name].sha256)


@pytest.mark.parametrize("how", ["gone", "other bytes"])
def test_a_file_that_the_store_has_lost_fails_the_night_and_accuses_nobody(night: Night, how: str) -> None:
    before = [f.content_digest for f in night.standing()]
    night.take_in(lines("schools.csv", lambda told: [*told, "SCH09,新校,419901"]))
    path = damaged(night, "tracks/terminal/TV0010.csv.gz")
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(damaged(night, "tracks/terminal/TV0011.csv.gz").read_bytes())
    report = night.run().nights[0]
    assert report.state == "failed"
    assert "TV0010" in report.trouble["input"][0]
    assert "store check" in report.trouble["input"][0]
    assert [f.content_digest for f in night.standing()] == before
    assert check(night.desk.store, deep=True) != []


def test_a_damaged_night_costs_no_other_night_its_audit(night: Night) -> None:
    night.take_in(lines("schools.csv", lambda told: [*told, "SCH09,新校,419901"]))
    with night.desk.store.reading() as session:
        kept = current_passages(session, DAY)
    assert kept is not None
    (night.desk.store.folder / kept.path).write_bytes(b"PAR1 broken")
    night.desk.store.clock.ms += 2 * 86_400_000  # type: ignore[attr-defined]
    desk = Desk.open(night.desk.store, night.desk.settings)
    reports = {n.service_date: n for n in nightly(desk, Order(bundle=CITY)).nights}
    others = [n for day, n in reports.items() if day != DAY]
    assert reports[DAY].state == "failed"
    assert "Arrow" in reports[DAY].trouble["fault"][0]
    assert [n.state for n in others] == ["done"]


def test_cars_of_which_records_were_erased_are_said_to_be_unanswered(night: Night) -> None:
    with night.desk.store.writing() as session:
        kept = current_passages(session, DAY)
        assert kept is not None
        kept.faces_erased_ms = 1
    night.take_in(
        lines("vehicles.csv", lambda told: [*told, told[1].replace("V0001", "V0099").replace("TV0001", "TV0099")])
    )
    before = {f.finding_id for f in night.standing() if f.person_id is not None}
    assert before
    night.run()
    with night.desk.store.reading() as session:
        rows = {(n.vehicle_id, n.rule, n.reason) for n in not_assessed_of(session, DAY)}
    assert ("V0099", "safety-officer-instructing", "records-erased") in rows
    assert ("V0099", "instructor-substitution", "records-erased") in rows
    assert before <= {f.finding_id for f in night.standing()}


def test_feeds_that_brought_nothing_are_told_and_chance_waits_for_them(tmp_path: Path, sqlite_template: Path) -> None:
    import shutil

    from store.engine import open_store
    from store.tables.casework import SpotCheck
    from tests.recall.conftest import settings_for
    from tests.stores import Clock

    city = tmp_path / "city"
    shutil.copytree(CITY, city)
    for file in (city / "tracks" / "terminal").iterdir():
        file.unlink()
    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "trajaudit.db")
    store = open_store(folder, clock=Clock())
    desk = Desk.open(store, settings_for(folder))
    first = nightly(desk, Order(DAY, city)).nights[0]
    assert first.state == "degraded"
    assert first.trouble["feed:terminal"] == ["not-heard"]
    assert first.drawn == 0
    second = nightly(desk, Order(DAY, CITY)).nights[0]
    assert second.state == "done"
    assert second.drawn > 0
    with store.reading() as session:
        assert session.query(SpotCheck).count() == second.drawn
    store.close()
