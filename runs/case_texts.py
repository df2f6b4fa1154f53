"""What the cases' desk says on a terminal: as tables, nothing of it a verdict, nothing that steers a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from audit.finding import Severity
from cases.matter import SUBJECT_KINDS, FindingStatus, SubjectKind
from cases.roles import ROLES, Role
from cases.states import ACTIONS, DISMISS_REASONS, DISPOSALS, STATES, Action, DismissReason, DisposalKind, State
from reports.csv_files import unarmed
from runs.show import one_line, safe_text, table, titles_of
from runs.words import say

Told = Mapping[str, Any]

COMMANDS: dict[Action, str] = {
    Action.START_VERIFYING: "verify",
    Action.PROPOSE_SUSPENSION: "suspend-propose",
    Action.GIVE_FEEDBACK: "feedback",
    Action.REVIEW_FEEDBACK: "review",
}
"""The commands that are not called as their action is."""


def print_json(told: Any) -> None:
    """Print JSON in which every character that could steer a terminal is written as an escape."""
    text = json.dumps(told, ensure_ascii=False)
    typer.echo("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text))


def caution(lang: str) -> str:
    """Return what stands under everything that is told of findings."""
    return say("A finding is a reason to check, not a verdict.", lang)


def worded(pair: tuple[str, str], lang: str) -> str:
    """Return the word of a (zh, en) pair."""
    return pair[0 if lang == "zh" else 1]


def state_words(code: str, lang: str) -> str:
    """Return a state in words."""
    return worded(STATES[State(code)], lang)


def severity_words(code: str, lang: str) -> str:
    """Return how grave a matter is, in words."""
    return {
        Severity.NOTICE: say("notice", lang),
        Severity.MINOR: say("minor", lang),
        Severity.MAJOR: say("major", lang),
        Severity.CRITICAL: say("critical", lang),
    }[Severity(code)]


def _status_words(found: Told, lang: str) -> str:
    words = {
        FindingStatus.OPEN: say("to be checked", lang),
        FindingStatus.CONFIRMED: say("confirmed", lang),
        FindingStatus.DISMISSED: say("dismissed", lang),
        FindingStatus.GONE: say("gone after a new audit", lang),
    }
    parts = [words[FindingStatus(found["status"])]]
    if found["reason"]:
        parts.append(worded(DISMISS_REASONS[DismissReason(found["reason"])], lang))
    if found["is_automatic"]:
        parts.append(say("by pre-review, no person looked", lang))
    if found["is_changed"]:
        parts.append(say("the audit has changed since", lang))
    return ", ".join(parts)


def _cell(value: Any) -> str:
    """Return a cell that neither a terminal nor a spreadsheet takes for more than text."""
    return "-" if value is None or value == "" else unarmed(one_line(str(value)))


def rows(title: str, header: Sequence[str], lines: Sequence[Sequence[Any]]) -> None:
    """Print a table of anything."""
    table(title, header, [[_cell(value) for value in line] for line in lines])


# ---------------------------------------------------------------- many cases
def _case_header(lang: str) -> list[str]:
    return [
        say("Case", lang), say("Day", lang), say("About", lang), say("School", lang), say("District", lang),
        say("Severity", lang), say("State", lang), say("Matters", lang), say("Due", lang), say("Assignee", lang),
    ]  # fmt: skip


def _case_cells(told: Told, titles: Mapping[str, str], lang: str) -> list[Any]:
    due = told["due"] if not told["is_overdue"] else f"{told['due']} " + say("(overdue)", lang)
    state = state_words(told["state"], lang) + (" *" if told["needs_review"] else "")
    matters = "; ".join(titles.get(rule, rule) for rule in told["rules"])
    return [
        told["case_id"], told["service_date"], about(told, lang), told["school_id"], told["district"],
        severity_words(told["severity"], lang), state, matters, due, told["assignee"],
    ]  # fmt: skip


def about(told: Told, lang: str) -> str:
    """Return what a case is about; people by number where their keys were not asked for."""
    kind = worded(SUBJECT_KINDS[SubjectKind(told["subject_kind"])], lang)
    return f"{kind} {told['subject']}"


def show_queue(told: Told, lang: str) -> None:
    """Print today's cases and all that wait."""
    titles = titles_of(lang)
    header = [say("Rank", lang), say("Days waiting", lang), *_case_header(lang)]
    for title, part in ((say("To look into today", lang), "today"), (say("Waiting", lang), "waiting")):
        lines = [[r["rank"], _age(r, lang), *_case_cells(r, titles, lang)] for r in told[part]]
        rows(title, header, lines)
    if told["review"]:
        changed = [_case_cells(r, titles, lang) for r in told["review"]]
        rows(say("Decided, but the audit has changed since (*)", lang), _case_header(lang), changed)
    counts = say("In the whole city: {today} today of a capacity of {capacity}, {waiting} waiting, {late} of them not"
                 " looked at on their day.", lang)  # fmt: skip
    typer.echo(
        counts.format(
            today=told["n_today"],
            capacity=told["capacity"],
            waiting=told["n_waiting"],
            late=told["n_not_looked_at"],
        )
    )
    typer.echo(caution(lang))


