"""The same days with fewer and fewer fixes: what is still found, who is accused, and where the answer turns.

`pytest tests/real/test_decimation.py -s -m "slow or not slow"` prints the table of `docs/measurements.md`.
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from runs.audit_run import Job, run_audit
from tests.cities.test_labelled_cities import CITIES, RULES, labelled, scorer
from tests.real.bundles import Car, City, audit_here, distant_ground, figure, findings, not_assessed, write_bundle
from tests.real.shuttles import load, minutes_away
from tests.real.test_ordinary_driving import DELIVERY, OMAHA, Source, source_rows
from tests.real.test_shuttles import AWAY_MIN, ERROR_BUDGET_M, OFFICE, _city, _least_driven, _session_id
from tests.real.thinned import thin_bundle

__all__ = ["labelled", "scorer"]  # fixtures

STEPS_S = (1, 5, 10, 15, 30, 60)
DENSE_S = 15
"""Up to so far apart nothing may be lost: terminals send every 5 to 15 s."""
RECALL_DENSE, RECALL_30, PRECISION = 0.95, 0.95, 0.95
RECALL_AWAY = 0.95
"""Minutes are counted between fixes that are away, so that a minute or two at the ends of a stretch is lost at 60 s."""
OF_FEEDS = {"few-places", "no-fixes", "not-in-force"}
"""Reasons that have nothing to do with how often a car was heard."""


@dataclass(frozen=True)
class Labelled:
    """A bundle, what is true of it, and its day."""

    bundle: Path
    truth: Path
    day: str


@dataclass
class Pooled:
    """Labelled cities at one step."""

    found: int = 0
    missed: int = 0
    false: int = 0
    thin_cars: int = 0
    cars: int = 0
    unnamed: tuple[tuple[str, ...], ...] = ()

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.missed)

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.false)

    def __str__(self) -> str:
        return (
            f"recall {self.recall:.3f}, precision {self.precision:.3f}, {self.thin_cars} of {self.cars} cars too thin; "
            f"missed and not named: {self.unnamed}"
        )


@pytest.mark.parametrize("step_s", [30, *(pytest.param(s, marks=pytest.mark.slow) for s in STEPS_S if s != 30)])
def test_fewer_fixes_cost_findings_in_the_labelled_cities_but_make_no_false_ones(
    labelled: Path, scorer: ModuleType, tmp_path: Path, step_s: int
) -> None:
    pooled = _pooled(_unpacked(labelled, tmp_path), scorer, tmp_path, step_s)
    figure(f"\nlabelled cities, a fix in {step_s} s: {pooled}")
    assert pooled.precision >= PRECISION
    if step_s <= DENSE_S:
        assert pooled.recall >= RECALL_DENSE
    elif step_s <= 30:
        assert pooled.recall >= RECALL_30
    else:
        assert pooled.thin_cars > pooled.cars / 2
        assert not pooled.unnamed, "a lesson that is missed is named as not assessable"


@pytest.mark.parametrize("step_s", STEPS_S)
def test_fewer_fixes_make_no_false_findings_in_the_sample_city(
    root: Path, scorer: ModuleType, tmp_path: Path, step_s: int
) -> None:
    sample = Labelled(root / "sample_data" / "city", root / "sample_data" / "city.truth.json", "2026-03-18")
    pooled = _pooled([sample], scorer, tmp_path, step_s)
    figure(f"\nsample city, a fix in {step_s} s: {pooled}")
    assert pooled.false == 0
    assert pooled.missed == 0 or step_s > 30


@pytest.mark.slow
@pytest.mark.parametrize("source", [OMAHA, DELIVERY], ids=lambda s: s.name.split()[0])
def test_fewer_fixes_of_ordinary_driving_accuse_nobody(source: Source, real_data: Path, tmp_path: Path) -> None:
    rows = source_rows(source, real_data)
    cars = [Car(vehicle_id, "S1") for vehicle_id in sorted(rows.vehicle_id.unique())]
    tracks = rows.drop(columns=["day", "label", "x", "y"], errors="ignore")
    city = City(source.name, source.timezone, tracks, cars, [distant_ground(*source.ground_deg)])
    whole = write_bundle(tmp_path / "whole", city)
    for step_s in STEPS_S:
        found, left = _days(thin_bundle(whole, tmp_path / f"{step_s}", step_s), sorted(rows.day.unique()), tmp_path)
        thin = left[left.reason == "sampling-too-thin"][["service_date", "vehicle_id"]].drop_duplicates()
        figure(f"{source.name}, a fix in {step_s} s: {len(found)} findings, {len(thin)} vehicle-days too thin")
        assert found == []


@pytest.mark.slow
def test_fewer_fixes_of_shuttles_are_off_a_foreign_route_still_and_on_their_own_never(
    real_data: Path, tmp_path: Path
) -> None:
    shuttles = load(real_data)
    routes = {day: shuttles.learn_without(day) for day in shuttles.days}
    foreign = _least_driven(shuttles, routes[shuttles.days[0]])[0]
    must = {_session_id(t) for t in shuttles.trips if minutes_away(t, foreign.line_m, ERROR_BUDGET_M) > AWAY_MIN}
    assert len(must) > 40
    office = tmp_path / "office.toml"
    office.write_text(OFFICE, encoding="utf-8")
    own = write_bundle(tmp_path / "own", _city(shuttles, routes))
    other = write_bundle(tmp_path / "foreign", _city(shuttles, dict.fromkeys(shuttles.days, (foreign,))))
    days = [day.isoformat() for day in shuttles.days]
    for step_s in STEPS_S[1:]:
        accused, left = _days(thin_bundle(own, tmp_path / f"own-{step_s}", step_s), days, tmp_path)
        away, _ = _days(thin_bundle(other, tmp_path / f"foreign-{step_s}", step_s), days, tmp_path, office)
        found = {f["session_id"] for f in away if f["rule"] == "off-route"} & must
        thin = left[(left.rule == "off-route") & (left.reason == "sampling-too-thin")]
        figure(f"shuttles, a fix in {step_s} s: {len(accused)} findings on the own route, {len(thin)} sessions too "
               f"thin; {len(found)} of {len(must)} found on a foreign one")  # fmt: skip
        assert accused == []
        assert len(found) >= RECALL_AWAY * len(must)


def _unpacked(labelled: Path, tmp: Path) -> list[Labelled]:
    for city in CITIES:
        with tarfile.open(labelled / f"city-{city}.tar.gz") as archive:
            archive.extractall(tmp, filter="data")
    return [Labelled(tmp / f"city-{city}", labelled / f"city-{city}.truth.json", day) for city, day in CITIES.items()]


def _pooled(cities: list[Labelled], scorer: ModuleType, tmp: Path, step_s: int) -> Pooled:
    pooled, unnamed = Pooled(), []
    for city in cities:
        name = city.bundle.name
        bundle, out = thin_bundle(city.bundle, tmp / f"thin-{name}", step_s), tmp / f"out-{name}"
        run_audit(Job(bundle, date.fromisoformat(city.day), out))
        truth = json.loads(city.truth.read_text(encoding="utf-8"))
        told = json.loads((out / "findings.geojson").read_text(encoding="utf-8"))
        score, left = scorer.score(truth, told, RULES), not_assessed(out)
        named = set(left[["rule", "vehicle_id"]].itertuples(index=False, name=None))
        for key in ("found", "missed", "false"):
            setattr(pooled, key, getattr(pooled, key) + score[key])
        pooled.cars += truth["vehicles"]
        pooled.thin_cars += left[left.reason == "sampling-too-thin"].vehicle_id.nunique()
        unnamed += [(name, *label[:2]) for label in score["missed_list"] if tuple(label[:2]) not in named]
    pooled.unnamed = tuple(unnamed)
    return pooled


def _days(
    bundle: Path, days: list[str], tmp: Path, office: Path | None = None
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    found, left = [], []
    for day in days:
        out = tmp / f"out-{bundle.name}-{day}"
        audit_here(bundle, day, out, office)
        found += findings(out)
        left.append(not_assessed(out))
    rows = pd.concat(left)
    return found, rows[~rows.reason.isin(OF_FEEDS)]
