"""What a run says: bars where somebody watches, plain lines in a pipe, JSON for programs, nothing when quiet."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.feeds.bundle_maker import make_bundle
from tests.runs.conftest import CITY, DATE, ROOT, Run, audit, environment, findings, run_record, trajaudit

ESCAPE = "\x1b"
LIMIT_S = 300
ROWS_ESTIMATE = 0.1  # a CSV file's rows are guessed from its size


def watched(*arguments: str | Path) -> tuple[int, str]:
    """Run the command on a terminal of its own; return its exit code and all that the terminal was sent."""
    ours, theirs = pty.openpty()
    changes = {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    command = [sys.executable, "-m", "runs.cli", *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(changes), stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    pieces, began = [], time.monotonic()
    try:
        while time.monotonic() - began < LIMIT_S:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            pieces.append(piece)
        return process.wait(timeout=30), b"".join(pieces).decode("utf-8", "replace")
    finally:
        process.kill()
        os.close(ours)


@pytest.fixture(scope="module")
def on_a_terminal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("watched") / "out"
    code, shown = watched("audit", CITY, "--date", DATE, "--out", out)
    assert code == 0, shown
    return out, shown


def test_a_terminal_shows_a_bar_with_rows_and_the_time_left(on_a_terminal: tuple[Path, str]) -> None:
    out, shown = on_a_terminal
    rows = sum(a["read"] for name, a in run_record(out)["rows"].items() if name.startswith("tracks/"))
    assert ESCAPE in shown
    assert "━" in shown
    last = re.findall(r"([\d,]+)/([\d,]+) 行", shown)[-1]
    done, total = (int(n.replace(",", "")) for n in last)
    assert done == total == pytest.approx(rows, rel=ROWS_ESTIMATE)
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown)
    assert re.search(r"行\(估计\) \d:\d\d:\d\d (-:--:--|\d:\d\d:\d\d) 后完成", text)
    for stage in ("核对数据源坐标系", "核查", "按全夜情况复核相关车辆", "生成地图"):
        assert stage in shown


def test_a_terminal_shows_ruled_tables_and_the_same_counts(on_a_terminal: tuple[Path, str]) -> None:
    out, shown = on_a_terminal
    assert "疑点(待核实)" in shown
    assert "┃" in shown
    for rule, n in run_record(out)["findings"].items():
        assert re.search(rf"{rule}\s*│\s*{n}\s", shown), rule


def test_a_pipe_gets_plain_lines_without_escape_codes(sample_run: Run) -> None:
    said = sample_run.answer.out + sample_run.answer.err
    assert ESCAPE not in said
    assert "\r" not in said
    assert not re.search("[━┃│]", said)
    assert re.search(r"^核查: \d\d,\d{3} 行\(估计\)$", sample_run.answer.err, flags=re.MULTILINE)
    assert re.search(r"^核查: \d+\.\d s$", sample_run.answer.err, flags=re.MULTILINE)
    for rule, n in run_record(sample_run.out)["findings"].items():
        assert re.search(rf"\t{rule}\t{n}$", sample_run.answer.out, flags=re.MULTILINE), rule
    assert f"地图: {sample_run.out / 'maps' / 'index.html'}" in sample_run.answer.out


def test_the_summary_says_that_findings_are_no_verdicts(sample_run: Run) -> None:
    assert "疑点仅供核实,不是结论。" in sample_run.answer.out
    assert not re.search("违法|违规|违章", sample_run.answer.out + sample_run.answer.err)


def test_the_summary_counts_the_rows_of_every_file(sample_run: Run) -> None:
    for name, account in run_record(sample_run.out)["rows"].items():
        line = f"{name}\t{account['read']:,}\t{account['kept']:,}\t{sum(account['rejected'].values()):,}"
        assert line in sample_run.answer.out.splitlines()


def test_quiet_prints_nothing_and_writes_everything(tmp_path: Path) -> None:
    answer = audit(make_bundle(tmp_path / "bundle"), tmp_path / "out", "--quiet")
    assert (answer.code, answer.out, answer.err) == (0, "", "")
    assert (tmp_path / "out" / "run.json").is_file()


def test_quiet_is_quiet_on_a_terminal_too(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    assert watched("audit", bundle, "--date", DATE, "--out", tmp_path / "out", "-q") == (0, "")


def test_quiet_still_tells_errors(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", {"staff.csv": None})
    answer = audit(bundle, tmp_path / "out", "--quiet")
    assert (answer.code, answer.out) == (2, "")
    assert "staff.csv" in answer.err


def test_json_is_one_document_with_the_account_of_the_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = audit(make_bundle(tmp_path / "bundle"), out, "--json")
    assert (answer.code, answer.err) == (0, "")
    summary, record = answer.json(), run_record(out)
    same = ("run_id", "service_date", "findings", "not_assessed", "rows", "warnings")
    assert {name: summary[name] for name in same} == {name: record[name] for name in same}
    assert sum(summary["findings"].values()) == len(findings(out))
    assert Path(summary["index"]).is_file()


def test_a_reader_that_leaves_early_is_no_fault_of_the_program(tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m runs.cli rules --markdown | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=environment(), check=False, capture_output=True)
    assert done.stdout == b"# Rules\n"
    assert b"Traceback" not in done.stderr


def test_the_version_is_printed() -> None:
    answer = trajaudit("--version")
    assert answer.code == 0
    assert re.fullmatch(r"\d+\S*\n", answer.out)
