"""The report on the evidence of faces as a page in one language: what is said of each figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checkpoints.fit_report import FitReport
from checkpoints.reliability import Reliability
from reports.calibration_html import Alarm, Page, Part, Section, Table, Words
from runs.calibration_charts import camera_chart, entropy_chart, reliability_chart, score_charts
from runs.calibration_troubles import Trouble, trouble_words
from runs.words import say

MOST_CAMERAS = 200
"""Rows of the table of cameras; `calibration.json` has all."""


@dataclass(frozen=True, slots=True)
class About:
    """What the report is about: city, day, matcher, mandate, versions."""

    city: str
    service_date: str
    matcher: Mapping[str, object]
    mandate: Mapping[str, str]
    versions: Mapping[str, str]


def report_page(about: About, report: FitReport, found: tuple[Trouble, ...], lang: str) -> Page:
    """Return the page of a report."""
    sections = [
        _found(found, lang),
        _reliability(report, lang),
        _thresholds(report, lang),
        _learnt(report, lang),
        _model(report, lang),
        _cameras(report, lang),
        _reading(lang),
    ]
    foot = [
        say("Only counts and names of cameras are in this report; no person and no key of a person.", lang),
        f"trajaudit {about.versions.get('program', '')}",
    ]
    title = say("How well the evidence of faces is calibrated", lang)
    return Page(
        lang, title, _about(about, lang), _state(report, found, lang), report.trusted and not found, sections, foot
    )


def _about(about: About, lang: str) -> list[str]:
    m, order = about.matcher, about.mandate
    threshold, names = say("threshold", lang), say("list of at most {n} names", lang).format(n=m["top_k"])
    matcher = f"{m['name']} {m['version']} · {threshold} {m['threshold']} · {names}"
    mandate = f"{order['document']} · {order['authority']} · {order['from']} – {order['to']}"
    return [
        f"{about.city} · " + say("Service day", lang) + f" {about.service_date}",
        say("Matcher", lang) + f": {matcher}",
        say("Mandate", lang) + f": {mandate}",
    ]


def _state(report: FitReport, found: tuple[Trouble, ...], lang: str) -> str:
    if not report.trusted:
        return say("The model is not trusted: nothing said of people on this day can be a finding.", lang)
    if found:
        return say("The model is in use; what is named below should be looked into first.", lang)
    return say("The model fits this day's scores; findings on people may rest on it, as a reason to check.", lang)


def _found(found: tuple[Trouble, ...], lang: str) -> Section:
    alarms = [Alarm(*trouble_words(t, lang)) for t in found]
    nothing = Words(say("No warning: enough scores, and none that the model does not explain.", lang))
    return Section(say("Warnings", lang), alarms or [nothing])


def _reliability(report: FitReport, lang: str) -> Section:
    title = say("Reliability, on scores that were not learnt from", lang)
    taken = say(
        "Declared instructors are taken to be in their own seats, and people of other schools not to be: there are no "
        "labels. A few seats were in truth taken by somebody else. In {n} lessons two cameras show one and the same "
        "other person, and none the declared one; these are left out, except in the last column, where they count as "
        "if the declared instructor had been there: the truth lies between the two. Whoever sat there unnoticed makes "
        "the figures look worse than they are.",
        lang,
    ).format(n=report.learnt.taken)
    parts: list[Part] = []
    if report.lesson is not None and report.lesson_all is not None and report.capture is not None:
        parts += [
            Words(_halves(report, lang)),
            _figures(report.lesson, report.capture, report.lesson_all, lang),
            Words(taken, is_note=True),
            reliability_chart(report.lesson, say("Reliability diagram, whole lessons", lang), lang),
            entropy_chart(report.lesson, say("Empirical cross-entropy, whole lessons", lang), lang),
            reliability_chart(report.capture, say("Reliability diagram, one face each", lang), lang),
            entropy_chart(report.capture, say("Empirical cross-entropy, one face each", lang), lang),
            _turing(report.lesson, report.capture, lang),
        ]
    else:
        parts += [Words(say("Nothing could be held out: one half alone has too few scores.", lang))]
    return Section(title, parts)


def _halves(report: FitReport, lang: str) -> str:
    assert report.halves is not None
    one, other = report.halves
    text = say(
        "The day was cut into two halves with no declared instructor in both: {n1} and {n2} scores of declared "
        "instructors, {m1} and {m2} comparisons. Each half was judged by the model learnt from the other. The model in "
        "use was learnt from both, so it is usually a little better than these figures.",
        lang,
    )
    counts = {"n1": one.n_genuine, "n2": other.n_genuine, "m1": one.n_impostor, "m2": other.n_impostor}
    return text.format(**{name: f"{n:,}" for name, n in counts.items()})


def _figures(lesson: Reliability, capture: Reliability, everything: Reliability, lang: str) -> Table:
    columns = (lesson, capture, everything)

    def row(name: str, cells: list[str]) -> list[str]:
        return [name, *cells]

    rows = [
        row(say("Declared instructors", lang), [f"{r.n_same:,}" for r in columns]),
        row(say("Comparisons with people who cannot be there", lang), [f"{r.n_different:,}" for r in columns]),
        row(say("Cllr (0 perfect, 1 says nothing)", lang), [f"{r.cost.total:.4f}" for r in columns]),
        row(say("Cllr_min: what the best rescaling would leave", lang), [f"{r.cost.least:.4f}" for r in columns]),
        row(say("Cllr_cal: lost to calibration", lang), [f"{r.cost.calibration:.4f}" for r in columns]),
        row(
            say("Expected calibration error, at even odds", lang),
            [f"{r.expected_calibration_error:.4f}" for r in columns],
        ),
        row(say("Empirical cross-entropy at odds of 1 to 100, bits", lang), [_entropy_at(r, -2.0) for r in columns]),
        row(say("Misleading: declared instructors below 1", lang), [percent(r.misleading_same) for r in columns]),
        row(say("Misleading: others above 1", lang), [percent(r.misleading_different) for r in columns]),
    ]
    header = ["", say("Whole lessons", lang), say("One face each", lang), say("Whole lessons, all", lang)]
    return Table(header, rows)


def _entropy_at(r: Reliability, log10_odds: float) -> str:
    i = r.log10_odds.index(log10_odds)
    return f"{r.entropy[i]:.4f} / {r.entropy_prior[i]:.4f}"


def _turing(lesson: Reliability, capture: Reliability, lang: str) -> Table:
    rows, looks = [], []
    for one, other in zip(lesson.turing, capture.turing, strict=True):
        reached = [f"{c.n_reached:,} / {c.n:,}" for c in (one, other)]
        shares = [percent(c.share) for c in (one, other)]
        rows.append([f"≥ {one.k:,.0f}", reached[0], shares[0], reached[1], shares[1], percent(one.allowed)])
        looks.append("marked" if one.is_exceeded or other.is_exceeded else "")
    header = [
        say("Ratio", lang),
        say("Whole lessons", lang),
        say("share", lang),
        say("One face each", lang),
        say("share", lang),
        say("at most", lang),
    ]
    caption = say("Turing's check: of people who cannot be there, at most one in k may reach a ratio of k.", lang)
    return Table(header, rows, caption, looks)


def _thresholds(report: FitReport, lang: str) -> Section:
    rows = [
        [
            f"{t.threshold:g}",
            f"{t.false_matches:,}",
            percent(t.rate),
            percent(t.most95),
            f"{t.hits:,}",
            percent(t.hit_share),
        ]
        for t in report.thresholds
    ]
    header = [
        say("threshold", lang),
        say("False matches", lang),
        say("False-match rate", lang),
        say("at most (95 %)", lang),
        say("Declared instructors shown", lang),
        say("share of faces", lang),
    ]
    note = say(
        "The rate is per comparison of one face with one person; a search of n persons is wrong n times as often. "
        "Lists with as many names as the matcher gives ({n} of {total} faces) may hide more: there the rate is a lower "
        "limit. Lessons that are left out above are left out of the declared instructors shown, too.",
        lang,
    ).format(n=f"{report.learnt.full_lists:,}", total=f"{report.learnt.captures:,}")
    return Section(say("False matches at each threshold", lang), [Table(header, rows), Words(note, is_note=True)])


def _learnt(report: FitReport, lang: str) -> Section:
    n = report.learnt
    rows = [
        [say("Lessons with a face in the instructor's seat", lang), f"{n.occasions:,}"],
        [say("of these undeclared", lang), f"{n.undeclared:,}"],
        [say("Declared instructors", lang), f"{n.persons:,}"],
        [say("Cameras", lang), f"{n.cameras:,}"],
        [say("Faces in the instructor's seat, one a camera and lesson", lang), f"{n.captures:,}"],
        [say("Scores of declared instructors, and faces that could have shown them", lang),
         f"{n.genuine:,} / {n.faces_of_declared:,}"],
        [say("Comparisons with people who cannot be there, and those shown", lang),
         f"{n.comparisons:,} / {n.decoys_shown:,}"],
    ]  # fmt: skip
    what = say(
        "The model is learnt anew each night without labels: from declared instructors in their own cars, and from "
        "instructors of other schools, who cannot be in the car.",
        lang,
    )
    table = Table([say("What was there", lang), say("Number", lang)], rows)
    return Section(say("What it was learnt from", lang), [Words(what), table, *score_charts(report, lang)])


def _model(report: FitReport, lang: str) -> Section:
    m = report.model
    kinds = [
        (say("The same person", lang), m.genuine),
        (say("The same person, poor photo", lang), m.poor),
        (say("Another person", lang), m.impostor),
        (say("A look-alike", lang), m.alike),
    ]
    rows = [[name, f"{k.mean:.3f}", f"{k.pair_sd:.3f}", f"{k.capture_sd:.3f}"] for name, k in kinds]
    header = [say("Scores of", lang), say("Mean", lang), say("Spread of pairs", lang), say("Spread of faces", lang)]
    other = [
        [say("Share of poor photos", lang), percent(m.poor_share)],
        [say("A quality better by 0.1 adds", lang), f"{m.quality_slope / 10:+.4f}"],
        [say("How often another person's face looks genuine all the same", lang), percent(m.odd_share)],
        [say("The most that one face can be worth", lang), f"{10**m.log10_most:,.0f}"],
        [say("Distance of genuine scores from the model, and what is allowed", lang),
         f"{report.misfit.genuine_distance:.3f} / {report.misfit.genuine_allowed:.3f}"],
        [say("Distance of others' scores from the model, and what is allowed", lang),
         f"{report.misfit.impostor_distance:.3f} / {report.misfit.impostor_allowed:.3f}"],
    ]  # fmt: skip
    figures = Table([say("Other numbers", lang), say("Number", lang)], other)
    return Section(say("The model", lang), [Table(header, rows), figures])


def _cameras(report: FitReport, lang: str) -> Section:
    order = sorted(report.cameras, key=lambda c: (not c.alarms, -c.n_shown, c.camera_id))
    rows, looks = [], []
    for c in order[:MOST_CAMERAS]:
        middle = f"{c.genuine[1]:.3f} – {c.genuine[3]:.3f}" if c.genuine else "–"
        shift = ["–", "–"] if c.shift_sd is None else [signed(c.shift_sd), f"±{c.shift_allowed_sd:.2f}"]
        rows.append(
            [c.camera_id, f"{c.n_faces:,}", f"{c.n_shown:,} / {c.n_declared:,}",
             f"{c.genuine[2]:.3f}" if c.genuine else "–", middle, *shift,
             f"{c.n_decoys_shown:,} / {c.n_comparisons:,}", _remark(bool(c.alarms), c.is_few, lang)]
        )  # fmt: skip
        looks.append("marked" if c.alarms else "pale" if c.is_few else "")
    header = [
        say("Camera", lang), say("Faces", lang), say("Declared shown", lang), say("Median", lang),
        say("Middle half", lang), say("Shift, sd", lang), say("allowed", lang), say("Others shown", lang), "",
    ]  # fmt: skip
    between = report.between
    values = {
        "found": f"{between.between_sd:.2f}",
        "allowed": f"{between.allowed_sd:.2f}",
        "q": f"{between.q:.1f}",
        "most": f"{between.q_allowed:.1f}",
    }
    together = say(
        "Cameras differ from one another by {found} standard deviations (alarm: more than {allowed}, and more than "
        "chance explains: Q {q}, by chance up to {most}).",
        lang,
    ).format(**values)
    parts: list[Part] = [Words(together), *camera_chart(report, order, lang), Table(header, rows, looks=looks)]
    if len(order) > MOST_CAMERAS:
        more = say("{n} more cameras are in calibration.json.", lang).format(n=f"{len(order) - MOST_CAMERAS:,}")
        parts.append(Words(more, is_note=True))
    return Section(say("Cameras", lang), parts)


def _remark(is_alarm: bool, is_few: bool, lang: str) -> str:
    if is_alarm:
        return say("look at it", lang)
    return say("few data", lang) if is_few else ""


def _reading(lang: str) -> Section:
    texts = [
        say("A ratio compares two propositions: the same person, against another person who does not look alike. It is "
            "no probability that somebody was there.", lang),
        say("Empirical cross-entropy and expected calibration error are both called ECE elsewhere. The first says how "
            "many bits are still missing at each prior; the second how far stated probabilities are from "
            "frequencies.", lang),
        say("Where both kinds are told apart without one mistake, Cllr_min is 0 and all of Cllr counts as lost to "
            "calibration: it is then the caution that few data ask for.", lang),
        say("Quality explains a part of each score; shifts of cameras are told without it. A camera with fewer than "
            "ten declared instructors is marked and not judged by itself; of fewer than three no score is told.", lang),
    ]  # fmt: skip
    return Section(say("How to read this", lang), [Words(text) for text in texts])


def signed(value: float) -> str:
    """Return a number with its sign and two digits.

    >>> signed(-1.774), signed(-0.001)
    ('-1.77', '+0.00')
    """
    return f"{round(value, 2) + 0.0:+.2f}"


def percent(share: float) -> str:
    """Return a share in percent with three digits.

    >>> percent(0.5), percent(0.00012345), percent(0.0)
    ('50 %', '0.0123 %', '0 %')
    """
    return f"{100 * share:.3g} %" if share == 0.0 or share >= 1e-6 else f"{100 * share:.0e} %"
