"""The report of a night as one HTML page for the screen and for A4 paper; its parts are those of every report."""

from __future__ import annotations

from reports.calibration_html import STYLE, Page, policy_of, written_page

NIGHT_STYLE = (
    STYLE
    + """
td.words, th.words { text-align: left; }
td:first-child, th:first-child { min-width: 5em; }
thead th { word-break: keep-all; }
td:last-child, th:last-child { padding-right: 0; }
td { white-space: normal; overflow-wrap: break-word; }
@page { size: A4; margin: 15mm 14mm 16mm; }
@media print {
  body { font-size: 10pt; line-height: 1.45; color: #000; }
  main, header, footer { max-width: none; padding: 0; }
  section { break-inside: auto; margin: 10pt 0; }
  h1 { font-size: 16pt; } h2 { font-size: 12pt; break-after: avoid; } h3 { font-size: 10.5pt; break-after: avoid; }
  p, figure, li { break-inside: avoid; }
  .wide { overflow: visible; }
  .short { break-inside: avoid; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  tbody tr:first-child { break-before: avoid; }
  tbody tr:nth-child(-n+2) { break-after: avoid; }
  caption { break-after: avoid; }
  .state { border: 1px solid; border-left-width: 6px; }
  svg { max-width: 130mm; }
  svg rect, tr.marked th, tr.marked td, .alarms li { print-color-adjust: exact; }
}
"""
)
NIGHT_POLICY = policy_of(NIGHT_STYLE)
"""What the page may do: nothing but look as its own style sheet says."""


def night_page(page: Page) -> bytes:
    """Return the page as UTF-8. The same report gives the same bytes."""
    return written_page(page, NIGHT_STYLE)
