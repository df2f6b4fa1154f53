"""Every night at its time: a process of its own where there is no systemd, and the units for where there is.

The scheduler starts `trajaudit nightly --catch-up` as a program of its own each night, so that nothing of one night is
in the memory of the next. Two at once do no harm: the lease lets one of them run.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from types import FrameType

import typer

from feeds.faults import Fault, UnusableInput
from runs.settings import SETTINGS_VARIABLE, Settings, read_settings
from runs.words import say

UNITS = Path(__file__).resolve().parent / "units"
NAMES = ("trajaudit-nightly.service", "trajaudit-nightly.timer")
SERVE = "trajaudit-serve.service"
MISFIRE_S = 12 * 3600
"""A night that the machine slept through is made up for within so many seconds; older ones by --catch-up."""


def command_line(settings: Path | None) -> list[str]:
    """Return the command of a nightly, as a program of its own."""
    named = [] if settings is None else ["--settings", str(settings.absolute())]
    return [sys.executable, "-m", "runs.cli", "nightly", "--catch-up", *named]


def run_scheduler(path: Path | None, quiet: bool) -> None:
    """Start the nightly every night until SIGTERM or SIGINT; a night under way is ended first."""
    try:
        from apscheduler.schedulers.blocking import BlockingScheduler  # noqa: PLC0415
        from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415
    except ModuleNotFoundError as error:
        hint = "Install trajaudit[scheduler], or use the systemd units (--units)."
        raise UnusableInput([Fault("scheduler", f"{error.name} is not installed", hint=hint)]) from error
    settings = read_settings(path)
    hour, minute = settings.nightly.at.split(":")
    trigger = CronTrigger(hour=int(hour), minute=int(minute), timezone=settings.nightly.timezone)
    scheduler = BlockingScheduler(timezone=settings.nightly.timezone)
    scheduler.add_job(
        run_once, trigger, [command_line(path)], max_instances=1, coalesce=True, misfire_grace_time=MISFIRE_S
    )

    def stop(_number: int, _frame: FrameType | None) -> None:
        scheduler.shutdown(wait=True)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if not quiet:
        said = say("The nightly starts every day at {at} ({zone}). Stop with Ctrl-C.")
        typer.echo(said.format(at=settings.nightly.at, zone=settings.nightly.timezone))
    scheduler.start()


def run_once(command: Sequence[str]) -> int:
    """Run one nightly to its end and return its exit code, which is told where it is not 0."""
    code = subprocess.run(command, check=False).returncode  # noqa: S603 -- our own program
    if code != 0:
        typer.echo(say("The nightly ended with code {code}.").format(code=code), err=True)
    return code


def write_units(folder: Path, path: Path | None) -> list[Path]:
    """Write the systemd service and timer for these settings; return the files.

    Raises `UnusableInput` where the folder is none, or cannot be written.
    """
    values = _values(read_settings(path), path)
    return [_write_unit(folder, name, values) for name in NAMES]


def write_serve_unit(folder: Path, path: Path | None, host: str, port: int, workers: int) -> Path:
    """Write the systemd service of the server and return its file; raises `UnusableInput` as `write_units`."""
    serve = ["serve", "--host", host, "--port", str(port), "--workers", str(workers), "--quiet"]
    settings = read_settings(path)
    command = shlex.join([sys.executable, "-m", "runs.cli", *serve])
    values = {**_values(settings, path), "command": command, "stop": str(settings.server.stop_s + 15)}
    return _write_unit(folder, SERVE, values)


def _write_unit(folder: Path, name: str, values: Mapping[str, str]) -> Path:
    text = Template((UNITS / name).read_text("utf-8")).substitute(values)
    try:
        (folder / name).write_text(text, "utf-8")
    except OSError as error:
        hint = "Name a folder such as /etc/systemd/system."
        raise UnusableInput([Fault(str(folder / name), f"cannot be written: {error.strerror}", hint=hint)]) from error
    return folder / name


def _values(settings: Settings, path: Path | None) -> dict[str, str]:
    store = settings.store.folder.absolute()
    named = "" if path is None else f'Environment="{SETTINGS_VARIABLE}={path.absolute()}"'
    return {
        "command": shlex.join(command_line(None)),
        "store": str(store),
        "folder": str(store.parent),
        "settings": named,
        "at": settings.nightly.at,
        "timezone": settings.nightly.timezone,
    }
