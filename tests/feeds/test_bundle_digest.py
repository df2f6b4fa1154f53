"""A bundle's digest depends on its files' names and contents, and on nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from feeds.digest import bundle_sha256, file_sha256
from tests.feeds.bundle_maker import make_bundle

NIST_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
BY_COREUTILS = r"find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"


def test_a_file_has_the_digest_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert file_sha256(tmp_path / "abc") == NIST_ABC


def test_a_bundle_has_the_digest_that_sha256sum_gives(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b")
    for name in ("a\nb", "a\\b", "轨迹.csv", ".hidden", "B", "a b"):
        (folder / name).write_text(name)
    printed = subprocess.run(
        ["bash", "-c", BY_COREUTILS], cwd=folder, capture_output=True, check=True, text=True
    ).stdout
    assert bundle_sha256(folder) == printed.split()[0]


def test_the_digest_survives_a_copy_and_sees_every_change(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b")
    before = bundle_sha256(folder)
    assert bundle_sha256(Path(shutil.copytree(folder, tmp_path / "copy"))) == before
    (folder / "tracks/terminal/T1.csv").rename(folder / "tracks/terminal/T2.csv")
    renamed = bundle_sha256(folder)
    with (folder / "tracks/terminal/T2.csv").open("a") as stream:
        stream.write("\n")
    assert len({before, renamed, bundle_sha256(folder)}) == 3


def test_linked_folders_count_and_a_link_in_a_circle_ends(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b")
    plain = bundle_sha256(folder)
    (folder / "tracks/terminal").rename(tmp_path / "elsewhere")
    (folder / "tracks/terminal").symlink_to(tmp_path / "elsewhere")
    assert bundle_sha256(folder) == plain
    (folder / "round").symlink_to(folder)
    assert bundle_sha256(folder) == plain
