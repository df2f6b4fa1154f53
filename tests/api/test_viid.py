"""GA/T 1400: a platform registers, keeps alive and pushes; the night then knows what it would know from a file."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import func, select

from api.viid.desk import desk_of_platform
from api.viid.digest import Told
from feeds.faults import UnusableInput
from runs.push_night import forget_old
from runs.viid_files import read_crosswalk, read_peers
from store.nights import current_passages
from store.pushed import staged
from store.tables.api import PushedBatch, PushedPassage
from store.tables.nights import Night
from tests.api.conftest import DAY, Server
from tests.api.databases import template
from tests.api.looping import run
from tests.api.pushing import (
    BY_CAMERAS,
    camera_findings,
    city_without,
    devices_file,
    make_known,
    push_all,
    pushes,
    records,
    run_night,
    server_with,
)
from tests.api.viid_peer import DEVICE, REGISTER, Peer, codes
from tests.runs.test_viid_bundle import payload
from tests.stores import Clock

ROOT = Path(__file__).resolve().parents[2]
NOTIFICATIONS = "/VIID/SubscribeNotifications"


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return city_without(tmp_path_factory.mktemp("silent") / "city", "passages.ndjson")


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory, city: Path) -> Path:
    folder = tmp_path_factory.mktemp("known") / "store"
    make_known(folder, city)
    return folder


Make = Callable[..., Server]


@pytest.fixture
def make(known: Path, tmp_path: Path) -> Iterator[Make]:
    """Make a server with the known registers; settings of `[viid]` may be given."""
    made: list[Server] = []

    def one(**viid: Any) -> Server:
        shutil.copytree(known, tmp_path / "store", dirs_exist_ok=True)
        made.append(server_with(tmp_path / "store", devices_file(tmp_path), **viid))
        return made[-1]

    yield one
    for server in made:
        server.store.close()


def later(server: Server, seconds: float) -> None:
    clock = server.store.clock
    assert isinstance(clock, Clock)
    clock.ms += round(seconds * 1000)


# ---------------------------------------------------------------- registering
@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"uri": f"http://audit.test:80{REGISTER}", "bare_opaque": True},
        {"nc": "1"},
        {"media_type": "application/json;charset=utf-8"},
    ],
    ids=["as prescribed", "whole address, bare opaque", "unpadded nc", "plain JSON"],
)
def test_a_peer_registers_however_it_writes_its_digest(make: Make, odd: dict[str, Any]) -> None:
    async def go() -> None:
        peer = Peer(make().app, **odd)
        answer = await peer.register()
        assert (answer.status_code, codes(answer)) == (200, [0])
        assert answer.headers["content-type"] == "application/VIID+JSON"
        assert answer.json()["ResponseStatusObject"]["Id"] == DEVICE
        assert codes(await peer.keep_alive()) == [0]

    run(go)


def test_the_digest_of_the_rfc_comes_out(real_data: Path) -> None:
    signatures = json.loads((real_data / "coordinates" / "vectors.json").read_text("utf-8"))["signatures"]
    (v,) = [s for s in signatures if s["id"] == "http-digest-rfc2617"]
    told = Told(v["username"], v["realm"], v["nonce"], v["uri"], v["nc"], v["cnonce"], v["expected_response"])
    assert told.response_for(v["password"], v["method"]) == v["expected_response"]
    assert told.fits(v["password"], v["method"])
    assert not told.fits(v["password"] + "x", v["method"])


def test_a_digest_counts_once_and_not_for_long(make: Make) -> None:
    async def go() -> None:
        server = make()
        peer = Peer(server.app)
        told = {"RegisterObject": {"DeviceID": DEVICE}}
        await peer.register()
        again = await peer.post(REGISTER, told, authorization=peer.sent[-1])
        assert again.status_code == 401
        assert "stale=true" in again.headers["www-authenticate"]
        asked = await peer.post(REGISTER, told)
        later(server, 121)
        late = await peer.post(REGISTER, told, authorization=_header(asked))
        assert late.status_code == 401

    run(go)


def _header(asked: Any) -> str:
    from tests.api.viid_peer import PASSWORD, digest_header

    return digest_header(asked.headers["www-authenticate"], DEVICE, PASSWORD, "POST", REGISTER, "00000001")


@pytest.mark.parametrize(
    "wrong", [{"password": "guess"}, {"device_id": "51010000001190000002"}, {"uri": "/VIID/System/Keepalive"}]
)
def test_whoever_is_not_known_does_not_register(make: Make, wrong: dict[str, str]) -> None:
    async def go() -> None:
        peer = Peer(make().app, **wrong)
        answer = await peer.register()
        assert (answer.status_code, codes(answer)) == (401, [4])
        assert answer.headers["www-authenticate"].startswith("Digest ")
        assert (await peer.keep_alive()).status_code == 401

    run(go)


def test_guessing_is_stopped_for_a_minute(make: Make) -> None:
    async def go() -> None:
        server = make()
        for _ in range(5):
            assert (await Peer(server.app, password="guess").register()).status_code == 401
        assert (await Peer(server.app).register()).status_code == 401
        later(server, 61)
        assert (await Peer(server.app).register()).status_code == 200

    run(go)


def test_from_another_network_nobody_registers_or_speaks(make: Make) -> None:
    async def go() -> None:
        app = make().app
        await Peer(app).register()
        stranger = Peer(app)
        import httpx

        transport = httpx.ASGITransport(app, client=("192.168.1.9", 1))
        stranger.client = lambda: httpx.AsyncClient(transport=transport, base_url="http://audit.test")  # type: ignore[method-assign]
        assert (await stranger.keep_alive()).status_code == 401
        assert (await stranger.register()).status_code == 401

    run(go)


def test_a_registration_lapses_after_five_silent_minutes(make: Make) -> None:
    async def go() -> None:
        server = make()
        peer = Peer(server.app)
        await peer.register()
        for _ in range(3):
            later(server, 200)
            assert codes(await peer.keep_alive()) == [0]
        later(server, 301)
        assert (await peer.keep_alive()).status_code == 401
        assert (await peer.notify(payload(records()[:1], "ours"))).status_code == 401
        assert (await peer.register()).status_code == 200
        answer = await peer.post("/VIID/System/UnRegister", {"UnRegisterObject": {"DeviceID": DEVICE}})
        assert codes(answer) == [0]
        assert (await peer.keep_alive()).status_code == 401

    run(go)


# ---------------------------------------------------------------- other operations
def test_time_and_what_we_wish_to_be_subscribed_to(make: Make) -> None:
    async def go() -> None:
        peer = Peer(make().app)
        await peer.register()
        told = (await peer.get("/VIID/System/Time")).json()["SystemTimeObject"]
        assert told["LocalTime"] == "20260319090000"
        (wish,) = (await peer.get("/VIID/Subscribes")).json()["SubscribeListObject"]["SubscribeObject"]
        assert (wish["ResultImageDeclare"], wish["ResultFeatureDeclare"]) == ("-1", "-1")
        assert wish["ReceiveAddr"] == f"http://audit.test{NOTIFICATIONS}"
        assert len(wish["SubscribeID"]) == 33

    run(go)


@pytest.mark.parametrize("path", ["/VIID/Persons", "/VIID/Dispositions", "/VIID/Images/1/Data", "/VIID/Tollgates"])
def test_what_we_do_not_do_is_refused_unread(make: Make, path: str) -> None:
    async def go() -> None:
        peer = Peer(make().app)
        await peer.register()
        answer = await peer.post(path, b"{ no JSON at all")
        assert (answer.status_code, codes(answer)) == (405, [4])

    run(go)


def test_bodies_that_are_none_are_refused_in_the_dialect(make: Make) -> None:
    async def go() -> None:
        peer = Peer(make(max_body_mb=1).app)
        await peer.register()
        expected = {
            b"{": (400, [7]), b"[]": (400, [7]), b"{}": (400, [7]), b"\xff\xfe\x00": (400, [7]),
            b"[" * 100_000: (400, [7]), b" " * (1 << 20) + b"{}": (413, [8]),
            b'{"SubscribeNotificationListObject": {"SubscribeNotificationObject": 7}}': (400, [8]),
        }  # fmt: skip
        for body, told in expected.items():
            answer = await peer.notify(body)
            assert (answer.status_code, codes(answer)) == told, body[:60]
        assert (await peer.post(NOTIFICATIONS, b"{}", **{"content-type": "text/xml"})).status_code == 415

    run(go)


def test_one_broken_item_costs_itself_alone(make: Make) -> None:
    async def go() -> None:
        server = make()
        peer = Peer(server.app)
        await peer.register()
        good = registered(server)
        told = payload(good[:4], "ours")["SubscribeNotificationListObject"]["SubscribeNotificationObject"][0]
        parts = told["MotorVehicleObjectList"]["MotorVehicleObject"]
        broken = {**parts[1], "PassTime": "昨天"}
        several = {"NotificationID": "N4", "MotorVehicleListObject": {"MotorVehicleObject": [broken, parts[3]]}}
        listed = [
            {"NotificationID": "N1", "TriggerTime": "2026-03-18 09:00:00", **in_list(parts[0])},
            "not an object",
            {"NotificationID": "N2", "MotorVehicleObjectList": {"MotorVehicleObject": [broken]}},
            {"NotificationID": "N3", "FaceObjectList": 5},
            several,
        ]  # fmt: skip
        answer = await peer.notify({"SubscribeNotificationListObject": {"SubscribeNotificationObject": listed}})
        assert (answer.status_code, codes(answer)) == (200, [0, 7, 8, 8, 0])
        said = answer.json()["ResponseStatusListObject"]["ResponseStatusObject"]
        assert [item["Id"] for item in said] == ["N1", "", "N2", "N3", "N4"]
        assert "1个无法读取" in said[4]["StatusString"]
        assert "昨天" not in answer.text
        answer = await peer.post(
            "/VIID/MotorVehicles", {"MotorVehicleListObject": {"MotorVehicleObject": [broken, parts[2]]}}
        )
        assert codes(answer) == [8, 0]
        assert waiting(server) == {good[n]["passage_id"] for n in (0, 2, 3)}
        answer = await peer.post("/VIID/Faces", {"FaceListObject": {"FaceObject": [{"FaceID": "F1"}, 3]}})
        assert codes(answer) == [0, 7]

    run(go)


def in_list(vehicles: Any) -> dict[str, Any]:
    return {"MotorVehicleObjectList": {"MotorVehicleObject": vehicles}}


def registered(server: Server) -> list[dict[str, Any]]:
    """Records whose plate is a registered car's."""
    book = desk_of_platform(server.app).door.registers.on(DAY).book
    return [r for r in records() if book.exact(r["plate"])]


