"""One output file that appears whole or not at all, readable by its owner alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reports.publish import OutRefused


@contextmanager
def whole_file(out: Path, suffix: str) -> Iterator[Path]:
    """Give a path to write to; leaving the block normally puts that file (mode 0600) in OUT's place.

    The path ends in `suffix`, which some writers insist on, whatever OUT is called. An earlier file OUT is replaced; a
    link stays and leads to the new file. Leaving by an exception leaves OUT as it was. Raises `OutRefused` where OUT
    is anything but a file, or where the system says no.
    """
    target = Path(os.path.realpath(out))
    if target.exists() and not target.is_file():
        raise OutRefused("not-a-file", f"{out} is not a file. Name another file for the export.", [out.name])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".trajaudit-", dir=target.parent) as beside:
            written = Path(beside) / f"export{suffix}"
            yield written
            written.chmod(0o600)
            with written.open("rb") as file:
                os.fsync(file.fileno())
            written.replace(target)
    except OSError as no:
        message = f"{out} cannot be written: {no.strerror or no}. Name a file in a folder that you may write to."
        raise OutRefused("no-access", message) from no
