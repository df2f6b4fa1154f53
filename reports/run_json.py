"""`run.json`: the account of a run: from which bytes, by which versions, how many rows, how long."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from reports.plain import ReportFault, json_text, plain

SCHEMA = 1
VERSIONS = ("program", "rules", "geos", "numpy")

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The members of `run.json` in the order of the contract; checked when made, all faults in one ReportFault.

    `rows` is {file or feed: {read, kept, flagged: {flag: n}, rejected: {reason: n}}}: a row is kept or rejected, a
    flagged one is kept and counted under each of its flags as well. `findings` is {rule: n}, `not_assessed` is
    {rule: {reason: n}}, `coverage` says what was seen of whom (schools, feeds, feeds side by side), `seconds` is
    {stage: s} in the order the stages ran.
    """

    run_id: str
    service_date: date
    bundle_sha256: str
    versions: Mapping[str, str]
    rows: Mapping[str, Mapping[str, Any]]
    passages: Mapping[str, Any]
    findings: Mapping[str, int]
    not_assessed: Mapping[str, Mapping[str, int]]
    coverage: Mapping[str, Any]
    seconds: Mapping[str, float]
    peak_rss_mb: float
    warnings: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse an account that does not add up."""
        faults = list(_faults(self))
        if faults:
            raise ReportFault("run.json: " + "; ".join(faults))


def run_json(record: RunRecord) -> bytes:
    """Return the account as indented UTF-8 JSON: members in the order of the contract, counts sorted by name.

    Times are rounded to milliseconds and memory to 0.1 MB: more digits would be noise.
    """
    members = {f.name: getattr(record, f.name) for f in fields(record)}
    members["service_date"] = record.service_date.isoformat()
    members["peak_rss_mb"] = round(float(record.peak_rss_mb), 1)
    members["warnings"] = list(record.warnings)
    written = {name: plain(value, name) for name, value in members.items()}
    written["seconds"] = {stage: round(float(s), 3) for stage, s in record.seconds.items()}
    return (json_text({"schema": SCHEMA, **written}, indent=2) + "\n").encode()


def _faults(record: RunRecord) -> Iterator[str]:
    if not record.run_id:
        yield "run_id is empty"
    if not _SHA256.fullmatch(record.bundle_sha256):
        yield f"bundle_sha256 {record.bundle_sha256!r} is not 64 hexadecimal digits"
    missing = [name for name in VERSIONS if not record.versions.get(name)]
    if missing:
        yield f"versions lack {', '.join(missing)}"
    for name, account in record.rows.items():
        yield from _row_faults(f"rows of {name}", account)
    yield from _passage_faults(record.passages)
    yield from _count_faults("findings", record.findings)
    for rule, counts in record.not_assessed.items():
        yield from _count_faults(f"not_assessed of {rule}", counts)
    for name, value in [("peak_rss_mb", record.peak_rss_mb), *record.seconds.items()]:
        if not (math.isfinite(value) and value >= 0):
            yield f"{name}: {value} is not a finite number from 0 up"


def _row_faults(where: str, account: Mapping[str, Any]) -> Iterator[str]:
    faults = list(_account_faults(where, account, ("read", "kept"), ("flagged", "rejected")))
    yield from faults
    if faults:
        return
    read, kept, rejected = account["read"], account["kept"], sum(account["rejected"].values())
    if read != kept + rejected:
        yield f"{where}: read {read} is not kept {kept} + rejected {rejected}"
    yield from (
        f"{where}: {n} flagged {flag}, more than {kept} kept" for flag, n in account["flagged"].items() if n > kept
    )


def _passage_faults(passages: Mapping[str, Any]) -> Iterator[str]:
    faults = list(_account_faults("passages", passages, ("read", "in_scope"), ("dropped",)))
    yield from faults
    if not faults and passages["in_scope"] > passages["read"]:
        yield f"passages: in_scope {passages['in_scope']} is more than read {passages['read']}"


def _account_faults(
    where: str, account: Mapping[str, Any], counts: tuple[str, ...], by_name: tuple[str, ...]
) -> Iterator[str]:
    if set(account) != {*counts, *by_name}:
        yield f"{where}: members {sorted(account)}, expected {sorted([*counts, *by_name])}"
        return
    yield from _count_faults(where, {name: account[name] for name in counts})
    for name in by_name:
        if isinstance(account[name], Mapping):
            yield from _count_faults(f"{where}, {name}", account[name])
        else:
            yield f"{where}: {name} is {account[name]!r}, not counts by name"


def _count_faults(where: str, counts: Mapping[str, Any]) -> Iterator[str]:
    for name, n in counts.items():
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            yield f"{where}: {name} is {n!r}, not a count"
