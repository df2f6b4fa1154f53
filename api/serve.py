"""`trajaudit serve`: uvicorn with one process or several, as the settings say. The command finds this module by name.

Every process opens the store itself and signs with the same key, which lies in the store's folder.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import typer
import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select

from api.app import create_app
from api.logs import LOG_CONFIG
from api.metrics import SHARED as SHARED_METRICS
from api.platform import Platform
from api.tallies import SharedTallies
from feeds.faults import Fault, UnusableInput
from runs.job_board import shared_folder
from runs.open_store import opened
from runs.settings import SETTINGS_VARIABLE, Settings, read_settings
from runs.words import say
from store.accounts import has_accounts
from store.engine import Store
from store.schema import reached
from store.sealing import load_sealing_key
from store.tables.nights import Night

KEY_FILE = "server.key"
"""In the store's folder, mode 0600, not in backups: without it cursors that were handed out end, and nothing else."""
SHARED_FOLDER = "TRAJAUDIT_SERVER_FOLDER"
"""Names the folder of a server's processes to them, where there are several."""
MOST_HEAD_BYTES = 64 << 10
SLOWEST_START_S = 60
"""A worker that says nothing for so long is replaced; uvicorn's 5 s are less than a start takes on a busy machine."""


def run(host: str, port: int, workers: int, path: Path | None, lang: str, quiet: bool) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are ended first."""
    settings = read_settings(path)
    if path is not None:
        os.environ[SETTINGS_VARIABLE] = str(path.absolute())  # for the other processes, which read them anew
    _look_first(settings, lang)
    if not quiet:
        scheme = "http" if settings.server.tls_cert_file is None else "https"
        typer.echo(
            say("Serving on {address}. Stop with Ctrl-C.", lang).format(address=f"{scheme}://{_shown(host)}:{port}")
        )
    signal.signal(signal.SIGTERM, _stopped)  # uvicorn hands the signal on once it has ended
    with shared_folder() as folder:
        if workers > 1:
            os.environ[SHARED_FOLDER] = str(folder)
            SharedTallies(folder).close()  # made once, before several processes would make it at the same time
            metrics = folder / "metrics"
            metrics.mkdir()
            os.environ[SHARED_METRICS] = str(metrics)
        uvicorn.run("api.serve:application", **options(settings, host, port, workers))


def options(settings: Settings, host: str, port: int, workers: int) -> dict[str, Any]:
    """Return what uvicorn is told."""
    server = settings.server
    return {
        "factory": True,
        "host": host,
        "port": port,
        "workers": workers,
        "http": "api.hurry:Hurried",
        "ws": "none",
        "lifespan": "on",
        "log_config": LOG_CONFIG,
        "access_log": False,
        "server_header": False,
        "proxy_headers": bool(server.trusted_proxies),
        "forwarded_allow_ips": list(server.trusted_proxies),
        "limit_concurrency": server.concurrency,
        "timeout_worker_healthcheck": SLOWEST_START_S,
        "timeout_keep_alive": server.keep_alive_s,
        "timeout_graceful_shutdown": server.stop_s,
        "h11_max_incomplete_event_size": MOST_HEAD_BYTES,
        "ssl_certfile": server.tls_cert_file,
        "ssl_keyfile": server.tls_key_file,
    }


def application() -> FastAPI:
    """Return the application of one process."""
    settings = read_settings()
    named, shared = (os.environ.get(name) for name in (SETTINGS_VARIABLE, SHARED_FOLDER))
    store = opened(settings)
    file, folder = (None if told is None else Path(told) for told in (named, shared))
    return create_app(Platform(store, settings, server_key(store), file, folder))


def server_key(store: Store) -> bytes:
    """Return the key that all processes of this store sign with; made at the first start."""
    return load_sealing_key(store, store.folder / KEY_FILE)


def _look_first(settings: Settings, lang: str) -> None:
    """Say what is missing before any process starts; raises `UnusableInput` and `StoreRefused`."""
    for file in (settings.server.tls_cert_file, settings.server.tls_key_file):
        if file is not None and not os.access(file, os.R_OK):
            raise UnusableInput([Fault(str(file), "cannot be read", hint="server.tls_cert_file and tls_key_file.")])
    key = settings.server.tls_key_file
    if key is not None and key.stat().st_mode & 0o077:
        raise UnusableInput([Fault(str(key), "others may read this key", expected="mode 0600")])
    store = opened(settings)
    try:
        server_key(store)
        with reached(store), store.reading() as session:
            n_nights = session.scalar(select(func.count()).select_from(Night)) or 0
            is_new = not has_accounts(session)
    finally:
        store.close()
    if not n_nights:
        told = say(
            "No night is in the store yet: `trajaudit nightly` takes one in; `make demo` shows one to try.", lang
        )
        typer.echo(told, err=True)
    if is_new:
        told = say("No account is there yet, so nobody can log in: trajaudit user add NAME.", lang)
        typer.echo(told, err=True)


def _shown(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host


def _stopped(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
