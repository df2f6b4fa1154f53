"""What counts in a store as one digest: stores that came to the same by different ways have the same. Reads only.

No moment at which something was written, no run's id and no running number is part of it, so neither is how often a
run was begun before one got through.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables.access import AccessEntry
from store.tables.casework import CaseEvent, CaseRow, SpotCheck
from store.tables.nights import Ingest, Night, NightFile, Partition, PassageSet
from store.tables.registers import RegisterVersion
from store.tables.results import FindingRow, NotAssessedRow, Notice, VehicleDay

_OF_THE_MOMENT = frozenset({"run_id", "due_ms", "at_ms"})
"""Keys of payloads that tell of when and by which run it was written."""
_NOW, _EVER = True, False

_PARTS: Mapping[str, tuple[type[Any], bool, tuple[str, ...]]] = {
    "findings": (FindingRow, _NOW, ("finding_id", "content_digest")),
    "not assessed": (
        NotAssessedRow, _NOW, ("service_date", "vehicle_id", "rule", "start_ms", "end_ms", "reason"),
    ),
    "vehicle-days": (
        VehicleDay, _EVER,
        (
            "service_date", "vehicle_id", "school_id", "district", "use", "is_assessable", "coverage", "own_key",
            "night_key", "camera_key",
        ),
    ),
    "nights": (Night, _EVER, ("service_date", "timezone", "audited_inputs", "rules")),
    "files": (NightFile, _NOW, ("service_date", "name", "feed", "sha256")),
    "registers": (RegisterVersion, _NOW, ("service_date", "register", "content")),
    "passages": (PassageSet, _NOW, ("service_date", "sha256", "path", "n_passages", "n_read", "sources", "counts")),
    "telemetry": (Partition, _NOW, ("service_date", "bucket", "path", "sha256", "n_rows")),
}  # fmt: skip
"""What stands now. The times among it are the data's own."""

_HISTORY: Mapping[str, tuple[type[Any], bool, tuple[str, ...]]] = {
    "findings ever": (FindingRow, _EVER, ("finding_id", "content_digest")),
    "not assessed ever": (NotAssessedRow, _EVER, _PARTS["not assessed"][2]),
    "files ever": (NightFile, _EVER, _PARTS["files"][2]),
    "registers ever": (RegisterVersion, _EVER, _PARTS["registers"][2]),
    "passages ever": (PassageSet, _EVER, _PARTS["passages"][2]),
    "telemetry ever": (Partition, _EVER, _PARTS["telemetry"][2]),
    "deliveries": (Ingest, _EVER, ("service_date", "content", "source", "actor", "n_files")),
    "cases": (
        CaseRow, _EVER,
        (
            "case_id", "service_date", "subject_kind", "subject_id", "school_id", "district", "state", "severity",
            "assignee", "needs_review", "is_picked", "n_events",
        ),
    ),
    "events": (CaseEvent, _EVER, ("case_id", "seq", "actor", "role", "action", "payload")),
    "spot checks": (
        SpotCheck, _EVER,
        (
            "service_date", "vehicle_id", "school_id", "district", "stratum", "stratum_size", "stratum_drawn",
            "probability", "seed_sha256", "picked_by", "reason", "outcome", "decided_by", "note",
        ),
    ),
    "outbox": (Notice, _EVER, ("event_id", "kind", "service_date", "case_id", "payload")),
    "access log": (AccessEntry, _EVER, ("actor", "role", "action", "subject_kind", "subject_id")),
}  # fmt: skip
"""How it came to stand so: another order of deliveries gives another history."""

_ABANDONED = frozenset({"superseded"})
"""States of cases of which no finding stands any more."""


def fingerprint(session: Session, *, history: bool = True) -> str:
    """Return the SHA-256 of what counts. `history` False: of what stands now, however it came to stand so."""
    return _sha(json.dumps(parts(session, history=history), sort_keys=True))


def parts(session: Session, *, history: bool = True) -> dict[str, str]:
    """Return the digest of each part, to tell where two stores differ."""
    told = {name: _many(rows) for name, rows in _rows(session, _PARTS)}
    told["open matters"] = _many(_matters(session))
    if history:
        told |= {name: _many(rows) for name, rows in _rows(session, _HISTORY)}
    return told


def _rows(
    session: Session, tables: Mapping[str, tuple[type[Any], bool, tuple[str, ...]]]
) -> Iterable[tuple[str, list[list[Any]]]]:
    for name, (table, is_now, columns) in tables.items():
        wanted = select(*(getattr(table, column) for column in columns))
        found = session.execute(wanted.where(table.superseded_ms.is_(None)) if is_now else wanted)
        yield name, [[_plain(c, value) for c, value in zip(columns, row, strict=True)] for row in found]


def _matters(session: Session) -> list[list[Any]]:
    """Return the cases of which something stands: what they are about, and where they are."""
    found = session.execute(
        select(CaseRow.case_id, CaseRow.subject_kind, CaseRow.subject_id, CaseRow.state, CaseRow.severity)
    )
    return [list(row) for row in found if row.state not in _ABANDONED]


_READ: Mapping[str, Callable[[str], Any]] = {"payload": json.loads}


def _plain(column: str, value: Any) -> Any:
    read = _READ.get(column)
    return _lasting(read(value)) if read is not None else value


def _lasting(value: Any) -> Any:
    """Return a payload without what tells of the moment.

    >>> _lasting({"basis": {"run_id": "x", "changes": {"new": 1}}, "due_ms": 5})
    {'basis': {'changes': {'new': 1}}}
    """
    if isinstance(value, Mapping):
        return {k: _lasting(v) for k, v in value.items() if k not in _OF_THE_MOMENT}
    return [_lasting(v) for v in value] if isinstance(value, list) else value


def _many(rows: Iterable[list[Any]]) -> str:
    """Return the digest of rows in whatever order; one that is there twice counts twice."""
    told = sorted(json.dumps(row, ensure_ascii=False, sort_keys=True, default=str) for row in rows)
    return _sha("\n".join([str(len(told)), *told]))


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
