"""Webhooks, tiles and providers, each by the way that its address really takes: a hostile one gets no packet."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import ValidationError

from feeds.faults import UnusableInput
from feeds.pull_http import Http, NoAnswer
from feeds.pull_timing import Timing
from runs.addresses import OutboundRefused
from runs.notices import Failed, Sender
from runs.pull import FeedPull
from runs.settings import OutboundSettings, Settings, StoreSettings
from runs.settings_server import MapSettings
from store.engine import Store
from store.tables.access import Grant, User
from tests.api.calls import get, kind_of
from tests.api.conftest import ACCOUNTS, Server, served
from tests.feeds.pulling import NEXT_NOON_S, Live, city_providers, codes, feed_of, live_bundle, way_out
from tests.feeds.stand_in import Clock, Reply, serving
from tests.feeds.test_pull_client import source
from tests.notices.hostile import payloads, stub, widest
from tests.notices.making import hook, secret_file
from tests.notices.making import settings as notice_settings
from tests.notices.packets import name_service, packets
from tests.notices.receiver import receiving, trapping

PLACES = "/{z}/{x}/{y}.png"
PNG = b"\x89PNG\r\n\x1a\n and more"
KINDS = {
    "decimal": r"//2130706433[:.]", "octal": r"//0177\.0\.0\.1", "hexadecimal": r"//0x7f\.", "short": r"//127\.1:",
    "mapped": r"//\[::ffff:127\.0\.0\.1\]", "NAT64": r"//\[64:ff9b::", "6to4": r"//\[2002:7f00:",
    "Teredo": r"\[2001:0:", "zone": r"%25lo\]", "user": r"//user:pass@127", "user like a name": r"//good\.example@127",
    "wide dots": "127。0。0。1", "wide digits": "１２７", "circled digits": "①②⑦", "last dot": r"//127\.0\.0\.1\.:",
    "no port": r":0/x", "too large a port": ":65536", "scheme": r"^file://", "line end": "\r\n",
    "encoded line end": "%0d%0a", "backslash": r"\\@", "metadata": r"169\.254\.169\.254", "name": r"//localhost:",
    "name that lies": r"evil\.example",
}  # fmt: skip
"""What the list must have, each as a pattern of an address."""


def test_the_list_has_over_two_hundred_addresses_of_every_kind() -> None:
    hostile = payloads(8443)
    assert len(set(hostile)) >= 300
    assert {kind for kind, pattern in KINDS.items() if not any(re.search(pattern, url) for url in hostile)} == set()


def test_what_watches_for_packets_sees_them() -> None:
    with trapping() as trap, packets() as seen:
        socket.create_connection(("127.0.0.1", trap.port)).close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"x", ("127.0.0.1", trap.port))
    assert [event.partition(" ")[0] for event in seen] == ["socket.connect", "socket.sendto"]
    assert len(trap.touched) == 1


# ---------------------------------------------------------------- webhooks
def test_no_hostile_webhook_gets_a_packet(sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ref = name_service(monkeypatch, stub), secret_file(tmp_path)
    with (
        trapping() as trap,
        packets() as seen,
        Sender(sqlite_store, notice_settings(sqlite_store, widest(trap.port))) as sender,
    ):
        for url in payloads(trap.port):  # as if all were in the table, past the command that looks at them
            with pytest.raises(Failed) as error:
                sender.check(hook(sqlite_store, url, ref))
            assert isinstance(error.value.__cause__, OutboundRefused), url
    assert (seen, trap.touched) == ([], [])
    assert "n0.evil.example" in asked


def test_an_allowed_webhook_is_reached_and_not_where_its_name_leads_elsewhere_later(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = ["127.0.0.2"]
    name_service(monkeypatch, lambda _name, _port: leads)
    with receiving(host="127.0.0.2") as good, receiving(port=good.port) as bad:
        number = hook(sqlite_store, f"http://hooks.example:{good.port}/in", secret_file(tmp_path))
        told = notice_settings(sqlite_store, (f"hooks.example:{good.port}", "127.0.0.2"))
        with Sender(sqlite_store, told) as sender:
            assert sender.check(number) == 200
            leads[:] = ["127.0.0.1"]
            with pytest.raises(Failed, match=r"leads to 127\.0\.0\.1, which is in no network of outbound\.allow"):
                sender.check(number)
    assert (len(good.arrivals), bad.seen) == (1, 0)


# ---------------------------------------------------------------- tiles
@contextmanager
def tile_server(store: Store, urls: list[str], *allow: str) -> Iterator[Server]:
    """A server whose settings name these backgrounds, `t0` and on, past the settings' own look at them."""
    with store.writing() as session:
        for name, (role, _, _) in ACCOUNTS.items():
            session.add(User(name=name, created_ms=1, created_by="test"))
            session.add(Grant(name=name, role=str(role), granted_ms=1, granted_by="test"))
    settings = Settings(
        store=StoreSettings(folder=store.folder),
        outbound=OutboundSettings(enabled=True, allow=allow, timeout_s=2, total_s=5),
        maps=MapSettings.model_construct(tiles={f"t{n}": url + PLACES for n, url in enumerate(urls)}),
    )
    made = served(store.folder, settings)
    try:
        yield made
    finally:
        if made.app.state.platform.tiles is not None:
            made.app.state.platform.tiles.close()
        made.app.state.platform.maps.close()
        made.store.close()


