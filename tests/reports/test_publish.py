"""OUT appears whole or not at all: after success, after a fault, after Ctrl-C, after kill -9 at any step."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reports import publish
from reports.plain import ReportFault
from reports.publish import CALIBRATION, OutRefused, Staging

RUN = json.dumps({"schema": 1, "run_id": "r1", "service_date": "2026-03-18", "bundle_sha256": "0" * 64})


def write_run(folder: Path, text: str) -> None:
    (folder / "maps").mkdir(parents=True)
    (folder / "maps" / "index.html").write_text(text)
    (folder / "findings.geojson").write_text(text)
    (folder / "run.json").write_text(RUN)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def publish_run(out: Path, text: str) -> None:
    with Staging(out) as folder:
        write_run(folder, text)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """OUT with an earlier run, beside nothing else."""
    publish_run(tmp_path / "out", "earlier")
    return tmp_path / "out"


# ---------------------------------------------------------------- success
def test_out_and_its_parents_are_made_and_hold_what_was_written(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "out"
    publish_run(out, "new")
    assert contents(out) == {"findings.geojson": b"new", "maps/index.html": b"new", "run.json": RUN.encode()}
    assert list(out.parent.iterdir()) == [out]


def test_a_folder_of_one_kind_of_results_is_never_replaced_by_another(tmp_path: Path, earlier: Path) -> None:
    with pytest.raises(OutRefused, match="holds no earlier run"), Staging(earlier, CALIBRATION):
        pass
    report = tmp_path / "report"
    for _ in range(2):  # a report replaces a report
        with Staging(report, CALIBRATION) as folder:
            (folder / "calibration.json").write_text(RUN.replace("run_id", "matcher"))
    with pytest.raises(OutRefused, match="holds no earlier run"):
        publish_run(report, "new")
    with (
        pytest.raises(ReportFault, match=r"expected calibration\.json"),
        Staging(tmp_path / "x", CALIBRATION) as folder,
    ):
        (folder / "run.json").write_text(RUN)


def test_folders_are_0700_and_files_0600_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        publish_run(tmp_path / "out", "new")
    finally:
        os.umask(before)
    assert {mode(p) for p in [tmp_path / "out", tmp_path / "out" / "maps"]} == {0o700}
    assert {mode(p) for p in (tmp_path / "out").rglob("*") if p.is_file()} == {0o600}


def test_while_it_is_written_nobody_else_can_look_into_it(tmp_path: Path) -> None:
    with Staging(tmp_path / "out") as folder:
        assert (mode(folder), folder.parent) == (0o700, tmp_path)
        assert not (tmp_path / "out").exists()
        write_run(folder, "new")


def test_an_empty_folder_becomes_out_with_mode_0700(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o755)
    publish_run(tmp_path / "out", "new")
    assert mode(tmp_path / "out") == 0o700
    assert len(contents(tmp_path / "out")) == 3


@pytest.mark.parametrize("in_one_step", [True, False])
def test_an_earlier_run_is_replaced_as_a_whole(
    earlier: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool
) -> None:
    (earlier / "leads.csv").write_text("only the earlier run had these")
    (earlier / ".DS_Store").write_text("a file manager was here")
    if not in_one_step:
        monkeypatch.setattr(publish, "_exchange", lambda folder, out: False)
    publish_run(earlier, "new")
    assert contents(earlier) == {"findings.geojson": b"new", "maps/index.html": b"new", "run.json": RUN.encode()}
    assert list(earlier.parent.iterdir()) == [earlier]


def test_here_the_exchange_is_one_step(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert publish._exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists()
    assert not publish._exchange(tmp_path / "a", tmp_path / "missing")


def test_a_link_to_out_stays_a_link_and_shows_the_new_run(earlier: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "latest"
    link.parent.mkdir()
    link.symlink_to(earlier)
    publish_run(link, "new")
    assert link.is_symlink()
    assert contents(earlier)["findings.geojson"] == b"new"


# ---------------------------------------------------------------- refusals
def refused(out: Path) -> OutRefused:
    with pytest.raises(OutRefused) as told, Staging(out):
        pytest.fail("nothing may be computed for a folder that cannot be written")
    return told.value


def test_a_folder_of_the_user_is_refused_named_and_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "photos"
    (out / "2025").mkdir(parents=True)
    for name in "abcdef":
        (out / name).write_text(name)
    no = refused(out)
    assert (no.code, no.found) == ("not-ours", ("2025/", "a", "b", "c", "d", "e", "f"))
    assert "holds no earlier run: 2025/, a, b, c, d and 2 more. Nothing was changed. Name another folder" in str(no)
    assert len(contents(out)) == 6
    assert list(tmp_path.iterdir()) == [out]


def test_an_earlier_run_with_the_users_own_notes_in_it_is_refused(earlier: Path) -> None:
    (earlier / "notes.txt").write_text("call the school")
    no = refused(earlier)
    assert (no.code, no.found) == ("not-ours", ("notes.txt",))
    assert contents(earlier)["findings.geojson"] == b"earlier"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', '"run_id"', "[" * 100_000, "\xff"])
def test_a_run_json_of_another_program_does_not_make_a_folder_ours(tmp_path: Path, text: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_bytes(text.encode("latin-1"))
    assert refused(out).code == "not-ours"
    assert (out / "run.json").exists()


def test_a_file_in_the_place_of_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    assert refused(tmp_path / "out").code == "not-a-folder"
    assert (tmp_path / "out").read_text() == "a file"


def test_a_parent_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    no = refused(tmp_path / "file" / "out")
    assert no.code == "no-access"
    assert "Name a folder that you may write to." in str(no)


def test_the_root_of_a_disk_and_the_current_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "deeper")
    assert [refused(Path(name)).code for name in ("/", ".", "..")] == ["in-use"] * 3


def test_a_folder_that_was_filled_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def run_while_someone_writes() -> None:
        with Staging(tmp_path / "out") as folder:
            write_run(folder, "new")
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "thesis.doc").touch()

    with pytest.raises(OutRefused, match=r"thesis\.doc"):
        run_while_someone_writes()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thesis.doc"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda folder: (folder / "run.json").unlink(), r"expected run\.json"),
        (lambda folder: (folder / "debug.log").touch(), r"debug\.log"),
        (lambda folder: (folder / "maps" / "leaflet.js").symlink_to("/etc/hosts"), r"maps/leaflet\.js is a link"),
        (lambda folder: (folder / "maps" / "vendor").symlink_to("/etc"), r"maps/vendor is a link"),
    ],
)
def test_what_is_not_the_output_of_a_run_is_not_published(
    earlier: Path, spoil: Callable[[Path], None], named: str
) -> None:
    def run() -> None:
        with Staging(earlier) as folder:
            write_run(folder, "new")
            spoil(folder)

    with pytest.raises(ReportFault, match=named):
        run()
    assert contents(earlier)["findings.geojson"] == b"earlier"
    assert list(earlier.parent.iterdir()) == [earlier]


# ---------------------------------------------------------------- faults and signals
@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, SystemExit])
def test_any_exception_leaves_out_as_it_was_and_nothing_beside_it(earlier: Path, fault: type[BaseException]) -> None:
    def run(out: Path) -> None:
        with Staging(out) as folder:
            write_run(folder, "half")
            raise fault

    for out in (earlier, earlier.with_name("fresh")):
        with pytest.raises(fault):
            run(out)
    assert contents(earlier)["findings.geojson"] == b"earlier"
    assert list(earlier.parent.iterdir()) == [earlier]


def test_a_disk_that_fails_while_publishing_leaves_out_as_it_was(
    earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        publish_run(earlier, "new")
    assert contents(earlier)["findings.geojson"] == b"earlier"
    assert list(earlier.parent.iterdir()) == [earlier]


def test_a_second_step_that_fails_brings_the_earlier_run_back(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if target == earlier and "writing" in self.name:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(publish, "_exchange", lambda folder, out: False)
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="Input/output"):
        publish_run(earlier, "new")
    assert contents(earlier)["findings.geojson"] == b"earlier"
    assert list(earlier.parent.iterdir()) == [earlier]


WRITES_FOREVER = """
import sys, time
from pathlib import Path
from reports.publish import Staging
with Staging(Path(sys.argv[1])) as folder:
    (folder / "findings.geojson").write_text("half of a file")
    print(folder, flush=True)
    time.sleep(60)
