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

DONE = ("没有到期的数据", "未核查", "trajaudit nightly --catch-up")
"""What the two say in an empty store: nothing is due; no bundle is there, and the nightly ended with a code."""
ROOT = Path(__file__).resolve().parents[2]


def settings_file(folder: Path, at: str, erase_at: str = "03:30") -> Path:
    path = folder / "trajaudit.toml"
    path.write_text(
        f'[store]\nfolder = "store"\n[nightly]\nat = "{at}"\ntimezone = "Asia/Shanghai"\nbundles = "nights"\n'
        f'[retention]\nat = "{erase_at}"\n',
        "utf-8",
    )
    return path


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    assert shutil.which("systemd-analyze"), "systemd-analyze is missing: scripts/system_packages.sh test installs it"
    files = write_units(tmp_path, settings_file(tmp_path, "05:30"))
    assert [f.name for f in files] == [
        "trajaudit-nightly.service",
        "trajaudit-nightly.timer",
        "trajaudit-retention.service",
        "trajaudit-retention.timer",
        "trajaudit-notices.service",
    ]
    # systemd asks for the program that a unit starts: it must be there.
    told = subprocess.run(
        ["systemd-analyze", "verify", *map(str, files)], capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 0, told.stderr
    assert not [line for line in told.stderr.splitlines() if "trajaudit" in line], told.stderr


def test_the_units_name_the_program_the_settings_and_the_time(tmp_path: Path) -> None:
    written = {f.name.removeprefix("trajaudit-"): f.read_text("utf-8")
               for f in write_units(tmp_path, settings_file(tmp_path, "23:05", "02:10"))}  # fmt: skip
    assert f"ExecStart={sys.executable} -m runs.cli nightly --catch-up\n" in written["nightly.service"]
    assert f"ExecStart={sys.executable} -m runs.cli retention run --yes\n" in written["retention.service"]
    assert f"ExecStart={sys.executable} -m runs.cli notices deliver --watch\n" in written["notices.service"]
    assert "OnCalendar=*-*-* 23:05:00 Asia/Shanghai" in written["nightly.timer"]
    assert "OnCalendar=*-*-* 02:10:00 Asia/Shanghai" in written["retention.timer"]
    for name, text in written.items():
        assert "$" not in text
        if name.endswith(".service"):
            assert f'Environment="TRAJAUDIT_SETTINGS={tmp_path / "trajaudit.toml"}"' in text
            assert f"ReadWritePaths={tmp_path}\n" in text
            assert "NoNewPrivileges=yes\n" in text


def test_nothing_is_erased_by_itself_where_the_office_says_so(tmp_path: Path) -> None:
    files = write_units(tmp_path, settings_file(tmp_path, "05:30", ""))
    assert not [f.name for f in files if "retention" in f.name]


def test_units_go_into_a_folder_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="cannot be written"):
        write_units(tmp_path / "absent", None)


@pytest.mark.slow
def test_the_scheduler_starts_what_is_due_at_its_time_and_ends_when_told(tmp_path: Path) -> None:
    """A minute boundary is waited for: the scheduler knows hours and minutes."""
    (tmp_path / "nights").mkdir()
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    soon = now + timedelta(minutes=1) if now.second < 50 else now + timedelta(minutes=2)
    at = soon.strftime("%H:%M")
    settings, said = settings_file(tmp_path, at, at), tmp_path / "said"
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "runs.cli", "scheduler", "--settings", str(settings)],
            cwd=ROOT, env=environment(), stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            until = time.monotonic() + 180
            while not all(word in said.read_text("utf-8") for word in DONE) and time.monotonic() < until:
                time.sleep(0.5)
            os.kill(process.pid, signal.SIGTERM)
            process.wait(60)
        finally:
            process.kill()
    text = said.read_text("utf-8")
    assert all(word in text for word in DONE), text
    assert process.returncode == 0, text
    assert at in text
