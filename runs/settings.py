"""What an office sets: one TOML file, each value also from the environment; secrets only from the environment or files.

The file is named by `--settings` or TRAJAUDIT_SETTINGS. A value of the environment wins: `TRAJAUDIT_STORE__FOLDER` is
`folder` in `[store]`.
"""

from __future__ import annotations

import os
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from feeds.faults import Fault, UnusableInput

SETTINGS_VARIABLE = "TRAJAUDIT_SETTINGS"
PREFIX = "TRAJAUDIT_"


class Group(BaseModel):
    """A table of the settings file. A key that is not known is refused: it may be a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _codes(value: Any) -> Any:
    """Take comma-joined text as a list: that is how a list is written in the environment."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Dates = Annotated[tuple[date, ...], NoDecode, BeforeValidator(_codes)]


class StoreSettings(Group):
    """Where everything is kept."""

    folder: Path = Field(Path("trajaudit-store"), description="Folder of the store; made with mode 0700.")
    database_url: SecretStr | None = Field(
        None,
        description="postgresql+psycopg://USER:PASSWORD@HOST/NAME, from the environment; not set: SQLite.",
    )
    database_url_file: Path | None = Field(None, description="File that holds the database's address, mode 0600.")
    buckets: int = Field(16, ge=1, le=4096, description="Parquet files a service day's telemetry is spread over.")


class NightlySettings(Group):
    """What runs every night."""

    bundles: Path | None = Field(
        None, description="Folder in which each service day's bundle lies under its date, such as 2026-03-18."
    )
    sources: Path | None = Field(None, description="TOML file that says where feeds are pulled from (trajaudit pull).")
    office: Path | None = Field(None, description="TOML file with the office's own dated rule values.")
    at: str = Field("05:30", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="When it starts, local (scheduler).")
    timezone: str = Field("Asia/Shanghai", description="Time zone of `at`, and of the last service day.")
    catch_up_days: int = Field(14, ge=1, le=366, description="How far back missed nights are caught up.")
    history_days: int = Field(3, ge=0, le=31, description="Earlier nights whose tracks are compared (replayed-track).")
    lease_minutes: int = Field(10, ge=1, le=1440, description="A run that was killed holds others off for so long.")
    database_wait_s: int = Field(
        300, ge=0, le=86400, description="Seconds for which a database that is away is awaited."
    )
    jobs: int = Field(1, ge=1, le=64, description="Threads of the audit.")


class CaseSettings(Group):
    """How findings are handled."""

    capacity: int = Field(40, ge=1, description="Cases that the office looks into a day.")
    repetition_days: int = Field(30, ge=1, description="How far back repeated matters count for the order.")
    pre_review: Path | None = Field(None, description="TOML file that lists what pre-review may close by itself.")
    holidays: Dates = Field((), description="Days on which the office does not work.")
    workdays: Dates = Field((), description="Days at weekends on which it does (调休).")
    deadline_days: dict[str, int] = Field(
        default_factory=dict, description="Working days by state, where they differ from the built-in ones."
    )
    spot_checks: int = Field(6, ge=0, description="Unsuspected vehicle-days drawn each night for a look.")
    spot_check_seed: SecretStr = Field(
        SecretStr("trajaudit"), description="Text that the draw is made from; keep it from those who are checked."
    )


class LogSettings(Group):
    """The access log."""

    heads: Path | None = Field(
        None, description="File on another medium to which the log's head digest is added after every run."
    )


class RetentionSettings(Group):
    """After how many days what is erased; 0: never. They count from the service day's end."""

    candidates_days: int = Field(30, ge=0, description="Faces and their candidates in passages.")
    passages_days: int = Field(90, ge=0, description="Passages in scope.")
    tracks_days: int = Field(365, ge=0, description="Track files and telemetry.")
    findings_days: int = Field(1095, ge=0, description="Findings, what was not assessed, and closed cases.")
    log_days: int = Field(1095, ge=0, description="The access log.")
    signing_key_file: Path | None = Field(
        None, description="Ed25519 private key (PEM, mode 0600) that signs tombstones; not set: one in the store."
    )


class Settings(BaseSettings):
    """Everything an office sets."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    store: StoreSettings = StoreSettings()  # type: ignore[call-arg]
    nightly: NightlySettings = NightlySettings()  # type: ignore[call-arg]
    cases: CaseSettings = CaseSettings()  # type: ignore[call-arg]
    log: LogSettings = LogSettings()  # type: ignore[call-arg]
    retention: RetentionSettings = RetentionSettings()  # type: ignore[call-arg]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        del settings_cls
        return env_settings, init_settings

    @model_validator(mode="after")
    def _one_address(self) -> Settings:
        if self.store.database_url is not None and self.store.database_url_file is not None:
            raise ValueError("store.database_url and store.database_url_file are both set: expected one of the two")
        return self

    def database_address(self) -> str | None:
        """Return the database's address with its password; None for SQLite in the store's folder."""
        if self.store.database_url is not None:
            return self.store.database_url.get_secret_value()
        if self.store.database_url_file is not None:
            return _secret_file(self.store.database_url_file)
        return None


def read_settings(path: Path | None = None) -> Settings:
    """Read the settings; raises `UnusableInput` with every fault of the file and the environment.

    `path` None: the file that TRAJAUDIT_SETTINGS names, or else defaults alone. Paths in the file count from its place.
    """
    named = path or (Path(os.environ[SETTINGS_VARIABLE]) if os.environ.get(SETTINGS_VARIABLE) else None)
    told: dict[str, Any] = {} if named is None else _from_file(named)
    try:
        return Settings(**told)
    except SettingsError as error:
        raise UnusableInput([Fault("settings", str(error), hint="Lists in the environment are JSON.")]) from None
    except ValidationError as error:
        raise UnusableInput([_fault(named, e) for e in error.errors(include_url=False, include_input=False)]) from None


_PATHS = {
    "store": ("folder", "database_url_file"),
    "nightly": ("bundles", "sources", "office"),
    "cases": ("pre_review",),
    "log": ("heads",),
    "retention": ("signing_key_file",),
}


def _from_file(path: Path) -> dict[str, Any]:
    try:
        told = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        hint = "It must be TOML in UTF-8."
        raise UnusableInput([Fault(str(path), f"cannot be read: {error}", hint=hint)]) from error
    for group, names in _PATHS.items():
        held = told.get(group)
        if not isinstance(held, dict):
            continue
        for name in (n for n in names if isinstance(held.get(n), str)):
            held[name] = str(path.parent / held[name])
    return told


def _fault(path: Path | None, error: Any) -> Fault:
    field = ".".join(str(part) for part in error["loc"]) or None
    return Fault("settings" if path is None else str(path), str(error["msg"]), field=field)


def _secret_file(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            hint = "chmod 600 it: it may hold a password."
            raise UnusableInput([Fault(str(path), "others may read this file", expected="mode 0600", hint=hint)])
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise UnusableInput([Fault(str(path), f"cannot be read: {error.strerror}")]) from error


Kind = Literal["candidates", "passages", "tracks", "findings", "log"]
"""Kinds of data with a period of their own."""
