"""Passages and sightings on a car's map: what is shown, what never is, and that it can be clicked."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from maps.entries import web_href
from maps.passages import passage_layer
from maps.people import People
from maps.sightings import seen_of
from maps.vehicle_map import VehicleMapDay, render_vehicle_map, write_vehicle_map
from tests.browser import Open, Opened
from tests.maps.filmed import (
    CAMERAS_M,
    OFFICER,
    SCORE,
    STRANGER_TO_FINDINGS,
    cameras,
    conflict_finding,
    filmed_day,
    officer_finding,
    passages,
)
from tests.maps.plausible import LOCAL, PLANE, person_label, vehicle_day

CLIP = "https://video.example/play?camera={}&from={}"


def clip_of(camera_id: str, shot_ms: int) -> str:
    return CLIP.format(camera_id, shot_ms)


@pytest.fixture(scope="module")
def day() -> VehicleMapDay:
    return filmed_day()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, day: VehicleMapDay) -> Path:
    return write_vehicle_map(tmp_path_factory.mktemp("filmed") / "V1.html", day)


def rows(opened: Opened) -> list[str]:
    texts: list[str] = opened.page.locator("#passages > li:not([hidden])").all_inner_texts()
    return [" | ".join(text.splitlines()) for text in texts]


def clock(t_ms: int) -> str:
    return LOCAL.moment(t_ms).strftime("%H:%M:%S")


def choose(opened: Opened, finding_id: str) -> None:
    opened.page.locator(f'li[data-finding="{finding_id}"] > button').click()


def popup(opened: Opened) -> str:
    return opened.page.locator(".leaflet-popup-content").last.inner_text()  # the one before may still be fading


# ---------------------------------------------------------------- what is shown


@pytest.mark.parametrize(
    ("lang", "there", "elsewhere"),
    [
        ("zh", "与轨迹相符(距卡口 7 米)", "与轨迹矛盾(车辆在 8.2 公里之外)"),
        ("en", "fits the track (7 m from the camera)", "contradicts the track (the car was 8.2 km away)"),
    ],
)
def test_all_passages_are_listed_by_corrected_time_with_what_the_track_says(
    open_page: Open, tmp_path: Path, day: VehicleMapDay, lang: str, there: str, elsewhere: str
) -> None:
    file = write_vehicle_map(tmp_path / "V1.html", day, lang)
    opened = open_page(file)
    listed = rows(opened)
    by_time = sorted(passages(), key=lambda c: c.t_ms)
    assert [row.split(" · ")[0] for row in listed] == [clock(c.t_ms) for c in by_time]
    assert listed[[c.passage.passage_id for c in by_time].index("K-3")].endswith(f"C3 | {there}")
    assert listed[[c.passage.passage_id for c in by_time].index("K-4")].endswith(f"C9 | {elsewhere}")
    opened.assert_quiet(file)


def test_a_popup_tells_the_times_and_how_sure_the_clock_is(open_page: Open, file: Path) -> None:
    opened = open_page(file)
    first = next(c for c in passages() if c.passage.passage_id == "K-3")
    opened.page.locator('[data-passage="K-3"] button').click()
    text = popup(opened)
    stamped = clock(first.passage.shot_ms)
    for expected in (
        f"{clock(first.t_ms)} ± 1.3 秒",
        stamped,
        "快 12.0 秒(依据 26 条过车记录)",
        "passages.ndjson · 3 · K-3",
    ):
        assert expected in text
    opened.page.locator('[data-passage="K-6"] button').click()
    assert "不明:无过车记录可比,按准确计" in popup(opened)
    opened.page.locator('[data-passage="K-7"] button').click()
    assert "读作其他号牌" in popup(opened)
    assert "不属于任何疑点" in popup(opened)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_findings_card_tells_what_was_seen_how_strong_it_is_and_what_was_excluded_by_how_much(
    open_page: Open, tmp_path: Path, day: VehicleMapDay, lang: str
) -> None:
    opened = open_page(write_vehicle_map(tmp_path / "V1.html", day, lang))
    officer, conflict = officer_finding(), conflict_finding()
    choose(opened, officer.finding_id)
    card = opened.page.locator("li.chosen .details").inner_text()
    zh = (
        "副驾驶座 · 很强的支持",
        "副驾驶座 · 未比对到此人 · 对另一方中等的支持 · 往返训练途中",
        f"坐在该座位的是{person_label(OFFICER)},或是另有其人",
        "疑点所述与此解释相比:很强的支持",
        "合计强度",
        "> 99 %",
    )
    en = (
        "front passenger's seat · very strong support",
        "not matched to this person · moderate support for the other · on the drive",
        "sat in that seat, or somebody else did",
        "what the finding says, compared with this: very strong support",
        "All together",
    )
    for expected in {"zh": zh, "en": en}[lang]:
        assert expected in card
    assert card.count({"zh": "与此解释相比", "en": "compared with this"}[lang]) == 1  # the others were not weighed
    choose(opened, conflict.finding_id)
    card = opened.page.locator("li.chosen .details").inner_text()
    for expected in {
        "zh": (
            "另有车辆使用该号牌(套牌)",
            "极强的支持(与“轨迹并非该车实际行驶”相比)",
            "相比:极强的支持",
            "相比:较强的支持",
        ),
        "en": (
            "a clone",
            "extremely strong support, over “the track is not where the car went”",
            ": moderately strong support",
        ),
    }[lang]:
        assert expected in card
    assert "-21.5" not in card.replace("\u2212", "-").split("完整证据")[0].split("Evidence in full")[0]


# ---------------------------------------------------------------- what is never shown


def test_no_person_of_no_finding_no_score_and_no_figure_of_a_face_is_in_the_page(day: VehicleMapDay) -> None:
    for lang in ("zh", "en"):
        text = render_vehicle_map(replace(day, clip_of=clip_of), lang)
        for never in (OFFICER, STRANGER_TO_FINDINGS, str(SCORE), "0.8876", "0.4321", "4.0487", "1.2345", "candidates"):
            assert never not in text, never
        assert person_label(STRANGER_TO_FINDINGS) not in text
        assert person_label(OFFICER) in text


def test_a_passage_of_no_finding_comes_without_its_faces(open_page: Open, file: Path, day: VehicleMapDay) -> None:
    layer = passage_layer(day.passages, day.cameras, None)
    assert {key for p in layer["passages"] for key in p} & {"faces", "seat", "person", "quality", "shown"} == set()
    opened = open_page(file)
    opened.page.locator('[data-passage="K-3"] button').click()
    assert "座" not in popup(opened)
    assert [row for row in rows(opened) if "座" in row and "C3" in row] == []
    assert len([row for row in rows(opened) if "副驾驶座" in row]) == len(officer_finding().evidence["seen"])


def test_a_page_of_a_car_that_no_camera_read_carries_nothing_of_cameras(day: VehicleMapDay) -> None:
    bare = render_vehicle_map(vehicle_day())
    assert "data-passages" not in bare
    assert "passage-line" not in bare
    assert "卡口" not in bare
    assert len(render_vehicle_map(day)) > len(bare)


def test_only_cameras_that_read_the_car_are_on_its_page(day: VehicleMapDay) -> None:
    layer = passage_layer(day.passages, {**cameras(), "C-OTHER": (121.0, 31.0)}, None)
    assert [name for name, *_ in layer["cameras"]] == sorted(CAMERAS_M)
    assert layer["kmh"] == 120


# ---------------------------------------------------------------- time


def test_passages_are_ticks_on_the_time_axis_by_kind(open_page: Open, file: Path) -> None:
    opened = open_page(file)
    ticks = opened.page.locator(".bar.passage")
    kinds = [c.whereabouts.value for c in sorted(passages(), key=lambda c: c.t_ms)]
    found = [re.search(r"is-(there|possible|elsewhere)", t.get_attribute("class")) for t in ticks.all()]
    assert [kind.group(1) for kind in found if kind] == kinds
    assert opened.page.locator(".bar.passage.is-sighted").count() == 2
    state = opened.ask("trajaudit.replay.state()")
    slider = opened.page.locator("#time").bounding_box()
    assert slider is not None
    for tick, passage in zip(ticks.all(), sorted(passages(), key=lambda c: c.t_ms), strict=True):
        box = tick.bounding_box()
        share = (passage.t_ms - state["start"]) / (state["end"] - state["start"])
        assert box is not None
        assert box["x"] + box["width"] / 2 == pytest.approx(slider["x"] + 7 + share * (slider["width"] - 14), abs=1.5)


@pytest.mark.parametrize("how", ["tick", "mark", "keyboard", "list", "card"])
def test_a_click_on_a_passage_sets_the_time_and_opens_its_popup(open_page: Open, file: Path, how: str) -> None:
    opened = open_page(file)
    t_ms = next(c.t_ms for c in passages() if c.passage.passage_id == "K-2")
    mark = opened.page.locator(f'.leaflet-marker-icon.passage[title^="{clock(t_ms)} · C2"]')
    if how == "tick":
        opened.page.locator(f'.bar.passage[title^="{clock(t_ms)} · C2"]').click()
    elif how == "mark":
        mark.click()
    elif how == "keyboard":
        mark.focus()
        opened.page.keyboard.press("Enter")
    elif how == "list":
        opened.page.locator('[data-passage="K-2"] button').click()
    else:
        choose(opened, officer_finding().finding_id)
        opened.page.locator("li.chosen .seen button", has_text="C2").click()
    assert opened.ask("trajaudit.replay.state().t") == t_ms
    assert "C2" in popup(opened)
    assert "未比对到此人" in popup(opened)
    opened.assert_quiet(file)


def test_a_passage_lights_up_when_the_replay_comes_to_it_and_goes_out_after(open_page: Open, file: Path) -> None:
    opened = open_page(file)
    t_ms = next(c.t_ms for c in passages() if c.passage.passage_id == "K-3")
    for at_ms, lit in ((t_ms - 1000, 0), (t_ms, 1), (t_ms + 19_000, 1), (t_ms + 21_000, 0)):
        opened.ask("t => trajaudit.replay.seek(t)", at_ms)
        for what in ('[data-passage="K-3"].now', ".leaflet-marker-icon.passage.now", ".bar.passage.now"):
            assert opened.page.locator(what).count() == lit, (what, at_ms - t_ms)


def test_the_time_axis_reaches_as_far_as_the_passages(open_page: Open, tmp_path: Path, day: VehicleMapDay) -> None:
    last = passages()[3]
    late = replace(last, t_ms=int(day.track.t_ms[-1]) + 3_600_000)
    opened = open_page(write_vehicle_map(tmp_path / "V1.html", replace(day, passages=(*passages()[:3], late))))
    assert opened.ask("trajaudit.replay.state().end") >= late.t_ms


# ---------------------------------------------------------------- filter and plate conflict


def test_the_list_can_be_sifted_to_the_chosen_finding_and_to_contradictions(open_page: Open, file: Path) -> None:
    opened = open_page(file)
    opened.page.select_option("#passage-filter", "chosen")
    assert rows(opened) == []
    assert "请先选择一个疑点" in opened.page.locator(".passages").inner_text()
    choose(opened, conflict_finding().finding_id)
    assert [row.split(" | ")[0].split(" · ")[1] for row in rows(opened)] == ["C9", "C9"]
    choose(opened, officer_finding().finding_id)
    assert len(rows(opened)) == 2
    opened.page.select_option("#passage-filter", "against")
    assert len(rows(opened)) == 3
    opened.page.select_option("#passage-filter", "all")
    assert len(rows(opened)) == len(passages())


def test_a_dashed_line_joins_a_contradictory_camera_and_where_the_car_was_then(
    open_page: Open, file: Path, day: VehicleMapDay
) -> None:
    opened = open_page(file)
    found = opened.ask(
        """trajaudit.passages.list.filter(p => p.lines).map(p => [p.id, p.lines.map(l => [l.options.dashArray,
        l.getLatLngs().map(x => [x.lng, x.lat])]), trajaudit.replay.whereAt(p.t)])"""
    )
    assert [name for name, *_ in found] == ["K-4", "K-5"]
    (_, [(dashes, (camera, car))], here), (_, silent, nowhere) = found
    assert dashes
    assert camera == pytest.approx(cameras()["C9"], abs=2e-6)
    assert car == pytest.approx(here["at"][::-1], abs=1e-9)
    assert 0 < float(PLANE.to_metres(car[0], car[1])[0]) < 3000
    assert nowhere is None  # in a silence: where it was before, and where after
    assert len(silent) == 2
    labels = opened.page.locator(".apart-label").all_inner_texts()
    assert any("8.2 公里" in text for text in labels)


# ---------------------------------------------------------------- video


def test_a_link_leads_to_the_video_and_is_not_followed_by_itself(
    open_page: Open, tmp_path: Path, day: VehicleMapDay
) -> None:
    file = write_vehicle_map(tmp_path / "V1.html", replace(day, clip_of=clip_of))
    opened = open_page(file)
    opened.page.locator('[data-passage="K-1"] button').click()
    link = opened.page.locator("a.clip")
    shot_ms = passages()[0].passage.shot_ms
    assert link.get_attribute("href") == clip_of("C1", shot_ms)
    assert (link.get_attribute("rel"), link.get_attribute("target")) == ("noopener noreferrer", "_blank")
    opened.assert_quiet(file)


def test_without_a_template_there_is_no_link(open_page: Open, file: Path) -> None:
    opened = open_page(file)
    opened.page.locator('[data-passage="K-1"] button').click()
    assert opened.page.locator(".leaflet-popup-content a[href^='http']").count() == 0


@pytest.mark.parametrize(
    "evil", ["javascript:alert(1)", "data:text/html,x", "//video.example/x", 'https://v/"x', "https:///x", "clip.html"]
)
def test_an_address_that_is_none_of_the_web_is_refused(day: VehicleMapDay, evil: str) -> None:
    with pytest.raises(ValueError, match="no address of the web"):
        web_href(evil, "passage K-1")
    with pytest.raises(ValueError, match="passage K-"):
        render_vehicle_map(replace(day, clip_of=lambda camera, shot: evil))


# ---------------------------------------------------------------- edges


def test_passages_whose_camera_has_no_place_and_pieces_of_no_passage_are_listed_all_the_same(
    open_page: Open, tmp_path: Path, day: VehicleMapDay
) -> None:
    for k, more in enumerate(({"cameras": {}}, {"passages": ()})):
        file = write_vehicle_map(tmp_path / f"{k}.html", replace(day, **more))
        opened = open_page(file)
        choose(opened, officer_finding().finding_id)
        opened.page.locator("li.chosen .seen button").first.click()
        assert opened.ask("trajaudit.replay.state().t") == passages()[1].t_ms
        opened.assert_quiet(file)


def test_what_cameras_saw_is_read_as_it_is_and_never_more() -> None:
    people = People(person_label, [OFFICER])
    last = seen_of(officer_finding(), people, "zh")[-1]
    assert last == {
        "passage": "K-1", "camera": "C1", "t": passages()[0].t_ms, "where": "there", "near": 7.0,
        "seat": "front_passenger", "shown": True, "drive": False, "strength": "很强的支持",
    }  # fmt: skip
    assert json.dumps(seen_of(conflict_finding(), people, "zh")).count("seat") == 0
    assert seen_of(vehicle_day().findings[0], people, "zh") == []


@pytest.mark.parametrize("width", [390, 1366])
def test_the_page_fits_the_screen(open_page: Open, file: Path, width: int) -> None:
    opened = open_page(file, width=width, height=800)
    choose(opened, conflict_finding().finding_id)
    assert opened.ask("document.documentElement.scrollWidth <= window.innerWidth")
