"""Pages with Python in them run, and print what they show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe import blocks_of, run_page

# MovingPandas still asks pandas to sort in place, which newer pandas announce to end.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

PAGE = "docs/recipes/analyse-with-movingpandas.md"


def test_the_page_on_movingpandas_does_what_it_shows(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sample_data").symlink_to(root / "sample_data")
    monkeypatch.chdir(tmp_path)
    assert run_page(root / PAGE) >= 8
    assert (tmp_path / "two-cars.gpkg").is_file()


def test_no_other_page_has_python_that_nobody_runs(root: Path) -> None:
    pages = {path.relative_to(root).as_posix() for path in root.glob("docs/**/*.md") if blocks_of(path.read_text())}
    assert pages == {PAGE}


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", AssertionError),
        ("```python\nprint(1)\n```\nmore words\n\n```text\n1\n```\n", AssertionError),
        ("```python\nprint(1)\n```\n", AssertionError),
        ("```python\nx = 1\n```\n```text\n1\n```\n", AssertionError),
        ("```python\nx\n```\n", NameError),
    ],
)
def test_a_page_that_shows_something_else_than_it_does_fails(tmp_path: Path, page: str, fault: type[Exception]) -> None:
    (tmp_path / "page.md").write_text(page, encoding="utf-8")
    with pytest.raises(fault):
        run_page(tmp_path / "page.md")


def test_blocks_share_one_namespace_and_their_order(tmp_path: Path) -> None:
    page = "```python\nx = 1\n```\n\n```python\nx += 1\nprint(x)\n```\n\n```text\n2\n```\n"
    (tmp_path / "page.md").write_text(page, encoding="utf-8")
    assert run_page(tmp_path / "page.md") == 2
