"""What a person sees of a run on a terminal; plain lines where there is none."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import typer

from runs.progress import STAGES, Progress, Silent
from runs.words import N_, say

if TYPE_CHECKING:
    from feeds.validate import Report
    from runs.audit_run import Outcome
    from runs.listen import Listener
    from runs.reproduce import Reproduction


def safe_text(text: str) -> str:
    r"""Return text from outside without control characters, which could steer a terminal; line ends stay.

    >>> safe_text("a\x1b[31mb\nc")
    'a�[31mb\nc'
    """
    return "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in text)


@contextmanager
def listener(silent: bool, lang: str) -> Iterator[Progress]:
    """Give a progress listener: a bar on a terminal, plain lines elsewhere, nothing when silent."""
    if silent:
        yield Silent()
    elif sys.stderr.isatty():
        with _bar(lang) as bar:
            yield bar
    else:
        lines = _Lines(sys.stderr, lang)
        yield lines
        lines.finish()


class _Lines:
    """One line when a stage begins, one when it ends."""

    def __init__(self, stream: TextIO, lang: str) -> None:
        self._stream, self._lang = stream, lang
        self._stage: tuple[str, float] | None = None

    def stage(self, name: str, total: int) -> None:
        self.finish()
        title, unit = (say(words, self._lang) for words in STAGES[name])
        self._stage = title, time.perf_counter()
        typer.echo(f"{title}: {total:,} {unit}", file=self._stream)

    def advance(self, steps: int) -> None:
        """Say nothing between the ends of a stage."""

    def finish(self) -> None:
        """Close the stage that is open."""
        if self._stage is not None:
            title, began = self._stage
            typer.echo(f"{title}: {time.perf_counter() - began:.1f} s", file=self._stream)
            self._stage = None


@contextmanager
def _bar(lang: str) -> Iterator[Progress]:
    from rich.console import Console  # noqa: PLC0415 -- only where somebody watches
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    steps = TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.fields[unit]}", markup=False)
    elapsed, left = TimeElapsedColumn(), TimeRemainingColumn()
    said = TextColumn(say("left", lang), markup=False)
    title = TextColumn("{task.description}", markup=False)
    with Bar(title, BarColumn(), steps, elapsed, left, said, console=Console(stderr=True)) as bar:

        class Shown:
            task: TaskID | None = None

            def stage(self, name: str, total: int) -> None:
                self.finish()
                title, unit = (say(words, lang) for words in STAGES[name])
                self.task = bar.add_task(title, total=total, unit=unit)

            def advance(self, steps: int) -> None:
                if self.task is not None:
                    bar.advance(self.task, steps)

            def finish(self) -> None:
                """Fill the bar of the stage that is open: totals are estimates."""
                if self.task is not None:
                    bar.update(self.task, completed=bar.tasks[self.task].total)

        shown = Shown()
        yield shown
        shown.finish()


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: ruled on a terminal, tab-separated elsewhere."""
    if not sys.stdout.isatty():
        typer.echo(title)
        for row in (header, *rows):
            typer.echo("\t".join(one_line(cell) for cell in row))
        return
    from rich.console import Console  # noqa: PLC0415 -- only where somebody watches
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    ruled = Table(*header, title=title)
    for row in rows:
        ruled.add_row(*(Text(one_line(cell)) for cell in row))
    Console().print(ruled)


def one_line(text: str) -> str:
    """Return text from outside as one line that cannot steer a terminal."""
    return safe_text(" ".join(text.splitlines()))


def show_outcome(outcome: Outcome, lang: str, quiet: bool, as_json: bool) -> None:
    """Print what a run found, what it could not tell, and where the map is."""
    if as_json:
        typer.echo(json.dumps(_summary(outcome), ensure_ascii=False))
        return
    if quiet:
        return
    record, titles = outcome.record, titles_of(lang)
    rows = [[titles.get(rule, rule), rule, str(n)] for rule, n in sorted(record.findings.items())]
    table(say("Findings to check", lang), [say("Matter", lang), say("Rule", lang), say("Number", lang)], rows)
    unknown = [
        [titles.get(rule, rule), reason_words(code, lang), str(n)]
        for rule, counts in sorted(record.not_assessed.items())
        for code, n in sorted(counts.items())
    ]
    if unknown:
        table(say("Not assessable", lang), [say("Matter", lang), say("Reason", lang), say("Number", lang)], unknown)
    _show_rows(record.rows, record.warnings, lang)
    typer.echo(say("A finding is a reason to check, not a verdict.", lang))
    typer.echo(say("Map", lang) + f": {safe_text(str(outcome.index))}")


