"""What an office sets about the server and its maps."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from runs.settings_kinds import Group, Names, Networks

_TILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_TILE_URL = re.compile(r"https?://[^\s{}]+/[^\s]*")
_PLACES = ("{z}", "{x}", "{y}")


class ServerSettings(Group):
    """`trajaudit serve`. Who may read /metrics is told by the address that the connection comes from."""

    tls_cert_file: Path | None = Field(
        None, description="PEM file of the certificate with its chain; with tls_key_file."
    )
    tls_key_file: Path | None = Field(None, description="PEM file of its private key, mode 0600.")
    trusted_proxies: Networks = Field(
        (), description="Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; none by default."
    )
    hosts: Names = Field(
        (), description="Names that the server goes by; what is asked of another one is refused. Empty: any."
    )
    metrics_allow: Networks = Field(
        ("127.0.0.1", "::1"), description="From where /metrics is answered; never through a proxy."
    )
    concurrency: int = Field(200, ge=1, le=10000, description="Connections of a worker at once; more are told 503.")
    header_timeout_s: float = Field(15, gt=0, le=300, description="Seconds for a request's head to come in.")
    body_timeout_s: float = Field(30, gt=0, le=600, description="Seconds without a byte of a request's body.")
    keep_alive_s: int = Field(15, ge=1, le=600, description="Seconds for which an unused connection stays open.")
    stop_s: int = Field(30, ge=1, le=600, description="Seconds that requests under way have when the server stops.")
    least_free_mb: int = Field(512, ge=0, description="MB of the store's disk below which the server is not ready.")

    @model_validator(mode="after")
    def _both_or_none(self) -> ServerSettings:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file belong together: expected both, or none")
        return self


class MapSettings(Group):
    """Maps over HTTP. Pages are made when they are asked for, and are in the memory of each worker only."""

    tiles: dict[str, str] = Field(
        default_factory=dict,
        description="Backgrounds by name, WGS-84 only: address with {z}, {x}, {y}; the server fetches it (outbound).",
    )
    tile_kb: int = Field(512, ge=1, le=4096, description="KB of a tile at most.")
    nights: int = Field(2, ge=1, le=50, description="Nights held open at once by a worker.")
    pages_mb: int = Field(64, ge=1, le=4096, description="MB of finished pages that a worker keeps.")
    wait_s: float = Field(10, gt=0, le=120, description="Seconds to wait for a night before `it is being prepared`.")

    @field_validator("tiles")
    @classmethod
    def _addresses(cls, told: dict[str, str]) -> dict[str, str]:
        for name, url in told.items():
            if not _TILE_NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot name tiles: expected a-z, 0-9 and -, up to 32")
            if not _TILE_URL.fullmatch(url) or any(url.count(place) != 1 for place in _PLACES):
                raise ValueError(f"tiles {name}: expected http(s)://HOST/... with {{z}}, {{x}} and {{y}} once each")
        return told
