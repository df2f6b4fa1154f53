"""`trajaudit pull` against providers on the loopback: what comes, what does not, and what is left behind."""

from __future__ import annotations

import csv
import gzip
import json
import logging
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from feeds.faults import UnusableInput
from feeds.ledger import Ledger, SourceFiles
from feeds.track_feed import FeedConfig, open_track_feed
from geo.datum import Datum
from runs.progress import Silent
from runs.pull import Job, pull
from runs.pull_out import WayOut
from runs.settings import OutboundSettings
from tests.feeds.pulling import (
    DAY,
    NEXT_NOON_S,
    VEHICLES,
    Live,
    city_providers,
    codes,
    feed_of,
    live_bundle,
    points_of,
    way_out,
)
from tests.feeds.stand_in import KEY, SK, Clock, Reply, StandIn, serving
from tests.feeds.track_builders import CHINA, amap_page, amap_point
from tests.runs.conftest import Run, copy_city, findings, run_record, trajaudit

HTML = Reply(b"<html><body>502 Bad Gateway</body></html>")
TRUNCATED = Reply(b'{"errcode": 10000, "errmsg": "OK", "data": {"counts": 1, "tracks": [{"cou')
BUSY = Reply({"errcode": 10014, "errmsg": "QPS_HAS_EXCEEDED_THE_LIMIT", "data": None})
SPENT = Reply({"errcode": 10003, "errmsg": "DAILY_QUERY_OVER_LIMIT", "data": None})
ATTEMPTS = 4  # the default of the setting


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    amap, baidu = city_providers()
    with ExitStack() as stack:
        for provider in (amap, baidu):
            stack.enter_context(serving(provider))
        live = Live(live_bundle(tmp_path / "bundle"), amap, baidu, Clock(NEXT_NOON_S), tmp_path / "sources.toml")
        live.settings()
        yield live


# ---------------------------------------------------------------- what comes


def test_the_pages_lie_in_the_bundle_byte_for_byte_as_the_providers_sent_them(live: Live) -> None:
    pulled = live.pull()
    assert pulled.is_complete
    assert set(live.pages("gaode")) == {f"{t}.202603180100{n:02d}.json" for t in (501, 502) for n in (1, 2, 3)}
    assert set(live.pages("yingyan").values()) <= set(live.baidu.bodies)
    assert list(live.pages("gaode").values()) == live.amap.bodies
    assert [(f.feed, f.cars, f.pulled, f.points, f.pages) for f in pulled.feeds] == [
        ("gaode", 2, 2, 14, 6),
        ("yingyan", 2, 2, 14, 16),  # six windows of four hours: noon's has three pages, the others one that is empty
    ]


def test_every_fix_of_the_day_is_asked_for_once_and_raw(live: Live) -> None:
    live.pull()
    for request in live.amap.requests:
        assert request.query["correction"] == "denoise=0,mapmatch=0,attribute=0,threshold=0,mode=driving"
        assert (request.query["recoup"], request.query["ispoints"]) == ("0", "1")
    spans = sorted(
        {(int(r.query["start_time"]), int(r.query["end_time"])) for r in live.baidu.requests if r.terminal == "B4"}
    )
    day_s = [1_773_777_600, 1_773_864_000]  # 2026-03-18 and 2026-03-19, 04:00+08:00
    assert [spans[0][0], spans[-1][1] + 1] == day_s
    assert all(end + 1 == start for (_, end), (start, _) in pairwise(spans))
    for request in live.baidu.requests:
        assert (request.query["is_processed"], request.query["supplement_mode"]) == ("0", "no_supplement")
        assert request.query["coord_type_output"] == "bd09ll"


