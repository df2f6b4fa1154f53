"""Where the processes of one server tell one another of their jobs: a folder of theirs, gone when the server ends.

So a job is known to whichever process is asked. It is no part of the store: what a trial found is kept nowhere.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from store.lease import is_dead, this_process

_ID = re.compile(r"J[0-9a-f]{20}")
_PREFIX, _OWNER, _LOCK = "trajaudit-server-", "owner", "lock"


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Give a folder (mode 0700) for the processes of this server; those that killed servers left are removed first."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if is_dead((left / _OWNER).read_text("utf-8")):
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as made:
        folder = Path(made)
        (folder / _OWNER).write_text(this_process(), "utf-8")
        yield folder


class Board:
    """Jobs as JSON, a file each, in a folder that only this server's processes may read."""

    def __init__(self, folder: Path) -> None:
        """Take a folder, made if it is missing."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the other processes from starting a job in the block."""
        with (self._folder / _LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def post(self, job_id: str, told: Mapping[str, Any]) -> None:
        """Tell a job as it stands; whoever reads gets this or what was told before, never a part."""
        half = self._folder / f".{job_id}"
        half.write_text(json.dumps(told, ensure_ascii=False), "utf-8")
        half.replace(self._file(job_id))

    def read(self, job_id: str) -> dict[str, Any] | None:
        """Return a job as it was last told; None where it is not known."""
        if not _ID.fullmatch(job_id):
            return None
        try:
            told: dict[str, Any] = json.loads(self._file(job_id).read_text("utf-8"))
        except FileNotFoundError:
            return None
        return told

    def ids(self) -> list[str]:
        """Return the jobs that are known."""
        return sorted(file.stem for file in self._folder.glob("J*.json"))

    def forget(self, job_id: str) -> None:
        """Tell nothing more of a job."""
        self._file(job_id).unlink(missing_ok=True)

    def _file(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"
