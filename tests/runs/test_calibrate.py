"""`calibrate`: a report on the evidence of faces, by hand where hands can count, without a person in any byte."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from runs.calibrate import Calibrated, Job, calibrate
from runs.progress import Silent
from tests.reports.test_svg import EVIL
from tests.runs.conftest import DATE, Answer, files_of, trajaudit
from tests.runs.filmed_bundle import MANDATE, Written, write_filmed

FILES = {"calibration.json", "calibration.zh.html", "calibration.en.html"}


def decoys(number: int, camera: str, vehicle_id: str) -> dict[str, float]:
    """Every fifth shot shows somebody of the other school at 0.6."""
    own = int(vehicle_id[1:]) % 2
    return {("A40", "B40")[1 - own]: 0.6} if number % 5 == 0 else {}


def run(bundle: Path, out: Path, *options: str, day: str = DATE) -> Answer:
    return trajaudit("calibrate", bundle, "--date", day, "--out", out, *options)


def measured(bundle: Path, out: Path) -> Calibrated:
    return calibrate(Job(bundle, date.fromisoformat(DATE), out), Silent())


def named_in(text: str, keys: frozenset[str]) -> list[str]:
    return [key for key in sorted(keys) if re.search(rf"(?<![0-9A-Za-z]){re.escape(key)}(?![0-9A-Za-z])", text)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_filmed(tmp_path_factory.mktemp("filmed") / "city", others=decoys)


@pytest.fixture(scope="module")
def out(bundle: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One report, in a pipe, in English."""
    folder = tmp_path_factory.mktemp("report") / "a" / "out"
    answer = run(bundle.folder, folder, "--lang", "en")
    assert answer.code == 0, answer.err
    (folder.parent / "said.txt").write_text(answer.out, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def record(out: Path) -> dict:
    return json.loads((out / "calibration.json").read_bytes())


# ---------------------------------------------------------------- what is told
def test_the_counts_are_those_of_the_bundle(record: dict) -> None:
    """Eight lessons past eight cameras, one face each; sixty instructors of the other school are its decoys."""
    n = record["learnt"]
    assert (n["occasions"], n["persons"], n["cameras"], n["undeclared"], n["taken"]) == (8, 8, 16, 0, 0)
    assert (n["captures"], n["genuine"], n["comparisons"]) == (64, 64, 64 * 60)
    assert n["decoys_shown"] == record["thresholds"][0]["false_matches"]
    assert [h["n_genuine"] for h in record["halves"]] == [32, 32]
    assert [h["n_impostor"] for h in record["halves"]] == [32 * 60, 32 * 60]
    assert (record["lesson"]["n_same"], record["lesson"]["n_different"]) == (8, 8 * 60)
    assert (record["capture"]["n_same"], record["capture"]["n_different"]) == (64, 64 * 60)


def test_the_table_of_thresholds_is_that_of_the_scores(record: dict) -> None:
    rows = record["thresholds"]
    assert [r["threshold"] for r in rows] == pytest.approx(np.linspace(0.55, 1.0, 10))
    shown = record["learnt"]["decoys_shown"]
    assert shown > 5
    assert [r["false_matches"] for r in rows] == [shown, shown, *[0] * 8]  # all at 0.6
    assert rows[0]["rate"] == shown / 3840
    assert rows[0]["hits"] == 64


def test_cameras_are_told_apart_and_few_persons_are_marked(record: dict) -> None:
    assert [c["camera_id"] for c in record["cameras"]] == sorted(
        [f"C{i}" for i in range(1, 9)] + [f"D{i}" for i in range(1, 9)]
    )
    for camera in record["cameras"]:
        assert (camera["n_faces"], camera["n_declared"], camera["n_persons"], camera["is_few"]) == (4, 4, 4, True)
        assert camera["genuine"] == sorted(camera["genuine"])
        assert camera["alarms"] == []
    assert not record["between"]["is_alarm"]


def test_a_night_in_order_is_trusted_and_without_a_warning(record: dict, out: Path) -> None:
    assert (record["schema"], record["service_date"], record["trusted"]) == (1, DATE, True)
    assert record["warnings"] == []
    assert "No warning" in (out / "calibration.en.html").read_text(encoding="utf-8")


def test_the_terminal_shows_the_main_figures_and_where_the_report_is(out: Path) -> None:
    said = (out.parent / "said.txt").read_text(encoding="utf-8")
    assert "The model is trusted\tyes" in said
    assert "Comparisons with people who cannot be there\t3,840" in said
    assert said.rstrip().endswith(str(out / "calibration.en.html"))


def test_the_same_bundle_gives_the_same_bytes(bundle: Written, out: Path, tmp_path: Path) -> None:
    assert measured(bundle.folder, tmp_path / "again").out == tmp_path / "again"
    assert files_of(tmp_path / "again") == files_of(out)


def test_json_is_one_object_without_persons(bundle: Written, tmp_path: Path) -> None:
    answer = run(bundle.folder, tmp_path / "o", "--json")
    told = answer.json()
    assert answer.err == ""
    assert (told["trusted"], told["genuine"], told["comparisons"], told["warnings"]) == (True, 64, 3840, [])
    assert set(told["pages"]) == {"zh", "en"}
    assert told["cllr"]["total"] == pytest.approx(told["cllr"]["least"] + told["cllr"]["calibration"])
    assert named_in(answer.out, bundle.keys) == []


def test_quiet_says_nothing(bundle: Written, tmp_path: Path) -> None:
    answer = run(bundle.folder, tmp_path / "o", "--quiet")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


# ---------------------------------------------------------------- people
def test_no_key_of_a_person_is_in_any_byte(bundle: Written, out: Path) -> None:
    """Keys, pseudonyms, sessions, plates: none in the files' names or bytes, the terminal's words included."""
    told = {**files_of(out), "said": (out.parent / "said.txt").read_bytes()}
    assert set(told) == FILES | {"said"}
    text = "\n".join([*told, *(content.decode() for content in told.values())])
    handed_in = (bundle.folder / "passages.ndjson").read_text(encoding="utf-8")
    assert len(bundle.keys) > 140
    assert len(named_in(handed_in, bundle.keys)) > 15  # so the search finds what is there
    assert named_in(text, bundle.keys) == []


def test_without_a_mandate_no_face_is_looked_at(tmp_path: Path) -> None:
    """Passages that would be a fault of the bundle are not even read."""
    city = write_filmed(tmp_path / "city", mandate="").folder
    (city / "passages.ndjson").unlink()
    (city / "passages.ndjson").mkdir()
    answer = run(city, tmp_path / "out")
    assert answer.code == 2
    assert "no mandate for the join with face records is in force on 2026-03-18; no face was looked at" in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("mandate", "found"),
    [
        (MANDATE.replace("2026-12-31", "2026-03-17"), "2026-01-01 to 2026-03-17, scope face-track-join"),
        (MANDATE.replace("2026-01-01", "2026-03-19"), "2026-03-19 to 2026-12-31, scope face-track-join"),
        (MANDATE.replace('"face-track-join"', ""), "scope empty"),
    ],
)
def test_a_mandate_that_does_not_cover_the_day_is_none(tmp_path: Path, mandate: str, found: str) -> None:
    answer = run(write_filmed(tmp_path / "city", mandate=mandate).folder, tmp_path / "out")
    assert answer.code == 2
    assert found in answer.err
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- OUT
def test_out_is_for_its_owner_alone(out: Path) -> None:
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in out.iterdir()} == {0o600}


