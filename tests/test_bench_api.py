"""The benchmark of the HTTP entrance asks what it says it asks, of as many findings as it was told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_every_kind_of_request_is_answered_and_counted(tmp_path: Path) -> None:
    told = tmp_path / "figures.json"
    command = [sys.executable, "scripts/bench_api.py", "--findings", "300", "--seconds", "0.5", "--json", str(told)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRAJAUDIT_")}
    done = subprocess.run(
        command, cwd=ROOT, env={**kept, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(told.read_text("utf-8"))
    assert 300 <= figures["findings"] < 320, "whole nights of the sample"
    assert len(figures["kinds"]) == 6
    for name, kind in figures["kinds"].items():
        assert kind["requests"] > 1, name
        assert 0 < kind["p50_ms"] <= kind["p99_ms"], name
    assert done.stdout.count("|\n") == 8
