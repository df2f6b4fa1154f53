"""The page of a night: it may use its own style sheet and nothing else, and it is made for paper, too."""

from __future__ import annotations

import base64
import hashlib
import re

from reports.calibration_html import SHORT, Page, Section, Table, Words, calibration_page
from reports.night_html import NIGHT_POLICY, NIGHT_STYLE, night_page
from tests.reports.test_calibration_html import read
from tests.reports.test_svg import EVIL


def page(text: str = "text", n: int = 1) -> Page:
    table = Table([text, text, text], [[text, text, text]] * n, text, words=[1])
    return Page("zh", text, [text], text, False, [Section(text, [Words(text), table])], [text])


def test_the_policy_names_the_very_style_sheet_of_the_page() -> None:
    text = night_page(page()).decode()
    (style,) = re.findall("<style>(.*?)</style>", text, flags=re.DOTALL)
    assert style == NIGHT_STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in NIGHT_POLICY
    assert f'content="{NIGHT_POLICY}"' in text


def test_hostile_text_adds_no_element_and_no_attribute() -> None:
    harmless, hostile = read(night_page(page())), read(night_page(page(EVIL)))
    assert hostile.tags == harmless.tags
    assert hostile.attributes == harmless.attributes
    assert not {"script", "link", "img"} & set(hostile.tags)
    assert not {"src", "href", "style"} & hostile.attributes


def test_columns_of_words_are_marked_in_head_and_rows_and_no_others() -> None:
    text = night_page(page()).decode()
    assert text.count('<th scope="col" class="words">') == 1
    assert text.count('<td class="words">') == 1
    assert text.count("<td>") == 1


def test_a_short_table_stays_on_one_sheet_and_a_long_one_need_not() -> None:
    assert '<div class="wide short">' in night_page(page(n=SHORT)).decode()
    assert '<div class="wide">' in night_page(page(n=SHORT + 1)).decode()


def test_the_same_page_is_the_same_bytes_and_looks_other_than_that_on_faces() -> None:
    assert night_page(page()) == night_page(page())
    assert b"@page { size: A4;" in night_page(page())
    assert b"@page" not in calibration_page(page())
