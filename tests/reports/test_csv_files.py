"""The CSV files: that a spreadsheet shows them and never runs them."""

from __future__ import annotations

import csv
import io
import json
import random
from typing import Any

import pytest

from audit.finding import NotAssessed
from audit.reasons import REASONS
from reports.csv_files import findings_csv, not_assessed_csv
from reports.geojson import findings_geojson
from reports.plain import ReportFault
from tests.reports.matters import DAY, HOSTILE, HOUR_MS, NOON_MS, SHANGHAI, feed_finding, finding, hostile

# What a spreadsheet may take for the start of a formula, or skip to find one. OWASP, "CSV Injection".
ARMED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
NUMBERS = {"duration_s", "confidence"}


def read(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""), strict=True))


def gap(reason: str = "no-fixes", **changes: Any) -> NotAssessed:
    members = {
        "service_date": DAY,
        "vehicle_id": "V001",
        "rule": "off-route",
        "start_ms": NOON_MS,
        "end_ms": NOON_MS + HOUR_MS,
    }
    return NotAssessed(**{**members, "reason": reason, **changes})


def test_the_file_begins_with_a_bom_and_every_line_ends_with_crlf() -> None:
    text = findings_csv([finding("a"), finding("b")], SHANGHAI)
    assert text.startswith(b"\xef\xbb\xbffinding_id,content_digest,service_date,")
    assert text.endswith(b"\r\n")
    assert text.count(b"\r\n") == text.count(b"\n") == 3


def test_a_row_has_the_values_of_the_geojson_without_geometry() -> None:
    findings = [finding(), feed_finding(), finding("late", start_ms=NOON_MS + 500, end_ms=NOON_MS + 1500)]
    features = json.loads(findings_geojson(findings, SHANGHAI))["features"]
    for row, feature in zip(read(findings_csv(findings, SHANGHAI)), features, strict=True):
        expected = feature["properties"]
        summary, evidence = expected.pop("summary"), expected.pop("evidence")
        assert (row.pop("summary_zh"), row.pop("summary_en")) == (summary["zh"], summary["en"])
        assert json.loads(row.pop("evidence")) == evidence
        assert row == {name: "" if value is None else str(value) for name, value in expected.items()}
        assert list(row) == list(expected)


def test_no_finding_is_a_header_alone() -> None:
    assert read(findings_csv([], SHANGHAI)) == []
    assert findings_csv([], SHANGHAI).count(b"\r\n") == 1


def test_the_order_in_which_findings_come_changes_no_byte() -> None:
    findings = [hostile(text, f"h{i:02d}") for i, text in enumerate(HOSTILE)]
    shuffled = random.Random(3).sample(findings, len(findings))
    assert findings_csv(shuffled, SHANGHAI) == findings_csv(findings, SHANGHAI)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_a_hostile_finding_is_a_formula_and_none_breaks_the_table(text: str) -> None:
    (row,) = read(findings_csv([hostile(text)], SHANGHAI))
    assert None not in row
    assert not [cell for name, cell in row.items() if name not in NUMBERS and cell.lstrip(" ").startswith(ARMED)]
    harmless = "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in text)
    assert row["plate"] in {harmless, "'" + harmless}
    assert row["plate"].startswith("'") == harmless.lstrip(" ").startswith(ARMED)


def test_numbers_and_honest_text_get_no_apostrophe() -> None:
    (row,) = read(findings_csv([finding(confidence=0.5, person_id="P-3", plate="沪A-1=2学")], SHANGHAI))
    assert (row["confidence"], row["duration_s"], row["person_id"], row["plate"]) == (
        "0.5",
        "3600.0",
        "P-3",
        "沪A-1=2学",
    )


def test_not_assessed_says_the_reason_in_both_languages() -> None:
    text = not_assessed_csv([gap()], SHANGHAI, REASONS)
    assert text.startswith(b"\xef\xbb\xbfservice_date,vehicle_id,rule,start,end,reason,reason_zh,reason_en\r\n")
    assert read(text) == [
        {
            "service_date": "2026-03-18",
            "vehicle_id": "V001",
            "rule": "off-route",
            "start": "2026-03-18T12:00:00+08:00",
            "end": "2026-03-18T13:00:00+08:00",
            "reason": "no-fixes",
            "reason_zh": REASONS["no-fixes"][0],
            "reason_en": REASONS["no-fixes"][1],
        }
    ]


def test_not_assessed_is_ordered_by_start_vehicle_with_nulls_last_rule_and_end() -> None:
    in_order = [
        gap(start_ms=NOON_MS - 1, vehicle_id="V009"),
        gap(rule="off-route"),
        gap(rule="out-of-hours", end_ms=NOON_MS + 1),
        gap(rule="out-of-hours"),
        gap("silent", rule="out-of-hours"),
        gap(vehicle_id="V002"),
        gap(vehicle_id=None),
    ]
    expected = not_assessed_csv(in_order, SHANGHAI, REASONS)
    assert [(r["vehicle_id"], r["rule"], r["reason"]) for r in read(expected)] == [
        (g.vehicle_id or "", g.rule, g.reason) for g in in_order
    ]
    for seed in range(10):
        assert not_assessed_csv(random.Random(seed).sample(in_order, 7), SHANGHAI, REASONS) == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_vehicle_id_is_no_formula_in_not_assessed_either(text: str) -> None:
    (row,) = read(not_assessed_csv([gap(vehicle_id=text)], SHANGHAI, REASONS))
    assert not row["vehicle_id"].lstrip(" ").startswith(ARMED)
    assert row["reason_en"] == REASONS["no-fixes"][1]


def test_a_reason_without_words_is_a_fault_that_names_it() -> None:
    with pytest.raises(ReportFault, match=r"no words for the reason made-up; known: .*no-fixes"):
        not_assessed_csv([gap("made-up")], SHANGHAI, REASONS)


def test_nothing_unassessed_is_a_header_alone() -> None:
    assert read(not_assessed_csv([], SHANGHAI, REASONS)) == []
