"""A night of the sample city in a store, audited once; a test edits a copy of it."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from audit.finding import Finding
from runs.ingest import Ingested, Source, ingest
from runs.night_desk import Desk
from runs.night_plan import answers_from, audit_plan
from runs.nightly import Nightly, Order, nightly
from runs.preview import Edit, Preview, preview
from runs.progress import Silent
from runs.settings import NightlySettings, Settings, StoreSettings
from store.engine import open_store
from store.results import findings_of
from store.schema import migrate
from tests.stores import Clock

CITY = Path(__file__).resolve().parents[2] / "sample_data" / "city"
DAY = date(2026, 3, 18)
Make = Callable[[Path], None]


def settings_for(folder: Path, **nightly_settings: Any) -> Settings:
    return Settings(store=StoreSettings(folder=folder), nightly=NightlySettings(**nightly_settings))


def said(found: Finding) -> tuple[Any, ...]:
    """Everything a finding says and rests on, but the digests of whole register files and of all rule cards."""
    rests = {k: v for k, v in found.evidence.items() if k not in {"registers", "versions"}}
    line = None if found.geometry is None else found.geometry.wkt
    return (
        found.finding_id, found.start_ms, found.end_ms, found.severity, found.zone_id, found.summary_zh,
        json.dumps(rests, sort_keys=True, default=str), line,
    )  # fmt: skip


@dataclass
class Night:
    """A store with the sample night in it, and what a test does to it."""

    desk: Desk
    scratch: Path

    def delivery(self, make: Make) -> Path:
        folder = self.scratch / f"delivery-{len(list(self.scratch.iterdir()))}"
        folder.mkdir(parents=True)
        make(folder)
        return folder

    def take_in(self, make: Make) -> Ingested:
        return ingest(self.desk.store, Source(self.delivery(make), DAY, 3))

    def preview(self, make: Make) -> Preview:
        return preview(self.desk, Edit(DAY, delivery=self.delivery(make)))

    def run(self, **order: Any) -> Nightly:
        return nightly(self.desk, Order(DAY, **order))

    def standing(self) -> list[Finding]:
        with self.desk.store.reading() as session:
            return findings_of(session, DAY)

    def merged_in_part(self) -> tuple[list[tuple[Any, ...]], dict[str, str]]:
        """What would stand once what is stale was asked, and the vehicles asked about."""
        audited = audit_plan(self.desk.store, self.desk.plan(DAY), Silent())
        answers = answers_from(audited, "x")
        held = {f.finding_id: f for f in self.standing() if not answers.replaces(f.rule, f.vehicle_id)}
        held |= {f.finding_id: f for f in audited.findings}
        return sorted(map(said, held.values())), {v: str(w) for v, w in audited.asking.why.items()}

    def audited_whole(self) -> list[tuple[Any, ...]]:
        audited = audit_plan(self.desk.store, self.desk.plan(DAY, again=True), Silent())
        return sorted(map(said, audited.findings))


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "store"
    store = open_store(folder, clock=Clock())
    migrate(store)
    nightly(Desk.open(store, settings_for(folder)), Order(DAY, CITY))
    store.close()
    return folder


@pytest.fixture
def night(filled: Path, tmp_path: Path) -> Iterator[Night]:
    folder = tmp_path / "store"
    shutil.copytree(filled, folder)
    store = open_store(folder, clock=Clock())
    (tmp_path / "scratch").mkdir()
    yield Night(Desk.open(store, settings_for(folder)), tmp_path / "scratch")
    store.close()


# ---------------------------------------------------------------- edits
def zones(change: Callable[[list[dict[str, Any]]], object]) -> Make:
    def make(folder: Path) -> None:
        told = json.loads((CITY / "zones.geojson").read_text("utf-8"))
        change(told["features"])
        (folder / "zones.geojson").write_text(json.dumps(told, ensure_ascii=False), "utf-8")

    return make


def moved(zone_id: str, by_deg: float) -> Make:
    def shift(at: Any) -> Any:
        return [shift(a) for a in at] if isinstance(at[0], list) else [at[0] + by_deg, at[1]]

    def change(features: list[dict[str, Any]]) -> None:
        for f in features:
            if f["properties"]["zone_id"] == zone_id:
                f["geometry"]["coordinates"] = shift(f["geometry"]["coordinates"])

    return zones(change)


def dropped(zone_id: str) -> Make:
    def change(features: list[dict[str, Any]]) -> None:
        features[:] = [f for f in features if f["properties"]["zone_id"] != zone_id]

    return zones(change)


def altered(zone_id: str, **properties: Any) -> Make:
    def change(features: list[dict[str, Any]]) -> None:
        for f in features:
            if f["properties"]["zone_id"] == zone_id:
                f["properties"].update(properties)

    return zones(change)


def lines(name: str, change: Callable[[list[str]], list[str]]) -> Make:
    """A register with its lines (the header first) changed."""

    def make(folder: Path) -> None:
        told = (CITY / name).read_text("utf-8").splitlines()
        (folder / name).write_text("\n".join(change(told)) + "\n", "utf-8")

    return make


def shortened(name: str, rows: int) -> Make:
    """A track file with its first rows only."""

    def make(folder: Path) -> None:
        told = gzip.decompress((CITY / name).read_bytes()).decode().splitlines()
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(gzip.compress("\n".join(told[: rows + 1]).encode() + b"\n"))

    return make


def nothing(folder: Path) -> None:
    del folder
