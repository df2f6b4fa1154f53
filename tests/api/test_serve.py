"""`trajaudit serve`: as a process of its own, with one worker or two, over TLS, slow clients, and how it stops."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from api.serve import options, server_key
from feeds.faults import UnusableInput
from runs.scheduler import write_serve_unit
from runs.settings import Settings, StoreSettings, read_settings
from store.engine import open_store

ROOT = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, "-m", "runs.cli"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(store: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TRAJAUDIT_")}
    return {**kept, "TRAJAUDIT_LANG": "en", "TRAJAUDIT_STORE__FOLDER": str(store), "PYTHONPATH": str(ROOT), **more}


class Serving:
    def __init__(self, process: subprocess.Popen[str], port: int, scheme: str = "http") -> None:
        self.process, self.port, self.scheme = process, port, scheme

    def ask(
        self, path: str, headers: Mapping[str, str] | None = None, data: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        address = f"{self.scheme}://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(address, data=data, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=20, context=context) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextmanager
def serving(store: Path, *arguments: str, scheme: str = "http", **more: str) -> Iterator[Serving]:
    port = free_port()
    process = subprocess.Popen(
        [*PYTHON, "serve", "--port", str(port), *arguments], cwd=ROOT, env=environment(store, **more),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    made = Serving(process, port, scheme)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                if made.ask("/healthz")[0] == 200:
                    break
            except OSError:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < until, "the server did not start"
                time.sleep(0.1)
        yield made
    finally:
        if process.poll() is None:
            process.terminate()  # killed, it would leave its workers, and they hold its pipes
            try:
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def store(city_store: Path, tmp_path: Path) -> Path:
    shutil.copytree(city_store, tmp_path / "store")
    return tmp_path / "store"


def test_two_workers_share_one_key_and_stop_when_told(store: Path) -> None:
    with serving(store, "--workers", "2") as server:
        key = store / "server.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        before = key.read_bytes()
        for _ in range(6):
            status, headers, _ = server.ask("/readyz")
            assert status == 200
            assert "server" not in headers
        _, _, told = server.ask("/metrics")
        counted = re.search(rb'requests_total\{method="GET",route="/readyz",status="200"\} (\d+)', told)
        assert counted is not None
        assert int(counted[1]) == 6, "whichever worker is asked tells what all have counted"
        code, out, err = server.stop()
    assert code == 0, err
    assert "http://127.0.0.1:" in out
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert {line.get("route") for line in lines if line["event"] == "request"} >= {"/readyz", "/metrics", "/healthz"}
    assert [line for line in err.splitlines() if not line.startswith("{")] == []
    with serving(store) as again:
        again.stop(signal.SIGINT)
    assert key.read_bytes() == before


def test_a_head_or_a_body_that_does_not_come_is_not_waited_for(store: Path) -> None:
    quick = {"TRAJAUDIT_SERVER__HEADER_TIMEOUT_S": "1", "TRAJAUDIT_SERVER__BODY_TIMEOUT_S": "1"}
    with serving(store, **quick) as server:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as slow:
            slow.sendall(b"GET /healthz HT")
            assert slow.recv(1000) == b""
        assert time.monotonic() - began < 10
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as slow:
            slow.sendall(
                b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"
            )
            told = slow.recv(4000)
        assert told.startswith(b"HTTP/1.1 408")
        assert server.ask("/healthz")[0] == 200
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as big:
            big.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (80 << 10))
            assert big.recv(4000)[:12] in {b"HTTP/1.1 400", b""}


@pytest.mark.slow
def test_requests_under_way_are_ended_before_it_stops(store: Path) -> None:
    with serving(store) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as open_one:
            body = b'{"name": "nobody", "password": "x"}'
            head = (
                f"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            )
            open_one.sendall(head.encode() + b"\r\n\r\n" + body[:5])
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert server.process.poll() is None
            open_one.sendall(body[5:])
            assert open_one.recv(4000).startswith(b"HTTP/1.1 401")
        server.process.communicate(timeout=60)
        assert server.process.returncode == 0


@pytest.mark.slow
def test_over_tls_cookies_and_headers_are_those_of_tls(store: Path, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o600)
    files = {"TRAJAUDIT_SERVER__TLS_CERT_FILE": str(cert), "TRAJAUDIT_SERVER__TLS_KEY_FILE": str(key)}
    with serving(store, scheme="https", **files) as server:
        _, headers, _ = server.ask("/")
        assert headers["strict-transport-security"] == "max-age=31536000"
    key.chmod(0o644)
    told = subprocess.run(
        [*PYTHON, "serve", "--port", "0"], cwd=ROOT, env=environment(store, **files), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert told.returncode == 2
    assert "0600" in told.stderr


@pytest.mark.slow
def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    with serving(tmp_path / "store") as server:
        assert server.ask("/readyz")[0] == 200
        _, _, err = server.stop()
    assert "trajaudit nightly" in err
    assert "trajaudit user add" in err


def told_at_start(server: Serving) -> str:
    """What was printed until it said where it serves."""
    assert server.process.stdout is not None
    lines = []
    for line in iter(server.process.stdout.readline, ""):
        lines.append(line)
        if "http://" in line:
            break
    return "".join(lines)


def password_of(name: str, told: str) -> str:
    return next(line.split()[-1] for line in told.splitlines() if line.startswith(name))


@pytest.mark.slow
def test_the_demo_prints_accounts_that_can_log_in_and_leaves_an_offices_store_alone(
    store: Path, tmp_path: Path
) -> None:
    demo = ["--demo", str(ROOT / "sample_data" / "city"), "--date", "2026-03-18"]
    refused = subprocess.run(
        [*PYTHON, "serve", *demo], cwd=ROOT, env=environment(store), capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "holds accounts already" in refused.stderr
    prepared = subprocess.run(
        [*PYTHON, "serve", *demo, "--prepare"], cwd=ROOT, env=environment(tmp_path / "demo"), capture_output=True,
        text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "demo-head" not in prepared.stdout
    with serving(tmp_path / "demo") as server:
        _, first, _ = server.stop()
    with serving(tmp_path / "demo") as server:  # each start gives new passwords
        out = told_at_start(server)
        password = password_of("demo-head", out)
        assert password != password_of("demo-head", first)
        body = json.dumps({"name": "demo-head", "password": password}).encode()
        status, _, told = server.ask("/v1/login", {"Content-Type": "application/json"}, body)
        assert (status, json.loads(told)["must_change_password"]) == (200, True)
        key = re.search(r"tak_\S+", out)
        assert key is not None
        status, _, told = server.ask("/v1/findings", {"Authorization": f"Bearer {key[0]}"})
        assert (status, len(json.loads(told)["items"])) == (200, 15)


def test_uvicorn_is_told_what_the_settings_say(tmp_path: Path) -> None:
    told = options(Settings(store=StoreSettings(folder=tmp_path)), "::1", 8000, 3)
    assert (told["server_header"], told["access_log"], told["proxy_headers"]) == (False, False, False)
    assert (told["limit_concurrency"], told["workers"], told["timeout_graceful_shutdown"]) == (200, 3, 30)
    file = tmp_path / "trajaudit.toml"
    file.write_text('[server]\ntrusted_proxies = ["10.0.0.0/8"]\n', "utf-8")
    told = options(read_settings(file), "::1", 8000, 1)
    assert (told["proxy_headers"], told["forwarded_allow_ips"]) == (True, ["10.0.0.0/8"])
    file.write_text('[server]\ntrusted_proxies = ["nowhere"]\ntls_cert_file = "a.pem"\n', "utf-8")
    with pytest.raises(UnusableInput) as error:
        read_settings(file)
    assert "nowhere" in str(error.value.faults)
    file.write_text('[maps]\ntiles = {osm = "https://tiles.example/{z}/{x}.png"}\n', "utf-8")
    with pytest.raises(UnusableInput, match="once each"):
        read_settings(file)


def test_the_key_is_made_once(tmp_path: Path) -> None:
    opened = open_store(tmp_path / "store")
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(server_key(opened))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    opened.close()
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32


def test_systemd_takes_the_servers_unit(tmp_path: Path) -> None:
    assert shutil.which("systemd-analyze"), "systemd-analyze is missing: scripts/system_packages.sh test installs it"
    file = tmp_path / "trajaudit.toml"
    file.write_text('[store]\nfolder = "store"\n', "utf-8")
    unit = write_serve_unit(tmp_path, file, "127.0.0.1", 8000, 2)
    text = unit.read_text("utf-8")
    assert "serve --host 127.0.0.1 --port 8000 --workers 2 --quiet" in text
    assert f'Environment="TRAJAUDIT_SETTINGS={file}"' in text
    assert "$" not in text
    told = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 0, told.stderr
    assert not [line for line in told.stderr.splitlines() if "trajaudit" in line], told.stderr


# ---------------------------------------------------------------- the container
def instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_dockerfile_keeps_to_what_such_files_should_do() -> None:
    """What hadolint would say, as far as this file goes: there is no engine here to build it."""
    told = instructions()
    known = {"FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "EXPOSE", "ENTRYPOINT", "CMD", "HEALTHCHECK", "ARG"}
    assert {name for name, _ in told} <= known
    images = [rest.split()[0] for name, rest in told if name == "FROM"]
    assert all(re.fullmatch(r"[a-z]+:[\w.-]+", image) and not image.endswith(":latest") for image in images), images
    last = max(i for i, (name, _) in enumerate(told) if name == "FROM")
    users = [rest for name, rest in told[last:] if name == "USER"]
    assert users, "it would run as root"
    assert users[-1].partition(":")[0] not in {"root", "0"}
    for name, rest in told:
        if name == "RUN" and "apt-get install" in rest:
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists" in rest
        if name == "RUN" and "pip install" in rest:
            assert "--no-cache-dir" in rest
            assert "--require-hashes" in rest or "--no-deps" in rest
        assert name not in {"ENTRYPOINT", "CMD"} or isinstance(json.loads(rest), list), "signals must reach the program"
        assert not re.search(r"(PASSWORD|SECRET|TOKEN|_KEY)=\S", rest)
    assert any(name == "HEALTHCHECK" for name, _ in told[last:])
    copied = [part for name, rest in told if name == "COPY" and "--from" not in rest for part in rest.split()[:-1]]
    assert all((ROOT / part).exists() for part in copied if part != "dist/"), "dist/ is what `make wheel` makes"


def test_compose_runs_it_with_no_more_than_it_needs() -> None:
    told = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    assert set(told["services"]) == {"trajaudit", "nightly", "notices", "postgres"}
    for name, service in told["services"].items():
        assert "privileged" not in service
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        assert re.fullmatch(r"[a-z]+:[\w.-]+", service["image"]), name
    assert "ports" not in told["services"]["postgres"]
    assert all(port.startswith("127.0.0.1:") for port in told["services"]["trajaudit"]["ports"])
    assert "file" in told["secrets"]["database_url"]
    assert all("file" in secret for secret in told["secrets"].values()), "no password stands in this file"
    text = (ROOT / "compose.yaml").read_text("utf-8")
    assert not re.search(r"PASSWORD:\s*\S", text)


@pytest.mark.slow
def test_the_steps_of_the_dockerfile_work_in_a_plain_folder(tmp_path: Path) -> None:
    """A wheel beside the locked packages, started with an empty store, says that it is well."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)], cwd=ROOT,
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True)
    python = venv / "bin" / "python"
    lock = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(ROOT / "requirements.lock")]
    subprocess.run(lock, check=True, capture_output=True, timeout=1200)
    own = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(own, check=True, capture_output=True)
    port = free_port()
    settings = {"TRAJAUDIT_STORE__FOLDER": str(tmp_path / "store"), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    process = subprocess.Popen(
        [str(venv / "bin" / "trajaudit"), "serve", "--host", "127.0.0.1", "--port", str(port)], cwd=tmp_path,
        env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    server = Serving(process, port)
    try:
        until = time.monotonic() + 90
        while True:
            try:
                assert server.ask("/readyz")[0] == 200
                break
            except OSError:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < until
                time.sleep(0.3)
        status, _, told = server.ask("/", {"Accept": "text/html"})
        assert status == 200
        style = re.search(r"/assets/desk\.\w+\.css", told.decode())
        assert style is not None
        assert server.ask(style[0])[0] == 200
        assert server.stop()[0] == 0
    finally:
        if process.poll() is None:
            process.terminate()  # killed, it would leave its workers, and they hold its pipes
            try:
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
