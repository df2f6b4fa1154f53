"""A real PostgreSQL in a temporary folder: on a unix socket for us alone, and on the loopback with a password."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from store.engine import open_store
from store.schema import migrate

USER = "trajaudit"
TEMPLATE = "trajaudit_template"
PATIENCE_S = 30
SETTINGS = {
    "fsync": "on",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


def programs() -> Path:
    """The folder of initdb and postgres; the test fails where there is none."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    for folder in folders:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    pytest.fail("no PostgreSQL server here: run scripts/system_packages.sh test", pytrace=False)


def unprivileged() -> dict[str, object]:
    """As whom the server runs: it refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    pytest.fail("PostgreSQL refuses root, and there is neither a user postgres nor nobody", pytrace=False)


def in_memory() -> Path | None:
    """Where files need no disk, if there is room: the server waits for the disk at every commit, as in production."""
    place = Path("/dev/shm")
    return place if os.access(place, os.W_OK) and shutil.disk_usage(place).free > 4 << 30 else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A server that can be stopped, killed and started again. `folder`: its data, socket and log."""

    folder: Path
    bin: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    _process: subprocess.Popen[bytes] | None = None
    _made: int = 0

    def create(self) -> None:
        """Make the cluster. Whoever is on the socket is trusted: its folder is ours alone; TCP asks for a password."""
        as_whom = unprivileged()
        if as_whom:
            os.chown(self.folder, as_whom["user"], as_whom["group"])
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o600)
        if as_whom:
            os.chown(secret, as_whom["user"], as_whom["group"])
        command = [self.bin / "initdb", "-D", self.folder / "data", "-U", USER, f"--pwfile={secret}"]
        command += ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
        command += ["--no-sync"]
        done = subprocess.run(command, check=False, cwd=self.folder, capture_output=True, text=True, **as_whom)
        assert done.returncode == 0, done.stderr

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it where it does not run, and wait until it answers."""
        until = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert time.monotonic() < until, (self.folder / "log").read_text()
            if not self.is_up:
                # One that was killed may still hold its memory for a moment: then the new one gives up at once.
                self._launch()
            time.sleep(0.02)

    def _launch(self) -> None:
        command = [self.bin / "postgres", "-D", self.folder / "data", "-k", self.folder, "-p", str(self.port)]
        command += ["-c", "listen_addresses=127.0.0.1"]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        if guard := shutil.which("setpriv"):
            command = [guard, "--pdeathsig", "INT", *command]  # it must not outlive tests that were killed
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **unprivileged()
            )

    def _answers(self) -> bool:
        if not self.is_up:
            return False
        try:
            psycopg.connect(self.conninfo("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop it in order; open connections are cut."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Stop it as a power cut would: nothing is tidied up, and the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self.is_up:
            self._process.send_signal(how)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def conninfo(self, database: str) -> str:
        return f"host={self.folder} port={self.port} user={USER} dbname={database}"

    def url(self, database: str) -> str:
        """A database's address on the socket."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}&port={self.port}"

    def tcp_url(self, database: str) -> str:
        """A database's address on the loopback, with the password."""
        return f"postgresql+psycopg://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run a statement outside of a transaction."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            connection.execute(statement)

    def new_database(self, template: str = "template0") -> str:
        """Make a database of its own, and return its name."""
        self.start()
        self._made += 1
        name = f"test_{self._made}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        self.start()
        self.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


@pytest.fixture(scope="session")
def pg_server() -> Iterator[Server]:
    """A running PostgreSQL with a migrated, empty template; one a process."""
    # Not in pytest's folder: the server's user may not enter it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=in_memory()))
    server = Server(folder, programs())
    try:
        server.create()
        server.start()
        server.run(f"CREATE DATABASE {TEMPLATE}")
        store = open_store(folder / "template", server.url(TEMPLATE))
        migrate(store)
        store.close()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
