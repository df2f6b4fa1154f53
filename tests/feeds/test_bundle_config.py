"""bundle.toml: every fault of it at once, each with its key, what was found and what was probably meant."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from feeds.bundle import read_bundle, survey_bundle
from feeds.bundle_config import Mandate, Matcher
from feeds.ledger import Ledger
from feeds.track_reader import FeedConfig
from geo.datum import Datum
from tests.feeds.bundle_maker import CONFIG, make_bundle

MANDATE = """
[mandate]
document = "示公交〔2026〕8号"
authority = "交警支队"
scope = ["face-track-join"]
from = 2026-01-01
to = "2026-12-31"

[matcher]
name = "m1"
version = "4.2"
threshold = 0.55
top_k = 3
score_range = [0, 1.0]
"""


def faults_of(folder: Path, config: str | None) -> list[tuple[str | None, str | None, str | None]]:
    faults = survey_bundle(make_bundle(folder, {"bundle.toml": config}), Ledger()).faults
    assert all(fault.file in {"bundle.toml", "tracks/terminals", "tracks/amap", "vehicles.csv"} for fault in faults)
    return [(fault.field, fault.found, fault.hint) for fault in faults]


def test_a_whole_configuration_is_read(tmp_path: Path) -> None:
    config = read_bundle(
        make_bundle(tmp_path, {"bundle.toml": CONFIG.replace('"wgs84"', '"bd09ll"', 1) + MANDATE}), Ledger()
    ).config
    assert (config.schema, config.name, config.local.name, config.datum) == (1, "测试市", "Asia/Shanghai", Datum.BD09)
    assert config.feeds == (FeedConfig("terminal", "csv", Datum.WGS84),)
    scope = frozenset({"face-track-join"})
    assert config.mandate == Mandate("示公交〔2026〕8号", "交警支队", scope, date(2026, 1, 1), date(2026, 12, 31))
    assert config.matcher == Matcher("m1", "4.2", 0.55, 3, (0.0, 1.0))


def test_a_mandate_allows_its_scope_on_its_first_and_last_day_only() -> None:
    mandate = Mandate("d", "a", frozenset({"face-track-join"}), date(2026, 1, 1), date(2026, 12, 31))
    days = (date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1))
    assert [mandate.allows("face-track-join", day) for day in days] == [False, True, True, False]
    assert not mandate.allows("other", days[1])


@pytest.mark.parametrize(
    ("old", "new", "field", "found", "hint"),
    [
        ("schema = 1", "schema = 2", "schema", "2", "Bundles of another schema need another release"),
        ("schema = 1", "schema = true", "schema", "True", "Bundles of another schema need another release"),
        ("schema = 1\n", "", "schema", None, None),
        ('name = "测试市"', "name = 7", "name", "7", "Write it in quotes"),
        ("timezone", "time_zone", "timezone", None, 'Did you mean this by "time_zone"?'),
        ("Asia/Shanghai", "Asia/Beijing", "timezone", "Asia/Beijing", 'Did you mean "Asia/Shanghai"?'),
        ("Asia/Shanghai", "../../etc/passwd", "timezone", "../../etc/passwd", None),
        ("Asia/Shanghai", "Asia", "timezone", "Asia", None),
        ('datum = "wgs84"\n\n', 'datum = "gjc02"\n\n', "datum", "gjc02", 'Did you mean "gcj02"?'),
        ('"csv"', '"cvs"', "feeds.terminal.format", "cvs", 'Did you mean "csv"?'),
        ('"csv"', '"excel"', "feeds.terminal.format", "excel", None),
        ("[feeds.terminal]", "[feeds.terminals]", None, None, 'Did you mean "terminal"?'),
        (
            "[feeds.terminal]",
            '[feeds."../terminal"]',
            "feeds",
            "../terminal",
            "A feed is named like its folder under tracks/, without a slash",
        ),
        (
            '\n[feeds.terminal]\nformat = "csv"\ndatum = "wgs84"\n',
            "",
            "feeds",
            None,
            "Write one [feeds.NAME] for each folder under tracks/",
        ),
        ("from = 2026-01-01", "from = 2027-01-01", "mandate.to", "2026-12-31", None),
        ("from = 2026-01-01", 'from = "soon"', "mandate.from", "soon", None),
        ('["face-track-join"]', '"face-track-join"', "mandate.scope", "face-track-join", None),
        (
            '["face-track-join"]',
            '["face_track_join"]',
            "mandate.scope",
            "['face_track_join']",
            'Did you mean "face-track-join"?',
        ),
        ("document = ", "dokument = ", "mandate.document", None, 'Did you mean this by "dokument"?'),
        ('version = "4.2"', "version = 4.2", "matcher.version", "4.2", "Write it in quotes"),
        ("threshold = 0.55", "threshold = 55", "matcher.threshold", "55", None),
        ("threshold = 0.55", "threshold = nan", "matcher.threshold", "nan", None),
        ("top_k = 3", "top_k = 0", "matcher.top_k", "0", None),
        ("[0, 1.0]", "[1, 0]", "matcher.score_range", "[1, 0]", None),
    ],
)
def test_each_fault_names_its_key_what_was_found_and_what_was_meant(
    tmp_path: Path, old: str, new: str, field: str | None, found: str | None, hint: str | None
) -> None:
    text = CONFIG + MANDATE
    assert old in text
    first = faults_of(tmp_path, text.replace(old, new, 1))[0]
    assert first == (field, found, hint)


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    text = 'schema = 3\nname = ""\ntimezone = "Mars"\ndatum = "x"\n[feeds.amap]\nformat = "y"\n[mandate]\n[matcher]\n'
    fields = [field for field, _, _ in faults_of(tmp_path, text)]
    assert fields[:4] == ["schema", "name", "timezone", "datum"]
    assert {"feeds.amap.format", "feeds.amap.datum", "mandate.document", "mandate.to", "matcher.top_k"} <= set(fields)
    assert None in fields  # the folder tracks/amap


@pytest.mark.parametrize("text", ["schema = ", "schema = 1\nschema = 1", "\x00", "[feeds]\n[feeds]"])
def test_text_that_is_no_toml_is_one_fault(tmp_path: Path, text: str) -> None:
    assert len(faults_of(tmp_path, text)) == 1


def test_a_missing_file_is_one_fault_and_not_one_for_each_key(tmp_path: Path) -> None:
    assert len(faults_of(tmp_path, None)) == 1


@pytest.mark.parametrize(
    "text", ["feeds = 3", "[[feeds]]\na = 1", "[feeds]\nterminal = 1", "mandate = 2", "matcher = []"]
)
def test_a_value_where_a_table_belongs_is_a_fault(tmp_path: Path, text: str) -> None:
    assert any(hint is None and field for field, _, hint in faults_of(tmp_path, 'name = "x"\n' + text))


def test_keys_nobody_knows_and_folders_nobody_names_are_noted(tmp_path: Path) -> None:
    make_bundle(tmp_path, {"bundle.toml": 'remark = "自用"\n' + CONFIG, "tracks/old/a.csv": ""})
    ledger = Ledger()
    read_bundle(tmp_path, ledger)
    assert list(ledger.warnings) == [
        "tracks/old: is not read, because bundle.toml has no [feeds.old]",
        "bundle.toml: key remark is not read",
    ]