def test_no_hostile_tile_address_gets_a_packet(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = name_service(monkeypatch, stub)
    with trapping() as trap, packets() as seen:
        hostile = payloads(trap.port)
        with tile_server(sqlite_store, hostile, *widest(trap.port)) as server:
            for n, url in enumerate(hostile):
                answer = get(server, "auditor", f"/tiles/t{n}/3/1/2")
                assert (answer.status_code, kind_of(answer)) == (503, "not-allowed-out"), url
    assert (seen, trap.touched) == ([], [])
    assert "n0.evil.example" in asked
    assert len({url for url in hostile if is_taken(url)}) >= 200, "the guard refuses them, not the settings' form"


def is_taken(url: str) -> bool:
    """Whether the settings take an address of tiles, which the guard must then refuse."""
    try:
        MapSettings(tiles={"t": url + PLACES})
    except ValidationError:
        return False
    return True


def test_an_allowed_tile_address_is_reached_and_not_where_its_name_leads_elsewhere_later(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = ["127.0.0.2"]
    name_service(monkeypatch, lambda _name, _port: leads)
    with receiving(host="127.0.0.2") as good, receiving(port=good.port) as bad:
        good.body = PNG
        allow = (f"tiles.example:{good.port}", "127.0.0.2")
        with tile_server(sqlite_store, [f"http://tiles.example:{good.port}"], *allow) as server:
            assert get(server, "auditor", "/tiles/t0/3/1/2").content == PNG
            assert [a.path for a in good.arrivals] == ["/3/1/2.png"]
            good.status, good.headers = 302, {"Location": bad.url}
            assert kind_of(get(server, "auditor", "/tiles/t0/3/1/2")) == "tiles-away"
            leads[:] = ["127.0.0.1"]
            assert kind_of(get(server, "auditor", "/tiles/t0/3/1/2")) == "not-allowed-out"
    assert (good.seen, bad.seen) == (2, 0)


# ---------------------------------------------------------------- providers
@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    amap, baidu = city_providers()
    with serving(amap):
        live = Live(live_bundle(tmp_path / "bundle"), amap, baidu, Clock(NEXT_NOON_S), tmp_path / "sources.toml")
        live.settings()
        yield live


def gaode(live: Live, **changes: object) -> FeedPull:
    live.settings("gaode", **changes)
    return feed_of(live.pull("gaode", again=True), "gaode")


def test_no_hostile_provider_gets_a_packet(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, refused = name_service(monkeypatch, stub), set[str]()
    with trapping() as trap, packets() as seen:
        live.out = way_out(*widest(trap.port))
        for url in payloads(trap.port):
            live.settings("gaode", base_url=url)
            with suppress(UnusableInput):  # the form alone
                pulled = feed_of(live.pull("gaode", again=True), "gaode")
                assert codes(pulled) == {"501": "refused", "502": "refused"}, url
                refused.add(url)
    assert (seen, trap.touched, live.clock.waited) == ([], [], [])
    assert "n0.evil.example" in asked
    assert len(refused) >= 200, "the guard refuses them, not the form of the file"


def test_the_connections_to_providers_refuse_by_themselves_what_is_hostile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the file of sources and the look before a pull: what a redirect or a changed program could ask for."""
    name_service(monkeypatch, stub)
    with trapping() as trap, packets() as seen:
        hostile = payloads(trap.port)
        asked = source(tmp_path, timeout_s=0.5)
        refused = 0
        with Http(asked, Timing(), way_out(*widest(trap.port)).transport(asked)) as http:
            for url in hostile:
                with pytest.raises(NoAnswer) as error:
                    http.get(url)
                assert not error.value.retryable, url
                refused += not error.value.allowed
    assert (seen, trap.touched) == ([], [])
    assert refused >= 200, "the others are no addresses at all to the HTTP library"


def test_an_allowed_provider_is_reached_and_not_where_its_name_leads_elsewhere_later(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = [["127.0.0.1"], ["10.0.0.9"]]
    asked = name_service(monkeypatch, lambda _name, _port: leads[len(asked) - 1])
    port = live.amap.address.rpartition(":")[2]
    live.out = way_out(f"api.example:{port}", "127.0.0.1")
    page = Reply(b'{"errcode": 10000, "errmsg": "OK", "data": null}', headers=(("Connection", "close"),))
    live.amap.always["501"] = page  # the next car's connection is a new one
    pulled = gaode(live, base_url=f"http://api.example:{port}/v1/track")
    assert codes(pulled) == {"502": "refused"}
    assert pulled.failures[0].message.startswith(f"api.example:{port} leads to 10.0.0.9, which is in no network")
    assert (live.amap.asked, len(asked)) == ({"501": 1}, 2)
    assert live.pages("gaode")["502.20260318990000.json"] == b""


def test_one_connection_that_was_judged_serves_a_whole_feed(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = name_service(monkeypatch, lambda _name, _port: ["127.0.0.1"])
    port = live.amap.address.rpartition(":")[2]
    live.out = way_out(f"api.example:{port}", "127.0.0.1")
    with packets() as seen:
        pulled = gaode(live, base_url=f"http://api.example:{port}/v1/track")
    assert (pulled.pulled, pulled.queries) == (2, 6)
    assert (len(asked), len(seen)) == (1, 1)


def test_no_redirect_of_a_provider_leads_anywhere(live: Live) -> None:
    with trapping() as trap:
        live.amap.always["501"] = Reply(b"", 302, (("Location", f"http://127.0.0.1:{trap.port}/"),))
        pulled = gaode(live)
    assert codes(pulled) == {"501": "no-answer"}
    assert trap.touched == []


def test_a_head_that_drips_ends_in_time_on_a_kept_connection_too(tmp_path: Path) -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_then_drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                connection.recv(65536)
                while not over.wait(0.05):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=answer_then_drip, daemon=True)
        thread.start()
        asked = source(tmp_path, timeout_s=0.1, connections=1)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        with Http(asked, Timing(), way_out().transport(asked)) as http:
            assert http.get(url) == (200, b"{}")
            time.sleep(1.0)
            began = time.monotonic()
            with pytest.raises(NoAnswer, match="no answer within") as error:
                http.get(url)
            took_s = time.monotonic() - began
        over.set()
        thread.join()
    assert error.value.retryable
    assert 0.9 < took_s < 3, "twelve time-outs, from the second request on"


def test_connections_of_providers_are_no_more_than_the_file_says(live: Live) -> None:
    with packets() as seen:
        pulled = gaode(live, connections=2)
    assert pulled.pulled == 2
    assert len(seen) <= 2
