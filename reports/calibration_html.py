"""A report as one HTML page that holds everything it needs: no script, nothing from outside, every text escaped.

What the page says comes in one language already; how it looks is decided here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reports.plain import ReportFault
from reports.svg import STYLES, escaped

HTML_LANG = {"zh": "zh-CN", "en": "en"}
STYLE = """
:root { --ink: #1d2422; --soft: #55605c; --edge: #cfd6d2; --paper: #fff; --ground: #f4f6f5; --accent: #0b5c7d;
  --warm: #a34b00; --good: #1d6b3a; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--ground); font: 15px/1.6 "Noto Sans CJK SC", "Source Han Sans SC",
  "Microsoft YaHei", "PingFang SC", "WenQuanYi Micro Hei", "Noto Sans", system-ui, sans-serif; }
main, header { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 20px; }
h1 { font-size: 24px; line-height: 1.35; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 0 0 8px; }
h3 { font-size: 15px; margin: 0 0 4px; }
p { margin: 6px 0; max-width: 78ch; overflow-wrap: anywhere; }
.about, .note, figcaption, caption { color: var(--soft); overflow-wrap: anywhere; }
section { margin: 16px 0; padding: 16px 20px; background: var(--paper); border: 1px solid var(--edge);
  border-radius: 8px; }
.state { margin: 14px 0 0; padding: 10px 16px; border-radius: 8px; border-left: 6px solid; background: var(--paper);
  font-weight: 600; }
.state.good { border-color: var(--good); color: var(--good); }
.state.bad { border-color: var(--warm); color: var(--warm); }
.alarms { list-style: none; margin: 0; padding: 0; }
.alarms li { margin: 8px 0; padding: 8px 14px; border-left: 4px solid var(--warm); background: #fdf5ec;
  overflow-wrap: anywhere; }
