"""The digest of a bundle: the same files with the same contents give the same digest, wherever they lie."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as it lies there, in hex; read in pieces, so memory stays flat."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def bundle_digests(folder: Path) -> tuple[dict[str, str], str]:
    """SHA-256 of every file by its relative name, and of the whole bundle (see `bundle_sha256`), in one reading."""
    total, digests = hashlib.sha256(), {}
    for name in sorted(_names(folder)):
        digest = file_sha256(folder / os.fsdecode(name))
        digests[os.fsdecode(name)] = digest
        total.update(_line(digest, name))
    return digests, total.hexdigest()


def bundle_sha256(folder: Path) -> str:
    r"""SHA-256 over names and contents of every file of a bundle.

    It is the digest of the list that `sha256sum` prints for the files in byte order of their names:
    `cd BUNDLE && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`.
    """
    return bundle_digests(folder)[1]


def _names(folder: Path) -> list[bytes]:
    """Relative names of all files, links followed, as bytes with slashes. A link back into its own path ends there."""
    names: list[bytes] = []
    root = folder.resolve()
    for place, folders, files in os.walk(root, followlinks=True):
        here = Path(place)
        above = {here.resolve(), *here.resolve().parents}
        folders[:] = [name for name in folders if (here / name).resolve() not in above]
        names += [os.fsencode((here / name).relative_to(root).as_posix()) for name in files if (here / name).is_file()]
    return names


def _line(digest: str, name: bytes) -> bytes:
    r"""One line as `sha256sum` writes it: a name with a backslash or line end is escaped, and the line says so."""
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if escaped != name else b"") + digest.encode() + b"  " + escaped + b"\n"
