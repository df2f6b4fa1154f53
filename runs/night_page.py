"""The report of a night as a page in one language: its numbers (`runs.night_numbers`), and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.calibration_html import Chart, Page, Part, Section, Table, Words
from reports.svg import Axis, Bars, Mark, chart
from runs.calibration_charts import nice_end, ticks
from runs.case_texts import severity_words, state_words
from runs.night_run import DEGRADED, DONE
from runs.nightly_text import STATES, TROUBLE
from runs.show import reason_words, titles_of
from runs.words import N_, say

Told = Mapping[str, Any]
MOST_ITEMS = 300
"""Rows of the list of what could not be judged; the report `not-assessed` has all."""
_RUN_STATES = {**STATES, "running": N_("running"), "interrupted": N_("interrupted")}
_LEAST_TOP = 5


def night_report_page(told: Told, lang: str) -> Page:
    """Return the page of a night's report (`runs.night_numbers.night_report`)."""
    titles = titles_of(lang)
    sections = [
        _glance(told, lang),
        _findings(told["findings"], titles, lang),
        _history(told, lang),
        _cases(told["cases"], lang),
        *([] if told["fleet"] is None else [_fleet(told, lang), _unanswered(told["not_assessed"], titles, lang)]),
        *([] if told["inputs"] is None else [_inputs(told, lang)]),
        *([] if told["runs"] is None else [_runs(told, lang)]),
    ]
    title = say("Audit of driver training: report of {date}", lang).format(date=told["service_date"])
    foot = [say("A finding is a reason to check, not a verdict.", lang), f"trajaudit · {told['run_id']}"]
    is_good = told["state"] == DONE and not told["is_behind"]
    return Page(lang, title, _about(told, lang), _state(told, lang), is_good, sections, foot)


def _about(told: Told, lang: str) -> list[str]:
    scopes = {
        "city": say("of the whole city", lang),
        "districts": say("of the districts of the account that asked", lang),
        "school": say("of what a school is told by its cases", lang),
    }
    day = say("Service day", lang) + f" {told['service_date']}, 04:00–04:00 ({told['timezone']})"
    audited = say("Audited at", lang) + f" {_minute(told['audited'])}"
    return [f"{day} · {scopes[told['scope']]}", f"{audited} · {say('Run', lang)} {told['run_id']}"]


def _state(told: Told, lang: str) -> str:
    if told["is_behind"]:
        return say("Something came in after this audit: the next nightly may change what stands here.", lang)
    if told["state"] != DONE:
        return say("Audited in part: what is missing stands below, and is not assessed.", lang)
    return say("Audited completely, as far as what came in can tell.", lang)


def _glance(told: Told, lang: str) -> Section:
    found, cases, rows = told["findings"], told["cases"], []
    rows.append([say("Findings to check", lang), _n(found["total"])])
    rows += [
        [f"– {severity_words(severity, lang)}", _n(n)] for severity, n in found["by_severity"].items() if n
    ]  # fmt: skip
    rows.append([say("Cases opened / not decided / overdue", lang), _all(cases, "opened", "undecided", "overdue")])
    if told["fleet"] is not None:
        fleet, asked = told["fleet"], told["sessions"]
        names = ("coach_cars", "with_tracks", "assessed_in_part")
        rows.append(
            [
                say("Coach cars: registered / with tracks / with questions that could not be answered", lang),
                _all(fleet, *names),
            ]
        )
        rows.append([say("Sessions declared", lang), _n(asked["declared"])])
        rows.append([say("Questions that could not be answered", lang), _n(told["not_assessed"]["questions"])])
    caution = say(
        "A finding is a reason to check, not a verdict: people find out what happened. What is missing proves nothing, "
        "neither for nor against anybody.",
        lang,
    )
    return Section(say("At a glance", lang), [_pairs(rows, lang), Words(caution)])


def _findings(found: Told, titles: Mapping[str, str], lang: str) -> Section:
    name = say("Findings to check", lang)
    if not found["total"]:
        return Section(name, [Words(say("None.", lang))])
    number = say("Number", lang)
    by_rule = [[titles.get(rule, rule), rule, _n(n)] for rule, n in found["by_rule"].items()]
    grades = list(found["by_severity"])
    by_school = [
        [_school(one, lang), *(_n(one["by_severity"][g]) for g in grades), _n(one["total"])]
        for one in found["by_school"]
    ]
    by_school.append([say("All", lang), *(_n(found["by_severity"][g]) for g in grades), _n(found["total"])])
    looks = [""] * (len(by_school) - 1) + ["marked"]
    head = [say("School", lang), *(severity_words(g, lang) for g in grades), say("All", lang)]
    return Section(
        name,
        [
            Table([say("Matter", lang), say("Rule", lang), number], by_rule, words=[1]),
            Table(head, by_school, say("By school and severity", lang), looks),
        ],
    )


