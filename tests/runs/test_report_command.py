"""`trajaudit report`: the report that the API gives the same account, as a file of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runs.night_numbers import night_report
from runs.night_reader import NightReader
from store.access_log import recent
from store.accounts import actor_of
from store.engine import Store
from tests.reports.matters import SHANGHAI
from tests.runs.filled_office import CARS, DAY, Says
from tests.stores import Place

DATE = DAY.isoformat()
CAR = CARS["wrong-zone"]


def last_look(store: Store) -> tuple[str, ...]:
    with store.reading() as session:
        (entry,) = recent(session, 1)
    return (*entry[2:6], entry.subject_id)


def told(place: Place, name: str) -> dict[str, object] | None:
    store = place.opened()
    try:
        with store.reading() as session:
            actor = actor_of(session, name, store.clock())
            return night_report(session, SHANGHAI, store.clock(), DAY, NightReader(actor))
    finally:
        store.close()


@pytest.mark.parametrize("name", ["zhao", "li"])
def test_the_file_has_the_numbers_that_the_account_is_told(
    says: Says, night_place: Place, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "night.json"
    answer = says(name, "report", "--date", DATE, "--out", str(file))
    assert (answer.code, answer.out, answer.err) == (0, f"Report: {file}\n", "")
    report = json.loads(file.read_bytes())
    assert report["cases"].pop("overdue") is not None  # as of now, and the command has the clock on the wall
    expected = told(night_place, name)
    assert expected is not None
    expected["cases"].pop("overdue")  # type: ignore[attr-defined]
    assert report == expected
    assert report["findings"]["total"] > 0
    assert report["scope"] == ("city" if name == "zhao" else "districts")


def test_a_page_is_written_for_its_owner_alone_with_the_same_bytes_each_time_and_every_time_is_a_look(
    sqlite_says: Says, sqlite_night: Place, tmp_path: Path
) -> None:
    pages = []
    for lang in ("zh", "zh", "en"):
        file = tmp_path / "night.html"
        assert sqlite_says("zhao", "report", "--date", DATE, "--out", str(file), "--quiet", lang=lang).out == ""
        assert file.stat().st_mode & 0o777 == 0o600
        pages.append(file.read_text("utf-8"))
        store = sqlite_night.opened()
        assert last_look(store) == ("zhao", "office-head", "look", "night", f"{DATE} report night")
        store.close()
    assert pages[0] == pages[1]
    assert '<html lang="zh-CN">' in pages[0]
    assert '<html lang="en">' in pages[2]


def test_a_school_has_a_report_once_it_is_asked(sqlite_says: Says, tmp_path: Path) -> None:
    file = tmp_path / "night.json"
    ask = ("report", "--date", DATE, "--out", str(file))
    answer = sqlite_says("school-1", *ask)
    assert (answer.code, file.exists()) == (2, False)
    assert "There is no report of 2026-03-18 for you" in answer.err
    assert sqlite_says("li", "case", "verify", CAR).code == 0
    assert sqlite_says("li", "case", "ask-school", CAR, "--text", "Where was the car?").code == 0
    assert sqlite_says("school-1", *ask).code == 0
    report = json.loads(file.read_bytes())
    assert (report["scope"], report["findings"]["by_rule"]) == ("school", {"wrong-zone": 1})
    assert (report["fleet"], report["inputs"]) == (None, None)
    assert sqlite_says("school-2", *ask).code == 2


def test_who_may_not_look_gets_nothing_and_is_on_record(sqlite_says: Says, sqlite_night: Place, tmp_path: Path) -> None:
    file = tmp_path / "night.html"
    answer = sqlite_says("root", "report", "--date", DATE, "--out", str(file))
    assert (answer.code, file.exists()) == (2, False)
    store = sqlite_night.opened()
    assert last_look(store)[:3] == ("root", "none", "look-denied")
    store.close()


def test_a_night_that_is_not_there_and_a_file_of_no_kind_are_told(sqlite_says: Says, tmp_path: Path) -> None:
    answer = sqlite_says("zhao", "report", "--date", "2026-03-01", "--out", str(tmp_path / "night.html"))
    assert (answer.code, list(tmp_path.glob("*.html"))) == (2, [])
    answer = sqlite_says("zhao", "report", "--date", DATE, "--out", str(tmp_path / "night.pdf"))
    assert answer.code == 2
    assert "expected a file that ends in .html or .json" in " ".join(answer.err.split())
