"""OUT appears whole or not at all: everything is written beside it and moved into its place at the end.

The writing happens in a hidden sibling of OUT (mode 0700, so on the same filesystem and for the owner's eyes only).
Leaving the `with` block normally makes every file 0600 and every folder 0700, brings all of it to the disk and puts
the folder in OUT's place by one rename; leaving it by any exception, Ctrl-C included, removes the sibling and leaves
OUT as it was. A run that was killed leaves its sibling behind; the next run beside it removes it.

Source of the steps: rename(2) and renameat2(2), "RENAME_EXCHANGE: atomically exchange oldpath and newpath".
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from reports.plain import ReportFault


class Kind(NamedTuple):
    """What a folder of results may hold; only one that holds nothing else is ever replaced.

    `record` is the file without which it is none, a JSON object with at least these `members`.
    """

    outputs: frozenset[str]
    record: str
    members: frozenset[str]


OUTPUTS = frozenset(
    {
        "findings.geojson", "findings.parquet", "findings.csv", "rejects.parquet", "not_assessed.csv", "leads.csv",
        "run.json", "maps",
    }
)  # fmt: skip
RUN = Kind(OUTPUTS, "run.json", frozenset({"schema", "run_id", "service_date", "bundle_sha256"}))
CALIBRATION = Kind(
    frozenset({"calibration.json", "calibration.zh.html", "calibration.en.html"}),
    "calibration.json",
    frozenset({"schema", "service_date", "bundle_sha256", "matcher"}),
)
FOLDER_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})  # file managers leave these where one has looked

_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_LISTED = 5
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


class OutRefused(Exception):
    """OUT cannot be used, and was left as it is: the message says why and what to do.

    `code` is `not-a-folder`, `not-a-file`, `not-ours`, `in-use` or `no-access`; `found` lists what stands in the way.
    """

    def __init__(self, code: str, message: str, found: Sequence[str] = ()) -> None:
        """Keep the parts for a caller that says it in another language."""
        super().__init__(message)
        self.code = code
        self.found = tuple(found)


class Staging:
    """Write the outputs of a run into a hidden folder that becomes OUT at the end, whole or not at all.

        with Staging(Path("out/2026-03-18")) as folder:
            (folder / "findings.geojson").write_bytes(...)
            (folder / "run.json").write_bytes(...)

    OUT may be absent (it and its parents are made), empty, or an earlier run, which is replaced as a whole.
    Raises OutRefused at the start when OUT is anything else, and again at the end when it has become so.
    Raises ReportFault when what was written is not an output: the record missing, or a name not among the outputs.
    """

    def __init__(self, out: Path, kind: Kind = RUN) -> None:
        """Name OUT and what it will hold; nothing happens before the `with` block."""
        self._given, self._kind = out, kind

    def __enter__(self) -> Path:
        """Return the folder to write into."""
        self._out = Path(os.path.realpath(self._given))  # a link that leads to OUT stays, and leads to the new one
        with _refusing(self._out):
            check_out(self._out, self._kind)
            self._out.parent.mkdir(parents=True, exist_ok=True)
            _tidy(self._out, self._kind)
            self._folder, self._lock = _locked_sibling(self._out)
        return self._folder

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Publish, or after an exception leave no trace."""
        try:
            if kind is None:
                _publish(self._folder, self._out, self._kind)
        finally:
            # What lies here now is an attempt that failed, or the earlier run after it was replaced.
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)


def check_out(out: Path, kind: Kind = RUN) -> None:
    """Raise OutRefused unless OUT may be made or replaced: absent, empty, or an earlier run and nothing else."""
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        raise OutRefused("not-a-folder", f"{out} is not a folder. Name another folder for the results.", [out.name])
    here = Path.cwd()
    if os.path.ismount(out) or out == here or out in here.parents:
        why = "is the root of a disk" if os.path.ismount(out) else "is the current folder, or holds it"
        raise OutRefused("in-use", f"{out} {why} and cannot be replaced as a whole. Name a folder inside it.")
    found = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in out.iterdir())
    if not found:
        return
    if not is_run(out, kind):
        raise OutRefused("not-ours", _not_ours(out, "is not empty and holds no earlier run", found), found)
    others = [name for name in found if name.rstrip("/") not in kind.outputs | FOLDER_LITTER]
    if others:
        raise OutRefused("not-ours", _not_ours(out, "holds an earlier run, but other things too", others), others)