def _history(told: Told, lang: str) -> Section:
    nights: Sequence[Told] = told["history"]
    name, parts = say("Compared with the nights before", lang), list[Part]()
    if len(nights) > 1:
        parts.append(_bars(nights, lang))
    else:
        parts.append(Words(say("No earlier night stands in the store.", lang)))
    grades = list(told["findings"]["by_severity"])
    rows = [
        [night["service_date"], *(_n(night["by_severity"][g]) for g in grades), _n(night["total"])]
        for night in reversed(nights)
    ]
    head = [say("Service day", lang), *(severity_words(g, lang) for g in grades), say("All", lang)]
    return Section(name, [*parts, Table(head, rows, looks=["marked", *[""] * (len(rows) - 1)])])


def _bars(nights: Sequence[Told], lang: str) -> Chart:
    n, totals = len(nights), [float(night["total"]) for night in nights]
    top = nice_end(max(_LEAST_TOP, *totals))
    edges = [float(i) for i in range(n + 1)]
    dates = tuple((i + 0.5, night["service_date"][5:]) for i, night in enumerate(nights))
    every = 1 if n <= 8 else 2
    x = Axis(say("Service day", lang), 0.0, float(n), dates[::-1][::every][::-1])
    y = Axis(say("Number", lang), 0.0, top, ticks(top))
    marks: list[Mark] = [
        Bars(edges, [*totals[:-1], 0.0], "main"),
        Bars(edges, [0.0] * (n - 1) + totals[-1:], "other"),
    ]
    title = say("Findings that stand, night by night", lang)
    legend = [("other-bar", say("this night", lang)), ("main-bar", say("nights before, as they stand now", lang))]
    return Chart(title, chart(x, y, marks, title), legend)


def _cases(cases: Told, lang: str) -> Section:
    rows = [[state_words(state, lang), _n(n)] for state, n in cases["by_state"].items()]
    rows += [
        [say("All", lang), _n(cases["opened"])],
        [say("of these not decided", lang), _n(cases["undecided"])],
        [say("of these overdue", lang), _n(cases["overdue"])],
        [say("of these changed by a new audit after they were decided", lang), _n(cases["need_review"])],
    ]
    table = Table([say("State", lang), say("Number", lang)], rows)
    return Section(say("Cases of this night", lang), [table])


# ---------------------------------------------------------------- what was seen
def _fleet(told: Told, lang: str) -> Section:
    fleet, lessons, parts = told["fleet"], told["sessions"], list[Part]()
    rows = [
        [say("Cars registered", lang), _n(fleet["cars"])],
        [say("of these coach cars", lang), _n(fleet["coach_cars"])],
        [say("of these exam cars", lang), _n(fleet["exam_cars"])],
        [say("Coach cars with tracks", lang), _n(fleet["with_tracks"])],
        [say("Coach cars without any track", lang), _n(fleet["without_tracks"])],
        [say("Coach cars of which every question was answered", lang), _n(fleet["assessed"])],
        [say("Coach cars of which some questions could not be answered", lang), _n(fleet["assessed_in_part"])],
        [say("Sessions declared", lang), _n(lessons["declared"])],
        *([say("– part {part}", lang).format(part=part), _n(n)] for part, n in lessons["by_part"].items()),
        [say("Hours declared / of these seen", lang), " / ".join(_h(lessons[f"{part}_h"]) for part in _HOURS[-2:])],
        [say("Examinations", lang), _n(told["exams"])],
    ]  # fmt: skip
    if told["passages"] is not None:
        passages = told["passages"]
        rows.append([say("Passages at checkpoints: read / in scope", lang), _all(passages, "read", "in_scope")])
    parts += [_pairs(rows, lang), _coverage(told, lang)]
    return Section(say("Cars and sessions", lang), parts)


def _coverage(told: Told, lang: str) -> Table:
    rows = [
        [_school(one, lang), _n(one["cars"]), _n(one["cars_without_fixes"]), *(_h(one[f"{part}_h"]) for part in _HOURS)]
        for one in told["coverage"]
    ]
    head = [
        say("School", lang), say("Coach cars", lang), say("without tracks", lang), say("with positions", lang),
        say("silent", lang), say("feed down", lang), say("declared", lang), say("of these with positions", lang),
    ]  # fmt: skip
    return Table(head, rows, say("What was seen of each school's cars, in hours", lang))


