"""The command as a person starts it, and one audit of the sample city that many tests look at."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.runs.filled_office import (
    night_backup,
    night_place,
    office,
    pg_night,
    says,
    sqlite_night,
    sqlite_office,
    sqlite_says,
)

# The office at work: one nightly a session.
__all__ = ["night_backup", "night_place", "office", "pg_night", "says", "sqlite_night", "sqlite_office", "sqlite_says"]

ROOT = Path(__file__).resolve().parents[2]
CITY = ROOT / "sample_data" / "city"
DATE = "2026-03-18"


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRAJAUDIT_")}
    return {**kept, "COLUMNS": "80", **(changes or {})}


def trajaudit(*arguments: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Answer:
    """Run the command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "runs.cli", *map(str, arguments)],
        cwd=cwd,
        env=environment(env),
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def audit(bundle: Path, out: Path, *options: str | Path, date: str = DATE) -> Answer:
    return trajaudit("audit", bundle, "--date", date, "--out", out, *options)


def features(out: Path) -> list[dict[str, Any]]:
    return json.loads((out / "findings.geojson").read_text(encoding="utf-8"))["features"]


def findings(out: Path) -> list[dict[str, Any]]:
    return [feature["properties"] for feature in features(out)]


def run_record(out: Path) -> dict[str, Any]:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, hidden ones too."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def copy_city(folder: Path) -> Path:
    return Path(shutil.copytree(CITY, folder / "city"))


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file (gzipped or not) where it stands, all of it; it must stand there."""
    raw = path.read_bytes()
    packed = raw.startswith(b"\x1f\x8b")
    text = (gzip.decompress(raw) if packed else raw).decode("utf-8")
    assert old in text, f"{path.name} does not say {old!r}"
    changed = text.replace(old, new).encode("utf-8")
    path.write_bytes(gzip.compress(changed, mtime=0) if packed else changed)


@dataclass(frozen=True)
class Run:
    """One audit: its folder and what the terminal saw."""

    out: Path
    answer: Answer


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The sample city, audited once, in a pipe."""
    out = tmp_path_factory.mktemp("sample") / "out"
    run = Run(out, audit(CITY, out))
    assert run.answer.code == 0, run.answer.err
    return run
