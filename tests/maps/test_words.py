"""Every text that a person reads on a map exists in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from audit.finding import Severity
from maps import words as module
from maps.words import FLAGS, LANGUAGES, RULES, words
from trajectories.fleet import Flag

MAPS = Path(module.__file__).parent
KEYWORDS = {"_": None, "N_": None, "texts": None}
RULES_OF_THE_CONTRACT = {
    "off-zone-training",
    "off-route",
    "out-of-hours",
    "wrong-zone",
    "undeclared-training",
    "ghost-session",
    "signal-gap",
    "replayed-track",
    "plate-conflict",
    "safety-officer-instructing",
    "instructor-substitution",
    "over-hours",
    "feed-datum",
}
NOT_TRANSLATED = {"Leaflet"}


def said() -> set[str]:
    """Every message id in our Python and JavaScript."""
    found: set[str] = set()
    for method, files in (("python", MAPS.glob("*.py")), ("javascript", (MAPS / "static").glob("*.js"))):
        for file in files:
            found |= {str(message) for _, message, _, _ in extract_from_file(method, file, keywords=KEYWORDS)}
    return found


def catalogue(lang: str) -> Catalog:
    with (MAPS / "locale" / LANGUAGES[lang] / "LC_MESSAGES" / "maps.po").open("rb") as file:
        return read_po(file)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_text_is_in_the_catalogue_and_nothing_else_is(lang: str) -> None:
    messages = {str(m.id): m for m in catalogue(lang) if m.id}
    assert set(messages) == said()
    assert [m.id for m in messages.values() if not m.string or m.fuzzy] == []


def test_every_chinese_text_is_chinese() -> None:
    same = [text for text, translated in words("zh").messages.items() if not re.search("[\u4e00-\u9fff]", translated)]
    assert same == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_translation_asks_for_the_same_values(lang: str) -> None:
    fields = re.compile(r"\{\w+\}")
    for text, translated in words(lang).messages.items():
        assert sorted(fields.findall(text)) == sorted(fields.findall(translated)), text


def test_the_glossarys_word_for_a_finding_is_used_and_none_that_accuses() -> None:
    for text, translated in words("zh").messages.items():
        assert not re.search("violat|illegal|offen[cs]e", text, flags=re.IGNORECASE)
        assert not re.search("违法|违规|违章", translated)
    assert words("zh")("Findings to check") == "疑点(待核实)"


def test_every_rule_every_flag_and_every_severity_has_a_name() -> None:
    assert set(RULES) == RULES_OF_THE_CONTRACT
    assert set(FLAGS) == {flag.value for flag in Flag}
    assert {severity.value for severity in Severity} <= said()


def test_the_compiled_catalogue_says_the_same_as_its_source(tmp_path: Path) -> None:
    source = MAPS / "locale" / "zh_CN" / "LC_MESSAGES" / "maps.po"
    (tmp_path / "maps.po").write_bytes(source.read_bytes())
    from_source = module._messages(tmp_path / "maps.po")
    with (tmp_path / "maps.mo").open("wb") as file:
        write_mo(file, catalogue("zh"))
    (tmp_path / "maps.po").unlink()
    assert module._messages(tmp_path / "maps.po") == from_source


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="speak zh and en"):
        words("fr")


def test_no_text_is_written_into_the_scripts_untranslated() -> None:
    for file in (MAPS / "static").glob("*.js"):
        code = re.sub(r"/\*.*?\*/|//.*", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        code = re.sub(r'\b_\("(?:[^"\\]|\\.)*"', "", code)
        phrases = set(re.findall(r'"([A-Z][a-z]+(?: [a-z]+)*)"', code)) - NOT_TRANSLATED
        keys = {"ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp", "PageDown", "PageUp"}
        assert phrases - keys == set(), file.name
        assert not re.search("[\u4e00-\u9fff]", code), file.name
