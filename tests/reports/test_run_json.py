"""`run.json`: an account that adds up or is not written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from feeds.ledger import Ledger, Reject
from reports.plain import ReportFault
from reports.run_json import RunRecord, run_json
from tests.reports.matters import DAY

RECORD = RunRecord(
    run_id="2026-03-18-a1",
    service_date=DAY,
    bundle_sha256="0" * 64,
    versions={"program": "0.1.0", "rules": "abc", "geos": "3.14.1", "numpy": "2.4.6"},
    rows={
        "sessions.csv": {"read": 3, "kept": 2, "flagged": {}, "rejected": {"bad-time": 1}},
        "amap": {"read": 10, "kept": 8, "flagged": {"spike": 3, "repeat": 3}, "rejected": {"far": 1, "bad": 1}},
    },
    passages={"read": 9, "in_scope": 4, "dropped": {"plate-unknown": 5, "off-staff-list": 2}},
    findings={"off-route": 1},
    not_assessed={"off-route": {"no-fixes": 2, "no-route": 1}},
    coverage={"schools": {"S1": {"cars": 2, "cars_without_fixes": 1}}, "feeds": {}, "side_by_side": []},
    seconds={"read": 1.23456, "assess": 0.5},
    peak_rss_mb=512.3456,
    warnings=["sessions.csv: BOM", "甲"],
)


def amap(**changes: Any) -> dict[str, Any]:
    return {"amap": {"read": 2, "kept": 1, "flagged": {}, "rejected": {"bad": 1}, **changes}}


def test_the_members_stand_in_the_order_of_the_contract() -> None:
    written = json.loads(run_json(RECORD))
    assert list(written) == [
        "schema", "run_id", "service_date", "bundle_sha256", "versions", "rows", "passages", "findings",
        "not_assessed", "coverage", "seconds", "peak_rss_mb", "warnings",
    ]  # fmt: skip
    assert (written["schema"], written["service_date"]) == (1, "2026-03-18")
    assert written["rows"] == RECORD.rows
    assert written["passages"] == RECORD.passages
    assert written["warnings"] == ["sessions.csv: BOM", "甲"]


def test_times_and_memory_are_rounded_and_stages_stay_in_the_order_they_ran() -> None:
    written = json.loads(run_json(RECORD))
    assert list(written["seconds"].items()) == [("read", 1.235), ("assess", 0.5)]
    assert written["peak_rss_mb"] == 512.3


def test_the_order_in_which_rows_were_counted_changes_no_byte() -> None:
    assert run_json(replace(RECORD, rows=dict(reversed(RECORD.rows.items())))) == run_json(RECORD)
    assert run_json(RECORD).endswith(b"}\n")


def test_the_account_of_the_feeds_goes_in_as_it_is() -> None:
    ledger = Ledger()
    account = ledger.account("amap")
    account.read, account.kept, account.flagged["spike"] = 3, 2, 1
    ledger.reject("amap", Reject("1.1.json", 2, "bad-time", "loctime", "x"))
    written = json.loads(run_json(replace(RECORD, rows=ledger.rows())))
    assert written["rows"] == {"amap": {"read": 3, "kept": 2, "flagged": {"spike": 1}, "rejected": {"bad-time": 1}}}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rows": amap(read=3)}, "rows of amap: read 3 is not kept 1 \\+ rejected 1"),
        ({"rows": amap(flagged={"spike": 2})}, "rows of amap: 2 flagged spike, more than 1 kept"),
        ({"rows": amap(kept=-1)}, "rows of amap: kept is -1, not a count"),
        ({"rows": amap(kept=1.0)}, "rows of amap: kept is 1.0, not a count"),
        ({"rows": amap(kept=True)}, "rows of amap: kept is True, not a count"),
        ({"rows": amap(rejected=1)}, "rows of amap: rejected is 1, not counts by name"),
        ({"rows": amap(lost=1)}, "rows of amap: members .*lost"),
        ({"rows": {"amap": {"read": 1, "kept": 1}}}, "expected .*flagged.*rejected"),
        ({"passages": {"read": 1, "in_scope": 2, "dropped": {}}}, "in_scope 2 is more than read 1"),
        ({"passages": {}}, "passages: members"),
        ({"findings": {"off-route": -1}}, "findings: off-route is -1"),
        ({"not_assessed": {"off-route": {"silent": None}}}, "not_assessed of off-route: silent is None"),
        ({"seconds": {"read": float("nan")}}, "read: nan is not a finite number"),
        ({"peak_rss_mb": -1.0}, "peak_rss_mb: -1.0"),
        ({"bundle_sha256": "ABC"}, "bundle_sha256 'ABC' is not 64 hexadecimal digits"),
        ({"run_id": ""}, "run_id is empty"),
        ({"versions": {"program": "0.1.0", "rules": "", "numpy": "2"}}, "versions lack rules, geos"),
    ],
)
def test_an_account_that_does_not_add_up_cannot_be_made(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ReportFault, match=named):
        replace(RECORD, **changes)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ReportFault) as told:
        replace(RECORD, run_id="", rows=amap(read=3))
    assert "run_id is empty" in str(told.value)
    assert "read 3 is not" in str(told.value)


def test_a_file_name_or_warning_that_is_not_utf_8_does_not_stop_the_account() -> None:
    record = replace(RECORD, warnings=["tracks/\udcff.json: skipped"], rows={"t\udcff": amap()["amap"]})
    written = json.loads(run_json(record).decode("utf-8"))
    assert written["warnings"] == ["tracks/\ufffd.json: skipped"]
    assert list(written["rows"]) == ["t\ufffd"]
