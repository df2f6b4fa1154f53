"""Findings as an audit hands them over, plain ones and hostile ones."""

from __future__ import annotations

from datetime import date
from typing import Any

from shapely.geometry import LineString

from audit.finding import Finding, Severity
from trajectories.clock import LocalTime

SHANGHAI = LocalTime("Asia/Shanghai")
DAY = date(2026, 3, 18)
NOON_MS = 1773806400000  # 2026-03-18T12:00:00+08:00
HOUR_MS = 3_600_000

HOSTILE = [
    "=1+1",
    '=HYPERLINK("http://127.0.0.1/?"&A1,"x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "＝1",
    "line one\nline two\r\nline three\rline four",
    'quotes " and "" and \', commas, semicolons; 沪A1234学',
    "nul\x00inside",
    "\x00=1",
    "lone \ud800 surrogate",
    "undecodable \udcff byte",
    "</script><script>alert(1)</script>",
    "\u2028\u2029\ufeff\x1b[31m",
    "𠮷\U0001f697",
    " ",
    "",
]

NULLS: dict[str, Any] = dict.fromkeys(
    ["vehicle_id", "plate", "school_id", "district", "zone_id", "session_id", "person_id", "trainee_id"]
)


def finding(finding_id: str = "f1", **changes: Any) -> Finding:
    """A plain finding; name what is different."""
    members: dict[str, Any] = {
        "finding_id": finding_id,
        "content_digest": "d" * 64,
        "service_date": DAY,
        "rule": "off-zone-training",
        "rule_version": "1",
        "severity": Severity.MAJOR,
        "vehicle_id": "V001",
        "plate": "沪A1234学",
        "school_id": "S01",
        "district": "310115",
        "zone_id": None,
        "session_id": "L-7",
        "person_id": "P-3",
        "trainee_id": "T-9",
        "feed": None,
        "start_ms": NOON_MS,
        "end_ms": NOON_MS + HOUR_MS,
        "confidence": 0.97314159,
        "confidence_basis": "calibrated",
        "summary_zh": "教练车在批准区域外训练 60 分钟",
        "summary_en": "trained 60 minutes outside every approved place",
        "evidence": {"rows": [[10, 420]], "margins": {"edge_m": 41.25}, "inputs": {"b": "2", "a": "1"}},
        "geometry": LineString([(121.47360001, 31.23), (121.474123456789, 31.2312)]),
    }
    return Finding(**{**members, **changes})


def feed_finding(finding_id: str = "feed", **changes: Any) -> Finding:
    """A finding about a feed: no car, no person, no geometry, nothing to calibrate with."""
    return finding(
        finding_id,
        **{**NULLS, "rule": "feed-datum", "feed": "amap", "confidence": None, "geometry": None, **changes},
    )


def hostile(text: str, finding_id: str = "h") -> Finding:
    """A finding with the same text wherever text from outside may stand."""
    everywhere = dict.fromkeys([*NULLS, "feed", "confidence_basis", "summary_zh", "summary_en"], text)
    return finding(finding_id, **everywhere, evidence={text: [text, {"deep": text}]})
