"""Work findings out again from their bundle and say whether they are the same, or what differs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from audit.crew_night import CREW_RULES
from feeds.erase import Erasure, erasures
from feeds.faults import Fault, UnusableInput
from reports.geojson import feature
from runs.audited import audit_bundle
from runs.progress import Progress, Silent
from runs.recorded import Feature, recorded_features
from runs.words import say

_DIGEST = "content_digest"


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One finding worked out again; `differences` is empty where it is the same."""

    finding_id: str
    differences: tuple[str, ...]


def reproduce_findings(
    out: Path,
    bundle: Path,
    which: str,
    office: Path | None = None,
    progress: Progress | None = None,
    lang: str = "en",
) -> list[Reproduction]:
    """Reproduce one finding of a run (by its id) or `all` of them.

    Raises `UnusableInput` where OUT has no such finding or is no run.
    """
    recorded, run = recorded_features(out)
    wanted = recorded if which == "all" else {k: v for k, v in recorded.items() if k == which}
    if not wanted and which != "all":
        some = ", ".join(sorted(recorded)[:5])
        fault = Fault(f"{out}/findings.geojson", "no such finding", found=which, expected=f"one of {some} ...")
        raise UnusableInput([fault])
    day = date.fromisoformat(run["service_date"])
    again = audit_bundle(bundle, day, progress or Silent(), office=office, only=_cars(wanted, which))
    local = again.bundle.config.local
    found = {f.finding_id: json.loads(json.dumps(feature(f, local))) for f in again.findings}
    told = {k: _differences(v, found.get(k), lang) for k, v in wanted.items()}
    gone = erasures(bundle)
    told = {k: _unless_erased(wanted[k], lines, gone, lang) for k, lines in told.items()}
    if run["bundle_sha256"] != again.bundle_sha256:  # by itself no difference: it may have changed elsewhere
        cause = _then_now("bundle_sha256", run["bundle_sha256"][:16], again.bundle_sha256[:16], lang)
        told = {k: [cause, *lines] if lines else [] for k, lines in told.items()}
    return [Reproduction(k, tuple(lines)) for k, lines in told.items()]


def _unless_erased(before: Feature, lines: list[str], gone: Sequence[Erasure], lang: str) -> list[str]:
    """Return the differences, or that face records which the finding rests on were erased since.

    Where nothing differs but the digests of the files from which something was erased, the finding is the same.
    """
    read = before["properties"]["evidence"].get("registers") or {}
    named = set(read.items())
    files: dict[str, Erasure] = {}
    for erasure in gone:  # the first first: what one left, the next found
        for file in erasure.files:
            if (file.file, file.sha256_before) in named:
                named.add((file.file, file.sha256_after))
                files[file.file] = erasure
    other = [line for line in lines if not line.startswith(tuple(f"evidence.registers.{f}:" for f in files))]
    if not files or not other:
        return other
    last = max(files.values(), key=lambda erasure: erasure.on)
    said = say("face records that it rests on were erased on {date}: it cannot be worked out again", lang)
    also = tuple(f"evidence.{part}." for part in ("registers", "versions", "parameters", "inputs"))
    return [said.format(date=last.on.isoformat()), *(line for line in other if line.startswith(also))]


def _cars(wanted: dict[str, Feature], which: str) -> frozenset[str] | None:
    """Return the cars to audit again; None (all) where a finding rests on several cars, a feed or a whole night."""
    rules = {f["properties"]["rule"] for f in wanted.values()}
    if which == "all" or rules & {"over-hours", "feed-datum", *CREW_RULES}:
        return None
    return frozenset(f["properties"]["vehicle_id"] for f in wanted.values())


def _differences(before: Feature, after: Feature | None, lang: str) -> list[str]:
    if after is None:
        return [say("the finding is gone", lang)]
    lines = _compare("", before["properties"], after["properties"], lang)
    if before["geometry"] != after["geometry"]:
        lines.append(say("geometry: another line", lang))
    # The digest differs because something else does; alone, it is a difference of its own.
    return [line for line in lines if not line.startswith(f"{_DIGEST}:")] or lines


def _compare(path: str, before: Any, after: Any, lang: str) -> list[str]:
    """Return the places at which two JSON values differ, with what stood there."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            line
            for key in sorted({*before, *after})
            for line in _compare(f"{path}.{key}" if path else key, before.get(key), after.get(key), lang)
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [line for i, (b, a) in pairs for line in _compare(f"{path}[{i}]", b, a, lang)]
    return [] if before == after else [_then_now(path, before, after, lang)]


def _then_now(place: str, before: Any, after: Any, lang: str) -> str:
    said = say("{place}: {before} then, {after} now", lang)
    return said.format(place=place, before=_short(before), after=_short(after))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
