"""Maps over HTTP: who gets which, that a look is written down, and that they work in a browser as they do in a file."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from api.tiles import kind_of
from runs.night_maps import NightMaps, NoMap
from runs.settings import Settings, StoreSettings
from store.tables.access import AccessEntry
from store.tables.casework import CaseRow
from store.tables.nights import Blob, Night
from store.tables.results import FindingRow
from tests.api.browsing import Chromium, Seen, listening
from tests.api.calls import get
from tests.api.calls import kind_of as problem_of
from tests.api.conftest import DAY, Server, served

NIGHT = "/maps/nights/2026-03-18"


def data(page: str, call: str) -> Any:
    found = re.search(rf'<script type="application/json" id="data-{call}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def looks(server: Server) -> list[tuple[str, str, str, str]]:
    with server.store.reading() as session:
        rows = session.scalars(select(AccessEntry).order_by(AccessEntry.seq)).all()
    return [(r.actor, r.action, r.subject_kind, r.subject_id) for r in rows]


def a_vehicle(server: Server) -> str:
    with server.store.reading() as session:
        found = session.scalars(select(FindingRow.vehicle_id).where(FindingRow.vehicle_id.is_not(None))).all()
    return min(v for v in found if v)


# ---------------------------------------------------------------- what is shown to whom
def test_the_overview_has_the_findings_of_v1_and_is_a_look(server: Server) -> None:
    answer = get(server, "auditor", NIGHT)
    assert answer.status_code == 200
    listed = {f["finding_id"] for f in get(server, "auditor", "/v1/findings?date=2026-03-18").json()["items"]}
    shown = data(answer.text, "index")["findings"]
    assert {f["id"] for f in shown} == listed
    assert len(shown) == 15
    assert answer.headers["cache-control"] == "private, no-store"
    assert ("auditor", "look", "night", "2026-03-18 map") in looks(server)


def test_an_account_sees_the_findings_and_numbers_of_its_districts_alone(server: Server) -> None:
    here = data(get(server, "auditor-here", NIGHT).text, "index")
    away = data(get(server, "auditor-elsewhere", NIGHT).text, "index")
    v1 = get(server, "auditor-here", "/v1/findings?date=2026-03-18").json()["items"]
    assert {f["id"] for f in here["findings"]} == {f["finding_id"] for f in v1}
    assert 0 < len(here["findings"]) < 15
    assert (away["findings"], away["vehicles"], away["coverage"], away["notAssessed"]) == ([], 0, [], [])


def test_no_key_of_a_person_is_on_a_page(server: Server) -> None:
    with server.store.reading() as session:
        rows = session.execute(select(FindingRow.person_id, FindingRow.trainee_id)).all()
    people = {key for row in rows for key in row if key}
    assert people
    pages = get(server, "auditor", NIGHT).text
    pages += get(server, "auditor", f"{NIGHT}/vehicles/{a_vehicle(server)}?reason=C7").text
    assert [key for key in people if re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", pages)] == []


def test_a_cars_day_takes_a_reason_and_is_on_record(server: Server) -> None:
    vehicle_id = a_vehicle(server)
    path = f"{NIGHT}/vehicles/{vehicle_id}"
    refused = get(server, "auditor", path)
    assert (refused.status_code, problem_of(refused)) == (400, "reason-needed")
    asked = get(server, "auditor", f"{path}?finding=F1", accept="text/html", accept_language="en")
    assert asked.status_code == 200
    assert f'action="{path}#finding=F1"' in asked.text
    assert not [look for look in looks(server) if look[2] == "vehicle"]
    answer = get(server, "auditor", path, x_reason="complaint 12")
    assert answer.status_code == 200
    assert data(answer.text, "page")["vehicle"] == vehicle_id
    assert ("auditor", "look", "vehicle", vehicle_id) in looks(server)


@pytest.mark.parametrize("name", ["admin", "school-1", "platform"])
def test_who_may_not_look_at_cars_gets_no_map_of_one(server: Server, name: str) -> None:
    answer = get(server, name, f"{NIGHT}/vehicles/{a_vehicle(server)}?reason=C7")
    assert answer.status_code == 403
    assert get(server, "admin", NIGHT).status_code == 403
    assert get(server, "school-1", NIGHT).status_code == 403


def test_a_car_of_another_district_and_one_that_is_not_there_are_the_same(server: Server) -> None:
    vehicle_id = a_vehicle(server)
    away = get(server, "auditor-elsewhere", f"{NIGHT}/vehicles/{vehicle_id}?reason=C7")
    none = get(server, "auditor-elsewhere", f"{NIGHT}/vehicles/V9999?reason=C7")
    assert (away.status_code, problem_of(away)) == (none.status_code, problem_of(none)) == (404, "not-found")
    assert ("auditor-elsewhere", "look-denied", "vehicle", vehicle_id) in looks(server)


def test_the_same_view_gets_the_same_page_and_another_view_another(server: Server) -> None:
    maps = server.app.state.platform.maps
    get(server, "auditor", NIGHT)
    get(server, "reviewer", NIGHT)
    get(server, "auditor", NIGHT)
    assert len(maps._pages) == 2
    assert len(maps._nights) == 1


def test_every_answer_has_a_nonce_of_its_own_on_every_script_that_runs(server: Server) -> None:
    answers = [get(server, "auditor", NIGHT) for _ in range(2)]
    nonces = []
    for answer in answers:
        assert "\0" not in answer.text
        policy = re.search(r"script-src 'nonce-([\w-]+)';", answer.headers["content-security-policy"])
        assert policy is not None
        nonces.append(policy[1])
        scripts = re.findall(r"<script([^>]*)>", answer.text)
        assert {s for s in scripts if "application/json" not in s and f'nonce="{policy[1]}"' not in s} == set()
        assert "unsafe" not in answer.headers["content-security-policy"]
    assert len(set(nonces)) == 2


# ---------------------------------------------------------------- nights that change
def test_a_night_that_is_not_there_or_erased_has_no_map(server: Server) -> None:
    assert problem_of(get(server, "auditor", "/maps/nights/2026-01-01")) == "not-audited"
    assert get(server, "auditor", NIGHT).status_code == 200
    with server.store.writing() as session:
        session.execute(update(Blob).values(erased_ms=1))
    assert problem_of(get(server, "auditor", NIGHT)) == "erased"


def test_another_run_of_a_night_is_read_anew_and_the_files_of_the_old_one_are_let_go(server: Server) -> None:
    maps = server.app.state.platform.maps
    first = maps.opened(DAY)
    folder = first.audited.bundle.folder
    assert Path(folder).is_dir()
    with server.store.writing() as session:
        session.execute(update(Night).values(run_id="another"))
    second = maps.opened(DAY)
    assert second is not first
    assert second.basis.run_id == "another"
    assert not Path(folder).is_dir()


def test_a_night_that_takes_longer_than_a_person_waits_is_a_page_to_wait_at(city_store: Path, tmp_path: Path) -> None:
    shutil.copytree(city_store, tmp_path / "store")
    settings = Settings(store=StoreSettings(folder=tmp_path / "store"), maps={"wait_s": 1e-6})  # type: ignore[arg-type]
    made = served(tmp_path / "store", settings)
    answer = get(made, "auditor", NIGHT)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    made.app.state.platform.maps._reader.submit(lambda: None).result()  # behind the reading
    assert get(made, "auditor", NIGHT).status_code == 200
    made.app.state.platform.maps.close()
    made.store.close()


def test_pages_are_bounded(server: Server) -> None:
    maps = NightMaps(server.store, Settings(store=server.settings.store, maps={"pages_mb": 1}))  # type: ignore[arg-type]
    for i in range(8):
        maps.page([i], lambda: "x" * 300_000)
    assert len(maps._pages) == 3
    assert maps._bytes == 900_000
    with pytest.raises(NoMap):
        maps.opened(DAY.replace(year=2020))
    maps.close()


# ---------------------------------------------------------------- cases, assets, tiles
def test_a_case_leads_to_the_maps_of_its_cars(server: Server) -> None:
    with server.store.reading() as session:
        case_id = session.scalar(select(CaseRow.case_id).where(CaseRow.subject_kind == "vehicle").limit(1))
    answer = get(server, "auditor", f"/maps/cases/{case_id}?lang=en")
    assert answer.status_code == 200
    ways = re.findall(r'href="(/maps/nights/[^"]+/vehicles/[^"]+)"', answer.text)
    assert ways
    way = ways[0].replace("&amp;", "&").partition("#")[0]
    shown = get(server, "auditor", way)
    assert shown.status_code == 200
    assert [f["case"][0] for f in data(shown.text, "vehicle")["findings"]].count(case_id) >= 1
    assert get(server, "auditor-elsewhere", f"/maps/cases/{case_id}").status_code == 404


def test_a_cases_map_has_its_findings_and_no_others(server: Server) -> None:
    with server.store.reading() as session:
        case_id = session.scalar(select(CaseRow.case_id).where(CaseRow.subject_kind == "vehicle").limit(1))
    found = get(server, "auditor", f"/v1/cases/{case_id}").json()["findings"]
    answer = get(server, "auditor", f"/maps/cases/{case_id}/map?lang=en")
    drawn = data(answer.text, "index")["findings"]
    assert {f["id"] for f in drawn} == {f["finding_id"] for f in found}
    assert drawn[0]["link"].startswith("../../nights/2026-03-18/vehicles/")
    assert data(answer.text, "page")["back"] == [f"Case {case_id}", f"../{case_id}?lang=en"]
    assert get(server, "auditor-elsewhere", f"/maps/cases/{case_id}/map").status_code == 404
    assert get(server, "school-1", f"/maps/cases/{case_id}/map").status_code == 404


def test_a_case_about_a_person_takes_a_reason(server: Server) -> None:
    with server.store.reading() as session:
        case_id, key = session.execute(
            select(CaseRow.case_id, CaseRow.subject_id).where(CaseRow.subject_kind == "person").limit(1)
        ).one()
    assert problem_of(get(server, "auditor", f"/maps/cases/{case_id}")) == "reason-needed"
    asked = get(server, "auditor", f"/maps/cases/{case_id}", accept="text/html")
    assert asked.status_code == 200
    assert key not in asked.text
    assert key in get(server, "auditor", f"/maps/cases/{case_id}?reason=C7").text
    assert problem_of(get(server, "auditor", f"/maps/cases/{case_id}/map")) == "reason-needed"
    drawn = get(server, "auditor", f"/maps/cases/{case_id}/map?reason=C7").text
    assert data(drawn, "index")["findings"]
    assert key not in drawn


def test_scripts_lie_under_names_that_never_change_what_they_mean(server: Server) -> None:
    page = get(server, "auditor", NIGHT).text
    names = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
    assert len(names) > 8
    for name in names:
        answer = get(server, None, name)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.search(r"\.[0-9a-f]{16}\.(js|css)$", name)
    assert get(server, None, "/assets/page.js").status_code == 404
    assert get(server, None, "/assets/..%2Fpage.py").status_code == 404


def test_there_are_no_tiles_unless_the_settings_name_some(server: Server, city_store: Path) -> None:
    assert problem_of(get(server, "auditor", "/tiles/osm/1/0/0")) == "no-tiles"
    assert get(server, None, "/tiles/osm/1/0/0").status_code == 401
    tiles = {"tiles": {"osm": "https://tiles.example/{z}/{x}/{y}.png"}}
    settings = Settings(store=server.settings.store, maps=tiles)  # type: ignore[arg-type]
    other = served(server.settings.store.folder, settings)
    assert problem_of(get(other, "auditor", "/tiles/osm/1/2/0")) == "no-tiles"
    assert problem_of(get(other, "auditor", "/tiles/osm/1/1/0")) == "not-allowed-out"
    assert data(get(other, "auditor", NIGHT).text, "page")["tiles"] == [
        {"name": "osm", "url": "/tiles/osm/{z}/{x}/{y}"}
    ]
    other.app.state.platform.maps.close()
    other.store.close()
    assert kind_of(b"RIFF0000WEBPVP8 ") == "image/webp"
    assert kind_of(b"<html>") is None


# ---------------------------------------------------------------- in a browser
@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    made = Chromium()
    yield made
    made.close()


def test_maps_work_in_a_browser_under_the_policy_with_hostile_names(server: Server, chromium: Chromium) -> None:
    hostile = "</script><script>window.__pwned=1</script><img src=x onerror=window.__pwned=1>{{ 7 * 7 }}"
    vehicle_id = a_vehicle(server)
    with server.store.writing() as session:
        session.execute(update(FindingRow).values(summary_zh=hostile, summary_en=hostile, plate=hostile[:60]))
    key = {"authorization": f"Bearer {server.keys['auditor']}"}
    with listening(server.app) as address:

        def look(seen: Seen) -> tuple[list[str], list[str], Any, str]:
            seen.page.goto(f"{address}{NIGHT}?lang=zh")
            seen.page.wait_for_selector("#findings li")
            assert seen.ask("document.querySelectorAll('#findings li').length") == 15
            assert hostile in str(seen.ask("document.body.textContent"))
            href = seen.ask(
                f"Array.from(document.querySelectorAll('a.car-link')).map((a) => a.href)"
                f".find((h) => h.includes('/vehicles/{vehicle_id}?'))"
            )
            seen.page.goto(href)
            seen.page.wait_for_selector("#reason")
            seen.page.fill("#reason", "C7")
            seen.page.keyboard.press("Enter")
            seen.page.wait_for_selector(".findings li")
            pwned, at = seen.ask("window.__pwned"), seen.page.url
            seen.page.click("a.back")
            seen.page.wait_for_selector("#findings li")
            return seen.complaints, seen.requests, pwned, at

        complaints, requests, pwned, at = chromium.look(look, extra_http_headers=key, locale="zh-CN")
    assert complaints == []
    assert pwned is None
    assert re.search(r"reason=C7.*#finding=", at)
    assert {r.split("/")[2] for r in requests if not r.startswith("data:")} == {address.removeprefix("http://")}
