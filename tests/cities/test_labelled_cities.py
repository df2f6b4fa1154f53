"""The four labelled cities of ../shared/eval: recall and precision pooled, few false alarms, true evidence."""

from __future__ import annotations

import importlib.util
import json
import os
import tarfile
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runs.audit_run import Job, Outcome, run_audit
from runs.night_desk import Desk
from runs.nightly import Order, nightly
from runs.open_store import opened
from runs.reproduce import reproduce_findings
from runs.settings import Settings, StoreSettings
from store.check import check
from store.results import findings_of

CITIES = {"a": "2026-03-18", "b": "2026-03-21", "c": "2026-09-05", "d": "2026-11-10"}
RULES = {
    "off-zone-training",
    "off-route",
    "out-of-hours",
    "wrong-zone",
    "undeclared-training",
    "ghost-session",
    "signal-gap",
    "replayed-track",
    "over-hours",
    "feed-datum",
}
WANTED_POOLED = 0.95
MOST_FALSE_IN_A_CITY = 1


@pytest.fixture(scope="module")
def labelled(root: Path) -> Path:
    """The folder of the labelled cities; fails with a plain message where it is absent."""
    folder = Path(os.environ.get("TRAJAUDIT_EVAL", root.parent / "shared" / "eval"))
    if not folder.is_dir():
        pytest.fail(f"the labelled cities are absent: no folder {folder} (set TRAJAUDIT_EVAL)")
    return folder


@pytest.fixture(scope="module")
def scorer(labelled: Path) -> ModuleType:
    """The scorer that comes with the cities."""
    spec = importlib.util.spec_from_file_location("score", labelled / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runs(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path, Outcome]]:
    """Every city audited once: bundle, OUT and outcome."""
    folder = tmp_path_factory.mktemp("cities")
    done = {}
    for city, day in CITIES.items():
        with tarfile.open(labelled / f"city-{city}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        bundle, out = folder / f"city-{city}", folder / f"out-{city}"
        done[city] = bundle, out, run_audit(Job(bundle, date.fromisoformat(day), out))
    return done


@pytest.fixture(scope="module")
def scores(
    labelled: Path, scorer: ModuleType, runs: dict[str, tuple[Path, Path, Outcome]]
) -> dict[str, dict[str, Any]]:
    """The score of each city over the ten rules on tracks."""
    return {
        city: scorer.score(
            json.loads((labelled / f"city-{city}.truth.json").read_text()),
            json.loads((out / "findings.geojson").read_text()),
            RULES,
        )
        for city, (_, out, _) in runs.items()
    }


def test_pooled_recall_and_precision_reach_what_is_wanted(scores: dict[str, dict[str, Any]]) -> None:
    """Over all cities together at least 95 % of the labels are found and 95 % of the findings are true."""
    found, missed, false = (sum(s[key] for s in scores.values()) for key in ("found", "missed", "false"))
    assert found / (found + missed) >= WANTED_POOLED, [s["missed_list"] for s in scores.values()]
    assert found / (found + false) >= WANTED_POOLED, [s["false_list"] for s in scores.values()]


@pytest.mark.parametrize("city", CITIES)
def test_no_city_has_more_than_one_false_alarm(city: str, scores: dict[str, dict[str, Any]]) -> None:
    """One false alarm a city is the most that is let pass."""
    assert scores[city]["false"] <= MOST_FALSE_IN_A_CITY, scores[city]["false_list"]


@pytest.mark.parametrize("city", CITIES)
def test_every_finding_is_reproduced_from_the_bundle(city: str, runs: dict[str, tuple[Path, Path, Outcome]]) -> None:
    """Working all findings of a city out again gives the same findings."""
    bundle, out, outcome = runs[city]

    again = reproduce_findings(out, bundle, "all")

    assert len(again) == len(outcome.findings)
    assert [r for r in again if r.differences] == []


@pytest.mark.parametrize("city", CITIES)
def test_rows_read_are_rows_kept_and_rows_rejected(city: str, runs: dict[str, tuple[Path, Path, Outcome]]) -> None:
    """Every file and feed adds up, and every rejected row stands in rejects.parquet; strangers are only counted."""
    import pyarrow.parquet as pq

    _, out, _ = runs[city]
    rows = json.loads((out / "run.json").read_text())["rows"]

    assert all(a["read"] == a["kept"] + sum(a["rejected"].values()) for a in rows.values())
    strangers = rows["passages.ndjson"]["rejected"].pop("out-of-scope")
    assert strangers >= 1500
    assert pq.read_table(out / "rejects.parquet").num_rows == sum(sum(a["rejected"].values()) for a in rows.values())


@pytest.mark.parametrize("city", CITIES)
def test_a_nightly_over_the_store_finds_what_the_audit_of_the_bundle_finds(
    city: str, runs: dict[str, tuple[Path, Path, Outcome]], tmp_path: Path
) -> None:
    """To the last digit of the evidence, although the checkpoint records were gone before the audit began."""
    bundle, _, outcome = runs[city]
    settings = Settings(store=StoreSettings(folder=tmp_path / "store"))
    store = opened(settings)
    try:
        day = date.fromisoformat(CITIES[city])
        report = nightly(Desk.open(store, settings), Order(day, bundle)).nights[0]
        with store.reading() as session:
            found = findings_of(session, day)
            assert [f.content_digest for f in found] == [f.content_digest for f in outcome.findings]
        assert report.state == "done", report.trouble
        assert check(store, deep=True) == []
    finally:
        store.close()