_HOURS = ("seen", "silent", "outage", "declared", "declared_seen")


def _unanswered(unanswered: Told, titles: Mapping[str, str], lang: str) -> Section:
    name = say("Not assessable", lang)
    if not unanswered["questions"]:
        return Section(name, [Words(say("Every question could be answered.", lang))])
    reasons = [
        [reason_words(code, lang), _n(one["cars"]), _n(one["questions"])]
        for code, one in unanswered["by_reason"].items()
    ]
    items: Sequence[Told] = unanswered["items"]
    between = "、" if lang == "zh" else ", "
    rows = [
        [
            one["vehicle_id"] or say("a feed", lang), reason_words(one["reason"], lang),
            between.join(titles.get(rule, rule) for rule in one["rules"]), _n(one["questions"]),
        ]
        for one in items[:MOST_ITEMS]
    ]  # fmt: skip
    head = [say("Vehicle", lang), say("Reason", lang), say("Matter", lang), say("Questions", lang)]
    parts: list[Part] = [
        Table([say("Reason", lang), say("Cars", lang), say("Questions", lang)], reasons),
        Table(head, rows, say("Car by car", lang), words=[1, 2]),
    ]
    if len(items) > MOST_ITEMS:
        more = say("{n} more rows are in the list of what was not assessed (not_assessed.csv).", lang)
        parts.append(Words(more.format(n=_n(len(items) - MOST_ITEMS)), is_note=True))
    return Section(name, parts)


# ---------------------------------------------------------------- what came in
def _inputs(told: Told, lang: str) -> Section:
    rows = [
        [one["file"], _n(one["read"]), _n(one["kept"]), _n(one["n_rejected"]), _codes(one)] for one in told["inputs"]
    ]
    head = [
        say("File or feed", lang), say("Read", lang), say("Kept", lang), say("Rejected", lang),
        say("Reasons, and flags of kept rows", lang),
    ]  # fmt: skip
    parts: list[Part] = [
        Table(head, rows, words=[4]),
        Words(say("Read is kept and rejected together; a flagged row is kept.", lang), is_note=True),
    ]
    if told["warnings"]:
        parts.append(Table([say("Warnings", lang)], [[line] for line in told["warnings"]]))
    return Section(say("What came in", lang), parts)


def _codes(one: Told) -> str:
    told = [*one["rejected"].items(), *one["flagged"].items()]
    return ", ".join(f"{code} {_n(n)}" for code, n in told) or "–"


def _runs(told: Told, lang: str) -> Section:
    rows, looks = [], []
    for run in told["runs"]:
        is_over = run["state"] in {DONE, DEGRADED}
        stands = say("stands", lang) if run["stands"] else say("superseded", lang) if is_over else "–"
        words = _RUN_STATES.get(run["state"], run["state"])
        ended = "–" if run["ended"] is None else _minute(run["ended"])
        rows.append([run["run_id"], say(words, lang), _minute(run["started"]), ended, stands])
        looks.append("marked" if run["stands"] else "pale")
    head = [say("Run", lang), say("State", lang), say("Begun", lang), say("Ended", lang), say("Which one stands", lang)]
    parts: list[Part] = [Table(head, rows, looks=looks, words=[1, 2, 3, 4])]
    if told["trouble"]:
        missing = [[_where(name, lang), _what(value)] for name, value in told["trouble"].items()]
        parts.append(Table([say("What is missing", lang), say("Codes, or how many cars", lang)], missing, words=[1]))
    return Section(say("Runs of this night", lang), parts)


def _where(name: str, lang: str) -> str:
    if name == "delayed":
        return say("Cars without tracks, by feed", lang)
    words = TROUBLE.get(name, name)
    return say(words, lang) if words != name else name


def _what(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {n}" for key, n in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _pairs(rows: Sequence[Sequence[str]], lang: str) -> Table:
    return Table([say("What", lang), say("Number", lang)], rows)


def _school(one: Told, lang: str) -> str:
    if one["school_id"] is None:
        return say("no school", lang)
    return f"{one['school_id']} {one['name']}" if one["name"] else str(one["school_id"])


def _all(counts: Told, *names: str) -> str:
    return " / ".join(_n(counts[name]) for name in names)


def _n(n: int) -> str:
    return f"{n:,}"


def _h(hours: float) -> str:
    return f"{hours:,.2f}"


def _minute(iso: str) -> str:
    return iso[:16].replace("T", " ")
