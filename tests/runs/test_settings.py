"""What an office sets: read from a file and the environment, all faults told, secrets shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.faults import UnusableInput
from runs.settings import SETTINGS_VARIABLE, read_settings
from runs.settings_text import lines, markdown
from tests.runs.conftest import trajaudit


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in lines():
        monkeypatch.delenv(line.variable, raising=False)
    monkeypatch.delenv(SETTINGS_VARIABLE, raising=False)


def written(folder: Path, text: str) -> Path:
    path = folder / "trajaudit.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_the_defaults_hold() -> None:
    settings = read_settings()
    assert settings.store.folder == Path("trajaudit-store")
    assert settings.database_address() is None
    assert settings.nightly.catch_up_days == 14


def test_paths_count_from_the_files_own_place(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, '[store]\nfolder = "kept"\n[nightly]\nbundles = "/nights"\n'))
    assert settings.store.folder == tmp_path / "kept"
    assert settings.nightly.bundles == Path("/nights")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "[cases]\ncapacity = 5\nspot_checks = 9\nholidays = [2026-01-01]\n")
    monkeypatch.setenv("TRAJAUDIT_CASES__CAPACITY", "7")
    monkeypatch.setenv("TRAJAUDIT_CASES__HOLIDAYS", "2026-10-01, 2026-10-02")
    told = read_settings(path).cases
    assert (told.capacity, told.spot_checks) == (7, 9)
    assert [d.isoformat() for d in told.holidays] == ["2026-10-01", "2026-10-02"]


def test_the_file_is_named_by_the_environment_where_no_option_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTINGS_VARIABLE, str(written(tmp_path, "[store]\nbuckets = 3\n")))
    assert read_settings().store.buckets == 3


def test_all_faults_are_told_at_once_and_name_file_and_value(tmp_path: Path) -> None:
    path = written(tmp_path, '[store]\nbukets = 3\n[nightly]\nat = "5:30"\njobs = 0\n[casework]\n')
    with pytest.raises(UnusableInput) as refused:
        read_settings(path)
    told = "\n".join(str(fault) for fault in refused.value.faults)
    for part in ("store.bukets", "nightly.at", "nightly.jobs", "casework", str(path)):
        assert part in told


def test_a_password_is_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJAUDIT_STORE__DATABASE_URL", "postgresql+psycopg://me:hush@db/audit")
    settings = read_settings()
    assert "hush" not in repr(settings) + str(settings)
    assert settings.database_address() == "postgresql+psycopg://me:hush@db/audit"
    shown = trajaudit("settings", env={"TRAJAUDIT_STORE__DATABASE_URL": "postgresql+psycopg://me:hush@db/audit"})
    assert "hush" not in shown.out + shown.err
    assert "***" in shown.out


def test_a_database_address_may_be_in_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    secret = tmp_path / "address"
    secret.write_text("postgresql+psycopg://me:hush@db/audit\n", "utf-8")
    secret.chmod(0o644)
    path = written(tmp_path, '[store]\ndatabase_url_file = "address"\n')
    with pytest.raises(UnusableInput, match="others may read this file"):
        read_settings(path).database_address()
    secret.chmod(0o600)
    assert read_settings(path).database_address() == "postgresql+psycopg://me:hush@db/audit"


def test_two_addresses_are_one_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJAUDIT_STORE__DATABASE_URL", "postgresql+psycopg://me@db/audit")
    with pytest.raises(UnusableInput, match="expected one of the two"):
        read_settings(written(tmp_path, '[store]\ndatabase_url_file = "address"\n'))


def test_the_page_of_settings_is_what_the_program_says(root: Path) -> None:
    assert (root / "docs" / "SETTINGS.md").read_text("utf-8") == markdown(), "make docs"


@pytest.mark.parametrize("line", list(lines()), ids=lambda line: f"{line.group}.{line.name}")
def test_every_setting_says_what_it_is_for(line) -> None:  # type: ignore[no-untyped-def]
    assert line.field.description
    assert line.field.description.endswith(".")
    assert f"`{line.variable}`" in markdown()