def _age(told: Told, lang: str) -> str:
    return f"{told['age_days']} " + say("not looked at", lang) if told["not_looked_at"] else str(told["age_days"])


def show_list(told: Sequence[Told], lang: str) -> None:
    """Print cases."""
    titles = titles_of(lang)
    rows(say("Cases", lang), _case_header(lang), [_case_cells(c, titles, lang) for c in told])
    if any(c["needs_review"] for c in told):
        typer.echo("* " + say("the audit has changed since the conclusion", lang))
    typer.echo(caution(lang))


# ---------------------------------------------------------------- one case
def show_case(told: Told, lang: str) -> None:
    """Print a case: where it stands, its findings, what happened, what may be done."""
    titles = titles_of(lang)
    _show_head(told, lang)
    header = [say("Finding", lang), say("Matter", lang), say("Severity", lang), say("From", lang), say("To", lang),
              say("Plate", lang), say("Conclusion", lang)]  # fmt: skip
    lines = [
        [f["finding_id"], titles.get(f["rule"], f["rule"]), severity_words(f["severity"], lang), f["start"][:16],
         f["end"][:16], f["plate"], _status_words(f, lang)]
        for f in told["findings"]
    ]  # fmt: skip
    rows(say("Findings to check", lang), header, lines)
    for f in told["findings"]:
        _show_finding(f, lang)
    head = [say("Event", lang), say("Time", lang), say("Account", lang), say("Role", lang), say("Action", lang),
            say("Text", lang)]  # fmt: skip
    rows(say("What happened", lang), head, [_event_cells(e, lang) for e in told["events"]])
    typer.echo(next_steps(told["possible"], lang))
    typer.echo(caution(lang))


def _show_head(told: Told, lang: str) -> None:
    due = (told["due"] or "-") + (" " + say("(overdue)", lang) if told["is_overdue"] else "")
    pairs = [
        (say("Case", lang), told["case_id"]),
        (say("Day", lang), told["service_date"]),
        (say("About", lang), about(told, lang)),
        (say("School", lang), told["school_id"]),
        (say("District", lang), told["district"]),
        (say("Severity", lang), severity_words(told["severity"], lang)),
        (say("State", lang), state_words(told["state"], lang)),
        (say("Due", lang), due),
        (say("Assignee", lang), told["assignee"]),
        (say("Events", lang), told["n_events"]),
    ]
    for name, value in pairs:
        typer.echo(f"{name}: {'-' if value is None else one_line(str(value))}")
    if told["needs_review"]:
        typer.echo(say("The audit has changed since the conclusion: uphold it or reopen the case.", lang))
    if told["proposal"]:
        typer.echo(
            say("A suspension is proposed; somebody else orders it:", lang) + f" {_order(told['proposal'], lang)}"
        )
    for disposal in told["disposals"]:
        typer.echo(say("Ordered", lang) + f": {_order(disposal, lang)}")


