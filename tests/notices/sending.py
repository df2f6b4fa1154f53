"""A sender in a process of its own, until nothing waits: `python -m tests.notices.sending FOLDER URL ALLOW`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from runs.notices import Sender
from store.engine import open_store
from tests.notices.making import settings


def main(folder: str, url: str, allow: str) -> None:
    store = open_store(Path(folder), url or None)
    with Sender(store, settings(store, (allow,), attempts=100)) as sender:
        while sender.run().left.get("waiting", 1):
            time.sleep(0.01)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
