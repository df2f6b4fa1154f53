"""Small diagrams as SVG that stands in a page by itself: axes, lines, dots with limits, bars, strips.

Colours and widths are classes, which the page's style sheet gives. Every text is escaped here.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import NamedTuple

from reports.plain import ReportFault, storable

WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 48
ROW, STRIP_LEFT = 24, 120
STYLES = frozenset({"main", "best", "guide", "other"})
"""What a mark may look like."""
_LABEL_CHARS = 16


class Axis(NamedTuple):
    """One axis: its label, its ends, and the values that are written beside it."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]


class Line(NamedTuple):
    """Points joined by a line."""

    points: Sequence[tuple[float, float]]
    style: str


class Dot(NamedTuple):
    """One point with the limits of its y; hollow where little stands behind it."""

    x: float
    y: float
    low: float
    high: float
    is_hollow: bool


class Dots(NamedTuple):
    """Points by themselves."""

    points: Sequence[Dot]
    style: str


class Bars(NamedTuple):
    """Bars from 0, each between two edges."""

    edges: Sequence[float]
    heights: Sequence[float]
    style: str


class Strip(NamedTuple):
    """One row: a label, five quantiles (none for no data), whether it is marked, and a word at its end."""

    label: str
    quantiles: Sequence[float]
    style: str
    note: str


Mark = Line | Dots | Bars


def escaped(text: str) -> str:
    """Return a text as it may stand in HTML or SVG, in an element or a quoted attribute.

    >>> escaped('<b x="1">&')
    '&lt;b x=&quot;1&quot;&gt;&amp;'
    """
    return html.escape(storable(text))


def chart(x: Axis, y: Axis, marks: Sequence[Mark], title: str) -> str:
    """Return a diagram; marks that lie beyond an axis end at its end."""
    at_x, at_y = _scale(x, LEFT, WIDTH - RIGHT), _scale(y, HEIGHT - BOTTOM, TOP)
    parts = [_frame(x, y, at_x, at_y)]
    for mark in marks:
        if isinstance(mark, Line):
            parts.append(_line(mark, at_x, at_y))
        elif isinstance(mark, Dots):
            parts += [_dot(d, _style(mark.style), at_x, at_y) for d in mark.points]
        else:
            parts.append(_bars(mark, at_x, at_y))
    return _svg(WIDTH, HEIGHT, title, parts)


def strips(x: Axis, rows: Sequence[Strip], middle: float | None, title: str) -> str:
    """Return one row a strip: its quantiles as whiskers, box and middle; `middle`: a line through all rows."""
    height = TOP + ROW * len(rows) + BOTTOM
    at_x = _scale(x, STRIP_LEFT, WIDTH - 90)
    bottom = height - BOTTOM
    parts = [_ticks_x(x, at_x, TOP, bottom), _text(at_x((x.low + x.high) / 2), height - 10, x.label, "middle", "label")]
    if middle is not None:
        parts.append(f'<line class="guide" x1="{_n(at_x(middle))}" x2="{_n(at_x(middle))}" y1="{TOP}" y2="{bottom}"/>')
    for i, row in enumerate(rows):
        parts += _strip(row, TOP + ROW * i + ROW / 2, at_x)
    return _svg(WIDTH, height, title, parts)


def _strip(row: Strip, y: float, at_x: Callable[[float], float]) -> list[str]:
    label = row.label if len(row.label) <= _LABEL_CHARS else row.label[: _LABEL_CHARS - 1] + "…"
    out = [_text(STRIP_LEFT - 8, y + 4, label, "end", "tick"), _text(WIDTH - 82, y + 4, row.note, "start", "tick")]
    if len(row.quantiles) == 5:
        a, b, c, d, e = (at_x(q) for q in row.quantiles)
        style = _style(row.style)
        out += [
            f'<line class="{style}" x1="{_n(a)}" x2="{_n(e)}" y1="{_n(y)}" y2="{_n(y)}"/>',
            f'<rect class="{style}" x="{_n(b)}" y="{_n(y - 6)}" width="{_n(max(d - b, 1))}" height="12"/>',
            f'<line class="median" x1="{_n(c)}" x2="{_n(c)}" y1="{_n(y - 7)}" y2="{_n(y + 7)}"/>',
        ]
    return out


