"""What a person, or a program, sees of a comparison on a terminal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from audit.causes import Cause
from audit.compare import Comparison, Matter, Status
from audit.finding import NotAssessed
from reports.plain import storable
from runs.compared import Compared
from runs.difference_words import STATUSES, cause_words, plain_change, what_differs, why_it_differs
from runs.show import reason_words, safe_text, table, titles_of
from runs.words import say
from trajectories.clock import LocalTime

if TYPE_CHECKING:
    from runs.preview import Preview

MOST_NAMED = 40
"""Vehicles named one by one; more of them are only counted."""


def show_compared(compared: Compared, lang: str, quiet: bool, as_json: bool) -> None:
    """Print what differs, as tables or as JSON."""
    if as_json:
        typer.echo(storable(json.dumps(plain_comparison(compared), ensure_ascii=False)))
        return
    if quiet:
        return
    found = compared.comparison
    if found.is_empty:
        typer.echo(say("Both runs say the same.", lang))
    else:
        _show_counts(found, lang)
        _show_matters(found.differing, compared.local, lang)
        _show_unanswered(found, lang)
    _show_other_evidence(found, lang)


def show_trial(compared: Compared, lang: str, quiet: bool, as_json: bool, seen: Preview | None = None) -> None:
    """Print what a trial would do, in one sentence first.

    `seen`: of a trial on the store, which of its vehicle-days would be audited anew, and why.
    """
    if seen is not None and as_json:
        told = {**plain_comparison(compared), "audited_again": dict(sorted(seen.why.items()))}
        typer.echo(storable(json.dumps(told, ensure_ascii=False)))
        return
    if not quiet and not as_json:
        if seen is not None and seen.has_untried_passages:
            typer.echo(say("The delivery's checkpoint records are not tried: only an ingest judges them.", lang))
        if seen is not None:
            asked = say("Vehicle-days that would be audited anew: {n} of {all}.", lang)
            typer.echo(asked.format(n=len(seen.why), all=seen.n_vehicles))
            if 0 < len(seen.why) <= MOST_NAMED:
                typer.echo(safe_text(", ".join(sorted(seen.why))))
        found = compared.comparison
        said = say("Findings that this edit would close: {gone}, open: {new}, change: {changed}.", lang)
        typer.echo(
            said.format(gone=found.count(Status.GONE), new=found.count(Status.NEW), changed=found.count(Status.CHANGED))
        )
    show_compared(compared, lang, quiet, as_json)


def _show_counts(found: Comparison, lang: str) -> None:
    titles, order = titles_of(lang), (Status.NEW, Status.GONE, Status.CHANGED, Status.UNCHANGED)
    head = [say("Matter", lang), say("Rule", lang), *(say(STATUSES[s], lang) for s in order)]
    rows = [
        [titles.get(rule, rule), rule, *(str(counts[s]) for s in order)] for rule, counts in found.by_rule().items()
    ]
    if rows:
        table(say("Findings by rule", lang), head, rows)


def _show_matters(matters: Iterable[Matter], local: LocalTime, lang: str) -> None:
    titles = titles_of(lang)
    head = [say("What became of it", lang), say("Matter", lang), say("Vehicle or feed", lang), say("Time", lang)]
    rows = [
        [
            say(STATUSES[m.status], lang),
            titles.get(m.finding.rule, m.finding.rule),
            m.finding.vehicle_id or m.finding.feed or "–",
            "–".join(local.moment(t).strftime("%H:%M") for t in (m.finding.start_ms, m.finding.end_ms)),
            "; ".join(what_differs(m, local, lang)) or "–",
            "; ".join(why_it_differs(m, lang)),
        ]
        for m in matters
    ]
    if rows:
        table(say("What differs", lang), [*head, say("What changed", lang), say("Why", lang)], rows)


def _show_unanswered(found: Comparison, lang: str) -> None:
    new, gone = (Counter((r.rule, r.reason) for r in rows) for rows in (found.unanswered_new, found.unanswered_gone))
    titles = titles_of(lang)
    head = [say("Matter", lang), say("Reason", lang), say("new", lang), say("gone", lang)]
    rows = [
        [titles.get(rule, rule), reason_words(code, lang), str(new[rule, code]), str(gone[rule, code])]
        for rule, code in sorted({*new, *gone})
    ]
    if rows:
        table(say("Not assessable", lang), head, rows)


def _show_other_evidence(found: Comparison, lang: str) -> None:
    if not found.on_other_evidence:
        return
    said = say("{n} unchanged findings rest on other evidence:", lang)
    typer.echo(said.format(n=found.on_other_evidence))
    counted = Counter(c for m in found.matters if m.status is Status.UNCHANGED for c in m.causes)
    for cause, n in sorted(counted.items(), key=lambda item: (item[0].code, item[0].what)):
        typer.echo(f"  {n}  " + safe_text(" ".join(cause_words(cause, lang).splitlines())))


def plain_comparison(compared: Compared) -> dict[str, Any]:
    """Return a comparison JSON-ready: counts, matters that differ, unanswered questions of one run only."""
    found, local = compared.comparison, compared.local
    same = [m for m in found.matters if m.status is Status.UNCHANGED and m.causes]
    return {
        "service_date": found.service_date.isoformat(),
        "before": compared.before,
        "after": compared.after,
        "same": found.is_empty,
        "counts": {str(s): found.count(s) for s in Status},
        "rules": {rule: {str(s): counts[s] for s in Status} for rule, counts in found.by_rule().items()},
        "findings": [_plain_matter(m, local) for m in found.differing],
        "on_other_evidence": [
            {"finding_id": m.finding.finding_id, "causes": [_plain_cause(c) for c in m.causes]} for m in same
        ],
        "not_assessed": {
            "new": [_plain_row(r, local) for r in found.unanswered_new],
            "gone": [_plain_row(r, local) for r in found.unanswered_gone],
        },
    }


def _plain_matter(matter: Matter, local: LocalTime) -> dict[str, Any]:
    found = matter.finding
    return {
        "status": str(matter.status),
        "rule": found.rule,
        "finding_id": {
            "before": None if matter.before is None else matter.before.finding_id,
            "after": None if matter.after is None else matter.after.finding_id,
        },
        "vehicle_id": found.vehicle_id,
        "feed": found.feed,
        "zone_id": found.zone_id,
        "session_id": found.session_id,
        "start": local.iso(found.start_ms),
        "end": local.iso(found.end_ms),
        "changes": [plain_change(c, local) for c in matter.changes],
        "causes": [_plain_cause(c) for c in matter.causes],
        "not_assessable": None if matter.unanswered is None else _plain_row(matter.unanswered, local),
    }


def _plain_cause(cause: Cause) -> dict[str, str | None]:
    return {"code": cause.code, "what": cause.what, "before": cause.before, "after": cause.after}


def _plain_row(row: NotAssessed, local: LocalTime) -> dict[str, str | None]:
    return {
        "rule": row.rule,
        "vehicle_id": row.vehicle_id,
        "reason": row.reason,
        "start": local.iso(row.start_ms),
        "end": local.iso(row.end_ms),
    }
