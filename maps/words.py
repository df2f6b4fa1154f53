"""What the maps say, in both languages. Message ids are the English text.

The scripts of the pages say their words with `_("...")` as well and get the same catalogue with the page, so that
one catalogue holds everything that a person reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

CATALOGUES = Path(__file__).resolve().parent / "locale"
LANGUAGES = {"zh": "zh_CN", "en": "en"}
HTML_LANG = {"zh": "zh-CN", "en": "en"}


def N_(msgid: str) -> str:  # noqa: N802 - the name that message extraction looks for
    """Mark a text for translation and return it as it is."""
    return msgid


RULES = {
    "off-zone-training": N_("Off-zone training"),
    "off-route": N_("Off route"),
    "out-of-hours": N_("Out of hours"),
    "wrong-zone": N_("Wrong zone"),
    "undeclared-training": N_("Undeclared training"),
    "ghost-session": N_("Ghost session"),
    "signal-gap": N_("Signal gap"),
    "replayed-track": N_("Replayed track"),
    "plate-conflict": N_("Plate conflict"),
    "safety-officer-instructing": N_("Safety officer instructing"),
    "instructor-substitution": N_("Instructor substitution"),
    "over-hours": N_("Over hours"),
    "feed-datum": N_("Feed datum"),
}

EVIDENCE = {
    "inputs": N_("Inputs"),
    "registers": N_("Registers"),
    "parameters": N_("Parameters"),
    "measured": N_("Measured"),
    "zone": N_("Place"),
    "zone_id": N_("Number"),
    "approval_no": N_("Approval"),
    "rule": N_("Rule"),
    "recipe": N_("Cleaning recipe"),
    "versions": N_("Versions"),
    "value": N_("Value"),
    "unit": N_("Unit"),
    "since": N_("Since"),
    "source": N_("Source"),
    "basis": N_("Basis"),
    "version": N_("Version"),
    "file": N_("File"),
    "rows": N_("Rows"),
    "valid_from": N_("Valid from"),
    "valid_to": N_("Valid to"),
}
"""Names of the keys of a finding's evidence."""

FLAGS = {
    1: N_("sent again"),
    2: N_("same time, another place"),
    4: N_("spike"),
    8: N_("terminal clock stood or jumped"),
    16: N_("drift while standing"),
    32: N_("out of order"),
    64: N_("late"),
    128: N_("poor accuracy"),
    256: N_("time without offset"),
    512: N_("another service day"),
    1024: N_("filled in by the provider"),
    2048: N_("the terminal reported a faulty receiver or antenna"),
}
"""Names of the bits of `trajectories.fleet.Flag`."""


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language; call it with a message id. A text that is missing appears as its message id."""

    lang: str
    messages: dict[str, str]

    def __call__(self, msgid: str) -> str:
        """Return the translation of a message id."""
        return self.messages.get(msgid, msgid)

    @property
    def html_lang(self) -> str:
        """The language tag of a page."""
        return HTML_LANG[self.lang]


@lru_cache(maxsize=len(LANGUAGES))
def words(lang: str) -> Words:
    """Return the texts of `zh` or `en`, from the compiled catalogue or else from its source.

    >>> words("zh")("Signal gap"), words("en")("Signal gap")
    ('信号中断', 'Signal gap')
    """
    if lang not in LANGUAGES:
        raise ValueError(f"no texts in {lang!r}; the maps speak {' and '.join(LANGUAGES)}")
    return Words(lang, _messages(CATALOGUES / LANGUAGES[lang] / "LC_MESSAGES" / "maps.po"))


def _messages(po: Path) -> dict[str, str]:
    from babel.messages.mofile import read_mo  # noqa: PLC0415 - babel is slow to import
    from babel.messages.pofile import read_po  # noqa: PLC0415

    mo = po.with_suffix(".mo")
    with (mo if mo.is_file() else po).open("rb") as file:
        catalogue = read_mo(file) if mo.is_file() else read_po(file)
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}
