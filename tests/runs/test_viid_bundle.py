"""The sample city's passages as GA/T 1400 payloads: the same findings by the other road."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.runs.conftest import CITY, Run, audit, features

SEAT_TYPES = {"driver": "04", "front_passenger": "05"}
BY_CAMERAS = {"plate-conflict", "safety-officer-instructing", "instructor-substitution"}


def payload(records: list[dict[str, Any]], spelling: str) -> dict[str, Any]:
    """One push of some passages; a face belongs to the car of its picture, the sub-image's type is its seat."""
    cars, faces = [], []
    for record in records:
        source, at = record["passage_id"], re.sub(r"\D", "", record["shot_time"][:19])
        cars.append(
            {
                "MotorVehicleID": source, "SourceID": source, "TollgateID": record["camera_id"], "PassTime": at,
                "PlateNo": record["plate"], "PlateClass": "16", "PlateReliability": str(record["plate_score"] * 100),
            }
        )  # fmt: skip
        for seen in record["faces"]:
            image = {"SubImageInfoObject": [{"Type": SEAT_TYPES[seen["seat"]]}]}
            named = seen["candidates"][:1]
            face = {"SourceID": source, "DeviceID": record["camera_id"], "FaceAppearTime": at, "SubImageList": image}
            if named:
                face |= {"IDNumber": named[0]["person_id"], "Similaritydegree": named[0]["score"]}
            faces.append(face)
    lists = (
        ("FaceObjectList", "MotorVehicleObjectList")
        if spelling == "ours"
        else ("FaceListObject", "MotorVehicleListObject")
    )
    push = {lists[0]: {"FaceObject": faces}, lists[1]: {"MotorVehicleObject": cars}}
    return {"SubscribeNotificationListObject": {"SubscribeNotificationObject": [push]}}


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pushed")
    shutil.copytree(CITY, folder / "city")
    path = folder / "city" / "passages.ndjson"
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    path.unlink()
    (folder / "city" / "passages").mkdir()
    for n in range(0, len(records), 100):
        text = json.dumps(payload(records[n : n + 100], "ours" if n % 200 else "theirs"), ensure_ascii=False)
        (folder / "city" / "passages" / f"{n:04d}.json").write_text(text, "utf-8")
    assert audit(folder / "city", folder / "out").code == 0
    return folder / "out"


def test_the_same_matters_are_found(pushed: Path, sample_run: Run) -> None:
    def matters(out: Path) -> set[tuple[str, ...]]:
        found = [f["properties"] for f in features(out)]
        return {(p["rule"], p["vehicle_id"], p["person_id"]) for p in found if p["rule"] in BY_CAMERAS}

    assert len(matters(sample_run.out)) == 3
    assert matters(pushed) == matters(sample_run.out)


def test_the_evidence_points_at_the_payloads(pushed: Path) -> None:
    seen = [s for f in features(pushed) for s in f["properties"]["evidence"].get("seen", ())]
    assert seen
    assert all(s["file"].startswith("passages/") for s in seen)


def test_all_records_are_accounted_for(pushed: Path, sample_run: Run) -> None:
    told, as_lines = (json.loads((out / "run.json").read_text("utf-8")) for out in (pushed, sample_run.out))
    assert told["passages"] == as_lines["passages"]
    account = told["rows"]["passages"]
    assert account["read"] == account["kept"] + sum(account["rejected"].values())
