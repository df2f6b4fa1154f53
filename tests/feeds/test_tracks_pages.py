"""Amap and Baidu pages: what is read, what is missing, and what is said of pages that are no answers."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feeds.ledger import Reject
from geo.datum import Datum
from tests.feeds.track_builders import (
    T0_MS,
    account,
    amap_page,
    amap_point,
    baidu_page,
    baidu_point,
    open_feed,
    write,
)
from trajectories.fleet import LAG_UNKNOWN, Flag

SIX_DECIMALS_DEG = 1e-6  # what a provider rounds to: a tenth of a metre


def test_an_amap_point_is_read_in_metres_per_second_and_milliseconds(tmp_path: Path) -> None:
    write(tmp_path, "T.1.json", amap_page([amap_point(), amap_point(1)]))
    feed, ledger, sources = open_feed(tmp_path, "amap")
    table = feed.read()
    assert feed.terminals() == ("T",)
    assert feed.files() == ["tracks/f/T.1.json"]
    assert table.t_ms.tolist() == [T0_MS, T0_MS + 5000]
    assert table.speed_mps.tolist() == [10.0, 10.0]
    assert table.heading_deg.tolist() == [90.0, 90.0]
    assert table.lag_ms.tolist() == [LAG_UNKNOWN] * 2
    assert sources.locate(int(table.source[1])) == ("tracks/f/T.1.json", 2)
    assert account(ledger) == {"read": 2, "kept": 2, "flagged": {}, "rejected": {}}
    assert ledger.warnings == {}


def test_amaps_550_and_511_mean_absent(tmp_path: Path) -> None:
    write(tmp_path, "T.1.json", amap_page([amap_point(accuracy=550.0, direction=511.0)]))
    table = open_feed(tmp_path, "amap")[0].read()
    assert np.isnan(table.accuracy_m[0])
    assert np.isnan(table.heading_deg[0])


def test_published_gcj02_and_bd09_vectors_come_out_as_wgs84(tmp_path: Path) -> None:
    # formats.md 3.4: vector 1 (eviltransform tests) and vector 9 (transbigdata tests)
    write(tmp_path / "a", "T.1.json", amap_page([amap_point(location="121.531541859215,31.17530398364597")]))
    bd09 = baidu_point(longitude=120.011070620552, latitude=30.003883055512777)
    write(tmp_path / "b", "T.1.json", baidu_page([bd09]))
    amap = open_feed(tmp_path / "a", "amap", Datum.GCJ02)[0].read()
    baidu = open_feed(tmp_path / "b", "baidu", Datum.BD09)[0].read()
    assert [amap.lon_deg[0], amap.lat_deg[0]] == pytest.approx([121.5272106, 31.1774276], abs=SIX_DECIMALS_DEG)
    assert [baidu.lon_deg[0], baidu.lat_deg[0]] == pytest.approx([120, 30], abs=SIX_DECIMALS_DEG)


def test_the_delay_of_a_baidu_point_is_known_and_over_ten_minutes_is_late(tmp_path: Path) -> None:
    times = ["2026-03-18 12:00:02", "2026-03-18 12:10:00", "2026-03-18 12:10:01", "soon", None]
    write(tmp_path, "T.1.json", baidu_page([baidu_point(create_time=time) for time in times]))
    feed, ledger, _ = open_feed(tmp_path, "baidu")
    table = feed.read()
    assert table.lag_ms.tolist() == [2000, 600_000, 601_000, LAG_UNKNOWN, LAG_UNKNOWN]
    assert (table.flags & Flag.LATE != 0).tolist() == [False, False, True, False, False]
    assert account(ledger)["flagged"] == {"late": 1}


@pytest.mark.parametrize("data", [None, ..., {"tracks": []}, {"tracks": None}, {"counts": 0}])
def test_an_empty_amap_answer_is_no_fault(tmp_path: Path, data: Any) -> None:
    page = amap_page([], data=data)
    if data is ...:
        del page["data"]
    if data == {"counts": 0}:
        page["data"] = {"counts": 0, "tracks": None}
    write(tmp_path, "T.1.json", page)
    feed, ledger, _ = open_feed(tmp_path, "amap")
    assert len(feed.read()) == 0
    assert feed.broken_terminals() == {}
    assert ledger.warnings == {}


@pytest.mark.parametrize(
    ("kind", "page", "said"),
    [
        (
            "amap",
            {"errcode": 10014, "errmsg": "QPS_HAS_EXCEEDED_THE_LIMIT", "data": None},
            "10014 QPS_HAS_EXCEEDED_THE_LIMIT (retryable)",
        ),
        ("amap", {"errcode": 10003, "errmsg": "DAILY_QUERY_OVER_LIMIT"}, "(retryable tomorrow)"),
        (
            "amap",
            {"errcode": "20050", "errmsg": "SERVICE_NOT_EXIST", "errdetail": "sid not exist"},
            "20050 SERVICE_NOT_EXIST sid not exist (not retryable)",
        ),
        ("baidu", {"status": 3003, "message": "指定entity不存在"}, "3003 指定entity不存在 (not retryable)"),
        ("baidu", {"status": 401, "message": "并发"}, "(retryable)"),
    ],
)
def test_an_error_answer_gives_no_rows_and_makes_the_terminal_not_assessable(
    tmp_path: Path, kind: str, page: dict[str, Any], said: str
) -> None:
    write(tmp_path, "T.1.json", page)
    feed, ledger, _ = open_feed(tmp_path, kind)
    assert len(feed.read()) == 0
    assert feed.broken_terminals() == {"T": "provider-error"}
    (warning,) = ledger.warnings
    assert warning.startswith("tracks/f/T.1.json")
    assert said in warning
    assert account_is_empty(ledger)


def account_is_empty(ledger: Any) -> bool:
    return all(row["read"] == 0 for row in ledger.rows().values())


@pytest.mark.parametrize("kind", ["amap", "baidu"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"errcode": 10000, "status": 0, "data": {"tra',
        b"[1, 2]",
        b'{"data": {}}',
        b'{"errcode": 10000, "status": 0, "data": {"tracks": 7}, "points": 7}',
        b"[" * 100_000,
        b'{"errcode": ' + b"1" * 5000 + b"}",
        b"\xff\xfe\xff",
        gzip.compress(b"{}" * 99)[:-7],
    ],
    ids=["empty", "html", "truncated", "list", "no-code", "points-7", "deep", "digits", "bytes", "gzip"],
)
def test_a_file_that_is_no_answer_is_refused_whole(tmp_path: Path, kind: str, body: bytes) -> None:
    write(tmp_path, "T.1.json", body)
    feed, ledger, _ = open_feed(tmp_path, kind)
    assert len(feed.read()) == 0
    assert account(ledger) == {"read": 1, "kept": 0, "flagged": {}, "rejected": {"unreadable-page": 1}}
    (reject,) = ledger.rejects
    assert (reject.file, reject.row) == ("tracks/f/T.1.json", 0)
    assert feed.broken_terminals() == {"T": "unreadable-page"}
    assert len(ledger.warnings) == 1


def test_a_page_missing_in_the_run_is_noticed_by_the_providers_count(tmp_path: Path) -> None:
    write(tmp_path, "T.1.json", amap_page([amap_point(k) for k in range(3)], counts=7))
    write(tmp_path, "T.3.json", amap_page([amap_point(k) for k in range(6, 7)], counts=7))
    write(tmp_path, "U.1.json", amap_page([amap_point(k) for k in range(3)], counts=3))
    feed, ledger, _ = open_feed(tmp_path, "amap")
    feed.read()
    assert feed.broken_terminals() == {"T": "missing-page"}
    assert list(ledger.warnings) == ["tracks/f/T: 3 points fewer than the provider's count; page 2 absent"]


def test_baidus_total_and_size_are_checked(tmp_path: Path) -> None:
    write(tmp_path, "T.1.json", baidu_page([baidu_point(k) for k in range(2)], total=5))
    write(tmp_path, "U.1.json", baidu_page([baidu_point(k) for k in range(2)], size=3))
    write(tmp_path, "V.1.json", baidu_page([baidu_point(k) for k in range(2)], total=3))
    write(tmp_path, "V.2.json", baidu_page([baidu_point(2)], total=3))
    feed = open_feed(tmp_path, "baidu")[0]
    feed.read()
    assert feed.broken_terminals() == {"T": "missing-page", "U": "missing-page"}


def test_repeated_pages_past_the_end_pages_and_other_days_beside_are_no_missing_pages(tmp_path: Path) -> None:
    day = [amap_point(k) for k in range(5)]
    write(tmp_path, "T.1.json", amap_page(day[:3], counts=5))
    write(tmp_path, "T.2.json", amap_page(day[3:], counts=5))
    write(tmp_path, "T.3.json", amap_page([], counts=5))
    write(
        tmp_path, "T.4.json", amap_page([amap_point(k, locatetime=T0_MS - 86_400_000 + k) for k in range(2)], counts=2)
    )
    write(tmp_path, "T.5.json", amap_page(day[:3], counts=5))
    feed = open_feed(tmp_path, "amap")[0]
    assert len(feed.read()) == 10
    assert feed.broken_terminals() == {}


def test_a_page_repeated_in_place_of_the_next_is_a_missing_page(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path, f"T.{number}.json", amap_page([amap_point(k) for k in range(3)], counts=6))
    feed = open_feed(tmp_path, "amap")[0]
    feed.read()
    assert feed.broken_terminals() == {"T": "missing-page"}


def test_each_window_of_a_day_has_a_count_of_its_own(tmp_path: Path) -> None:
    day = [baidu_point(k) for k in range(8)]
    for number, points, total in (
        (20260318010001, day[:3], 5), (20260318010002, day[3:5], 5), (20260318020001, [], 0),
        (20260318030001, day[5:7], 2), (20260318030002, day[7:], 2),  # one more than counted
    ):  # fmt: skip
        write(tmp_path, f"T.{number}.json", baidu_page(points, total=total))
        write(tmp_path, f"U.{number}.json", baidu_page(points, total=total))
    write(tmp_path, "U.20260318040001.json", baidu_page([], total=5))
    write(tmp_path, "U.20260318050002.json", baidu_page(day[:1], total=3))
    feed, ledger, _ = open_feed(tmp_path, "baidu")
    assert len(feed.read(["T"])) == 8
    feed.read(["U"])
    assert feed.broken_terminals() == {"U": "missing-page"}
    assert list(ledger.warnings) == ["tracks/f/U: 5 points fewer than the provider's count"]


def test_what_is_missing_of_one_service_day_says_nothing_of_another(tmp_path: Path) -> None:
    write(tmp_path, "T.20260317010001.json", amap_page([amap_point()], counts=3))
    write(tmp_path, "T.20260317990000.json", b"")
    write(tmp_path, "T.20260318010001.json", amap_page([amap_point()]))
    write(tmp_path, "U.1.json", amap_page([amap_point()], counts=3))
    feed, ledger, _ = open_feed(tmp_path, "amap")
    feed.read()
    assert feed.broken_terminals() == {"T": "provider-error", "U": "missing-page"}
    assert feed.broken_terminals(date(2026, 3, 17)) == {"T": "provider-error", "U": "missing-page"}
    assert feed.broken_terminals(date(2026, 3, 18)) == {"U": "missing-page"}
    assert (
        "tracks/f/T.20260317990000.json: the provider answered nothing yet for a part of the day (pull it again)"
        in (ledger.warnings)
    )
    assert account(ledger)["rejected"] == {}


def test_a_page_number_of_many_digits_costs_no_time_and_no_memory(tmp_path: Path) -> None:
    write(tmp_path, "T.99999999999999.json", amap_page([amap_point()], counts=2))
    feed, ledger, _ = open_feed(tmp_path, "amap")
    feed.read()
    (warning,) = ledger.warnings
    assert warning.endswith("page 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 absent")


def test_terminal_ids_may_hold_dots_and_pages_run_by_number_not_by_text(tmp_path: Path) -> None:
    for number, k in ((2, 0), (10, 1)):
        write(tmp_path, f"川.A.{number}.json", amap_page([amap_point(k)]))
    write(tmp_path, "notes.txt", "hello")
    feed, ledger, _ = open_feed(tmp_path, "amap")
    assert feed.terminals() == ("川.A",)
    assert np.all(np.diff(feed.read().t_ms) > 0)
    assert list(ledger.warnings) == ["tracks/f/notes.txt: not read; expected a file named TERMINAL.PAGE.json"]


def test_gzip_bom_and_gb18030_pages_are_read_and_noted(tmp_path: Path) -> None:
    text = json.dumps(baidu_page([baidu_point()]), ensure_ascii=False)
    write(tmp_path, "A.1.json.gz", gzip.compress(text.encode()))
    write(tmp_path, "B.1.json", text.encode("utf-8-sig"))
    write(tmp_path, "C.1.json", text.encode("gb18030"))
    write(tmp_path, "D.1.json", gzip.compress(text.encode()))
    feed, ledger, _ = open_feed(tmp_path, "baidu")
    assert len(feed.read()) == 4
    assert list(ledger.warnings) == [
        "tracks/f/B.1.json: read as UTF-8 with a BOM, expected UTF-8",
        "tracks/f/C.1.json: read as GB18030, expected UTF-8",
    ]


@pytest.mark.parametrize(
    ("changes", "reason", "field", "found"),
    [
        ({"location": "0.000000,0.0"}, "no-fix", "location", "0.000000,0.0"),
        ({"location": "34.5,113.2"}, "out-of-range", "location", "34.5,113.2"),
        ({"location": "181,34"}, "out-of-range", "location", "181,34"),
        ({"location": "x,34"}, "bad-number", "location", "x,34"),
        ({"location": "NaN,34"}, "bad-number", "location", "NaN,34"),
        ({"location": None}, "bad-number", "location", "null"),
        ({"location": ...}, "bad-number", "location", ""),
        ({"location": "1,2,3"}, "bad-number", "location", "1,2,3"),
        ({"locatetime": "noon"}, "bad-time", "locatetime", "noon"),
        ({"locatetime": 0}, "bad-time", "locatetime", "0"),
        ({"locatetime": 10**30}, "bad-time", "locatetime", str(10**30)),
        ({"locatetime": T0_MS // 1000}, "bad-time", "locatetime", str(T0_MS // 1000)),
        ({"location": "<script>\ud800</script>" + "x" * 99}, "bad-number", "location", "<script>?</script>" + "x" * 62),
    ],
)
def test_a_row_is_refused_with_reason_field_and_offending_text(
    tmp_path: Path, changes: dict[str, Any], reason: str, field: str, found: str
) -> None:
    points = [amap_point(0), amap_point(1, **changes), amap_point(2)]
    write(tmp_path, "T.1.json", json.dumps(amap_page(points)))
    feed, ledger, sources = open_feed(tmp_path, "amap")
    table = feed.read()
    assert ledger.rejects == [Reject("tracks/f/T.1.json", 2, reason, field, found)]
    assert account(ledger) == {"read": 3, "kept": 2, "flagged": {}, "rejected": {reason: 1}}
    assert [sources.locate(int(row))[1] for row in table.source] == [1, 3]


def test_a_bad_speed_or_heading_becomes_missing_and_never_refuses_the_row(tmp_path: Path) -> None:
    speeds = [-1, 400, 400.1, None, "36", "fast", True, ...]
    headings = [-1, 0, 360, 360.5, "90", None, [], ...]
    points = [amap_point(k, speed=s, direction=h) for k, (s, h) in enumerate(zip(speeds, headings, strict=True))]
    write(tmp_path, "T.1.json", amap_page(points))
    table = open_feed(tmp_path, "amap")[0].read()
    nan = np.nan
    np.testing.assert_allclose(table.speed_mps, [nan, 400 / 3.6, nan, nan, 10, nan, nan, nan], rtol=1e-6)
    np.testing.assert_array_equal(table.heading_deg, [nan, 0, 0, nan, 90, nan, nan, nan])


def test_one_clock_jump_accuses_one_row_and_late_rows_only_themselves(tmp_path: Path) -> None:
    jump = [amap_point(k) for k in (0, 1, 900, 3, 4, 5)]
    late = [amap_point(k) for k in (0, 1, 4, 5, 6, 2, 3)]
    write(tmp_path, "J.1.json", amap_page(jump))
    write(tmp_path, "L.1.json", amap_page(late))
    feed, ledger, _ = open_feed(tmp_path, "amap")
    table = feed.read()
    assert np.flatnonzero(table.flags & Flag.DISORDER).tolist() == [2, 11, 12]
    assert account(ledger)["flagged"] == {"disorder": 3}


def test_a_page_sorted_backwards_is_in_order(tmp_path: Path) -> None:
    write(tmp_path, "T.1.json", baidu_page([baidu_point(k) for k in (3, 2, 1, 0)]))
    assert not open_feed(tmp_path, "baidu")[0].read().flags.any()


def test_points_the_provider_marks_as_interpolated_are_labelled(tmp_path: Path) -> None:
    write(tmp_path, "T.1.json", amap_page([amap_point(0), amap_point(1, recoup=1), amap_point(2, recoup=0)]))
    assert open_feed(tmp_path, "amap")[0].read().flags.tolist() == [0, int(Flag.SUPPLEMENTED), 0]


def test_reading_in_batches_or_twice_enters_each_row_once(tmp_path: Path) -> None:
    for terminal in "ABC":
        write(tmp_path, f"{terminal}.1.json", amap_page([amap_point(0), amap_point(1, location="0,0")]))
    feed, ledger, _ = open_feed(tmp_path, "amap")
    first = feed.read(["C", "A"])
    assert first.terminal_ids == ("C", "A")
    assert first.terminal_ix.tolist() == [0, 1]
    assert account(ledger)["read"] == 4
    assert len(feed.read()) == 3
    assert len(feed.read(["B", "nobody"])) == 1
    assert account(ledger) == {"read": 6, "kept": 3, "flagged": {}, "rejected": {"no-fix": 3}}
    assert len(ledger.rejects) == 3
