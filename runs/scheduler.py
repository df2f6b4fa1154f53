"""Every day at its time: a process of its own where there is no systemd, and the units for where there is.

The scheduler starts `trajaudit nightly --catch-up` and `trajaudit retention run` as programs of their own, so that
nothing of one night is in the memory of the next. Two at once do no harm: the lease lets one of them run.
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
NIGHTLY, RETENTION = ("nightly", "--catch-up"), ("retention", "run", "--yes")
NOTICES = ("notices", "deliver", "--watch")
SERVE = "trajaudit-serve.service"
MISFIRE_S = 12 * 3600
"""A night that the machine slept through is made up for within so many seconds; older ones by --catch-up."""


def command_line(words: Sequence[str], settings: Path | None) -> list[str]:
    """Return a command of ours, as a program of its own."""
    named = [] if settings is None else ["--settings", str(settings.absolute())]
    return [sys.executable, "-m", "runs.cli", *words, *named]


def run_scheduler(path: Path | None, quiet: bool) -> None:
    """Start the nightly every night until SIGTERM or SIGINT; a night under way is ended first."""
    try:
        from apscheduler.schedulers.blocking import BlockingScheduler  # noqa: PLC0415
        from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415
    except ModuleNotFoundError as error:
        hint = "Install trajaudit[scheduler], or use the systemd units (--units)."
        raise UnusableInput([Fault("scheduler", f"{error.name} is not installed", hint=hint)]) from error
    settings = read_settings(path)
    zone = settings.nightly.timezone
    scheduler = BlockingScheduler(timezone=zone)
    for words, at in ((NIGHTLY, settings.nightly.at), (RETENTION, settings.retention.at)):
        if at:
            hour, minute = map(int, at.split(":"))
            scheduler.add_job(
                run_once, CronTrigger(hour=hour, minute=minute, timezone=zone), [command_line(words, path)],
                max_instances=1, coalesce=True, misfire_grace_time=MISFIRE_S,
            )  # fmt: skip

    def stop(_number: int, _frame: FrameType | None) -> None:
        scheduler.shutdown(wait=True)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if not quiet:
        _tell_times(settings)
    scheduler.start()


def _tell_times(settings: Settings) -> None:
    said = say("The nightly starts every day at {at} ({zone}). Stop with Ctrl-C.")
    typer.echo(said.format(at=settings.nightly.at, zone=settings.nightly.timezone))
    if settings.retention.at:
        typer.echo(say("What is past its period is erased every day at {at}.").format(at=settings.retention.at))
    else:
        typer.echo(say("Nothing is erased by itself: retention.at is empty."))


def run_once(command: Sequence[str]) -> int:
    """Run one command of ours to its end and return its exit code, which is told where it is not 0."""
    code = subprocess.run(command, check=False).returncode  # noqa: S603 -- our own program
    if code != 0:
        told = say("{command} ended with code {code}.")
        typer.echo(told.format(command=f"trajaudit {shlex.join(command[3:])}", code=code), err=True)
    return code


def write_units(folder: Path, path: Path | None) -> list[Path]:
    """Write the systemd services and timers for these settings; return the files.

    Nothing is written that erases where `retention.at` is empty. Raises `UnusableInput` where the folder is none, or
    cannot be written.
    """
    settings = read_settings(path)
    written = _write_timed(folder, "trajaudit-nightly", NIGHTLY, settings.nightly.at, (settings, path))
    if settings.retention.at:
        written += _write_timed(folder, "trajaudit-retention", RETENTION, settings.retention.at, (settings, path))
    return [*written, _write_unit(folder, "trajaudit-notices.service", _values(NOTICES, settings, path))]


def _write_timed(
    folder: Path, name: str, words: Sequence[str], at: str, told: tuple[Settings, Path | None]
) -> list[Path]:
    values = {**_values(words, *told), "at": at}
    return [_write_unit(folder, f"{name}.{kind}", values) for kind in ("service", "timer")]


def write_serve_unit(folder: Path, path: Path | None, host: str, port: int, workers: int) -> Path:
    """Write the systemd service of the server and return its file; raises `UnusableInput` as `write_units`."""
    serve = ["serve", "--host", host, "--port", str(port), "--workers", str(workers), "--quiet"]
    settings = read_settings(path)
    values = {**_values(serve, settings, path), "stop": str(settings.server.stop_s + 15)}
    return _write_unit(folder, SERVE, values)


def _write_unit(folder: Path, name: str, values: Mapping[str, str]) -> Path:
    text = Template((UNITS / name).read_text("utf-8")).substitute(values)
    try:
        (folder / name).write_text(text, "utf-8")
    except OSError as error:
        hint = "Name a folder such as /etc/systemd/system."
        raise UnusableInput([Fault(str(folder / name), f"cannot be written: {error.strerror}", hint=hint)]) from error
    return folder / name


def _values(words: Sequence[str], settings: Settings, path: Path | None) -> dict[str, str]:
    folder = str(settings.store.folder.absolute().parent)
    named = "" if path is None else f'Environment="{SETTINGS_VARIABLE}={path.absolute()}"'
    return {
        "command": shlex.join(command_line(words, None)),
        "folder": folder,
        "hardening": Template((UNITS / "hardening").read_text("utf-8")).substitute(folder=folder).rstrip(),
        "settings": named,
        "timezone": settings.nightly.timezone,
    }