def waiting(server: Server) -> set[str]:
    with server.store.reading() as session:
        return {p.passage_id for p in staged(session, DAY).passages}


def test_a_busy_server_says_so_without_reading(make: Make) -> None:
    async def go() -> None:
        server = make(at_once=1, waiting=0)
        peer = Peer(server.app)
        await peer.register()
        desk = desk_of_platform(server.app)
        desk.take_place()
        answer = await peer.notify(b"not even JSON")
        assert (answer.status_code, codes(answer)) == (503, [2])
        desk.give_place()
        assert (await peer.notify(next(pushes(records()[:3])))).status_code == 200
        assert desk.taking == 0

    run(go)


def test_without_any_register_nothing_is_taken(make: Make) -> None:
    async def go() -> None:
        server = make()
        with server.store.writing() as session:
            session.delete(session.get(Night, min(session.scalars(select(Night.service_date)))))
        peer = Peer(server.app)
        await peer.register()
        answer = await peer.notify(next(pushes(records()[:3])))
        assert (answer.status_code, codes(answer)) == (503, [2])
        assert count(server, PushedBatch) == 0

    run(go)


def count(server: Server, table: Any) -> int:
    with server.store.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


# ---------------------------------------------------------------- into the night
def test_the_night_finds_the_same_as_from_the_file(make: Make, city: Path, city_store: Path) -> None:
    server = make()
    run(push_all, server, records())
    held = len(desk_of_platform(server.app).door.undecided)
    n_rows = count(server, PushedPassage)
    run(push_all, server, records())  # the platform sends all once more: nothing is doubled
    assert (len(desk_of_platform(server.app).door.undecided), count(server, PushedPassage)) == (held, n_rows)
    done = run_night(server.store, city)
    ingested = done.nights[-1].ingested
    assert ingested is not None
    assert any("pushed: " in warning for warning in ingested.warnings) == (held > 0)
    expected = template(city_store)
    assert len({rule for _, rule, _, _ in camera_findings(expected)}) == len(BY_CAMERAS)
    assert camera_findings(server.store) == camera_findings(expected)
    assert count(server, PushedPassage) == count(server, PushedBatch) == 0
    desk_of_platform(server.app).settle()
    assert len(desk_of_platform(server.app).door.undecided) == 0
    run_night(server.store, city)
    assert camera_findings(server.store) == camera_findings(expected)
    with server.store.reading() as ours, expected.reading() as theirs:
        mine, file = current_passages(ours, DAY), current_passages(theirs, DAY)
        counts, as_file = json.loads(mine.counts)["count"], json.loads(file.counts)["count"]
        account = json.loads(mine.counts)["accounts"]["pushed"]
    assert mine.n_passages == file.n_passages == counts["kept"]
    n_strangers = as_file["read"] - n_rows - held  # they leave nothing behind by which a repeat could be told
    assert counts["dropped"] == {"out-of-scope": 2 * n_strangers + held - (mine.n_passages - n_rows)}
    assert counts["rejected"] == {"duplicate-key": n_rows + held}
    assert counts["read"] == counts["kept"] + sum(counts["dropped"].values()) + sum(counts["rejected"].values())
    assert account["read"] == account["kept"] + sum(account["rejected"].values()) == 2 * as_file["read"]
    expected.close()


