"""The map of one vehicle's day in a real browser: track, gaps, flags, popups, replay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit.day import FeedBeside
from maps.track_columns import track_columns
from maps.vehicle_map import VehicleMapDay, render_vehicle_map, write_vehicle_map
from maps.words import words
from tests.browser import Open, Opened
from tests.maps.plausible import LOCAL, drive, fleet_of, lonlat, segments, source_of, vehicle_day
from trajectories.fleet import Flag, build_fleet
from trajectories.side_by_side import SideBySide
from trajectories.spans import SpanKind, Spans, Stretches

MAX_DAY_BYTES = 1_000_000  # a day of 10,000 fixes, beyond the libraries


@pytest.fixture(scope="module")
def day() -> VehicleMapDay:
    return vehicle_day()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, day: VehicleMapDay) -> Path:
    return write_vehicle_map(tmp_path_factory.mktemp("maps") / "V1.html", day)


def replay(opened: Opened) -> dict[str, Any]:
    state: dict[str, Any] = opened.ask("trajaudit.replay.state()")
    return state


def gap_of(day: VehicleMapDay) -> tuple[int, int]:
    (k,) = np.flatnonzero(day.spans.kind == SpanKind.GAP)
    return int(day.spans.start_ms[k]), int(day.spans.end_ms[k])


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_the_map_opens_without_a_network_and_asks_for_nothing(
    open_page: Open, tmp_path: Path, day: VehicleMapDay, lang: str, width: int, height: int
) -> None:
    file = write_vehicle_map(tmp_path / "V1.html", day, lang)
    opened = open_page(file, width=width, height=height)
    assert opened.ask("document.documentElement.scrollWidth <= window.innerWidth")
    assert {"zh": "疑点(待核实)", "en": "Findings to check"}[lang] in opened.page.locator("h2").first.inner_text()
    opened.assert_quiet(file)


def test_the_browser_decodes_every_column_as_it_was(open_page: Open, file: Path, day: VehicleMapDay) -> None:
    opened = open_page(file)
    track, found = (
        day.track,
        opened.ask("(({t, lon, lat, v, flags}) => ({t, lon, lat, v, flags: Array.from(flags)}))(trajaudit.track)"),
    )
    assert found["t"] == track.t_ms.tolist()
    assert found["flags"] == track.flags.tolist()
    np.testing.assert_allclose(found["lon"], track.lon_deg, rtol=0, atol=0.6e-6)
    np.testing.assert_allclose(found["lat"], track.lat_deg, rtol=0, atol=0.6e-6)
    np.testing.assert_allclose(np.array(found["v"]) / 10, track.speed_mps, rtol=0, atol=0.051)


def test_every_fix_leads_back_to_its_file_and_row(open_page: Open, file: Path, day: VehicleMapDay) -> None:
    opened = open_page(file)
    found = opened.ask(
        "Array.from({length: trajaudit.track.n}, (_, row) => trajaudit.track.place(row)).map(p => [p.file, p.row])"
    )
    assert found == [list(source_of(int(number))) for number in day.track.source]


def test_no_line_crosses_a_gap_and_its_minutes_are_told(open_page: Open, file: Path, day: VehicleMapDay) -> None:
    opened = open_page(file)
    start, end = gap_of(day)
    drawn = opened.ask(
        """() => {
        const out = [], points = l => l.getLatLngs().map(p => [p.lat, p.lng]);
        const visit = g => g.getLayers().forEach(l =>
            l.getLayers ? visit(l) : l instanceof L.Polyline && out.push(points(l)));
        ['plain', 'undetermined', 'yard', 'road', 'standing'].forEach(k => visit(trajaudit.track.groups[k]));
        return out; }"""
    )
    track = day.track
    before, after = np.searchsorted(track.t_ms, [start, end])
    across = [(round(float(track.lat_deg[i]), 6), round(float(track.lon_deg[i]), 6)) for i in (before, after)]
    for path in drawn:
        places = {(round(lat, 6), round(lon, 6)) for lat, lon in path}
        assert not places.issuperset(across)
    assert any((round(p[0], 6), round(p[1], 6)) == across[0] for path in drawn for p in path)
    assert opened.page.locator(".gap-label").all_inner_texts() == ["中断 23 分钟"]


def test_unusable_fixes_are_hollow_marks_and_no_part_of_the_line(
    open_page: Open, file: Path, day: VehicleMapDay
) -> None:
    opened = open_page(file)
    marks = opened.ask(
        "trajaudit.track.groups.flagged.getLayers().filter(l => l.options.radius).map(l => l.options.fillColor)"
    )
    assert marks == ["#fff"] * int(np.count_nonzero(day.track.flags))
    spike = int(np.flatnonzero(day.track.flags & Flag.SPIKE)[0])
    assert opened.ask("row => trajaudit.track.path(row - 2, row + 4).length", spike) == 6 - int(
        np.count_nonzero(day.track.flags[spike - 2 : spike + 4])
    )
    opened.ask("row => map_page.setView(trajaudit.track.at(row), 17, {animate: false})", spike)
    assert "跳点" in opened.page.locator(".flagged-label").all_inner_texts()


def test_a_click_near_the_track_tells_time_speed_margin_flags_file_and_row(
    open_page: Open, file: Path, day: VehicleMapDay
) -> None:
    opened = open_page(file, timezone="Europe/Berlin")
    row = int(np.flatnonzero(day.track.flags & Flag.COARSE)[0])
    opened.ask("row => map_page.setView(trajaudit.track.at(row), 20, {animate: false})", row)
    box = opened.page.locator(".folium-map").bounding_box()
    assert box is not None
    opened.page.mouse.click(box["x"] + box["width"] / 2 + 1, box["y"] + box["height"] / 2 + 1)
    text = opened.page.locator(".leaflet-popup-content").inner_text()
    name, number = source_of(int(day.track.source[row]))
    for expected in (
        LOCAL.moment(int(day.track.t_ms[row])).strftime("%H:%M:%S"),
        "km/h",
        "精度不足",
        name,
        str(number),
        "长兴路训练路线",
    ):
        assert expected in text


def test_the_margin_in_the_popup_is_the_distance_to_the_corridors_edge(open_page: Open, file: Path) -> None:
    opened = open_page(file)
    # 400 m south of the corridor's axis at its south-eastern leg, which is 60 m wide: 370 m from the edge.
    (lon, lat), (inside_lon, inside_lat) = lonlat([(2200, -700), (2200, -290)])
    assert opened.ask("([x, y]) => trajaudit.places.margin(x, y)", [lon, lat]) == "长兴路训练路线外 370 米"
    assert opened.ask("([x, y]) => trajaudit.places.margin(x, y)", [inside_lon, inside_lat]) == "长兴路训练路线内 20 米"


def test_the_replay_moves_the_car_in_true_time(open_page: Open, file: Path, day: VehicleMapDay) -> None:
    opened = open_page(file)
    opened.page.select_option("#rate", "300")
    before = replay(opened)
    opened.page.click(".play")
    opened.page.wait_for_timeout(700)
    opened.page.click(".play")
    after = replay(opened)
    assert before["visible"]
    assert after["visible"]
    assert after["at"] != before["at"]
    assert 0.2 * 300_000 < after["t"] - before["t"] < 3 * 300_000
    opened.page.wait_for_timeout(200)
    assert replay(opened)["t"] == after["t"]


def test_in_a_gap_the_car_is_gone_and_afterwards_back(open_page: Open, file: Path, day: VehicleMapDay) -> None:
    opened = open_page(file)
    start, end = gap_of(day)
    for t_ms, there in ((start, True), (start + 60_000, False), (end - 1000, False), (end, True)):
        opened.ask("t => trajaudit.replay.seek(t)", t_ms)
        assert (replay(opened)["visible"], replay(opened)["onMap"]) == (there, there)
    opened.ask("t => trajaudit.replay.seek(t)", start + 60_000)
    assert "中断 23 分钟" in opened.page.locator(".readout").inner_text()


def test_between_two_fixes_the_car_is_between_them(open_page: Open, file: Path, day: VehicleMapDay) -> None:
    opened = open_page(file)
    opened.ask("t => trajaudit.replay.seek(t)", int(day.track.t_ms[100]) + 2500)
    lat, lon = replay(opened)["at"]
    assert lat == pytest.approx(float(day.track.lat_deg[100:102].mean()), abs=1e-6)
    assert lon == pytest.approx(float(day.track.lon_deg[100:102].mean()), abs=1e-6)


def test_the_replay_obeys_the_keyboard(open_page: Open, file: Path) -> None:
    opened = open_page(file)
    opened.page.focus("#time")
    start = replay(opened)["t"]
    for key, moved_s in (("ArrowRight", 10), ("PageUp", 300), ("ArrowLeft", -10), ("Shift+ArrowRight", 60)):
        before = replay(opened)["t"]
        opened.page.keyboard.press(key)
        assert replay(opened)["t"] - before == moved_s * 1000
    opened.page.keyboard.press("Home")
    assert replay(opened)["t"] <= start
    opened.page.keyboard.press("End")
    assert replay(opened)["t"] == replay(opened)["end"]
    opened.page.keyboard.press("Space")
    assert replay(opened)["playing"]
    assert opened.page.get_attribute("#time", "aria-valuetext")


def test_findings_are_marked_on_the_time_axis_and_choosing_one_goes_there(
    open_page: Open, file: Path, day: VehicleMapDay
) -> None:
    opened = open_page(file)
    bars = opened.page.locator(".bar.finding")
    assert bars.count() == len(day.findings)
    finding = next(f for f in day.findings if f.rule == "signal-gap")
    opened.page.locator(f'li[data-finding="{finding.finding_id}"] > button').click()
    assert opened.ask("trajaudit.vehicle.state().chosen") == finding.finding_id
    assert replay(opened)["t"] == finding.start_ms
    details = opened.page.locator("li.chosen .details").inner_text()
    for expected in ("812.4 m", "寻找车位: 同一处倒车 14 次", "实测 14,要求 4", finding.finding_id):
        assert expected in details
    share = (finding.start_ms - replay(opened)["start"]) / (replay(opened)["end"] - replay(opened)["start"])
    slider, bar = opened.page.locator("#time").bounding_box(), opened.page.locator(".bar.chosen").bounding_box()
    assert slider is not None
    assert bar is not None
    assert bar["x"] == pytest.approx(slider["x"] + 7 + share * (slider["width"] - 14), abs=1.5)


def test_an_address_with_a_finding_opens_it(open_page: Open, file: Path, day: VehicleMapDay) -> None:
    opened = open_page(file, hash_=f"#finding={day.findings[1].finding_id}")
    assert opened.ask("trajaudit.vehicle.state().chosen") == day.findings[1].finding_id


def test_no_register_key_of_a_person_is_in_the_file(file: Path, tmp_path: Path, day: VehicleMapDay) -> None:
    assert "P-100" not in file.read_text(encoding="utf-8")
    first = day.findings[0]
    named = replace(
        first,
        person_id="P-100",
        summary_zh="P-100 在场",
        evidence={"sightings": [{"person": "P-100"}], "by": {"P-100": 1}},
    )
    text = render_vehicle_map(vehicle_day(findings=(named,)))
    assert "P-100" not in text
    assert day.person_label("P-100") in text


def long_day(n: int) -> VehicleMapDay:
    d = vehicle_day()
    repeat = int(np.ceil(n / len(d.track)))
    t_ms = int(d.track.t_ms[0]) + np.arange(n, dtype=np.int64) * 5000
    fleet = build_fleet(
        ["V1"],
        np.zeros(n, np.int32),
        t_ms,
        np.tile(d.track.lon_deg, repeat)[:n],
        np.tile(d.track.lat_deg, repeat)[:n],
        speed_mps=np.tile(d.track.speed_mps, repeat)[:n],
        heading_deg=np.tile(d.track.heading_deg, repeat)[:n],
    )
    one = np.zeros(1, np.int64)
    spans = Spans(one.astype(np.int32), np.ones(1, np.uint8), one, one + n, one + t_ms[0], one + t_ms[-1])
    empty = Stretches(
        *(
            np.zeros(0, dtype)
            for dtype in (
                np.int32,
                np.uint8,
                np.int64,
                np.int64,
                np.int64,
                np.int64,
                np.float32,
                np.float32,
                np.float32,
            )
        )
    )
    return vehicle_day(track=fleet.track(0), spans=spans, stretches=empty)


def test_a_day_of_ten_thousand_fixes_is_small(day: VehicleMapDay) -> None:
    libraries = len(
        render_vehicle_map(
            vehicle_day(
                track=build_fleet(
                    ["V1"], np.zeros(0, np.int32), *(np.zeros(0, t) for t in (np.int64, float, float))
                ).track(0),
                **nothing(),
            )
        )
    )
    many = long_day(10_000)
    text = render_vehicle_map(many)
    assert len(text.encode()) - libraries < MAX_DAY_BYTES


def nothing() -> dict[str, Any]:
    dtypes = (np.int32, np.uint8, np.int64, np.int64, np.int64, np.int64)
    columns = [np.zeros(0, dtype) for dtype in dtypes]
    return {
        "spans": Spans(*columns),
        "stretches": Stretches(*columns, *(np.zeros(0, np.float32) for _ in range(3))),
        "findings": (),
        "sessions": (),
    }


def test_a_day_without_a_single_fix_still_has_a_map(open_page: Open, tmp_path: Path) -> None:
    empty = build_fleet(["V1"], np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0), np.zeros(0)).track(0)
    sessions = vehicle_day().sessions
    for k, more in enumerate(({}, {"sessions": sessions})):
        file = write_vehicle_map(tmp_path / f"{k}.html", vehicle_day(track=empty, **{**nothing(), **more}), "en")
        opened = open_page(file)
        assert "No findings for this vehicle" in opened.page.locator("#side").inner_text()
        opened.assert_quiet(file)


def test_rows_count_from_the_vehicles_own_first_fix(day: VehicleMapDay) -> None:
    alone = fleet_of(drive())
    n, shift = alone.n_fixes, 11
    fleet = build_fleet(
        ["V0", "V1"],
        np.repeat(np.array([0, 1], np.int32), [shift, n]),
        np.concatenate([alone.t_ms[:shift], alone.t_ms]),
        np.concatenate([alone.lon_deg[:shift], alone.lon_deg]),
        np.concatenate([alone.lat_deg[:shift], alone.lat_deg]),
    )
    spans, stretches = segments(drive())
    moved = Spans(
        spans.vehicle_ix + 1, spans.kind, spans.start + shift, spans.stop + shift, spans.start_ms, spans.end_ms
    )
    columns = track_columns(fleet.track(1), moved, stretches, source_of, words("en"))
    assert [row[1:3] for row in columns["spans"]] == np.column_stack([spans.start, spans.stop]).tolist()


def test_the_day_in_numbers_tells_of_another_feed_and_of_positions_matched_to_roads(
    open_page: Open, tmp_path: Path, day: VehicleMapDay
) -> None:
    seen = SideBySide(20_000, 7.25, 15.0, 1.0, 2.0, 300, 12.0, 3.0)
    noted = replace(day, matched=True, beside=(FeedBeside("amap", "<b>baidu", seen),))
    opened = open_page(write_vehicle_map(tmp_path / "V1.html", noted))
    opened.page.locator(".day-notes > summary").click()
    text = opened.page.locator(".day-notes").inner_text()
    assert "已将轨迹吸附到路网" in text
    assert "并行数据源:<b>baidu" in text
    assert "相差 7.2 米,滞后 20 秒,每分钟 3 个定位点" in text
    opened.assert_quiet(tmp_path / "V1.html")


def test_the_day_in_numbers_says_nothing_of_what_there_is_not(open_page: Open, file: Path) -> None:
    opened = open_page(file)
    opened.page.locator(".day-notes > summary").click()
    text = opened.page.locator(".day-notes").inner_text()
    assert "并行数据源" not in text
    assert "吸附" not in text
