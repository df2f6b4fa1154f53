"""Collects the texts of the command line and of the maps into their catalogues; translations that stand there stay.

A new text comes in with an empty translation, which a test then asks for; a text that is no longer said goes. English
texts are their own translation. The head of each catalogue is left as it is.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ("zh_CN", "en")


@dataclass(frozen=True)
class Domain:
    """One catalogue in all its languages: where its texts are said, by which words they are found."""

    folder: str
    name: str
    keywords: tuple[str, ...]
    methods: tuple[tuple[str, str], ...]

    def catalogue(self, locale: str) -> Path:
        """Return the file of one language."""
        return ROOT / self.folder / "locale" / locale / "LC_MESSAGES" / f"{self.name}.po"

    def said(self) -> set[str]:
        """Return every text that is said."""
        keywords = dict.fromkeys(self.keywords)
        found = extract_from_dir(ROOT / self.folder, list(self.methods), keywords=keywords)
        return {text for _, _, text, _, _ in found if isinstance(text, str)}


DOMAINS = (
    Domain("runs", "trajaudit", ("say", "N_"), (("**.py", "python"),)),
    Domain("maps", "maps", ("_", "N_", "texts"), (("**.py", "python"), ("static/**.js", "javascript"))),
)


def updated(head: str, old: Catalog, said: set[str], english: bool) -> bytes:
    """Return a catalogue's file with the texts that are said, in order, and the translations it had."""
    fresh = Catalog()
    for text in sorted(said):
        held = old.get(text)
        fresh.add(text, string=text if english and not (held and held.string) else held.string if held else "")
    body = io.BytesIO()
    write_po(body, fresh, width=0, omit_header=True)
    return (head.rstrip("\n") + "\n\n").encode() + body.getvalue().rstrip(b"\n") + b"\n"


def main() -> int:
    """Command line: no arguments."""
    for domain in DOMAINS:
        said = domain.said()
        for locale in LOCALES:
            file = domain.catalogue(locale)
            text = file.read_text(encoding="utf-8")
            old = read_po(io.StringIO(text), locale=locale)
            file.write_bytes(updated(text.partition("\n\n")[0], old, said, locale == "en"))
            print(f"{file.relative_to(ROOT)}: {len(said)} texts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
