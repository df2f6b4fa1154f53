"""What the command line says, in both languages. Message ids are the English text; catalogues are in runs/locale."""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

CATALOGUES = Path(__file__).resolve().parent / "locale"
LANGUAGES = {"zh": "zh_CN", "en": "en"}
LANGUAGE_VARIABLE = "TRAJAUDIT_LANG"
_SPOKEN: ContextVar[str | None] = ContextVar("trajaudit_language", default=None)


def default_language() -> str:
    """Return the language that is spoken, else that of TRAJAUDIT_LANG, Chinese where it is unset or unknown."""
    wanted = _SPOKEN.get() or os.environ.get(LANGUAGE_VARIABLE, "zh")
    return wanted if wanted in LANGUAGES else "zh"


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Have all that is said in the block, in this thread or task, be in a language."""
    before = _SPOKEN.set(lang)
    try:
        yield
    finally:
        _SPOKEN.reset(before)


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(lang: str) -> gettext.NullTranslations:
    """Return the texts of a language, from the compiled catalogue or else from its source."""
    po = CATALOGUES / LANGUAGES[lang] / "LC_MESSAGES" / "trajaudit.po"
    mo = po.with_suffix(".mo")
    if mo.is_file():
        with mo.open("rb") as file:
            return gettext.GNUTranslations(file)
    return _from_source(po)


def _from_source(po: Path) -> gettext.NullTranslations:
    from io import BytesIO  # noqa: PLC0415 -- only a checkout without compiled catalogues comes here

    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled = BytesIO()
    with po.open("rb") as file:
        write_mo(compiled, read_po(file))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def say(message: str, lang: str | None = None) -> str:
    """Return a text in a language (the default one where none is given); an unknown text as it is.

    Write the text itself in the call, so that it is found for translation; where it must come in a variable, mark
    it with `N_` where it is written.

    >>> say("Findings to check", "zh"), say("Findings to check", "en")
    ('疑点(待核实)', 'Findings to check')
    """
    return catalogue(lang or default_language()).gettext(message)


def N_(message: str) -> str:  # noqa: N802 -- the name that message extraction looks for
    """Mark a text for translation and return it as it is."""
    return message