def _not_ours(out: Path, what: str, found: Sequence[str]) -> str:
    listed = ", ".join(found[:_LISTED]) + (f" and {len(found) - _LISTED} more" if len(found) > _LISTED else "")
    return f"{out} {what}: {listed}. Nothing was changed. Name another folder for the results, or move these away."


def is_run(folder: Path, kind: Kind = RUN) -> bool:
    """Whether a folder holds the record (`run.json`) of a run of ours."""
    try:
        members = json.loads((folder / kind.record).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(members, dict) and members.keys() >= kind.members


@contextmanager
def _refusing(out: Path) -> Iterator[None]:
    """Turn the operating system's no, before anything was written, into one that names OUT."""
    try:
        yield
    except OSError as no:
        where = f" ({os.fsdecode(no.filename)})" if no.filename else ""
        message = f"{out} cannot be written: {no.strerror or no}{where}. Name a folder that you may write to."
        raise OutRefused("no-access", message) from no


# ---------------------------------------------------------------- beside OUT
_WRITING = ".trajaudit-writing-"


def _previous(out: Path) -> Path:
    return out.with_name(f".{out.name}.trajaudit-previous")


def _locked_sibling(out: Path) -> tuple[Path, int]:
    """Make a folder beside OUT, held by a lock that ends with this process however it ends."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}{_WRITING}", dir=out.parent))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # between making and locking, another run could have taken it for a leftover
            return folder, lock
        os.close(lock)


def _tidy(out: Path, kind: Kind) -> None:
    """Clear up after runs that were killed: an earlier OUT that was set aside comes back, what they wrote goes.

    What they wrote is about people, so it goes whichever OUT beside this one it was meant for.
    """
    previous = _previous(out)
    if is_run(previous, kind):
        if os.path.lexists(out):
            shutil.rmtree(previous, ignore_errors=True)
        else:
            previous.rename(out)
    for sibling in out.parent.iterdir():
        if sibling.name.startswith(".") and _WRITING in sibling.name and sibling.is_dir() and not sibling.is_symlink():
            _remove_unless_locked(sibling)


def _remove_unless_locked(folder: Path) -> None:
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError:  # gone meanwhile, or another user's
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # its run is still writing
        pass
    finally:
        os.close(lock)


# ---------------------------------------------------------------- into OUT's place
def _publish(folder: Path, out: Path, kind: Kind) -> None:
    """Put the folder in OUT's place; an earlier run ends where the folder was."""
    names = {entry.name for entry in folder.iterdir()}
    if kind.record not in names or not names <= kind.outputs:
        expected = f"expected {kind.record} and only {sorted(kind.outputs)}"
        raise ReportFault(f"not the outputs of a run: {sorted(names)}, {expected}")
    _settle(folder)
    check_out(out, kind)
    if not out.exists() or not any(out.iterdir()):
        folder.rename(out)  # replaces an empty folder, and fails on one that has just been filled
    elif not _exchange(folder, out):
        _exchange_in_steps(folder, out)
    _to_disk(out.parent)


def _settle(folder: Path) -> None:
    """Files 0600, folders 0700, all of it on the disk."""
    for root, folders, files in os.walk(folder, topdown=False):
        paths = [Path(root, name) for name in files]
        links = [path for path in [*paths, *(Path(root, name) for name in folders)] if path.is_symlink()]
        if links:
            raise ReportFault(f"{links[0].relative_to(folder)} is a link: outputs are self-contained")
        for path in paths:
            path.chmod(_FILE_MODE)
            _to_disk(path)
        Path(root).chmod(_FOLDER_MODE)
        _to_disk(Path(root))


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exchange(folder: Path, out: Path) -> bool:
    """Exchange two folders in one step; False where the system or the filesystem (NFS, say) cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    renameat2.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    old, new = os.fsencode(folder), os.fsencode(out)
    return bool(renameat2(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_EXCHANGE) == 0)


def _exchange_in_steps(folder: Path, out: Path) -> None:
    """Do the same by two renames; killed between them, the next run brings the earlier one back (`_tidy`)."""
    previous = _previous(out)
    try:
        out.rename(previous)
        folder.rename(out)
    except BaseException:
        if not os.path.lexists(out) and previous.exists():
            previous.rename(out)
        raise
    previous.rename(folder)
