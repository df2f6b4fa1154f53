"""The page of a report: nothing runs, nothing is fetched, every text is text."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from typing import NamedTuple

import pytest

from reports.calibration_html import Alarm, Chart, Page, Section, Table, Words, calibration_page
from reports.calibration_json import calibration_json
from reports.plain import ReportFault
from tests.reports.test_svg import EVIL


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


def page(text: str = "text", lang: str = "en") -> Page:
    parts = [
        Alarm(text, text),
        Words(text),
        Words(text, is_note=True),
        Table([text, text], [[text, text]], text, ["marked"]),
        Chart(text, "<svg></svg>", [("main", text), ("other-bar", text), ("main-dot", text)], text),
    ]
    return Page(lang, text, [text], text, True, [Section(text, parts)], [text])


def read(content: bytes) -> Tags:
    tags = Tags()
    tags.feed(content.decode())
    return tags


def test_hostile_text_in_every_place_adds_no_element_and_no_attribute() -> None:
    harmless, hostile = read(calibration_page(page())), read(calibration_page(page(EVIL)))
    assert hostile.tags == harmless.tags
    assert hostile.attributes == harmless.attributes
    assert "script" not in hostile.tags
    assert not any(name.startswith("on") for name in hostile.attributes)


def test_nothing_may_be_fetched_and_no_script_may_run() -> None:
    text = calibration_page(page()).decode()
    assert "default-src 'none'; style-src 'sha256-" in text
    assert "script-src" not in text
    assert "http-equiv" in text
    assert not {"src", "href"} & read(text.encode()).attributes


@pytest.mark.parametrize(("lang", "tag"), [("zh", "zh-CN"), ("en", "en")])
def test_the_page_names_its_language(lang: str, tag: str) -> None:
    assert f'<html lang="{tag}">' in calibration_page(page(lang=lang)).decode()


def test_charts_that_follow_one_another_stand_side_by_side() -> None:
    one = Chart("t", "<svg></svg>")
    alone, both = (
        calibration_page(Page("en", "t", [], "s", True, [Section("s", parts)])).decode()
        for parts in ([one, Words("w"), one], [one, one, Words("w")])
    )
    assert alone.count('class="side"') == 0
    assert both.count('class="side"') == 1


@pytest.mark.parametrize(
    "part",
    [Table(["a", "b"], [["1"]]), Table(["a"], [["1"]], looks=["", ""]), Chart("t", "", [("loud", "x")])],
)
def test_a_part_that_makes_no_sense_is_refused(part) -> None:
    with pytest.raises(ReportFault):
        calibration_page(Page("en", "t", [], "s", True, [Section("s", [part])]))


class Pair(NamedTuple):
    one: float
    other: tuple[float, ...]


def test_the_record_is_json_with_null_for_what_is_no_number() -> None:
    content = calibration_json({"b": Pair(math.inf, (math.nan, 0.5)), "a": {"k": (1, None)}})
    assert json.loads(content) == {"schema": 1, "b": {"one": None, "other": [None, 0.5]}, "a": {"k": [1, None]}}
    assert list(json.loads(content)) == ["schema", "b", "a"]