def _show_rows(rows: Mapping[str, Mapping[str, Any]], warnings: Sequence[str], lang: str) -> None:
    accounts = [[name, *(f"{n:,}" for n in _counts(a))] for name, a in rows.items()]
    head = [say("File or feed", lang), say("Read", lang), say("Kept", lang), say("Rejected", lang)]
    table(say("Rows", lang), head, accounts)
    for warning in warnings:
        typer.echo(say("Warning", lang) + f": {one_line(warning)}")


def _counts(account: Mapping[str, Any]) -> tuple[int, int, int]:
    return account["read"], account["kept"], sum(account["rejected"].values())


def _summary(outcome: Outcome) -> dict[str, object]:
    record = outcome.record
    return {
        "run_id": record.run_id,
        "service_date": record.service_date.isoformat(),
        "findings": dict(record.findings),
        "not_assessed": {rule: dict(counts) for rule, counts in record.not_assessed.items()},
        "rows": dict(record.rows),
        "seconds": {stage: round(s, 3) for stage, s in record.seconds.items()},
        "warnings": list(record.warnings),
        "index": str(outcome.index),
    }


def titles_of(lang: str) -> dict[str, str]:
    """Return the rules' titles by name."""
    from audit.registry import load_rules  # noqa: PLC0415 -- slow, and a help page needs none of it

    return {r.name: r.card.title_zh if lang == "zh" else r.card.title_en for r in load_rules()}


def reason_words(code: str, lang: str) -> str:
    """Return why something could not be judged, in words; an unknown code as it is."""
    from audit.reasons import REASONS  # noqa: PLC0415 -- the same

    return REASONS.get(code, (code, code))[0 if lang == "zh" else 1]


def show_reproductions(results: Sequence[Reproduction], lang: str, quiet: bool, as_json: bool) -> None:
    """Print for each finding "same", or what differs (that even when `quiet`)."""
    if as_json:
        rows = [
            {"finding_id": r.finding_id, "same": not r.differences, "differences": list(r.differences)} for r in results
        ]
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for r in results:
        if r.differences:
            typer.echo(f"{safe_text(r.finding_id)}: " + say("differs", lang))
            for line in r.differences:
                typer.echo(f"  {one_line(line)}")
        elif not quiet:
            typer.echo(f"{safe_text(r.finding_id)}: " + say("same", lang))
    if not quiet:
        same = sum(not r.differences for r in results)
        typer.echo(f"{same} / {len(results)} " + say("same", lang))


class ListenerLines:
    """What a listener says: where it listens, whom it refused, and in the end how much it kept."""

    def __init__(self, quiet: bool) -> None:
        """Say nothing but refusals when quiet."""
        self._quiet = quiet

    def ready(self, address: str) -> None:
        """Say where it listens, so that whoever started it may go on."""
        if not self._quiet:
            typer.echo(say("Listening on {address}").format(address=address))
            sys.stdout.flush()

    def tell(self, line: str) -> None:
        """Say what somebody should look at."""
        typer.echo(one_line(line), err=True)

    def summary(self, listener: Listener) -> None:
        """Say how much was kept."""
        if not self._quiet:
            typer.echo(say("Frames kept: {n}").format(n=f"{listener.kept:,}"))


HEADINGS = (N_("The bundle cannot be audited"), N_("Rows left out"))


def show_report(report: Report, lang: str, quiet: bool, as_json: bool) -> None:
    """Print every fault of a bundle, then its rows."""
    if as_json:
        faults = [str(f) for f in (*report.faults, *report.row_faults)]
        rejects = [{"file": r.file, "row": r.row, "reason": r.reason, "field": r.field} for r in report.rejects]
        members = {"usable": report.is_usable, "faults": faults, "rejects": rejects}
        typer.echo(json.dumps({**members, "warnings": list(report.warnings), "rows": report.rows}, ensure_ascii=False))
        return
    for title, faults in zip(HEADINGS, ([str(f) for f in report.faults], _left_out(report)), strict=True):
        if faults:
            typer.echo(f"{say(title, lang)} ({len(faults)}):", err=True)
            for fault in faults:
                typer.echo(f"  {one_line(fault)}", err=True)
    if quiet:
        return
    _show_rows(report.rows, report.warnings, lang)
    if not report.faults and not report.rejects:
        typer.echo(say("No fault found.", lang))


def _left_out(report: Report) -> list[str]:
    """Return a line for every rejected row: field by field for the registers, the reason for a track's fix."""
    told = {(f.file, f.row) for f in report.row_faults}
    fixes = [r for r in report.rejects if (r.file, r.row) not in told]
    lines = [f'{r.file}, row {r.row}, field {r.field}: {r.reason}; found "{r.found}"' for r in fixes]
    return [*(str(f) for f in report.row_faults), *lines]
