"""Nothing goes to an address that the settings do not allow: real sockets, traps on loopback, a resolver that lies."""

from __future__ import annotations

import datetime as dt
import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from feeds.faults import UnusableInput
from runs.addresses import OutboundRefused, is_public, parse_entry
from runs.outbound import Exchange, Guard, Guarded, NotReached, Resolver, looked_up
from runs.outbound_watch import watched
from runs.settings import OutboundSettings, read_settings
from tests.notices.hostile import payloads, stub, widest
from tests.notices.receiver import receiving, trapping


def exchange(*allow: str, resolve: Resolver = looked_up, enabled: bool = True, **more: object) -> Exchange:
    told = {"timeout_s": 0.5, "total_s": 1.0} | more
    settings = OutboundSettings(enabled=enabled, allow=allow, **told)  # type: ignore[arg-type]
    return Exchange(Guard.of(settings, resolve), settings)


def test_no_hostile_address_gets_a_packet() -> None:
    with trapping() as trap:
        hostile = payloads(trap.port)
        assert len(set(hostile)) >= 200
        out = exchange(*widest(trap.port), resolve=stub)
        for url in hostile:
            with pytest.raises(OutboundRefused):
                out.post(url, b"secret")
        out.close()
    assert trap.touched == []


def test_the_same_addresses_get_no_packet_from_a_library_that_connects_by_itself() -> None:
    hosts = ("127.0.0.1", "localhost", "0", "0x7f.1", "2130706433", "127.1", "::1", "::ffff:127.0.0.1", "0.0.0.0")
    with trapping() as trap:
        guard = Guard(True, tuple(map(parse_entry, widest(trap.port))), stub)
        for host in hosts:
            with watched(guard) as refused, pytest.raises(OutboundRefused):
                socket.create_connection((host, trap.port), timeout=0.5)
            assert refused
            plain = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            with plain, watched(guard), pytest.raises(OutboundRefused):
                plain.connect((host, trap.port))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with datagrams, watched(guard), pytest.raises(OutboundRefused):
            datagrams.sendto(b"x", ("127.0.0.1", trap.port))
        assert trap.touched == []
        socket.create_connection(("127.0.0.1", trap.port)).close()  # the trap works, and the guard is off again
        time.sleep(0.1)
        assert trap.touched


def test_a_loopback_address_is_open_only_where_exactly_its_network_is_named() -> None:
    with receiving() as receiver:
        port = receiver.port
        for allow in ("0.0.0.0/0", "126.0.0.0/7", "10.0.0.0/8", f"127.0.0.1:{port + 1}", "127.0.0.2", f"*:{port}"):
            with pytest.raises(OutboundRefused):
                exchange(allow).post(receiver.url, b"x")
        for allow in ("127.0.0.0/8", f"127.0.0.0/8:{port}", "127.0.0.1", f"127.0.0.1:{port}"):
            assert exchange(allow).post(receiver.url, b"x").status == 200
    assert len(receiver.arrivals) == 4