"""


def interrupted(root: Path, out: Path, how: signal.Signals) -> Path:
    """Start a run into OUT, end it by a signal in the middle; return the folder it wrote into."""
    command = [sys.executable, "-c", WRITES_FOREVER, str(out)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert run.stdout is not None
        folder = Path(run.stdout.readline().strip())
        run.send_signal(how)
        assert run.wait(timeout=30) != 0
    return folder


def test_ctrl_c_leaves_out_as_it_was_and_nothing_beside_it(root: Path, earlier: Path) -> None:
    interrupted(root, earlier, signal.SIGINT)
    assert contents(earlier)["findings.geojson"] == b"earlier"
    assert list(earlier.parent.iterdir()) == [earlier]


def test_kill_leaves_out_as_it_was_and_the_next_run_clears_up(root: Path, earlier: Path) -> None:
    untouched = earlier.stat().st_ino
    left = interrupted(root, earlier, signal.SIGKILL)
    assert (left.exists(), mode(left)) == (True, 0o700)
    assert contents(earlier)["findings.geojson"] == b"earlier"
    assert earlier.stat().st_ino == untouched
    publish_run(earlier.with_name("tomorrow"), "new")
    assert sorted(p.name for p in earlier.parent.iterdir()) == ["out", "tomorrow"]


def test_a_run_into_a_new_out_that_is_killed_never_makes_it(root: Path, tmp_path: Path) -> None:
    interrupted(root, tmp_path / "out", signal.SIGKILL)
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_still_writing_is_not_taken_for_a_leftover(tmp_path: Path) -> None:
    with Staging(tmp_path / "first") as first:
        write_run(first, "first")
        publish_run(tmp_path / "second", "second")
        assert first.exists()
    assert contents(tmp_path / "first")["findings.geojson"] == b"first"


KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from reports import publish
out, in_one_step = Path(sys.argv[1]), sys.argv[2] == "True"
RUN = sys.argv[3]

def write_run(text):
    with publish.Staging(out) as folder:
        (folder / "maps").mkdir()
        (folder / "maps" / "index.html").write_text(text)
        (folder / "findings.geojson").write_text(text)
        (folder / "run.json").write_text(RUN)
        global counting
        counting = True

def seen():
    return {p.read_text() for p in (out / "findings.geojson", out / "maps" / "index.html")}

STEPS = {"open", "os.chmod", "os.rename", "os.rmdir", "os.remove", "os.listdir", "os.scandir", "ctypes.dlsym"}
counting, left = False, -1
def step(event, arguments):
    global left
    if counting and event in STEPS:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(step)
if not in_one_step:
    publish._exchange = lambda folder, out: False

write_run("old")
counting = False
n, outcomes = 0, []
while True:
    n += 1
    child = os.fork()
    if child == 0:
        left = n
        write_run("new")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if in_one_step:
        assert seen() in ({"old"}, {"new"}), (n, seen())
    try:
        with publish.Staging(out):  # the next run clears up, and is then given up
            assert seen() in ({"old"}, {"new"}), (n, seen())
            assert len(list(out.parent.iterdir())) == 2, list(out.parent.iterdir())
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    outcomes.append(seen().pop())
    if status == 0:
        break
    if outcomes[-1] == "new":
        write_run("old")
        counting = False
print(n, outcomes.count("old"), outcomes.count("new"))
"""


@pytest.mark.parametrize("in_one_step", [True, False])
def test_killed_at_any_step_of_publishing_out_is_wholly_old_or_wholly_new(
    root: Path, tmp_path: Path, in_one_step: bool
) -> None:
    command = [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(tmp_path / "out"), str(in_one_step), RUN]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    steps, old, new = map(int, told.stdout.split())
    assert steps == old + new > 20
    assert min(old, new) > 3