def _order(disposal: Told, lang: str) -> str:
    more = ", ".join(f"{k} {v}" for k, v in disposal.items() if k != "kind")
    return one_line(f"{worded(DISPOSALS[DisposalKind(disposal['kind'])], lang)} ({more})")


def _show_finding(found: Told, lang: str) -> None:
    summary = found["summary_zh" if lang == "zh" else "summary_en"]
    typer.echo(f"{safe_text(found['finding_id'])}: {'-' if summary is None else one_line(summary)}")
    if found["margins"]:
        beyond = ", ".join(f"{name} {value:g}" for name, value in sorted(found["margins"].items()))
        typer.echo("  " + say("Beyond the limit by", lang) + f": {one_line(beyond)}")
    if found["confidence"] is not None:
        typer.echo("  " + say("Confidence", lang) + f": {found['confidence']:.4f}")


def _event_cells(event: Told, lang: str) -> list[Any]:
    details = "; ".join(_detail(name, value, lang) for name, value in event["details"].items())
    said = ": ".join(part for part in (details, event["text"] or "") if part)
    role = None if event["role"] is None else worded(ROLES[Role(event["role"])], lang)
    return [event["seq"], event["at"][:19], event["actor"], role, worded(ACTIONS[Action(event["action"])], lang), said]


