"""An auditor's morning: the night is audited, the overview opened, a finding followed to its map, and reproduced."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import Open
from tests.runs.conftest import CITY, Run, findings, run_record, trajaudit


def pages(run: Run) -> list[Path]:
    return sorted((run.out / "maps").glob("*.html"))


def test_every_map_of_the_sample_opens_offline_without_a_request_or_a_complaint(
    sample_run: Run, open_page: Open
) -> None:
    assert len(pages(sample_run)) == 1 + len({f["vehicle_id"] for f in findings(sample_run.out)} - {None})
    for page in pages(sample_run):
        opened = open_page(page)
        opened.assert_quiet(page)
        opened.page.close()


def test_every_map_of_a_hostile_city_opens_and_nothing_of_it_runs(hostile_run: Run, open_page: Open) -> None:
    assert len(pages(hostile_run)) > 5
    for page in pages(hostile_run):
        opened = open_page(page)
        opened.assert_quiet(page)
        opened.page.close()


def test_from_the_overview_to_a_findings_map_and_to_its_reproduction(sample_run: Run, open_page: Open) -> None:
    index = sample_run.out / "maps" / "index.html"
    opened = open_page(index)
    linked = opened.ask("[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))")
    targets = {href.split("#")[0] for href in linked if href.split("#")[0].endswith(".html")}
    assert targets == {page.name for page in pages(sample_run)} - {"index.html"}
    wanted = next(f for f in findings(sample_run.out) if f["rule"] == "off-route")
    assert wanted["plate"] in opened.page.inner_text("body")
    href = next(h for h in linked if wanted["finding_id"] in h or wanted["vehicle_id"] in h)
    opened.page.click(f"a[href='{href}']")
    opened.page.wait_for_function("typeof trajaudit === 'object'")
    text = opened.page.inner_text("body")
    assert wanted["plate"] in text
    assert opened.complaints == []
    answer = trajaudit("reproduce", wanted["finding_id"], "--out", sample_run.out, "--bundle", CITY)
    assert answer.code == 0, answer.out


def test_the_overview_says_how_much_there_is_and_what_could_not_be_told(sample_run: Run, open_page: Open) -> None:
    index = sample_run.out / "maps" / "index.html"
    opened = open_page(index)
    text = opened.page.inner_text("body")
    record = run_record(sample_run.out)
    n = sum(record["findings"].values())
    assert f"{n} / {n} 个疑点" in text
    assert "无法判定" in text
    assert "样例市" in text
    opened.assert_quiet(index)


@pytest.mark.parametrize("width", [390, 1920])
def test_the_overview_fits_a_telephone_and_a_wall(sample_run: Run, open_page: Open, width: int) -> None:
    index = sample_run.out / "maps" / "index.html"
    opened = open_page(index, width=width, height=800)
    opened.assert_quiet(index)
    assert opened.ask("document.documentElement.scrollWidth") <= width