def test_a_folder_with_anything_else_is_refused_before_anything_is_read(bundle: Written, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    answer = run(bundle.folder, tmp_path / "out")
    assert answer.code == 2
    assert "letter.txt" in answer.err
    assert files_of(tmp_path / "out") == {"letter.txt": b"mine"}


@pytest.mark.parametrize(
    ("gone", "words"),
    [("passages.ndjson", "nothing to measure"), ("sessions.csv", "sessions.csv"), ("bundle.toml", "bundle.toml")],
)
def test_what_is_missing_is_named_and_out_is_not_made(tmp_path: Path, gone: str, words: str) -> None:
    city = write_filmed(tmp_path / "city").folder
    (city / gone).unlink()
    answer = run(city, tmp_path / "out")
    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "out").exists()


def test_a_matcher_that_is_not_described_is_asked_for(tmp_path: Path) -> None:
    city = write_filmed(tmp_path / "city").folder
    text = (city / "bundle.toml").read_text(encoding="utf-8")
    (city / "bundle.toml").write_text(re.sub(r"\[matcher\].*?\n\n", "", text, flags=re.DOTALL), encoding="utf-8")
    answer = run(city, tmp_path / "out")
    assert answer.code == 2
    assert "the matcher is not described" in answer.err


def test_a_bundle_that_is_none_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path / "nowhere", tmp_path / "out").code == 2


# ---------------------------------------------------------------- what is wrong
def test_half_the_cameras_read_by_another_matcher_are_noticed(tmp_path: Path) -> None:
    def swapped(camera: str, score: float) -> float:
        return 0.55 + 0.5 * (score - 0.55) if int(camera[1:]) % 2 else score

    done = measured(write_filmed(tmp_path / "city", score=swapped, others=decoys).folder, tmp_path / "out")
    assert "cameras-differ" in [t.code for t in done.troubles]
    warnings = json.loads((tmp_path / "out" / "calibration.json").read_bytes())["warnings"]
    told = next(w for w in warnings if w["code"] == "cameras-differ")
    for lang in ("zh", "en"):
        page = (tmp_path / "out" / f"calibration.{lang}.html").read_text(encoding="utf-8")
        assert told["what"][lang] in page
        assert told["what_to_do"][lang].split("'")[0] in page
        assert 'class="state bad"' in page


