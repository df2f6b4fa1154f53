"""XML that may be hostile: a document type declaration is refused before any entity is expanded."""

from __future__ import annotations

from xml.parsers import expat


class DoctypeRefused(ValueError):
    """A document type declaration, which no format here has and attacks by entities need."""


def guarded_parser(namespace_separator: str | None = None) -> expat.XMLParserType:
    """Return an expat parser that raises `DoctypeRefused` at a document type declaration."""
    parser = expat.ParserCreate(namespace_separator=namespace_separator)

    def refuse(*_: object) -> None:
        raise DoctypeRefused("a document type declaration")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def refuse_doctype(text: str) -> None:
    """Raises `DoctypeRefused`, or `expat.ExpatError` for text that is no XML, before any entity is expanded."""
    guarded_parser().Parse(text, True)
