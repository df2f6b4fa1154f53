"""What groups of settings are made of."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode

_NAME = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:.]+\]"
)


class Group(BaseModel):
    """A table of the settings file. A key that is not known is refused: it may be a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def listed(value: Any) -> Any:
    """Take comma-joined text as a list: that is how a list is written in the environment."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what is no address and no network."""
    for text in value:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is no address or network: {error}") from None
    return value


Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_networks)]
"""Addresses and networks, such as 127.0.0.1 and 10.0.0.0/8."""


def _names(value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what no Host header can name."""
    for text in value:
        if not _NAME.fullmatch(text):
            raise ValueError(f"{text!r} is no name of a host: expected one such as audit.example.cn, without a port")
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_names)]
"""Names of hosts, or addresses as a URL has them."""
