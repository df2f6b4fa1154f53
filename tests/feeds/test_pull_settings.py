"""The file that says where live tracks come from: what it may say, what is told of its faults, and its secrets."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path

import pytest

from feeds.bundle_config import BundleConfig
from feeds.faults import UnusableInput
from feeds.pull_settings import SETTINGS, Secret, Source, read_sources
from feeds.track_reader import FeedConfig
from geo.datum import Datum

KEY = "0f1e2d3c4b5a6978"
FEEDS = (
    FeedConfig("gaode", "amap", Datum.GCJ02),
    FeedConfig("yingyan", "baidu", Datum.BD09),
    FeedConfig("tracks", "csv", Datum.WGS84),
)
GOOD = f'service_id = 7\nkey_env = "LIVE_KEY"  # {KEY} is there\n'


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_KEY", KEY)


def read(folder: Path, text: str, feeds: tuple[FeedConfig, ...] = FEEDS) -> tuple[Source, ...]:
    path = folder / "sources.toml"
    path.write_text(text, encoding="utf-8")
    empty = BundleConfig.empty()
    return read_sources(path, BundleConfig(1, "city", empty.local, empty.datum, feeds))


def faults(folder: Path, text: str, feeds: tuple[FeedConfig, ...] = FEEDS) -> list[str]:
    with pytest.raises(UnusableInput) as error:
        read(folder, text, feeds)
    assert KEY not in str(error.value)
    return [str(fault) for fault in error.value.faults]


def test_what_is_not_said_has_the_providers_defaults(tmp_path: Path) -> None:
    amap, baidu = read(tmp_path, f"[feeds.gaode]\n{GOOD}[feeds.yingyan]\n{GOOD}")
    assert (amap["base_url"], amap["window_hours"], amap["page_size"]) == ("https://tsapi.amap.com/v1/track", 24, 999)
    assert (baidu["base_url"], baidu["window_hours"], baidu["page_size"]) == (
        "https://yingyan.baidu.com/api/v3", 4, 5000,
    )  # fmt: skip
    assert amap.count_file == tmp_path / "sources.gaode.count"
    assert amap.key.reveal() == KEY


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('base_url = "ftp://x/"', "base_url: is not what it should be, expected an http or https address"),
        ('base_url = "https://me:word@x/"', "base_url: is not what it should be"),
        ('base_url = "https://x/?key=1"', "base_url: is not what it should be"),
        ('base_url = "https://x:99999/"', "base_url: is not what it should be"),
        ("page_size = 1000", 'page_size: is more than the provider gives; found "1000", expected 999 at most'),
        ("window_hours = 25", "window_hours: is not what it should be, expected 1 to 24"),
        ("queries_per_second = 0", "queries_per_second: is not what it should be, expected a number above 0"),
        ("timeout_s = inf", "timeout_s: is not what it should be"),
        ("attempts = true", "attempts: is not what it should be, expected a whole number, 1 or more"),
        ("paeg_size = 9", 'Did you mean "page_size"?'),
        (f'key = "{KEY}"', "A key is never written here: name key_env or key_file."),
        (f'key_file = "{KEY}"', "key_env: and key_file are both there, expected one of the two"),
        ('ca_file = "none.pem"', 'ca_file: cannot be read; found "none.pem", expected certificates in PEM'),
        ('secret_env = "LIVE_KEY"', "secret_env: is not for Amap"),
        ('terminal_key = "plate"', 'terminal_key: is not what it should be, expected "tid" or "name"'),
    ],
)
def test_a_fault_names_the_setting_and_what_was_expected(tmp_path: Path, line: str, told: str) -> None:
    (fault,) = faults(tmp_path, f"[feeds.gaode]\n{GOOD}{line}\n")
    assert fault.startswith("sources.toml, field feeds.gaode.")
    assert told in fault


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    told = faults(tmp_path, "[feeds.gaode]\nattempts = 0\n[feeds.gaoed]\n[feeds.tracks]\n[other]\n")
    assert [re.sub(r"[;,:.] .*", "", fault.removeprefix("sources.toml, field ")) for fault in told] == [
        "other", "feeds.gaode.attempts", "feeds.gaode.service_id", "feeds.gaode.key_env", "feeds.gaoed", "feeds.tracks",
    ]  # fmt: skip
    assert 'Did you mean "gaode"?' in told[4]


@pytest.mark.parametrize("text", ["", "feeds = 7", "[feeds]", "feeds = {gaode = 1}", "not TOML", f"[[[{KEY}"])
def test_a_file_without_feeds_is_refused(tmp_path: Path, text: str) -> None:
    assert len(faults(tmp_path, text)) == 1


def test_baidu_gives_no_wgs84(tmp_path: Path) -> None:
    feeds = (FeedConfig("yingyan", "baidu", Datum.WGS84),)
    (fault,) = faults(tmp_path, f"[feeds.yingyan]\n{GOOD}", feeds)
    assert 'found "wgs84", expected gcj02 or bd09' in fault


@pytest.mark.parametrize(
    ("mode", "content", "told"),
    [
        (0o640, KEY, "may be read by others (mode 0640), expected mode 0600. chmod 600 the.key"),
        (0o604, KEY, "may be read by others"),
        (0o600, "", "leads to no key"),
        (0o600, f"{KEY}\n{KEY}", "leads to no key"),
        (0o600, "short", "leads to no key, expected one line of 8 characters or more without blanks"),
    ],
)
def test_a_key_file_is_read_only_where_nobody_else_may(tmp_path: Path, mode: int, content: str, told: str) -> None:
    (tmp_path / "the.key").write_text(content, encoding="utf-8")
    (tmp_path / "the.key").chmod(mode)
    (fault,) = faults(tmp_path, '[feeds.gaode]\nservice_id = 7\nkey_file = "the.key"\n')
    assert told in fault


def test_a_key_written_where_its_place_belongs_is_not_repeated(tmp_path: Path) -> None:
    for name in ("key_env", "key_file"):
        (fault,) = faults(tmp_path, f'[feeds.gaode]\nservice_id = 7\n{name} = "{KEY}"\n')
        assert f"feeds.gaode.{name}" in fault


def test_a_secret_shows_itself_nowhere(tmp_path: Path) -> None:
    (source,) = read(tmp_path, f"[feeds.gaode]\n{GOOD}")
    assert KEY not in f"{source} {source!r} {source.key} {source.key!r} {[source.key]}"
    for spread in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            spread(source.key)


def test_a_secret_is_found_as_it_is_and_as_addresses_write_it() -> None:
    secret = Secret("a/b+c=d1")
    assert all(secret.is_in(data) for data in (b"x a/b+c=d1 x", b"key=a/b%2Bc%3Dd1", b"key=a%2Fb%2Bc%3Dd1&"))
    assert not secret.is_in(b"a/b c=d1")


def test_every_setting_is_documented_in_the_recipe_and_nothing_else_is(root: Path) -> None:
    recipe = (root / "docs" / "recipes" / "pull-from-a-provider.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", recipe, flags=re.MULTILINE))
    assert rows == {setting.name: setting.purpose for setting in SETTINGS}


def test_every_default_in_the_recipe_is_the_default(root: Path) -> None:
    recipe = (root / "docs" / "recipes" / "pull-from-a-provider.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| .+? \| (.*?) \|$", recipe, flags=re.MULTILINE))
    expected = {s.name: "" if s.default is None else f"`{s.default}`" for s in SETTINGS}
    assert told == expected
