"""Diagrams are well-formed, lie where their values say, and hold no markup from outside."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from reports.plain import ReportFault
from reports.svg import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Bars,
    Dot,
    Dots,
    Line,
    Strip,
    chart,
    escaped,
    strips,
)

EVIL = '</text></svg><script>window.__pwned=1</script>"><img src=x onerror=window.__pwned=1>\x00\ud800'
UNIT = Axis("x", 0.0, 1.0, ((0.0, "0"), (1.0, "1")))
NS = "{http://www.w3.org/2000/svg}"


def drawn(svg: str, tag: str, style: str) -> list[ET.Element]:
    return [e for e in ET.fromstring(svg).iter(NS + tag) if style in e.get("class", "").split()]


def test_a_line_goes_from_corner_to_corner_of_its_axes() -> None:
    (line,) = drawn(chart(UNIT, UNIT, [Line([(0.0, 0.0), (1.0, 1.0)], "main")], "t"), "polyline", "main")
    assert line.get("points") == f"{LEFT},{HEIGHT - BOTTOM} {WIDTH - RIGHT},{TOP}"


def test_what_lies_beyond_an_axis_ends_at_its_end() -> None:
    svg = chart(UNIT, UNIT, [Dots([Dot(2.0, -1.0, -5.0, 7.0, False)], "main")], "t")
    (dot,), (limits,) = drawn(svg, "circle", "main"), drawn(svg, "line", "main")
    assert (dot.get("cx"), dot.get("cy")) == (str(WIDTH - RIGHT), str(HEIGHT - BOTTOM))
    assert (limits.get("y1"), limits.get("y2")) == (str(HEIGHT - BOTTOM), str(TOP))


def test_a_dot_with_little_behind_it_is_hollow() -> None:
    svg = chart(UNIT, UNIT, [Dots([Dot(0.5, 0.5, 0.4, 0.6, True), Dot(0.6, 0.5, 0.4, 0.6, False)], "main")], "t")
    assert len(drawn(svg, "circle", "hollow")) == 1


def test_bars_stand_between_their_edges_and_an_empty_one_is_not_drawn() -> None:
    bars = drawn(chart(UNIT, UNIT, [Bars([0.0, 0.5, 1.0], [0.0, 0.5], "main")], "t"), "rect", "main")
    (bar,) = bars
    assert float(bar.get("x", "")) == pytest.approx((LEFT + WIDTH - RIGHT) / 2 + 0.5)
    assert float(bar.get("height", "")) == pytest.approx((HEIGHT - BOTTOM - TOP) / 2)


def test_a_strip_shows_its_quantiles_in_order_and_one_without_data_only_its_label() -> None:
    rows = [Strip("C1", (0.1, 0.2, 0.5, 0.6, 0.9), "main", "n = 9"), Strip("C2", (), "guide", "n = 0")]
    svg = strips(UNIT, rows, 0.5, "t")
    (box,), (median,) = drawn(svg, "rect", "main"), drawn(svg, "line", "median")
    left, width = float(box.get("x", "")), float(box.get("width", ""))
    assert left < float(median.get("x1", "")) < left + width
    assert [e.text for e in drawn(svg, "text", "tick")][-4:] == ["C1", "n = 9", "C2", "n = 0"]


def test_hostile_text_stays_text() -> None:
    axis = Axis(EVIL, 0.0, 1.0, ((0.0, EVIL),))
    for svg in (
        chart(axis, axis, [], EVIL),
        strips(axis, [Strip(EVIL, (0.1, 0.2, 0.3, 0.4, 0.5), "main", EVIL)], None, EVIL),
    ):
        tree = ET.fromstring(svg)
        assert {e.tag.removeprefix(NS) for e in tree.iter()} <= {"svg", "text", "line", "rect"}
        assert not any(name.startswith("on") for e in tree.iter() for name in e.attrib)
        assert "<script" not in svg


def test_escaping_leaves_nothing_that_ends_an_attribute() -> None:
    assert not set("<>\"'\x00") & set(escaped(EVIL + "'"))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: chart(UNIT, UNIT, [Line([], "loud")], "t"),
        lambda: chart(UNIT, UNIT, [Bars([0.0, 1.0], [1.0, 2.0], "main")], "t"),
        lambda: chart(Axis("x", 1.0, 1.0, ()), UNIT, [Line([(1.0, 1.0)], "main")], "t"),
    ],
)
def test_a_diagram_that_makes_no_sense_is_refused(draw) -> None:
    with pytest.raises(ReportFault):
        draw()
