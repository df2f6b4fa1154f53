"""The command `calibrate`: how well the evidence model of faces fits one day's scores, as a report without persons."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import typer

from audit.crew_night import CREW_RULES
from audit.registry import Rule, load_rules
from checkpoints.fit_report import FitReport, fit_report
from feeds.bundle_config import FILE, BundleConfig, read_config
from feeds.faults import Fault, UnusableInput
from feeds.ledger import Ledger
from reports.calibration_html import calibration_page
from reports.calibration_json import calibration_json
from reports.publish import CALIBRATION, Staging, check_out
from runs.audited import Audited, audit_bundle
from runs.calibration_page import About, percent, report_page
from runs.calibration_troubles import Trouble, trouble_words, troubles
from runs.progress import Progress
from runs.show import one_line, safe_text, table
from runs.witness import FACE_JOIN
from runs.words import LANGUAGES, say

MEASURED_IN = 1
"""Steps of the stage: the halves are learnt and measured at once."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure and where to put the report."""

    bundle: Path
    date: date
    out: Path


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was measured, what is wrong, and where the report is."""

    about: About
    report: FitReport
    troubles: tuple[Trouble, ...]
    out: Path

    def page(self, lang: str) -> Path:
        """Return the page of a language."""
        return self.out / f"calibration.{lang}.html"


def calibrate(job: Job, progress: Progress) -> Calibrated:
    """Measure and write OUT.

    Raises `UnusableInput` where no mandate is in force (before any passage is read), where there is nothing to measure,
    or for a bundle that cannot be audited, and `OutRefused` for OUT.
    """
    check_out(job.out, CALIBRATION)
    _check_mandate(job.bundle, job.date)
    audited = audit_bundle(job.bundle, job.date, progress, rules=_rules_needed())
    crews = audited.night.facts.night.cameras.crews
    if crews.fitted is None:
        raise UnusableInput([_nothing_seen(audited)])
    progress.stage("calibrate", MEASURED_IN)
    report = fit_report(crews.fitted, crews.learnt)
    progress.advance(MEASURED_IN)
    done = Calibrated(_about(audited, job.date), report, troubles(report), job.out)
    with Staging(job.out, CALIBRATION) as folder:
        (folder / "calibration.json").write_bytes(calibration_json(_members(done, audited.bundle_sha256)))
        for lang in LANGUAGES:
            page = report_page(done.about, report, done.troubles, lang)
            (folder / done.page(lang).name).write_bytes(calibration_page(page))
    return done


def _rules_needed() -> list[Rule]:
    """The rules on people, whose evidence this is, and that on feeds, by which positions are read right."""
    return [rule for rule in load_rules() if rule.name in CREW_RULES or rule.subject == "feed"]


def _check_mandate(folder: Path, day: date) -> None:
    """Refuse before anything else is read; a bundle at fault is told so by the audit itself."""
    faults: list[Fault] = []
    config = read_config(folder, Ledger(), faults)
    if faults:
        return
    told = []
    mandate = config.mandate
    if mandate is None or not mandate.allows(FACE_JOIN, day):
        told.append(_no_mandate(config, day))
    if config.matcher is None:
        hint = "Without the matcher's threshold and score range its scores mean nothing."
        told.append(Fault(FILE, "the matcher is not described", field="matcher", expected="[matcher]", hint=hint))
    if told:
        raise UnusableInput(told)


def _no_mandate(config: BundleConfig, day: date) -> Fault:
    mandate = config.mandate
    found = None
    if mandate is not None:
        found = f"{mandate.valid_from} to {mandate.valid_to}, scope {', '.join(sorted(mandate.scope)) or 'empty'}"
    return Fault(
        FILE,
        f"no mandate for the join with face records is in force on {day.isoformat()}; no face was looked at",
        field="mandate",
        found=found,
        expected=f'[mandate] with "{FACE_JOIN}" in its scope, in force on that day',
        hint="Ask the authority for the document, and write down its number and dates.",
    )


def _nothing_seen(audited: Audited) -> Fault:
    count = audited.passages
    message = "nothing to measure: no passage of a registered car before a camera on file"
    hint = "Hand in passages.ndjson and cameras.geojson of the day; `trajaudit validate` names rows that were refused."
    return Fault("passages.ndjson", message, found=f"{count.read:,} records of the day", hint=hint)


def _about(audited: Audited, day: date) -> About:
    config = audited.bundle.config
    matcher, mandate = config.matcher, config.mandate
    assert matcher is not None, "was looked at before the audit"
    assert mandate is not None, "was looked at before the audit"
    return About(
        city=config.name,
        service_date=day.isoformat(),
        matcher={
            "name": matcher.name,
            "version": matcher.version,
            "threshold": matcher.threshold,
            "top_k": matcher.top_k,
            "score_range": list(matcher.score_range),
        },
        mandate={
            "document": mandate.document,
            "authority": mandate.authority,
            "from": mandate.valid_from.isoformat(),
            "to": mandate.valid_to.isoformat(),
        },
        versions=audited.versions,
    )


def _members(done: Calibrated, bundle_sha256: str) -> dict[str, Any]:
    about, report = done.about, done.report
    members = {name: getattr(report, name) for name in report.__slots__}
    return {
        "service_date": about.service_date,
        "bundle_sha256": bundle_sha256,
        "versions": about.versions,
        "matcher": about.matcher,
        "mandate": about.mandate,
        "trusted": members.pop("trusted"),
        "warnings": [_warning(t) for t in done.troubles],
        **members,
    }


def _warning(t: Trouble) -> Mapping[str, Any]:
    words = {lang: trouble_words(t, lang) for lang in LANGUAGES}
    return {
        "code": t.code,
        "cameras": list(t.cameras),
        "what": {lang: both[0] for lang, both in words.items()},
        "what_to_do": {lang: both[1] for lang, both in words.items()},
    }


def show_calibrated(done: Calibrated, lang: str, quiet: bool, as_json: bool) -> None:
    """Print the main figures, what is wrong and what to do, and where the report is."""
    if as_json:
        typer.echo(json.dumps(_summary(done), ensure_ascii=False))
        return
    if quiet:
        return
    table(say("Evidence of faces", lang), [say("Figure", lang), say("Number", lang)], _main_figures(done, lang))
    for t in done.troubles:
        what, what_to_do = trouble_words(t, lang)
        typer.echo(say("Warning", lang) + f": {one_line(what)} {one_line(what_to_do)}")
    typer.echo(say("Report", lang) + f": {safe_text(str(done.page(lang)))}")


def _main_figures(done: Calibrated, lang: str) -> Sequence[Sequence[str]]:
    report = done.report
    trusted = say("yes", lang) if report.trusted else say("no", lang)
    rows = [
        [say("The model is trusted", lang), trusted],
        [say("Scores of declared instructors", lang), f"{report.learnt.genuine:,}"],
        [say("Comparisons with people who cannot be there", lang), f"{report.learnt.comparisons:,}"],
    ]
    if report.lesson is not None:
        rows += [
            [say("Cllr (0 perfect, 1 says nothing)", lang), f"{report.lesson.cost.total:.4f}"],
            [say("Cllr_cal: lost to calibration", lang), f"{report.lesson.cost.calibration:.4f}"],
            [say("Misleading: others above 1", lang), percent(report.lesson.misleading_different)],
        ]
    first = report.thresholds[0]
    return [*rows, [say("False-match rate", lang) + f" ({first.threshold:g})", percent(first.rate)]]


def _summary(done: Calibrated) -> dict[str, Any]:
    report = done.report
    lesson = report.lesson
    return {
        "service_date": done.about.service_date,
        "trusted": report.trusted,
        "genuine": report.learnt.genuine,
        "comparisons": report.learnt.comparisons,
        "cllr": None if lesson is None else lesson.cost._asdict(),
        "expected_calibration_error": None if lesson is None else lesson.expected_calibration_error,
        "warnings": [{"code": t.code, "cameras": list(t.cameras)} for t in done.troubles],
        "pages": {lang: str(done.page(lang)) for lang in LANGUAGES},
        "record": str(done.out / "calibration.json"),
    }
