"""`--help` comes at once, in the user's language, with an example of every command."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import unicodedata

import pytest

from runs.help_pages import FRAME
from tests.runs.conftest import ROOT, environment, trajaudit

COMMANDS = ("audit", "calibrate", "compare", "listen", "pull", "reproduce", "rules", "track", "validate", "whatif")
PAGES = ((), *((command,) for command in COMMANDS))
HEAVY = {"numpy", "pandas", "pyarrow", "shapely", "numba", "geopandas", "pyogrio", "pyproj", "h3", "folium", "rich"}
CHINESE = re.compile("[\u4e00-\u9fff]")
LOADED = """
import sys
from runs.cli import main
try:
    main(sys.argv[1:])
except SystemExit as leave:
    assert not leave.code, leave.code
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def width(line: str) -> int:
    """Columns that a line takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("arguments", [*((*page, "--help") for page in PAGES), ("--version",)], ids=" ".join)
def test_help_imports_nothing_that_is_slow(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", LOADED, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), check=True, capture_output=True, encoding="utf-8", timeout=60
    )
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "runs" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: " ".join(page) or "trajaudit")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_help_page_speaks_one_language_throughout_and_shows_an_example(page: tuple[str, ...], lang: str) -> None:
    answer = trajaudit(*page, "--help", env={"TRAJAUDIT_LANG": lang})
    assert (answer.code, answer.err) == (0, "")
    assert max(map(width, answer.out.splitlines())) <= 80
    if lang == "en":
        assert "Example: trajaudit " in answer.out
        assert not CHINESE.search(answer.out)
    else:
        assert "示例: trajaudit " in answer.out
        assert [words for words in FRAME if words in answer.out] == []
        told = [line for line in answer.out.splitlines() if line.startswith("  ") and "示例" not in line]
        assert [line for line in told if not CHINESE.search(line)] == []


def test_help_is_chinese_unless_another_language_is_asked_for() -> None:
    assert "用法:" in trajaudit("--help").out
    assert "用法:" in trajaudit("--help", env={"TRAJAUDIT_LANG": "tlh"}).out


def test_typer_still_says_what_we_translate() -> None:
    pages = "".join(trajaudit(*page, "--help", env={"TRAJAUDIT_LANG": "en"}).out for page in PAGES)
    assert [words for words in FRAME if words not in pages] == []


def test_every_example_names_a_command_and_options_that_exist() -> None:
    for command in COMMANDS:
        page = " ".join(trajaudit(command, "--help").out.split())
        example = re.search(r"示例: trajaudit (.*?) (?:参数|选项):", page)
        assert example, page
        name, *words = shlex.split(example.group(1))
        assert name == command
        assert [word for word in words if word.startswith("--") and f"{word} " not in page.partition("选项:")[2]] == []


def test_a_missing_option_is_named_and_ends_with_2() -> None:
    answer = trajaudit("audit", "sample_data/city", "--out", "x")
    assert answer.code == 2
    assert "--date" in answer.err


def test_a_date_that_is_none_ends_with_2(tmp_path) -> None:
    answer = trajaudit("audit", "sample_data/city", "--out", tmp_path / "x", "--date", "2026-02-30")
    assert answer.code == 2
    assert "2026-02-30" in answer.err
    assert not (tmp_path / "x").exists()