.alarms strong { display: block; color: var(--warm); }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); column-gap: 28px; }
.wide { overflow-x: auto; margin: 8px 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: 60%; }
caption { text-align: left; padding: 4px 0; }
th, td { padding: 4px 18px 4px 0; border-top: 1px solid var(--edge); text-align: right; vertical-align: top; }
td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; min-width: 7em; }
thead th { border-top: 0; color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 400; }
tr.marked th, tr.marked td { background: #fdf5ec; }
tr.pale th, tr.pale td { color: var(--soft); }
figure { margin: 8px 0 12px; }
svg { display: block; width: 100%; max-width: 640px; height: auto; font-size: 13px; }
svg text { fill: var(--ink); }
svg .tick { fill: var(--soft); font-size: 12px; }
svg .grid { stroke: #e3e8e5; stroke-width: 1; }
svg polyline { fill: none; stroke-width: 2; }
.main { stroke: #0b5c7d; } .best { stroke: #7a4fa3; stroke-dasharray: 6 3; } .guide { stroke: #8a948f;
  stroke-dasharray: 2 3; } .other { stroke: #a34b00; }
svg line.main, svg line.other { stroke-width: 1.5; }
svg circle.main { fill: #0b5c7d; stroke-width: 1.5; } svg circle.hollow { fill: #fff; }
svg rect.main { fill: #a9cddb; stroke: none; } svg rect.other { fill: #f0c9a3; stroke: none; }
svg rect.guide { fill: #dde2df; stroke: none; } svg line.guide { stroke-width: 1.5; }
svg line.median { stroke: var(--ink); stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; list-style: none; margin: 2px 0; padding: 0 0 0 8px; font-size: 13px; }
.legend li { display: flex; align-items: center; margin-right: 18px; }
.legend svg { width: 30px; height: 12px; margin-right: 6px; }
footer { max-width: 1180px; margin: 0 auto; padding: 0 20px 28px; color: var(--soft); font-size: 13px; }
@media print { body { background: #fff; } section { break-inside: avoid; border: 0; padding: 0; } }
"""
SHORT = 16
"""Rows of a table that stays on one sheet of paper."""
_POLICY = "default-src 'none'; style-src '{style}'; base-uri 'none'; form-action 'none'"


class Words(NamedTuple):
    """A paragraph; a quiet one is a note."""

    text: str
    is_note: bool = False


class Table(NamedTuple):
    """Rows of text; the first cell of each names it. `looks`: a row's look, "", "marked" or "pale".

    `words`: the columns, from 0, that hold words and no numbers; the first one always does.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    looks: Sequence[str] = ()
    words: Sequence[int] = ()


class Chart(NamedTuple):
    """A finished diagram of `reports/svg.py`; `legend`: a mark's style and what it means."""

    title: str
    svg: str
    legend: Sequence[tuple[str, str]] = ()
    caption: str = ""


class Alarm(NamedTuple):
    """What is wrong, and what to do."""

    what: str
    what_to_do: str


Part = Words | Table | Chart


class Section(NamedTuple):
    """A heading and what stands under it; charts that follow one another stand side by side."""

    title: str
    parts: Sequence[Part | Alarm]


@dataclass(frozen=True, slots=True)
class Page:
    """A report in one language. `state`: the sentence that says it all, and whether it is good news."""

    lang: str
    title: str
    about: Sequence[str]
    state: str
    is_good: bool
    sections: Sequence[Section]
    foot: Sequence[str] = ()


def calibration_page(page: Page) -> bytes:
    """Return the page as UTF-8. The same report gives the same bytes."""
    return written_page(page, STYLE)


def policy_of(style: str) -> str:
    """Return the Content-Security-Policy of a page with this style sheet: it may use that, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _POLICY.format(style=f"sha256-{digest}")


def written_page(page: Page, style: str) -> bytes:
    """Return a page with a style sheet as UTF-8. The same report gives the same bytes."""
    about = "".join(f'<p class="about">{escaped(line)}</p>' for line in page.about)
    sections = "\n".join(_section(s) for s in page.sections)
    foot = "".join(f"<p>{escaped(line)}</p>" for line in page.foot)
    text = (
        f'<!DOCTYPE html>\n<html lang="{HTML_LANG[page.lang]}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy_of(style)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escaped(page.title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escaped(page.title)}</h1>\n{about}\n"
        f'<p class="state {"good" if page.is_good else "bad"}">{escaped(page.state)}</p>\n</header>\n'
        f"<main>\n{sections}\n</main>\n<footer>{foot}</footer>\n</body>\n</html>\n"
    )
    return text.encode()


def _section(section: Section) -> str:
    out, parts = [], list(section.parts)
    while parts:
        kind = type(parts[0])
        n = next((i for i, part in enumerate(parts) if not isinstance(part, kind)), len(parts))
        alike, parts = parts[:n], parts[n:]
        inside = "\n".join(_part(part) for part in alike)
        if kind is Chart and n > 1:
            inside = f'<div class="side">{inside}</div>'
        out.append(f'<ul class="alarms">{inside}</ul>' if kind is Alarm else inside)
    return f"<section>\n<h2>{escaped(section.title)}</h2>\n" + "\n".join(out) + "\n</section>"


def _part(part: Part | Alarm) -> str:
    if isinstance(part, Words):
        return f'<p class="note">{escaped(part.text)}</p>' if part.is_note else f"<p>{escaped(part.text)}</p>"
    if isinstance(part, Alarm):
        return f"<li><strong>{escaped(part.what)}</strong>{escaped(part.what_to_do)}</li>"
    return _table(part) if isinstance(part, Table) else _chart(part)


def _table(table: Table) -> str:
    looks = table.looks or [""] * len(table.rows)
    if any(len(row) != len(table.header) for row in table.rows) or len(looks) != len(table.rows):
        raise ReportFault(f"a table of {len(table.header)} columns has a row of another length, or a look too few")
    kinds = [' class="words"' if i in table.words else "" for i in range(len(table.header))]
    head = "".join(
        f'<th scope="col"{kind}>{escaped(cell)}</th>' for cell, kind in zip(table.header, kinds, strict=True)
    )
    body = "\n".join(_row(row, look, kinds) for row, look in zip(table.rows, looks, strict=True))
    caption = f"<caption>{escaped(table.caption)}</caption>" if table.caption else ""
    look = "wide short" if len(table.rows) <= SHORT else "wide"
    return (
        f'<div class="{look}"><table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def _row(row: Sequence[str], look: str, kinds: Sequence[str]) -> str:
    first, *rest = row
    cells = "".join(f"<td{kind}>{escaped(cell)}</td>" for cell, kind in zip(rest, kinds[1:], strict=True))
    return f'<tr class="{escaped(look)}"><th scope="row">{escaped(first)}</th>{cells}</tr>'


def _chart(chart: Chart) -> str:
    legend = "".join(f"<li>{_sample(style)}{escaped(words)}</li>" for style, words in chart.legend)
    legend = f'<ul class="legend">{legend}</ul>' if legend else ""
    caption = f"<figcaption>{escaped(chart.caption)}</figcaption>" if chart.caption else ""
    return f"<figure><h3>{escaped(chart.title)}</h3>{chart.svg}{legend}{caption}</figure>"


def _sample(look: str) -> str:
    """The mark of a legend: `STYLE-bar` a box, else a line."""
    style, _, shape = look.partition("-")
    if style not in STYLES:
        raise ReportFault(f"no style {style!r} for a legend; known: {', '.join(sorted(STYLES))}")
    if shape == "bar":
        mark = f'<rect class="{style}" x="4" y="0" width="22" height="12"/>'
    elif shape == "dot":
        mark = f'<circle class="{style}" cx="15" cy="6" r="5"/>'
    else:
        mark = f'<polyline class="{style}" points="0,6 30,6"/>'
    return f'<svg viewBox="0 0 30 12" aria-hidden="true">{mark}</svg>'
