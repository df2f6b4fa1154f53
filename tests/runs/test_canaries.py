"""Nothing of a car out of scope and of a person off the list is left anywhere by a run: searched byte by byte."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.feeds.viid_makers import face, vehicle
from tests.runs.conftest import CITY, Answer, audit

OFF_THE_LIST = ("CANARYPERSON1", "CANARYPERSON2")
STRANGE_PLATES = ("豫Y98765", "豫Y13579", "粤B24680")
PAYLOAD = {
    "IDNumber": "510101199001010015", "Name": "张三丰甲", "UsedName": "USEDNAMECANARY", "EthicCode": "ETHICCANARY",
    "NationalityCode": "NATIONCANARY", "JobCategory": "JOBCANARY",
}  # fmt: skip
PICTURE = "CANARYPICTURE" * 50


def with_strangers(folder: Path) -> None:
    """Put strangers before the cameras, and people off the list beside those on it, with all that is never read."""
    path = folder / "passages.ndjson"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for n, record in enumerate(lines):
        for seen in record["faces"]:
            seen["candidates"].append({"person_id": OFF_THE_LIST[n % 2], "score": 0.56})
            seen |= {"gender": "CANARYGENDER", "name": PAYLOAD["Name"], "image": PICTURE}
        record |= {"owner": "CANARYOWNER"}
    strange = [{**lines[0], "passage_id": f"X{n}", "plate": plate} for n, plate in enumerate(STRANGE_PLATES * 5)]
    broken = [{**lines[1], "passage_id": "B1", "shot_time": f"not a time {STRANGE_PLATES[0]}"}]
    told = [json.dumps(record, ensure_ascii=False) for record in [*lines, *strange, *broken]]
    path.write_text("\n".join([*told, '{"plate": "' + STRANGE_PLATES[1]]) + "\n", "utf-8")
    (folder / "passages").mkdir()
    cars = [vehicle(PlateNo=plate, TollgateID="K01", SourceID=f"S{n}") for n, plate in enumerate(STRANGE_PLATES)]
    cars.append(vehicle(PlateNo="豫Z1020学", TollgateID="K01", SourceID="S9"))
    subimages = {"SubImageInfoObject": [{"Type": "05", "Data": PICTURE}]}
    faces = [face(SourceID=f"S{n}", SubImageList=subimages, **PAYLOAD) for n in (0, 1, 2, 9)]
    push: dict[str, Any] = {
        "MotorVehicleObjectList": {"MotorVehicleObject": cars},
        "FaceListObject": {"FaceObject": faces},
    }
    whole = {"SubscribeNotificationListObject": {"SubscribeNotificationObject": [push]}}
    (folder / "passages" / "push.json").write_text(json.dumps(whole, ensure_ascii=False), "utf-8")
    (folder / "passages" / "torn.json").write_text(json.dumps(whole, ensure_ascii=False)[:900], "utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    folder = tmp_path_factory.mktemp("canaries")
    shutil.copytree(CITY, folder / "city")
    with_strangers(folder / "city")
    return folder / "out", audit(folder / "city", folder / "out", "--leads")


def everything(out: Path, answer: Answer) -> Iterator[tuple[str, bytes]]:
    """Every byte that the run wrote or said, Parquet and gzip unpacked as well."""
    yield "stdout", answer.out.encode()
    yield "stderr", answer.err.encode()
    for path in sorted(
        p for p in out.parent.rglob("*") if p.is_file() and "city" not in p.relative_to(out.parent).parts
    ):
        data = path.read_bytes()
        yield str(path), data
        if path.suffix == ".parquet":
            yield (
                f"{path} as rows",
                json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False).encode(),
            )
        if path.suffix == ".gz":
            yield f"{path} unpacked", gzip.decompress(data)


def forms(text: str) -> set[bytes]:
    """A text as files may hold it: UTF-8, GB18030, and with JSON's escapes."""
    return {text.encode(), text.encode("gb18030"), json.dumps(text)[1:-1].encode()}


def test_the_run_saw_them_and_found_what_it_should_all_the_same(run: tuple[Path, Answer]) -> None:
    out, answer = run
    assert answer.code == 0, answer.err
    record = json.loads((out / "run.json").read_text("utf-8"))
    assert record["passages"]["dropped"]["out-of-scope"] > 400
    assert record["coverage"]["candidates"]["dropped"]["not-enrolled"] > 400
    found = {f["properties"]["rule"] for f in json.loads((out / "findings.geojson").read_text("utf-8"))["features"]}
    assert {"safety-officer-instructing", "instructor-substitution", "plate-conflict"} <= found


@pytest.mark.parametrize(
    "canary", [*OFF_THE_LIST, *STRANGE_PLATES, *PAYLOAD.values(), "CANARYPICTURE", "CANARYGENDER", "CANARYOWNER"]
)
def test_nothing_of_them_is_in_anything_that_the_run_wrote_or_said(run: tuple[Path, Answer], canary: str) -> None:
    for where, data in everything(*run):
        assert not any(form in data for form in forms(canary)), f"{canary} in {where}"


def test_the_search_finds_what_is_there(run: tuple[Path, Answer]) -> None:
    """A registered plate and the person of a finding are in the outputs: the search itself works."""
    for there in ("豫Z1020学", "P00071"):
        assert any(form in data for _, data in everything(*run) for form in forms(there))


def test_people_of_no_finding_are_nowhere_on_the_maps(run: tuple[Path, Answer]) -> None:
    """Nor is a person's key: maps call people by their role and a number of the run."""
    out, _ = run
    pages = [page.read_bytes() for page in (out / "maps").glob("*.html")]
    assert pages
    for person in ("P00071", "P00041", "P00031", "P00049", "P00001"):
        assert not any(person.encode() in page for page in pages)


def test_rows_of_each_file_add_up(run: tuple[Path, Answer]) -> None:
    rows = json.loads((run[0] / "run.json").read_text("utf-8"))["rows"]
    for name in ("passages.ndjson", "passages", "cameras.geojson", "lookalikes.csv"):
        account = rows[name]
        assert account["read"] == account["kept"] + sum(account["rejected"].values())
    assert rows["passages.ndjson"]["rejected"]["out-of-scope"] > 400
    told = pq.read_table(run[0] / "rejects.parquet").to_pylist()
    mine = [r for r in told if r["file"].startswith("passages")]
    assert mine
    assert all(r["found"] == "" for r in mine)