def test_nothing_goes_out_by_default_and_no_name_is_looked_up_that_is_not_listed() -> None:
    asked: list[str] = []

    def resolve(name: str, _port: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"]

    with receiving() as receiver:
        for out in (
            exchange(receiver.allow, enabled=False, resolve=resolve),
            exchange("other.example", resolve=resolve),
            Exchange(Guard.of(OutboundSettings(), resolve), OutboundSettings()),
        ):
            for url in (receiver.url, f"http://hooks.example:{receiver.port}/"):
                with pytest.raises(OutboundRefused):
                    out.post(url, b"x")
    assert (asked, receiver.seen) == ([], 0)


def test_an_answer_of_the_name_service_that_changes_changes_nothing() -> None:
    answers: Iterator[list[str]] = iter([["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2", "127.0.0.1"], ["127.0.0.2"]])
    asked = 0

    def resolve(_name: str, _port: int) -> list[str]:
        nonlocal asked
        asked += 1
        return next(answers)

    with receiving(host="127.0.0.2") as good, receiving(host="127.0.0.1", port=good.port) as bad:
        url = f"http://hooks.example:{good.port}/hook"
        out = exchange(f"hooks.example:{good.port}", "127.0.0.2/32", resolve=resolve)
        assert out.post(url, b"1").status == 200
        for _ in range(2):
            with pytest.raises(OutboundRefused):
                out.post(url, b"2")
        assert out.post(url, b"3").status == 200
        assert asked == 4, "each connection is judged once, and made to what was judged"
    assert ([a.body for a in good.arrivals], bad.seen) == ([b"1", b"3"], 0)
    assert good.arrivals[0].headers["host"] == f"hooks.example:{good.port}"


def test_a_name_that_was_public_when_it_was_added_and_is_loopback_now() -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    with trapping() as trap:
        out = exchange(f"hooks.example:{trap.port}", resolve=lambda _n, _p: next(answers))
        assert [str(a) for a in out.guard.addresses("hooks.example", trap.port)] == ["93.184.216.34"]
        with pytest.raises(OutboundRefused, match=r"leads to 127\.0\.0\.1"):
            out.post(f"https://hooks.example:{trap.port}/", b"x")
    assert trap.touched == []


def test_the_guard_of_libraries_holds_to_the_addresses_that_it_judged() -> None:
    """The library's own look-up says loopback, the guard's says the allowed one: no connection is made."""
    with trapping() as trap:
        entries = tuple(map(parse_entry, (f"localhost:{trap.port}", "127.0.0.2/32")))
        guard = Guard(True, entries, lambda _n, _p: ["127.0.0.2"])
        with watched(guard), pytest.raises(OSError, match=r"127\.0\.0\.1|::1"):
            socket.create_connection(("localhost", trap.port), timeout=0.5)
    assert trap.touched == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with trapping() as trap, receiving() as receiver:
        receiver.status, receiver.headers = status, {"Location": f"http://127.0.0.1:{trap.port}/"}
        answer = exchange("127.0.0.0/8").post(receiver.url, b"x")
        assert answer.status == status
    assert trap.touched == []


def test_another_client_may_use_the_transport_and_its_redirects_are_judged() -> None:
    settings = OutboundSettings(enabled=True, allow=())
    with trapping() as trap, receiving() as receiver:
        settings = OutboundSettings(enabled=True, allow=(receiver.allow,))
        receiver.status, receiver.headers = 302, {"Location": f"http://127.0.0.1:{trap.port}/"}
        client = httpx.Client(transport=Guarded(Guard.of(settings), settings), trust_env=False, follow_redirects=True)
        with client, pytest.raises(OutboundRefused):
            client.get(receiver.url)
    assert trap.touched == []


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with trapping() as trap, receiving() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
        assert exchange(receiver.allow).post(receiver.url, b"x").status == 200
    assert trap.touched == []


def test_a_large_answer_is_cut_off() -> None:
    with receiving() as receiver:
        receiver.body = b"x" * 70_000
        assert len(exchange(receiver.allow, max_answer_kb=80).get(receiver.url).body) == 70_000
        with pytest.raises(NotReached, match="more than 64 KB"):
            exchange(receiver.allow, max_answer_kb=64).get(receiver.url)


def test_an_answer_that_drips_ends_in_time() -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                for _ in range(200):
                    if over.wait(0.1):
                        return
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        port = server.getsockname()[1]
        with pytest.raises(NotReached):
            exchange("127.0.0.0/8", timeout_s=5, total_s=0.6).get(f"http://127.0.0.1:{port}/")
        assert time.monotonic() - began < 3
        over.set()
        thread.join()


def test_plain_http_does_not_go_to_the_public_internet() -> None:
    out = exchange("hooks.example:80", "93.184.216.34:80", resolve=lambda _n, _p: ["93.184.216.34"])
    for url in ("http://hooks.example/", "http://93.184.216.34/"):
        with pytest.raises(OutboundRefused, match="takes https"):
            out.post(url, b"x")


def certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    made = x509.CertificateBuilder(
        subject, subject, key.public_key(), x509.random_serial_number(), now - day, now + day
    )
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem + secret)
    (folder / "ca.pem").write_bytes(pem)
    return folder / "both.pem"


def test_tls_is_for_the_name_though_the_connection_is_made_to_an_address(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, "hooks.example"))
    asked: list[str | None] = []

    def sni(_socket: object, name: str | None, _context: object) -> None:
        asked.append(name)

    context.sni_callback = sni

    def resolve(_name: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    with receiving(context=context) as receiver:
        port = receiver.port
        allow = (f"*.example:{port}", f"127.0.0.1:{port}")
        trusting = exchange(*allow, resolve=resolve, ca_file=tmp_path / "ca.pem", timeout_s=5, total_s=5)
        assert trusting.post(f"https://hooks.example:{port}/hook", b"x").status == 200
        with pytest.raises(NotReached, match="certificate"):
            trusting.post(f"https://other.example:{port}/hook", b"x")
        with pytest.raises(NotReached, match="certificate"):
            exchange(*allow, resolve=resolve, timeout_s=5, total_s=5).post(f"https://hooks.example:{port}/", b"x")
    assert asked[0] == "hooks.example"
    assert receiver.arrivals[0].headers["host"] == f"hooks.example:{port}"
    assert len(receiver.arrivals) == 1


def test_the_log_of_the_http_library_has_no_path(caplog: pytest.LogCaptureFixture) -> None:
    with receiving() as receiver, caplog.at_level(logging.INFO):
        exchange(receiver.allow).post(receiver.url + "/KEY?key=KEY", b"x")
    assert "KEY" not in caplog.text
    assert "127.0.0.1" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.1/8",
        "host:0",
        "host:65536",
        "a b",
        "http://host",
        "*.",
        "a*b.cn",
        "0x7f.1",
        "[::1",
        "::1/129",
        "x:y",
    ],
)
def test_what_is_no_entry_is_refused_when_the_settings_are_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "trajaudit.toml"
    path.write_text(f'[outbound]\nallow = ["good.example", {text!r}]\n', "utf-8")
    with pytest.raises(UnusableInput, match=r"outbound\.allow"):
        read_settings(path)


def test_what_python_calls_global_and_we_do_not_is_only_what_hides_another_address() -> None:
    for text in ("8.8.8.8", "1.1.1.1", "2606:4700::1111", "114.114.114.114", "2400:3200::1"):
        assert is_public(ipaddress.ip_address(text))
    for n in range(0, 1 << 32, 104_729 * 97):
        address = ipaddress.ip_address(n)
        if not address.is_global or address.is_multicast:
            assert not is_public(address), address