def test_a_server_that_is_killed_loses_no_passage_of_a_registered_plate(
    make: Make, city: Path, city_store: Path, tmp_path: Path
) -> None:
    server = make()
    server.store.close()
    told = [sys.executable, "-m", "tests.api.pushing", str(server.store.folder), str(tmp_path / "devices.toml")]
    done = subprocess.run(told, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -9, done.stderr
    run_night(server.store, city)
    expected = template(city_store)
    assert camera_findings(server.store) == camera_findings(expected)
    expected.close()


def test_a_late_file_and_a_late_push_leave_each_other_as_they_are(make: Make, city: Path, tmp_path: Path) -> None:
    server = make()
    found = registered(server)
    run(push_all, server, found[:40])
    run_night(server.store, city)
    both = city_without(tmp_path / "both")
    (both / "passages.ndjson").write_text(
        "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in found[30:60]), "utf-8"
    )
    run_night(server.store, both)
    assert sizes(server) == {"": 30, "pushed": 30}
    run(push_all, server, found[50:80])
    run_night(server.store, city)
    assert sizes(server) == {"": 30, "pushed": 50}
    run_night(server.store, both)
    assert sizes(server) == {"": 30, "pushed": 50}


def sizes(server: Server) -> dict[str, int]:
    from store.passages import read_passages_parquet

    with server.store.reading() as session:
        held = current_passages(session, DAY)
    passages = read_passages_parquet((server.store.folder / held.path).read_bytes())
    pushed = sum(p.file.startswith("pushed/") for p in passages)
    assert len({p.passage_id for p in passages}) == len(passages)
    return {"": len(passages) - pushed, "pushed": pushed}


def test_what_waits_in_vain_is_erased(make: Make) -> None:
    server = make()
    run(push_all, server, registered(server)[:5])
    forget_old(server.store, desk_of_platform(server.app).platform.local, 7)
    assert count(server, PushedPassage) == 5
    later(server, 8 * 86_400)
    forget_old(server.store, desk_of_platform(server.app).platform.local, 7)
    assert count(server, PushedPassage) == count(server, PushedBatch) == 0


def test_memory_for_misreadings_is_bounded_and_the_run_says_what_is_lost(make: Make, city: Path) -> None:
    server = make(undecided=1)
    run(push_all, server, records())
    assert len(desk_of_platform(server.app).door.undecided) <= 1
    with server.store.reading() as session:
        lost = sum(c["count"]["dropped"].get("undecided", 0) for c in staged(session, DAY).counts)
    run_night(server.store, city)
    with server.store.reading() as session:
        counts = json.loads(session.get(Night, DAY).counts)
    assert lost > 1
    assert counts["passages"]["dropped"]["undecided"] == lost


# ---------------------------------------------------------------- whoever is out of scope
def test_nothing_of_those_out_of_scope_is_anywhere(
    make: Make, city: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    canaries = {
        "id": [f"3701031987{n:08d}"[:17] + "X" for n in range(200)],
        "plate": [f"京Q{n:03d}ZW" for n in range(200)],
    }
    crosswalk = tmp_path / "crosswalk.csv"
    crosswalk.write_text(f"id_number,person_id\n{canaries['id'][0]},NOBODY\n", "utf-8")
    crosswalk.chmod(0o600)
    server = make(crosswalk_file=crosswalk)
    shown = registered(server)[:50]
    persons = [f"CANARY-PERSON-{n:03d}" for n in range(200)]

    def faces(n: int) -> list[dict[str, Any]]:
        return [_face(canaries["id"][n]), _face(persons[n])]

    strangers = [
        {**shown[n % 50], "passage_id": f"{plate}-{n}", "plate": plate, "faces": faces(n)}
        for n, plate in enumerate(canaries["plate"])
    ]  # fmt: skip
    ours = [{**r, "faces": [*r["faces"], *faces(n)]} for n, r in enumerate(shown)]
    broken = [{**s, "shot_time": s["plate"].center(19, "x"), "passage_id": f"B{s['plate']}"} for s in strangers[:20]]
    with caplog.at_level("DEBUG"):
        run(push_all, server, [*strangers, *ours, *broken])
        run(astray, server, canaries["id"][5])
        searched(server.store.folder, canaries, persons)
        run_night(server.store, city)
        desk_of_platform(server.app).settle()
    out = capfd.readouterr()
    searched(server.store.folder, canaries, persons)
    logged = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("httpx"))  # the peer's own
    for canary in (*canaries["id"], *canaries["plate"], *persons):
        assert canary not in logged + out.out + out.err
    assert sizes(server)["pushed"] == len(shown)
    assert any(shown[0]["passage_id"].encode() in path.read_bytes() for path in files(server.store.folder))


async def astray(server: Server, number: str) -> None:
    """Requests that name somebody where nothing should."""
    peer = Peer(server.app)
    await peer.register()
    assert codes(await peer.get(f"/VIID/Persons/{number}")) == [4]
    assert (await peer.get(f"/VIID/Subscribes?Person.IDNumber={number}")).status_code == 400
    assert (await peer.notify(f'{{"{number}": '.encode())).status_code == 400


def _face(person: str) -> dict[str, Any]:
    return {"seat": "front_passenger", "candidates": [{"person_id": person, "score": 0.9}]}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def searched(folder: Path, canaries: dict[str, list[str]], persons: list[str]) -> None:
    serials = [plate[1:] for plate in canaries["plate"]]
    words = [word.encode() for word in (*canaries["id"], *canaries["plate"], *serials, *persons)]
    for path in files(folder):
        data = path.read_bytes()
        assert not [word for word in words if word in data], path


def test_a_face_reaches_an_enrolled_person_by_number_and_the_number_stays_nowhere(make: Make, tmp_path: Path) -> None:
    number = "37010319870101999X"
    crosswalk = tmp_path / "crosswalk.csv"
    server = make()
    person = min(desk_of_platform(server.app).door.registers.on(DAY).staff)
    crosswalk.write_text(f"id_number,person_id\n{number},{person}\n", "utf-8")
    crosswalk.chmod(0o600)
    server = make(crosswalk_file=crosswalk)
    record = {**registered(server)[0], "faces": [_face(number.lower())]}
    run(push_all, server, [record])
    with server.store.reading() as session:
        (passage,) = staged(session, DAY).passages
    assert [c.person_id for face in passage.faces for c in face.candidates] == [person]
    assert not [path for path in files(server.store.folder) if number.encode() in path.read_bytes()]


# ---------------------------------------------------------------- the server
def test_a_running_server_settles_what_it_holds(make: Make, city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.viid import desk as module

    monkeypatch.setattr(module, "DECIDE_EVERY_S", 0.05)
    server = make()
    run(push_all, server, records())
    undecided = desk_of_platform(server.app).door.undecided
    assert len(undecided) > 0
    run_night(server.store, city)

    async def live() -> None:
        async with server.app.router.lifespan_context(server.app):
            until = time.monotonic() + 20
            while len(undecided) and time.monotonic() < until:  # noqa: ASYNC110 -- what is held has no event
                await anyio.sleep(0.05)

    run(live)
    assert len(undecided) == 0


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("[devices]\n", 0o644, "others may read"),
        ("devices = 1", 0o600, "names no device"),
        ("[devices.12]\npassword='x'", 0o600, "no id of a device"),
        (f"[devices.{DEVICE}]", 0o600, "one password"),
        (f"[devices.{DEVICE}]\npassword='x'\nnetworks=['here']", 0o600, "no list of networks"),
        (f"[devices.{DEVICE}]\npassword='topsecret'\nfoo=1", 0o600, "not known"),
    ],
)
def test_a_file_of_devices_that_cannot_be_is_refused_and_not_quoted(
    tmp_path: Path, text: str, mode: int, said: str
) -> None:
    path = tmp_path / "devices.toml"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    with pytest.raises(UnusableInput, match=said) as refused:
        read_peers(path)
    assert "topsecret" not in str(refused.value)


