"""The main job: audit one service day of one bundle and write the outputs, whole or not at all."""

from __future__ import annotations

import gc
import resource
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from audit.finding import Finding
from audit.leads import leads_of
from audit.reasons import REASONS
from reports.csv_files import findings_csv, not_assessed_csv
from reports.geojson import findings_geojson
from reports.leads_csv import leads_csv
from reports.parquet import write_findings_parquet
from reports.publish import Staging, check_out
from reports.rejects import write_rejects_parquet
from reports.run_json import RunRecord, run_json
from runs.audited import Audited, audit_bundle
from runs.clips import ClipTemplate
from runs.coverage import statement
from runs.map_files import reason_counts, write_maps
from runs.progress import Progress, Silent


@dataclass(frozen=True, slots=True)
class Job:
    """What to audit and where to put the answers."""

    bundle: Path
    date: date
    out: Path
    lang: str = "zh"
    jobs: int = 1
    office: Path | None = None
    leads: bool = False
    clips: ClipTemplate | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run wrote: the record of `run.json`, the findings, and the map to open."""

    record: RunRecord
    findings: tuple[Finding, ...]
    index: Path


def run_audit(job: Job, progress: Progress | None = None) -> Outcome:
    """Audit and write OUT. Raises `UnusableInput` for a bundle that cannot be audited and `OutRefused` for OUT."""
    with _long_lived():
        return _run(job, progress or Silent())


@contextmanager
def _long_lived() -> Iterator[None]:
    """Spare the collector what was there before: it would look through all objects of the libraries, in vain."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _run(job: Job, progress: Progress) -> Outcome:
    check_out(job.out)
    audited = audit_bundle(job.bundle, job.date, progress, job.jobs, job.office)
    run_id = f"{job.date.isoformat()}-{secrets.token_hex(4)}"
    with Staging(job.out) as folder:
        with audited.watch.measure("maps"):
            write_maps(folder / "maps", audited, run_id, job.lang, progress, job.clips)
        with audited.watch.measure("reports"):
            _write_reports(folder, audited)
            if job.leads:
                _write_leads(folder, audited)
        record = record_of(audited, job.date, run_id)
        (folder / "run.json").write_bytes(run_json(record))
    return Outcome(record, tuple(audited.findings), job.out / "maps" / "index.html")


def _write_reports(folder: Path, audited: Audited) -> None:
    local = audited.bundle.config.local
    (folder / "findings.geojson").write_bytes(findings_geojson(audited.findings, local))
    write_findings_parquet(folder / "findings.parquet", audited.findings, local)
    (folder / "findings.csv").write_bytes(findings_csv(audited.findings, local))
    not_assessed = audited.night.verdicts.not_assessed
    (folder / "not_assessed.csv").write_bytes(not_assessed_csv(not_assessed, local, REASONS))
    write_rejects_parquet(folder / "rejects.parquet", audited.ledger.rejects)


def _write_leads(folder: Path, audited: Audited) -> None:
    facts = audited.night.facts
    found = frozenset((f.rule, f.vehicle_id or "", f.person_id) for f in audited.findings)
    (folder / "leads.csv").write_bytes(leads_csv(leads_of(facts, found), facts.day.local))


def record_of(audited: Audited, day: date, run_id: str) -> RunRecord:
    """Return the account of a run, as `run.json` has it."""
    verdicts = audited.night.verdicts
    return RunRecord(
        run_id=run_id,
        service_date=day,
        bundle_sha256=audited.bundle_sha256,
        versions=audited.versions,
        rows=audited.ledger.rows(),
        passages=audited.passages.as_dict(),
        findings=Counter(f.rule for f in audited.findings),
        not_assessed=reason_counts(verdicts.not_assessed),
        coverage=statement(audited.night) | audited.passages.sightings(),
        seconds=audited.watch.seconds,
        peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        warnings=tuple(audited.ledger.warnings),
    )
