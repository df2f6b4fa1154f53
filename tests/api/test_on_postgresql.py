"""The API on PostgreSQL: its tests once more with their stores there; `test_same_answers.py` holds the two together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.databases import ON_POSTGRESQL, VARIABLE

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {
    "test_on_postgresql.py": "this one",
    "test_schema_fuzzing.py": "thousands of requests, whose answers are not looked at more closely",
    "test_schema_fuzzing_slow.py": "the same",
    "test_serve.py": "of processes and their settings",
    "test_jobs_shared.py": "of processes, with a store made beside them",
    "test_workers.py": "on both databases by itself",
    "test_database_away.py": "on both databases by itself",
    "test_same_answers.py": "on both databases by itself",
    "test_at_the_same_moment.py": "on both databases by itself",
}
"""Modules that are not run again, and why."""
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


@pytest.mark.skipif(ON_POSTGRESQL, reason="it would run itself")
def test_cases_are_handled_on_postgresql_as_on_sqlite() -> None:
    assert run_again([f"tests/api/{name}" for name in QUICK], "not slow") > 25


@pytest.mark.slow
def test_all_the_rest_holds_on_postgresql_too() -> None:
    there = sorted(path.name for path in (ROOT / "tests" / "api").glob("test_*.py"))
    assert set(ELSEWHERE) <= set(there)
    modules = [f"tests/api/{name}" for name in there if name not in {*ELSEWHERE, *QUICK}]
    assert run_again(modules, "slow or not slow") > 500
