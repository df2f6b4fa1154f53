"""Links to the video of passages: made of a template that is checked before anything else happens."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from runs.clips import ClipTemplate, ClipTemplateError
from tests.runs.conftest import CITY, Run, audit, trajaudit
from trajectories.clock import LocalTime

LOCAL = LocalTime("Asia/Shanghai")
TEMPLATE = "https://video.example/play?camera={camera_id}&from={from}&to={to}"
NOON_MS = 1_773_806_400_000


def test_a_clip_reaches_from_20_s_before_to_20_s_after_by_the_cameras_clock_with_every_value_encoded() -> None:
    url = ClipTemplate.of(TEMPLATE).url("C 1/卡&x=#?", NOON_MS, LOCAL)
    assert url is not None
    assert re.fullmatch(r"[A-Za-z0-9:/?&=%.\-]+", url)
    assert parse_qs(urlsplit(url).query, strict_parsing=True) == {
        "camera": ["C 1/卡&x=#?"],
        "from": ["2026-03-18T11:59:40+08:00"],
        "to": ["2026-03-18T12:00:20+08:00"],
    }


def test_a_camera_can_lead_out_of_the_templates_folder_neither_by_slashes_nor_by_dots() -> None:
    clips = ClipTemplate.of("https://video.example/clips/{camera_id}/play")
    assert clips.url("../../x", NOON_MS, LOCAL) == "https://video.example/clips/..%2F..%2Fx/play"
    assert [clips.url(name, NOON_MS, LOCAL) for name in (".", "..", "")] == [None, None, None]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("javascript:alert({camera_id})", "https:// or http://"),
        ("ftp://video.example/{camera_id}", "https:// or http://"),
        ("//video.example/{camera_id}", "https:// or http://"),
        ("https:///{camera_id}", "https:// or http://"),
        ("", "https:// or http://"),
        (
            "https://video.example/{plate}?{camera_id}",
            "unknown placeholder {plate}; expected {camera_id}, {from}, {to}",
        ),
        ("https://video.example/{camera_id.__class__}", "unknown placeholder {camera_id.__class__}"),
        ("https://video.example/{camera_id!r}", "unknown placeholder {camera_id!r}"),
        ("https://video.example/{camera_id:>99999999}", "unknown placeholder {camera_id:>99999999}"),
        ("https://video.example/{}", "unknown placeholder {}"),
        ("https://video.example/", "{camera_id} is missing"),
        ("https://video.example/{camera_id", "do not pair up"),
        ("https://video.example/{{{camera_id}}}", "placeholders only"),
        ("https://{camera_id}.example/", "before the path"),
        ("https://user:word@video.example/{camera_id}", "name and password"),
        ("https://video.example:99999/{camera_id}", "no address"),
        ("https://[::1/{camera_id}", "no address"),
        ("https://video.example/ {camera_id}", "cannot stand in an address"),
        ('https://video.example/"{camera_id}', "cannot stand in an address"),
        ("java\nscript://video.example/{camera_id}", "cannot stand in an address"),
    ],
)
def test_a_faulty_template_is_refused_with_what_was_expected(
    template: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAJAUDIT_LANG", "en")
    with pytest.raises(ClipTemplateError, match=re.escape(said)):
        ClipTemplate.of(template)


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJAUDIT_LANG", "en")
    with pytest.raises(ClipTemplateError) as refused:
        ClipTemplate.of("ftp://video.example/ {plate}")
    for said in ("{plate}", "{camera_id} is missing", "cannot stand", "https://"):
        assert said in str(refused.value)


@pytest.mark.parametrize("by_environment", [False, True])
@pytest.mark.parametrize(("lang", "said"), [("zh", "未知占位符 {plate}"), ("en", "unknown placeholder {plate}")])
def test_the_command_refuses_a_faulty_template_before_anything_is_read(
    tmp_path: Path, by_environment: bool, lang: str, said: str
) -> None:
    faulty, out = "https://video.example/{plate}/{camera_id}", tmp_path / "out"
    options = [] if by_environment else ["--clips", faulty]
    env = {"TRAJAUDIT_LANG": lang, **({"TRAJAUDIT_CLIPS": faulty} if by_environment else {})}
    answer = trajaudit("audit", tmp_path / "none", "--date", "2026-03-18", "--out", out, *options, env=env)
    assert answer.code == 2
    assert said in " ".join(answer.err.split())
    assert not out.exists()


def test_a_faulty_template_cannot_steer_the_terminal(tmp_path: Path) -> None:
    answer = trajaudit(
        "audit",
        CITY,
        "--date",
        "2026-03-18",
        "--out",
        tmp_path / "x",
        "--clips",
        "https://v.example/{\x1b]0;owned\x07}",
    )
    assert answer.code == 2
    assert {c for c in answer.err if not c.isprintable()} <= {"\n"}


# ---------------------------------------------------------------- a whole run


@pytest.fixture(scope="module")
def filmed_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("clips") / "out"
    run = Run(out, audit(CITY, out, "--clips", TEMPLATE))
    assert run.answer.code == 0, run.answer.err
    return run


def table(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((CITY / name).read_text("utf-8").splitlines()))


def layers(out: Path, name: str) -> list[dict]:
    blocks = (
        re.search(rf'id="data-{name}">(.*?)</script>', f.read_text("utf-8"))
        for f in sorted((out / "maps").glob("vehicle-*"))
    )
    return [json.loads(block.group(1)) for block in blocks if block]


def test_every_passage_on_the_maps_has_its_clip_by_the_cameras_stamp(filmed_run: Run) -> None:
    lines = map(json.loads, (CITY / "passages.ndjson").read_text("utf-8").splitlines())
    stamped = {line["passage_id"]: (line["camera_id"], line["shot_time"]) for line in lines}
    shown = [p for layer in layers(filmed_run.out, "passages") for p in layer["passages"]]
    assert len(shown) > 20
    for passage in shown:
        camera_id, shot_time = stamped[passage["id"]]
        asked = parse_qs(urlsplit(passage["clip"]).query)
        assert asked["camera"] == [camera_id]
        assert LOCAL.iso(passage["shot"]) == shot_time
        assert asked["from"] == [LOCAL.iso(passage["shot"] - 20_000)]
        assert asked["to"] == [LOCAL.iso(passage["shot"] + 20_000)]


def test_cameras_stand_where_the_bundle_says(filmed_run: Run) -> None:
    features = json.loads((CITY / "cameras.geojson").read_text("utf-8"))["features"]
    places = {f["properties"]["camera_id"]: f["geometry"]["coordinates"] for f in features}
    shown = [camera for layer in layers(filmed_run.out, "passages") for camera in layer["cameras"]]
    assert shown
    for name, lon, lat in shown:
        assert [lon, lat] == pytest.approx(places[name], abs=2e-6)


def test_a_map_shows_passages_of_its_car_only(filmed_run: Run) -> None:
    plates = {row["vehicle_id"]: row["plate"] for row in table("vehicles.csv")}
    lines = map(json.loads, (CITY / "passages.ndjson").read_text("utf-8").splitlines())
    read = {line["passage_id"]: line["plate"] for line in lines}
    for page, layer in zip(layers(filmed_run.out, "page"), layers(filmed_run.out, "passages"), strict=True):
        assert {read[p["id"]] for p in layer["passages"] if p["readSo"]} <= {plates[page["vehicle"]]}


def test_no_key_of_staff_and_no_score_is_on_any_map(filmed_run: Run) -> None:
    staff = {row["person_id"] for row in table("staff.csv")}
    scores = set(re.findall(r'"score": ([0-9.]+)', (CITY / "passages.ndjson").read_text("utf-8")))
    assert len(staff) > 10
    assert len(scores) > 10
    for file in (filmed_run.out / "maps").iterdir():
        blocks = "".join(re.findall(r'type="application/json"[^>]*>(.*?)</script>', file.read_text("utf-8")))
        assert [key for key in staff if key in blocks] == []
        assert "candidates" not in blocks
        assert '"score"' not in blocks


def test_without_a_template_no_map_has_a_link(sample_run: Run) -> None:
    shown = [p for layer in layers(sample_run.out, "passages") for p in layer["passages"]]
    assert shown
    assert {p["clip"] for p in shown} == {None}
