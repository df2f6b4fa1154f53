"""The windows of real ordinary driving that look most like training, scored, drawn and looked at.

`pytest tests/real/test_lookalikes.py -s` prints them and where the page with their paths is.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.real.bundles import figure
from tests.real.lookalikes import Lookalike, lookalikes, page
from tests.real.test_ordinary_driving import DELIVERY, OMAHA, PORTO, SAN_FRANCISCO, source_rows
from trajectories import activity

FINDING = 0.9
"""Of the cards: below it nothing is said, from 0.5 on the answer is "undetermined"."""
UNDETERMINED = 0.5
FINDING_MIN = 10.0
SHOWN = 8
"""Of each source."""


@pytest.fixture(scope="module")
def judged(real_data: Path) -> list[Lookalike]:
    """The likest windows of all sources as they are judged."""
    return [
        one
        for source in (PORTO, OMAHA, DELIVERY, SAN_FRANCISCO)
        for one in lookalikes(source.name, source_rows(source, real_data), source.timezone)[:SHOWN]
    ]


@pytest.fixture(scope="module")
def unjudged(real_data: Path) -> list[Lookalike]:
    """The windows of cabs heard once a minute, were a fix every two minutes enough to judge them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activity, "MIN_FIXES_PER_MIN", 0.5)
        return lookalikes(SAN_FRANCISCO.name, source_rows(SAN_FRANCISCO, real_data), SAN_FRANCISCO.timezone)


def test_no_window_of_ordinary_driving_comes_near_the_limit(judged: list[Lookalike]) -> None:
    figure("")
    for one in judged:
        figure(f"  {one}")
    assert judged
    assert max(one.run.p for one in judged) < UNDETERMINED


def test_judging_cabs_heard_once_a_minute_would_accuse_ordinary_driving(
    unjudged: list[Lookalike], real_data: Path
) -> None:
    """So the thin sampling is a reason to say nothing, not an excuse."""
    rows = source_rows(SAN_FRANCISCO, real_data)
    days = len(rows[["day", "vehicle_id"]].drop_duplicates())
    over = [one for one in unjudged if one.run.p >= FINDING and one.minutes >= FINDING_MIN]
    figure(f"\nif a fix every two minutes were enough: {len(over)} windows over {FINDING} in {days} vehicle-days")
    for one in over:
        figure(f"  {one}")
    assert over


def test_the_page_of_likest_windows_draws_each_of_them(
    judged: list[Lookalike], unjudged: list[Lookalike], browser: Browser, tmp_path: Path
) -> None:
    shown = [*judged, *unjudged[:SHOWN]]
    file = tmp_path / "most-like-training.html"
    file.write_text(page(shown), encoding="utf-8")
    context = browser.new_context(viewport={"width": 1160, "height": 900}, offline=True)
    opened = context.new_page()
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(file.as_uri())
    drawn = opened.evaluate(
        "[...document.querySelectorAll('svg')].map(s => s.querySelectorAll('polyline')[1].getBBox().width)"
    )
    opened.screenshot(path=str(tmp_path / "most-like-training.png"), full_page=True)
    context.close()
    figure(f"\nlook at {file} and {file.with_suffix('.png')}")
    assert asked == [file.as_uri()]
    assert len(drawn) == len(shown)
    assert min(drawn) > 20, "a path of some pixels at least"
