"""A provider that is away all night: its own cars are not assessed, nobody is accused for it, and it is made up for."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from store.engine import Store
from store.results import findings_of, not_assessed_of
from store.tables.results import FindingRow
from tests.feeds.stand_in import KEY, SID, StandIn, serving
from tests.nights.conftest import Places
from tests.nights.making import CITY, DAY, SQLITE_AND_SLOWLY_THE_OTHER, Told, faults_of, looked_at, parts_of, run
from tests.nights.shifted import shifted_city
from tests.stores import Place

AWAY = ("V0001", "V0002", "V0003", "V0004")
"""The cars of the feed amap."""
OTHERS = ("V0005", "V0006", "V0009", "V0012", "V0013")
NOBODY_LISTENS = "http://127.0.0.1:1"
SILENCE = {"signal-gap", "ghost-session"}
Key = tuple[str | None, str, str]


@pytest.fixture
def provider() -> Iterator[StandIn]:
    """Amap as it was that night."""
    amap = StandIn()
    for page in sorted((CITY / "tracks" / "amap").glob("*.json.gz")):
        answer, terminal = json.loads(gzip.decompress(page.read_bytes())), page.name.split(".")[0]
        for told in answer["data"]["tracks"]:
            amap.tracks.setdefault(terminal, {}).setdefault("20", []).extend(told["points"])
    with serving(amap):
        yield amap


def sources(folder: Path, address: str) -> Path:
    """Where amap is; written anew where it is there."""
    (folder / "amap.key").write_text(KEY)
    (folder / "amap.key").chmod(0o600)
    path = folder / "sources.toml"
    settings = (
        f'base_url = "{address}/v1/track"\nservice_id = {SID}\nkey_file = "amap.key"\nattempts = 1\nconnections = 1\n'
    )
    path.write_text(f"[feeds.amap]\n{settings}queries_per_second = 1000\n")
    return path


def bundle(folder: Path) -> Path:
    return shifted_city(folder, DAY, (*AWAY, *OTHERS), without=("amap",))


def findings(place: Place) -> set[Key]:
    def look(store: Store) -> set[Key]:
        with store.reading() as session:
            return {(f.vehicle_id, f.rule, f.content_digest) for f in findings_of(session, DAY)}

    return looked_at(place, look)


def unanswered(place: Place) -> set[Key]:
    def look(store: Store) -> set[Key]:
        with store.reading() as session:
            return {(n.vehicle_id, n.rule, n.reason) for n in not_assessed_of(session, DAY)}

    return looked_at(place, look)


def of_others(found: set[Key]) -> set[Key]:
    return {
        key for key in found if key[0] not in {*AWAY, None}
    }  # None: the feed itself, of which the datum is not told


def rows_of_others(place: Place) -> set[int]:
    """The rows themselves of what was found of the other cars: one that is written anew is another."""

    def look(store: Store) -> set[int]:
        with store.reading() as session:
            return set(session.scalars(select(FindingRow.id).where(FindingRow.vehicle_id.in_(OTHERS))))

    return looked_at(place, look)


def whole_night(places: Places, tmp_path: Path, provider: StandIn) -> tuple[dict[str, str], set[Key], set[Key]]:
    """What stands, found and unanswered where the provider never was away."""
    with places("sqlite") as place:
        told = Told.at(place, bundle=str(bundle(tmp_path / "whole")), sources=str(sources(tmp_path, provider.address)))
        (night,) = run(told).nights
        assert (night.state, night.trouble, night.delayed) == ("done", {}, {})
        return parts_of(place, history=False), findings(place), unanswered(place)


@pytest.mark.parametrize("dialect", SQLITE_AND_SLOWLY_THE_OTHER)
def test_a_provider_that_is_away_costs_its_own_cars_until_it_is_back(
    places: Places, tmp_path: Path, provider: StandIn, dialect: str
) -> None:
    whole, whole_findings, whole_unanswered = whole_night(places, tmp_path, provider)
    with places(dialect) as place:
        night_folder = str(bundle(tmp_path / dialect))
        told = Told.at(place, bundle=night_folder, sources=str(sources(tmp_path, NOBODY_LISTENS)))
        done = run(told)
        (night,) = done.nights
        assert not done.is_whole
        assert night.state == "degraded"
        assert night.trouble == {"feed:amap": ["given-up", "unreachable"]}
        assert night.delayed == {"amap": len(AWAY)}
        assert {rule for car, rule, _ in findings(place) if car in AWAY} & SILENCE == set()
        assert {rule for car, rule, _ in findings(place) if car in AWAY} == set()
        assert {(car, reason) for car, _, reason in unanswered(place) if car in AWAY} >= {
            (car, "provider-error") for car in AWAY
        }
        assert "no-fixes" not in {reason for car, _, reason in unanswered(place) if car in AWAY}
        assert of_others(findings(place)) == of_others(whole_findings)
        assert of_others(unanswered(place)) == of_others(whole_unanswered)
        assert faults_of(place) == []

        assert [n.trouble for n in run(told).nights] == [night.trouble]  # still away: said again, nothing audited

        sources(tmp_path, provider.address)
        before = rows_of_others(place)
        done = run(told)
        (night,) = done.nights
        assert (night.state, night.trouble, done.is_whole) == ("done", {}, True)
        assert night.audited["own"] == len(AWAY)
        assert set(night.audited) <= {"own", "night"}
        assert rows_of_others(place) == before
        assert parts_of(place, history=False) == whole
        assert faults_of(place) == []


def test_a_provider_that_the_settings_do_not_allow_costs_its_own_cars_and_the_night_says_what_to_set(
    places: Places, tmp_path: Path, provider: StandIn
) -> None:
    elsewhere = provider.address.replace("127.0.0.1", "localhost")
    with places("sqlite") as place:
        told = Told.at(place, bundle=str(bundle(tmp_path / "city")), sources=str(sources(tmp_path, elsewhere)))
        (night,) = run(told).nights
        assert (night.state, night.delayed, provider.requests) == ("degraded", {"amap": len(AWAY)}, [])
        assert night.trouble["feed:amap"] == ["refused"]
        (line,) = night.trouble["pull"]
        assert f'allow = ["{elsewhere.removeprefix("http://")}"]' in line
        assert {rule for car, rule, _ in findings(place) if car in AWAY} == set()
        assert {car for car, _, reason in unanswered(place) if reason == "provider-error"} == set(AWAY)
        assert {car for car, _, _ in findings(place)} & set(OTHERS)


@pytest.mark.parametrize("dialect", SQLITE_AND_SLOWLY_THE_OTHER)
def test_tracks_that_somebody_brings_by_themselves_make_up_for_the_provider(
    places: Places, tmp_path: Path, dialect: str
) -> None:
    whole = shifted_city(tmp_path / "whole", DAY, (*AWAY, *OTHERS))
    late = tmp_path / "late"
    shutil.copytree(whole / "tracks" / "amap", late / "tracks" / "amap")
    with places(dialect) as place:
        told = Told.at(place, bundle=str(bundle(tmp_path / "city")), sources=str(sources(tmp_path, NOBODY_LISTENS)))
        assert run(told).nights[0].state == "degraded"
        (night,) = run(told.but(bundle=str(late), sources=None)).nights
        assert (night.state, night.audited["own"]) == ("done", len(AWAY))
        found, open_questions = findings(place), unanswered(place)
    with places(dialect) as place:
        run(Told.at(place, bundle=str(whole)))
        assert (found, open_questions) == (findings(place), unanswered(place))


@pytest.mark.parametrize("dialect", SQLITE_AND_SLOWLY_THE_OTHER)
def test_a_feed_that_brought_no_file_at_all_costs_its_own_cars_only(
    places: Places, tmp_path: Path, dialect: str
) -> None:
    with places(dialect) as place:
        (night,) = run(Told.at(place, bundle=str(bundle(tmp_path / "city")))).nights
        assert night.state == "degraded"
        assert list(night.trouble.values()) == [["not-heard"]]
        assert {car for car, _, reason in unanswered(place) if reason == "no-fixes"} >= set(AWAY)
        assert {rule for car, rule, _ in findings(place) if car in AWAY} & SILENCE == set()
        assert {car for car, _, _ in findings(place)} & set(OTHERS)
