"""The API on PostgreSQL: its tests once more with their stores there; `test_same_answers.py` holds the two together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.databases import ELSEWHERE, VARIABLE

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("test_cases.py", "test_idempotency.py")


def run_again(modules: list[str], marks: str) -> int:
    """Run tests with their stores in PostgreSQL; return how many passed."""
    # Stores that a test leaves open are told of as open connections when the process ends.
    quiet = ["-W", "ignore::ResourceWarning", "-W", "ignore::pytest.PytestUnraisableExceptionWarning"]
    at_once = ["-n", "2", "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marks, *at_once, *quiet, *modules]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, VARIABLE: "postgresql"}, capture_output=True, text=True, timeout=900,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None, done.stdout[-2000:]
    return int(passed[1])


def test_cases_are_handled_on_postgresql_as_on_sqlite() -> None:
    assert run_again([f"tests/api/{name}" for name in QUICK], "not slow") > 25


@pytest.mark.slow
def test_all_the_rest_holds_on_postgresql_too() -> None:
    there = sorted(path.name for path in (ROOT / "tests" / "api").glob("test_*.py"))
    assert set(ELSEWHERE) <= set(there)
    modules = [f"tests/api/{name}" for name in there if name not in {*ELSEWHERE, *QUICK}]
    assert run_again(modules, "slow or not slow") > 500