def test_too_few_scores_are_said_and_the_model_is_not_trusted(tmp_path: Path) -> None:
    """All scores of six of the eight lessons fall below the matcher's threshold: 16 are left, of two instructors."""
    done = measured(
        write_filmed(tmp_path / "city", score=lambda c, s: s if c in {"C1", "C2", "D1", "D2"} else 0.0).folder,
        tmp_path / "out",
    )
    assert done.report.learnt.genuine == 16
    assert not done.report.trusted
    assert [t.code for t in done.troubles][:2] == ["few-genuine", "not-held-out"]
    page = (tmp_path / "out" / "calibration.zh.html").read_text(encoding="utf-8")
    assert "申报教练员在自己座位上的分值只有 16 个;至少需要 50 个。" in page
    assert "模型不可信" in page


# ---------------------------------------------------------------- the pages
@pytest.fixture
def shown(browser: Browser) -> Iterator:
    """Opens a page without a network and without scripts, and keeps what it asked for and complained of."""
    contexts = []

    def show(file: Path, width: int = 1280) -> tuple[Page, list[str]]:
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
        contexts.append(context)
        page, said = context.new_page(), []
        page.on("request", lambda request: said.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.goto(file.as_uri())
        return page, said

    yield show
    for context in contexts:
        context.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_whole_by_itself_and_keeps_to_its_width(shown, out: Path, lang: str, width: int) -> None:
    file = out / f"calibration.{lang}.html"
    page, said = shown(file, width)
    assert said == [file.as_uri()]
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("section").count() == 7
    assert page.locator("figure > svg").count() == 7
    for svg in page.locator("figure > svg").all():
        box = svg.bounding_box()
        assert box is not None
        assert box["width"] > 200
    letters = page.locator("figure > svg text").all()
    assert all(letter.evaluate("e => e.getBBox().width > 0") for letter in letters[:20])
    # the style sheet applies: its hash in the policy is right
    assert page.locator("section").first.evaluate("e => getComputedStyle(e).borderTopStyle") == "solid"


def test_each_page_speaks_one_language(shown, out: Path) -> None:
    own = "测公交〔2026〕1号", "测试市公安局交通警察支队", "测试市"
    words = shown(out / "calibration.en.html")[0].locator("body").inner_text()
    for text in own:
        words = words.replace(text, "")
    assert not re.search("[\u4e00-\u9fff]", words)
    words = shown(out / "calibration.zh.html")[0].locator("body").inner_text()
    left = set(re.findall(r"[A-Za-z_]{3,}", words))
    assert left <= {"Cllr", "Cllr_min", "Cllr_cal", "PAV", "ECE", "calibration", "json", "trajaudit"}


def test_a_camera_may_bear_any_name(shown, tmp_path: Path) -> None:
    evil = EVIL.replace("\x00", "").replace("\ud800", "") + "{camera}{0}"

    def named(camera: str) -> str:
        return camera + evil

    city = write_filmed(tmp_path / "city", camera=named, name="<i>x</i>", others=decoys).folder
    done = measured(city, tmp_path / "out")
    assert done.report.cameras[0].camera_id == "C1" + evil
    for lang in ("zh", "en"):
        page, said = shown(tmp_path / "out" / f"calibration.{lang}.html")
        assert len(said) == 1
        assert page.evaluate("window.__pwned") is None
        assert page.locator("script, img, i").count() == 0
        assert "C1" + evil in page.locator("body").inner_text()


def test_a_warning_about_a_camera_with_braces_in_its_name_names_it() -> None:
    from runs.calibration_troubles import Trouble, trouble_words

    values = {"camera": "{found}{0}", "found": "+1.0", "allowed": "±0.5"}
    for lang in ("zh", "en"):
        assert "{found}{0}" in trouble_words(Trouble("camera-shift", values, ("{found}{0}",)), lang)[0]


def test_every_trouble_has_words_in_both_languages_and_says_what_to_do() -> None:
    from checkpoints import misfit
    from runs.calibration_troubles import WHAT, WHAT_TO_DO
    from runs.words import say

    assert set(WHAT) == set(WHAT_TO_DO)
    for text in (*WHAT.values(), *WHAT_TO_DO.values()):
        assert say(text, "zh") != text == say(text, "en")
    reasons = {v for k, v in vars(misfit).items() if k.startswith(("GENUINE_", "IMPOSTOR_"))}
    assert len(reasons) == 4


def test_each_reason_of_a_misfit_is_told() -> None:
    from dataclasses import replace

    from checkpoints import misfit
    from checkpoints.fit_report import fit_report
    from checkpoints.score_fit import fit
    from runs.calibration_troubles import trouble_words, troubles

    report = fit_report(fit([], 0.55, 3, (0.0, 1.0)), [])
    reasons = (misfit.GENUINE_SHAPE, misfit.GENUINE_SHOWN, misfit.IMPOSTOR_SHAPE, misfit.IMPOSTOR_SHOWN)
    found = troubles(replace(report, misfit=replace(report.misfit, reasons=reasons)))
    codes = [t.code for t in found]
    assert codes == [
        "few-genuine", "few-comparisons", "not-held-out",
        "genuine-shape", "genuine-shown", "impostor-shape", "impostor-shown",
    ]  # fmt: skip
    for t in found:
        assert all(trouble_words(t, lang)[0] for lang in ("zh", "en"))
