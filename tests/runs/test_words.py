"""Every text that a person reads on the command line exists in both languages."""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from runs import words as module
from runs.progress import STAGES
from runs.words import LANGUAGES, say

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "runs"


@cache
def catalogues() -> ModuleType:
    spec = importlib.util.spec_from_file_location("catalogues", ROOT / "scripts" / "catalogues.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # its dataclass looks itself up there
    spec.loader.exec_module(script)
    return script


def calls() -> list[tuple[str, ast.expr]]:
    """Each use of `say` or `N_` in our own code, with what is said."""
    return [
        (f"{file.name}:{node.lineno}", node.args[0])
        for file in RUNS.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"say", "N_"}
    ]


def said() -> set[str]:
    return {said.value for _, said in calls() if isinstance(said, ast.Constant)}


def catalogue(lang: str) -> Catalog:
    with (RUNS / "locale" / LANGUAGES[lang] / "LC_MESSAGES" / "trajaudit.po").open("rb") as file:
        return read_po(file)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_text_that_is_said_is_in_the_catalogue_and_nothing_else_is(lang: str) -> None:
    messages = {str(m.id): m for m in catalogue(lang) if m.id}
    assert set(messages) == said()
    assert [m.id for m in messages.values() if not m.string or m.fuzzy] == []


def test_every_chinese_text_is_chinese() -> None:
    texts = {str(m.id): str(m.string) for m in catalogue("zh") if m.id}
    assert [text for text, translated in texts.items() if not re.search("[\u4e00-\u9fff]", translated)] == []


def test_the_collector_of_texts_finds_every_text_that_is_said() -> None:
    runs = next(domain for domain in catalogues().DOMAINS if domain.folder == "runs")
    assert runs.said() == said()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("folder", ["runs", "maps"])
def test_collecting_texts_again_changes_no_catalogue(folder: str, lang: str) -> None:
    domain = next(domain for domain in catalogues().DOMAINS if domain.folder == folder)
    file = domain.catalogue(LANGUAGES[lang])
    text = file.read_text(encoding="utf-8")
    head, _, body = text.partition("\n\n")
    old = read_po(io.StringIO(text))
    new = catalogues().updated(head, old, domain.said(), lang == "en").decode("utf-8")
    assert {m.id: m.string for m in read_po(io.StringIO(new)) if m.id} == {m.id: m.string for m in old if m.id}
    assert body


def test_collecting_keeps_translations_adds_what_is_new_and_drops_what_is_gone() -> None:
    old = read_po(io.StringIO('msgid "kept"\nmsgstr "留"\n\nmsgid "gone"\nmsgstr "去"\n'))
    chinese = read_po(io.BytesIO(catalogues().updated("# Head.", old, {"kept", "new"}, english=False)))
    english = read_po(io.BytesIO(catalogues().updated("# Head.", old, {"kept", "new"}, english=True)))
    assert {m.id: m.string for m in chinese if m.id} == {"kept": "留", "new": ""}
    assert {m.id: m.string for m in english if m.id} == {"kept": "留", "new": "new"}


def test_what_is_said_through_a_variable_is_marked_where_it_is_written() -> None:
    marked = {text for pair in STAGES.values() for text in pair}
    assert marked <= said()
    variables = {ast.unparse(what) for _, what in calls() if not isinstance(what, ast.Constant)}
    # words: STAGES; title: HEADINGS; name: ZONE_KEYS; found.group(): FRAME; why: ends of connections; the others stand
    # in tables of their own
    tables = {"ROLES[s.role]", "FIELDS[group]", "STATUSES[m.status]", "STATUSES[s]"}
    tables |= {"WHAT[t.code]", "WHAT_TO_DO[t.code]", "STATES[night.state]", "WHY[reason]", "TROUBLE[where]"}
    tables |= {"FLAWS[flaw.code]", "KINDS[share.kind]", "KINDS[kind]", "KEPT[why]", "MEANINGS[t.code]"}
    assert variables == {"words", "title", "name", "found.group()", "why"} | tables


def test_every_stage_that_a_run_tells_of_has_a_name() -> None:
    told = {
        node.args[0].value
        for file in RUNS.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "stage"
        and isinstance(node.args[0], ast.Constant)
    }
    assert told == set(STAGES)


def test_a_translation_asks_for_the_same_values() -> None:
    fields = re.compile(r"\{\w+\}")
    for message in catalogue("zh"):
        assert sorted(fields.findall(str(message.id))) == sorted(fields.findall(str(message.string))), message.id


def test_the_glossarys_words_are_used_and_none_that_accuses() -> None:
    glossary = {
        "Findings to check": "疑点(待核实)",
        "Not assessable": "无法判定",
        "instructor": "教练员",
        "exam safety officer": "考试安全员",
        "trainee": "学员",
    }
    assert {text: say(text, "zh") for text in glossary} == glossary
    for message in catalogue("zh"):
        assert not re.search("违法|违规|违章", str(message.string))
        assert not re.search("violat|illegal|offen[cs]e", str(message.id), flags=re.IGNORECASE)


def test_the_compiled_catalogue_says_the_same_as_its_source(tmp_path: Path) -> None:
    compiled = tmp_path / "trajaudit.mo"
    with compiled.open("wb") as file:
        write_mo(file, catalogue("zh"))
    source = RUNS / "locale" / "zh_CN" / "LC_MESSAGES" / "trajaudit.po"
    with compiled.open("rb") as file:
        translations = module.gettext.GNUTranslations(file)
    from_source = module._from_source(source)
    assert {text: translations.gettext(text) for text in said()} == {text: from_source.gettext(text) for text in said()}