def test_a_password_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "devices.toml"
    path.write_text(f'[devices.{DEVICE}]\npassword_file = "word"\nusername = "peer"\n', "utf-8")
    (tmp_path / "word").write_text("hidden\n", "utf-8")
    for file in (path, tmp_path / "word"):
        file.chmod(0o600)
    peer = read_peers(path)[DEVICE]
    assert (peer.username, peer.password.get_secret_value()) == ("peer", "hidden")
    assert "hidden" not in repr(peer)


@pytest.mark.parametrize("column", ["id_number", "id_number_sha256"])
def test_a_crosswalk_by_number_or_by_its_digest(tmp_path: Path, column: str) -> None:
    number, path = "37010319870101999X", tmp_path / "crosswalk.csv"
    told = number if column == "id_number" else hashlib.sha256(number.encode()).hexdigest()
    path.write_text(f"{column},person_id\n{told},P1\n", "utf-8")
    path.chmod(0o600)
    crosswalk = read_crosswalk(path)
    assert crosswalk is not None
    assert (crosswalk.person(" 37010319870101999x"), crosswalk.person("370103198701019990")) == ("P1", None)
    path.write_text(f"{column},person_id\n{told},P1\n{told},P2\n", "utf-8")
    with pytest.raises(UnusableInput) as refused:
        read_crosswalk(path)
    assert told not in str(refused.value)
