"""A file appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.one_file import whole_file
from reports.publish import OutRefused


def write(out: Path, text: str) -> None:
    with whole_file(out, ".txt") as file:
        assert file.suffix == ".txt"
        file.write_text(text, encoding="utf-8")


def write_half(out: Path, fault: type[BaseException]) -> None:
    with whole_file(out, "") as file:
        file.write_text("half", encoding="utf-8")
        raise fault


def test_a_file_is_made_for_its_owner_alone_with_the_folders_it_needs(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b" / "out", "whole")
    assert (tmp_path / "a" / "b" / "out").read_text(encoding="utf-8") == "whole"
    assert (tmp_path / "a" / "b" / "out").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["out"]


def test_a_link_stays_and_leads_to_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("earlier", encoding="utf-8")
    (tmp_path / "link").symlink_to("file")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path: Path, fault: type[BaseException]) -> None:
    write(tmp_path / "out", "earlier")
    with pytest.raises(fault):
        write_half(tmp_path / "out", fault)
    assert (tmp_path / "out").read_text(encoding="utf-8") == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutRefused) as no:
        write(tmp_path, "")
    assert no.value.code == "not-a-file"


def test_a_writer_that_is_told_no_by_the_system_is_a_refusal_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OutRefused, match="out cannot be written") as no, whole_file(tmp_path / "out", "") as file:
        (file / "under-a-file").write_text("", encoding="utf-8")
    assert no.value.code == "no-access"
    assert list(tmp_path.iterdir()) == []