def _detail(name: str, value: Any, lang: str) -> str:
    if name == "document":
        return say("by the office's list, {document}; no person looked", lang).format(document=value)
    if name == "kind":
        return worded(DISPOSALS[DisposalKind(value)], lang)
    if name == "findings" and isinstance(value, Mapping):
        return ", ".join(f"{k} {_verdict(v, lang)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{name} {value}"


def _verdict(value: Any, lang: str) -> str:
    if not isinstance(value, Mapping):
        return say("confirmed", lang)
    why = worded(DISMISS_REASONS[DismissReason(value["dismissed"])], lang)
    return say("dismissed", lang) + f" ({why}{': ' + value['text'] if value.get('text') else ''})"


def next_steps(possible: Sequence[Told], lang: str) -> str:
    """Return what this account may do next, by the commands' names."""
    if not possible:
        return say("There is nothing that this account may do with the case now.", lang)
    names = []
    for step in possible:
        action = Action(step["action"])
        command, words = COMMANDS.get(action, str(action)), worded(ACTIONS[action], lang)
        names.append(command if command == words else f"{command} ({words})")
    return say("Possible now", lang) + ": " + ", ".join(names)


def show_acted(told: Told, lang: str) -> None:
    """Print where a case stands after somebody did something."""
    text = say("Case {case}: {state}, {n} events.", lang)
    typer.echo(text.format(case=told["case_id"], state=state_words(told["state"], lang), n=told["n_events"]))
    if told["due"]:
        typer.echo(say("Due", lang) + f": {told['due']}")
    typer.echo(next_steps(told["possible"], lang))


# ---------------------------------------------------------------- findings, precision
def show_findings(told: Sequence[Told], lang: str) -> None:
    """Print a night's findings."""
    titles, summary = titles_of(lang), "summary_zh" if lang == "zh" else "summary_en"
    header = [say("Finding", lang), say("Matter", lang), say("Severity", lang), say("Vehicle", lang),
              say("School", lang), say("Person", lang), say("From", lang), say("What was seen", lang)]  # fmt: skip
    lines = [
        [f["finding_id"], titles.get(f["rule"], f["rule"]), severity_words(f["severity"], lang),
         f["vehicle_id"] or f["feed"], f["school_id"], _whom(f, lang), f["start"][:16], f[summary]]
        for f in told
    ]  # fmt: skip
    rows(say("Findings to check", lang), header, lines)
    typer.echo(caution(lang))


def _whom(found: Told, lang: str) -> str:
    """Return whom a finding names, by number or key; the trainee who only rode along, too."""
    named = ((SubjectKind.PERSON, found["person"]), (SubjectKind.TRAINEE, found["trainee"]))
    return ", ".join(f"{worded(SUBJECT_KINDS[kind], lang)} {key}" for kind, key in named if key)


def show_precision(told: Sequence[Told], by: Sequence[str], lang: str) -> None:
    """Print how often what was suspected was true, as far as people have judged it."""
    names = {
        "rule": say("Rule", lang),
        "school": say("School", lang),
        "provider": say("Provider", lang),
        "month": say("Month", lang),
    }
    header = [*(names[name] for name in by), say("Judged", lang), say("Confirmed", lang), say("Share", lang),
              say("Interval (95 %)", lang), say("Dismissed by pre-review", lang),
              say("Why dismissed", lang)]  # fmt: skip
    lines = [
        [*(row[name] for name in by), row["n"], row["n_confirmed"], _percent(row["share"]),
         _interval(row["low"], row["high"]), row["n_automatic"], _reasons(row["reasons"], lang)]
        for row in told
    ]  # fmt: skip
    rows(say("Precision of the findings that people judged", lang), header, lines)
    typer.echo(
        say("Intervals are Wilson's; findings of one car or fault hang together, so they are rather narrow.", lang)
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{100 * low:.1f}–{100 * high:.1f} %"


def _reasons(counts: Mapping[str, int], lang: str) -> str:
    return ", ".join(f"{worded(DISMISS_REASONS[DismissReason(code)], lang)} {n}" for code, n in counts.items())


# ---------------------------------------------------------------- spot checks
def outcome_words(outcome: str | None, lang: str) -> str:
    """Return what a person saw, in words."""
    words = {
        "clean": say("nothing to object to", lang),
        "violation": say("not as approved, seen by a person", lang),
        "unclear": say("unclear", lang),
    }
    return say("to be looked at", lang) if outcome is None else words[outcome]


def show_checks(told: Sequence[Told], lang: str) -> None:
    """Print spot checks."""
    header = [say("Day", lang), say("Vehicle", lang), say("School", lang), say("How chosen", lang),
              say("Seen", lang), say("By", lang), say("Note", lang)]  # fmt: skip
    lines = [
        [c["service_date"], c["vehicle_id"], c["school_id"], _chosen(c, lang), outcome_words(c["outcome"], lang),
         c["decided_by"], c["note"]]
        for c in told
    ]  # fmt: skip
    rows(say("Spot checks", lang), header, lines)
    typer.echo(say("Nobody suspects these vehicle-days: the draw shows what audits miss.", lang))


def _chosen(check: Told, lang: str) -> str:
    if check["probability"] is None:
        text = say("picked by {name}: {reason}", lang)
        return text.format(name=check["picked_by"], reason=check["reason"])
    return say("drawn, chance {share}", lang).format(share=_percent(check["probability"]))


def show_missed(told: Told, lang: str) -> None:
    """Print what the random checks say of what audits miss."""
    text = say(
        "{first} to {last}: {n} random checks decided, {hits} of them not as approved, {open} not decided.", lang
    )
    counts = {"n": told["n"], "hits": told["n_violations"], "open": told["n_undecided"]}
    typer.echo(text.format(first=told["first"], last=told["last"], **counts))
    if told["share"] is None:
        typer.echo(say("Nothing can be said yet: no random check is decided.", lang))
    else:
        text = say("Missed: {share} of unsuspected vehicle-days, at most {upper} (confidence: 95 %).", lang)
        typer.echo(text.format(share=_percent(told["share"]), upper=_percent(told["upper"])))
    text = say("They speak of {covered} of {population} vehicle-days. Picked by hand, in no estimate: {picked}.", lang)
    typer.echo(text.format(covered=told["covered"], population=told["population"], picked=told["n_picked"]))
    if told["n_left_out"]:
        text = say("{n} checks lie where this account does not see everything, and are left out.", lang)
        typer.echo(text.format(n=told["n_left_out"]))
