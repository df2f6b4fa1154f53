"""What is wrong with the evidence of faces on a day: codes with what was found, and words for what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from checkpoints.fit_report import FitReport
from checkpoints.misfit import GENUINE_SHAPE, GENUINE_SHOWN, IMPOSTOR_SHAPE, IMPOSTOR_SHOWN
from checkpoints.score_fit import MIN_GENUINE, MIN_IMPOSTOR
from runs.words import N_, say

LOST_BITS = 0.05
"""Of Cllr that calibration may lose: scorecard 37 of evidence.md allows 0.02 for thousands of scores; a night has some
hundred, of which the best rescaling, which knows the truth, makes more than there is."""


class Trouble(NamedTuple):
    """One thing that is wrong: its code, the cameras it is about, and the numbers that its words name."""

    code: str
    values: Mapping[str, str]
    cameras: tuple[str, ...] = ()


WHAT = {
    "few-genuine": N_("Only {n} scores of declared instructors in their own seats; {least} are needed."),
    "few-comparisons": N_("Only {n} comparisons with people who cannot be in the car; {least} are needed."),
    "not-held-out": N_("Too few scores to learn on one half and measure on the other: reliability is not known."),
    "genuine-shape": N_(
        "Scores of declared instructors lie elsewhere than the model says: {found}, at most {allowed}."
    ),
    "genuine-shown": N_(
        "Declared instructors are shown more or less often than the model says: by {found}, at most {allowed}."
    ),
    "impostor-shape": N_(
        "Scores of people who cannot be in the car lie elsewhere than the model says: {found}, at most {allowed}."
    ),
    "impostor-shown": N_(
        "People who cannot be in the car are shown {found} times as often as the model says; allowed: {low} to {high}."
    ),
    "camera-shift": N_("Camera {camera}: scores are {found} standard deviations from those of all others ({allowed})."),
    "camera-silent": N_("Camera {camera}: the declared instructor is missed by {found} more often ({allowed})."),
    "cameras-differ": N_("Cameras differ from one another by {found} standard deviations; {allowed} is the alarm."),
    "overstated": N_(
        "{n} of {total} people who cannot be in the car have a ratio of {k} or more; one in {k} is the most."
    ),
    "calibration-lost": N_("Calibration loses {found} bits of Cllr; up to {allowed} is let pass."),
}
_MATCHER = N_(
    "Ask the matcher's operator whether its version or its scale was changed, bring [matcher] of bundle.toml up to "
    "date, and audit the day again. Until then nothing said of people can be a finding."
)
_PICTURE = N_(
    "Look at pictures of this camera: focus, angle, light, lens. Ask whether the same matcher reads it as all others."
)
_MORE = N_(
    "Hand in the passages of more cameras, or of a day with more lessons. Until then nothing said of people can be a "
    "finding."
)
_DECLARED = N_(
    "Check that threshold and top_k of bundle.toml are the matcher's own, and whether its version was changed."
)
WHAT_TO_DO = {
    "few-genuine": _MORE,
    "few-comparisons": _MORE,
    "not-held-out": _MORE,
    "genuine-shape": _MATCHER,
    "genuine-shown": _MATCHER,
    "impostor-shape": _MATCHER,
    "impostor-shown": _DECLARED,
    "camera-shift": _PICTURE,
    "camera-silent": _PICTURE,
    "cameras-differ": N_(
        "Look at the cameras' scores: two groups of them are often two matchers, or two versions of one. Name them to "
        "the operator; until they agree, take no step against a person on the scores alone."
    ),
    "overstated": N_(
        "Take no step against a person on this day's scores. Look for misread plates, people who were really there "
        "against the records, and look-alikes that are not on the list."
    ),
    "calibration-lost": N_(
        "Weights are over- or understated. Compare with other days; where it stays so, tell the product's maintainers."
    ),
}


def troubles(report: FitReport) -> tuple[Trouble, ...]:
    """Return what is wrong, what bars findings first."""
    return (*_too_few(report), *_misfits(report), *_of_cameras(report), *_of_ratios(report))


def trouble_words(t: Trouble, lang: str) -> tuple[str, str]:
    """Return what was found, and what to do."""
    return say(WHAT[t.code], lang).format(**t.values), say(WHAT_TO_DO[t.code], lang)


def _too_few(report: FitReport) -> Iterator[Trouble]:
    n, m = report.learnt.genuine, report.learnt.comparisons
    if n < MIN_GENUINE:
        yield Trouble("few-genuine", {"n": f"{n:,}", "least": f"{MIN_GENUINE:,}"})
    if m < MIN_IMPOSTOR:
        yield Trouble("few-comparisons", {"n": f"{m:,}", "least": f"{MIN_IMPOSTOR:,}"})
    if report.lesson is None:
        yield Trouble("not-held-out", {})


def _misfits(report: FitReport) -> Iterator[Trouble]:
    m = report.misfit
    low, high = m.ratio_allowed
    told = {
        GENUINE_SHAPE: ("genuine-shape", {"found": f"{m.genuine_distance:.2f}", "allowed": f"{m.genuine_allowed:.2f}"}),
        GENUINE_SHOWN: (
            "genuine-shown",
            {"found": f"{100 * m.silent_excess:+.0f} %", "allowed": f"{100 * m.silent_allowed:.0f} %"},
        ),
        IMPOSTOR_SHAPE: (
            "impostor-shape",
            {"found": f"{m.impostor_distance:.2f}", "allowed": f"{m.impostor_allowed:.2f}"},
        ),
        IMPOSTOR_SHOWN: (
            "impostor-shown",
            {"found": f"{m.shown_ratio:.1f}", "low": f"{max(low, 0.0):.1f}", "high": f"{high:.1f}"},
        ),
    }
    for reason in m.reasons:
        yield Trouble(*told[reason])


def _of_cameras(report: FitReport) -> Iterator[Trouble]:
    between = report.between
    if between.is_alarm:
        found = {"found": f"{between.between_sd:.1f}", "allowed": f"{between.allowed_sd:.1f}"}
        yield Trouble("cameras-differ", found)
    for c in report.cameras:
        if "shift" in c.alarms and c.shift_sd is not None:
            values = {"camera": c.camera_id, "found": f"{c.shift_sd:+.1f}", "allowed": f"±{c.shift_allowed_sd:.1f}"}
            yield Trouble("camera-shift", values, (c.camera_id,))
        if "silent" in c.alarms:
            found = {"found": f"{100 * c.silent_excess:.0f} %", "allowed": f"{100 * c.silent_allowed:.0f} %"}
            yield Trouble("camera-silent", {"camera": c.camera_id, **found}, (c.camera_id,))


def _of_ratios(report: FitReport) -> Iterator[Trouble]:
    if report.lesson is None:
        return
    for check in report.lesson.turing:
        if check.is_exceeded:
            values = {"n": f"{check.n_reached:,}", "total": f"{check.n:,}", "k": f"{check.k:,.0f}"}
            yield Trouble("overstated", values)
            break
    lost = report.lesson.cost.calibration
    if lost > LOST_BITS:
        yield Trouble("calibration-lost", {"found": f"{lost:.3f}", "allowed": f"{LOST_BITS}"})
