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

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from feeds.faults import Fault, UnusableInput
from runs.addresses import refused_entries
from runs.settings_kinds import Group, listed
from runs.settings_server import MapSettings, ServerSettings

SETTINGS_VARIABLE = "TRAJAUDIT_SETTINGS"
PREFIX = "TRAJAUDIT_"


def _entries(value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what is no entry of an allow list, all at once."""
    wrong = refused_entries(value)
    if wrong:
        raise ValueError("; ".join(wrong))
    return value


Dates = Annotated[tuple[date, ...], NoDecode, BeforeValidator(listed)]
Allowed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_entries)]
Algorithm = Literal["RS256", "ES256", "EdDSA"]
"""Signatures by key pairs only: with a shared secret whoever can verify a token can also make one."""
Algorithms = Annotated[tuple[Algorithm, ...], NoDecode, BeforeValidator(listed), Field(min_length=1)]


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
    at: str = Field(
        "03:30",
        pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d$",
        description="When the scheduler erases, every day, nightly.timezone; empty: not by itself.",
    )
    signing_key_file: Path | None = Field(
        None, description="Ed25519 private key (PEM, mode 0600) that signs tombstones; not set: one in the store."
    )


class LoginSettings(Group):
    """Who logs in with a password, and for how long. Behind a proxy, server.trusted_proxies must name it."""

    idle_minutes: int = Field(30, ge=1, le=1440, description="A session that is not used ends after so long.")
    absolute_hours: int = Field(12, ge=1, le=168, description="Any session ends after so long.")
    lock_after: int = Field(5, ge=1, le=100, description="Failures under one name that lock it.")
    lock_address_after: int = Field(
        5, ge=1, le=60, description="Failures from one client's address that lock it; more where many share one."
    )
    lock_minutes: int = Field(1, ge=1, le=1440, description="For how long at first; each further failure doubles it.")
    lock_longest_minutes: int = Field(60, ge=1, le=1440, description="For how long at most.")
    sealing_key_file: Path | None = Field(
        None,
        description="32 bytes in hexadecimal (mode 0600) that seal second factors; not set: one in the store."
        " Not in backups.",
    )


class LimitSettings(Group):
    """How much one may ask for in a minute, of all workers together; 0: any number."""

    logins_account: int = Field(10, ge=0, description="Logins under one name.")
    logins_address: int = Field(30, ge=0, description="Logins from one client's address.")
    requests_account: int = Field(1200, ge=0, description="Requests of one account.")
    requests_address: int = Field(2400, ge=0, description="Requests from one client's address.")


class IdentitySettings(Group):
    """Tokens (JWT) of the platform's identity provider; taken once issuer, audience and jwks_file are set."""

    issuer: str | None = Field(None, min_length=1, description="Whose tokens are taken: `iss`.")
    audience: str | None = Field(None, min_length=1, description="For whom they must be made: `aud`.")
    jwks_file: Path | None = Field(
        None, description="The provider's public keys (RFC 7517), read again when the file changes; never fetched."
    )
    algorithms: Algorithms = Field(("RS256", "ES256", "EdDSA"), description="Signatures that are taken.")
    account_claim: str = Field("sub", min_length=1, description="The claim that names the account; roles are ours.")
    leeway_s: int = Field(30, ge=0, le=300, description="Seconds by which clocks may differ.")
    max_age_s: int = Field(3600, ge=60, le=86400, description="Seconds after `iat` for which a token is taken.")

    @model_validator(mode="after")
    def _all_or_none(self) -> IdentitySettings:
        told = [self.issuer, self.audience, self.jwks_file]
        if any(told) and not all(told):
            raise ValueError("issuer, audience and jwks_file belong together: expected all three, or none")
        return self


class OutboundSettings(Group):
    """What the program may connect to by itself: receivers of notices, messengers, providers of tracks and tiles."""

    enabled: bool = Field(False, description="Whether anything goes out at all.")
    allow: Allowed = Field(
        (),
        description="Where to: HOST (port 443), HOST:PORT, `*.HOST`, `*` (any name); addresses that are not public, or"
        " written as numbers, by ADDRESS:PORT or NETWORK/BITS besides.",
    )
    timeout_s: float = Field(10, gt=0, le=300, description="Seconds to wait for a connection, or a piece of an answer.")
    total_s: float = Field(30, gt=0, le=600, description="Seconds that an exchange may take as a whole.")
    max_answer_kb: int = Field(256, ge=1, le=65536, description="KB of an answer that are read.")
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust in place of the usual ones.")


class NoticeSettings(Group):
    """How notices reach their receivers. Webhooks are added by `trajaudit notices add-webhook`."""

    apprise: Path | None = Field(
        None,
        description="File of messengers and mail, mode 0600: NAME [zh or en] [alarms] = URL (apprise) in each line.",
    )
    lang: Literal["zh", "en"] = Field("zh", description="Language of messages where the line names none.")
    desk_url: str = Field("", pattern=r"^(https?://[^\s?#]*)?$", description="Address of the desk, for links.")
    attempts: int = Field(12, ge=1, le=100, description="Tries before a notice is given up.")
    first_wait_s: float = Field(5, gt=0, description="Seconds before the second try; they grow with each.")
    longest_wait_s: float = Field(21600, gt=0, description="Seconds before the last try.")
    lease_minutes: int = Field(5, ge=1, le=60, description="A sender that was killed holds others off for so long.")
    silent_hours: int = Field(24, ge=1, le=720, description="After so long without anything sent, that is told.")


class PushSettings(Group):
    """What is pushed to the server: passages and positions."""

    days: int = Field(
        7, ge=1, le=30, description="Service days back of which pushes are taken, and for which they wait for a night."
    )


class ViidSettings(Group):
    """Passages pushed by a video and image platform (GA/T 1400). Nothing is asked for there, and nothing goes out."""

    devices_file: Path | None = Field(
        None,
        description="Who may register: TOML, mode 0600, [devices.ID] with password or password_file, and where needed"
        " username, networks; not set: nobody.",
    )
    crosswalk_file: Path | None = Field(
        None,
        description="Whose key an identity number leads to: CSV, mode 0600, id_number or id_number_sha256, and"
        " person_id. Read into memory alone; not set: only keys of the staff list are known.",
    )
    server_id: str = Field("00000000005030000001", pattern=r"^[0-9]{20}$", description="Our own id, 20 digits.")
    max_body_mb: int = Field(16, ge=1, le=32, description="MB that one push may have.")
    at_once: int = Field(2, ge=1, le=32, description="Pushes that a worker decides on at once.")
    waiting: int = Field(16, ge=0, le=1000, description="Pushes that wait for that; more are told: busy.")
    undecided: int = Field(
        50_000, ge=0, description="Passages in a worker's memory that may be misread plates, until tracks decide."
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
    outbound: OutboundSettings = OutboundSettings()  # type: ignore[call-arg]
    notices: NoticeSettings = NoticeSettings()  # type: ignore[call-arg]
    login: LoginSettings = LoginSettings()  # type: ignore[call-arg]
    limits: LimitSettings = LimitSettings()  # type: ignore[call-arg]
    identity: IdentitySettings = IdentitySettings()  # type: ignore[call-arg]
    push: PushSettings = PushSettings()  # type: ignore[call-arg]
    viid: ViidSettings = ViidSettings()  # type: ignore[call-arg]
    server: ServerSettings = ServerSettings()  # type: ignore[call-arg]
    maps: MapSettings = MapSettings()  # type: ignore[call-arg]

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
    "outbound": ("ca_file",),
    "notices": ("apprise",),
    "login": ("sealing_key_file",),
    "identity": ("jwks_file",),
    "server": ("tls_cert_file", "tls_key_file"),
    "viid": ("devices_file", "crosswalk_file"),
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
