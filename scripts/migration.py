"""Writes the next step of the store's schema: what the tables in `store/tables` have and the steps so far do not.

    python scripts/migration.py "Findings have a weight"     writes the next number
    python scripts/migration.py --again 0001                 writes a step anew that no office has taken yet

Read what it wrote: a renamed column comes out as one that goes and one that comes, and rows are not carried over.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from store import schema  # noqa: E402 -- the root is on the path only now
from store.engine import open_store  # noqa: E402


def main() -> None:
    """Write the step and name its file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("message", nargs="?", help="what the step does, as a sentence without its full stop")
    parser.add_argument("--again", metavar="REVISION", help="write the newest step anew")
    asked = parser.parse_args()
    if (asked.message is None) == (asked.again is None):
        parser.error("needs one of message and --again")
    print(_written(*(_taken_away(asked.again) if asked.again else (_next(), asked.message))))


def _taken_away(revision: str) -> tuple[str, str]:
    """Remove a step; return its number and message. Nothing may come after it."""
    (file,) = schema.VERSIONS[0].glob(f"{revision}_*.py")
    later = [path.name for path in schema.VERSIONS[0].glob("0*.py") if path.name > file.name]
    if later:
        raise SystemExit(f"{revision} is not the newest step: {', '.join(later)}")
    message = file.read_text("utf-8").split('"""')[1].rstrip(".")
    file.unlink()
    return revision, message


def _next() -> str:
    return f"{1 + max((int(revision) for revision in schema.revisions()), default=0):04d}"


def _written(revision: str, message: str) -> Path:
    name = re.sub(r"\W+", "_", message.lower()).strip("_")
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        try:
            with store.writing() as session:
                config = schema.config_of()
                config.attributes["connection"] = session.connection()
                config.attributes["batch"] = bool(schema.revisions())
                if schema.revisions():
                    schema.migrate_within(session.connection())
                config.set_main_option("file_template", f"%%(rev)s_{name[:50]}")
                command.revision(config, message, autogenerate=True, rev_id=revision)
        finally:
            store.close()
    (file,) = schema.VERSIONS[0].glob(f"{revision}_*.py")
    for action in (["format"], ["check", "--fix"]):
        subprocess.run([sys.executable, "-m", "ruff", *action, "--quiet", str(file)], check=True)
    return file.relative_to(ROOT)


if __name__ == "__main__":
    main()
