"""A page carries the words that its scripts say, all of them and no others."""

from __future__ import annotations

import json
import re

import pytest
from babel.messages.extract import extract_from_file

from maps import compare_map, index_map, vehicle_map
from maps.assets import STATIC
from maps.script_words import script_words
from maps.words import words
from tests.maps.filmed import filmed_day

PAGES = (index_map.LINKS, compare_map.LINKS, vehicle_map.LINKS, vehicle_map.LINKS + vehicle_map.CAMERA_LINKS)


@pytest.mark.parametrize("links", PAGES)
def test_a_page_has_the_words_of_its_scripts_and_no_others(links: tuple[str, ...]) -> None:
    scripts = [STATIC / url.removeprefix("own:") for url in links if url.startswith("own:") and url.endswith(".js")]
    said = {m for file in scripts for _, m, _, _ in extract_from_file("javascript", file, keywords={"_": None})}
    assert len(said) > 20
    assert script_words(words("zh"), links) == {text: words("zh")(text) for text in said}
    assert script_words(words("en"), links) == {}


def test_the_words_stand_in_the_page() -> None:
    page = vehicle_map.render_vehicle_map(filmed_day())
    block = re.search(r'id="data-page">(.*?)</script>', page)
    assert block is not None
    assert json.loads(block.group(1))["words"]["Checkpoint camera"] == "卡口(相机)"
