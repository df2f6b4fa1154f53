"""Erasing face records from a bundle, for the command line."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import typer

from feeds.erase import Erasure, erase_faces_before, erase_person
from feeds.faults import Fault, UnusableInput
from runs.words import say


def erase_from(bundle: Path, person_id: str | None, before: date | None) -> Erasure:
    """Erase one person's face records, or all before a date; raises `UnusableInput` where neither or both are named."""
    if (person_id is None) == (before is None):
        raise UnusableInput([Fault("erase", "needs one of --person and --faces-before", code="bad-option")])
    if not bundle.is_dir():
        raise UnusableInput([Fault(str(bundle), "is not a folder", hint="Name the bundle's folder, unpacked.")])
    today = datetime.now().astimezone().date()
    if person_id is not None:
        return erase_person(bundle, person_id, today)
    assert before is not None
    return erase_faces_before(bundle, before, today)


def show_erasure(erasure: Erasure, lang: str, as_json: bool) -> None:
    """Print how many records went from which file."""
    if as_json:
        files = [{"file": f.file, "erased": f.erased} for f in erasure.files]
        typer.echo(json.dumps({"on": erasure.on.isoformat(), "what": erasure.what, "files": files}))
        return
    for file in erasure.files:
        typer.echo(say("{file}: {n} face records erased", lang).format(file=file.file, n=file.erased))
    if not erasure.files:
        typer.echo(say("Nothing to erase.", lang))
