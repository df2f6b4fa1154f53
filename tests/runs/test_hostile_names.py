"""Names from outside can be anything: through a whole run they stay text, on the terminal, in files and on maps."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.runs.conftest import Run, audit, copy_city, edit, findings, trajaudit

SCRIPT = "</script><script>window.__pwned=1</script>"
FORMULA = "=HYPERLINK(0)<img src=x onerror=window.__pwned=1>"
STEERING = "\x1b[31m\x1b]0;owned\x07"
CAR = {"V0006": FORMULA}
"""V0006 trains undeclared, so its name stands in a finding."""


def hostile_city(folder: Path) -> Path:
    """The sample city with a car, a trainee, a session, a school, a zone and a file that mean harm."""
    city = copy_city(folder)
    for name in ("vehicles.csv", "sessions.csv"):
        edit(city / name, "V0006,", f"{CAR['V0006']},")
    edit(city / "vehicles.csv", "豫Z", f"{STEERING}豫Z")
    edit(city / "sessions.csv", ",T420117,", f",+{SCRIPT},")
    edit(city / "sessions.csv", "S000032", f"@{SCRIPT}")
    edit(city / "schools.csv", "柳湾驾校", f"{SCRIPT}{STEERING}")
    zones = (city / "zones.geojson").read_text(encoding="utf-8")
    named = zones.replace("柳湾训练场", json.dumps(f"{SCRIPT}{STEERING}\u202e")[1:-1])
    assert named != zones
    (city / "zones.geojson").write_text(named, encoding="utf-8")
    header = "terminal_id,time,lon,lat,speed_kmh,heading_deg\n"
    stranger = f"{header}{SCRIPT}{STEERING},2026-03-18T08:00:00+08:00,113.6,34.8,1,1\n"
    (city / "tracks" / "depot" / f"{FORMULA}.csv").write_text(stranger, encoding="utf-8")
    return city


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("hostile")
    run = Run(folder / "out", audit(hostile_city(folder), folder / "out", "--lang", "en"))
    assert run.answer.code == 0, run.answer.err
    return run


def test_the_terminal_gets_no_control_character(hostile_run: Run) -> None:
    said = hostile_run.answer.out + hostile_run.answer.err
    assert "window.__pwned" in said  # the stranger's terminal is said, among the warnings
    assert "owned" in said
    assert {c for c in said if not c.isprintable()} <= {"\n", "\t"}


def test_the_findings_keep_the_names_as_they_are(hostile_run: Run) -> None:
    found = findings(hostile_run.out)
    assert CAR["V0006"] in {f["vehicle_id"] for f in found}
    assert f"+{SCRIPT}" in {f["trainee_id"] for f in found}
    rows = pq.read_table(hostile_run.out / "findings.parquet").to_pylist()
    assert [row["vehicle_id"] for row in rows] == [f["vehicle_id"] for f in found]


def test_no_cell_of_a_spreadsheet_is_a_formula(hostile_run: Run) -> None:
    armed = []
    for name in ("findings.csv", "not_assessed.csv"):
        text = (hostile_run.out / name).read_bytes().decode("utf-8-sig")
        for row in csv.reader(io.StringIO(text, newline="")):
            armed += [cell for cell in row if cell.lstrip()[:1] in tuple("=+-@") and not cell.lstrip()[1:2].isdigit()]
    assert armed == []
    assert f"'{FORMULA}" in (hostile_run.out / "findings.csv").read_text(encoding="utf-8-sig").replace('""', '"')


def test_no_file_name_is_made_of_a_name_from_outside_as_it_is(hostile_run: Run) -> None:
    maps = hostile_run.out / "maps"
    names = {path.name for path in maps.rglob("*")}
    assert all(name.replace("-", "").replace(".", "").isalnum() for name in names), names
    assert {path.parent for path in maps.rglob("*")} == {maps}


def test_a_fault_tells_hostile_text_without_steering_the_terminal(tmp_path: Path) -> None:
    city = copy_city(tmp_path)
    zones = json.loads((city / "zones.geojson").read_text(encoding="utf-8"))
    zones["features"][0]["properties"]["valid_from"] = f"{STEERING}\nzones.geojson, row 9: all is well"
    (city / "zones.geojson").write_text(json.dumps(zones), encoding="utf-8")
    for answer in (audit(city, tmp_path / "out"), trajaudit("validate", city)):
        assert answer.code == 2
        assert {c for c in answer.err if not c.isprintable()} <= {"\n"}
        told = [line for line in answer.err.splitlines() if "all is well" in line]
        assert told
        assert all("row 1, field valid_from" in line for line in told)
