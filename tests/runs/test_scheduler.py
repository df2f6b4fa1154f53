"""The nightly starts by itself: by systemd's timer, or by a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from feeds.faults import UnusableInput
from runs.scheduler import write_units
from tests.runs.conftest import environment

ROOT = Path(__file__).resolve().parents[2]


def settings_file(folder: Path, at: str) -> Path:
    path = folder / "trajaudit.toml"
    path.write_text(
        f'[store]\nfolder = "store"\n[nightly]\nat = "{at}"\ntimezone = "Asia/Shanghai"\nbundles = "nights"\n', "utf-8"
    )
    return path


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    assert shutil.which("systemd-analyze"), "systemd-analyze is missing: scripts/system_packages.sh test installs it"
    files = write_units(tmp_path, settings_file(tmp_path, "05:30"))
    assert [f.name for f in files] == ["trajaudit-nightly.service", "trajaudit-nightly.timer"]
    # systemd asks for the program that a unit starts: it must be there.
    told = subprocess.run(
        ["systemd-analyze", "verify", *map(str, files)], capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 0, told.stderr
    assert not [line for line in told.stderr.splitlines() if "trajaudit" in line], told.stderr


def test_the_units_name_the_program_the_settings_and_the_time(tmp_path: Path) -> None:
    service, timer = (f.read_text("utf-8") for f in write_units(tmp_path, settings_file(tmp_path, "23:05")))
    assert f"ExecStart={sys.executable} -m runs.cli nightly --catch-up" in service
    assert f'Environment="TRAJAUDIT_SETTINGS={tmp_path / "trajaudit.toml"}"' in service
    assert f"ReadWritePaths={tmp_path}" in service
    assert "OnCalendar=*-*-* 23:05:00 Asia/Shanghai" in timer
    assert "$" not in service + timer


def test_units_go_into_a_folder_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="cannot be written"):
        write_units(tmp_path / "absent", None)


@pytest.mark.slow
def test_the_scheduler_starts_a_nightly_at_its_time_and_ends_when_told(tmp_path: Path) -> None:
    """A minute boundary is waited for: the scheduler knows hours and minutes."""
    night = tmp_path / "nights"
    night.mkdir()
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    soon = now + timedelta(minutes=1) if now.second < 50 else now + timedelta(minutes=2)
    at = soon.strftime("%H:%M")
    process = subprocess.Popen(
        [sys.executable, "-m", "runs.cli", "scheduler", "--settings", str(settings_file(tmp_path, at))],
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        lock = tmp_path / "store" / "trajaudit.db"
        until = time.monotonic() + 150
        while not lock.exists() and time.monotonic() < until:
            time.sleep(0.5)
        assert lock.exists(), "the nightly was not started"
        time.sleep(8)  # it finds no bundle and ends
        os.kill(process.pid, signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert at in said