def test_the_audit_reads_all_that_was_pulled_and_misses_nothing(live: Live, tmp_path: Path) -> None:
    live.pull()
    answer = trajaudit("audit", live.bundle, "--date", DAY.isoformat(), "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    record = run_record(tmp_path / "out")
    kept = {name: rows["kept"] for name, rows in record["rows"].items() if name.startswith("tracks/")}
    assert kept == {"tracks/gaode": 14, "tracks/yingyan": 14}
    assert not [warning for warning in record["warnings"] if warning.startswith("tracks/")]


def test_the_sample_city_pulled_gives_the_findings_of_the_sample_city_in_files(tmp_path: Path, sample_run: Run) -> None:
    city = copy_city(tmp_path)
    amap, baidu = StandIn(), StandIn()
    for page in sorted((city / "tracks").glob("[ab]*[pu]/*.json.gz")):
        answer, terminal = json.loads(gzip.decompress(page.read_bytes())), page.name.split(".")[0]
        runs = answer["data"]["tracks"] if "data" in answer else [answer]
        provider = amap if "data" in answer else baidu
        for run in runs:
            provider.tracks.setdefault(terminal, {}).setdefault("20", []).extend(run["points"])
        page.unlink()
    clock = Clock(NEXT_NOON_S)
    with serving(amap), serving(baidu):
        live = Live(city, amap, baidu, clock, tmp_path / "sources.toml", ("amap", "baidu"))
        live.settings(page_size=999)
        pulled = live.pull()
    assert pulled.is_complete
    answer = trajaudit("audit", city, "--date", DAY.isoformat(), "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert [told(finding) for finding in findings(tmp_path / "out")] == [told(f) for f in findings(sample_run.out)]
    rows, expected = (run_record(out)["rows"] for out in (tmp_path / "out", sample_run.out))
    assert rows == expected
    unknown, known = ((out / "not_assessed.csv").read_text("utf-8-sig") for out in (tmp_path / "out", sample_run.out))
    assert unknown == known


def told(finding: dict[str, Any]) -> dict[str, Any]:
    """A finding without what names the files that it was read from."""
    evidence = {key: value for key, value in finding["evidence"].items() if key != "inputs"}
    return {**{k: v for k, v in finding.items() if k != "content_digest"}, "evidence": evidence}


def test_a_terminal_known_to_amap_by_name_is_found_by_its_name(live: Live, tmp_path: Path) -> None:
    live.settings("gaode", terminal_key="name")
    live.bundle = live_bundle(tmp_path / "named", VEHICLES.replace(",501", ",川A-1").replace(",502", ",nobody"))
    live.amap.names = {"川A-1": "501", "川A-10": "502"}
    gaode = feed_of(live.pull("gaode"), "gaode")
    assert (gaode.pulled, codes(gaode)) == (1, {"nobody": "unknown-terminal"})
    assert set(live.pages("gaode")) == {
        *(f"川A-1.202603180100{n:02d}.json" for n in (1, 2, 3)),
        "nobody.20260318990000.json",
    }


def test_a_signed_baidu_request_is_accepted_and_a_wrong_signature_is_not(live: Live) -> None:
    live.baidu.secret = SK
    secret = live.sources.with_name("live.sk")
    secret.write_text(SK, encoding="utf-8")
    secret.chmod(0o600)
    assert codes(feed_of(live.pull("yingyan"), "yingyan"))["B4"] == "provider-error"  # 211: not signed at all
    live.settings("yingyan", secret_file="live.sk")
    assert live.pull("yingyan").is_complete


def test_only_cars_registered_that_day_are_asked_for(live: Live) -> None:
    vehicles = live.bundle / "vehicles.csv"
    head, first, *rest = vehicles.read_text("utf-8").splitlines()
    lines = [f"{head},valid_from,valid_to", f"{first},2026-03-19,", *(f"{row},," for row in rest)]
    vehicles.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert feed_of(live.pull("gaode"), "gaode").cars == 1
    assert set(live.amap.asked) == {"502"}


def test_history_of_an_earlier_day_stays_beside_the_new_day(live: Live) -> None:
    live.pull("gaode", day=date(2026, 3, 17))
    before = set(live.pages("gaode"))
    live.pull("gaode")
    assert before < set(live.pages("gaode"))
    assert all(name.split(".")[1].startswith("2026031701") for name in before)


# ---------------------------------------------------------------- days that are not over


def test_a_day_that_is_not_over_is_asked_for_up_to_now_and_completed_later(live: Live) -> None:
    live.clock.now_s = NEXT_NOON_S - 86_400 + 15  # 15 s after noon
    live.amap.now_ms = live.baidu.now_ms = int(live.clock.now_s * 1000)
    pulled = live.pull()
    assert pulled.is_complete
    assert pulled.until_ms < live.amap.now_ms
    assert sum(feed.points for feed in pulled.feeds) == 0
    live.clock.now_s = NEXT_NOON_S
    live.amap.now_ms = live.baidu.now_ms = int(NEXT_NOON_S * 1000)
    before = len(live.baidu.requests)
    assert sum(feed.points for feed in live.pull().feeds) == 28
    again = {int(r.query["start_time"]) for r in live.baidu.requests[before:]}
    assert min(again) == 1_773_792_000  # 08:00: the window from 04:00 had been final since 09:00


def test_a_day_that_has_not_begun_is_refused(live: Live) -> None:
    with pytest.raises(UnusableInput, match='--date: has not begun; found "2026-03-20"'):
        live.pull(day=date(2026, 3, 20))
    assert not live.amap.requests


# ---------------------------------------------------------------- what does not come


@pytest.mark.parametrize("fault", [HTML, TRUNCATED, BUSY, Reply(b"", 503), replace(BUSY, cut=9)],
                         ids=["html", "truncated", "busy", "503", "cut"])  # fmt: skip
def test_a_passing_fault_is_retried_and_leaves_no_trace(live: Live, fault: Reply) -> None:
    live.amap.next = [fault, fault]
    assert live.pull("gaode").is_complete
    assert len(live.amap.requests) == 6 + 2
    assert live.clock.waited[:1] == [0.5]  # half a second, then one: the back-off, without its chance half
    assert 1.0 in live.clock.waited
    assert all(json.loads(body)["errcode"] == 10000 for body in live.pages("gaode").values())


def test_a_lasting_fault_is_asked_for_no_more_often_than_the_setting_says(live: Live) -> None:
    live.amap.always["501"] = HTML
    gaode = feed_of(live.pull("gaode"), "gaode")
    assert live.amap.asked["501"] == ATTEMPTS
    assert (codes(gaode), gaode.pulled) == ({"501": "no-answer"}, 1)
    assert live.pages("gaode")["501.20260318990000.json"] == b""


@pytest.mark.parametrize(
    ("feed", "terminal", "error"),
    [
        ("gaode", "501", {"errcode": 20051, "errmsg": "TERMINAL_NOT_EXIST", "data": None}),
        ("gaode", "501", {"errcode": 10001, "errmsg": "INVALID_USER_KEY", "data": None}),
        ("yingyan", "B4", {"status": 3003, "message": "指定entity不存在"}),
        ("yingyan", "B4", {"status": 301, "message": "永久配额超限"}),
    ],
)
def test_a_final_error_is_asked_for_once_and_kept_as_the_provider_gave_it(
    live: Live, feed: str, terminal: str, error: dict[str, object]
) -> None:
    provider = live.amap if feed == "gaode" else live.baidu
    provider.always[terminal] = Reply(error)
    assert set(codes(feed_of(live.pull(feed), feed))) == {terminal}
    assert provider.asked[terminal] == 1
    assert live.pages(feed)[f"{terminal}.20260318990000.json"] == Reply(error).bytes()
    assert broken(live, feed) == {terminal: "provider-error"}


def broken(live: Live, feed: str) -> dict[str, str]:
    """What a reader of the feed says of its terminals on the day."""
    config = FeedConfig(feed, "amap" if feed == "gaode" else "baidu", Datum.GCJ02)
    read = open_track_feed(live.bundle, config, CHINA, Ledger(), SourceFiles())
    read.read()
    return read.broken_terminals(DAY)


def test_the_audit_says_provider_error_of_a_car_that_could_not_be_had_and_accuses_it_of_nothing(
    live: Live, tmp_path: Path
) -> None:
    session = "L{0},V{0},P1,T{0},2,G1,2026-03-18T12:00:00+08:00,2026-03-18T13:00:00+08:00\n"
    with (live.bundle / "sessions.csv").open("a", encoding="utf-8") as file:
        file.write(session.format(1) + session.format(4))
    live.amap.always["501"] = Reply({"errcode": 20051, "errmsg": "TERMINAL_NOT_EXIST", "data": None})
    live.baidu.always["B4"] = HTML
    assert not live.pull().is_complete
    answer = trajaudit("audit", live.bundle, "--date", DAY.isoformat(), "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert not {finding["vehicle_id"] for finding in findings(tmp_path / "out")} & {"V1", "V4"}
    rows = csv.DictReader((tmp_path / "out" / "not_assessed.csv").read_text("utf-8-sig").splitlines())
    reasons = {(row["vehicle_id"], row["reason"]) for row in rows if row["vehicle_id"] in ("V1", "V4")}
    assert {("V1", "provider-error"), ("V4", "provider-error")} <= reasons
    assert "no-fixes" not in {reason for _, reason in reasons}


def test_one_cars_failure_and_one_providers_outage_delay_nobody_else(live: Live) -> None:
    live.settings("gaode", base_url="http://127.0.0.1:1/v1/track")  # nothing listens there
    live.baidu.always["B4"] = Reply({"status": 3003, "message": "指定entity不存在"})
    pulled = live.pull()
    assert codes(feed_of(pulled, "gaode")) == {"501": "unreachable", "502": "unreachable"}
    assert codes(feed_of(pulled, "yingyan")) == {"B4": "unknown-terminal"}
    assert feed_of(pulled, "yingyan").pulled == 1


def test_after_some_cars_without_an_answer_the_rest_of_the_feed_is_left_for_later(live: Live) -> None:
    live.settings("gaode", give_up_after=1)
    live.amap.always["501"] = Reply(b"", 503)
    assert codes(feed_of(live.pull("gaode"), "gaode")) == {"501": "unreachable", "502": "given-up"}
    assert set(live.amap.asked) == {"501"}
    assert live.pages("gaode") == {"501.20260318990000.json": b"", "502.20260318990000.json": b""}


def test_a_terminal_that_the_provider_does_not_know_is_no_reason_to_leave_the_others(live: Live) -> None:
    live.settings("gaode", give_up_after=1)
    del live.amap.tracks["501"]
    assert codes(feed_of(live.pull("gaode"), "gaode")) == {"501": "unknown-terminal"}


def test_a_silent_provider_is_given_up_after_the_time_out(live: Live) -> None:
    live.settings("gaode", timeout_s=0.2, attempts=2)
    live.amap.always["501"] = Reply(silent=True)
    gaode = feed_of(live.pull("gaode"), "gaode")
    assert codes(gaode) == {"501": "unreachable"}
    assert live.amap.asked["501"] == 2
    assert "no answer within 0.2 s" in gaode.failures[0].message


def test_retry_after_is_waited_for_and_too_long_a_wait_leaves_the_car(live: Live) -> None:
    live.amap.next = [Reply(b"", 429, (("Retry-After", "17"),))]
    assert live.pull("gaode").is_complete
    assert 17.0 in live.clock.waited
    live.amap.next = [Reply(b"", 503, (("Retry-After", "86400"),))]
    gaode = feed_of(live.pull("gaode", again=True), "gaode")
    assert codes(gaode) == {"501": "no-answer"}
    assert "86400 s" in gaode.failures[0].message


def test_a_redirect_is_not_followed(live: Live) -> None:
    elsewhere = f"{live.baidu.address}/v1/track/terminal/trsearch"
    live.amap.always["501"] = Reply(b"", 302, (("Location", elsewhere),))
    gaode = feed_of(live.pull("gaode"), "gaode")
    assert "HTTP 302" in gaode.failures[0].message
    assert live.amap.asked["501"] == 1
    assert not live.baidu.requests


def test_an_answer_that_is_too_large_is_cut_off(live: Live) -> None:
    live.settings("gaode", max_answer_mb=0.001)
    live.amap.always["501"] = Reply(amap_page([amap_point(k) for k in range(50)]))
    assert "more than 0.001 MB" in feed_of(live.pull("gaode"), "gaode").failures[0].message


def test_data_null_is_a_day_without_fixes_and_no_fault(live: Live) -> None:
    live.amap.tracks["501"] = {}
    assert live.pull("gaode").is_complete
    assert json.loads(live.pages("gaode")["501.20260318010001.json"])["data"] is None


# ---------------------------------------------------------------- counts that are wrong


def test_fewer_points_than_counted_are_kept_and_told(live: Live) -> None:
    live.amap.wrong_total = 9
    gaode = feed_of(live.pull("gaode"), "gaode")
    assert codes(gaode) == {"501": "incomplete", "502": "incomplete"}
    assert gaode.failures[0].message == "2 points fewer than the provider's count"
    assert set(live.pages("gaode")) >= {"501.20260318010003.json", "501.20260318990000.json"}
    assert max(live.amap.asked.values()) <= -(-9 // 3) + 1


def test_more_points_than_counted_come_too(live: Live) -> None:
    live.amap.wrong_total = 5
    gaode = feed_of(live.pull("gaode"), "gaode")
    assert codes(gaode) == {}
    assert gaode.points == 14


def test_pages_that_would_never_end_are_ended(live: Live) -> None:
    live.amap.tracks["501"] = points_of(amap_point, 500)
    live.amap.wrong_total = 7
    gaode = feed_of(live.pull("gaode"), "gaode")
    assert codes(gaode) == {"501": "endless"}
    assert live.amap.asked["501"] == 4  # ceil(7 / 3) + 1


def test_one_page_over_and_over_is_asked_for_twice(live: Live) -> None:
    live.amap.always["501"] = Reply(amap_page([amap_point(k) for k in range(3)], counts=3000))
    assert codes(feed_of(live.pull("gaode"), "gaode")) == {"501": "incomplete"}
    assert live.amap.asked["501"] == 2


# ---------------------------------------------------------------- quota


def test_the_days_quota_is_kept_over_restarts_and_new_tomorrow(live: Live) -> None:
    live.settings("gaode", queries_per_day=4)
    first = feed_of(live.pull("gaode"), "gaode")
    assert (len(live.amap.requests), codes(first)) == (4, {"502": "daily-quota"})
    assert codes(feed_of(live.pull("gaode"), "gaode")) == {"502": "daily-quota"}
    assert len(live.amap.requests) == 4
    live.clock.now_s += 86_400
    assert live.pull("gaode").is_complete
    assert live.amap.asked == {"501": 3, "502": 1 + 3}


def test_a_spent_quota_said_by_the_provider_stops_it_until_tomorrow(live: Live) -> None:
    live.amap.next = [SPENT]
    assert codes(feed_of(live.pull("gaode"), "gaode")) == {"501": "daily-quota", "502": "daily-quota"}
    live.pull("gaode")
    assert len(live.amap.requests) == 1
    assert live.pages("gaode")["501.20260318990000.json"] == SPENT.bytes()
    live.clock.now_s += 43_200  # midnight of Beijing
    assert live.pull("gaode").is_complete


def test_queries_keep_their_distance(live: Live) -> None:
    live.settings("gaode", queries_per_second=0.5)
    live.pull("gaode")
    assert sum(live.clock.waited) == pytest.approx(2.0 * (len(live.amap.requests) - 1))


# ---------------------------------------------------------------- resuming


def test_a_second_run_asks_for_nothing_that_is_there(live: Live) -> None:
    live.baidu.always["B4"] = HTML
    live.pull()
    before = len(live.amap.requests), live.baidu.asked["川A3学"], live.baidu.asked["B4"]
    del live.baidu.always["B4"]
    pulled = live.pull()
    assert pulled.is_complete
    assert [(feed.pulled, feed.present) for feed in pulled.feeds] == [(0, 2), (1, 1)]
    assert (len(live.amap.requests), live.baidu.asked["川A3学"]) == before[:2]
    assert live.baidu.asked["B4"] == before[2] + 8
    assert not [name for name in live.pages("yingyan") if name.startswith("B4.2026031899")]


def test_a_page_that_was_removed_is_pulled_again(live: Live) -> None:
    live.pull("gaode")
    (live.bundle / "tracks" / "gaode" / "502.20260318010002.json").unlink()
    before = live.pages("gaode")
    live.pull("gaode")
    assert live.amap.asked == {"501": 3, "502": 6}
    assert len(live.pages("gaode")) == len(before) + 1


def test_a_journal_cut_off_by_a_crash_costs_its_last_window_only(live: Live) -> None:
    live.pull("gaode")
    journal = live.bundle / "tracks" / "gaode" / ".pull" / "2026-03-18.ndjson"
    journal.write_bytes(journal.read_bytes()[:-9])
    gaode = feed_of(live.pull("gaode"), "gaode")
    assert (gaode.pulled, gaode.present) == (1, 1)


def test_other_windows_than_last_time_pull_the_day_anew_and_leave_nothing_of_the_old(live: Live) -> None:
    live.settings("yingyan", window_hours=2)
    live.pull("yingyan")
    live.settings("yingyan", window_hours=24)
    assert feed_of(live.pull("yingyan"), "yingyan").pulled == 2
    assert set(live.pages("yingyan")) == {f"{t}.202603180100{n:02d}.json" for t in ("川A3学", "B4") for n in (1, 2, 3)}
    assert broken(live, "yingyan") == {}


def test_again_pulls_everything_and_a_failure_then_harms_nothing(live: Live) -> None:
    live.pull("gaode")
    before = live.pages("gaode")
    live.amap.always["501"] = TRUNCATED
    live.amap.tracks["502"] = points_of(amap_point, 3, first=40)
    gaode = feed_of(live.pull("gaode", again=True), "gaode")
    assert codes(gaode) == {"501": "no-answer"}
    after = live.pages("gaode")
    assert {name: after[name] for name in before if name.startswith("501")} == {
        name: body for name, body in before.items() if name.startswith("501")
    }
    assert [name for name in after if name.startswith("502")] == ["502.20260318010001.json"]


def test_a_window_cut_short_replaces_nothing_and_is_kept_where_there_was_nothing(live: Live) -> None:
    first = Reply(amap_page([amap_point(k) for k in range(100, 103)], counts=7))
    live.amap.next = [first, *[TRUNCATED] * ATTEMPTS]
    assert codes(feed_of(live.pull("gaode"), "gaode")) == {"501": "no-answer"}
    assert live.pages("gaode")["501.20260318010001.json"] == first.bytes()
    live.pull("gaode")
    before = live.pages("gaode")
    live.amap.next = [first, *[TRUNCATED] * ATTEMPTS]
    assert codes(feed_of(live.pull("gaode", again=True), "gaode")) == {"501": "no-answer"}
    assert live.pages("gaode") == before


def test_a_pull_that_is_killed_leaves_every_car_it_did_not_reach_marked(live: Live) -> None:
    class Killed(Silent):
        def stage(self, name: str, total: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(Job(live.bundle, DAY, live.sources), Killed(), live.out, live.timing())
    assert not live.amap.requests
    assert broken(live, "gaode") == {"501": "provider-error", "502": "provider-error"}
    assert broken(live, "yingyan") == {"B4": "provider-error", "川A3学": "provider-error"}
    assert live.pull().is_complete
    assert broken(live, "gaode") == broken(live, "yingyan") == {}


def test_once_stopped_a_pull_asks_for_no_further_car(live: Live) -> None:
    timing = live.timing()

    class Stopping(Silent):
        def stage(self, name: str, total: int) -> None:
            timing.stopped.set()

    pulled = pull(Job(live.bundle, DAY, live.sources), Stopping(), live.out, timing)
    assert codes(feed_of(pulled, "gaode")) == {"501": "stopped", "502": "stopped"}
    assert not live.amap.requests + live.baidu.requests


def test_late_points_are_pulled_by_a_later_run(live: Live) -> None:
    live.clock.now_s = NEXT_NOON_S - 8 * 3600 + 600  # ten minutes after the day's end
    live.amap.tracks["501"]["20"], late = live.amap.tracks["501"]["20"][:4], live.amap.tracks["501"]["20"]
    assert feed_of(live.pull("gaode"), "gaode").points == 4 + 7
    live.amap.tracks["501"]["20"] = late
    live.clock.now_s += 3000  # the hour is full
    assert feed_of(live.pull("gaode"), "gaode").points == 7 + 7
    live.clock.now_s += 3000
    assert feed_of(live.pull("gaode"), "gaode").present == 2


def test_two_pulls_at_once_into_one_feed_are_refused(live: Live) -> None:
    import fcntl

    folder = live.bundle / "tracks" / "gaode" / ".pull"
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UnusableInput, match="tracks/gaode: another pull is writing here"):
            live.pull("gaode")


@pytest.mark.parametrize("name", ["../../escape", "a/b", ".hidden", "x" * 300])
def test_a_terminal_that_is_no_file_name_is_refused_and_the_others_come(live: Live, tmp_path: Path, name: str) -> None:
    live.bundle = live_bundle(tmp_path / "named", VEHICLES.replace(",501", f",{name}"))
    gaode = feed_of(live.pull("gaode"), "gaode")
    assert (gaode.pulled, codes(gaode)) == (1, {name: "bad-name"})
    assert name not in live.amap.asked
    assert all(page.startswith("502.") for page in live.pages("gaode"))
    assert not list(tmp_path.rglob("*escape*"))


# ---------------------------------------------------------------- where nothing may be sent


def test_out_of_the_box_no_provider_is_asked_and_the_command_says_what_to_set(live: Live) -> None:
    arguments = ("pull", live.bundle, "--date", DAY.isoformat(), "--sources", live.sources)
    answer = trajaudit(*arguments, "--quiet")
    place = live.amap.address.removeprefix("http://")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines()[0] == (
        "sources.toml, field feeds.gaode.base_url: may not be asked: nothing goes out: outbound.enabled is not set. "
        f'The settings (--settings) must say in [outbound]: enabled = true and allow = ["{place}"].'
    )
    assert len(answer.err.splitlines()) == 2
    assert not live.amap.requests + live.baidu.requests
    told = {"TRAJAUDIT_OUTBOUND__ENABLED": "true", "TRAJAUDIT_OUTBOUND__ALLOW": place}
    only_one = trajaudit(*arguments, "--feed", "gaode", "--quiet", env=told)
    assert (only_one.code, only_one.err) == (0, ""), "the environment alone will do"


def test_a_car_of_a_provider_that_may_not_be_asked_is_not_accused_of_silence(live: Live, tmp_path: Path) -> None:
    session = "L1,V1,P1,T1,2,G1,2026-03-18T12:00:00+08:00,2026-03-18T13:00:00+08:00\n"
    with (live.bundle / "sessions.csv").open("a", encoding="utf-8") as file:
        file.write(session)
    live.out = WayOut.of(OutboundSettings())
    assert live.pull().is_refused
    assert broken(live, "gaode") == {"501": "provider-error", "502": "provider-error"}
    answer = trajaudit("audit", live.bundle, "--date", DAY.isoformat(), "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert "V1" not in {finding["vehicle_id"] for finding in findings(tmp_path / "out")}


def test_a_provider_that_may_not_be_asked_delays_nobody_else_and_is_not_tried_again(live: Live) -> None:
    live.out = way_out(live.baidu.address.removeprefix("http://"))
    pulled = live.pull()
    gaode, yingyan = feed_of(pulled, "gaode"), feed_of(pulled, "yingyan")
    assert codes(gaode) == {"501": "refused", "502": "refused"}
    assert gaode.failures[0].message.endswith("is in no network of outbound.allow: an administrator may add it")
    assert (gaode.queries, live.amap.requests) == (0, [])
    assert max(live.clock.waited) < 0.3, "queries keep their distance; nothing is waited for before another try"
    assert (yingyan.pulled, codes(yingyan)) == (2, {})
    assert [str(fault).partition(":")[0] for fault in pulled.refusals] == ["sources.toml, field feeds.gaode.base_url"]
    assert not pulled.is_refused
    live.out = way_out()
    assert live.pull().is_complete


def test_what_is_there_already_needs_no_way_out(live: Live) -> None:
    live.pull()
    live.out = WayOut.of(OutboundSettings())
    pulled = live.pull()
    assert pulled.is_complete
    assert pulled.refusals == ()


def test_no_name_that_is_not_listed_is_even_looked_up(live: Live) -> None:
    asked: list[str] = []

    def resolve(name: str, _port: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"]

    live.settings("gaode", base_url="https://tsapi.amap.com/v1/track")
    live.out = way_out("yingyan.baidu.com", resolve=resolve)
    (refusal,) = live.pull("gaode").refusals
    assert "tsapi.amap.com:443 is not in outbound.allow" in str(refusal)
    assert refusal.hint == 'The settings (--settings) must say in [outbound]: allow = ["tsapi.amap.com:443"].'
    assert asked == []


def test_keys_go_to_no_public_address_in_clear(live: Live) -> None:
    live.settings("gaode", base_url="http://tsapi.amap.com/v1/track")
    live.out = way_out("tsapi.amap.com:80", resolve=lambda _name, _port: ["93.184.216.34"])
    gaode = feed_of(live.pull("gaode"), "gaode")
    assert codes(gaode) == {"501": "refused", "502": "refused"}
    assert gaode.failures[0].message == "tsapi.amap.com:80 is on the public internet, which takes https"
    assert gaode.queries <= 1


def test_the_settings_own_authorities_are_trusted_where_the_source_names_none(live: Live, tmp_path: Path) -> None:
    certificate = Path(__file__).parents[1] / "feeds" / "loopback.pem"
    amap = StandIn(live.amap.tracks)
    with serving(amap, certificate):
        live.settings("gaode", base_url=f"{amap.address}/v1/track", attempts=1)
        assert "not trusted" in feed_of(live.pull("gaode"), "gaode").failures[0].message
        live.out = WayOut.of(OutboundSettings(enabled=True, allow=("127.0.0.1",), ca_file=certificate))
        assert live.pull("gaode").is_complete
    live.out = WayOut.of(OutboundSettings(enabled=True, allow=("127.0.0.1",), ca_file=tmp_path / "none.pem"))
    with pytest.raises(UnusableInput, match=r"outbound\.ca_file: cannot be read"):
        live.pull("gaode")


# ---------------------------------------------------------------- the key


def everything_written(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but those that hold the keys."""
    keys = {"live.key", "live.sk"}
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name not in keys}


def test_no_log_no_error_and_no_file_holds_a_key(live: Live, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    live.baidu.secret = SK
    (tmp_path / "live.sk").write_text(SK, encoding="utf-8")
    (tmp_path / "live.sk").chmod(0o600)
    live.settings(timeout_s=0.2, attempts=1)
    live.amap.always["501"] = Reply(f"<a href='?key={KEY}'>".encode())
    live.amap.always["502"] = Reply(silent=True)
    live.baidu.always["B4"] = Reply({"status": 200, "message": f"APP不存在 ak={KEY}"})
    pulled = live.pull()
    assert {**codes(feed_of(pulled, "gaode")), **codes(feed_of(pulled, "yingyan"))}.keys() == {
        "501",
        "502",
        "B4",
        "川A3学",
    }
    told = "\n".join([repr(pulled), caplog.text, *(str(record.__dict__) for record in caplog.records)])
    assert "HTTP Request" in caplog.text
    for secret in (KEY, SK):
        assert secret not in told
        assert [name for name, data in everything_written(tmp_path).items() if secret.encode() in data] == []


def test_the_command_tells_what_failed_and_never_the_key(live: Live) -> None:
    live.amap.always["501"] = Reply(b"", 500)
    live.settings(attempts=1)
    arguments = ("pull", live.bundle, "--date", DAY.isoformat(), "--sources", live.sources, "--lang", "en")
    arguments += ("--settings", live.allowing)
    answer = trajaudit(*arguments)
    assert answer.code == 4, answer.err
    assert "gaode, V1, 501: unreachable: HTTP 500" in answer.err
    assert "gaode\t2\t1\t0\t1\t7\t4" in answer.out
    assert KEY not in answer.out + answer.err
    quiet = trajaudit(*arguments, "--quiet")
    assert (quiet.code, quiet.out) == (4, "")
    del live.amap.always["501"]
    done = trajaudit(*arguments, "--json")
    assert done.code == 0, done.err
    assert done.json()["complete"] is True
    assert done.json()["feeds"]["gaode"]["failures"] == []
    assert done.err == ""


def test_without_sources_or_with_an_unusable_file_nothing_is_asked_for(live: Live, tmp_path: Path) -> None:
    none = trajaudit("pull", live.bundle, "--date", DAY.isoformat())
    assert none.code == 2
    (tmp_path / "live.key").chmod(stat.S_IRUSR | stat.S_IROTH)
    answer = trajaudit("pull", live.bundle, "--date", DAY.isoformat(), "--sources", live.sources)
    assert answer.code == 2
    assert "feeds.gaode.key_file: may be read by others (mode 0404)" in answer.err
    assert KEY not in answer.err
    assert not live.amap.requests
    assert not (live.bundle / "tracks" / "gaode").exists()
