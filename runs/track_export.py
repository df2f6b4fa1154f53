"""The command `track`: one vehicle's service day as a file for GIS, data frames, or whatever shows a track."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import typer

from feeds.faults import Fault, UnusableInput
from reports.one_file import whole_file
from reports.track_gis import write_geopackage, write_geoparquet
from reports.track_tables import TrackTables, track_tables
from reports.track_text import LeftOut, write_gpx, write_mf_json
from runs.show import safe_text
from runs.vehicle_days import OpenDay, open_day
from runs.words import say

FORMS: dict[str, tuple[str, Callable[[Path, TrackTables], LeftOut | None]]] = {
    "geopackage": (".gpkg", write_geopackage),
    "geoparquet": (".parquet", write_geoparquet),
    "mfjson": (".mf.json", write_mf_json),
    "gpx": (".gpx", write_gpx),
}
"""What a person asks for: suffix and writer."""
_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Export:
    """What was written. `datum` and `declared_datum` differ where the feed's positions fit another than declared;
    `refused` counts rows of the feed, whatever vehicle they were about."""

    file: str
    vehicle_id: str
    service_date: str
    fixes: int
    spans: int
    stops: int
    trainings: int
    unusable_left_out: int
    alone_left_out: int
    feed: str
    declared_datum: str
    datum: str
    refused: int
    warnings: tuple[str, ...]


def export_track(bundle: Path, vehicle_id: str, day: date, form: str, out: Path | None = None) -> Export:
    """Write one vehicle's service day; without `out` into the current folder.

    Raises `UnusableInput` for a bundle that cannot be read, a vehicle that is not registered that day or has no fix,
    and `OutRefused` for a file that cannot be written.
    """
    suffix, write = FORMS[form]
    opened = open_day(bundle, day)
    tables = _tables(opened, vehicle_id)
    path = out or Path(file_name(vehicle_id, day, suffix))
    with whole_file(path, suffix) as file:
        left_out = write(file, tables) or LeftOut()
    return _export(opened, tables, path, left_out)


def _tables(opened: OpenDay, vehicle_id: str) -> TrackTables:
    for day in opened.vehicle_days({vehicle_id}):
        return track_tables(day, opened.door.sources.trace)
    feed, when = ", ".join(opened.facts.feeds[vehicle_id]), opened.facts.day.date.isoformat()
    hint = "Check --date; `trajaudit validate` names rows that were refused."
    raise UnusableInput([Fault(f"tracks/{feed}", f"no fix of this vehicle on {when}", found=vehicle_id, hint=hint)])


def _export(opened: OpenDay, tables: TrackTables, path: Path, left_out: LeftOut) -> Export:
    feed = opened.facts.feeds[tables.vehicle_id][0]
    declared = opened.door.feeds[feed].context.config.datum
    read_as = opened.door.corrected.get(feed, declared)
    return Export(
        file=str(path),
        vehicle_id=tables.vehicle_id,
        service_date=tables.service_date.isoformat(),
        fixes=tables.fixes.num_rows - left_out.unusable - left_out.alone,
        spans=tables.spans.num_rows,
        stops=tables.stops.num_rows,
        trainings=tables.trainings.num_rows,
        unusable_left_out=left_out.unusable,
        alone_left_out=left_out.alone,
        feed=feed,
        declared_datum=declared.value,
        datum=f"{declared.value}-twice" if read_as is None else read_as.value,
        refused=opened.ledger.account(f"tracks/{feed}").rejected.total(),
        warnings=tuple(opened.ledger.warnings),
    )


def file_name(vehicle_id: str, day: date, suffix: str) -> str:
    """Return a file name that no vehicle_id can misuse; what is not plain is left out and told apart by a digest.

    >>> file_name("V0001", date(2026, 3, 18), ".gpx")
    'V0001-2026-03-18.gpx'
    >>> file_name("../V1", date(2026, 3, 18), ".gpx")
    'V1-b67fbb14-2026-03-18.gpx'
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", "", vehicle_id).lstrip("-")[:_NAME_CHARS]
    if plain != vehicle_id or not plain:
        digest = hashlib.sha256(vehicle_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        plain = f"{plain or 'vehicle'}-{digest}"
    return f"{plain}-{day.isoformat()}{suffix}"


def show_export(export: Export, lang: str, quiet: bool, as_json: bool) -> None:
    """Print what was written; on stderr what is not in it, and what the file does not say itself."""
    if as_json:
        typer.echo(json.dumps(asdict(export), ensure_ascii=False))
        return
    if quiet:
        return
    for line in _notes(export, lang):
        typer.echo(safe_text(" ".join(line.splitlines())), err=True)
    counts = say("{fixes} fixes, {spans} spans, {stops} stops, {trainings} trainings", lang).format(**asdict(export))
    typer.echo(f"{safe_text(' '.join(export.file.splitlines()))}: {counts}")


def _notes(export: Export, lang: str) -> list[str]:
    told = asdict(export)
    notes = []
    if export.unusable_left_out:
        text = say(
            "{unusable_left_out} unusable fixes (sent again, spikes, a clock that stood ...) are left out.", lang
        )
        notes.append(text.format(**told))
    if export.alone_left_out:
        notes.append(say("{alone_left_out} fixes alone between two silences are left out.", lang).format(**told))
    if export.datum != export.declared_datum:
        text = say("Feed {feed}: declared as {declared_datum}, read as {datum}, which fits the approved places.", lang)
        notes.append(text.format(**told))
    if export.refused:
        text = say("{refused} rows of feed {feed} were refused; `trajaudit validate` names them.", lang)
        notes.append(text.format(**told))
    return [*notes, *(say("Warning", lang) + f": {warning}" for warning in export.warnings)]
