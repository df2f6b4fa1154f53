"""The diagrams of the report on the evidence of faces, with their words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from checkpoints.camera_drift import CameraFit
from checkpoints.fit_report import FitReport
from checkpoints.reliability import Reliability
from reports.calibration_html import Chart
from reports.svg import Axis, Bars, Dot, Dots, Line, Mark, Strip, chart, strips
from runs.words import say

FEW_IN_BIN = 20
"""A dot with fewer cases is hollow."""
MOST_STRIPS = 40
_FIFTHS = tuple((i / 5, f"{i / 5:.1f}") for i in range(6))


def reliability_chart(r: Reliability, title: str, lang: str) -> Chart:
    """Return stated probabilities against frequencies, at even odds."""
    dots = [Dot(b.stated, b.observed, b.low95, b.high95, b.n_same + b.n_different < FEW_IN_BIN) for b in r.bins]
    x = Axis(say("stated probability, at even odds", lang), 0.0, 1.0, _FIFTHS)
    y = Axis(say("observed share", lang), 0.0, 1.0, _FIFTHS)
    marks: list[Mark] = [Line([(0.0, 0.0), (1.0, 1.0)], "guide"), Dots(dots, "main")]
    legend = [("main-dot", say("found, with limits (95 %)", lang)), ("guide", say("calibrated", lang))]
    caption = say("Hollow: fewer than {n} cases.", lang).format(n=FEW_IN_BIN)
    return Chart(title, chart(x, y, marks, title), legend, caption)


def entropy_chart(r: Reliability, title: str, lang: str) -> Chart:
    """Return the bits still missing at each prior."""
    top = nice_end(2.5 * max(*r.entropy, *r.entropy_least, 0.004))
    curves = {"guide": r.entropy_prior, "best": r.entropy_least, "main": r.entropy}
    marks = [
        Line(part, style)
        for style, values in curves.items()
        for part in below(list(zip(r.log10_odds, values, strict=True)), top)
    ]
    odds = tuple((float(k), f"1:{10**-k:,}" if k < 0 else f"{10**k:,}:1") for k in range(-4, 3))
    x = Axis(say("prior odds", lang), r.log10_odds[0], r.log10_odds[-1], odds)
    y = Axis(say("missing, bits", lang), 0.0, top, ticks(top))
    legend = [
        ("main", say("the ratios", lang)),
        ("best", say("best rescaling (PAV)", lang)),
        ("guide", say("prior alone", lang)),
    ]
    caption = say("The prior alone goes on above the frame.", lang) if max(r.entropy_prior) > top else ""
    return Chart(title, chart(x, y, marks, title), legend, caption)


def below(points: Sequence[tuple[float, float]], top: float) -> list[list[tuple[float, float]]]:
    """Return the parts of a curve that do not lie above `top`; a point alone is no part.

    >>> below([(0, 1), (1, 2), (2, 9), (3, 2), (4, 1)], 5)
    [[(0, 1), (1, 2)], [(3, 2), (4, 1)]]
    """
    runs = [list(run) for is_in, run in itertools.groupby(points, lambda p: p[1] <= top) if is_in]
    return [run for run in runs if len(run) > 1]


def score_charts(report: FitReport, lang: str) -> list[Chart]:
    """Return where scores lie, and where the model expects them: declared instructors, and people of other schools."""
    h = report.histogram
    kinds = [
        (say("Scores of declared instructors", lang), h.genuine, h.genuine_expected, "main"),
        (say("Scores of people who cannot be there", lang), h.decoys, h.decoys_expected, "other"),
    ]
    out = []
    for title, counts, expected, style in kinds:
        top = nice_end(1.05 * max(*counts, *expected, 1.0))
        middles = [(a + b) / 2 for a, b in zip(h.edges, h.edges[1:], strict=False)]
        x = score_axis(h.edges[0], h.edges[-1], lang)
        y = Axis(say("Number", lang), 0.0, top, ticks(top))
        marks: list[Mark] = [Bars(h.edges, counts, style), Line(list(zip(middles, expected, strict=True)), style)]
        legend = [(f"{style}-bar", say("seen", lang)), (style, say("expected by the model", lang))]
        out.append(Chart(title, chart(x, y, marks, title), legend))
    return out


def camera_chart(report: FitReport, cameras: Sequence[CameraFit], lang: str) -> list[Chart]:
    """Return the spread of declared instructors' scores before each camera; nothing where there is none."""
    shown = [c for c in cameras if c.genuine][:MOST_STRIPS]
    if not shown:
        return []
    rows = [Strip(c.camera_id, c.genuine, _look(c), f"n = {c.n_shown}") for c in shown]
    h = report.histogram
    title = say("Scores of declared instructors before each camera", lang)
    x = score_axis(h.edges[0], h.edges[-1], lang)
    legend = [
        ("main-bar", say("middle half, middle, 5 to 95 %", lang)),
        ("other-bar", say("alarm", lang)),
        ("guide-bar", say("few data, not judged", lang)),
    ]
    caption = ""
    if len([c for c in cameras if c.genuine]) > MOST_STRIPS:
        caption = say("The {n} cameras with the most scores; alarms first.", lang).format(n=MOST_STRIPS)
    return [Chart(title, strips(x, rows, report.model.genuine.mean, title), legend, caption)]


def _look(c: CameraFit) -> str:
    return "other" if c.alarms else "guide" if c.is_few else "main"


def score_axis(low: float, high: float, lang: str) -> Axis:
    """Return an axis of scores, as the matcher scales them."""
    step = nice_step((high - low) / 6)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return Axis(say("score", lang), low, high, tuple((i * step, f"{i * step:g}") for i in range(first, last + 1)))


def nice_step(rough: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten from `rough` on.

    >>> nice_step(0.075), nice_step(3.0), nice_step(0.2)
    (0.1, 5.0, 0.2)
    """
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(float(f"{m * power:.6g}") for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))


def nice_end(value: float) -> float:
    """Return a round number from `value` on, for the end of an axis.

    >>> nice_end(17.3), nice_end(0.031)
    (20.0, 0.04)
    """
    step = nice_step(value / 5)
    return float(f"{math.ceil(value / step - 1e-9) * step:.6g}")


def ticks(top: float) -> tuple[tuple[float, str], ...]:
    """Return the ticks of an axis from 0."""
    step = nice_step(top / 5)
    return tuple((i * step, f"{i * step:g}") for i in range(round(top / step) + 1))
