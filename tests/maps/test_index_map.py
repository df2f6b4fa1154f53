"""The overview in a real browser: what is on it, and that list, map and filters agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from maps.index_map import CoverageRow, IndexDay, write_index
from tests.browser import Open, Opened
from tests.maps.plausible import city_day

N_EXTRA = 60


@pytest.fixture(scope="module")
def day() -> IndexDay:
    return city_day(N_EXTRA)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, day: IndexDay) -> Path:
    return write_index(tmp_path_factory.mktemp("maps"), day)


def shown(opened: Opened) -> list[str]:
    listed: list[str] = opened.page.locator("#findings > li").evaluate_all("nodes => nodes.map(n => n.dataset.finding)")
    assert listed == opened.ask("trajaudit.index.state().shown")
    return listed


def in_clusters(opened: Opened) -> int:
    """How many findings the marks and clusters on the map stand for."""
    clustered = opened.page.locator(".cluster span").all_inner_texts()
    return sum(map(int, clustered)) + opened.page.locator(".finding-mark").count()


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_the_overview_opens_without_a_network_and_asks_for_nothing(
    open_page: Open, file: Path, width: int, height: int
) -> None:
    opened = open_page(file, width=width, height=height)
    assert opened.ask("document.documentElement.lang") == "zh-CN"
    assert opened.ask("document.documentElement.scrollWidth <= window.innerWidth")
    opened.assert_quiet(file)


def test_every_finding_is_listed_and_those_with_a_place_are_on_the_map(
    open_page: Open, file: Path, day: IndexDay
) -> None:
    opened = open_page(file)
    assert sorted(shown(opened)) == sorted(f.finding_id for f in day.findings)
    assert in_clusters(opened) == sum(f.geometry is not None for f in day.findings)


def test_findings_without_a_place_say_so_in_the_list(open_page: Open, file: Path, day: IndexDay) -> None:
    opened = open_page(file)
    without = opened.page.locator("#findings > li", has_text="地图上无位置").evaluate_all(
        "nodes => nodes.map(n => n.dataset.finding)"
    )
    assert sorted(without) == sorted(f.finding_id for f in day.findings if f.geometry is None)
    assert without


def test_filters_reduce_list_map_and_density_alike(open_page: Open, file: Path, day: IndexDay) -> None:
    opened = open_page(file)
    cells = opened.ask("trajaudit.index.state().density.cells")
    opened.page.select_option("#by-school", "北河驾校")
    opened.page.select_option("#by-rule", "off-route")
    wanted = [f for f in day.findings if f.school_id == "S2" and f.rule == "off-route"]
    assert sorted(shown(opened)) == sorted(f.finding_id for f in wanted)
    assert 0 < len(wanted) < len(day.findings)
    assert in_clusters(opened) == len(wanted)
    assert opened.ask("trajaudit.index.state().density.cells") < cells


def test_severities_can_be_switched_off_one_by_one(open_page: Open, file: Path, day: IndexDay) -> None:
    opened = open_page(file)
    opened.page.uncheck("[name=severity][value=critical]")
    opened.page.uncheck("[name=severity][value=major]")
    assert sorted(shown(opened)) == sorted(
        f.finding_id for f in day.findings if f.severity.value in {"minor", "notice"}
    )


def test_the_search_finds_a_plate_whatever_its_case(open_page: Open, file: Path, day: IndexDay) -> None:
    opened = open_page(file)
    opened.page.fill("#by-text", "b2007")
    assert shown(opened) == [f.finding_id for f in day.findings if f.plate == "沪B2007学"]


def test_an_entry_leads_to_its_place_and_to_the_vehicle(open_page: Open, file: Path, day: IndexDay) -> None:
    opened = open_page(file)
    before = opened.ask("trajaudit.index.state().zoom")
    finding = next(f for f in day.findings if f.rule == "off-zone-training")
    entry = opened.page.locator(f'li[data-finding="{finding.finding_id}"]')
    entry.locator("button").click()
    opened.page.wait_for_selector(".leaflet-popup-content")
    assert opened.ask("trajaudit.index.state().chosen") == finding.finding_id
    assert opened.ask("trajaudit.index.state().zoom") > before
    assert entry.locator("a").get_attribute("href") == f"vehicles/V1.html#finding={finding.finding_id}"


def test_the_page_calls_findings_doubtful_and_says_what_could_not_be_judged(open_page: Open, file: Path) -> None:
    opened = open_page(file)
    text = opened.ask("document.body.textContent")
    assert "疑点(待核实)" in text
    assert "违法" not in text
    assert "违规" not in text
    assert "violation" not in open_page(file).page.locator("body").inner_text().lower()
    opened.page.click(".unjudged summary")
    assert "数据源整体中断" in opened.page.locator(".unjudged").inner_text()
    assert "其中全天无定位点 3 辆" in opened.page.locator(".foot").inner_text()


def test_times_are_the_citys_whatever_the_browser_thinks(open_page: Open, file: Path) -> None:
    opened = open_page(file, timezone="America/New_York")
    opened.page.fill("#by-text", "b2000")
    assert "08:00:00–08:15:00" in opened.page.locator("#findings").inner_text()


def test_a_click_on_a_ground_tells_what_is_approved_there(open_page: Open, file: Path) -> None:
    opened = open_page(file)
    opened.page.select_option("#by-school", "北河驾校")
    opened.ask("map_page.setView([31.22054, 121.44054], 17, {animate: false})")
    opened.page.mouse.click(380 + 493, 43 + 362)
    text = opened.page.locator(".leaflet-popup-content").inner_text()
    assert "东郊训练场" in text
    assert "08:00–18:00" in text


def test_a_day_without_findings_says_so(open_page: Open, tmp_path: Path) -> None:
    opened = open_page(write_index(tmp_path, city_day(0, findings=(), zones=(), not_assessed={}), "en"))
    assert "No findings on this day." in opened.page.locator("#side").inner_text()
    opened.assert_quiet(tmp_path / "index.html")


@pytest.mark.parametrize(
    "href", ["https://example.org/", "//example.org/a", "/etc/passwd", "javascript:alert(1)", "a b", "\\\\host\\x", ""]
)
def test_a_link_that_leads_elsewhere_is_refused(tmp_path: Path, href: str) -> None:
    day = city_day(0)
    with pytest.raises(ValueError, match="is not a relative address"):
        write_index(tmp_path, city_day(0, links={day.findings[0].finding_id: href}))


def test_the_same_day_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_index(tmp_path / "a", city_day(5)).read_bytes()
    assert first == write_index(tmp_path / "b", city_day(5)).read_bytes()


def test_what_was_seen_of_each_school_stands_below_the_list(open_page: Open, tmp_path: Path) -> None:
    rows = (
        CoverageRow("东方驾校", 40, 2, 120.0, 98.25, 12.5, 3.0, 7),
        CoverageRow("<img src=x onerror=window.__pwned=1>", 1, 0, 0.0, 0.0, 0.0, 0.0, 0),
    )
    file = write_index(tmp_path, city_day(4, coverage=rows))
    opened = open_page(file)
    opened.page.locator("details.coverage > summary").click()
    cells = opened.page.locator("details.coverage tr").evaluate_all(
        "rows => rows.map(row => Array.from(row.cells, cell => cell.textContent))"
    )
    assert cells[0] == ["驾校", "无定位车辆", "有定位/申报(时)", "静默(时)", "源中断(时)", "无法判定"]
    assert cells[1] == ["东方驾校", "2 / 40", "98.3 / 120.0", "12.5", "3.0", "7"]
    assert cells[2][0] == rows[1].school
    opened.assert_quiet(file)


def test_without_a_statement_nothing_is_said_of_schools(open_page: Open, file: Path) -> None:
    assert open_page(file).page.locator("details.coverage").count() == 0


def test_a_cases_map_has_its_findings_and_leads_back_to_it(open_page: Open, tmp_path: Path) -> None:
    name, back = "案件 C6dc10d45af8c273de22e", "../C6dc10d45af8c273de22e?lang=zh"
    found = city_day(N_EXTRA).findings[:3]
    day = city_day(0, findings=found, links={}, n_vehicles=None, not_assessed={}, case=(name, back))
    opened = open_page(write_index(tmp_path, day))
    assert sorted(shown(opened)) == sorted(f.finding_id for f in found)
    assert opened.page.locator("h1").inner_text() == f"{name} · 示例市"
    assert opened.page.locator("a.back").get_attribute("href") == back
    assert "车辆" not in opened.page.locator("footer.foot").inner_text()
    opened.assert_quiet(tmp_path / "index.html")


def test_a_case_that_lies_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a relative address"):
        write_index(tmp_path, city_day(0, case=("C1", "https://elsewhere.example/")))
