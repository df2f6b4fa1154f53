"""CSV for people and their spreadsheets: `findings.csv` and `not_assessed.csv`.

UTF-8 with a BOM (without it Excel reads Chinese as GBK), CRLF line ends, cells quoted where they need it.

A text cell that a spreadsheet would take for a formula gets an apostrophe in front: one that begins with a tab, a
line end, or (after spaces, if any) with = + - @ or one of their full-width forms. Numbers are left alone. A program
that wants the untouched text reads `findings.geojson` or `findings.parquet`.
Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from audit.finding import Finding, NotAssessed
from reports.plain import ReportFault, json_text, optional, storable
from reports.rows import FLAT_COLUMNS, columns, day, evidence, in_order, measures
from trajectories.clock import LocalTime

_CONTROLS = ("\t", "\r", "\n")
_SIGNS = tuple("=+-@＝＋－＠")

NOT_ASSESSED_COLUMNS = ("service_date", "vehicle_id", "rule", "start", "end", "reason", "reason_zh", "reason_en")

Cell = str | float | None


def unarmed(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    >>> unarmed("=1+1"), unarmed(" ＝A1"), unarmed("沪A1234学"), unarmed("")
    ("'=1+1", "' ＝A1", '沪A1234学', '')
    """
    return "'" + text if text.startswith(_CONTROLS) or text.lstrip().startswith(_SIGNS) else text


def disarmed(cell: str) -> str:
    """Return the text that `unarmed` wrote as this cell.

    >>> disarmed("'=1+1"), disarmed("'tis"), disarmed("沪A1234学")
    ('=1+1', "'tis", '沪A1234学')
    """
    return cell[1:] if cell.startswith("'") and unarmed(cell[1:]) == cell else cell


def findings_csv(findings: Sequence[Finding], local: LocalTime) -> bytes:
    """Return the findings without geometry, in the order of the contract; null is an empty cell.

    Times are ISO 8601 with the local offset, evidence is JSON text. Raises ReportFault like `findings_geojson`.
    """
    return table_csv(FLAT_COLUMNS, (_finding_cells(f, local) for f in in_order(findings)))


def _finding_cells(finding: Finding, local: LocalTime) -> dict[str, Cell]:
    return {
        **columns(finding),
        "start": local.iso(finding.start_ms),
        "end": local.iso(finding.end_ms),
        **measures(finding),
        "summary_zh": storable(finding.summary_zh),
        "summary_en": storable(finding.summary_en),
        "evidence": json_text(evidence(finding)),
    }


def not_assessed_csv(rows: Sequence[NotAssessed], local: LocalTime, reasons: Mapping[str, tuple[str, str]]) -> bytes:
    """Return what could not be answered, ordered by service_date, start, vehicle_id (nulls last), rule, end, reason.

    `reasons` gives the words of each code in Chinese and English; ReportFault names a code that has none.
    """
    unknown = sorted({row.reason for row in rows} - set(reasons))
    if unknown:
        raise ReportFault(f"no words for the reason {', '.join(unknown)}; known: {', '.join(sorted(reasons))}")
    iso = cache(local.iso)  # most rows are of the whole day
    cells = (_not_assessed_cells(r, iso, reasons[r.reason]) for r in not_assessed_in_order(rows))
    return table_csv(NOT_ASSESSED_COLUMNS, cells)


def not_assessed_in_order(rows: Sequence[NotAssessed]) -> list[NotAssessed]:
    """Return what could not be answered in the order of `not_assessed.csv`."""
    return sorted(rows, key=_place)


def _place(row: NotAssessed) -> tuple[str, int, bool, str, str, int, str]:
    vehicle_id = storable(row.vehicle_id or "")
    return (day(row.service_date), row.start_ms, row.vehicle_id is None, vehicle_id, row.rule, row.end_ms, row.reason)


def _not_assessed_cells(row: NotAssessed, iso: Callable[[int], str], words: tuple[str, str]) -> dict[str, Cell]:
    return {
        "service_date": day(row.service_date),
        "vehicle_id": optional(row.vehicle_id),
        "rule": row.rule,
        "start": iso(row.start_ms),
        "end": iso(row.end_ms),
        "reason": row.reason,
        "reason_zh": words[0],
        "reason_en": words[1],
    }


def table_csv(header: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> bytes:
    """Return rows as such a file; ReportFault where the columns of one are not those of the header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        if set(row) != set(header):
            raise ReportFault(f"columns {sorted(set(row) ^ set(header))} are not in both the header and the row")
        writer.writerow([unarmed(cell) if isinstance(cell := row[name], str) else cell for name in header])
    return text.getvalue().encode("utf-8-sig")