def _frame(x: Axis, y: Axis, at_x: Callable[[float], float], at_y: Callable[[float], float]) -> str:
    bottom = HEIGHT - BOTTOM
    parts = [_ticks_x(x, at_x, TOP, bottom)]
    for value, words in y.ticks:
        at = at_y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_n(at)}" y2="{_n(at)}"/>')
        parts.append(_text(LEFT - 6, at + 4, words, "end", "tick"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x.label, "middle", "label"))
    middle = (TOP + bottom) / 2
    turned = f' transform="rotate(-90 14 {_n(middle)})"'
    parts.append(f'<text class="label" text-anchor="middle" x="14" y="{_n(middle)}"{turned}>{escaped(y.label)}</text>')
    return "".join(parts)


def _ticks_x(x: Axis, at_x: Callable[[float], float], top: float, bottom: float) -> str:
    parts = []
    for value, words in x.ticks:
        at = at_x(value)
        parts.append(f'<line class="grid" x1="{_n(at)}" x2="{_n(at)}" y1="{_n(top)}" y2="{_n(bottom)}"/>')
        parts.append(_text(at, bottom + 16, words, "middle", "tick"))
    return "".join(parts)


def _line(mark: Line, at_x: Callable[[float], float], at_y: Callable[[float], float]) -> str:
    points = " ".join(f"{_n(at_x(a))},{_n(at_y(b))}" for a, b in mark.points)
    return f'<polyline class="{_style(mark.style)}" points="{points}"/>'


def _dot(dot: Dot, style: str, at_x: Callable[[float], float], at_y: Callable[[float], float]) -> str:
    x, y = _n(at_x(dot.x)), _n(at_y(dot.y))
    look = f"{style} hollow" if dot.is_hollow else style
    return (
        f'<line class="{"guide" if dot.is_hollow else style}" x1="{x}" x2="{x}" y1="{_n(at_y(dot.low))}" '
        f'y2="{_n(at_y(dot.high))}"/>'
        f'<circle class="{look}" cx="{x}" cy="{y}" r="5"/>'
    )


def _bars(mark: Bars, at_x: Callable[[float], float], at_y: Callable[[float], float]) -> str:
    if len(mark.edges) != len(mark.heights) + 1:
        raise ReportFault(f"{len(mark.heights)} bars need {len(mark.heights) + 1} edges, found {len(mark.edges)}")
    base, style, out = at_y(0.0), _style(mark.style), []
    for i, value in enumerate(mark.heights):
        a, b, top = at_x(mark.edges[i]), at_x(mark.edges[i + 1]), at_y(value)
        if base > top:
            out.append(
                f'<rect class="{style}" x="{_n(a + 0.5)}" y="{_n(top)}" width="{_n(max(b - a - 1, 1))}" '
                f'height="{_n(base - top)}"/>'
            )
    return "".join(out)


def _scale(axis: Axis, start: float, end: float) -> Callable[[float], float]:
    """Where a value of an axis lies; beyond the axis at its end."""
    if not axis.low < axis.high:
        raise ReportFault(f"an axis from {axis.low} to {axis.high} has no length")

    def at(value: float) -> float:
        share = (min(max(value, axis.low), axis.high) - axis.low) / (axis.high - axis.low)
        return start + share * (end - start)

    return at


def _style(style: str) -> str:
    if style not in STYLES:
        raise ReportFault(f"no style {style!r}; known: {', '.join(sorted(STYLES))}")
    return style


def _text(x: float, y: float, words: str, anchor: str, style: str) -> str:
    return f'<text class="{style}" text-anchor="{anchor}" x="{_n(x)}" y="{_n(y)}">{escaped(words)}</text>'


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" role="img" '
        f'aria-label="{escaped(title)}">{"".join(parts)}</svg>'
    )


def _n(value: float) -> str:
    """A coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")
