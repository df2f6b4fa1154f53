"""Reports over HTTP: the contract's files by its own writers, numbers as the other resources tell them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select, update

from api.languages import best_language
from api.report_models import TITLES
from api.reports import FORMS
from runs.audit_run import Job, run_audit
from runs.night_reader import NAMED_REPORTS
from store.tables.base import Base
from store.tables.casework import CaseRow
from store.tables.nights import Night
from store.tables.results import FindingRow, NotAssessedRow
from store.tables.results import Run as RunRow
from tests.api.asks import HERE
from tests.api.browser_like import give_password
from tests.api.browsing import Chromium, Seen, listening
from tests.api.calls import get, kind_of
from tests.api.conftest import CITY, DAY, Server
from tests.api.edited import HOUR_MS, audited_again, clock_of, edited
from tests.api.test_cases import CAR, act
from tests.api.test_findings import PERSON, TRAINEE, WHY, log_of
from tests.api.test_start_page import Forms
from tests.api.walking import items, pages

AT = f"/v1/reports/{DAY}"
ALL = list(FORMS)
EVIL = '=cmd|"/c calc"!A1<img src=x onerror=alert(1)>'
A4_INSIDE_PX = 688
"""210 mm less the margins of 14 mm, at 96 px an inch."""
CSV_OF_ROWS = ["file", "read", "kept", "flagged", "rejected", "n_rejected"]


def of(server: Server, name: str, report: str, **headers: str) -> httpx.Response:
    answer = get(server, name, f"{AT}/{report}", **headers)
    assert answer.status_code == 200, answer.text
    return answer


def numbers(server: Server, name: str) -> dict[str, Any]:
    told: dict[str, Any] = of(server, name, "night").json()
    return told


def rows_of(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def nights_before(server: Server, *counts: int) -> None:
    """Put nights before the sample's into a store, the last one a day before it: so many of its findings in each."""

    def copied(row: Base, **other: Any) -> Base:
        told = {c.name: getattr(row, c.name) for c in row.__table__.columns if c.name != "id"}
        return type(row)(**{**told, **other})

    with server.store.writing() as session:
        night = session.get(Night, DAY)
        assert night is not None
        found = session.scalars(select(FindingRow).where(FindingRow.service_date == DAY)).all()
        for days, n in enumerate(reversed(counts), 1):
            day = DAY - timedelta(days=days)
            session.add(copied(night, service_date=day))
            session.add_all(copied(f, service_date=day, finding_id=f"{days}{f.finding_id}"[:20]) for f in found[:n])


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `trajaudit audit` writes for the same bundle."""
    out = tmp_path_factory.mktemp("audit") / "out"
    run_audit(Job(CITY, DAY, out))
    return out


# ---------------------------------------------------------------- the files of the contract
@pytest.mark.parametrize("form", ["geojson", "csv"])
def test_whoever_says_why_gets_the_audits_own_files_byte_by_byte(
    reading_server: Server, audited: Path, form: str
) -> None:
    answer = of(reading_server, "auditor", f"findings?f={form}", x_reason=WHY)
    assert answer.content == (audited / f"findings.{form}").read_bytes()
    assert answer.headers["content-disposition"] == f'attachment; filename="findings-{DAY}.{form}"'
    assert (answer.headers["cache-control"], "etag" in answer.headers) == ("private, no-store", False)


def test_geoparquet_holds_the_rows_and_the_columns_of_the_audits_own_file(
    reading_server: Server, audited: Path
) -> None:
    answer = of(reading_server, "auditor", "findings", accept="application/vnd.apache.parquet", x_reason=WHY)
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert pq.read_table(io.BytesIO(answer.content)).equals(pq.read_table(audited / "findings.parquet"), True)


def test_what_was_not_assessed_is_the_audits_own_file(reading_server: Server, audited: Path) -> None:
    answer = of(reading_server, "auditor", "not-assessed?f=csv")
    assert answer.content == (audited / "not_assessed.csv").read_bytes()
    told = of(reading_server, "auditor", "not-assessed").json()["items"]
    assert told == items(reading_server, "auditor", f"/v1/not-assessed?date={DAY}")
    assert [row["vehicle_id"] for row in told] == [row["vehicle_id"] or None for row in rows_of(answer.content)]


def test_without_a_reason_people_are_labels_of_this_answer(reading_server: Server) -> None:
    for name in ("auditor", "platform"):
        answer = of(reading_server, name, "findings?f=csv")
        people = {row[key] for row in rows_of(answer.content) for key in ("person_id", "trainee_id")} - {""}
        assert people
        assert all(person.startswith(("person-", "trainee-")) for person in people)
        assert PERSON not in answer.text
        assert TRAINEE not in answer.text
    said = of(reading_server, "platform", "findings?f=csv", x_reason=WHY)
    assert PERSON not in said.text


@pytest.mark.parametrize("name", ["auditor", "auditor-here", "auditor-elsewhere", "head", "platform"])
def test_a_report_has_the_findings_of_the_list(reading_server: Server, name: str) -> None:
    told = of(reading_server, name, "findings").json()["features"]
    listed = items(reading_server, name, f"/v1/findings?date={DAY}")
    assert [f["properties"]["finding_id"] for f in told] == [f["finding_id"] for f in listed]
    assert [f["geometry"] for f in told] == [f["geometry"] for f in listed]
    assert (not told) == (name == "auditor-elsewhere")


def test_the_account_of_the_run_is_that_of_the_night(reading_server: Server) -> None:
    night = get(reading_server, "auditor", f"/v1/nights/{DAY}").json()
    told = of(reading_server, "auditor", "run").json()
    assert told == night["counts"]
    assert told["run_id"] == night["run_id"]


def test_rows_read_are_rows_kept_and_rejected_as_the_account_of_the_run_has_them(reading_server: Server) -> None:
    told = of(reading_server, "auditor", "rejects").json()["items"]
    account = of(reading_server, "auditor", "run").json()["rows"]
    assert {row["file"]: {k: row[k] for k in ("read", "kept", "flagged", "rejected")} for row in told} == account
    assert all(row["read"] == row["kept"] + row["n_rejected"] for row in told)
    assert any(row["n_rejected"] for row in told)
    table = rows_of(of(reading_server, "auditor", "rejects?f=csv").content)
    assert list(table[0]) == CSV_OF_ROWS
    assert [(r["file"], int(r["read"])) for r in table] == [(r["file"], r["read"]) for r in told]


# ---------------------------------------------------------------- numbers
@pytest.mark.parametrize("name", ["auditor", "auditor-here", "auditor-elsewhere"])
def test_the_nights_numbers_are_those_of_the_other_resources(reading_server: Server, name: str) -> None:
    def listed(path: str) -> list[dict[str, Any]]:
        return items(reading_server, name, path)

    told, date = numbers(reading_server, name), f"date={DAY}"
    found = listed(f"/v1/findings?{date}")
    assert told["findings"]["total"] == len(found)
    assert told["findings"]["by_rule"] == Counter(f["rule"] for f in found)
    assert Counter(told["findings"]["by_severity"]) == Counter(f["severity"] for f in found)
    assert {s["school_id"]: s["total"] for s in told["findings"]["by_school"]} == Counter(f["school_id"] for f in found)
    unanswered = listed(f"/v1/not-assessed?{date}")
    assert told["not_assessed"]["questions"] == len(unanswered)
    assert sum(one["questions"] for one in told["not_assessed"]["items"]) == len(unanswered)
    by_reason = {reason: one["questions"] for reason, one in told["not_assessed"]["by_reason"].items()}
    assert by_reason == Counter(n["reason"] for n in unanswered)
    cars = {(n["reason"], n["vehicle_id"]) for n in unanswered}
    assert {r: one["cars"] for r, one in told["not_assessed"]["by_reason"].items()} == Counter(r for r, _ in cars)
    covered = get(reading_server, name, f"/v1/coverage?{date}").json()["items"]
    assert [{k: v for k, v in one.items() if k != "name"} for one in told["coverage"]] == covered
    assert told["sessions"]["declared"] == len(listed(f"/v1/sessions?{date}"))
    assert told["exams"] == len(listed(f"/v1/exams?{date}"))
    cases = get(reading_server, name, f"/v1/cases?{date}&everything=true&limit=1000").json()["items"]
    assert told["cases"]["by_state"] == Counter(c["state"] for c in cases)
    assert told["cases"]["overdue"] == sum(c["is_overdue"] for c in cases)
    vehicles = listed(f"/v1/vehicles?{date}")
    assert told["fleet"]["cars"] == len(vehicles)
    assert told["fleet"]["coach_cars"] == sum(v["use"] == "training" for v in vehicles)
    assert told["fleet"]["without_tracks"] == sum(one["cars_without_fixes"] for one in covered)


def test_fleet_adds_up_and_what_was_asked_in_vain_is_no_answer(server: Server) -> None:
    with server.store.writing() as session:
        row = NotAssessedRow
        session.execute(
            update(row).where(row.vehicle_id.in_(["V0001", "V0002"])).values(superseded_ms=server.store.clock())
        )
    fleet = numbers(server, "auditor")["fleet"]
    assert fleet["coach_cars"] == fleet["with_tracks"] + fleet["without_tracks"]
    assert (fleet["assessed"], fleet["assessed"] + fleet["assessed_in_part"]) == (2, fleet["with_tracks"])


def test_the_whole_citys_numbers_are_told_to_whoever_sees_it(reading_server: Server) -> None:
    told, runs = numbers(reading_server, "auditor"), items(reading_server, "auditor", f"/v1/runs?date={DAY}")
    assert told["scope"] == "city"
    assert [r["run_id"] for r in told["runs"]] == [r["run_id"] for r in runs]
    assert told["inputs"] == of(reading_server, "auditor", "rejects").json()["items"]
    assert told["passages"] == of(reading_server, "auditor", "run").json()["passages"]
    here = numbers(reading_server, "auditor-here")
    assert here["scope"] == "districts"
    assert [here[part] for part in ("runs", "inputs", "passages", "warnings", "trouble")] == [None] * 5
    assert {one["school_id"] for one in here["coverage"]} == {"SCH01"}


def test_nights_are_compared_by_what_stands_of_each_within_ones_bounds(server: Server) -> None:
    nights_before(server, 4, 9)
    for name in ("auditor", "auditor-here"):
        told = numbers(server, name)["history"]
        assert [night["service_date"] for night in told] == ["2026-03-16", "2026-03-17", "2026-03-18"]
        for night in told:
            found = items(server, name, f"/v1/findings?date={night['service_date']}")
            assert night["total"] == len(found)
            assert Counter(night["by_severity"]) == Counter(f["severity"] for f in found)
    assert [night["total"] for night in numbers(server, "auditor")["history"]] == [4, 9, 15]


def test_cases_that_are_late_and_a_delivery_that_came_since_are_told(server: Server) -> None:
    before = numbers(server, "auditor")
    assert (before["cases"]["overdue"], before["is_behind"]) == (0, False)
    assert '<p class="state good">已按收到的数据完整核查' in of(server, "auditor", "night?f=html").text
    with server.store.writing() as session:
        session.execute(update(CaseRow).where(CaseRow.case_id == CAR).values(due_ms=server.store.clock()))
        session.execute(update(Night).values(changed_ms=server.store.clock() + 1))
    after = numbers(server, "auditor")
    assert (after["cases"]["overdue"], after["is_behind"]) == (1, True)
    assert '<p class="state bad">本次核查之后又收到数据' in of(server, "auditor", "night?f=html").text


def test_after_another_audit_one_run_stands_and_the_other_is_superseded(server: Server, tmp_path: Path) -> None:
    audited_again(server, edited(tmp_path / "late", ("permits.csv", "V0011", "V0012")))
    told = numbers(server, "auditor")
    assert sorted(run["stands"] for run in told["runs"]) == [False, True]
    standing = next(run["run_id"] for run in told["runs"] if run["stands"])
    assert standing == told["run_id"] == get(server, "auditor", f"/v1/nights/{DAY}").json()["run_id"]
    page = of(server, "auditor", "night?f=html&lang=en").text
    assert page.count('<td class="words">superseded</td>') == page.count('<td class="words">stands</td>') == 1
    with server.store.writing() as session:
        session.execute(update(RunRow).where(RunRow.run_id != standing).values(state="failed"))
    assert "superseded" not in of(server, "auditor", "night?f=html&lang=en").text


# ---------------------------------------------------------------- who reads what
LISTS = {
    "auditor": ALL,
    "auditor-here": ["night", "findings", "not-assessed"],
    "auditor-elsewhere": ["night", "findings", "not-assessed"],
    "head": ALL,
    "platform": ALL,
    "admin": ["run", "rejects"],
    "school-1": [],
    "school-2": [],
}


@pytest.mark.parametrize("name", LISTS)
def test_what_is_listed_can_be_read_and_what_is_not_cannot(reading_server: Server, name: str) -> None:
    listed = items(reading_server, name, "/v1/reports")
    assert [line["name"] for line in listed] == LISTS[name]
    for line in listed:
        for kind in line["media_types"]:
            answer = get(reading_server, name, line["href"], accept=kind)
            assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
        if line["run"]:
            assert get(reading_server, name, line["run"]).json()["state"] == line["state"]
    for report in set(ALL) - set(LISTS[name]):
        assert get(reading_server, name, f"{AT}/{report}").status_code in {403, 404}


def test_an_administrator_is_told_of_rows_and_of_no_car(reading_server: Server) -> None:
    told = of(reading_server, "admin", "run")
    whole = of(reading_server, "auditor", "run").json()
    assert told.json() == {name: part for name, part in whole.items() if name not in {"coverage", "warnings"}}
    assert "V0" not in told.text + of(reading_server, "admin", "rejects").text
    for report in ("night", "findings", "not-assessed"):
        answer = get(reading_server, "admin", f"{AT}/{report}")
        assert (answer.status_code, kind_of(answer)) == (403, "not-allowed")


def test_a_school_has_its_own_report_once_it_is_asked_and_the_other_school_has_none(server: Server) -> None:
    assert act(server, "auditor", CAR, "start-verifying", 1).status_code == 200
    assert items(server, "school-1", "/v1/reports") == []
    assert act(server, "auditor", CAR, "ask-school", 2, text="Where was the car?").status_code == 200
    nights_before(server, 15)
    assert [line["name"] for line in items(server, "school-1", "/v1/reports")] == ["night", "findings"]
    assert items(server, "school-2", "/v1/reports") == []
    for report in ("night", "findings"):
        assert get(server, "school-2", f"{AT}/{report}").status_code == 404
        assert get(server, "school-1", f"/v1/reports/2026-03-17/{report}").status_code == 404
    shown = get(server, "school-1", f"/v1/cases/{CAR}").json()["findings"]
    told = of(server, "school-1", "findings").json()["features"]
    assert {f["properties"]["finding_id"] for f in told} == {f["finding_id"] for f in shown}
    for one, other in zip(told, shown, strict=True):
        assert one["geometry"] is None
        assert one["properties"]["evidence"] == {"margins": other["margins"]}
        assert one["properties"]["school_id"] == "SCH01"
        assert one["properties"]["summary"] == {"zh": other["summary_zh"], "en": other["summary_en"]}
    night = numbers(server, "school-1")
    assert (night["scope"], night["findings"]["total"], night["cases"]["by_state"]) == (
        "school", len(told), {"awaiting-school": 1},
    )  # fmt: skip
    assert [n["total"] for n in night["history"]] == [0, len(told)]
    hidden = ("runs", "inputs", "passages", "warnings", "trouble", "fleet", "coverage", "sessions", "not_assessed")
    assert {night[part] is None for part in hidden} == {True}
    page = of(server, "school-1", "night?f=html&lang=en").text
    assert "of what a school is told by its cases" in page
    assert "SCH02" not in page


def test_a_school_without_an_asked_case_learns_nothing_of_which_nights_there_are(reading_server: Server) -> None:
    answers = [get(reading_server, "school-1", f"/v1/reports/{day}/night") for day in (DAY, "2020-01-01")]
    assert [(a.status_code, kind_of(a)) for a in answers] == [(404, "not-found")] * 2


def test_a_report_that_names_cars_is_a_look_at_its_night_and_people_are_looked_at_with_a_reason(server: Server) -> None:
    for report, forms in FORMS.items():
        before = len(log_of(server, 1000))
        of(server, "auditor", report, accept=forms[-1])
        entries = log_of(server, 1000)[before:]
        if report in {"run", "rejects"}:
            assert entries == []
        else:
            assert entries == [("auditor", "auditor", "look", "night", "")]
    before = len(log_of(server, 1000))
    told = of(server, "auditor", "findings", x_reason=WHY).json()["features"]
    people = {p for f in told for p in (f["properties"]["person_id"], f["properties"]["trainee_id"]) if p}
    entries = log_of(server, 1000)[before:]
    assert Counter(entry[3] for entry in entries)["night"] == 1
    assert len(entries) == 1 + len(people)
    assert {entry[4] for entry in entries} == {"投诉核查"}


def test_a_form_that_is_not_offered_is_no_look(server: Server) -> None:
    before = len(log_of(server, 1000))
    assert get(server, "auditor", f"{AT}/findings", accept="application/pdf").status_code == 406
    assert get(server, "auditor", f"{AT}/findings?f=html").status_code == 400
    assert len(log_of(server, 1000)) == before


# ---------------------------------------------------------------- the list
def test_the_list_goes_page_by_page_the_latest_night_first_and_by_dates_and_name(server: Server) -> None:
    nights_before(server, 3, 2)
    whole = items(server, "auditor", "/v1/reports")
    assert [(line["service_date"], line["name"]) for line in whole] == [
        (day, name) for day in ("2026-03-18", "2026-03-17", "2026-03-16") for name in ALL
    ]
    for limit in (1, 4, 7):
        walked = pages(server, "auditor", "/v1/reports", limit)
        assert [line for page in walked for line in page] == whole
        assert {len(page) for page in walked[:-1]} == {limit}
    filtered = items(server, "auditor", "/v1/reports?date_from=2026-03-17&date_to=2026-03-17&name=run", 1)
    assert [(line["service_date"], line["name"]) for line in filtered] == [("2026-03-17", "run")]
    assert items(server, "auditor-here", "/v1/reports?name=run") == []
    answer = get(server, "auditor", "/v1/reports", accept="text/csv")
    assert [row["href"] for row in rows_of(answer.content)] == [line["href"] for line in whole]
    lines = get(server, "auditor", "/v1/reports", accept="application/x-ndjson").text.splitlines()
    assert [json.loads(line) for line in lines] == whole


def test_filters_that_are_not_known_and_cursors_of_others_are_refused(reading_server: Server) -> None:
    assert kind_of(get(reading_server, "auditor", "/v1/reports?day=2026-03-18")) == "unknown-parameter"
    assert get(reading_server, "auditor", "/v1/reports?name=leads").status_code == 400
    cursor = get(reading_server, "auditor", "/v1/reports?limit=1").json()["next"]
    assert kind_of(get(reading_server, "head", f"/v1/reports?limit=1&cursor={cursor}")) == "bad-cursor"
    assert get(reading_server, "auditor", f"{AT}/leads").status_code == 404


def test_a_night_that_was_not_audited_or_was_erased_has_no_report(server: Server) -> None:
    nights_before(server, 1, 1)
    with server.store.writing() as session:
        session.execute(
            update(Night).where(Night.service_date == DAY - timedelta(days=2)).values(audited_ms=None, run_id=None)
        )
        session.execute(update(Night).where(Night.service_date == DAY - timedelta(days=1)).values(rules=None))
    assert {line["service_date"] for line in items(server, "auditor", "/v1/reports")} == {str(DAY)}
    for day in ("2026-03-16", "2026-03-17", "2019-01-01"):
        for report in ALL:
            assert get(server, "auditor", f"/v1/reports/{day}/{report}").status_code == 404
    assert len(numbers(server, "auditor")["history"]) == 1


def test_every_report_has_a_title_its_forms_and_its_permissions() -> None:
    assert list(TITLES) == list(FORMS) == list(NAMED_REPORTS)


# ---------------------------------------------------------------- the same bytes, and not again
@pytest.mark.parametrize("name", ["auditor", "auditor-here"])
def test_the_same_content_is_the_same_bytes_and_is_not_sent_again(reading_server: Server, name: str) -> None:
    tags = set()
    for report in LISTS[name]:
        for form in FORMS[report]:
            first, again = (of(reading_server, name, report, accept=form) for _ in range(2))
            assert first.content == again.content
            tag = first.headers["etag"]
            assert first.headers["cache-control"] == "private, no-cache"
            assert "Accept" in first.headers["vary"]
            kept = get(reading_server, name, f"{AT}/{report}", accept=form, if_none_match=tag)
            assert (kept.status_code, kept.content, kept.headers["etag"]) == (304, b"", tag)
            tags.add(tag)
    assert len(tags) == sum(len(FORMS[report]) for report in LISTS[name])


def test_an_older_version_is_sent_anew_once_a_night_was_audited_again(server: Server, tmp_path: Path) -> None:
    tag = of(server, "auditor", "findings?f=csv").headers["etag"]
    audited_again(server, edited(tmp_path / "late", ("permits.csv", "V0011", "V0012")))
    answer = of(server, "auditor", "findings?f=csv", if_none_match=tag)
    assert answer.headers["etag"] != tag


# ---------------------------------------------------------------- the page
def test_a_page_speaks_chinese_first_and_english_where_it_is_asked_for(reading_server: Server) -> None:
    def page(query: str = "", **headers: str) -> httpx.Response:
        return of(reading_server, "auditor", f"night{query}", accept="text/html", **headers)

    for answer, lang in (
        (page(), "zh"),
        (page(accept_language="de"), "zh"),
        (page(accept_language="en-GB,zh;q=0.3"), "en"),
        (page("?lang=en"), "en"),
        (page("?lang=zh", accept_language="en"), "zh"),
    ):
        tag = "zh-CN" if lang == "zh" else "en"
        assert answer.headers["content-language"] == tag
        assert f'<html lang="{tag}">' in answer.text
        assert answer.headers["content-disposition"] == f'inline; filename="night-{DAY}-{lang}.html"'
        assert ("疑点仅供核实,不是结论" in answer.text) == (lang == "zh")
        assert ("A finding is a reason to check, not a verdict" in answer.text) == (lang == "en")
    assert best_language("de") == "zh"


def test_a_page_may_do_nothing_but_look_as_it_does(reading_server: Server) -> None:
    answer = of(reading_server, "auditor", "night?f=html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "<script" not in answer.text


def test_names_from_outside_are_text_in_every_form(server: Server, tmp_path: Path) -> None:
    name = EVIL.replace('"', '""')
    audited_again(server, edited(tmp_path / "evil", ("schools.csv", "柳湾驾校", f'"{name}"')))
    night = numbers(server, "auditor")
    assert {one["name"] for one in night["coverage"]} == {EVIL, "东坡驾校"}
    page = of(server, "auditor", "night?f=html&lang=en").text
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img" not in page
    with server.store.writing() as session:
        session.execute(update(FindingRow).where(FindingRow.vehicle_id == "V0001").values(summary_zh="=1+1"))
        session.execute(update(NotAssessedRow).where(NotAssessedRow.vehicle_id == "V0001").values(vehicle_id="=V1"))
        account = json.loads(session.get_one(Night, DAY).counts or "")
        account["rows"] = {"@SUM(1)": account["rows"]["tracks/amap"]}
        session.execute(update(Night).values(counts=json.dumps(account)))
    for report in ("findings", "not-assessed", "rejects"):
        rows = list(csv.reader(io.StringIO(of(server, "auditor", f"{report}?f=csv").content.decode("utf-8-sig"))))
        cells = [cell for row in rows for cell in row]
        assert not [cell for cell in cells if cell.lstrip()[:1] in {"=", "+", "@"}], report
    assert rows[1][0] == "'@SUM(1)"


def test_a_reason_code_of_an_earlier_version_stands_for_itself(server: Server) -> None:
    with server.store.writing() as session:
        session.execute(update(NotAssessedRow).values(reason="told-once"))
    assert {row["reason_zh"] for row in rows_of(of(server, "auditor", "not-assessed?f=csv").content)} == {"told-once"}
    assert "told-once" in of(server, "auditor", "night?f=html").text


def test_a_night_audited_in_part_says_so_and_names_what_is_missing(server: Server) -> None:
    with server.store.writing() as session:
        trouble = json.dumps({"feed:amap": ["timeout"], "delayed": {"amap": 4}})
        session.execute(update(RunRow).values(state="degraded", trouble=trouble))
    told = numbers(server, "auditor")
    assert (told["state"], told["trouble"]) == ("degraded", {"feed:amap": ["timeout"], "delayed": {"amap": 4}})
    page = of(server, "auditor", "night?f=html&lang=en").text
    assert '<p class="state bad">Audited in part' in page
    assert '<th scope="row">feed:amap</th><td class="words">timeout</td>' in page
    assert '<th scope="row">Cars without tracks, by feed</th><td class="words">amap 4</td>' in page


def test_a_browser_is_led_from_the_start_page_to_the_report_and_back_to_it_after_the_login(server: Server) -> None:
    give_password(server, "auditor")
    forms = Forms(server)
    away = forms(f"{AT}/night?f=html")
    assert away.status_code == 303
    came = forms.log_in("auditor", f"{AT}/night")
    assert came.headers["location"] == f"{AT}/night?lang=en"
    assert forms(came.headers["location"]).headers["content-type"].startswith("text/html")
    start = forms("/?lang=en").text
    for path in (f"{AT}/night?f=html&amp;lang=en", f"{AT}/findings?f=csv"):
        assert f'href="{path}"' in start
        assert forms(path.replace("&amp;", "&")).status_code == 200
    missing = forms("/v1/reports/2019-01-01/night?f=html")
    assert (missing.status_code, missing.headers["content-type"].partition(";")[0]) == (404, "text/html")
    case = forms(f"/maps/cases/{CAR}?lang=en").text
    assert f'href="{AT}/night?f=html&amp;lang=en"' in case


def test_only_who_reads_findings_has_links_to_reports_on_the_start_page(server: Server) -> None:
    give_password(server, "admin")
    forms = Forms(server)
    forms.log_in("admin")
    page = forms("/?lang=en").text
    assert str(DAY) in page
    assert "/v1/reports" not in page


def test_a_district_is_told_of_its_own(reading_server: Server) -> None:
    page = of(reading_server, "auditor-here", "night?f=html&lang=en").text
    assert "of the districts of the account that asked" in page
    assert "SCH02" not in page
    rows = rows_of(of(reading_server, "auditor-here", "findings?f=csv").content)
    assert {row["district"] for row in rows} == {HERE}
    assert clock_of(reading_server).ms % HOUR_MS == 0


# ---------------------------------------------------------------- in a browser, and on paper
@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    made = Chromium()
    yield made
    made.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_kept_page_is_whole_by_itself_at_the_width_of_a4_and_breaks_into_few_sheets(
    server: Server, chromium: Chromium, tmp_path: Path, lang: str
) -> None:
    nights_before(server, 4, 9, 12)
    file = tmp_path / f"night-{lang}.html"
    file.write_bytes(of(server, "auditor", f"night?f=html&lang={lang}").content)

    def look(seen: Seen) -> dict[str, Any]:
        seen.page.context.set_offline(True)
        seen.page.set_viewport_size({"width": 794, "height": 1123})
        seen.page.goto(file.as_uri())
        told = {
            "wide": seen.ask("document.documentElement.scrollWidth"),
            "scripts": seen.ask("document.scripts.length"),
            "bars": seen.ask("document.querySelectorAll('figure > svg rect').length"),
            "sections": seen.ask("document.querySelectorAll('section').length"),
        }
        seen.page.emulate_media(media="print")
        seen.page.set_viewport_size({"width": A4_INSIDE_PX, "height": 1000})
        told["wide on paper"] = seen.ask("document.documentElement.scrollWidth")
        told["tables cut"] = seen.ask(
            "[...document.querySelectorAll('.wide')].filter(d => d.scrollWidth > d.clientWidth).length"
        )
        told["pdf"] = seen.page.pdf(prefer_css_page_size=True)
        return {**told, "requests": seen.requests, "complaints": seen.complaints}

    told = chromium.look(look)
    pdf = told.pop("pdf")
    assert told == {
        "wide": 794, "scripts": 0, "bars": 4, "sections": 8, "wide on paper": A4_INSIDE_PX, "tables cut": 0,
        "requests": [file.as_uri()], "complaints": [],
    }  # fmt: skip
    sheets = re.findall(rb"/MediaBox \[0 0 (\d+)\S* (\d+)\S*\]", pdf)
    assert set(sheets) == {(b"594", b"841")}
    assert 3 <= len(sheets) <= 8


def test_the_page_as_the_server_sends_it_needs_nothing_else_and_nothing_is_refused(
    server: Server, chromium: Chromium
) -> None:
    def look(seen: Seen) -> tuple[list[str], list[str], str]:
        seen.page.goto(f"{address}{AT}/night?f=html")
        border = seen.ask("getComputedStyle(document.querySelector('section')).borderTopStyle")
        return seen.requests, seen.complaints, border

    with listening(server.app) as address:
        headers = {"authorization": f"Bearer {server.keys['auditor']}"}
        requests, complaints, border = chromium.look(look, extra_http_headers=headers)
    assert requests == [f"{address}{AT}/night?f=html"]
    assert complaints == []
    assert border == "solid"
