"""The sample city through the real door: what has nothing to do with a finding changes none."""

from __future__ import annotations

import gzip
import random
from datetime import date
from pathlib import Path

import pytest

from audit.compare import compare
from runs.audited import Audited, audit_bundle
from runs.progress import Silent
from runs.whatif import answers_of
from tests.runs.conftest import CITY, DATE, copy_city


def audited(bundle: Path) -> Audited:
    return audit_bundle(bundle, date.fromisoformat(DATE), Silent())


@pytest.fixture(scope="module")
def city() -> Audited:
    return audited(CITY)


def assert_same(city: Audited, other: Audited) -> None:
    assert len(city.findings) > 10
    found = compare(answers_of(city), answers_of(other))
    assert [(m.status, m.finding.rule, m.finding.vehicle_id, m.changes) for m in found.differing] == []
    assert found.is_empty


def test_a_school_without_cars_and_places_changes_nothing(city: Audited, tmp_path: Path) -> None:
    copy = copy_city(tmp_path)
    with (copy / "schools.csv").open("a", encoding="utf-8") as file:
        file.write("S999,无关驾校,410100\n")
    assert_same(city, audited(copy))


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_lines_of_all_registers_and_csv_tracks_change_nothing(
    city: Audited, tmp_path: Path, seed: int
) -> None:
    copy, dice = copy_city(tmp_path), random.Random(seed)
    files = [*copy.glob("*.csv"), *(copy / "tracks").rglob("*.csv.gz")]
    assert len(files) > 12
    for file in files:
        packed = file.suffix == ".gz"
        text = (gzip.decompress(file.read_bytes()) if packed else file.read_bytes()).decode("utf-8")
        head, *lines = text.splitlines(keepends=True)
        dice.shuffle(lines)
        data = (head + "".join(lines)).encode("utf-8")
        file.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    assert_same(city, audited(copy))


def test_a_track_in_two_files_cut_at_noon_is_the_same_track(city: Audited, tmp_path: Path) -> None:
    copy = copy_city(tmp_path)
    file = copy / "tracks" / "terminal" / "TV0011.csv.gz"
    head, *lines = gzip.decompress(file.read_bytes()).decode("utf-8").splitlines(keepends=True)
    cut = next(i for i, line in enumerate(lines) if "T12:" in line)
    for name, part in (("TV0011.a.csv", lines[:cut]), ("TV0011.b.csv", lines[cut:])):
        (file.parent / name).write_text(head + "".join(part), encoding="utf-8")
    file.unlink()
    assert_same(city, audited(copy))
